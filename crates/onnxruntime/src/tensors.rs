//! Tensors of `wasi:nn` to and from values of ONNX Runtime.

use std::slice;

use bytemuck::AnyBitPattern;
use ort::memory::Allocator;
use ort::session::SessionInputValue;
use ort::value::{
    DynTensor, DynTensorValueType, DynValue, PrimitiveTensorElementType, TensorElementType,
    TensorRef,
};
use rulestage_inference::{
    DataType, ElementType, InferenceError, InferenceErrorKind, Tensor, TensorInfo,
};

use crate::library::failed;

/// An input. Types that Rust has are views of the tensor's own bytes; others are copied.
pub(crate) fn value<'a>(
    info: &TensorInfo,
    tensor: &'a Tensor,
) -> ort::Result<SessionInputValue<'a>> {
    let is_scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
    let dims: Vec<i64> = match is_scalar {
        true => Vec::new(),
        false => tensor.dims.iter().map(|&dim| i64::from(dim)).collect(),
    };
    let element = element_type(info, tensor.dtype);
    let view = match element {
        TensorElementType::Float32 => view::<f32>(&dims, &tensor.data)?,
        TensorElementType::Float64 => view::<f64>(&dims, &tensor.data)?,
        TensorElementType::Int32 => view::<i32>(&dims, &tensor.data)?,
        TensorElementType::Int64 => view::<i64>(&dims, &tensor.data)?,
        TensorElementType::Uint8 => view::<u8>(&dims, &tensor.data)?,
        TensorElementType::Int8 => view::<i8>(&dims, &tensor.data)?,
        _ => None,
    };
    match view {
        Some(view) => Ok(view),
        None => copy(element, dims, &tensor.data),
    }
}

/// `None` where the bytes don't lie as the elements have to.
fn view<'a, T>(dims: &[i64], data: &'a [u8]) -> ort::Result<Option<SessionInputValue<'a>>>
where
    T: PrimitiveTensorElementType + AnyBitPattern + std::fmt::Debug + 'static,
{
    match bytemuck::try_cast_slice::<u8, T>(data) {
        Ok(elements) => Ok(Some(
            TensorRef::from_array_view((dims.to_vec(), elements))?.into(),
        )),
        Err(_) => Ok(None),
    }
}

fn copy(
    element: TensorElementType,
    dims: Vec<i64>,
    data: &[u8],
) -> ort::Result<SessionInputValue<'static>> {
    let mut value = DynTensor::new(&Allocator::default(), element, dims)?;
    let size = value.size().unwrap_or(0);
    if size != data.len() {
        return Err(ort::Error::new(format!(
            "a tensor of {size} bytes can't hold {}",
            data.len()
        )));
    }
    let at = value.data_ptr_mut().cast::<u8>();
    if !at.is_null() {
        #[expect(
            unsafe_code,
            reason = "ONNX Runtime allocated `size` bytes of plain numbers there, on the processor"
        )]
        unsafe {
            slice::from_raw_parts_mut(at, size).copy_from_slice(data);
        }
    }
    Ok(value.into())
}

/// An output, copied once.
pub(crate) fn tensor(info: &TensorInfo, value: &DynValue) -> Result<Tensor, InferenceError> {
    let unsupported = |what: String| {
        InferenceError::new(
            InferenceErrorKind::UnsupportedModel,
            format!(
                "output `{}` is {what}, which wasi:nn has no tensors of",
                info.name
            ),
        )
    };
    let value = value
        .view()
        .downcast::<DynTensorValueType>()
        .map_err(|_| unsupported("no tensor".to_owned()))?;
    let dtype = match value.data_type() {
        TensorElementType::Float16 => DataType::F16,
        TensorElementType::Float32 => DataType::F32,
        TensorElementType::Float64 => DataType::F64,
        TensorElementType::Bfloat16 => DataType::Bf16,
        TensorElementType::Bool | TensorElementType::Int8 | TensorElementType::Uint8 => {
            DataType::U8
        }
        TensorElementType::Int32 => DataType::I32,
        TensorElementType::Int64 => DataType::I64,
        other => return Err(unsupported(format!("of {other}"))),
    };
    let mut dims: Vec<u32> = value.shape().iter().map(|&dim| dim as u32).collect();
    if dims.is_empty() {
        dims.push(1);
    }
    let size = value
        .size()
        .ok_or_else(|| failed(&ort::Error::new("a tensor without a size")))?;
    let at = value.data_ptr().cast::<u8>();
    let data = if size == 0 || at.is_null() {
        Vec::new()
    } else {
        #[expect(
            unsafe_code,
            reason = "the value owns `size` bytes of plain numbers there; outputs lie on the processor"
        )]
        unsafe {
            slice::from_raw_parts(at, size).to_vec()
        }
    };
    Ok(Tensor { dims, dtype, data })
}

/// What the model declares; where it leaves the type open, that of the tensor.
fn element_type(info: &TensorInfo, given: DataType) -> TensorElementType {
    match info.element {
        Some(ElementType::F16) => TensorElementType::Float16,
        Some(ElementType::F32) => TensorElementType::Float32,
        Some(ElementType::F64) => TensorElementType::Float64,
        Some(ElementType::Bf16) => TensorElementType::Bfloat16,
        Some(ElementType::Bool) => TensorElementType::Bool,
        Some(ElementType::I8) => TensorElementType::Int8,
        Some(ElementType::U8) => TensorElementType::Uint8,
        Some(ElementType::I32) => TensorElementType::Int32,
        Some(ElementType::I64) => TensorElementType::Int64,
        None => match given {
            DataType::F16 => TensorElementType::Float16,
            DataType::F32 => TensorElementType::Float32,
            DataType::F64 => TensorElementType::Float64,
            DataType::Bf16 => TensorElementType::Bfloat16,
            DataType::U8 => TensorElementType::Uint8,
            DataType::I32 => TensorElementType::Int32,
            DataType::I64 => TensorElementType::Int64,
        },
    }
}
