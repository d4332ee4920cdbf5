use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::footprint::Footprint;
use crate::signature::{list, parse_graph, quoted};
use crate::weights::without_weights;
use crate::wire;
use crate::{
    Backend, Dimension, Graph, InferenceError, InferenceErrorKind, Options, Rten, Session,
    Signature, Tensor, TensorInfo,
};

/// How much a model and its tensors may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest model file
    pub model_bytes: u64,
    /// The largest input or output tensor
    pub tensor_bytes: u64,
    /// What the tensors of one computation may take at once, inside of the model too; `u64::MAX` for no limit
    pub compute_bytes: u64,
}

impl Default for Limits {
    /// 2 GiB, the most that one ONNX file can hold, 1 GiB for each tensor, and 4 GiB for a computation.
    fn default() -> Self {
        Self {
            model_bytes: 2 << 30,
            tensor_bytes: 1 << 30,
            compute_bytes: 4 << 30,
        }
    }
}

/// A model ready to compute; shared by any number of threads.
pub struct Model {
    signature: Signature,
    /// `None` where there is no limit
    footprint: Option<Footprint>,
    backend: &'static str,
    graph: Box<dyn Graph>,
    limits: Limits,
    /// As many as there were computations at the same time; none waits for another
    idle: Mutex<Vec<Box<dyn Session>>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("signature", &self.signature)
            .field("graph", &self.graph)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// A model of the embedded engine from the bytes of an ONNX file, see [`Model::load_with`].
    pub fn load(file: &[u8], limits: Limits) -> Result<Self, InferenceError> {
        let options = Options {
            limits,
            ..Options::default()
        };
        Self::load_with(&Rten, file, &options)
    }

    /// A model from the bytes of an ONNX file. Weights in separate files are not supported.
    pub fn load_with(
        backend: &dyn Backend,
        file: &[u8],
        options: &Options,
    ) -> Result<Self, InferenceError> {
        let limits = options.limits;
        if file.len() as u64 > limits.model_bytes {
            let (size, most) = (file.len(), limits.model_bytes);
            return Err(InferenceError::new(
                InferenceErrorKind::TooLarge,
                format!("the model has {size} bytes, more than its limit of {most}"),
            ));
        }
        wire::check(file)?;
        // Parsing copies, and nobody asks for the weights here.
        let light = without_weights(file);
        let parsed = parse_graph(light.as_deref().unwrap_or(file))?;
        let signature = Signature::of(&parsed)?;
        let footprint = match limits.compute_bytes {
            u64::MAX => None,
            limit => Some(Footprint::new(&parsed, limit)?),
        };
        drop((parsed, light));
        let unbounded = match &footprint {
            Some(footprint) => footprint.check_load(&signature)?,
            None => None,
        };
        let graph = backend.load(file, &signature, options)?;
        if let Some(unbounded) = unbounded {
            return Err(unbounded);
        }
        Ok(Self {
            signature,
            footprint,
            backend: backend.name(),
            graph,
            limits,
            idle: Mutex::default(),
        })
    }

    /// The engine that computes it.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// What the model takes, in its own order.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.signature.inputs
    }

    /// What the model gives, in its own order.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.signature.outputs
    }

    /// All outputs, for one tensor of each input, in any order.
    pub fn compute(
        &self,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>, InferenceError> {
        let ordered = self.check(inputs)?;
        if let Some(footprint) = &self.footprint {
            footprint.check(&self.signature, &ordered)?;
        }
        let mut session = match self.idle().pop() {
            Some(session) => session,
            None => self.graph.session()?,
        };
        let results = session.compute(&self.signature, ordered);
        self.idle().push(session);
        let results = results?;
        let limit = self.limits.tensor_bytes;
        if let Some((info, tensor)) = self
            .outputs()
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
            .outputs()
            .iter()
            .map(|info| info.name.clone())
            .zip(results)
            .collect())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The given tensors in the model's order, each fit for its input.
    fn check(&self, given: Vec<(String, Tensor)>) -> Result<Vec<Tensor>, InferenceError> {
        let invalid = |message: String| {
            Err(InferenceError::new(
                InferenceErrorKind::InvalidInput,
                message,
            ))
        };
        let mut slots: Vec<Option<Tensor>> = vec![None; self.inputs().len()];
        let mut sizes: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
        for (name, tensor) in given {
            let Some(index) = self.inputs().iter().position(|info| info.name == name) else {
                let known = quoted(self.inputs().iter().map(|info| info.name.as_str()));
                return invalid(format!(
                    "the model has no input `{name}`; its inputs are {known}"
                ));
            };
            if slots[index].is_some() {
                return invalid(format!("input `{name}` is given twice"));
            }
            let info = &self.inputs()[index];
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
            .inputs()
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

/// No engine has tensors of more; messages show them all.
const MOST_DIMENSIONS: usize = 32;

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
    if tensor.dims.len() > MOST_DIMENSIONS {
        let n_dims = tensor.dims.len();
        return invalid(format!("input `{name}` has {n_dims} dimensions"));
    }
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
    if tensor.data.is_empty() {
        return invalid(format!(
            "input `{name}` is {}[{}], which has no elements; a dimension can't be 0",
            tensor.dtype,
            list(&tensor.dims)
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
