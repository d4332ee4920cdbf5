use std::fmt;

/// The element types of `wasi:nn`'s `tensor-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// IEEE 754 half precision
    F16,
    /// IEEE 754 single precision
    F32,
    /// IEEE 754 double precision
    F64,
    /// The upper half of an `f32`
    Bf16,
    /// Unsigned bytes; also booleans, as 0 and 1
    U8,
    /// Signed 32-bit integers
    I32,
    /// Signed 64-bit integers
    I64,
}

impl DataType {
    /// The size of one element in bytes.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
        })
    }
}

/// A dense tensor: row-major, little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The size of each dimension; a single value is `[1]`
    pub dims: Vec<u32>,
    /// The type of the elements
    pub dtype: DataType,
    /// The product of `dims` elements
    pub data: Vec<u8>,
}

impl Tensor {
    /// The number of elements that `dims` ask for; `None` where it exceeds 64 bits.
    pub fn n_elements(&self) -> Option<u64> {
        self.dims
            .iter()
            .try_fold(1u64, |n, &dim| n.checked_mul(u64::from(dim)))
    }
}
