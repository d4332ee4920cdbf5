//! The stage around a compiled tabular model: columns in, the model's labels and scores out.
//!
//! The build makes one core module of this crate. `model-compiler` puts a model behind the module's memory and writes
//! its place into `MODEL`; the session reads and checks it when it opens.

mod columns;

use bindings::exports::rulestage::stage::stage::{
    Array, Description, Field, FieldNode, Guest, GuestSession, InvalidItem, Outcome, Schema,
    Session, StageError, TypeNode, Value,
};
use rulestage_onnx_ml::packed::Packed;
use rulestage_onnx_ml::{Kind, Model};
use std::cell::RefCell;
use std::rc::Rc;

#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from the contract in wit/, which documents it"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package rulestage:compiled;
            world model { export rulestage:stage/stage@0.1.0; }
        ",
        world: "rulestage:compiled/model",
        generate_all,
    });
    use super::ModelStage;
    export!(ModelStage);
}

/// Where the compiler put the model: a marker that it finds, then address and length.
#[used]
static MODEL: Placement = Placement {
    marker: *b"rulestage compiled model placed\0",
    place: [0; 2],
};

#[repr(C)]
struct Placement {
    marker: [u8; 32],
    place: [u32; 2],
}

/// What the compiler placed.
#[allow(
    unsafe_code,
    reason = "the compiler writes the address into the finished module, where the source has zeros"
)]
fn packed() -> Packed<'static> {
    // SAFETY: the place is that of a data segment behind the memory that this module starts with, which nothing else
    // uses: the allocator takes the memory that it grows by. Volatile, because the source says zeros.
    let bytes = unsafe {
        let [address, length] = std::ptr::read_volatile(&raw const MODEL.place);
        match length {
            0 => &[][..],
            length => std::slice::from_raw_parts(address as *const u8, length as usize),
        }
    };
    Packed::read(bytes).unwrap_or_default()
}

struct ModelStage;

impl Guest for ModelStage {
    type Session = ModelSession;

    fn describe() -> Description {
        let packed = packed();
        Description {
            name: packed.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: packed.doc.to_owned(),
            parameters: Vec::new(),
        }
    }
}

thread_local! {
    /// The model, once a session was opened: it is the same for all.
    static LOADED: RefCell<Option<Rc<Model>>> = const { RefCell::new(None) };
}

fn loaded() -> Result<Rc<Model>, StageError> {
    LOADED.with_borrow_mut(|loaded| {
        if let Some(model) = loaded {
            return Ok(model.clone());
        }
        let packed = packed();
        let model = Model::load(packed.file, &packed.options())
            .map_err(|error| StageError::Model(error.to_string()))?;
        Ok(loaded.insert(Rc::new(model)).clone())
    })
}

struct ModelSession {
    model: Rc<Model>,
}

impl GuestSession for ModelSession {
    fn open(parameters: Vec<Value>) -> Result<Session, StageError> {
        if !parameters.is_empty() {
            return Err(StageError::InvalidParameter(InvalidItem {
                index: 0,
                message: "the stage has no parameters".to_owned(),
            }));
        }
        Ok(Session::new(Self { model: loaded()? }))
    }

    fn schema(&self) -> Schema {
        let field = |name: &str, kind, nullable| Field {
            name: name.to_owned(),
            nodes: vec![FieldNode {
                kind,
                nullable,
                read: true,
            }],
            doc: String::new(),
        };
        let inputs = self.model.inputs().iter().map(|column| {
            let kind = match column.kind {
                Kind::F32 | Kind::F64 => TypeNode::F64,
                Kind::I64 => TypeNode::S64,
                Kind::Bool => TypeNode::Boolean,
                Kind::Text => TypeNode::Text,
            };
            field(&column.name, kind, true)
        });
        let outputs = self.model.outputs().iter().map(|column| {
            let kind = match column.kind {
                Kind::F32 => TypeNode::F32,
                Kind::F64 => TypeNode::F64,
                Kind::I64 => TypeNode::S64,
                Kind::Bool => TypeNode::Boolean,
                Kind::Text => TypeNode::Text,
            };
            field(&column.name, kind, false)
        });
        Schema {
            inputs: inputs.collect(),
            outputs: outputs.collect(),
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        columns::process(&self.model, rows as usize, columns)
    }
}
