//! Graphs and sessions of OpenVINO.

#![allow(unsafe_code, reason = "objects of a shared library")]

use std::fmt;
use std::sync::Arc;

use rulestage_inference::{
    DataType, ElementType, Graph, InferenceError, InferenceErrorKind, Session, Signature, Tensor,
    TensorInfo,
};

use crate::api::{Element, Handle};
use crate::library::Loaded;

/// A model that OpenVINO has compiled.
pub(crate) struct OpenVinoGraph(Arc<Compiled>);

struct Compiled {
    library: Arc<Loaded>,
    handle: Handle,
}

// SAFETY: a compiled model may make requests on any thread (`ov::CompiledModel`).
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

impl Drop for Compiled {
    fn drop(&mut self) {
        // SAFETY: requests hold the model, so that none is left.
        unsafe { self.library.api().free_compiled(self.handle) }
    }
}

impl OpenVinoGraph {
    /// Takes over a handle of [`Api::compile`](crate::api::Api::compile).
    pub(crate) fn new(library: Arc<Loaded>, handle: Handle) -> Self {
        Self(Arc::new(Compiled { library, handle }))
    }
}

impl fmt::Debug for OpenVinoGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenVinoGraph").finish_non_exhaustive()
    }
}

impl Graph for OpenVinoGraph {
    fn session(&self) -> Result<Box<dyn Session>, InferenceError> {
        let compiled = Arc::clone(&self.0);
        let request = compiled
            .library
            .api()
            .request(compiled.handle)
            .map_err(failed)?;
        let handle = request.into_handle();
        Ok(Box::new(Request { compiled, handle }))
    }
}

struct Request {
    compiled: Arc<Compiled>,
    handle: Handle,
}

// SAFETY: a request belongs to one thread at a time, which `&mut self` sees to.
unsafe impl Send for Request {}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: nothing else has it.
        unsafe { self.compiled.library.api().free_request(self.handle) }
    }
}

impl Session for Request {
    fn compute(
        &mut self,
        signature: &Signature,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let api = self.compiled.library.api();
        for (info, tensor) in signature.inputs.iter().zip(&inputs) {
            let is_scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
            let dims: Vec<i64> = match is_scalar {
                true => Vec::new(),
                false => tensor.dims.iter().map(|&dim| i64::from(dim)).collect(),
            };
            let element = element(info, tensor.dtype);
            let given = api.input(element, &dims, &tensor.data).map_err(failed)?;
            api.set_tensor(self.handle, &info.name, &given)
                .map_err(failed)?;
        }
        api.infer(self.handle).map_err(|why| {
            InferenceError::new(
                InferenceErrorKind::Failed,
                format!("the model failed: {why}"),
            )
        })?;
        let outputs = signature.outputs.iter().map(|info| {
            let (element, dims, data) = api.output(self.handle, &info.name).map_err(failed)?;
            output(info, element, &dims, data)
        });
        outputs.collect()
    }
}

fn failed(why: String) -> InferenceError {
    InferenceError::new(
        InferenceErrorKind::Failed,
        format!("OpenVINO failed: {why}"),
    )
}

/// What the model declares; where it leaves the type open, that of the tensor.
fn element(info: &TensorInfo, given: DataType) -> Element {
    match info.element {
        Some(ElementType::F16) => Element::F16,
        Some(ElementType::F32) => Element::F32,
        Some(ElementType::F64) => Element::F64,
        Some(ElementType::Bf16) => Element::Bf16,
        Some(ElementType::Bool) => Element::Boolean,
        Some(ElementType::I8) => Element::I8,
        Some(ElementType::U8) => Element::U8,
        Some(ElementType::I32) => Element::I32,
        Some(ElementType::I64) => Element::I64,
        None => match given {
            DataType::F16 => Element::F16,
            DataType::F32 => Element::F32,
            DataType::F64 => Element::F64,
            DataType::Bf16 => Element::Bf16,
            DataType::U8 => Element::U8,
            DataType::I32 => Element::I32,
            DataType::I64 => Element::I64,
        },
    }
}

fn output(
    info: &TensorInfo,
    element: u32,
    dims: &[i64],
    data: Vec<u8>,
) -> Result<Tensor, InferenceError> {
    let known = Element::ALL
        .into_iter()
        .find(|known| *known as u32 == element);
    let dtype = match known {
        Some(Element::F16) => DataType::F16,
        Some(Element::F32) => DataType::F32,
        Some(Element::F64) => DataType::F64,
        Some(Element::Bf16) => DataType::Bf16,
        Some(Element::Boolean | Element::I8 | Element::U8) => DataType::U8,
        Some(Element::I32) => DataType::I32,
        Some(Element::I64) => DataType::I64,
        None => {
            return Err(InferenceError::new(
                InferenceErrorKind::UnsupportedModel,
                format!(
                    "output `{}` is of a type that wasi:nn has no tensors of",
                    info.name
                ),
            ));
        }
    };
    let mut dims: Vec<u32> = dims.iter().map(|&dim| dim as u32).collect();
    if dims.is_empty() {
        dims.push(1);
    }
    Ok(Tensor { dims, dtype, data })
}
