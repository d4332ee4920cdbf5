//! `rulestage run` over columns of lists, maps and structs: NDJSON, CSV and Parquet, and what has another shape.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};
use rulestage_formats::{Format, open_writer};
use rulestage_pipeline::dynamic::{array_of, from_json};
use std::fs;
use std::sync::Arc;
use support::Folder;

const RULES: &str = r#"
ruleset orders {
  input {
    items: list<{sku: string, price: double, qty: int, note: string?}>
    buyer: {name: string, home: {zip: string}?}?
    stock: map<string, list<int>>
  }
  output {
    dear:   bool = false
    totals: list<double> = []
    about:  list<string> = [] merge collect
  }
  rule dear {
    when items.exists(i, i.price > 100.0 && i.qty > 0)
    then { dear = true, totals = items.map(i, i.price * double(i.qty)) }
  }
  rule noted { when items.exists(i, has(i.note)) then { about = items.filter(i, i.note != null).map(i, i.note ?? "") } }
  rule near { when buyer != null && has(buyer.home) && buyer.home.zip.startsWith("1") then { about = buyer.name } }
  rule gone { when stock.exists(sku, left, size(left) == 0) then { about = "gone" } }
}
"#;

const ORDERS: &str = r#"{"id":1,"items":[{"sku":"a","price":120.5,"qty":2},{"sku":"b","price":1,"qty":3,"note":"soft"}],"buyer":{"name":"Ann","home":{"zip":"100"}},"stock":{"a":[1,2]}}
{"id":2,"items":[],"buyer":null,"stock":{}}
{"id":3,"items":[{"qty":-1,"price":500,"sku":"c","more":true}],"buyer":{"name":"Ben","home":null},"stock":{"c":[],"d":[4]}}
"#;

const RESULTS: [&str; 3] = [
    r#""dear":true,"totals":[241.0,3.0],"about":["soft","Ann"]}"#,
    r#""dear":false,"totals":[],"about":[]}"#,
    r#""dear":false,"totals":[],"about":["gone"]}"#,
];

fn check(folder: &Folder, input: &str) {
    let mut first = None;
    for batch_rows in [1, 2, 8192] {
        let run = format!("run orders.rules -i {input} -o out.ndjson --batch-rows {batch_rows}");
        folder.run(&run).done();
        let out = String::from_utf8(folder.read("out.ndjson")).unwrap();
        for (line, expected) in out.lines().zip(RESULTS) {
            assert!(line.ends_with(expected), "{input}: {line}");
        }
        assert_eq!(out.lines().count(), RESULTS.len());
        assert_eq!(*first.get_or_insert_with(|| out.clone()), out);
    }
}

#[test]
fn objects_and_lists_of_ndjson_are_structs_and_lists() {
    let folder = Folder::new();
    folder
        .write("orders.rules", RULES)
        .write("in.ndjson", ORDERS);
    check(&folder, "in.ndjson");
}

#[test]
fn cells_of_csv_may_hold_json() {
    let folder = Folder::new();
    let mut csv = "items,buyer,stock\n".to_owned();
    for line in ORDERS.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let cells = ["items", "buyer", "stock"].map(|name| match &row[name] {
            serde_json::Value::Null => String::new(),
            value => format!("\"{}\"", value.to_string().replace('"', "\"\"")),
        });
        csv += &(cells.join(",") + "\n");
    }
    folder.write("orders.rules", RULES).write("in.csv", csv);
    check(&folder, "in.csv");
}

/// As other programs write it: other names inside, other widths, more fields, everything nullable.
#[test]
fn nested_columns_of_parquet_are_read_as_they_are() {
    let folder = Folder::new();
    folder.write("orders.rules", RULES);
    let list = |item: DataType| DataType::List(Arc::new(Field::new("element", item, true)));
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let item = DataType::Struct(
        vec![
            field("more", DataType::Boolean),
            field("qty", DataType::Int64),
            field("sku", DataType::Utf8),
            field("price", DataType::Float64),
            field("note", DataType::Utf8),
        ]
        .into(),
    );
    let home = DataType::Struct(vec![field("zip", DataType::Utf8)].into());
    let buyer = vec![field("name", DataType::Utf8), field("home", home)];
    let pair = vec![
        Field::new("key", DataType::Utf8, false),
        field("value", list(DataType::Int64)),
    ];
    let entries = Field::new("key_value", DataType::Struct(pair.into()), false);
    let schema = Arc::new(Schema::new(vec![
        field("items", list(item)),
        field("buyer", DataType::Struct(buyer.into())),
        field("stock", DataType::Map(Arc::new(entries), false)),
    ]));
    let rows: Vec<serde_json::Value> = ORDERS
        .replace(":500,", ":500.0,")
        .replace(":1,\"qty\"", ":1.0,\"qty\"")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let columns = schema.fields().iter().map(|field| {
        let values: Vec<_> = rows
            .iter()
            .map(|row| from_json(&row[field.name()]).unwrap())
            .collect();
        array_of(field, &values.iter().collect::<Vec<_>>()).unwrap()
    });
    let batch = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
    for format in [Format::Parquet, Format::Arrow] {
        let name = format!("in.{}", format.name());
        let file = fs::File::create(folder.join(&name)).unwrap();
        let mut writer = open_writer(format, file, &schema, &name).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        check(&folder, &name);
    }
}

#[test]
fn what_has_another_shape_is_a_row_error_with_its_place() {
    let folder = Folder::new();
    folder.write("orders.rules", RULES).write(
        "pipeline.toml",
        "[pipeline]\nname = \"orders\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"orders\"\nrules = \"orders.rules\"\non_error = \"dead-letter\"\n",
    );
    let good = "\"buyer\":null,\"stock\":{}";
    let bad = [
        (
            format!(
                "{{\"items\":[{{\"sku\":\"a\",\"price\":1,\"qty\":1}},{{\"sku\":\"a\",\"price\":\"much\",\"qty\":1}}],{good}}}"
            ),
            "element 1: `price`: `\"much\"` is no double",
        ),
        (
            format!("{{\"items\":[{{\"sku\":\"a\",\"price\":1}}],{good}}}"),
            "element 0: `qty`: it is null",
        ),
        (format!("{{\"items\":{{}},{good}}}"), "is no list<"),
        (format!("{{\"items\":null,{good}}}"), "null"),
        (
            "{\"items\":[],\"buyer\":{\"name\":\"x\",\"home\":{\"zip\":true}},\"stock\":{}}"
                .to_owned(),
            "`home`: `zip`: `true` is no string",
        ),
        (
            "{\"items\":[],\"buyer\":null,\"stock\":{\"a\":[1,null]}}".to_owned(),
            "`a`: element 1: it is null",
        ),
    ];
    let mut input = ORDERS.to_owned();
    for (line, _) in &bad {
        input += line;
        input.push('\n');
    }
    folder.write("in.ndjson", input);
    folder
        .run("run pipeline.toml -i in.ndjson -o out.ndjson --dead-letter dead.ndjson")
        .done();
    assert_eq!(
        folder
            .read("out.ndjson")
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        3
    );
    let dead = String::from_utf8(folder.read("dead.ndjson")).unwrap();
    assert_eq!(dead.lines().count(), bad.len(), "{dead}");
    for (letter, (_, expected)) in dead.lines().zip(&bad) {
        let letter: serde_json::Value = serde_json::from_str(letter).unwrap();
        let message = letter["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message} has no {expected}");
        let column = if expected.contains("home") {
            "buyer"
        } else if expected.contains("`a`") {
            "stock"
        } else {
            "items"
        };
        assert!(
            message.contains(&format!("`{column}`")),
            "{message} names no {column}"
        );
    }
}
