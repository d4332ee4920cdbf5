//! A module in two: what is needed at once, and what can be fetched later.
//!
//! Functions whose export starts with [`LATER`] are the doors. What only they reach is the second part. It imports the
//! memory, tables and globals of the first and the functions that it calls there, and puts the doors into the first
//! one's table: until it has, a call through them traps. Static data stays with the first part, whose linker's notes are
//! gone; so does what stands in a table, because anything may call it.

use crate::Result;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Encode, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, Module, RawSection, SectionId,
    TableSection,
};
use wasmparser::{
    ElementItems, Export, ExternalKind, FuncType, FunctionBody, GlobalType, MemoryType, Operator,
    Parser, Payload, TableInit, TableType, TypeRef, ValType,
};

/// How the names of the exports start that are doors to the second part.
pub const LATER: &str = "later:";

/// The name by which the second part imports from the first.
pub const FIRST: &str = "first";

/// What [`split`] makes.
#[derive(Debug)]
pub struct Parts {
    /// The module, with traps in the place of what is in the other part, and exports for it
    pub first: Vec<u8>,
    /// The functions that only doors reach
    pub later: Vec<u8>,
}

/// Both parts of a finished module. A second part fits only the first part that it was made with: others don't link.
///
/// # Errors
/// The module has no doors, is malformed, or imports a memory, table or global.
pub fn split(module: &[u8]) -> Result<Parts> {
    let core = Core::parse(module)?;
    let doors: Vec<u32> = core.doors().map(|export| export.index).collect();
    if doors.is_empty() {
        return Err(format!("no export starts with `{LATER}`").into());
    }
    let is_door = |function: &u32| doors.contains(function);
    let at_once = core.reached(core.roots().filter(|root| !is_door(root)), &doors);
    let behind_doors = core.reached(doors.iter().copied(), &[]);
    let moved = behind_doors.difference(&at_once).copied();
    let moved: BTreeSet<u32> = moved.filter(|own| *own >= core.n_imports).collect();
    let called: BTreeSet<u32> = moved
        .iter()
        .flat_map(|function| core.calls_of(*function))
        .copied()
        .filter(|callee| !moved.contains(callee))
        .collect();
    let digest: String = Sha256::digest(module)[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Parts {
        first: core.first(module, &doors, &moved, &called, &digest)?,
        later: core.later(module, &doors, &moved, &called, &digest)?,
    })
}

/// What the parts are made from.
#[derive(Default)]
struct Core<'a> {
    types: Vec<FuncType>,
    n_imports: u32,
    /// Of all functions, those that are imported first
    function_types: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    exports: Vec<Export<'a>>,
    start: Option<u32>,
    /// Functions that can be called without being named
    in_tables: Vec<u32>,
    bodies: Vec<FunctionBody<'a>>,
    /// The functions that each body calls
    calls: Vec<BTreeSet<u32>>,
}

impl<'a> Core<'a> {
    fn parse(module: &'a [u8]) -> Result<Self> {
        let mut core = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        core.types.push(ty?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let TypeRef::Func(ty) = import.ty else {
                            let name = import.name;
                            return Err(format!("`{name}` is imported and no function").into());
                        };
                        core.function_types.push(ty);
                        core.n_imports += 1;
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        core.function_types.push(ty?);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        let table = table?;
                        if !matches!(table.init, TableInit::RefNull) {
                            return Err("a table with an initial value".into());
                        }
                        core.tables.push(table.ty);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        core.memories.push(memory?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        core.globals.push(global?.ty);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        core.exports.push(export?);
                    }
                }
                Payload::StartSection { func, .. } => core.start = Some(func),
                Payload::ElementSection(section) => {
                    for element in section {
                        match element?.items {
                            ElementItems::Functions(functions) => {
                                for function in functions {
                                    core.in_tables.push(function?);
                                }
                            }
                            ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    for operator in expression?.get_operators_reader() {
                                        if let Operator::RefFunc { function_index } = operator? {
                                            core.in_tables.push(function_index);
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut calls = BTreeSet::new();
                    for operator in body.get_operators_reader()? {
                        match operator? {
                            Operator::Call { function_index } => {
                                calls.insert(function_index);
                            }
                            operator @ (Operator::RefFunc { .. }
                            | Operator::ReturnCall { .. }
                            | Operator::MemoryInit { .. }
                            | Operator::DataDrop { .. }) => {
                                return Err(format!("code with {operator:?}").into());
                            }
                            _ => {}
                        }
                    }
                    core.calls.push(calls);
                    core.bodies.push(body);
                }
                _ => {}
            }
        }
        Ok(core)
    }

    fn doors(&self) -> impl Iterator<Item = &Export<'a>> {
        self.exports.iter().filter(|export| {
            matches!(export.kind, ExternalKind::Func) && export.name.starts_with(LATER)
        })
    }

    /// What may be called from outside, or through a table.
    fn roots(&self) -> impl Iterator<Item = u32> {
        let exported = self
            .exports
            .iter()
            .filter(|export| matches!(export.kind, ExternalKind::Func));
        let exported = exported.map(|export| export.index);
        exported
            .chain(self.start)
            .chain(self.in_tables.iter().copied())
    }

    fn calls_of(&self, function: u32) -> &BTreeSet<u32> {
        static NONE: BTreeSet<u32> = BTreeSet::new();
        match function.checked_sub(self.n_imports) {
            Some(own) => &self.calls[own as usize],
            None => &NONE,
        }
    }

    /// The functions that calls lead to, without going through `closed` ones.
    fn reached(&self, roots: impl Iterator<Item = u32>, closed: &[u32]) -> BTreeSet<u32> {
        let mut open: Vec<u32> = roots.collect();
        let mut reached = BTreeSet::new();
        while let Some(function) = open.pop() {
            if !closed.contains(&function) && reached.insert(function) {
                open.extend(self.calls_of(function));
            }
        }
        reached
    }

    /// The table that indirect calls of Rust go through, which comes first.
    fn doors_table(&self) -> Result<&TableType> {
        let table = self
            .tables
            .first()
            .filter(|table| table.element_type.is_func_ref());
        Ok(table.ok_or("no table of functions")?)
    }

    fn first(
        &self,
        module: &[u8],
        doors: &[u32],
        moved: &BTreeSet<u32>,
        called: &BTreeSet<u32>,
        digest: &str,
    ) -> Result<Vec<u8>> {
        let mut first = Module::new();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let data = &module[range.start as usize..range.end as usize];
            const TABLES: u8 = SectionId::Table as u8;
            const EXPORTS: u8 = SectionId::Export as u8;
            const CODE: u8 = SectionId::Code as u8;
            const CUSTOM: u8 = SectionId::Custom as u8;
            match id {
                TABLES => first.section(&self.first_tables(doors.len())?),
                EXPORTS => first.section(&self.first_exports(called, digest)?),
                CODE => first.section(&self.first_code(module, doors, moved)?),
                CUSTOM => &mut first,
                _ => first.section(&RawSection { id, data }),
            };
        }
        Ok(first.finish())
    }

    fn first_tables(&self, n_doors: usize) -> Result<TableSection> {
        let mut tables = TableSection::new();
        for (at, table) in self.tables.iter().enumerate() {
            let mut table = table_type(table);
            if at == 0 {
                table.minimum += n_doors as u64;
                table.maximum = table.maximum.map(|maximum| maximum + n_doors as u64);
            }
            tables.table(table);
        }
        Ok(tables)
    }

    fn first_exports(&self, called: &BTreeSet<u32>, digest: &str) -> Result<ExportSection> {
        let mut exports = ExportSection::new();
        for export in &self.exports {
            if !(matches!(export.kind, ExternalKind::Func) && export.name.starts_with(LATER)) {
                let kind = match export.kind {
                    ExternalKind::Func => ExportKind::Func,
                    ExternalKind::Table => ExportKind::Table,
                    ExternalKind::Memory => ExportKind::Memory,
                    ExternalKind::Global => ExportKind::Global,
                    other => return Err(format!("an export of {other:?}").into()),
                };
                exports.export(export.name, kind, export.index);
            }
        }
        let counts = [
            ('m', ExportKind::Memory, self.memories.len()),
            ('t', ExportKind::Table, self.tables.len()),
            ('g', ExportKind::Global, self.globals.len()),
        ];
        for (sort, kind, count) in counts {
            for index in 0..count as u32 {
                exports.export(&name(sort, index, digest), kind, index);
            }
        }
        for function in called {
            exports.export(&name('f', *function, digest), ExportKind::Func, *function);
        }
        Ok(exports)
    }

    fn first_code(
        &self,
        module: &[u8],
        doors: &[u32],
        moved: &BTreeSet<u32>,
    ) -> Result<CodeSection> {
        let first_slot = self.doors_table()?.initial;
        let mut code = CodeSection::new();
        for (own, body) in self.bodies.iter().enumerate() {
            let function = own as u32 + self.n_imports;
            if let Some(door) = doors.iter().position(|door| *door == function) {
                let ty = self.function_types[function as usize];
                let mut through = Function::new([]);
                let mut to = through.instructions();
                for parameter in 0..self.types[ty as usize].params().len() as u32 {
                    to.local_get(parameter);
                }
                to.i32_const((first_slot + door as u64) as i32)
                    .call_indirect(0, ty)
                    .end();
                code.function(&through);
            } else if moved.contains(&function) {
                let mut trap = Function::new([]);
                trap.instructions().unreachable().end();
                code.function(&trap);
            } else {
                let range = body.range();
                code.raw(&module[range.start as usize..range.end as usize]);
            }
        }
        Ok(code)
    }

    fn later(
        &self,
        module: &[u8],
        doors: &[u32],
        moved: &BTreeSet<u32>,
        called: &BTreeSet<u32>,
        digest: &str,
    ) -> Result<Vec<u8>> {
        let own: BTreeSet<u32> = moved.iter().chain(doors).copied().collect();
        let numbers: BTreeMap<u32, u32> = called.iter().chain(&own).copied().zip(0..).collect();

        let mut imports = ImportSection::new();
        for function in called {
            let ty = EntityType::Function(self.function_types[*function as usize]);
            imports.import(FIRST, &name('f', *function, digest), ty);
        }
        for (index, memory) in (0..).zip(&self.memories) {
            let ty = wasm_encoder::MemoryType {
                minimum: memory.initial,
                maximum: memory.maximum,
                memory64: memory.memory64,
                shared: memory.shared,
                page_size_log2: memory.page_size_log2,
            };
            imports.import(FIRST, &name('m', index, digest), ty);
        }
        for (index, table) in (0..).zip(&self.tables) {
            // As large as it is by then: only the elements' type matters.
            let mut ty = table_type(table);
            ty.maximum = None;
            imports.import(FIRST, &name('t', index, digest), ty);
        }
        for (index, global) in (0..).zip(&self.globals) {
            let ty = wasm_encoder::GlobalType {
                val_type: value_type(global.content_type)?,
                mutable: global.mutable,
                shared: global.shared,
            };
            imports.import(FIRST, &name('g', index, digest), ty);
        }
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &own {
            functions.function(self.function_types[*function as usize]);
            let body = &self.bodies[(*function - self.n_imports) as usize];
            code.raw(&renumbered(module, body, &numbers)?);
        }
        let in_table: Vec<u32> = doors.iter().map(|door| numbers[door]).collect();
        let mut elements = ElementSection::new();
        elements.active(
            None,
            &ConstExpr::i32_const(self.doors_table()?.initial as i32),
            Elements::Functions(Cow::Borrowed(&in_table)),
        );

        let mut later = Module::new();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            if let Payload::TypeSection(section) = &payload {
                let range = section.range();
                let data = &module[range.start as usize..range.end as usize];
                later.section(&RawSection {
                    id: SectionId::Type as u8,
                    data,
                });
            }
        }
        later
            .section(&imports)
            .section(&functions)
            .section(&elements)
            .section(&code);
        Ok(later.finish())
    }
}

/// What the second part imports is named with the digest of the whole, so that parts of others don't link.
fn name(sort: char, index: u32, digest: &str) -> String {
    match sort {
        'm' => format!("m{index}-{digest}"),
        _ => format!("{sort}{index}"),
    }
}

/// A body that calls functions by other numbers.
fn renumbered(
    module: &[u8],
    body: &FunctionBody<'_>,
    numbers: &BTreeMap<u32, u32>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut from = body.range().start as usize;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        if let Operator::Call { function_index } = operator {
            // An opcode of one byte, and the number.
            bytes.extend(&module[from..=offset as usize]);
            numbers[&function_index].encode(&mut bytes);
            from = operators.original_position() as usize;
        }
    }
    bytes.extend(&module[from..body.range().end as usize]);
    Ok(bytes)
}

fn table_type(table: &TableType) -> wasm_encoder::TableType {
    wasm_encoder::TableType {
        element_type: match table.element_type.is_func_ref() {
            true => wasm_encoder::RefType::FUNCREF,
            false => wasm_encoder::RefType::EXTERNREF,
        },
        table64: table.table64,
        minimum: table.initial,
        maximum: table.maximum,
        shared: table.shared,
    }
}

fn value_type(ty: ValType) -> Result<wasm_encoder::ValType> {
    Ok(match ty {
        ValType::I32 => wasm_encoder::ValType::I32,
        ValType::I64 => wasm_encoder::ValType::I64,
        ValType::F32 => wasm_encoder::ValType::F32,
        ValType::F64 => wasm_encoder::ValType::F64,
        other => return Err(format!("a global of {other}").into()),
    })
}
