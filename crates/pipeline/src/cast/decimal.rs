//! Columns of decimals, by way of their digits.

use super::{Converted, clean, text};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::{DataType, Field};
use std::sync::Arc;

pub(super) fn is_decimal(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(
        data_type,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..)
    )
}

/// As text with all places, or as numbers, where the type has the value.
pub(super) fn convert(array: &ArrayRef, to: &Field) -> Converted {
    let is_text = *to.data_type() == DataType::Utf8;
    let texts: StringArray = (0..array.len())
        .map(|row| {
            let digits = digits(array, row)?;
            Some(match digits.contains('.') && !is_text {
                // `12.00` is a whole number.
                true => digits
                    .trim_end_matches('0')
                    .trim_end_matches('.')
                    .to_owned(),
                false => digits,
            })
        })
        .collect();
    let texts: ArrayRef = Arc::new(texts);
    if is_text {
        clean(texts)
    } else {
        text::convert(&texts, to)
    }
}

/// The text of a value; nothing where it is null or no decimal.
pub(super) fn digits(array: &dyn Array, row: usize) -> Option<String> {
    use DataType::*;
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        Decimal32(..) => array.as_primitive::<Decimal32Type>().value_as_string(row),
        Decimal64(..) => array.as_primitive::<Decimal64Type>().value_as_string(row),
        Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        _ => return None,
    })
}
