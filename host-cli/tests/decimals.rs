//! Decimals from and to files: every digit, where doubles would lose some.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema};
use rulestage_formats::{Format, open_writer};
use std::fs;
use std::sync::Arc;
use support::Folder;

const RULES: &str = r#"
ruleset fees {
  input {
    amount: decimal
    bonus:  decimal?
    count:  int
  }
  param rate: decimal = decimal("0.025")
  output {
    fee:   decimal = decimal("0.00") merge sum
    least: decimal = decimal("0")    merge min
    all:   list<decimal> = []        merge unique
    given: decimal?                  merge first
    total: decimal = decimal("0.00")
    share: string = ""
  }
  rule base { when amount >= decimal("0.1") then { fee = amount, least = amount, all = amount } }
  rule more { when bonus != null then { fee = bonus, least = bonus, all = [bonus, amount], given = bonus } }
  rule total { when count > 0 then { total = amount * decimal(count), share = string((amount / decimal(count)).round(2)) } }
  table steps hit first {
    | amount                        || fee             |
    | < decimal("1")                || decimal("0.30") |
    | decimal("1.00")..decimal("9") || amount * rate   |
  }
  example "places are kept and do not count" {
    given  { amount: decimal("0.1"), bonus: decimal("0.2"), count: 3 }
    expect { fee: decimal("0.6"), least: decimal("0.10"), all: [decimal("0.1"), decimal("0.2")], given: decimal("0.2"), share: "0.03" }
  }
  example "the parameter is one too" {
    given  { amount: decimal("4"), count: 0 }
    params { rate: decimal("0.5") }
    expect { fee: decimal("6"), given: null, total: decimal("0") }
  }
}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("fees.rules", RULES);
    folder
}

/// Writes the columns as Parquet and as Arrow; gives the names of the files.
fn write_typed(folder: &Folder, columns: &[(&str, ArrayRef)]) -> [String; 2] {
    let fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, column)| column.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    [Format::Parquet, Format::Arrow].map(|format| {
        let name = format!("in.{}", format.name());
        let file = fs::File::create(folder.join(&name)).unwrap();
        let mut writer = open_writer(format, file, &schema, &name).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        name
    })
}

/// The lines behind the header.
fn lines(folder: &Folder, name: &str) -> Vec<String> {
    let text = String::from_utf8(folder.read(name)).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn examples_compare_by_value() {
    let folder = folder();
    folder.run("test fees.rules").done();
    let wrong = RULES.replace("fee: decimal(\"6\")", "fee: decimal(\"6.01\")");
    folder.write("wrong.rules", wrong);
    let failed = folder.run("test wrong.rules");
    let failed = failed.fails(1, &[]);
    let shown = format!(
        "{}{}",
        String::from_utf8_lossy(&failed.stdout),
        failed.stderr
    );
    assert!(shown.contains("fee: expected 6.01, got 6.0"), "{shown}");
}

/// 0.1 + 0.2 + 0.30 is 0.60, a million cents are 10000.00, and 38 digits stay 38 digits.
#[test]
fn csv_goes_through_without_losing_a_digit() {
    let folder = folder();
    let long = "12345678901234567890123456789012345.678";
    folder.write(
        "in.csv",
        format!("amount,bonus,count\n0.1,0.2,3\n0.01,,1000000\n{long},,1\n 7.50 ,-0.000,1\n"),
    );
    for batch_rows in [1, 2, 8192] {
        folder
            .run(&format!(
                "run fees.rules -i in.csv -o out.csv --batch-rows {batch_rows}"
            ))
            .done();
        let out = lines(&folder, "out.csv");
        assert!(out[0].starts_with("0.1,0.2,3,0.60,0.1,"), "{}", out[0]);
        assert!(out[0].contains(",0.2,0.3,0.03"), "{}", out[0]);
        assert!(out[1].contains(",0.30,0,"), "{}", out[1]);
        assert!(out[1].contains(",10000.00,0.00"), "{}", out[1]);
        assert!(
            out[2].contains(&format!("{long},,1,{long},{long},")),
            "{}",
            out[2]
        );
        // 7.50 + 0.000 + 7.50 * 0.025
        assert!(out[3].contains(",7.68750,0.000,"), "{}", out[3]);
    }
}

#[test]
fn numbers_of_json_keep_their_digits() {
    let folder = folder();
    let digits = "0.30000000000000000000000000000000000001";
    folder.write(
        "in.ndjson",
        format!(
            "{{\"amount\":{digits},\"bonus\":null,\"count\":1}}\n{{\"amount\":\"1.10\",\"bonus\":2,\"count\":2}}\n"
        ),
    );
    folder
        .run("run fees.rules -i in.ndjson -o out.ndjson")
        .done();
    let out = String::from_utf8(folder.read("out.ndjson")).unwrap();
    let rows: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["least"], digits);
    assert_eq!(rows[0]["total"], digits);
    assert_eq!(rows[1]["total"], "2.20");
    assert_eq!(rows[1]["given"], "2");
    assert_eq!(
        rows[1]["all"],
        serde_json::json!([{"@decimal": "1.10"}, {"@decimal": "2"}])
    );
}

#[test]
fn decimals_and_numbers_of_parquet_and_arrow_are_read() {
    let folder = folder();
    let amounts = Decimal128Array::from(vec![10, 1_210, 99])
        .with_precision_and_scale(12, 2)
        .unwrap();
    let columns: [(&str, ArrayRef); 3] = [
        ("amount", Arc::new(amounts)),
        (
            "bonus",
            Arc::new(Float64Array::from(vec![None, Some(0.2), Some(3.0)])),
        ),
        ("count", Arc::new(Int64Array::from(vec![1, 10, 100]))),
    ];
    for name in write_typed(&folder, &columns) {
        folder
            .run(&format!("run fees.rules -i {name} -o out.csv"))
            .done();
        let out = lines(&folder, "out.csv");
        assert!(out[0].contains(",0.40,0.10,"), "{}", out[0]);
        assert!(out[1].contains(",12.30,0.2,"), "{}", out[1]);
        assert!(out[2].contains(",4.29,0.99,"), "{}", out[2]);
        assert!(out[2].contains(",3,99.00,0.01"), "{}", out[2]);
    }
}

#[test]
fn what_is_no_decimal_fails_its_row_and_a_bad_parameter_the_run() {
    let folder = folder();
    folder.write(
        "in.csv",
        "amount,bonus,count\n12.10,,1\ntwelve,,1\n,,1\n9e99,,1\n",
    );
    folder.write(
        "pipeline.toml",
        "[pipeline]\nname = \"fees\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"fees\"\nrules = \"fees.rules\"\non_error = \"dead-letter\"\n",
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv --dead-letter dead.ndjson")
        .done();
    let dead = String::from_utf8(folder.read("dead.ndjson")).unwrap();
    assert_eq!(dead.lines().count(), 3, "{dead}");
    for line in dead.lines() {
        assert!(line.contains("invalid-argument"), "{line}");
        assert!(
            line.contains("the text is not a decimal of up to 38 digits"),
            "{line}"
        );
    }
    assert_eq!(lines(&folder, "out.csv").len(), 1);
    folder.write("in.csv", "amount,bonus,count\n4,,0\n");
    folder
        .run("run fees.rules -i in.csv -o out.csv --param rate=0.50")
        .done();
    assert!(lines(&folder, "out.csv")[0].starts_with("4,,0,6.00,4,"));
    let refused = folder.run("run fees.rules -i in.csv -o out.csv --param rate=half");
    assert_ne!(refused.status, Some(0));
    assert!(refused.stderr.contains("rate"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
}

const ORDERS: &str = r#"
ruleset orders {
  input {
    items: list<{sku: string, price: decimal, fees: map<string, decimal>?}>
    paid:  {amount: decimal}?
  }
  output { prices: list<decimal> = [] merge collect  is_exact: bool = false  fees: list<decimal> = [] merge collect }
  rule prices { when size(items) > 0 then { prices = items.map(i, i.price) } }
  rule fees { when items.exists(i, i.fees != null && "post" in i.fees) then { fees = items.filter(i, i.fees != null).map(i, i.fees["post"]) } }
  rule exact { when paid != null && paid.amount == decimal("0.1000000000000000055") then { is_exact = true } }
}
"#;

const LONG: &str = "12345678901234567890123.450";

fn check_orders(folder: &Folder, input: &str) {
    folder
        .run(&format!("run orders.rules -i {input} -o out.ndjson"))
        .done();
    let out = String::from_utf8(folder.read("out.ndjson")).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].ends_with(&format!(
            r#""prices":[{{"@decimal":"0.1000000000000000055"}},{{"@decimal":"{LONG}"}}],"is_exact":true,"fees":[{{"@decimal":"1.50"}}]}}"#
        )),
        "{input}: {out}"
    );
    // A double has these digits, too.
    assert!(
        lines[1].ends_with(
            r#""prices":[{"@decimal":"0.1000000000000000"}],"is_exact":false,"fees":[]}"#
        ),
        "{input}: {out}"
    );
}

#[test]
fn numbers_within_structs_keep_their_digits() {
    let folder = Folder::new();
    folder.write("orders.rules", ORDERS);
    let rows = [
        format!(
            r#"{{"items":[{{"sku":"a","price":0.1000000000000000055}},{{"sku":"b","price":{LONG},"fees":{{"post":1.50}}}}],"paid":{{"amount":0.1000000000000000055}}}}"#
        ),
        r#"{"items":[{"sku":"a","price":"0.1000000000000000"}],"paid":{"amount":0.1000000000000000}}"#
            .to_owned(),
    ];
    folder.write("in.ndjson", rows.join("\n") + "\n");
    folder.write("in.json", format!("[{}]", rows.join(",")));
    let cells = rows.iter().map(|row| {
        let (items, paid) = row.split_once(r#","paid":"#).unwrap();
        let (items, paid) = (&items[r#"{"items":"#.len()..], &paid[..paid.len() - 1]);
        format!(
            "\"{}\",\"{}\"\n",
            items.replace('"', "\"\""),
            paid.replace('"', "\"\"")
        )
    });
    folder.write(
        "in.csv",
        "items,paid\n".to_owned() + &cells.collect::<String>(),
    );
    for input in ["in.ndjson", "in.json", "in.csv"] {
        check_orders(&folder, input);
    }
}

#[test]
fn decimals_within_nested_columns_are_read() {
    let folder = Folder::new();
    folder.write("orders.rules", ORDERS);
    let decimals = |values: &[i128], scale: i8| -> ArrayRef {
        let values = Decimal128Array::from(values.to_vec());
        Arc::new(values.with_precision_and_scale(38, scale).unwrap())
    };
    let record = |columns: Vec<(&str, ArrayRef)>| -> ArrayRef {
        let fields = columns.into_iter().map(|(name, column)| {
            (
                Arc::new(Field::new(name, column.data_type().clone(), true)),
                column,
            )
        });
        Arc::new(StructArray::from(fields.collect::<Vec<_>>()))
    };
    // As the digits stand there: every value of a column has its places.
    let prices = decimals(
        &[1_000_000_000_000_000_055, 99_990_000_000_000_000_000, 5],
        19,
    );
    let skus: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let item = record(vec![("sku", skus), ("price", prices)]);
    let items = ListArray::new(
        Arc::new(Field::new("item", item.data_type().clone(), true)),
        OffsetBuffer::from_lengths([2, 1]),
        item,
        None,
    );
    let paid = record(vec![(
        "amount",
        decimals(&[1_000_000_000_000_000_055, 1], 19),
    )]);
    assert!(matches!(paid.data_type(), DataType::Struct(_)));
    for name in write_typed(&folder, &[("items", Arc::new(items)), ("paid", paid)]) {
        folder
            .run(&format!(
                "run orders.rules -i {name} -o out.csv --columns prices,is_exact"
            ))
            .done();
        let out = lines(&folder, "out.csv").join("\n").replace("\"\"", "'");
        let expected = "\"[{'@decimal':'0.1000000000000000055'},{'@decimal':'9.9990000000000000000'}]\",true\n\"[{'@decimal':'0.0000000000000000005'}]\",false";
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn explanations_show_decimals_as_rules_write_them() {
    let folder = Folder::new();
    folder
        .write(
            "order.rules",
            "ruleset order version \"1\" {
  input { items: list<{qty: int, price: decimal}> }
  output { total: decimal = decimal(\"0\") }
  rule priced {
    when items.size() > 0
    then { total = items.map(i, i.price * decimal(i.qty)).sum() }
  }
}
",
        )
        .write(
            "in.ndjson",
            "{\"items\": [{\"qty\": 3, \"price\": 0.10}]}\n",
        );
    let ran = folder
        .run("explain order.rules --input in.ndjson --row 0")
        .done();
    let shown = String::from_utf8(ran.stdout).unwrap();
    for part in [
        "then total = decimal(\"0.30\")",
        "[{\"price\": decimal(\"0.10\"), \"qty\": 3}]",
    ] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
}
