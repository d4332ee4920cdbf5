//! Values between operators.

use crate::error::{Error, Result};
use std::rc::Rc;

/// The elements, in row-major order. All whole numbers are computed with 64 bits.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `float`
    F32(Vec<f32>),
    /// `double`
    F64(Vec<f64>),
    /// `int64` and narrower whole numbers
    I64(Vec<i64>),
    /// `bool`
    Bool(Vec<bool>),
    /// `string`
    Text(Vec<Rc<str>>),
}

/// An n-dimensional array.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Row-major
    pub dims: Vec<usize>,
    /// As many as the product of `dims`
    pub data: Data,
    /// Whether it depends on the rows; then its first dimension is the rows, always.
    pub(crate) batched: bool,
    /// The names of the classes along the last dimension, where a classifier gave the scores
    pub(crate) classes: Option<Rc<Vec<String>>>,
}

/// The most elements that one value may have for each row: far more than tabular models use, and a bound for broken ones.
pub(crate) const MAX_CELLS_PER_ROW: usize = 1 << 20;

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As people write the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "float",
            Self::F64(_) => "double",
            Self::I64(_) => "int64",
            Self::Bool(_) => "bool",
            Self::Text(_) => "string",
        }
    }

    /// Elements one after another, which must be there.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(values[range].to_vec()),
            Self::F64(values) => Self::F64(values[range].to_vec()),
            Self::I64(values) => Self::I64(values[range].to_vec()),
            Self::Bool(values) => Self::Bool(values[range].to_vec()),
            Self::Text(values) => Self::Text(values[range].to_vec()),
        }
    }

    /// The elements from one on, which are no longer in here.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::F32(values) => Self::F32(values.split_off(at)),
            Self::F64(values) => Self::F64(values.split_off(at)),
            Self::I64(values) => Self::I64(values.split_off(at)),
            Self::Bool(values) => Self::Bool(values.split_off(at)),
            Self::Text(values) => Self::Text(values.split_off(at)),
        }
    }

    /// Adds what is of the same type.
    pub(crate) fn append(&mut self, more: Self) -> Result<()> {
        match (self, more) {
            (Self::F32(all), Self::F32(more)) => all.extend(more),
            (Self::F64(all), Self::F64(more)) => all.extend(more),
            (Self::I64(all), Self::I64(more)) => all.extend(more),
            (Self::Bool(all), Self::Bool(more)) => all.extend(more),
            (Self::Text(all), Self::Text(more)) => all.extend(more),
            (all, more) => {
                return Err(Error::invalid(format!(
                    "can't join {} and {}",
                    all.type_name(),
                    more.type_name()
                )));
            }
        }
        Ok(())
    }

    /// The elements at these places, each of which must be there.
    pub(crate) fn pick(&self, places: &[usize]) -> Self {
        fn picked<T: Clone>(values: &[T], places: &[usize]) -> Vec<T> {
            places.iter().map(|&place| values[place].clone()).collect()
        }
        match self {
            Self::F32(values) => Self::F32(picked(values, places)),
            Self::F64(values) => Self::F64(picked(values, places)),
            Self::I64(values) => Self::I64(picked(values, places)),
            Self::Bool(values) => Self::Bool(picked(values, places)),
            Self::Text(values) => Self::Text(picked(values, places)),
        }
    }
}

impl Tensor {
    /// A value that does not depend on the rows.
    pub(crate) fn constant(dims: Vec<usize>, data: Data) -> Self {
        Self {
            dims,
            data,
            batched: false,
            classes: None,
        }
    }

    /// A value with the rows as its first dimension.
    pub fn rows(dims: Vec<usize>, data: Data) -> Self {
        Self {
            dims,
            data,
            batched: true,
            classes: None,
        }
    }

    /// The same elements in other dimensions.
    pub(crate) fn with_dims(&self, dims: Vec<usize>) -> Self {
        Self {
            dims,
            ..self.clone()
        }
    }

    pub(crate) fn with_data(&self, data: Data) -> Self {
        Self {
            dims: self.dims.clone(),
            data,
            batched: self.batched,
            classes: self.classes.clone(),
        }
    }

    /// Rows and columns of a matrix; one dimension is one column of rows, as the operators of ONNX-ML take what
    /// depends on rows.
    pub(crate) fn matrix_dims(&self) -> Result<(usize, usize)> {
        match *self.dims.as_slice() {
            [rows] => Ok((rows, 1)),
            [rows, columns] => Ok((rows, columns)),
            _ => Err(Error::unsupported(format!(
                "takes a matrix, and was given {:?}",
                self.dims
            ))),
        }
    }

    /// The elements as floats, as ONNX Runtime converts what its kernels take as floats.
    pub(crate) fn to_f32(&self) -> Result<Vec<f32>> {
        Ok(match &self.data {
            Data::F32(values) => values.clone(),
            Data::F64(values) => values.iter().map(|&value| value as f32).collect(),
            Data::I64(values) => values.iter().map(|&value| value as f32).collect(),
            Data::Bool(values) => values
                .iter()
                .map(|&value| f32::from(u8::from(value)))
                .collect(),
            Data::Text(_) => return Err(Error::invalid("takes numbers, and was given texts")),
        })
    }

    pub(crate) fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(match &self.data {
            Data::F64(values) => values.clone(),
            Data::I64(values) => values.iter().map(|&value| value as f64).collect(),
            _ => self.to_f32()?.into_iter().map(f64::from).collect(),
        })
    }

    pub(crate) fn ints(&self) -> Result<&[i64]> {
        match &self.data {
            Data::I64(values) => Ok(values),
            other => Err(Error::invalid(format!(
                "takes whole numbers, and was given {}",
                other.type_name()
            ))),
        }
    }
}

/// The number of elements of these dimensions, if it is not beyond reason for that many rows.
pub(crate) fn n_cells(dims: &[usize], rows: usize) -> Result<usize> {
    dims.iter()
        .try_fold(1usize, |all, &dim| all.checked_mul(dim))
        .filter(|&cells| cells / MAX_CELLS_PER_ROW <= rows.max(1))
        .ok_or_else(|| Error::invalid(format!("the dimensions {dims:?} are too large")))
}
