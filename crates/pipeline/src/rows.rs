//! Rows of arrays put together anew: one small implementation for all types. Arrow's own kernels hold code for each
//! type, and for each pair of types to merge dictionaries by; in the playground they were a quarter of what it loads.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, SchemaRef};

/// The rows of `sources`, which are of one type, that `places` names by source and row, in that order. `None` is null.
///
/// # Errors
/// The result would be larger than its offsets can say.
pub fn gather(
    sources: &[&dyn Array],
    places: impl IntoIterator<Item = Option<(usize, usize)>>,
) -> Result<ArrayRef, ArrowError> {
    let data: Vec<ArrayData> = sources.iter().map(|source| source.to_data()).collect();
    let places = places.into_iter();
    let capacity = places.size_hint().0;
    let mut gathered = MutableArrayData::try_new(data.iter().collect(), true, capacity)?;
    // Neighbours are copied together.
    let (mut source, mut start, mut end) = (0, 0, 0);
    for place in places {
        match place {
            Some((of, row)) if of == source && row == end && start < end => end += 1,
            place => {
                gathered.try_extend(source, start, end)?;
                match place {
                    Some((of, row)) => (source, start, end) = (of, row, row + 1),
                    None => {
                        (start, end) = (0, 0);
                        gathered.try_extend_nulls(1)?;
                    }
                }
            }
        }
    }
    gathered.try_extend(source, start, end)?;
    Ok(make_array(gathered.freeze()))
}

/// The named rows of an array.
///
/// # Errors
/// As [`gather`].
pub fn take(
    array: &dyn Array,
    rows: impl IntoIterator<Item = usize>,
) -> Result<ArrayRef, ArrowError> {
    gather(&[array], rows.into_iter().map(|row| Some((0, row))))
}

/// A dictionary array as a plain one.
///
/// # Errors
/// As [`gather`].
pub fn decode_dictionary(array: &dyn Array) -> Result<ArrayRef, ArrowError> {
    let dictionary = array.as_any_dictionary();
    let keys = dictionary.normalized_keys();
    let places = keys.into_iter().enumerate().map(|(row, key)| {
        let is_value = dictionary.keys().is_valid(row);
        is_value.then_some((0, key))
    });
    gather(&[dictionary.values().as_ref()], places)
}

/// Batches of one schema one after another.
///
/// # Errors
/// As [`gather`], and where a batch has another schema.
pub fn concat_batches(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<RecordBatch, ArrowError> {
    let n_rows = batches.iter().map(RecordBatch::num_rows).sum();
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(index)).collect();
        if parts
            .iter()
            .any(|part| part.data_type() != field.data_type())
        {
            let message = format!("column `{}` has several types", field.name());
            return Err(ArrowError::SchemaError(message));
        }
        if parts.is_empty() {
            return Ok(arrow_array::new_empty_array(field.data_type()));
        }
        let places = batches.iter().enumerate();
        let places =
            places.flat_map(|(of, batch)| (0..batch.num_rows()).map(move |row| Some((of, row))));
        gather(&parts, places)
    });
    RecordBatch::try_new_with_options(
        schema.clone(),
        columns.collect::<Result<_, _>>()?,
        &RecordBatchOptions::new().with_row_count(Some(n_rows)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{BooleanArray, DictionaryArray, Int64Array, ListArray, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use std::sync::Arc;

    #[test]
    fn rows_keep_their_values_whatever_the_type() {
        let numbers = Int64Array::from(vec![Some(1), None, Some(3), Some(4)]);
        let taken = take(&numbers.slice(1, 3), [2, 0, 1, 2]).expect("they fit");
        assert_eq!(
            taken.as_ref(),
            &Int64Array::from(vec![Some(4), None, Some(3), Some(4)]) as &dyn Array
        );
        let texts = StringArray::from(vec!["a", "é", "", "long text"]);
        let others = StringArray::from(vec![Some("x"), None]);
        let places = [Some((0, 1)), Some((0, 2)), Some((1, 1)), None, Some((1, 0))];
        let gathered = gather(&[&texts, &others], places).expect("they fit");
        let expected = StringArray::from(vec![Some("é"), Some(""), None, None, Some("x")]);
        assert_eq!(gathered.as_ref(), &expected as &dyn Array);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        let taken = take(&lists, [2, 1, 0]).expect("they fit");
        let expected = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![]),
            None,
            Some(vec![Some(1), None]),
        ]);
        assert_eq!(taken.as_ref(), &expected as &dyn Array);
        let bits = BooleanArray::from(vec![true, false, true, true, false]);
        let taken = take(&bits, [0, 4, 2]).expect("they fit");
        assert_eq!(
            taken.as_ref(),
            &BooleanArray::from(vec![true, false, true]) as &dyn Array
        );
        assert_eq!(take(&bits, []).expect("they fit").len(), 0);
    }

    #[test]
    fn dictionaries_become_plain() {
        let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b"), Some("a")]
            .into_iter()
            .collect();
        let plain = decode_dictionary(&dictionary).expect("it fits");
        let expected = StringArray::from(vec![Some("a"), None, Some("b"), Some("a")]);
        assert_eq!(plain.as_ref(), &expected as &dyn Array);
    }

    #[test]
    fn batches_are_joined() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let batch = |values: Vec<Option<i64>>| {
            let column: ArrayRef = Arc::new(Int64Array::from(values));
            RecordBatch::try_new(schema.clone(), vec![column]).expect("a batch")
        };
        let parts = [
            batch(vec![Some(1)]),
            batch(vec![]),
            batch(vec![None, Some(2)]),
        ];
        let joined = concat_batches(&schema, &parts).expect("one schema");
        assert_eq!(joined, batch(vec![Some(1), None, Some(2)]));
        assert_eq!(concat_batches(&schema, &[]).expect("no rows").num_rows(), 0);
    }
}
