//! A stage that turns texts into vectors of length 1; the scalar product of two is high where the texts mean the same.
//!
//! The tokenizer is in the component, the network comes from the host through `wasi:nn`: all-MiniLM-L6-v2 as
//! `reference.py` writes it, `input_ids` i32[texts, tokens] -> `embedding` f32[texts, width]. Each text is a computation of
//! its own unless the parameter `together` says otherwise, so that no bit of a result depends on its neighbours. Texts that
//! are computed together have equally many tokens: nothing is ever padded, and what engines round differently is all that
//! neighbours change.

use rulestage_stage_guest::stage::{
    Array, Buffer, Description, Guest, GuestSession, Outcome, Parameter, RowError, Schema, Session,
    StageError, TensorType as TensorNode, TypeNode, Value,
};
use rulestage_stage_guest::{
    Network, Parameters, Tensor, TensorType, expect_columns, field, floats, invalid_column,
    parameter,
};
use rulestage_wordpiece::Tokenizer;
use std::collections::BTreeMap;

rulestage_stage_guest::export!(TextEmbedding);

const INPUT: &str = "input_ids";
/// Tokens of a text that the network was trained with, and that it has places for.
const DEFAULT_TOKENS: i64 = 256;
const LEAST_TOKENS: i64 = 2;
const MOST_TOKENS: i64 = 512;
const MOST_TOGETHER: i64 = 64;

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
        parameter(
            "together",
            "int",
            Value::Int(1),
            "Texts of equally many tokens in one computation, 1 to 64: faster, but vectors then differ with their \
             neighbours by up to 0.000001",
        ),
    ]
}

struct TextEmbeddingSession {
    network: Network,
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
        let parameters = Parameters::read(parameters(), values)?;
        let (column, output) = (parameters.name(1)?, parameters.name(2)?);
        let max_tokens = parameters.int(3, LEAST_TOKENS, MOST_TOKENS)? as usize;
        let together = parameters.int(4, 1, MOST_TOGETHER)? as usize;
        let mut session = Self {
            network: Network::open(&parameters.name(0)?)?,
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
        // By the number of tokens, and in the order of the rows
        let mut waiting: BTreeMap<usize, Vec<(usize, Vec<u32>)>> = BTreeMap::new();
        let mut found = Found {
            vectors: vec![0.0; rows as usize * self.width],
            errors: Vec::new(),
        };
        for row in (0..rows as usize).filter(|row| texts.is_valid(*row)) {
            let text = slices
                .text_of(row)
                .ok_or_else(|| invalid_column(0, "malformed text"))?;
            let tokens = self.tokenizer.encode(text, self.max_tokens);
            let group = waiting.entry(tokens.len()).or_default();
            group.push((row, tokens));
            if group.len() == self.together {
                self.compute(&std::mem::take(group), &mut found)?;
            }
        }
        for group in waiting.values().filter(|group| !group.is_empty()) {
            self.compute(group, &mut found)?;
        }
        found.errors.sort_by_key(|error| error.row);
        Ok(Outcome {
            columns: vec![Array {
                length: rows,
                validity: texts.validity.clone(),
                values: Buffer::F32(found.vectors),
            }],
            errors: found.errors,
        })
    }
}

/// What came out for the rows so far.
struct Found {
    /// One vector after another, of zeros where there is none
    vectors: Vec<f32>,
    errors: Vec<RowError>,
}

impl TextEmbeddingSession {
    /// Computes the vectors of some rows, whose texts have equally many tokens. A row fails where its text alone is
    /// refused, such as a long one that takes more memory than there is.
    fn compute(&self, rows: &[(usize, Vec<u32>)], found: &mut Found) -> Result<(), StageError> {
        let tokens: Vec<&[u32]> = rows.iter().map(|(_, tokens)| tokens.as_slice()).collect();
        match self.ask(&tokens) {
            Ok(vectors) => {
                for ((row, _), vector) in rows.iter().zip(vectors.chunks_exact(self.width)) {
                    found.vectors[row * self.width..][..self.width].copy_from_slice(vector);
                }
                Ok(())
            }
            Err(_) if rows.len() > 1 => rows
                .iter()
                .try_for_each(|row| self.compute(std::slice::from_ref(row), found)),
            Err(StageError::Model(message)) => {
                let error = RowError::of_column(rows[0].0, &self.column, message);
                found.errors.push(error);
                Ok(())
            }
            Err(error) => Err(error),
        }
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
        let answers = self.network.compute(vec![(INPUT.to_owned(), tensor)])?;
        match answers.as_slice() {
            [(_, answer)] => match answer.dimensions().as_slice() {
                [n, width]
                    if *n == dims[0]
                        && *width > 0
                        && (self.width == 0 || *width as usize == self.width) =>
                {
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
