//! A stage that turns texts into vectors of length 1; the scalar product of two is high where the texts mean the same.
//!
//! The tokenizer is in the component, the network comes from the host through `wasi:nn`: all-MiniLM-L6-v2 as
//! `reference.py` writes it, `input_ids` i32[texts, tokens] -> `embedding` f32[texts, width]. Each text is a computation of
//! its own unless the parameter `together` says otherwise, so that no bit of a result depends on its neighbours. Texts that
//! are computed together have equally many tokens: nothing is ever padded, and what engines round differently is all that
//! neighbours change.

use bindings::exports::rulestage::stage::stage::{
    Array, Buffer, ByteSlices, Description, Field, FieldNode, Guest, GuestSession, InvalidItem,
    Outcome, Parameter, Schema, Session, StageError, TensorType as TensorNode, TypeNode, Value,
};
use bindings::wasi::nn::errors::Error;
use bindings::wasi::nn::graph::load_by_name;
use bindings::wasi::nn::inference::GraphExecutionContext;
use bindings::wasi::nn::tensor::{Tensor, TensorType};
use rulestage_wordpiece::Tokenizer;
use std::collections::BTreeMap;

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
    use super::TextEmbedding;
    export!(TextEmbedding);
}

const INPUT: &str = "input_ids";
/// Tokens of a text that the network was trained with, and that it has places for.
const DEFAULT_TOKENS: i64 = 256;
const MOST_TOKENS: i64 = 512;
const MOST_TOGETHER: i64 = 64;

/// Parameters in their order: name, default, what it means.
const TEXT_PARAMETERS: [(&str, &str, &str); 3] = [
    (
        "model",
        "text-embedding",
        "The model, by its name in the pipeline",
    ),
    ("column", "text", "The column of texts"),
    ("output", "embedding", "The column of vectors"),
];

struct TextEmbedding;

impl Guest for TextEmbedding {
    type Session = TextEmbeddingSession;

    fn describe() -> Description {
        let texts = TEXT_PARAMETERS
            .iter()
            .map(|(name, default, doc)| Parameter {
                name: (*name).to_owned(),
                type_name: "string".to_owned(),
                doc: (*doc).to_owned(),
                default: Value::Text((*default).to_owned()),
            });
        let tokens = Parameter {
            name: "max_tokens".to_owned(),
            type_name: "int".to_owned(),
            doc: "What is behind this many tokens of a text is not seen; 2 to 512".to_owned(),
            default: Value::Int(DEFAULT_TOKENS),
        };
        let together = Parameter {
            name: "together".to_owned(),
            type_name: "int".to_owned(),
            doc: "Texts of equally many tokens in one computation, 1 to 64: faster, but vectors then differ with their \
                  neighbours by up to 0.000001"
                .to_owned(),
            default: Value::Int(1),
        };
        Description {
            name: "text-embedding".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            parameters: texts.chain([tokens, together]).collect(),
        }
    }
}

struct TextEmbeddingSession {
    context: GraphExecutionContext,
    tokenizer: Tokenizer,
    column: String,
    output: String,
    max_tokens: usize,
    /// Texts of one computation
    together: usize,
    /// Elements of a vector, as the model has it
    width: usize,
}

impl GuestSession for TextEmbeddingSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let text = |index: usize| match values.get(index) {
            None | Some(Value::Absent) => Ok(TEXT_PARAMETERS[index].1.to_owned()),
            Some(Value::Text(text)) if !text.is_empty() => Ok(text.clone()),
            Some(_) => Err(invalid_parameter(
                index,
                "it must be a text that is not empty",
            )),
        };
        let (model, column, output) = (text(0)?, text(1)?, text(2)?);
        let number = |index: usize, default: i64, least: i64, most: i64| match values.get(index) {
            None | Some(Value::Absent) => Ok(default as usize),
            Some(Value::Int(number)) if (least..=most).contains(number) => Ok(*number as usize),
            Some(_) => {
                let message = format!("it must be a number from {least} to {most}");
                Err(invalid_parameter(index, &message))
            }
        };
        let max_tokens = number(3, DEFAULT_TOKENS, 2, MOST_TOKENS)?;
        let together = number(4, 1, 1, MOST_TOGETHER)?;
        let graph = load_by_name(&model).map_err(|error| model_error(&error))?;
        let context = graph
            .init_execution_context()
            .map_err(|error| model_error(&error))?;
        let mut session = Self {
            context,
            tokenizer: Tokenizer::new(),
            column,
            output,
            max_tokens,
            together,
            width: 0,
        };
        // A model that does not fit is refused before any row is read.
        let tokens = session.tokenizer.encode("", max_tokens);
        session.width = session.ask(&[&tokens])?.len();
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
        let field = |name: &str, kind, nullable, doc: &str| Field {
            name: name.to_owned(),
            nodes: vec![FieldNode { kind, nullable }],
            doc: doc.to_owned(),
        };
        let vector = TypeNode::Tensor(TensorNode {
            shape: vec![self.width as u32],
        });
        Schema {
            inputs: vec![field(&self.column, TypeNode::Text, true, "a text")],
            outputs: vec![field(
                &self.output,
                vector,
                true,
                "a vector of length 1; null where there is no text",
            )],
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        let invalid = |message: &str| {
            StageError::InvalidColumn(InvalidItem {
                index: 0,
                message: message.to_owned(),
            })
        };
        let [texts] = columns.as_slice() else {
            return Err(invalid("there must be one column"));
        };
        let Buffer::Bytes(slices) = &texts.values else {
            return Err(invalid("it is no text"));
        };
        // By the number of tokens, and in the order of the rows
        let mut waiting: BTreeMap<usize, Vec<(usize, Vec<u32>)>> = BTreeMap::new();
        let mut vectors = vec![0.0; rows as usize * self.width];
        for row in (0..rows as usize).filter(|row| is_valid(texts, *row)) {
            let text = slice(slices, row).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| invalid("malformed text"))?;
            let tokens = self.tokenizer.encode(text, self.max_tokens);
            let group = waiting.entry(tokens.len()).or_default();
            group.push((row, tokens));
            if group.len() == self.together {
                self.compute(&std::mem::take(group), &mut vectors)?;
            }
        }
        for group in waiting.values().filter(|group| !group.is_empty()) {
            self.compute(group, &mut vectors)?;
        }
        Ok(Outcome {
            columns: vec![Array {
                length: rows,
                validity: texts.validity.clone(),
                values: Buffer::F32(vectors),
            }],
            errors: Vec::new(),
        })
    }
}

impl TextEmbeddingSession {
    /// Computes the vectors of some rows, whose texts have equally many tokens.
    fn compute(&self, rows: &[(usize, Vec<u32>)], vectors: &mut [f32]) -> Result<(), StageError> {
        let tokens: Vec<&[u32]> = rows.iter().map(|(_, tokens)| tokens.as_slice()).collect();
        let found = self.ask(&tokens)?;
        for ((row, _), vector) in rows.iter().zip(found.chunks_exact(self.width)) {
            vectors[row * self.width..][..self.width].copy_from_slice(vector);
        }
        Ok(())
    }

    /// The vectors of texts that have equally many tokens, one after another.
    fn ask(&self, texts: &[&[u32]]) -> Result<Vec<f32>, StageError> {
        let bytes: Vec<u8> = texts
            .iter()
            .flat_map(|tokens| tokens.iter())
            .flat_map(|token| token.to_le_bytes())
            .collect();
        let dims = [texts.len() as u32, texts[0].len() as u32];
        let tensor = Tensor::new(&dims, TensorType::I32, &bytes);
        let answers = self
            .context
            .compute(vec![(INPUT.to_owned(), tensor)])
            .map_err(|error| model_error(&error))?;
        match answers.as_slice() {
            [(_, answer)] if answer.ty() == TensorType::Fp32 => {
                match answer.dimensions().as_slice() {
                    [n, width]
                        if *n == dims[0]
                            && *width > 0
                            && (self.width == 0 || *width as usize == self.width) =>
                    {
                        let data = answer.data();
                        let (values, _) = data.as_chunks::<4>();
                        Ok(values
                            .iter()
                            .map(|value| f32::from_le_bytes(*value))
                            .collect())
                    }
                    _ => Err(unfit()),
                }
            }
            _ => Err(unfit()),
        }
    }
}

fn unfit() -> StageError {
    StageError::Model(
        "the model gives no vector for a text: `reference.py` makes one that does".to_owned(),
    )
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

fn invalid_parameter(index: usize, message: &str) -> StageError {
    StageError::InvalidParameter(InvalidItem {
        index: index as u32,
        message: message.to_owned(),
    })
}

fn model_error(error: &Error) -> StageError {
    StageError::Model(error.data())
}
