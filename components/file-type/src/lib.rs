//! A stage that tells the type of files from their bytes.
//!
//! It sees the beginning and the end of each file and asks Magika's network through `wasi:nn`; thresholds, overwrites
//! and the rules for short files are those of Magika's reference implementation. The column `bytes` holds whole
//! files.

mod features;
mod types;

use features::{Seen, WIDTH};
use rulestage_stage_guest::stage::{
    Array, Buffer, Description, Guest, GuestSession, Outcome, Parameter, RowError, Schema, Session,
    StageError, TypeNode, Value,
};
use rulestage_stage_guest::{
    Network, Parameters, Tensor, TensorType, bits, expect_columns, field, floats, invalid_column,
    parameter, texts,
};
use types::{FileType, Types};

rulestage_stage_guest::export!(FileTypes);

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
            parameters: parameters(),
        }
    }
}

/// The one parameter.
fn parameters() -> Vec<Parameter> {
    vec![parameter(
        "model",
        "string",
        Value::Text(DEFAULT_MODEL.to_owned()),
        "The model, by its name in the pipeline: Magika's `standard_v3_3`",
    )]
}

struct FileTypeSession {
    network: Network,
    types: Types,
}

impl GuestSession for FileTypeSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let model = Parameters::read(parameters(), values)?.name(0)?;
        let session = Self {
            network: Network::open(&model)?,
            types: Types::new(),
        };
        // A model that does not fit is refused before any row is read.
        session.ask(&[0; WIDTH])?;
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
        Schema {
            inputs: vec![field(COLUMN, TypeNode::Binary, true, "the whole file")],
            outputs: vec![
                field(
                    "detected_type",
                    TypeNode::Text,
                    false,
                    "label, such as `pdf`; `txt` or `unknown` in doubt",
                ),
                field(
                    "detected_score",
                    TypeNode::F64,
                    false,
                    "0 to 1; 1 for files too short for the network",
                ),
                field("detected_mime", TypeNode::Text, false, "MIME type"),
                field(
                    "detected_group",
                    TypeNode::Text,
                    false,
                    "sort of type, such as `document` or `code`",
                ),
                field(
                    "detected_text",
                    TypeNode::Boolean,
                    false,
                    "whether the type is text",
                ),
            ],
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        expect_columns(&columns, 1, rows)?;
        let content = &columns[0];
        let Buffer::Bytes(files) = &content.values else {
            return Err(invalid_column(0, "not of the type in the schema"));
        };
        let unknown = (self.types.labelled("unknown"), 0.0);
        let mut found: Vec<(FileType, f32)> = vec![unknown; rows as usize];
        let mut errors = Vec::new();
        for (row, found) in found.iter_mut().enumerate() {
            if !content.is_valid(row) {
                errors.push(RowError::missing(row, COLUMN));
                continue;
            }
            let file = files
                .bytes_of(row)
                .ok_or_else(|| invalid_column(0, "malformed offsets"))?;
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
        let answers = self.network.compute(vec![(INPUT.to_owned(), tensor)])?;
        let wanted = [1, self.types.n_known() as u32];
        let probabilities = match answers.as_slice() {
            [(_, answer)] if answer.dimensions() == wanted => floats(answer),
            _ => None,
        };
        probabilities.ok_or_else(|| {
            StageError::Model(format!(
                "the model is not Magika's `standard_v3_3`: that gives {} probabilities for each file",
                self.types.n_known()
            ))
        })
    }
}

/// The columns of the schema's outputs.
fn outputs(found: &[(FileType, f32)]) -> Vec<Array> {
    let text = |of: fn(&FileType) -> &'static str| texts(found.iter().map(|(each, _)| of(each)));
    let scores = found.iter().map(|(_, score)| f64::from(*score));
    let columns = [
        text(|each| each.label),
        Buffer::F64(scores.collect()),
        text(|each| each.mime_type),
        text(|each| each.group),
        Buffer::Bits(bits(found.iter().map(|(each, _)| each.is_text))),
    ];
    columns
        .into_iter()
        .map(|values| Array::of(found.len(), values))
        .collect()
}
