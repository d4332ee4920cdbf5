//! CSV.

use super::*;

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

/// Numbers in no order, always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices[self.below(choices.len())]
    }
}

/// A file of three columns with everything that files have, and mostly of what most have.
fn some_file(seed: u64) -> Vec<u8> {
    const USUAL: [&[u8]; 6] = [
        b"1",
        b"",
        b"some text",
        b"\"a, b\"",
        "\u{e9}t\u{e9}".as_bytes(),
        b"text that is longer than what is copied in one go, by far",
    ];
    const OTHERS: [&[u8]; 10] = [
        b"\"\"",
        b"\"two\nlines\r\nor three\"",
        b"\"she said \"\"no\"\"\"",
        b"5\" pipe",
        b"\"open\" and on",
        b"\"a\"b",
        b" \"quoted late\"",
        b"\xff",
        b"one,more",
        b"\"\xc3\",\xa9",
    ];
    const ENDS: [&[u8]; 4] = [b"\r\n", b"\r", b"\n\n", b"\r\n\r\n\n"];
    let mut numbers = Numbers(seed);
    let rarity = [4, 40, 400][numbers.below(3)];
    let mut file = b"a,b,c\n".to_vec();
    for _ in 0..numbers.below(400) {
        for column in 0..3 {
            if column > 0 {
                file.push(b',');
            }
            let is_rare = numbers.below(rarity) == 0;
            file.extend(numbers.pick(if is_rare { &OTHERS } else { &USUAL }));
        }
        let is_rare = numbers.below(rarity) == 0;
        file.extend(numbers.pick(if is_rare { &ENDS } else { &[b"\n"] }));
    }
    file
}

#[test]
fn lines_are_what_the_columns_are_written_as() {
    // Whatever else the output has behind them
    let score =
        |n_rows: usize| -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..n_rows as i64)) };
    for seed in 0..60 {
        let file = some_file(seed);
        for (piece, batch_rows) in [(1, 64), (7, 3), (100, 64), (5000, 1000), (1 << 20, 64)] {
            let options = ReadOptions {
                batch_rows,
                skip_bad_lines: true,
                keep_lines: true,
                ..options("file")
            };
            let input = Input::Stream(Box::new(Drip(file.clone(), piece)));
            for chunk in open_reader(Format::Csv, input, &options).expect("columns") {
                let Chunk { batch, lines, .. } = chunk.expect("bad lines set aside");
                let lines = lines.expect("asked for");
                assert_eq!(lines.n_rows(), batch.num_rows());
                let n_rows = batch.num_rows() as u32;
                let odd = UInt32Array::from_iter_values((0..n_rows).filter(|row| row % 2 == 1));
                let some = odd.values().iter().map(|row| batch.slice(*row as usize, 1));
                let some: Vec<_> = some.map(|row| with(&row, "score", score(1))).collect();
                for (lines, batches) in [
                    (lines.clone(), vec![batch.clone()]),
                    (
                        lines.clone(),
                        vec![with(&batch, "score", score(n_rows as usize))],
                    ),
                    (
                        lines.slice(0, 1.min(n_rows as usize)),
                        vec![batch.slice(0, 1.min(n_rows as usize))],
                    ),
                    (lines.take(&odd), some),
                ] {
                    let Some(first) = batches.first() else {
                        continue;
                    };
                    let sink = Sink::default();
                    let mut writer =
                        open_writer(Format::Csv, sink.clone(), first.schema_ref(), "out")
                            .expect("columns that fit");
                    for (number, batch) in batches.iter().enumerate() {
                        let lines = match batches.len() {
                            1 => lines.clone(),
                            _ => lines.slice(number, 1),
                        };
                        writer.write_lines(&lines, batch).expect("a good batch");
                    }
                    writer.finish().expect("an end");
                    let found = std::mem::take(&mut *sink.0.lock().expect("one thread"));
                    assert_eq!(found, write(Format::Csv, &batches), "file {seed}");
                }
            }
        }
    }
}

/// The batch with another column behind its own.
fn with(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
    fields.push(wanted(name, column.data_type().clone(), false));
    let mut columns = batch.columns().to_vec();
    columns.push(column);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("a batch")
}

/// One column, in which a line with nothing on it would be no record.
#[test]
fn lines_of_one_column_are_records() {
    let source = "a\n\"\"\nx\n\"\"\n";
    let options = ReadOptions {
        keep_lines: true,
        ..options("a.csv")
    };
    let sink = Sink::default();
    for chunk in open_reader(Format::Csv, bytes(source), &options).expect("good CSV") {
        let chunk = chunk.expect("good CSV");
        let mut writer = open_writer(Format::Csv, sink.clone(), chunk.batch.schema_ref(), "out")
            .expect("columns that fit");
        let lines = chunk.lines.expect("asked for");
        writer
            .write_lines(&lines, &chunk.batch)
            .expect("a good batch");
        writer.finish().expect("an end");
    }
    let found = std::mem::take(&mut *sink.0.lock().expect("one thread"));
    assert_eq!(String::from_utf8(found).expect("text"), source);
}

#[test]
fn what_needs_no_parser_is_what_the_parser_reads() {
    let wanted = vec![wanted("b", DataType::Utf8, true)];
    for seed in 0..60 {
        let file = some_file(seed);
        for skip_bad_lines in [true, false] {
            // Byte by byte no record is there as a whole, and the parser reads all of them.
            let read_in = |piece, batch_rows| {
                let options = ReadOptions {
                    batch_rows,
                    skip_bad_lines,
                    wanted: wanted.clone(),
                    ..options("file")
                };
                let input = Input::Stream(Box::new(Drip(file.clone(), piece)));
                let (batches, bad) =
                    read(Format::Csv, input, &options).map_err(|error| error.to_string())?;
                let sizes: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
                let rows: Vec<_> = batches
                    .iter()
                    .map(|batch| batch.columns().to_vec())
                    .collect();
                Ok::<_, String>((sizes, rows, bad))
            };
            for batch_rows in [3, 64, 1000] {
                let expected = read_in(1, batch_rows);
                for piece in [7, 100, 5000, 1 << 20] {
                    assert_eq!(read_in(piece, batch_rows), expected, "file {seed}");
                }
            }
        }
    }
}
