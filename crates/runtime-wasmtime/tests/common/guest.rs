//! Components written by hand: whatever a guest could answer, with the machine code of the contract.
//!
//! The core module is WebAssembly text around a fixed layout of the results in memory; cases change single
//! fields of it, or the code of `process`. It has one output, `x`, and answers two rows.

use rulestage_pipeline::runtime::Limits;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where things lie in the guest's memory, by the canonical ABI's layout of the types in `wit/stage.wit`.
pub mod at {
    pub const SCHEMA: usize = 64;
    pub const FIELD: usize = 128;
    pub const NODE: usize = 160;
    pub const NAME: usize = 200;
    pub const OPENED: usize = 256;
    pub const OUTCOME: usize = 512;
    pub const COLUMNS_PTR: usize = OUTCOME + 4;
    pub const COLUMNS_LEN: usize = OUTCOME + 8;
    pub const ERRORS_PTR: usize = OUTCOME + 12;
    pub const ERRORS_LEN: usize = OUTCOME + 16;
    pub const ARRAY: usize = 576;
    pub const LENGTH: usize = ARRAY;
    pub const HAS_VALIDITY: usize = ARRAY + 4;
    pub const VALIDITY_PTR: usize = ARRAY + 8;
    pub const VALIDITY_LEN: usize = ARRAY + 12;
    pub const BUFFER: usize = ARRAY + 16;
    pub const VALUES_PTR: usize = ARRAY + 20;
    pub const VALUES_LEN: usize = ARRAY + 24;
    pub const BYTES_PTR: usize = ARRAY + 28;
    pub const BYTES_LEN: usize = ARRAY + 32;
    pub const DATA: usize = 704;
    pub const ROW_ERRORS: usize = 1024;
    pub const EXPLAINED: usize = 1200;
    pub const FIRED_OFFSETS: usize = 1264;
    pub const FIRED: usize = 1280;
    pub const STOPPED: usize = 1284;
    pub const STOPS: usize = 1288;
    pub const OUTLINE: usize = 1300;
    pub const RULE: usize = 1328;
    pub const EXPRESSION: usize = 1352;
    pub const EXPLANATION: usize = 1400;
    pub const VERDICT: usize = 1424;
    pub const SHOWN: usize = 1432;
}

/// The cases of `type-node` and `buffer` that the tests use.
pub const S64: u8 = 5;
pub const F64: u8 = 11;
pub const TEXT: u8 = 12;
pub const BYTES: u8 = 12;

/// A guest; [`Guest::component`] makes the component.
pub struct Guest {
    memory: Vec<u8>,
    pages: u32,
    imports: String,
    open: String,
    process: String,
    allocate: String,
    post_return: Option<String>,
    explains: bool,
}

impl Guest {
    /// A well-behaved stage: `x` is 1 and 2.
    pub fn good() -> Self {
        let mut guest = Self {
            memory: vec![0; 2048],
            pages: 1,
            imports: String::new(),
            open: String::new(),
            process: String::new(),
            allocate: String::new(),
            post_return: None,
            explains: false,
        };
        guest
            .word(at::SCHEMA + 8, at::FIELD as u32)
            .word(at::SCHEMA + 12, 1)
            .word(at::FIELD, at::NAME as u32)
            .word(at::FIELD + 4, 1)
            .word(at::FIELD + 8, at::NODE as u32)
            .word(at::FIELD + 12, 1)
            .byte(at::NODE, S64)
            .byte(at::NAME, b'x')
            .word(at::COLUMNS_PTR, at::ARRAY as u32)
            .word(at::COLUMNS_LEN, 1)
            .word(at::LENGTH, 2)
            .byte(at::BUFFER, S64)
            .word(at::VALUES_PTR, at::DATA as u32)
            .word(at::VALUES_LEN, 2)
            .byte(at::DATA, 1)
            .byte(at::DATA + 8, 2);
        guest
    }

    /// One output of text: `h\u{e9}` and `llo`, as offsets and bytes.
    pub fn text() -> Self {
        let mut guest = Self::good();
        guest
            .byte(at::NODE, TEXT)
            .byte(at::BUFFER, BYTES)
            .word(at::VALUES_LEN, 3)
            .word(at::DATA, 0)
            .word(at::DATA + 4, 3)
            .word(at::DATA + 8, 6)
            .word(at::BYTES_PTR, (at::DATA + 64) as u32)
            .word(at::BYTES_LEN, 6);
        for (index, byte) in "h\u{e9}llo".bytes().enumerate() {
            guest.byte(at::DATA + 64 + index, byte);
        }
        guest
    }

    /// The same with one rule, `x`, that fires in the second row and stops at its condition in the first; it is said of
    /// another one, too, that it fires in the second row.
    pub fn explaining() -> Self {
        let mut guest = Self::good();
        guest.explains = true;
        for (place, word) in [at::ARRAY, 1, at::ROW_ERRORS, 0].into_iter().enumerate() {
            guest.word(at::EXPLAINED + 4 + 4 * place, word as u32);
        }
        let lists = [
            (at::EXPLAINED + 36, at::FIRED_OFFSETS, 3),
            (at::EXPLAINED + 44, at::FIRED, 1),
            (at::EXPLAINED + 20, at::STOPPED, 1),
            (at::EXPLAINED + 28, at::STOPS, 2),
            (at::OUTLINE, at::RULE, 1),
            (at::OUTLINE + 8, at::EXPRESSION, 1),
            (at::RULE, at::NAME, 1),
            (at::EXPRESSION + 16, at::NAME, 1),
            (at::EXPLANATION + 4, at::VERDICT, 1),
            (at::EXPLANATION + 12, at::SHOWN, 1),
        ];
        for (place, address, length) in lists {
            guest.word(place, address as u32).word(place + 4, length);
        }
        guest
            .word(at::FIRED_OFFSETS + 8, 1)
            .word(at::FIRED, 3)
            .byte(at::STOPS, 1)
            // The first operand of the condition
            .word(at::EXPRESSION + 8, 1);
        guest
    }

    /// A well-behaved stage whose `process` runs this code first.
    pub fn running(code: &str) -> Self {
        let mut guest = Self::good();
        guest.process = code.to_owned();
        guest
    }

    /// A stage whose `process` runs this code first, which may call `wasi:nn` and the functions around it.
    pub fn asking(code: &str) -> Self {
        let mut guest = Self::running(code);
        guest.imports = include_str!("nn.wat").to_owned();
        guest
    }

    /// A stage whose `open` runs this code first.
    pub fn opening(code: &str) -> Self {
        let mut guest = Self::good();
        guest.open = code.to_owned();
        guest
    }

    /// A stage whose allocator gives what this code leaves, while it is open.
    pub fn allocating(code: &str) -> Self {
        let mut guest = Self::good();
        guest.allocate = format!(
            "(if (i32.load (i32.const {})) (then (return {code})))",
            at::OPENED + 4
        );
        guest
    }

    /// A stage that runs this code after `process`.
    pub fn releasing(code: &str) -> Self {
        let mut guest = Self::good();
        guest.post_return = Some(code.to_owned());
        guest
    }

    /// `open` runs this code first.
    pub fn open(&mut self, code: &str) -> &mut Self {
        self.open = code.to_owned();
        self
    }

    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    pub fn word(&mut self, at: usize, value: u32) -> &mut Self {
        self.memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
        self
    }

    pub fn byte(&mut self, at: usize, value: u8) -> &mut Self {
        self.memory[at] = value;
        self
    }

    /// Fails this row, as number `index` of the row errors.
    pub fn row_error(&mut self, index: usize, row: u32) -> &mut Self {
        let start = at::ROW_ERRORS + index * 24;
        self.word(start, row)
            .word(at::ERRORS_PTR, at::ROW_ERRORS as u32)
            .word(at::ERRORS_LEN, index as u32 + 1)
    }

    pub fn component(&self) -> Vec<u8> {
        let stage = "rulestage:stage/stage@0.1.0";
        let data: String = self
            .memory
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let text = format!(
            r#"(module
                (import "[export]{stage}" "[resource-new]session" (func $new (param i32) (result i32)))
                {imports}
                (memory (export "memory") {pages})
                (data (i32.const 0) "{data}")
                (global $top (mut i32) (i32.const 4096))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $start i32)
                    {allocate}
                    (local.set $start (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                    (global.set $top (i32.add (local.get $start) (local.get 3)))
                    (local.get $start))
                (func $recurse (param i32) (result i32)
                    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
                (func (export "{stage}#describe") (result i32) (i32.const 0))
                (func (export "{stage}#[static]session.open") (param i32 i32) (result i32)
                    {open}
                    (i32.store (i32.const {handle}) (call $new (i32.const 1)))
                    (i32.const {opened}))
                (func (export "{stage}#[method]session.schema") (param i32) (result i32)
                    (i32.const {schema}))
                (func (export "{stage}#[method]session.process") (param i32 i32 i32 i32) (result i32)
                    (local $handle i32) (local $n i32)
                    (global.set $top (i32.const 4096))
                    {process}
                    (i32.const {outcome}))
                {explain}
                {post_return})"#,
            explain = if self.explains { EXPLAIN } else { "" },
            imports = self.imports,
            pages = self.pages,
            open = self.open,
            process = self.process,
            allocate = self.allocate,
            post_return = self.post_return.as_ref().map_or(String::new(), |code| format!(
                r#"(func (export "cabi_post_{stage}#[method]session.process") (param i32) {code})"#
            )),
            opened = at::OPENED,
            handle = at::OPENED + 4,
            schema = at::SCHEMA,
            outcome = at::OUTCOME,
        );
        let mut module = wat::parse_str(text).expect("the text is WebAssembly");
        let mut resolve = Resolve::default();
        let wasi_nn = include_str!("../../../../wit/deps/wasi-nn/wasi-nn.wit");
        resolve
            .push_str("wasi-nn.wit", wasi_nn)
            .expect("wasi:nn is WIT");
        let stage = include_str!("../../../../wit/stage.wit");
        resolve
            .push_str("stage.wit", stage)
            .expect("the contract is WIT");
        let imports = ["graph", "tensor", "inference", "errors"]
            .map(|name| format!("import wasi:nn/{name}@0.2.0-rc-2024-10-28;"));
        let imports = match self.imports.is_empty() {
            true => String::new(),
            false => imports.concat(),
        };
        let explain = match self.explains {
            true => "export rulestage:stage/explain@0.1.0;",
            false => "",
        };
        let world = &format!(
            "package tests:guest; world guest {{ {imports} export rulestage:stage/stage@0.1.0; {explain} }}"
        );
        let package = resolve
            .push_str("guest.wit", world)
            .expect("the world is WIT");
        let world = resolve.select_world(&[package], None).expect("one world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .expect("the module takes its world");
        let mut encoder = ComponentEncoder::default();
        let encoder = encoder
            .validate(true)
            .module(&module)
            .expect("a module of that world");
        encoder.encode().expect("a component")
    }
}

/// The functions of `explain`, with results where [`at`] says.
const EXPLAIN: &str = r#"
    (func (export "rulestage:stage/explain@0.1.0#describe-rules") (result i32) (i32.const 1300))
    (func (export "rulestage:stage/explain@0.1.0#process-with-reasons") (param i32 i32 i32 i32) (result i32)
        (global.set $top (i32.const 4096))
        (i32.const 1200))
    (func (export "rulestage:stage/explain@0.1.0#explain-row") (param i32 i32 i32 i32 i32) (result i32)
        (global.set $top (i32.const 4096))
        (i32.const 1400))"#;

/// Limits that no well-behaved guest meets.
pub const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    deadline_ms: 10_000,
};
