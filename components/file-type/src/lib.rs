//! A stage that tells the type of files from their bytes.
//!
//! It sees the beginning and the end of each file and asks Magika's network through `wasi:nn`; thresholds, overwrites
//! and the rules for short files are those of Magika's reference implementation. The column `bytes` holds whole
//! files.

mod features;
mod types;

use bindings::exports::rulestage::stage::stage::{
    Array, Buffer, ByteSlices, Description, Field, FieldNode, Guest, GuestSession, InvalidItem,
    Outcome, Parameter, RowError, RowErrorCode, Schema, Session, StageError, TypeNode, Value,
};
use bindings::wasi::nn::errors::Error;
use bindings::wasi::nn::graph::load_by_name;
use bindings::wasi::nn::inference::GraphExecutionContext;
use bindings::wasi::nn::tensor::{Tensor, TensorType};
use features::{Seen, WIDTH};
use types::{FileType, Types};

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
        world: "inference",
        generate_all,
    });
    use super::FileTypes;
    export!(FileTypes);
}

const DEFAULT_MODEL: &str = "file-type";
const INPUT: &str = "bytes";
/// As folders give it.
const COLUMN: &str = "bytes";

struct FileTypes;

impl Guest for FileTypes {
    type Session = FileTypeSession;

    fn describe() -> Description {
        Description {
            name: "file-type".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            parameters: vec![Parameter {
                name: "model".to_owned(),
                type_name: "string".to_owned(),
                doc: "The model, by its name in the pipeline: Magika's `standard_v3_3`".to_owned(),
                default: Value::Text(DEFAULT_MODEL.to_owned()),
            }],
        }
    }
}

struct FileTypeSession {
    context: GraphExecutionContext,
    types: Types,
}

impl GuestSession for FileTypeSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let model = match values.into_iter().next() {
            None | Some(Value::Absent) => DEFAULT_MODEL.to_owned(),
            Some(Value::Text(model)) => model,
            Some(_) => {
                return Err(StageError::InvalidParameter(InvalidItem {
                    index: 0,
                    message: "it is no text".to_owned(),
                }));
            }
        };
        let graph = load_by_name(&model).map_err(|error| model_error(&error))?;
        let context = graph
            .init_execution_context()
            .map_err(|error| model_error(&error))?;
        let session = Self {
            context,
            types: Types::new(),
        };
        // A model that does not fit is refused before any row is read.
        session.ask(&[0; WIDTH])?;
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
        let field = |name: &str, kind, doc: &str| Field {
            name: name.to_owned(),
            nodes: vec![FieldNode {
                kind,
                nullable: name == COLUMN,
            }],
            doc: doc.to_owned(),
        };
        Schema {
            inputs: vec![field(COLUMN, TypeNode::Binary, "the whole file")],
            outputs: vec![
                field(
                    "detected_type",
                    TypeNode::Text,
                    "label, such as `pdf`; `txt` or `unknown` in doubt",
                ),
                field(
                    "detected_score",
                    TypeNode::F64,
                    "0 to 1; 1 for files too short for the network",
                ),
                field("detected_mime", TypeNode::Text, "MIME type"),
                field(
                    "detected_group",
                    TypeNode::Text,
                    "sort of type, such as `document` or `code`",
                ),
                field(
                    "detected_text",
                    TypeNode::Boolean,
                    "whether the type is text",
                ),
            ],
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        let invalid = |message: &str| {
            StageError::InvalidColumn(InvalidItem {
                index: 0,
                message: message.to_owned(),
            })
        };
        let [content] = columns.as_slice() else {
            return Err(invalid("there must be one column"));
        };
        let Buffer::Bytes(files) = &content.values else {
            return Err(invalid("`bytes` is not of the type in the schema"));
        };
        let unknown = (self.types.labelled("unknown"), 0.0);
        let mut found: Vec<(FileType, f32)> = vec![unknown; rows as usize];
        let mut errors = Vec::new();
        for (row, found) in found.iter_mut().enumerate() {
            if !is_valid(content, row) {
                errors.push(RowError {
                    row: row as u32,
                    code: RowErrorCode::InvalidArgument,
                    origin: COLUMN.to_owned(),
                    message: "`bytes` is missing".to_owned(),
                });
                continue;
            }
            let file = slice(files, row).ok_or_else(|| invalid("malformed offsets"))?;
            *found = match features::extract(file) {
                Seen::Ruled(label) => (self.types.labelled(label), 1.0),
                Seen::Features(features) => self.types.decide(&self.ask(&features)?),
            };
        }
        Ok(Outcome {
            columns: outputs(&found),
            errors,
        })
    }
}

impl FileTypeSession {
    /// The probabilities of all types for one file. The network is sensitive to rounding, which differs with the
    /// number of files of a computation by up to 0.001, and it is no faster over several: one at a time gives the
    /// same result in every batch.
    fn ask(&self, features: &[i32]) -> Result<Vec<f32>, StageError> {
        let bytes: Vec<u8> = features
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let tensor = Tensor::new(&[1, WIDTH as u32], TensorType::I32, &bytes);
        let answers = self
            .context
            .compute(vec![(INPUT.to_owned(), tensor)])
            .map_err(|error| model_error(&error))?;
        let wanted = [1, self.types.n_known() as u32];
        match answers.as_slice() {
            [(_, answer)] if answer.dimensions() == wanted && answer.ty() == TensorType::Fp32 => {
                let data = answer.data();
                let (values, _) = data.as_chunks::<4>();
                Ok(values
                    .iter()
                    .map(|value| f32::from_le_bytes(*value))
                    .collect())
            }
            _ => Err(StageError::Model(format!(
                "the model is not Magika's `standard_v3_3`: that gives {} probabilities for each file",
                self.types.n_known()
            ))),
        }
    }
}

/// The columns of the schema's outputs.
fn outputs(found: &[(FileType, f32)]) -> Vec<Array> {
    let column = |values| Array {
        length: found.len() as u32,
        validity: None,
        values,
    };
    let texts = |text: fn(&FileType) -> &'static str| {
        let mut slices = ByteSlices {
            offsets: vec![0],
            bytes: Vec::new(),
        };
        for (file_type, _) in found {
            slices.bytes.extend_from_slice(text(file_type).as_bytes());
            slices.offsets.push(slices.bytes.len() as i32);
        }
        column(Buffer::Bytes(slices))
    };
    let mut bits = vec![0_u8; found.len().div_ceil(8)];
    for (row, _) in found
        .iter()
        .enumerate()
        .filter(|(_, (each, _))| each.is_text)
    {
        bits[row / 8] |= 1 << (row % 8);
    }
    vec![
        texts(|each| each.label),
        column(Buffer::F64(
            found.iter().map(|(_, score)| f64::from(*score)).collect(),
        )),
        texts(|each| each.mime_type),
        texts(|each| each.group),
        column(Buffer::Bits(bits)),
    ]
}

fn is_valid(array: &Array, row: usize) -> bool {
    array.validity.as_ref().is_none_or(|bits| {
        bits.get(row / 8)
            .is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    })
}

fn slice(slices: &ByteSlices, row: usize) -> Option<&[u8]> {
    let start = usize::try_from(*slices.offsets.get(row)?).ok()?;
    let end = usize::try_from(*slices.offsets.get(row + 1)?).ok()?;
    slices.bytes.get(start..end)
}

fn model_error(error: &Error) -> StageError {
    StageError::Model(error.data())
}
