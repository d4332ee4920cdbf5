//! Numbers to numbers: a value converts if the other type has it; `f32` takes the nearest to a double.

use super::{CellError, Converted};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::DataType;
use std::sync::Arc;

pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Float32 | DataType::Float64)
}

/// A number without its type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

/// The types that columns of numbers have.
pub(super) trait Numeric: ArrowPrimitiveType {
    fn widen(value: Self::Native) -> Number;
    /// `None` where the type does not have the number.
    fn narrow(number: Number) -> Option<Self::Native>;
}

macro_rules! integer {
    ($($array:ty, $native:ty);*) => {$(
        impl Numeric for $array {
            fn widen(value: $native) -> Number {
                Number::Integer(i128::from(value))
            }
            fn narrow(number: Number) -> Option<$native> {
                match number {
                    Number::Integer(value) => <$native>::try_from(value).ok(),
                    // 2^64 is a double: everything below it is far inside i128
                    Number::Float(value) if value % 1.0 == 0.0 && value > -2e19 && value < 2e19 => {
                        <$native>::try_from(value as i128).ok()
                    }
                    Number::Float(_) => None,
                }
            }
        }
    )*};
}

integer!(
    Int8Type, i8; Int16Type, i16; Int32Type, i32; Int64Type, i64;
    UInt8Type, u8; UInt16Type, u16; UInt32Type, u32; UInt64Type, u64
);

impl Numeric for Float64Type {
    fn widen(value: f64) -> Number {
        Number::Float(value)
    }
    fn narrow(number: Number) -> Option<f64> {
        match number {
            Number::Integer(value) => Some(value as f64).filter(|double| *double as i128 == value),
            Number::Float(value) => Some(value),
        }
    }
}

impl Numeric for Float32Type {
    fn widen(value: f32) -> Number {
        Number::Float(f64::from(value))
    }
    fn narrow(number: Number) -> Option<f32> {
        match number {
            Number::Integer(value) => Some(value as f32).filter(|float| *float as i128 == value),
            Number::Float(value) => {
                Some(value as f32).filter(|float| float.is_finite() || !value.is_finite())
            }
        }
    }
}

pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Converted {
    macro_rules! from {
        ($($case:ident => $from:ty),*) => {
            match array.data_type() {
                $(DataType::$case => to_type(array.as_primitive::<$from>(), to),)*
                _ => Converted { array: array.clone(), errors: Vec::new() },
            }
        };
    }
    from!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type,
        Float32 => Float32Type, Float64 => Float64Type
    )
}

fn to_type<F: Numeric>(array: &PrimitiveArray<F>, to: &DataType) -> Converted {
    match to {
        DataType::Int8 => values::<F, Int8Type>(array),
        DataType::Int16 => values::<F, Int16Type>(array),
        DataType::Int32 => values::<F, Int32Type>(array),
        DataType::Int64 => values::<F, Int64Type>(array),
        DataType::UInt8 => values::<F, UInt8Type>(array),
        DataType::UInt16 => values::<F, UInt16Type>(array),
        DataType::UInt32 => values::<F, UInt32Type>(array),
        DataType::UInt64 => values::<F, UInt64Type>(array),
        DataType::Float32 => values::<F, Float32Type>(array),
        _ => values::<F, Float64Type>(array),
    }
}

fn values<F: Numeric, T: Numeric>(array: &PrimitiveArray<F>) -> Converted {
    // Almost always every value converts, and the nulls stay as they are.
    let all = || {
        let values = array.values().iter().enumerate().map(|(row, value)| {
            T::narrow(F::widen(*value)).or_else(|| {
                if array.is_null(row) {
                    Some(T::Native::default())
                } else {
                    None
                }
            })
        });
        values.collect::<Option<Vec<_>>>()
    };
    if let Some(values) = all() {
        let array = PrimitiveArray::<T>::new(values.into(), array.nulls().cloned());
        return Converted {
            array: Arc::new(array),
            errors: Vec::new(),
        };
    }
    let mut errors = Vec::new();
    let values: PrimitiveArray<T> = array
        .iter()
        .enumerate()
        .map(|(row, value)| {
            let value = value?;
            let converted = T::narrow(F::widen(value));
            if converted.is_none() {
                errors.push(CellError {
                    row: row as u32,
                    message: no_such_value(F::widen(value), &T::DATA_TYPE),
                });
            }
            converted
        })
        .collect();
    Converted {
        array: Arc::new(values),
        errors,
    }
}

/// Why a type does not have a number.
pub(super) fn no_such_value(number: Number, to: &DataType) -> String {
    let to = crate::wire::type_name(&arrow_schema::Field::new("", to.clone(), false));
    match number {
        Number::Integer(value) => format!("{value} is no {to}"),
        Number::Float(value) => format!("{value:?} is no {to}"),
    }
}
