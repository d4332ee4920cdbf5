mod csv;
mod json;
#[cfg(feature = "parquet")]
mod typed;

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
