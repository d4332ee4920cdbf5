//! What a model declares of itself, read from the file before any engine sees it.

use std::fmt;

use rten_onnx::onnx;

use crate::weights::without_weights;
use crate::{DataType, InferenceError, InferenceErrorKind, Signature};

/// One input or output, as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name
    pub name: String,
    /// The type of its tensors here; `None` where the model leaves it open
    pub dtype: Option<DataType>,
    /// The type of its elements in the model; `None` where the model leaves it open
    pub element: Option<ElementType>,
    /// The dimensions; `None` where the model leaves their number open
    pub dims: Option<Vec<Dimension>>,
}

/// The element types of models that `wasi:nn` has tensors for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE 754 half precision
    F16,
    /// IEEE 754 single precision
    F32,
    /// IEEE 754 double precision
    F64,
    /// The upper half of an `f32`
    Bf16,
    /// A byte that is 0 or 1
    Bool,
    /// Signed bytes; their tensors are `u8` with the same bits
    I8,
    /// Unsigned bytes
    U8,
    /// Signed 32-bit integers
    I32,
    /// Signed 64-bit integers
    I64,
}

impl ElementType {
    /// The type of the tensors that hold them.
    pub fn data_type(self) -> DataType {
        match self {
            Self::F16 => DataType::F16,
            Self::F32 => DataType::F32,
            Self::F64 => DataType::F64,
            Self::Bf16 => DataType::Bf16,
            Self::Bool | Self::I8 | Self::U8 => DataType::U8,
            Self::I32 => DataType::I32,
            Self::I64 => DataType::I64,
        }
    }
}

/// The size of one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this
    Fixed(u32),
    /// Any size, but the same wherever the name appears
    Named(String),
    /// Any size
    Any,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
            Self::Any => f.write_str("?"),
        }
    }
}

impl fmt::Display for TensorInfo {
    /// `features: f32[batch, 4]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match self.dtype {
            Some(dtype) => write!(f, "{dtype}")?,
            None => f.write_str("any")?,
        }
        match &self.dims {
            Some(dims) => write!(f, "[{}]", list(dims)),
            None => Ok(()),
        }
    }
}

pub(crate) fn list(items: &[impl fmt::Display]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Signature {
    /// The inputs and outputs of an ONNX file.
    pub(crate) fn of(file: &[u8]) -> Result<Self, InferenceError> {
        // Parsing copies, and nobody asks for the weights here.
        let light = without_weights(file);
        let graph = parse_graph(light.as_deref().unwrap_or(file))?;
        let weights: Vec<&str> = graph
            .initializer
            .iter()
            .filter_map(|t| t.name.as_deref())
            .collect();
        let is_weight = |value: &&onnx::ValueInfoProto| {
            value
                .name
                .as_deref()
                .is_some_and(|name| weights.contains(&name))
        };
        let inputs = graph.input.iter().filter(|value| !is_weight(value));
        let outputs = graph.output.iter();
        Ok(Self {
            inputs: inputs
                .map(|value| describe(value, "input"))
                .collect::<Result<_, _>>()?,
            outputs: outputs
                .map(|value| describe(value, "output"))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn parse_graph(bytes: &[u8]) -> Result<onnx::GraphProto, InferenceError> {
    let model = onnx::ModelProto::parse_buf(bytes).map_err(|error| {
        InferenceError::new(
            InferenceErrorKind::InvalidModel,
            format!("not an ONNX model, or cut short: {error}"),
        )
        .with_source(error)
    })?;
    model.graph.ok_or_else(|| {
        InferenceError::new(
            InferenceErrorKind::InvalidModel,
            "not an ONNX model: it holds no graph",
        )
    })
}

/// The declaration of an input or output.
fn describe(value: &onnx::ValueInfoProto, role: &str) -> Result<TensorInfo, InferenceError> {
    let name = value.name.clone().unwrap_or_default();
    let tensor = value
        .r#type
        .as_ref()
        .and_then(|kind| kind.tensor_type.as_ref());
    let element = match tensor.and_then(|tensor| tensor.elem_type) {
        Some(onnx::DataType::FLOAT) => Some(ElementType::F32),
        Some(onnx::DataType::DOUBLE) => Some(ElementType::F64),
        Some(onnx::DataType::FLOAT16) => Some(ElementType::F16),
        Some(onnx::DataType::BFLOAT16) => Some(ElementType::Bf16),
        Some(onnx::DataType::INT32) => Some(ElementType::I32),
        Some(onnx::DataType::INT64) => Some(ElementType::I64),
        Some(onnx::DataType::BOOL) => Some(ElementType::Bool),
        Some(onnx::DataType::UINT8) => Some(ElementType::U8),
        Some(onnx::DataType::INT8) => Some(ElementType::I8),
        None => None,
        Some(other) => {
            return Err(InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!(
                    "{role} `{name}` has elements of type {other}, which wasi:nn has no tensors of"
                ),
            ));
        }
    };
    let dims = tensor
        .and_then(|tensor| tensor.shape.as_ref())
        .map(|shape| shape.dim.iter().map(dimension).collect());
    Ok(TensorInfo {
        name,
        dtype: element.map(ElementType::data_type),
        element,
        dims,
    })
}

fn dimension(dim: &onnx::Dimension) -> Dimension {
    match (dim.dim_value.map(u32::try_from), &dim.dim_param) {
        (Some(Ok(size)), _) => Dimension::Fixed(size),
        // Some exporters write `?` for every size that they don't know.
        (_, Some(name)) if name.chars().any(char::is_alphabetic) => Dimension::Named(name.clone()),
        _ => Dimension::Any,
    }
}
