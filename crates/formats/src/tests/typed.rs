//! Formats that have types of their own.

use super::*;
use arrow_array::cast::AsArray;
use arrow_schema::TimeUnit;

fn batch() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1)]),
        None,
        Some(vec![]),
        Some(vec![None]),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        (
            "text",
            Arc::new(StringArray::from(vec![
                Some("a"),
                None,
                Some(""),
                Some("é"),
            ])),
        ),
        (
            "when",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 1, 2, 3]).with_timezone("UTC")),
        ),
        ("list", Arc::new(list)),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch")
}

#[test]
fn files_with_types_round_trip_in_batches_of_any_size() {
    let batch = batch();
    for format in [Format::Parquet, Format::Arrow] {
        let file = write(format, &[batch.slice(0, 3), batch.slice(3, 1)]);
        for batch_rows in [1, 3, 10] {
            let options = ReadOptions {
                batch_rows,
                ..options("a")
            };
            for input in [
                bytes(&file),
                Input::Stream(Box::new(Drip(file.clone(), 100))),
            ] {
                let (batches, _) = read(format, input, &options).expect("a good file");
                let sizes: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
                let expected: Vec<usize> = (0..4)
                    .step_by(batch_rows)
                    .map(|at| batch_rows.min(4 - at))
                    .collect();
                assert_eq!(sizes, expected);
                let whole = arrow_select::concat::concat_batches(batch.schema_ref(), &batches);
                assert_eq!(whole.expect("one schema"), batch);
            }
        }
        let options = ReadOptions {
            columns: Some(vec!["text".into(), "id".into()]),
            ..options("a")
        };
        let (batches, _) = read(format, bytes(&file), &options).expect("a good file");
        let names: Vec<String> = batches[0]
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(names, ["id", "text"]);
    }
}

#[test]
fn damaged_files_are_errors_that_say_where() {
    let batch = batch();
    let file = write(Format::Parquet, std::slice::from_ref(&batch));
    let cut = read(
        Format::Parquet,
        bytes(&file[..file.len() / 2]),
        &options("a.parquet"),
    );
    assert!(
        cut.expect_err("cut off")
            .to_string()
            .starts_with("a.parquet: it is not a whole Parquet file")
    );
    let mut damaged = file.clone();
    damaged[4..40].fill(0xff);
    let error = read(Format::Parquet, bytes(&damaged), &options("a.parquet")).expect_err("damaged");
    assert!(
        error.to_string().starts_with("a.parquet: row group 0: "),
        "{error}"
    );
    assert_eq!(error.place(), Some(Place::RowGroup(0)));
    let file = write(Format::Arrow, &[batch]);
    for end in [3, 10, file.len() / 2] {
        assert!(read(Format::Arrow, bytes(&file[..end]), &options("a.arrow")).is_err());
    }
    assert!(
        read(
            Format::Arrow,
            bytes("not arrow at all"),
            &options("a.arrow")
        )
        .is_err()
    );
}

#[test]
fn times_of_day_and_dates_of_parquet_reach_csv() {
    let days = column("day", Date32Array::from(vec![Some(0), None]));
    let file = write(Format::Parquet, &[days]);
    let (batches, _) = read(Format::Parquet, bytes(&file), &options("a")).expect("a good file");
    assert_eq!(text(Format::Csv, &batches), "day\n1970-01-01\n\"\"\n");
    let nanoseconds = TimestampNanosecondArray::from(vec![1]);
    assert_eq!(
        *nanoseconds.data_type(),
        DataType::Timestamp(TimeUnit::Nanosecond, None)
    );
    let file = write(Format::Parquet, &[column("t", nanoseconds)]);
    let (batches, _) = read(Format::Parquet, bytes(&file), &options("a")).expect("a good file");
    assert_eq!(
        batches[0]
            .column(0)
            .as_primitive::<TimestampNanosecondType>()
            .value(0),
        1
    );
}
