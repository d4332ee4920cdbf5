//! The core module under construction: function types and indices, globals, memory, static data.

use super::data::StaticData;
use super::function::FunctionBuilder;
use super::interface;
use super::runtime::{Footprint, KeptFunctions, Template};
use std::collections::HashMap;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// The globals of the module, by index.
pub(super) mod global {
    /// First free address; everything below is in use
    pub(crate) const HEAP: u32 = 0;
    /// What open sessions occupy ends here; the heap goes back to it after each call
    pub(crate) const KEPT: u32 = 1;
    /// First free block of a closed session
    pub(crate) const FREE: u32 = 2;
    /// First free address for the values of one row
    pub(crate) const TEMP: u32 = 3;
    /// Where the chunk for the values of one row starts
    pub(crate) const TEMP_START: u32 = 4;
    /// Where it ends
    pub(crate) const TEMP_END: u32 = 5;
    /// Only with helpers: their stack pointer
    pub(crate) const STACK: u32 = 6;
}

/// The internal functions, by index: they follow the import and the exports.
pub(super) mod function {
    use super::interface;

    pub(crate) const RESOURCE_NEW: u32 = 0;
    const FIRST: u32 = 1 + interface::EXPORTS.len() as u32;
    /// (size, alignment) -> address
    pub(crate) const ALLOCATE: u32 = FIRST;
    /// (buffer, bytes in use, bytes needed) -> (buffer, capacity)
    pub(crate) const GROW: u32 = FIRST + 1;
    /// (size) -> address, valid for this row
    pub(crate) const ALLOCATE_TEMP: u32 = FIRST + 2;
    /// (array, case, rows, least length of the values) -> 1 where it fits
    pub(crate) const ARRAY_FITS: u32 = FIRST + 3;
    /// (to, from, length): may write up to 7 bytes more
    pub(crate) const COPY: u32 = FIRST + 4;
    /// Functions of the rule set's own; the helpers follow
    pub(crate) const FIRST_EXTRA: u32 = FIRST + 5;
}

/// The parameters and results of the internal functions, in order.
const INTERNAL_TYPES: [(usize, usize); 5] = [(2, 1), (3, 2), (1, 1), (4, 1), (3, 0)];

/// The parameters and results of the functions of a rule set's own.
const EXTRA_TYPE: (usize, usize) = (2, 1);

/// Everything that functions need from the module around them.
pub(super) struct ModuleBuilder {
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    type_indices: HashMap<(Vec<ValType>, Vec<ValType>), u32>,
    pub(super) data: StaticData,
    helpers: KeptFunctions,
    /// How many functions stand between the internal ones and the helpers
    n_extra: u32,
    scratch: Option<u32>,
}

impl ModuleBuilder {
    /// `footprint`: what the helpers will need below the module's own data.
    /// `n_extra`: how many functions of the rule set's own there are.
    pub(super) fn new(footprint: Footprint, n_extra: u32) -> Self {
        let base = match footprint {
            Footprint::Nothing => 16,
            Footprint::Stack => Template::get().stack_top,
            Footprint::StackAndData => Template::get().heap_base,
        };
        Self {
            types: Vec::new(),
            type_indices: HashMap::new(),
            data: StaticData::new(base.next_multiple_of(16)),
            helpers: KeptFunctions::new(function::FIRST_EXTRA + n_extra),
            n_extra,
            scratch: None,
        }
    }

    /// What the helpers that were asked for so far need.
    pub(super) fn footprint(&self) -> Footprint {
        self.helpers.footprint
    }

    pub(super) fn helper(&mut self, name: &str) -> u32 {
        self.helpers.require(name)
    }

    /// The index of a function of the rule set's own.
    pub(super) fn extra_function(&self, number: u32) -> u32 {
        debug_assert!(number < self.n_extra, "helpers follow");
        function::FIRST_EXTRA + number
    }

    /// 16 bytes where helpers leave their results.
    pub(super) fn scratch(&mut self) -> u32 {
        *self.scratch.get_or_insert_with(|| self.data.reserve(16))
    }

    fn type_index(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let key = (params.to_vec(), results.to_vec());
        if let Some(index) = self.type_indices.get(&key) {
            return *index;
        }
        let index = self.types.len() as u32;
        self.types.push(key.clone());
        self.type_indices.insert(key, index);
        index
    }

    /// The type of a block without parameters.
    pub(super) fn block_type(&mut self, results: &[ValType]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [result] => BlockType::Result(*result),
            results => BlockType::FunctionType(self.type_index(&[], results)),
        }
    }

    /// The module with these functions: the exports in order, then the internal ones in order, then the rule set's own.
    /// Those of `explain` are exported only if it `explains`.
    pub(super) fn finish(mut self, bodies: Vec<FunctionBuilder>, explains: bool) -> Vec<u8> {
        let i32s = |n: usize| vec![ValType::I32; n];
        let (import_module, import_name, n_params, n_results) = interface::IMPORT;
        let import_type = self.type_index(&i32s(n_params), &i32s(n_results));
        let mut imports = ImportSection::new();
        imports.import(
            import_module,
            import_name,
            EntityType::Function(import_type),
        );

        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        for (index, (name, n_params, n_results)) in (1..).zip(interface::EXPORTS) {
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
            if explains || !interface::is_of_explain(name) {
                exports.export(name, ExportKind::Func, index);
            }
        }
        exports.export("memory", ExportKind::Memory, 0);
        for (n_params, n_results) in INTERNAL_TYPES {
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
        }
        let (n_params, n_results) = EXTRA_TYPE;
        for _ in 0..self.n_extra {
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
        }
        let helper_types: Vec<_> = self.helpers.types().collect();
        for (params, results) in helper_types {
            functions.function(self.type_index(params, results));
        }

        let mut code = CodeSection::new();
        for body in bodies {
            code.function(&body.finish());
        }
        let helpers = std::mem::replace(&mut self.helpers, KeptFunctions::new(0));
        helpers.write_code(&mut code, global::STACK, |params, results| {
            self.type_index(params, results)
        });

        let template = Template::get();
        let mut data = DataSection::new();
        helpers.write_data(&mut data);
        let heap_start = self.data.end().next_multiple_of(16);
        data.active(
            0,
            &ConstExpr::i32_const(self.data.base() as i32),
            self.data.bytes().iter().copied(),
        );

        let mut memories = MemorySection::new();
        const PAGE_BYTES: u64 = 65_536;
        let minimum = u64::from(heap_start).div_ceil(PAGE_BYTES) + 1;
        memories.memory(MemoryType {
            minimum,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });

        let mut globals = GlobalSection::new();
        let mut variables = vec![heap_start, heap_start, 0, 0, 0, 0];
        if helpers.footprint != Footprint::Nothing {
            variables.push(template.stack_top);
        }
        for start in variables {
            globals.global(
                GlobalType {
                    val_type: ValType::I32,
                    mutable: true,
                    shared: false,
                },
                &ConstExpr::i32_const(start as i32),
            );
        }

        let mut types = TypeSection::new();
        for (params, results) in &self.types {
            types
                .ty()
                .function(params.iter().copied(), results.iter().copied());
        }
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&code)
            .section(&data);
        module.finish()
    }
}
