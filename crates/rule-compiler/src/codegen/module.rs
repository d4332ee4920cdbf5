//! The core module under construction: function types and indices, globals, memory, static data.

use super::data::{Record, StaticData};
use super::failure::FAILURES;
use super::function::FunctionBuilder;
use super::runtime::{Footprint, KeptFunctions, Template};
use rulestage_rules_world::interface::{self, Export};
use std::collections::{BTreeSet, HashMap};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, MemorySection, MemoryType, Module, TypeSection,
    ValType,
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

/// The internal functions, by index: they come first, then the exports.
pub(super) mod function {
    /// (size, alignment) -> address
    pub(crate) const ALLOCATE: u32 = 0;
    /// (buffer, bytes in use, bytes needed) -> (buffer, capacity)
    pub(crate) const GROW: u32 = 1;
    /// (size) -> address, valid for this row
    pub(crate) const ALLOCATE_TEMP: u32 = 2;
    /// (array, case, rows, least length of the values) -> 1 where it fits
    pub(crate) const ARRAY_FITS: u32 = 3;
    /// (to, from, length): may write up to 7 bytes more
    pub(crate) const COPY: u32 = 4;
}

/// The parameters and results of the internal functions, in order.
const INTERNAL_TYPES: [(usize, usize); 5] = [(2, 1), (3, 2), (1, 1), (4, 1), (3, 0)];

/// Bytes of what is said of a failure: its code, the address and length of its message.
const FAILURE_BYTES: u32 = 12;

/// Bytes of address and length of a rule's name.
const ORIGIN_BYTES: u32 = 8;

/// The parameters and results of the functions of a rule set's own.
const EXTRA_TYPE: (usize, usize) = (2, 1);

/// The index of the first function of a rule set's own; the helpers follow.
fn first_extra(exports: &[Export]) -> u32 {
    (INTERNAL_TYPES.len() + exports.len()) as u32
}

/// Everything that functions need from the module around them.
pub(super) struct ModuleBuilder {
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    type_indices: HashMap<(Vec<ValType>, Vec<ValType>), u32>,
    pub(super) data: StaticData,
    helpers: KeptFunctions,
    exports: &'static [Export],
    /// How many functions stand between the exports and the helpers
    n_extra: u32,
    scratch: Option<u32>,
    /// The address of what is said of failures, and for each of these whether it can happen
    failures: (u32, [bool; FAILURES.len()]),
    /// The address of where the rules' names are, and these with their addresses, if they have some already
    origins: (u32, Vec<(String, Option<u32>)>),
}

impl ModuleBuilder {
    /// `footprint`: what the helpers will need below the module's own data.
    /// `n_extra`: how many functions of the rule set's own there are. Those of `explain` are there only if it `explains`.
    pub(super) fn new(footprint: Footprint, n_extra: u32, explains: bool) -> Self {
        let exports = interface::exports(explains);
        let base: u32 = match footprint {
            Footprint::Nothing => 16,
            Footprint::Stack => Template::get().stack_top,
            Footprint::StackAndData => Template::get().heap_base,
        };
        let mut data = StaticData::new(base.next_multiple_of(16));
        let failures = data.reserve(FAILURE_BYTES * (1 + FAILURES.len() as u32));
        Self {
            types: Vec::new(),
            type_indices: HashMap::new(),
            data,
            helpers: KeptFunctions::new(first_extra(exports) + n_extra),
            exports,
            n_extra,
            scratch: None,
            failures: (failures, [false; FAILURES.len()]),
            origins: (0, Vec::new()),
        }
    }

    /// What the helpers that were asked for so far need.
    pub(super) fn footprint(&self) -> Footprint {
        self.helpers.footprint
    }

    pub(super) fn helper(&mut self, name: &str) -> u32 {
        self.helpers.require(name)
    }

    /// Whether a function is one that every module has.
    pub(super) fn is_internal(&self, function: u32) -> bool {
        function < INTERNAL_TYPES.len() as u32
    }

    /// The index of a function of the rule set's own.
    pub(super) fn extra_function(&self, number: u32) -> u32 {
        debug_assert!(number < self.n_extra, "helpers follow");
        first_extra(self.exports) + number
    }

    /// Where each failure's code and message lie, by its number.
    pub(super) fn failures(&self) -> u32 {
        self.failures.0
    }

    /// Where address and length of each rule's name lie, given these with their addresses, if they have some already.
    pub(super) fn origins(&mut self, names: Vec<(String, Option<u32>)>) -> u32 {
        let address = self.data.reserve(ORIGIN_BYTES * names.len() as u32);
        self.origins = (address, names);
        address
    }

    /// Notes that a failure can happen.
    pub(super) fn note_failure(&mut self, status: i32) {
        self.failures.1[status as usize - 1] = true;
    }

    /// Notes that any failure can happen: helpers say which.
    pub(super) fn note_all_failures(&mut self) {
        self.failures.1.fill(true);
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

    /// The module with these functions: the internal ones in order, then the exports, then the rule set's own.
    pub(super) fn finish(mut self, bodies: Vec<FunctionBuilder>) -> Vec<u8> {
        let i32s = |n: usize| vec![ValType::I32; n];
        let mut functions = FunctionSection::new();
        for (n_params, n_results) in INTERNAL_TYPES {
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
        }
        let mut exports = ExportSection::new();
        for (index, export) in (INTERNAL_TYPES.len() as u32..).zip(self.exports) {
            let (n_params, n_results) = (export.n_params, export.n_results);
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
            exports.export(export.name, ExportKind::Func, index);
        }
        exports.export("memory", ExportKind::Memory, 0);
        let (n_params, n_results) = EXTRA_TYPE;
        for _ in 0..self.n_extra {
            functions.function(self.type_index(&i32s(n_params), &i32s(n_results)));
        }
        let helper_types: Vec<_> = self.helpers.types().collect();
        for (params, results) in helper_types {
            functions.function(self.type_index(params, results));
        }

        let mut called = self
            .helpers
            .allocates_temp
            .then_some(function::ALLOCATE_TEMP);
        let mut called: BTreeSet<u32> = called.take().into_iter().collect();
        for body in &bodies[INTERNAL_TYPES.len()..] {
            called.extend(body.calls());
        }
        called.insert(function::ALLOCATE);
        let mut code = CodeSection::new();
        for (index, body) in (0..).zip(bodies) {
            if index < INTERNAL_TYPES.len() as u32 && !called.contains(&index) {
                let mut nothing = Function::new([]);
                nothing.instructions().unreachable().end();
                code.function(&nothing);
            } else {
                code.function(&body.finish());
            }
        }
        let helpers = std::mem::replace(&mut self.helpers, KeptFunctions::new(0));
        helpers.write_code(&mut code, global::STACK, |params, results| {
            self.type_index(params, results)
        });

        let template = Template::get();
        let mut data = DataSection::new();
        helpers.write_data(&mut data);
        self.write_failures();
        let heap_start = self.data.end().next_multiple_of(16);
        for (address, bytes) in self.data.segments() {
            let address = ConstExpr::i32_const(address as i32);
            data.active(0, &address, bytes.iter().copied());
        }

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
            .section(&functions)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&code)
            .section(&data);
        module.finish()
    }

    /// Says what the failures are that can happen, and what the rules are called where one can.
    fn write_failures(&mut self) {
        let (table, happens) = self.failures;
        if !happens.contains(&true) {
            return;
        }
        let (origins, names) = std::mem::take(&mut self.origins);
        for (place, (name, known)) in (origins..).step_by(ORIGIN_BYTES as usize).zip(names) {
            let address = known.unwrap_or_else(|| self.data.intern(name.as_bytes()));
            let mut record = Record::new();
            record.u32(address).u32(name.len() as u32);
            self.data.patch(place, &record);
        }
        let places = (table..).step_by(FAILURE_BYTES as usize).skip(1);
        for ((place, (code, message)), _) in places
            .zip(FAILURES)
            .zip(happens)
            .filter(|(_, happens)| *happens)
        {
            let mut record = Record::new();
            record.u8(code).text(&mut self.data, message);
            self.data.patch(place, &record);
        }
    }
}
