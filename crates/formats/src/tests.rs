use super::*;
use arrow_array::types::*;
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A stream that gives a few bytes at a time.
struct Drip(Vec<u8>, usize);

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.0.len().min(self.1).min(into.len());
        into[..n].copy_from_slice(&self.0[..n]);
        self.0.drain(..n);
        Ok(n)
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(name: &str) -> ReadOptions {
    ReadOptions {
        name: name.to_owned(),
        ..ReadOptions::default()
    }
}

fn bytes(text: impl AsRef<[u8]>) -> Input {
    Input::Bytes(text.as_ref().to_vec())
}

/// All batches and bad lines.
fn read(
    format: Format,
    input: Input,
    options: &ReadOptions,
) -> Result<(Vec<RecordBatch>, Vec<BadLine>), FormatError> {
    let (mut batches, mut bad) = (Vec::new(), Vec::new());
    for chunk in open_reader(format, input, options)? {
        let chunk = chunk?;
        batches.push(chunk.batch);
        bad.extend(chunk.bad_lines);
    }
    Ok((batches, bad))
}

fn read_error(format: Format, text: impl AsRef<[u8]>) -> String {
    read(format, bytes(text), &options("flights"))
        .expect_err("a bad file")
        .to_string()
}

fn write(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    let sink = Sink::default();
    let mut writer = open_writer(format, sink.clone(), batches[0].schema_ref(), "out")
        .expect("columns that fit");
    for batch in batches {
        writer.write(batch).expect("a good batch");
    }
    writer.finish().expect("an end");
    std::mem::take(&mut sink.0.lock().expect("one thread"))
}

fn text(format: Format, batches: &[RecordBatch]) -> String {
    String::from_utf8(write(format, batches)).expect("text")
}

fn column(name: &str, array: impl Array + 'static) -> RecordBatch {
    let field = Field::new(name, array.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(array)])
        .expect("a batch")
}

fn wanted(name: &str, data_type: DataType, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, data_type, nullable))
}

#[test]
fn csv_reads_back_as_it_was_whatever_the_pieces() {
    let source = "id,note,x\n1,\"a, \"\"quoted\"\"\nbreak\",1.50\n2,é,\n3,  spaces ,NaN\n";
    let (whole, _) = read(Format::Csv, bytes(source), &options("a.csv")).expect("good CSV");
    assert_eq!(text(Format::Csv, &whole), source);
    for piece in [1, 2, 7] {
        for batch_rows in [1, 2, 10] {
            let options = ReadOptions {
                batch_rows,
                ..options("a.csv")
            };
            let input = Input::Stream(Box::new(Drip(source.as_bytes().to_vec(), piece)));
            let (batches, _) = read(Format::Csv, input, &options).expect("good CSV");
            assert!(
                batches[..batches.len() - 1]
                    .iter()
                    .all(|batch| batch.num_rows() == batch_rows)
            );
            assert_eq!(text(Format::Csv, &batches), source);
        }
    }
    let inches = "size\n5\" pipe";
    let (batches, _) = read(Format::Csv, bytes(inches), &options("a.csv")).expect("good CSV");
    assert_eq!(text(Format::Csv, &batches), "size\n\"5\"\" pipe\"\n");
    let windows = "\u{feff}a,b\r\n1,2\r\n\r\n3,4";
    let (batches, _) = read(Format::Csv, bytes(windows), &options("a.csv")).expect("good CSV");
    assert_eq!(text(Format::Csv, &batches), "a,b\n1,2\n3,4\n");
}

#[test]
fn csv_errors_name_the_line() {
    assert_eq!(
        read_error(Format::Csv, "a,b\n1,2\n\n3\n"),
        "flights:4: expected 2 fields, found 1"
    );
    assert_eq!(
        read_error(Format::Csv, "a,b\r\n\"x\r\ny\",2\r\n1,2,3\r\n"),
        "flights:4: expected 2 fields, found 3"
    );
    assert_eq!(
        read_error(Format::Csv, ""),
        "flights: it is empty: there is no header line"
    );
    assert_eq!(
        read_error(Format::Csv, "a,b,a\n"),
        "flights:1: the header has two columns called `a`"
    );
    assert_eq!(
        read_error(Format::Csv, b"a,b\n1,\xff\n"),
        "flights:2: field 2 is not valid UTF-8"
    );
    assert_eq!(
        read_error(Format::Csv, b"a,b\n\xc3,\xa9\n"),
        "flights:2: field 1 is not valid UTF-8"
    );
    assert_eq!(
        read_error(Format::Csv, "a,b\n1,\"2\n3,4\n"),
        "flights:2: a quote opens here and is never closed"
    );
}

#[test]
fn bad_lines_can_be_set_aside() {
    let options = ReadOptions {
        skip_bad_lines: true,
        batch_rows: 2,
        ..options("a.csv")
    };
    let (batches, bad) =
        read(Format::Csv, bytes("a,b\n1,2\n3\n4,5\n6,7,8\n"), &options).expect("set aside");
    assert_eq!(text(Format::Csv, &batches), "a,b\n1,2\n4,5\n");
    let bad: Vec<_> = bad
        .iter()
        .map(|bad| (bad.line, bad.text.as_str(), bad.message.as_str()))
        .collect();
    assert_eq!(
        bad,
        [
            (3, "3", "expected 2 fields, found 1"),
            (5, "6,7,8", "expected 2 fields, found 3")
        ]
    );
    let source = "{\"a\":1}\n{\"a\":\n{\"a\":\"x\"}\n{\"b\":1}\n{\"a\":2}\n";
    let (batches, bad) = read(Format::Ndjson, bytes(source), &options).expect("set aside");
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        4,
        "a and b are known, a is anything"
    );
    assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2]);
}

#[test]
fn empty_csv_cells_are_null_where_that_is_wanted() {
    let wanted = vec![
        wanted("number", DataType::Int64, false),
        wanted("text", DataType::Utf8, false),
        wanted("maybe", DataType::Utf8, true),
    ];
    let options = ReadOptions {
        wanted,
        ..options("a.csv")
    };
    let (batches, _) = read(
        Format::Csv,
        bytes("number,text,maybe,other\n,,,\n"),
        &options,
    )
    .expect("good CSV");
    let nulls: Vec<bool> = batches[0]
        .columns()
        .iter()
        .map(|column| column.is_null(0))
        .collect();
    assert_eq!(nulls, [true, false, true, false]);
}

#[test]
fn ndjson_columns_have_the_types_of_their_values() {
    let source = concat!(
        "{\"i\":1,\"d\":1,\"s\":\"a\\n\",\"b\":true,\"m\":1,\"n\":null,\"big\":18446744073709551615}\n",
        "\n",
        "{\"d\":2.5,\"i\":-3,\"s\":null,\"m\":\"x\",\"o\":{\"k\":[1, 2]}}\n",
    );
    let (batches, _) =
        read(Format::Ndjson, bytes(source), &options("a.ndjson")).expect("good NDJSON");
    let types: Vec<String> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| {
            format!(
                "{}:{}{}",
                field.name(),
                field.data_type(),
                field.extension_type_name().unwrap_or("")
            )
        })
        .collect();
    assert_eq!(
        types,
        [
            "i:Int64",
            "d:Float64",
            "s:Utf8",
            "b:Boolean",
            "m:Utf8arrow.json",
            "n:Utf8arrow.json",
            "big:Utf8arrow.json",
            "o:Utf8arrow.json",
        ]
    );
    assert_eq!(
        text(Format::Ndjson, &batches),
        concat!(
            "{\"i\":1,\"d\":1.0,\"s\":\"a\\n\",\"b\":true,\"m\":1,\"n\":null,\"big\":18446744073709551615,\"o\":null}\n",
            "{\"i\":-3,\"d\":2.5,\"s\":null,\"b\":null,\"m\":\"x\",\"n\":null,\"big\":null,\"o\":{\"k\":[1, 2]}}\n",
        )
    );
    assert_eq!(
        text(Format::Csv, &batches).lines().last(),
        Some("-3,2.5,,,x,,,\"{\"\"k\"\":[1, 2]}\"")
    );
}

#[test]
fn wanted_json_values_stay_as_they_are() {
    let options = ReadOptions {
        wanted: vec![wanted("d", DataType::Float64, true)],
        ..options("a.ndjson")
    };
    let (batches, _) = read(
        Format::Ndjson,
        bytes("{\"d\":1.50}\n{\"d\":\"NaN\"}\n{}\n"),
        &options,
    )
    .expect("good");
    assert_eq!(
        text(Format::Ndjson, &batches),
        "{\"d\":1.50}\n{\"d\":\"NaN\"}\n{\"d\":null}\n"
    );
    let (batches, _) = read(Format::Ndjson, bytes(""), &options).expect("good");
    assert!(batches.is_empty());
    let reader = open_reader(Format::Ndjson, bytes(""), &options).expect("good");
    assert_eq!(
        reader.schema().field(0).name(),
        "d",
        "no rows have all columns"
    );
}

#[test]
fn json_types_do_not_depend_on_batches() {
    let mut source = String::new();
    for row in 0..1500 {
        source += &format!(
            "{{\"x\":{}}}\n",
            if row == 900 {
                "0.5".to_owned()
            } else {
                row.to_string()
            }
        );
    }
    for batch_rows in [1, 1000, 2000] {
        let options = ReadOptions {
            batch_rows,
            ..options("a.ndjson")
        };
        let (batches, _) = read(Format::Ndjson, bytes(&source), &options).expect("good NDJSON");
        assert_eq!(*batches[0].schema().field(0).data_type(), DataType::Float64);
        assert_eq!(
            batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            1500
        );
    }
    source += "{\"x\":\"late\"}\n";
    assert_eq!(
        read_error(Format::Ndjson, &source),
        "flights:1501: `x` is a double in the first rows, and here it is `\"late\"`"
    );
    source.truncate(source.len() - "{\"x\":\"late\"}\n".len());
    source += "{\"y\":1}\n";
    assert_eq!(
        read_error(Format::Ndjson, &source),
        "flights:1501: `y` is in none of the first 1000 rows"
    );
}

#[test]
fn json_arrays_stream_in_any_pieces() {
    let source =
        "\u{feff} [ {\"a\": \"x,]}\\\"\", \"b\":[1,\n2]} ,\n\n {\"a\":\"é\",\"b\":[]}\n]\n";
    let expected = "[\n{\"a\":\"x,]}\\\"\",\"b\":[1,\n2]},\n{\"a\":\"é\",\"b\":[]}\n]\n";
    for piece in [3, 5, 1000] {
        let input = Input::Stream(Box::new(Drip(source.as_bytes().to_vec(), piece)));
        let (batches, _) = read(Format::Json, input, &options("a.json")).expect("good JSON");
        assert_eq!(text(Format::Json, &batches), expected);
    }
    let (batches, _) = read(
        Format::Json,
        bytes("{\"a\":1}\n{\"a\":2}"),
        &options("a.json"),
    )
    .expect("bare objects");
    assert_eq!(batches[0].num_rows(), 2);
    let (batches, _) = read(Format::Json, bytes("[]"), &options("a.json")).expect("no rows");
    assert!(batches.is_empty());
}

#[test]
fn json_errors_name_the_line() {
    assert_eq!(
        read_error(Format::Json, "[{\"a\":1},\n{\"a\":2"),
        "flights:2: the array is not closed: the file is cut off"
    );
    assert_eq!(
        read_error(Format::Json, "[{\"a\":1}\n{\"a\":2}]"),
        "flights:2: there is no comma between two rows"
    );
    assert_eq!(
        read_error(Format::Json, "[{\"a\":1},\n"),
        "flights:2: the array is not closed: the file is cut off"
    );
    assert_eq!(
        read_error(Format::Json, "\n3"),
        "flights:2: it does not start with an array or an object"
    );
    assert_eq!(
        read_error(Format::Json, "[{\"a\":1}] x"),
        "flights:1: there is something after the end of the array"
    );
    let message = read_error(Format::Ndjson, "{\"a\":1}\n[1]\n");
    assert!(
        message.starts_with("flights:2: invalid type: sequence, expected an object"),
        "{message}"
    );
    assert_eq!(
        read_error(Format::Ndjson, "{\"a\":1}\n{\"a\":1,\"a\":2}\n"),
        "flights:2: a member occurs twice"
    );
    assert_eq!(
        read_error(Format::Ndjson, b"{\"a\":\"\xff\"}\n"),
        "flights:1: it is not valid UTF-8"
    );
}

#[test]
fn values_have_one_text_form() {
    let cases: Vec<(RecordBatch, &str, &str)> = vec![
        (
            column("v", Float64Array::from(vec![0.1, 1e21, -0.0, 5e-324])),
            "0.1|1e+21|-0.0|5e-324",
            "",
        ),
        (
            column(
                "v",
                Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
            ),
            "NaN|Infinity|-Infinity",
            "\"NaN\"|\"Infinity\"|\"-Infinity\"",
        ),
        (column("v", Float32Array::from(vec![0.1])), "0.1", ""),
        (
            column("v", UInt64Array::from(vec![u64::MAX])),
            "18446744073709551615",
            "",
        ),
        (
            column(
                "v",
                TimestampMicrosecondArray::from(vec![0, -1, 1_709_209_800_250_000])
                    .with_timezone("UTC"),
            ),
            "1970-01-01T00:00:00Z|1969-12-31T23:59:59.999999Z|2024-02-29T12:30:00.250Z",
            "\"1970-01-01T00:00:00Z\"|\"1969-12-31T23:59:59.999999Z\"|\"2024-02-29T12:30:00.250Z\"",
        ),
        (
            column("v", TimestampSecondArray::from(vec![i64::MAX])),
            "9223372036854775807",
            "\"9223372036854775807\"",
        ),
        (
            column("v", Date32Array::from(vec![19_782])),
            "2024-02-29",
            "\"2024-02-29\"",
        ),
        (
            column("v", DurationMillisecondArray::from(vec![-1_500, 60_000])),
            "-1.500s|60s",
            "\"-1.500s\"|\"60s\"",
        ),
        (
            column("v", Time64MicrosecondArray::from(vec![3_661_500_000])),
            "01:01:01.5",
            "\"01:01:01.5\"",
        ),
        (
            column(
                "v",
                Decimal128Array::from(vec![-5, 12_345, 0])
                    .with_precision_and_scale(10, 2)
                    .expect("a scale"),
            ),
            "-0.05|123.45|0.00",
            "",
        ),
        (
            column("v", BinaryArray::from_vec(vec![b"\x00\xff"])),
            "AP8=",
            "\"AP8=\"",
        ),
        (
            column("v", LargeStringArray::from(vec!["a\"b"])),
            "\"a\"\"b\"",
            "\"a\\\"b\"",
        ),
        (column("v", NullArray::new(1)), "\"\"", "null"),
        (
            column(
                "v",
                ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
                    Some(vec![Some(1), None]),
                    None,
                ]),
            ),
            "\"[1,null]\"|\"\"",
            "[1,null]|null",
        ),
        (
            column(
                "v",
                vec![Some("x"), None]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
            "x|\"\"",
            "\"x\"|null",
        ),
    ];
    for (batch, csv, json) in cases {
        let json = if json.is_empty() { csv } else { json };
        let expected: String = std::iter::once("v")
            .chain(csv.split('|'))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(text(Format::Csv, std::slice::from_ref(&batch)), expected);
        let expected: String = json
            .split('|')
            .map(|value| format!("{{\"v\":{value}}}\n"))
            .collect();
        assert_eq!(text(Format::Ndjson, &[batch]), expected);
    }
}

#[test]
fn formats_have_names_and_extensions() {
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(format));
        assert_eq!(
            Format::from_path(&format!("some.dir/file.{}", format.name())),
            Some(format)
        );
    }
    assert_eq!(Format::from_path("a/b.JSONL"), Some(Format::Ndjson));
    assert_eq!(Format::from_path("dir.csv/file"), None);
    assert!(Format::Json.keeps_text_of(Format::Ndjson) && !Format::Csv.keeps_text_of(Format::Json));
}

#[test]
fn a_refused_write_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let batch = column("v", Int64Array::from(vec![1]));
    for format in [Format::Csv, Format::Ndjson, Format::Json] {
        let mut writer =
            open_writer(format, Full, batch.schema_ref(), "out").expect("nothing is written yet");
        let error = writer.write(&batch).expect_err("a full disk");
        assert_eq!(error.kind(), FormatErrorKind::Io);
    }
}

#[cfg(feature = "parquet")]
mod typed {
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
        let error =
            read(Format::Parquet, bytes(&damaged), &options("a.parquet")).expect_err("damaged");
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
}
