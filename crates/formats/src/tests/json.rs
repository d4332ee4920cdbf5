//! NDJSON and JSON.

use super::*;

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
