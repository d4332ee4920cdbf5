use super::*;
use crate::wire::dynamic_field;
use arrow_array::types::*;
use arrow_array::*;
use arrow_schema::{DataType, Field, TimeUnit};
use std::sync::Arc;

fn field(data_type: DataType) -> Field {
    Field::new("c", data_type, true)
}

fn utc(unit: TimeUnit) -> Field {
    field(DataType::Timestamp(unit, Some("UTC".into())))
}

fn text(cells: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(cells.to_vec()))
}

/// Converts, checks the result against `expected`, and returns `row: message` for each error.
fn check(array: ArrayRef, from: &Field, to: &Field, expected: &ArrayRef) -> Vec<String> {
    let converted = convert(&array, from, to).expect("types that fit");
    converted
        .array
        .to_data()
        .validate_full()
        .expect("an array that Arrow accepts");
    assert_eq!(&converted.array, expected, "{from:?} to {to:?}");
    converted
        .errors
        .iter()
        .map(|error| format!("{}: {}", error.row, error.message))
        .collect()
}

fn check_array<T: Array + 'static>(
    array: impl Array + 'static,
    to: Field,
    expected: T,
) -> Vec<String> {
    let from = field(array.data_type().clone());
    check(
        Arc::new(array),
        &from,
        &to,
        &(Arc::new(expected) as ArrayRef),
    )
}

#[test]
fn integers_become_doubles_where_doubles_have_them() {
    let ints = Int64Array::from(vec![Some(1), None, Some(1 << 53), Some((1 << 53) + 1)]);
    let expected = Float64Array::from(vec![Some(1.0), None, Some(9_007_199_254_740_992.0), None]);
    let errors = check_array(ints, field(DataType::Float64), expected);
    assert_eq!(errors, ["3: 9007199254740993 is no double"]);
}

#[test]
fn numbers_widen_and_narrow_value_by_value() {
    let errors = check_array(
        Int64Array::from(vec![127, 128, -128, -129]),
        field(DataType::Int8),
        Int8Array::from(vec![Some(127), None, Some(-128), None]),
    );
    assert_eq!(errors, ["1: 128 is no s8", "3: -129 is no s8"]);
    let errors = check_array(
        Float64Array::from(vec![3.0, 3.5, f64::NAN, 1e300, -0.0]),
        field(DataType::Int64),
        Int64Array::from(vec![Some(3), None, None, None, Some(0)]),
    );
    assert_eq!(
        errors,
        ["1: 3.5 is no int", "2: NaN is no int", "3: 1e300 is no int"]
    );
    let errors = check_array(
        UInt64Array::from(vec![u64::MAX, 5]),
        field(DataType::Int64),
        Int64Array::from(vec![None, Some(5)]),
    );
    assert_eq!(errors, ["0: 18446744073709551615 is no int"]);
    let errors = check_array(
        Float64Array::from(vec![0.1, 1e300, f64::INFINITY]),
        field(DataType::Float32),
        Float32Array::from(vec![Some(0.1), None, Some(f32::INFINITY)]),
    );
    assert_eq!(errors, ["1: 1e300 is no f32"]);
    let exact = Float32Array::from(vec![0.5, -2.25]);
    assert!(
        check_array(
            exact,
            field(DataType::Float64),
            Float64Array::from(vec![0.5, -2.25])
        )
        .is_empty()
    );
}

#[test]
fn text_becomes_what_it_spells() {
    let utf8 = field(DataType::Utf8);
    let cells = text(&[
        Some("12"),
        Some(""),
        None,
        Some(" 7 "),
        Some("1e3"),
        Some("1.5"),
        Some("abc"),
    ]);
    let expected: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(12),
        None,
        None,
        Some(7),
        Some(1000),
        None,
        None,
    ]));
    let errors = check(cells, &utf8, &field(DataType::Int64), &expected);
    assert_eq!(
        errors,
        [
            "5: `1.5` is not a whole number of type int",
            "6: `abc` is not a whole number of type int"
        ]
    );
    let cells = text(&[Some("0.1"), Some("NaN"), Some("-inf"), Some("x")]);
    let expected: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(0.1),
        Some(f64::NAN),
        Some(f64::NEG_INFINITY),
        None,
    ]));
    let converted = convert(&cells, &utf8, &field(DataType::Float64)).expect("text fits");
    assert_eq!(format!("{:?}", converted.array), format!("{expected:?}"));
    assert_eq!(
        converted.errors[0].message,
        "`x` is not a number of type double"
    );
    let cells = text(&[Some("true"), Some("False"), Some("1"), Some("yes")]);
    let expected: ArrayRef = Arc::new(BooleanArray::from(vec![
        Some(true),
        Some(false),
        Some(true),
        None,
    ]));
    assert_eq!(
        check(cells, &utf8, &field(DataType::Boolean), &expected),
        ["3: `yes` is not true or false"]
    );
}

#[test]
fn timestamps_are_read_in_the_usual_spellings() {
    let cells = [
        ("2024-02-29T12:30:00Z", Some(1_709_209_800_000_000)),
        ("2024-02-29T12:30:00.25+02:00", Some(1_709_202_600_250_000)),
        ("2024-02-29 12:30:00", Some(1_709_209_800_000_000)),
        ("2024-02-29 12:30", Some(1_709_209_800_000_000)),
        ("2024-02-29", Some(1_709_164_800_000_000)),
        ("1969-12-31T23:59:59.9999999Z", Some(-1)),
        ("2023-02-29", None),
        ("29.2.2024", None),
    ];
    let texts: Vec<Option<&str>> = cells.iter().map(|(text, _)| Some(*text)).collect();
    let expected: Vec<Option<i64>> = cells.iter().map(|(_, expected)| *expected).collect();
    let expected: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(expected).with_timezone("UTC"));
    let errors = check(
        text(&texts),
        &field(DataType::Utf8),
        &utc(TimeUnit::Microsecond),
        &expected,
    );
    assert_eq!(
        errors,
        [
            "6: `2023-02-29` is not a timestamp",
            "7: `29.2.2024` is not a timestamp"
        ]
    );
}

#[test]
fn moments_change_their_unit_and_round_down() {
    let nanoseconds =
        TimestampNanosecondArray::from(vec![1_999, -1, 0]).with_timezone("Europe/Prague");
    let expected = TimestampMicrosecondArray::from(vec![1, -1, 0]).with_timezone("UTC");
    assert!(check_array(nanoseconds, utc(TimeUnit::Microsecond), expected).is_empty());
    let seconds = TimestampSecondArray::from(vec![Some(1), Some(i64::MAX)]);
    let expected =
        TimestampNanosecondArray::from(vec![Some(1_000_000_000), None]).with_timezone("UTC");
    let errors = check_array(seconds, utc(TimeUnit::Nanosecond), expected);
    assert_eq!(errors, ["1: it is out of the range of its unit"]);
    let days = Date32Array::from(vec![Some(1), None, Some(-1)]);
    let expected = TimestampMillisecondArray::from(vec![Some(86_400_000), None, Some(-86_400_000)])
        .with_timezone("UTC");
    assert!(check_array(days, utc(TimeUnit::Millisecond), expected).is_empty());
}

#[test]
fn durations_are_read_as_cel_writes_them() {
    let cells = text(&[
        Some("1h30m"),
        Some("-1.5s"),
        Some("2"),
        Some("0"),
        Some("1h2"),
    ]);
    let expected: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![
        Some(5_400_000),
        Some(-1_500),
        None,
        Some(0),
        None,
    ]));
    let errors = check(
        cells,
        &field(DataType::Utf8),
        &field(DataType::Duration(TimeUnit::Millisecond)),
        &expected,
    );
    assert_eq!(
        errors,
        ["2: `2` is not a duration", "4: `1h2` is not a duration"]
    );
}

#[test]
fn nulls_are_errors_where_the_type_has_none() {
    let to = Field::new("c", DataType::Float64, false);
    let array = Int64Array::from(vec![Some(1), None, Some((1 << 53) + 1)]);
    let errors = check_array(array, to, Float64Array::from(vec![Some(1.0), None, None]));
    assert_eq!(
        errors,
        ["1: it is null", "2: 9007199254740993 is no double"]
    );
    let same = Field::new("c", DataType::Int64, false);
    let array = Int64Array::from(vec![Some(1), None]);
    assert_eq!(check_array(array.clone(), same, array), ["1: it is null"]);
}

#[test]
fn other_layouts_of_text_and_lists_are_unpacked() {
    let keys = Int32Array::from(vec![Some(1), None, Some(0)]);
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let dictionary = DictionaryArray::<Int32Type>::new(keys, values);
    let expected = StringArray::from(vec![Some("b"), None, Some("a")]);
    assert!(check_array(dictionary, field(DataType::Utf8), expected.clone()).is_empty());
    let large = LargeStringArray::from(vec![Some("b"), None, Some("a")]);
    assert!(check_array(large, field(DataType::Utf8), expected.clone()).is_empty());
    let view = StringViewArray::from(vec![Some("b"), None, Some("a")]);
    assert!(check_array(view, field(DataType::Utf8), expected).is_empty());

    let lists = LargeListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
    ]);
    let expected = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
    ]);
    assert!(check_array(lists, field(expected.data_type().clone()), expected).is_empty());
}

#[test]
fn a_list_fails_with_its_elements() {
    let item = Arc::new(Field::new("item", DataType::Int8, false));
    let to = field(DataType::List(item.clone()));
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1)]),
        Some(vec![Some(2), None]),
        None,
        Some(vec![Some(500)]),
        Some(vec![Some(3)]),
    ]);
    let values: ArrayRef = Arc::new(Int8Array::from(vec![1, 3]));
    let nulls = NullBuffer::from(vec![true, false, false, false, true]);
    let expected = ListArray::new(
        item,
        OffsetBuffer::new(vec![0, 1, 1, 1, 1, 2].into()),
        values,
        Some(nulls),
    );
    let errors = check_array(lists, to, expected);
    assert_eq!(
        errors,
        ["1: element 1: it is null", "3: element 0: 500 is no s8"]
    );
}

#[test]
fn a_slice_of_lists_is_converted_by_itself() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(
        [500, 1, 600].map(|value| Some(vec![Some(value)])),
    );
    let item = Arc::new(Field::new("item", DataType::Int8, true));
    let expected = ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(1)])]);
    let errors = check_array(lists.slice(1, 1), field(DataType::List(item)), expected);
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn lists_of_numbers_become_tensors_of_their_length() {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let to = field(DataType::FixedSizeList(item.clone(), 2));
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
        Some(vec![Some(1.0), Some(2.0)]),
        Some(vec![Some(1.0)]),
    ]);
    let converted = convert(
        &(Arc::new(lists) as ArrayRef),
        &field(DataType::List(Arc::new(Field::new(
            "item",
            DataType::Float64,
            true,
        )))),
        &to,
    )
    .expect("lists fit tensors");
    assert_eq!(converted.errors[0].message, "it has 1 elements and not 2");
    assert!(converted.array.is_valid(0) && converted.array.is_null(1));
    let json = text(&[Some("[[1],[2]]"), Some("[1,2,3]")]);
    let converted = convert(&json, &dynamic_field("c", true), &to).expect("JSON fits tensors");
    assert_eq!(converted.errors.len(), 1);
}

#[test]
fn json_becomes_values_of_any_shape() {
    let json = |to: DataType, cells: &[Option<&str>]| {
        let converted =
            convert(&text(cells), &dynamic_field("c", true), &field(to)).expect("JSON fits");
        converted
            .array
            .to_data()
            .validate_full()
            .expect("an array that Arrow accepts");
        let errors: Vec<String> = converted
            .errors
            .iter()
            .map(|error| format!("{}: {}", error.row, error.message))
            .collect();
        (converted.array, errors)
    };
    let (array, errors) = json(
        DataType::Int64,
        &[
            Some("1"),
            Some("\"9007199254740993\""),
            Some("2.0"),
            Some("null"),
            Some("1.5"),
            Some("{}"),
        ],
    );
    let expected: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1),
        Some(9_007_199_254_740_993),
        Some(2),
        None,
        None,
        None,
    ]));
    assert_eq!(&array, &expected);
    assert_eq!(errors, ["4: 1.5 is no int", "5: `{}` is no int"]);
    let (array, errors) = json(
        DataType::Float64,
        &[Some("\"NaN\""), Some("\"-Infinity\""), Some("3")],
    );
    let array = array.as_primitive::<Float64Type>();
    assert!(
        array.value(0).is_nan() && array.value(1) == f64::NEG_INFINITY && array.value(2) == 3.0
    );
    assert!(errors.is_empty());
    let (array, errors) = json(
        DataType::Utf8,
        &[Some("\"a\\u00e9\""), Some("3"), Some("{")],
    );
    assert_eq!(array.as_string::<i32>().value(0), "aé");
    assert_eq!(array.as_string::<i32>().value(1), "3");
    assert_eq!(errors, ["2: `{` is not JSON"]);
    let item = Arc::new(Field::new("item", DataType::Utf8, false));
    let (array, errors) = json(
        DataType::List(item),
        &[Some("[\"a\",\"b\"]"), Some("[null]"), Some("[true]"), None],
    );
    assert_eq!(
        array.as_list::<i32>().value(0).as_string::<i32>().value(1),
        "b"
    );
    assert_eq!(
        errors,
        [
            "1: element 0: it is null",
            "2: element 0: `true` is no string"
        ]
    );
    let record = DataType::Struct(
        vec![
            Field::new("a", DataType::Int64, false),
            Field::new("b", DataType::Boolean, true),
        ]
        .into(),
    );
    let (array, errors) = json(
        record,
        &[
            Some("{\"a\":1}"),
            None,
            Some("{\"b\":true}"),
            Some("[]"),
            Some("{\"a\":2,\"b\":false}"),
        ],
    );
    assert!(array.is_null(1) && array.is_valid(4));
    assert_eq!(
        array
            .as_struct()
            .column(0)
            .as_primitive::<Int64Type>()
            .value(4),
        2
    );
    assert_eq!(
        errors,
        [
            "2: `a`: it is null",
            "3: `[]` is no struct<a: int, b: bool?>"
        ]
    );
    let pair = vec![
        Field::new("keys", DataType::Utf8, false),
        Field::new("values", DataType::Int64, true),
    ];
    let entries = Arc::new(Field::new("entries", DataType::Struct(pair.into()), false));
    let (array, errors) = json(
        DataType::Map(entries, false),
        &[Some("{\"x\":1,\"y\":null}"), Some("3")],
    );
    assert_eq!(array.as_map().value(0).len(), 2);
    assert_eq!(errors.len(), 1);
}

#[test]
fn doubles_are_read_exactly() {
    for exact in [
        31.245270191439438,
        0.1 + 0.2,
        5e-324,
        f64::MAX,
        2.225_073_858_507_201e-308,
    ] {
        let spelled = format!("{exact:?}");
        for from in [dynamic_field("c", true), field(DataType::Utf8)] {
            let cells = text(&[Some(&spelled)]);
            let converted = convert(&cells, &from, &field(DataType::Float64)).expect("text fits");
            let value = converted.array.as_primitive::<Float64Type>().value(0);
            assert_eq!(value.to_bits(), exact.to_bits(), "{spelled}");
        }
    }
}

#[test]
fn decimals_and_numbers_become_text_without_loss() {
    use arrow_array::{Decimal128Array, Decimal256Array};
    let texts = |array: ArrayRef, from: Field| {
        let converted = convert(&array, &from, &field(DataType::Utf8)).expect("digits fit text");
        assert!(converted.errors.is_empty());
        let texts = converted.array.as_string::<i32>();
        texts
            .iter()
            .map(|text| text.unwrap_or("null").to_owned())
            .collect::<Vec<_>>()
    };
    let decimals = Decimal128Array::from(vec![Some(1_210), None, Some(-5)])
        .with_precision_and_scale(10, 2)
        .expect("a precision");
    let decimals: ArrayRef = Arc::new(decimals);
    let from = field(decimals.data_type().clone());
    assert_eq!(
        texts(decimals.clone(), from.clone()),
        ["12.10", "null", "-0.05"]
    );
    let wide = Decimal256Array::from(vec![arrow_buffer::i256::from_i128(i128::MAX)])
        .with_precision_and_scale(76, 0)
        .expect("a precision");
    let wide: ArrayRef = Arc::new(wide);
    assert_eq!(
        texts(wide.clone(), field(wide.data_type().clone())),
        [i128::MAX.to_string()]
    );
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 1e21, -2.0]));
    assert_eq!(
        texts(doubles, field(DataType::Float64)),
        ["0.1", "1000000000000000000000", "-2"]
    );
    let digits = "0.30000000000000000000000000000000001";
    let json: ArrayRef = Arc::new(StringArray::from(vec!["12.10", digits, "\"x\"", "null"]));
    assert_eq!(
        texts(json, dynamic_field("c", true)),
        ["12.10", digits, "x", "null"]
    );

    let doubles = convert(&decimals, &from, &field(DataType::Float64)).expect("decimals fit");
    assert_eq!(doubles.array.as_primitive::<Float64Type>().value(0), 12.1);
    let whole = convert(&decimals, &from, &field(DataType::Int64)).expect("decimals fit");
    assert_eq!(whole.errors.len(), 2, "neither is a whole number");
}

#[test]
fn types_that_do_not_fit_are_named() {
    let cases = [
        (
            DataType::Decimal128(10, 2),
            DataType::Boolean,
            "decimal? does not convert to bool?",
        ),
        (
            DataType::Boolean,
            DataType::Utf8,
            "bool? does not convert to string?",
        ),
        (
            DataType::Boolean,
            DataType::Int64,
            "bool? does not convert to int?",
        ),
        (
            DataType::Date32,
            DataType::Int64,
            "date? does not convert to int?",
        ),
        (
            DataType::Binary,
            DataType::Utf8,
            "bytes? does not convert to string?",
        ),
        (
            DataType::Float16,
            DataType::Float32,
            "float16? does not convert to f32?",
        ),
    ];
    for (from, to, expected) in cases {
        let array = new_null_array(&from, 1);
        let error = convert(&array, &field(from), &field(to)).expect_err("types that do not fit");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
