//! What a stage's outputs hold in rows that it did not compute.

use crate::cast::Converted;
use arrow_array::types::*;
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, new_null_array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use rulestage_rule_compiler::ir::{Const, RuleSet};
use std::sync::Arc;

/// One value for each output: what rules declare, null otherwise.
pub(crate) fn defaults(outputs: &Schema, ruleset: Option<&RuleSet>) -> Vec<ArrayRef> {
    let declared = |field: &Field| {
        let output = ruleset?
            .outputs
            .iter()
            .find(|output| output.name == *field.name())?;
        array(&output.default, field)
    };
    let fields = outputs.fields().iter();
    fields
        .map(|field| declared(field).unwrap_or_else(|| new_null_array(field.data_type(), 1)))
        .collect()
}

/// An array of one constant; `None` where it does not fit the field.
pub(crate) fn array(value: &Const, field: &Field) -> Option<ArrayRef> {
    let count = |nanoseconds: i128, unit: &TimeUnit| {
        let per_unit = match unit {
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Millisecond => 1_000_000,
            TimeUnit::Microsecond => 1_000,
            TimeUnit::Nanosecond => 1,
        };
        i64::try_from(nanoseconds / per_unit).ok()
    };
    if crate::wire::is_dynamic(field) {
        let text = crate::dynamic::to_json(value).to_string();
        return Some(Arc::new(arrow_array::StringArray::from(vec![text])));
    }
    match (value, field.data_type()) {
        (Const::Bytes(bytes), DataType::Binary) => {
            Some(Arc::new(BinaryArray::from_vec(vec![bytes])))
        }
        (Const::Duration(nanoseconds), DataType::Duration(unit)) => {
            int_as(count(i128::from(*nanoseconds), unit)?, field)
        }
        (Const::Timestamp(seconds, below), DataType::Timestamp(unit, _)) => int_as(
            count(
                i128::from(*seconds) * 1_000_000_000 + i128::from(*below),
                unit,
            )?,
            field,
        ),
        (value, _) => {
            let text: ArrayRef = Arc::new(arrow_array::StringArray::from(vec![
                json(value)?.to_string(),
            ]));
            let Converted { array, errors } = crate::cast::convert(
                &text,
                &crate::wire::dynamic_field("", true),
                &field.clone().with_nullable(true),
            )
            .ok()?;
            Some(array).filter(|_| errors.is_empty())
        }
    }
}

fn int_as(count: i64, field: &Field) -> Option<ArrayRef> {
    let to = field.data_type().clone();
    fn typed<T: arrow_array::ArrowPrimitiveType<Native = i64>>(
        count: i64,
        to: DataType,
    ) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_value(count, 1).with_data_type(to))
    }
    Some(match &to {
        DataType::Timestamp(TimeUnit::Second, _) => typed::<TimestampSecondType>(count, to),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            typed::<TimestampMillisecondType>(count, to)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            typed::<TimestampMicrosecondType>(count, to)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => typed::<TimestampNanosecondType>(count, to),
        DataType::Duration(TimeUnit::Second) => typed::<DurationSecondType>(count, to),
        DataType::Duration(TimeUnit::Millisecond) => typed::<DurationMillisecondType>(count, to),
        DataType::Duration(TimeUnit::Microsecond) => typed::<DurationMicrosecondType>(count, to),
        DataType::Duration(TimeUnit::Nanosecond) => typed::<DurationNanosecondType>(count, to),
        _ => return None,
    })
}

fn json(value: &Const) -> Option<serde_json::Value> {
    Some(match value {
        Const::Null => serde_json::Value::Null,
        Const::Bool(value) => (*value).into(),
        Const::Int(value) => (*value).into(),
        Const::Uint(value) => (*value).into(),
        Const::Double(value) if value.is_finite() => (*value).into(),
        Const::Double(value) if value.is_nan() => "NaN".into(),
        Const::Double(value) if *value > 0.0 => "Infinity".into(),
        Const::Double(_) => "-Infinity".into(),
        Const::String(text) => text.as_str().into(),
        Const::Decimal(value) => value.to_string().into(),
        Const::List(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        _ => return None,
    })
}
