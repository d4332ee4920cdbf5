//! A stage that turns texts into vectors of length 1; the scalar product of two is high where the texts mean the same.
//!
//! The tokenizer is in the component, the network comes from the host through `wasi:nn`: all-MiniLM-L6-v2 as
//! `reference.py` writes it, `input_ids` i32[1, tokens] -> `embedding` f32[1, width]. Each text is a computation of its
//! own, so that results do not depend on its neighbours and nothing is padded.

use rulestage_stage_guest::stage::{
    Array, Buffer, Description, Guest, GuestSession, Outcome, Parameter, Schema, Session,
    StageError, TensorType as TensorNode, TypeNode, Value,
};
use rulestage_stage_guest::{
    Network, Parameters, Tensor, TensorType, expect_columns, field, floats, invalid_column,
    parameter,
};
use rulestage_wordpiece::Tokenizer;

rulestage_stage_guest::export!(TextEmbedding);

const INPUT: &str = "input_ids";
/// Tokens of a text that the network was trained with, and that it has places for.
const DEFAULT_TOKENS: i64 = 256;
const LEAST_TOKENS: i64 = 2;
const MOST_TOKENS: i64 = 512;

struct TextEmbedding;

impl Guest for TextEmbedding {
    type Session = TextEmbeddingSession;

    fn describe() -> Description {
        Description {
            name: "text-embedding".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            parameters: parameters(),
        }
    }
}

fn parameters() -> Vec<Parameter> {
    let text =
        |name, default: &str, doc| parameter(name, "string", Value::Text(default.to_owned()), doc);
    vec![
        text(
            "model",
            "text-embedding",
            "The model, by its name in the pipeline",
        ),
        text("column", "text", "The column of texts"),
        text("output", "embedding", "The column of vectors"),
        parameter(
            "max_tokens",
            "int",
            Value::Int(DEFAULT_TOKENS),
            "What is behind this many tokens of a text is not seen; 2 to 512",
        ),
    ]
}

struct TextEmbeddingSession {
    network: Network,
    tokenizer: Tokenizer,
    column: String,
    output: String,
    max_tokens: usize,
    /// Elements of a vector, as the model has it
    width: usize,
}

impl GuestSession for TextEmbeddingSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let parameters = Parameters::read(parameters(), values)?;
        let (column, output) = (parameters.name(1)?, parameters.name(2)?);
        let max_tokens = parameters.int(3, LEAST_TOKENS, MOST_TOKENS)?;
        let mut session = Self {
            network: Network::open(&parameters.name(0)?)?,
            tokenizer: Tokenizer::new(),
            column,
            output,
            max_tokens: max_tokens as usize,
            width: 0,
        };
        // A model that does not fit is refused before any row is read.
        session.width = session.ask("")?.len();
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
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
        expect_columns(&columns, 1, rows)?;
        let texts = &columns[0];
        let Buffer::Bytes(slices) = &texts.values else {
            return Err(invalid_column(0, "not of the type in the schema"));
        };
        let mut vectors = Vec::with_capacity(rows as usize * self.width);
        for row in 0..rows as usize {
            if texts.is_valid(row) {
                let text = slices
                    .text_of(row)
                    .ok_or_else(|| invalid_column(0, "malformed text"))?;
                vectors.extend(self.ask(text)?);
            } else {
                vectors.resize(vectors.len() + self.width, 0.0);
            }
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
    /// The vector of a text.
    fn ask(&self, text: &str) -> Result<Vec<f32>, StageError> {
        let tokens = self.tokenizer.encode(text, self.max_tokens);
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|token| token.to_le_bytes())
            .collect();
        let tensor = Tensor::new(&[1, tokens.len() as u32], TensorType::I32, &bytes);
        let answers = self.network.compute(vec![(INPUT.to_owned(), tensor)])?;
        match answers.as_slice() {
            [(_, answer)] => match answer.dimensions().as_slice() {
                [1, width] if self.width == 0 || *width as usize == self.width => {
                    floats(answer).ok_or_else(unfit)
                }
                _ => Err(unfit()),
            },
            _ => Err(unfit()),
        }
    }
}

fn unfit() -> StageError {
    StageError::Model(
        "the model gives no vector for a text: `reference.py` makes one that does".to_owned(),
    )
}
