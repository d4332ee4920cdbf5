//! The template module of `rule-runtime`, as the crate's build packed it (`build/template.rs`): types, functions, static
//! data, and which refers to what.

use crate::packed::Reader;
use std::collections::HashMap;
use std::sync::OnceLock;
use wasm_encoder::ValType;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/template.bin"));

pub(crate) struct Template {
    pub(super) types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// How many functions are imported: each is the allocator of the row's memory
    pub(super) n_imports: u32,
    /// Initial value of the stack pointer: the stack grows down from here
    pub(crate) stack_top: u32,
    /// First address behind the static data
    pub(crate) heap_base: u32,
    functions: Vec<Helper>,
    pub(super) exports: HashMap<&'static str, u32>,
    /// Static data; each static has a segment of its own
    pub(super) segments: Vec<Segment>,
}

/// A function of its own.
pub(super) struct Helper {
    pub(super) ty: usize,
    pub(super) body: Vec<Piece>,
    /// The segments whose addresses it holds
    pub(super) segments: Vec<u32>,
}

/// Bytes of a body, and what stands behind them.
pub(super) struct Piece {
    pub(super) bytes: &'static [u8],
    pub(super) index: Index,
}

#[derive(Clone, Copy)]
pub(super) enum Index {
    /// The end of the body
    End,
    Function(u32),
    /// The type of a block
    Type(usize),
    StackPointer,
}

/// A static.
pub(super) struct Segment {
    pub(super) address: u32,
    pub(super) bytes: &'static [u8],
    /// The segments whose addresses it holds
    pub(super) references: Vec<u32>,
}

impl Template {
    /// The template of this compiler.
    pub(crate) fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::read(&mut Reader::new(PACKED)))
    }

    fn read(packed: &mut Reader) -> Self {
        let value_types =
            |packed: &mut Reader| packed.bytes().iter().copied().map(value_type).collect();
        Self {
            types: packed.list(|packed| (value_types(packed), value_types(packed))),
            n_imports: packed.u32(),
            stack_top: packed.u32(),
            heap_base: packed.u32(),
            functions: packed.list(|packed| Helper {
                ty: packed.index(),
                body: packed.list(|packed| Piece {
                    bytes: packed.bytes(),
                    index: Index::read(packed),
                }),
                segments: packed.list(Reader::u32),
            }),
            exports: packed
                .list(|packed| (packed.text(), packed.u32()))
                .into_iter()
                .collect(),
            segments: packed.list(|packed| Segment {
                address: packed.u32(),
                bytes: packed.bytes(),
                references: packed.list(Reader::u32),
            }),
        }
    }

    /// A function of its own, by its index among all.
    pub(super) fn helper(&self, function: u32) -> &Helper {
        &self.functions[(function - self.n_imports) as usize]
    }
}

impl Index {
    fn read(packed: &mut Reader) -> Self {
        match packed.byte() {
            0 => Self::End,
            1 => Self::Function(packed.u32()),
            2 => Self::Type(packed.index()),
            _ => {
                packed.index();
                Self::StackPointer
            }
        }
    }
}

fn value_type(byte: u8) -> ValType {
    match byte {
        0x7e => ValType::I64,
        0x7d => ValType::F32,
        0x7c => ValType::F64,
        _ => ValType::I32,
    }
}
