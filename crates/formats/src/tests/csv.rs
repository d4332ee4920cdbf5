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
