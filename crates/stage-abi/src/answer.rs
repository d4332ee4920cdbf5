//! What a stage answered, once it is lifted: what the contract demands beyond the types.

use arrow_schema::{Field, Schema, SchemaRef};
use rulestage_pipeline::runtime::{RowError, StageFailure, StageFailureKind, StageSchema};
use rulestage_pipeline::wire::{FieldNode, nodes_to_field};
use std::sync::Arc;

/// WIT `field`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRecord {
    /// Its name
    pub name: String,
    /// Its type in pre-order
    pub nodes: Vec<FieldNode>,
    /// For people
    pub doc: String,
}

/// WIT `stage-error`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the contract in wit/stage.wit, which documents them"
)]
pub enum StageError {
    InvalidParameter { index: u32, message: String },
    InvalidColumn { index: u32, message: String },
    Model(String),
    Failed(String),
}

impl StageError {
    /// The failure that it stands for. `name` gives the name of a parameter or column where it is known.
    pub fn failure(self, name: impl Fn(u32) -> Option<String>) -> StageFailure {
        let item = |role: &str, index: u32, message: &str| match name(index) {
            Some(name) => format!("{role} `{name}`: {message}"),
            None => format!("{role} {index}: {message}"),
        };
        let (kind, message) = match self {
            Self::InvalidParameter { index, message } => (
                StageFailureKind::InvalidParameter,
                item("parameter", index, &message),
            ),
            Self::InvalidColumn { index, message } => (
                StageFailureKind::InvalidColumn,
                item("column", index, &message),
            ),
            Self::Model(message) => (StageFailureKind::Model, message),
            Self::Failed(message) => (StageFailureKind::Failed, message),
        };
        StageFailure { kind, message }
    }
}

/// The columns of a session, once its fields are known to be such.
pub fn schema(
    inputs: Vec<FieldRecord>,
    outputs: Vec<FieldRecord>,
) -> Result<StageSchema, StageFailure> {
    let arrow = |fields: Vec<FieldRecord>| -> Result<SchemaRef, StageFailure> {
        let field = |field: FieldRecord| nodes_to_field(&field.name, &field.nodes, &field.doc);
        let fields = fields
            .into_iter()
            .map(field)
            .collect::<Result<Vec<Field>, _>>()?;
        Ok(Arc::new(Schema::new(fields)))
    };
    let nodes = inputs.iter().flat_map(|field| &field.nodes);
    Ok(StageSchema {
        reads: nodes.map(|node| node.read).collect(),
        inputs: arrow(inputs)?,
        outputs: arrow(outputs)?,
    })
}

/// The failed rows, if they are rows of the batch, ascending and each there once.
pub fn checked_row_errors(
    errors: Vec<RowError>,
    n_rows: u32,
) -> Result<Vec<RowError>, StageFailure> {
    let broken = |message: String| {
        Err(StageFailure {
            kind: StageFailureKind::Contract,
            message,
        })
    };
    if let Some(error) = errors.last().filter(|error| error.row >= n_rows) {
        let row = error.row;
        return broken(format!(
            "stage reported row {row} as failed, of a batch of {n_rows} rows"
        ));
    }
    if let Some(pair) = errors.windows(2).find(|pair| pair[0].row >= pair[1].row) {
        let (first, second) = (pair[0].row, pair[1].row);
        return broken(format!(
            "stage reported failed rows out of order: {first} and then {second}"
        ));
    }
    Ok(errors)
}
