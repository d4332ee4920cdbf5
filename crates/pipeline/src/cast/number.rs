//! Numbers to numbers: a value converts if the other type has it; `f32` takes the nearest to a double.

use super::{CellError, Converted};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
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
    /// As `narrow`, of a whole number that every float type has.
    fn small(number: u32) -> Option<Self::Native>;
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
            fn small(number: u32) -> Option<$native> {
                number.try_into().ok()
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
    fn small(number: u32) -> Option<f64> {
        Some(number.into())
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
    fn small(number: u32) -> Option<f32> {
        Some(number as f32)
    }
}

/// The digits of each number; of doubles the shortest that read back as the same.
pub(super) fn texts(array: &ArrayRef) -> ArrayRef {
    macro_rules! texts {
        ($($case:ident => $from:ty),*) => {
            match array.data_type() {
                $(DataType::$case => {
                    let values = array.as_primitive::<$from>().iter();
                    values.map(|value| value.map(|value| value.to_string())).collect::<StringArray>()
                })*
                _ => StringArray::new_null(array.len()),
            }
        };
    }
    Arc::new(texts!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type,
        Float32 => Float32Type, Float64 => Float64Type
    ))
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

/// The types that columns of rules have are converted to in one go, where every value converts; everything else goes
/// through [`Number`], so that there is not a loop for each pair of types.
fn to_type<F: Numeric>(array: &PrimitiveArray<F>, to: &DataType) -> Converted {
    let all = match to {
        DataType::Int64 => all::<F, Int64Type>(array),
        DataType::UInt64 => all::<F, UInt64Type>(array),
        DataType::Float64 => all::<F, Float64Type>(array),
        _ => None,
    };
    if let Some(array) = all {
        return Converted {
            array,
            errors: Vec::new(),
        };
    }
    let numbers: Vec<Option<Number>> = array.iter().map(|value| value.map(F::widen)).collect();
    match to {
        DataType::Int8 => each::<Int8Type>(&numbers),
        DataType::Int16 => each::<Int16Type>(&numbers),
        DataType::Int32 => each::<Int32Type>(&numbers),
        DataType::Int64 => each::<Int64Type>(&numbers),
        DataType::UInt8 => each::<UInt8Type>(&numbers),
        DataType::UInt16 => each::<UInt16Type>(&numbers),
        DataType::UInt32 => each::<UInt32Type>(&numbers),
        DataType::UInt64 => each::<UInt64Type>(&numbers),
        DataType::Float32 => each::<Float32Type>(&numbers),
        _ => each::<Float64Type>(&numbers),
    }
}

/// Almost always every value converts, and the nulls stay as they are.
fn all<F: Numeric, T: Numeric>(array: &PrimitiveArray<F>) -> Option<ArrayRef> {
    let values = array.values().iter().enumerate().map(|(row, value)| {
        T::narrow(F::widen(*value)).or_else(|| array.is_null(row).then(T::Native::default))
    });
    let values = values.collect::<Option<Vec<_>>>()?;
    let array = PrimitiveArray::<T>::new(values.into(), array.nulls().cloned());
    Some(Arc::new(array))
}

fn each<T: Numeric>(numbers: &[Option<Number>]) -> Converted {
    let mut errors = Vec::new();
    let mut values: Vec<Option<T::Native>> = Vec::with_capacity(numbers.len());
    for (row, number) in numbers.iter().enumerate() {
        let converted = number.and_then(T::narrow);
        if let (Some(number), None) = (number, converted) {
            errors.push(CellError {
                row: row as u32,
                message: no_such_value(*number, &T::DATA_TYPE),
            });
        }
        values.push(converted);
    }
    Converted {
        array: Arc::new(values.into_iter().collect::<PrimitiveArray<T>>()),
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
