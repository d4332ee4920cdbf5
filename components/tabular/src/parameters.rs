//! The parameters: what the model takes from the columns, and what it gives.

use std::collections::BTreeMap;

use miniserde::json;

use rulestage_stage_guest::stage::{Parameter, StageError, Value};
use rulestage_stage_guest::{TensorType, invalid_parameter, parameter};

/// What a session was opened with.
pub(crate) struct Parameters {
    /// The model's name in the pipeline
    pub(crate) model: String,
    /// The elements of one row of the tensor, in their order
    pub(crate) columns: Vec<Column>,
    /// What stands for null and NaN; without it such rows fail
    pub(crate) missing: Option<f64>,
    /// The model's input
    pub(crate) input: String,
    /// The element type of the model's input
    pub(crate) element: Element,
    /// The model's output; empty: its first
    pub(crate) output: String,
    /// The names of the produced columns, one for each element of a row of the model's output
    pub(crate) outputs: Vec<String>,
}

/// One consumed column.
pub(crate) struct Column {
    pub(crate) name: String,
    /// Of a text column: the number of each known text
    pub(crate) categories: Option<BTreeMap<String, usize>>,
}

/// The element types that a tensor can be made of.
#[derive(Clone, Copy)]
pub(crate) enum Element {
    F32,
    F64,
    I32,
    I64,
}

impl Element {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "f32" => Self::F32,
            "f64" => Self::F64,
            "i32" => Self::I32,
            "i64" => Self::I64,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }

    pub(crate) fn tensor_type(self) -> TensorType {
        match self {
            Self::F32 => TensorType::Fp32,
            Self::F64 => TensorType::Fp64,
            Self::I32 => TensorType::I32,
            Self::I64 => TensorType::I64,
        }
    }
}

const MODEL: usize = 0;
const COLUMNS: usize = 1;
const CATEGORIES: usize = 2;
const MISSING: usize = 3;
const INPUT: usize = 4;
const ELEMENT: usize = 5;
const OUTPUT: usize = 6;
const OUTPUTS: usize = 7;

/// The parameters in the order of the constants above.
pub(crate) fn describe() -> Vec<Parameter> {
    vec![
        parameter(
            "model",
            "string",
            Value::Absent,
            "The model, by its name in the pipeline",
        ),
        parameter(
            "columns",
            "list<string>",
            Value::Absent,
            "The columns that make one row of the model's input, in the model's order",
        ),
        parameter(
            "categories",
            "json",
            Value::Json("{}".to_owned()),
            "For each text column the known texts: a text becomes its place in the list, any other text \
             the length of the list",
        ),
        parameter(
            "missing",
            "double",
            Value::Null,
            "What stands for null and NaN (a text becomes an unknown one); unless given, such rows fail",
        ),
        parameter(
            "input",
            "string",
            Value::Absent,
            "The name of the model's input",
        ),
        parameter(
            "element",
            "string",
            Value::Text("f32".to_owned()),
            "The element type of the model's input: f32, f64, i32 or i64",
        ),
        parameter(
            "output",
            "string",
            Value::Text(String::new()),
            "The name of the model's output; unless given, its first",
        ),
        parameter(
            "outputs",
            "list<string>",
            Value::Texts(vec!["score".to_owned()]),
            "The produced columns, one for each element of a row of the model's output",
        ),
    ]
}

impl Parameters {
    /// Checks the values against [`describe`] and fills in its defaults.
    pub(crate) fn read(given: Vec<Value>) -> Result<Self, StageError> {
        let given = rulestage_stage_guest::Parameters::read(describe(), given)?;
        let mut categories = categories(given.value(CATEGORIES))?;
        let names = given.names(COLUMNS)?;
        let columns = names
            .into_iter()
            .map(|name| Column {
                categories: categories.remove(&name),
                name,
            })
            .collect();
        if let Some(name) = categories.keys().next() {
            return Err(invalid_parameter(
                CATEGORIES,
                format!("`{name}` is not among the columns"),
            ));
        }
        let element = given.text(ELEMENT)?;
        let element = Element::named(&element).ok_or_else(|| {
            invalid_parameter(
                ELEMENT,
                format!("`{element}` is none of f32, f64, i32 and i64"),
            )
        })?;
        Ok(Self {
            model: given.text(MODEL)?,
            columns,
            missing: given.number(MISSING)?,
            input: given.text(INPUT)?,
            element,
            output: given.text(OUTPUT)?,
            outputs: given.names(OUTPUTS)?,
        })
    }
}

fn categories(value: &Value) -> Result<BTreeMap<String, BTreeMap<String, usize>>, StageError> {
    let (Value::Json(text) | Value::Text(text)) = value else {
        return Err(invalid_parameter(CATEGORIES, "must be JSON"));
    };
    let lists: BTreeMap<String, Vec<String>> = json::from_str(text).map_err(|_| {
        invalid_parameter(
            CATEGORIES,
            "must be an object of lists of strings, like {\"origin\": [\"ATL\"]}",
        )
    })?;
    let mut numbered = BTreeMap::new();
    for (column, list) in lists {
        let mut places = BTreeMap::new();
        for (place, text) in list.into_iter().enumerate() {
            if places.contains_key(&text) {
                return Err(invalid_parameter(
                    CATEGORIES,
                    format!("`{column}` lists `{text}` twice"),
                ));
            }
            places.insert(text, place);
        }
        numbered.insert(column, places);
    }
    Ok(numbered)
}
