//! A stage that asks a vision model about images: what is in them (`classify`), or where (`detect`).
//!
//! The column holds whole files: JPEG, PNG or WebP. An image that can't be read, or has more pixels than allowed, is an
//! error of its row. Each image is a computation of its own, so that results do not depend on its neighbours. The model
//! comes from the host through `wasi:nn`; what it wants and gives are the parameters, see [`parameters`].

mod answers;
mod parameters;

use answers::Answer;
use parameters::{Settings, Task};
use rulestage_stage_guest::stage::{
    Array, Buffer, Description, Guest, GuestSession, Outcome, RowError, Schema, Session,
    StageError, TypeNode, Value,
};
use rulestage_stage_guest::{
    Network, Tensor, TensorType, expect_columns, field, floats, invalid_column,
};
use rulestage_vision::{Output, Picture, classes, decode};

rulestage_stage_guest::export!(Images);

struct Images;

impl Guest for Images {
    type Session = ImageSession;

    fn describe() -> Description {
        Description {
            name: "image".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doc: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            parameters: parameters::describe(),
        }
    }
}

struct ImageSession {
    network: Network,
    settings: Settings,
}

impl GuestSession for ImageSession {
    fn open(values: Vec<Value>) -> Result<Session, StageError> {
        let settings = Settings::read(values)?;
        let session = Self {
            network: Network::open(&settings.model)?,
            settings,
        };
        // A model that does not fit is refused before any row is read.
        session.ask(&Picture {
            width: 1,
            height: 1,
            rgb: vec![0; 3],
        })?;
        Ok(Session::new(session))
    }

    fn schema(&self) -> Schema {
        let settings = &self.settings;
        Schema {
            inputs: vec![field(
                &settings.column,
                TypeNode::Binary,
                true,
                "a whole JPEG, PNG or WebP file",
            )],
            outputs: answers::fields(settings),
        }
    }

    fn process(&self, rows: u32, columns: Vec<Array>) -> Result<Outcome, StageError> {
        expect_columns(&columns, 1, rows)?;
        let Buffer::Bytes(files) = &columns[0].values else {
            return Err(invalid_column(0, "not of the type in the schema"));
        };
        let column = &self.settings.column;
        let mut answers = Vec::with_capacity(rows as usize);
        let mut errors = Vec::new();
        for row in 0..rows as usize {
            let picture = if columns[0].is_valid(row) {
                let file = files
                    .bytes_of(row)
                    .ok_or_else(|| invalid_column(0, "malformed offsets"))?;
                decode(file, self.settings.max_pixels)
                    .map_err(|error| RowError::of_column(row, column, error.to_string()))
            } else {
                Err(RowError::missing(row, column))
            };
            answers.push(match picture {
                Ok(picture) => self.ask(&picture)?,
                Err(error) => {
                    errors.push(error);
                    Answer::default()
                }
            });
        }
        Ok(Outcome {
            columns: answers::columns(&self.settings, &answers),
            errors,
        })
    }
}

impl ImageSession {
    /// What the model says of a picture.
    fn ask(&self, picture: &Picture) -> Result<Answer, StageError> {
        let settings = &self.settings;
        let (values, placement) = settings.preparation.tensor(picture);
        let (kind, bytes): (_, Vec<u8>) = match settings.as_bytes {
            // Rounds down what is not whole, and ends at 0 and 255.
            true => (
                TensorType::U8,
                values.iter().map(|value| *value as u8).collect(),
            ),
            false => {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                (TensorType::Fp32, bytes.collect())
            }
        };
        let tensor = Tensor::new(&settings.preparation.dims(), kind, &bytes);
        let outputs = self
            .network
            .compute(vec![(settings.input.clone(), tensor)])?;
        match &settings.task {
            Task::Classify { activation, most } => {
                let scores = self.scores(&outputs)?;
                Ok(Answer::Classes(classes(&scores, *activation, *most)))
            }
            Task::Detect(detector) => {
                let outputs: Vec<Output> = outputs
                    .iter()
                    .map(|(name, tensor)| {
                        Ok(Output {
                            dims: tensor.dimensions(),
                            values: floats(tensor).ok_or_else(|| self.unfit(name, tensor))?,
                        })
                    })
                    .collect::<Result<_, StageError>>()?;
                let size = (picture.width, picture.height);
                let found = detector
                    .detections(&outputs, placement, size)
                    .map_err(|misfit| StageError::Model(format!("`decode` {misfit}")))?;
                if let Some(beyond) = found.iter().find(|each| !settings.has_label(each.class)) {
                    return Err(self.unlabelled(beyond.class + 1));
                }
                Ok(Answer::Detections(found))
            }
        }
    }

    /// The scores of all classes for one picture.
    fn scores(&self, outputs: &[(String, Tensor)]) -> Result<Vec<f32>, StageError> {
        let wanted = &self.settings.output;
        let named = outputs.iter().find(|(name, _)| name == wanted);
        let output = match wanted.is_empty() {
            true => outputs.first(),
            false => named,
        };
        let Some((name, tensor)) = output else {
            let names: Vec<String> = outputs
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            return Err(StageError::Model(format!(
                "model `{}` has no output `{wanted}`; its outputs are {}",
                self.settings.model,
                names.join(", ")
            )));
        };
        let values = floats(tensor).ok_or_else(|| self.unfit(name, tensor))?;
        match tensor.dimensions().split_first() {
            // Dimensions of 1 behind the classes are what pooling leaves.
            Some((1, rest)) if rest.iter().filter(|dim| **dim != 1).count() <= 1 => {}
            _ => return Err(self.unfit(name, tensor)),
        }
        let n_labels = self.settings.labels.len();
        match n_labels == 0 || n_labels == values.len() {
            true => Ok(values),
            false => Err(self.unlabelled(values.len())),
        }
    }

    fn unfit(&self, name: &str, tensor: &Tensor) -> StageError {
        let wanted = match self.settings.task {
            Task::Classify { .. } => "of the shape [1, classes]",
            Task::Detect(_) => "for boxes",
        };
        StageError::Model(format!(
            "output `{name}` of model `{}` is {:?} {:?}; the stage takes f32 {wanted}",
            self.settings.model,
            tensor.ty(),
            tensor.dimensions()
        ))
    }

    fn unlabelled(&self, n_classes: usize) -> StageError {
        StageError::Model(format!(
            "model `{}` has {n_classes} classes, and `labels` names {}",
            self.settings.model,
            self.settings.labels.len()
        ))
    }
}
