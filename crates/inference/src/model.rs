use std::collections::BTreeMap;
use std::fmt;

use rten_onnx::onnx;

use crate::convert::EngineType;
use crate::engine::Engine;
use crate::{DataType, InferenceError, InferenceErrorKind, Tensor};

/// How much a model and its tensors may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest model file
    pub model_bytes: u64,
    /// The largest input or output tensor
    pub tensor_bytes: u64,
}

impl Default for Limits {
    /// 2 GiB, the most that one ONNX file can hold, and 1 GiB for each tensor.
    fn default() -> Self {
        Self {
            model_bytes: 2 << 30,
            tensor_bytes: 1 << 30,
        }
    }
}

/// One input or output, as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name
    pub name: String,
    /// The element type; `None` where the model leaves it open
    pub dtype: Option<DataType>,
    /// The dimensions; `None` where the model leaves their number open
    pub dims: Option<Vec<Dimension>>,
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

fn list(items: &[impl fmt::Display]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A model ready to compute; shared by any number of threads.
#[derive(Debug)]
pub struct Model {
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    engine: Engine,
    limits: Limits,
}

impl Model {
    /// A model from the bytes of an ONNX file. Weights in separate files are not supported.
    pub fn load(bytes: Vec<u8>, limits: Limits) -> Result<Self, InferenceError> {
        if bytes.len() as u64 > limits.model_bytes {
            let (size, most) = (bytes.len(), limits.model_bytes);
            return Err(InferenceError::new(
                InferenceErrorKind::TooLarge,
                format!("the model has {size} bytes, more than its limit of {most}"),
            ));
        }
        let graph = parse_graph(&bytes)?;
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
        let mut inputs = Vec::new();
        let mut engine_types = Vec::new();
        for value in graph.input.iter().filter(|value| !is_weight(value)) {
            let (info, engine_type) = describe(value, "input")?;
            inputs.push(info);
            engine_types.push(engine_type);
        }
        let outputs = graph
            .output
            .iter()
            .map(|value| describe(value, "output").map(|(info, _)| info))
            .collect::<Result<Vec<_>, _>>()?;
        let engine = Engine::load(bytes, engine_types)?;
        Ok(Self {
            inputs,
            outputs,
            engine,
            limits,
        })
    }

    /// What the model takes, in its own order.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// What the model gives, in its own order.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// All outputs, for one tensor of each input, in any order.
    pub fn compute(
        &self,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>, InferenceError> {
        let ordered = self.check(inputs)?;
        let results = self.engine.run(&self.inputs, &ordered, &self.outputs)?;
        let limit = self.limits.tensor_bytes;
        if let Some((info, tensor)) = self
            .outputs
            .iter()
            .zip(&results)
            .find(|(_, tensor)| tensor.data.len() as u64 > limit)
        {
            return Err(too_large(
                "output",
                &info.name,
                tensor.data.len() as u64,
                limit,
            ));
        }
        Ok(self
            .outputs
            .iter()
            .map(|info| info.name.clone())
            .zip(results)
            .collect())
    }

    /// The given tensors in the model's order, each fit for its input.
    fn check(&self, given: Vec<(String, Tensor)>) -> Result<Vec<Tensor>, InferenceError> {
        let invalid = |message: String| {
            Err(InferenceError::new(
                InferenceErrorKind::InvalidInput,
                message,
            ))
        };
        let mut slots: Vec<Option<Tensor>> = vec![None; self.inputs.len()];
        let mut sizes: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
        for (name, tensor) in given {
            let Some(index) = self.inputs.iter().position(|info| info.name == name) else {
                let known = quoted(self.inputs.iter().map(|info| info.name.as_str()));
                return invalid(format!(
                    "the model has no input `{name}`; its inputs are {known}"
                ));
            };
            if slots[index].is_some() {
                return invalid(format!("input `{name}` is given twice"));
            }
            let info = &self.inputs[index];
            check_tensor(info, &tensor, self.limits)?;
            for (dim, &size) in info.dims.iter().flatten().zip(&tensor.dims) {
                let Dimension::Named(symbol) = dim else {
                    continue;
                };
                let &mut (first, owner) = sizes.entry(symbol).or_insert((size, &info.name));
                if first != size {
                    return invalid(format!(
                        "dimension `{symbol}` is {first} in input `{owner}` and {size} in input `{name}`"
                    ));
                }
            }
            slots[index] = Some(tensor);
        }
        let missing: Vec<&str> = self
            .inputs
            .iter()
            .zip(&slots)
            .filter(|(_, slot)| slot.is_none())
            .map(|(info, _)| info.name.as_str())
            .collect();
        if !missing.is_empty() {
            return invalid(format!(
                "no tensor for input {}",
                quoted(missing.into_iter())
            ));
        }
        Ok(slots.into_iter().flatten().collect())
    }
}

fn too_large(role: &str, name: &str, size: u64, limit: u64) -> InferenceError {
    InferenceError::new(
        InferenceErrorKind::TooLarge,
        format!("{role} `{name}` has {size} bytes, more than the limit of {limit}"),
    )
}

/// Checks the element type, the shape and the number of bytes of one tensor.
fn check_tensor(info: &TensorInfo, tensor: &Tensor, limits: Limits) -> Result<(), InferenceError> {
    let name = &info.name;
    let invalid = |message: String| {
        Err(InferenceError::new(
            InferenceErrorKind::InvalidInput,
            message,
        ))
    };
    let expected_bytes = tensor
        .n_elements()
        .and_then(|elements| elements.checked_mul(tensor.dtype.size_bytes() as u64));
    if expected_bytes != Some(tensor.data.len() as u64) {
        return invalid(format!(
            "input `{name}` is said to be {}[{}] but holds {} bytes",
            tensor.dtype,
            list(&tensor.dims),
            tensor.data.len()
        ));
    }
    if tensor.data.len() as u64 > limits.tensor_bytes {
        return Err(too_large(
            "input",
            name,
            tensor.data.len() as u64,
            limits.tensor_bytes,
        ));
    }
    let fits = |dims: &[Dimension]| {
        let single = dims.is_empty() && tensor.dims == [1];
        single
            || dims.len() == tensor.dims.len()
                && dims.iter().zip(&tensor.dims).all(|(dim, size)| match dim {
                    Dimension::Fixed(fixed) => fixed == size,
                    Dimension::Named(_) | Dimension::Any => true,
                })
    };
    let dtype_fits = info.dtype.is_none_or(|dtype| dtype == tensor.dtype);
    if !dtype_fits || !info.dims.as_deref().is_none_or(fits) {
        return invalid(format!(
            "the model expects {info}, and was given {}[{}]",
            tensor.dtype,
            list(&tensor.dims)
        ));
    }
    Ok(())
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

/// The declaration of an input or output, and what the engine computes it in.
fn describe(
    value: &onnx::ValueInfoProto,
    role: &str,
) -> Result<(TensorInfo, EngineType), InferenceError> {
    let name = value.name.clone().unwrap_or_default();
    let tensor = value
        .r#type
        .as_ref()
        .and_then(|kind| kind.tensor_type.as_ref());
    let (dtype, engine_type) = match tensor.and_then(|tensor| tensor.elem_type) {
        Some(onnx::DataType::FLOAT) => (Some(DataType::F32), EngineType::F32),
        Some(onnx::DataType::DOUBLE) => (Some(DataType::F64), EngineType::F32),
        Some(onnx::DataType::FLOAT16) => (Some(DataType::F16), EngineType::F32),
        Some(onnx::DataType::BFLOAT16) => (Some(DataType::Bf16), EngineType::F32),
        Some(onnx::DataType::INT32) => (Some(DataType::I32), EngineType::I32),
        Some(onnx::DataType::INT64) => (Some(DataType::I64), EngineType::I32),
        Some(onnx::DataType::BOOL) => (Some(DataType::U8), EngineType::I32),
        Some(onnx::DataType::UINT8) => (Some(DataType::U8), EngineType::U8),
        Some(onnx::DataType::INT8) => (Some(DataType::U8), EngineType::I8),
        None => (None, EngineType::F32),
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
    Ok((TensorInfo { name, dtype, dims }, engine_type))
}

fn dimension(dim: &onnx::Dimension) -> Dimension {
    match (dim.dim_value.map(u32::try_from), &dim.dim_param) {
        (Some(Ok(size)), _) => Dimension::Fixed(size),
        (_, Some(name)) if !name.is_empty() => Dimension::Named(name.clone()),
        _ => Dimension::Any,
    }
}
