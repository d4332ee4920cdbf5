//! The values that a session is opened with.

use crate::stage::{InvalidItem, Parameter, StageError, Value};

/// One parameter, as a stage describes it.
pub fn parameter(name: &str, type_name: &str, default: Value, doc: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        doc: doc.to_owned(),
        default,
    }
}

/// Why parameter number `index` can't be used.
pub fn invalid_parameter(index: usize, message: impl Into<String>) -> StageError {
    StageError::InvalidParameter(InvalidItem {
        index: index as u32,
        message: message.into(),
    })
}

/// The values of all parameters, in the order of the description.
pub struct Parameters(Vec<Value>);

impl Parameters {
    /// What was given, and the defaults of what was not.
    pub fn read(described: Vec<Parameter>, given: Vec<Value>) -> Result<Self, StageError> {
        let mut values: Vec<Value> = described.into_iter().map(|each| each.default).collect();
        if given.len() > values.len() {
            let (known, given) = (values.len(), given.len());
            let message = format!("the stage has {known} parameters, and was given {given}");
            return Err(invalid_parameter(known, message));
        }
        for (value, given) in values.iter_mut().zip(given) {
            if !matches!(given, Value::Absent) {
                *value = given;
            }
        }
        Ok(Self(values))
    }

    /// Any value.
    pub fn value(&self, index: usize) -> &Value {
        &self.0[index]
    }

    /// A text, which may be empty.
    pub fn text(&self, index: usize) -> Result<String, StageError> {
        match self.value(index) {
            Value::Text(text) => Ok(text.clone()),
            Value::Absent => Err(invalid_parameter(index, "must be given")),
            _ => Err(invalid_parameter(index, "must be a string")),
        }
    }

    /// The name of a model or column: a text that is not empty.
    pub fn name(&self, index: usize) -> Result<String, StageError> {
        let name = self.text(index)?;
        match name.is_empty() {
            true => Err(invalid_parameter(index, "must not be empty")),
            false => Ok(name),
        }
    }

    /// Texts: at least one, none of them twice.
    pub fn names(&self, index: usize) -> Result<Vec<String>, StageError> {
        let texts = match self.value(index) {
            Value::Texts(texts) => texts,
            Value::Absent => return Err(invalid_parameter(index, "must be given")),
            _ => return Err(invalid_parameter(index, "must be a list of strings")),
        };
        if texts.is_empty() {
            return Err(invalid_parameter(index, "must not be empty"));
        }
        let repeated = texts
            .iter()
            .enumerate()
            .find(|(at, text)| texts[..*at].contains(text));
        match repeated {
            Some((_, text)) => Err(invalid_parameter(index, format!("names `{text}` twice"))),
            None => Ok(texts.clone()),
        }
    }

    /// A whole number from `least` to `most`.
    pub fn int(&self, index: usize, least: i64, most: i64) -> Result<i64, StageError> {
        match self.value(index) {
            Value::Int(number) if (least..=most).contains(number) => Ok(*number),
            _ => {
                let message = format!("must be a number from {least} to {most}");
                Err(invalid_parameter(index, message))
            }
        }
    }

    /// A number, or nothing.
    pub fn number(&self, index: usize) -> Result<Option<f64>, StageError> {
        match self.value(index) {
            Value::Null => Ok(None),
            Value::Double(number) => Ok(Some(*number)),
            Value::Int(number) => Ok(Some(*number as f64)),
            Value::Uint(number) => Ok(Some(*number as f64)),
            _ => Err(invalid_parameter(index, "must be a number")),
        }
    }

    /// A finite number.
    pub fn double(&self, index: usize) -> Result<f64, StageError> {
        match self.number(index)? {
            Some(number) if number.is_finite() => Ok(number),
            _ => Err(invalid_parameter(index, "must be a finite number")),
        }
    }

    /// What one of the names stands for.
    pub fn choice<T: Copy>(&self, index: usize, choices: &[(&str, T)]) -> Result<T, StageError> {
        let given = self.text(index)?;
        let found = choices.iter().find(|(name, _)| *name == given);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            invalid_parameter(index, format!("`{given}` is none of {}", names.join(", ")))
        })
    }
}
