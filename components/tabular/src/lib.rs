//! A stage that turns named columns into one tensor, asks a model about every row in one computation, and
//! gives the model's output as columns.
//!
//! The model comes from the host through `wasi:nn`, by the name that the pipeline gives it. What the stage
//! consumes and produces follows from its parameters, see [`parameters`].

mod features;
mod parameters;
mod predictions;

use std::cell::RefCell;

use features::Features;
use parameters::Parameters;
use rulestage_stage_guest::stage::{
    Array, Buffer, Description, Guest, GuestSession, Outcome, Schema, Session, StageError,
    TypeNode, Value,
};
use rulestage_stage_guest::{Network, Tensor, field};

rulestage_stage_guest::export!(Tabular);

struct Tabular;

impl Guest for Tabular {
    type Session = TabularSession;

    fn describe() -> Description {
        Description {
            name: "tabular".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            parameters: parameters::describe(),
        }
    }
}

/// A model and how to ask it.
struct TabularSession {
    parameters: Parameters,
    network: Network,
    /// Kept from call to call, so that its memory is
    features: RefCell<Features>,
}

impl GuestSession for TabularSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let parameters = Parameters::read(values)?;
        let session = Self {
            network: Network::open(&parameters.model)?,
            parameters,
            features: RefCell::default(),
        };
        session.probe()?;
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
        let parameters = &self.parameters;
        Schema {
            inputs: parameters
                .columns
                .iter()
                .map(|column| {
                    let kind = match column.categories {
                        Some(_) => TypeNode::Text,
                        None => TypeNode::F64,
                    };
                    field(&column.name, kind, true, "")
                })
                .collect(),
            outputs: parameters
                .outputs
                .iter()
                .map(|name| field(name, TypeNode::F64, false, ""))
                .collect(),
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        let mut features = self.features.borrow_mut();
        let errors = features.fill(&self.parameters, rows, &columns)?;
        let mut outputs = match rows {
            0 => vec![Vec::new(); self.parameters.outputs.len()],
            _ => self.predict(&features, rows as usize)?,
        };
        for error in &errors {
            for output in &mut outputs {
                output[error.row as usize] = f64::NAN;
            }
        }
        let columns = outputs
            .into_iter()
            .map(|values| Array::of(rows as usize, Buffer::F64(values)))
            .collect();
        Ok(Outcome { columns, errors })
    }
}

impl TabularSession {
    /// Asks about two rows of zeros, so that a model that does not fit is refused before any row is read.
    fn probe(&self) -> Result<(), StageError> {
        let mut features = self.features.borrow_mut();
        features.zeros(&self.parameters, 2);
        self.predict(&features, 2).map(|_| ())
    }

    /// One vector for each output column.
    fn predict(&self, features: &Features, rows: usize) -> Result<Vec<Vec<f64>>, StageError> {
        let parameters = &self.parameters;
        let dims = [features.rows() as u32, parameters.columns.len() as u32];
        let tensor = Tensor::new(&dims, parameters.element.tensor_type(), features.bytes());
        let results = self
            .network
            .compute(vec![(parameters.input.clone(), tensor)])?;
        let names: Vec<&str> = results.iter().map(|(name, _)| name.as_str()).collect();
        let index = match parameters.output.as_str() {
            "" if names.is_empty() => None,
            "" => Some(0),
            output => names.iter().position(|name| *name == output),
        };
        let Some(index) = index else {
            return Err(StageError::Model(format!(
                "model `{}` has no output `{}`; its outputs are {}",
                parameters.model,
                parameters.output,
                names
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        };
        let (name, tensor) = &results[index];
        let mut outputs = predictions::columns(parameters, name, tensor, features.rows())
            .map_err(StageError::Model)?;
        for output in &mut outputs {
            output.truncate(rows);
        }
        Ok(outputs)
    }
}
