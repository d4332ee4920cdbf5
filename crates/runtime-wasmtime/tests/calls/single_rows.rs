//! Rows that are called by values: nested ones, long ones, and such as do not fit.

use super::common::guest::LIMITS;
use super::values::values;
use super::{answers, both};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use rulestage_pipeline::cast::convert;
use rulestage_pipeline::runtime::{Runtime, StageFailureKind, StageSchema};
use rulestage_pipeline::wire::dynamic_field;
use rulestage_runtime_wasmtime::{RowResult, RowValue};
use std::sync::Arc;

#[test]
fn rows_that_do_not_fit() {
    let source = r#"ruleset typed {
  input { age: int  country: string  score: double? }
  output { high: bool = false  names: list<string> = [] merge collect }
  rule high { when age > 17 && country != "US" && (score ?? 1.0) > 0.5 then { high = true, names = country } }
}"#;
    let artifact = rulestage_rule_compiler::compile(source).artifact;
    let component = artifact.expect("it compiles").component;
    for (runtime, component) in both(&component, true) {
        let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
        let (age, country) = (RowValue::Int(18), RowValue::Text("Č"));
        let mut message = |row: &[RowValue<'_>]| {
            let failure = session.process_row(row).expect_err("it does not fit");
            assert_eq!(failure.kind, StageFailureKind::InvalidColumn);
            failure.message
        };
        assert_eq!(
            message(&[age, country]),
            "2 values for the 3 columns of the stage"
        );
        assert_eq!(
            message(&[RowValue::Double(18.0), country, RowValue::Null]),
            "column `age` is of type int and was given double"
        );
        assert_eq!(
            message(&[age, RowValue::Null, RowValue::Null]),
            "column `country` is of type string and was given null"
        );
        // Too large to be a small batch.
        let long = "Č".repeat(100_000);
        for text in ["Č", "", &long, "Č"] {
            for score in [RowValue::Null, RowValue::Double(0.4), RowValue::Double(0.6)] {
                let outcome = session.process_row(&[age, RowValue::Text(text), score]);
                let outcome = outcome.expect("it runs");
                let high = score != RowValue::Double(0.4);
                let names = high.then(|| RowResult::Text(text.to_owned()));
                let names = RowResult::List(names.into_iter().collect());
                let expected = [RowResult::Boolean(high), names];
                assert_eq!(
                    (&outcome.values[..], &outcome.error),
                    (&expected[..], &None)
                );
            }
        }
    }
}

/// Lists of structs with nulls and texts in them, maps, structs in structs, booleans; `unread` is what no rule reads.
const NESTED: &str = r#"ruleset nested {
  input {
    items: list<{sku: string, price: double?, qty: int, unread: list<string>}>
    owner: {name: string?, home: {city: string, unread: string}}?
    rates: map<string, double>
    flags: list<list<bool>>
    unread: list<{a: int, b: string}>
  }
  output {
    any: bool = false
    skus: list<string> = []
    totals: list<double> = []
    city: string?
    rate: double = 0.0
    counts: list<int> = []
  }
  rule any { when items.exists(i, (i.price ?? 0.0) > 1.0 && i.qty > 0) then { any = true } }
  rule lists {
    when true
    then {
      skus = items.map(i, i.sku),
      totals = items.map(i, (i.price ?? 0.5) * double(i.qty)),
      counts = flags.map(f, size(f.filter(x, x)))
    }
  }
  rule city { when owner != null && owner.name != null then { city = owner.home.city + "!" } }
  rule rate { when "b" in rates then { rate = rates["b"] + rates["a"] } }
}"#;

/// The columns of `NESTED`, one row in each line.
const NESTED_ROWS: [[&str; 5]; 4] = [
    [
        r#"[{"sku": "x", "price": 9.5, "qty": 1, "unread": ["q"]}]"#,
        "null",
        r#"{"a": 1.0, "b": 2.0}"#,
        "[[true]]",
        "[]",
    ],
    [
        r#"[{"sku": "p", "price": 1.5, "qty": 0, "unread": []}, {"sku": "č", "price": null, "qty": 7, "unread": ["a", "b"]}]"#,
        r#"{"name": "n", "home": {"city": "Brno", "unread": "u"}}"#,
        "{}",
        "[[true, false, true], []]",
        r#"[{"a": 1, "b": "x"}]"#,
    ],
    [
        "[]",
        "null",
        r#"{"b": 4.0}"#,
        "[]",
        r#"[{"a": 2, "b": "yy"}]"#,
    ],
    [
        r#"[{"sku": "", "price": 2.0, "qty": 3, "unread": ["c"]}]"#,
        r#"{"name": null, "home": {"city": "Ostrava", "unread": ""}}"#,
        r#"{"b": 4.0, "a": 0.25}"#,
        "[[false], [true, true, true, true, true, true, true, true, true]]",
        "[]",
    ],
];

fn nested_rows(schema: &StageSchema) -> RecordBatch {
    let fields = schema.inputs.fields();
    let columns = fields.iter().enumerate().map(|(column, field)| {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(
            NESTED_ROWS.iter().map(|row| row[column]),
        ));
        let converted = convert(&texts, &dynamic_field("json", false), field).expect("a column");
        assert!(converted.errors.is_empty(), "{:?}", converted.errors);
        converted.array
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema.inputs), columns.collect());
    batch.expect("columns of the session's schema").slice(1, 3)
}

fn compiled(source: &str) -> Vec<u8> {
    let compilation = rulestage_rule_compiler::compile(source);
    let artifact = compilation.artifact;
    artifact
        .unwrap_or_else(|| panic!("{:?}", compilation.diagnostics))
        .component
}

#[test]
fn nested_rows_as_batches_and_as_values() {
    let ways = both(&compiled(NESTED), true);
    let [direct, linked] = ways
        .each_ref()
        .map(|(runtime, component)| answers(runtime, component, &[], LIMITS, nested_rows));
    assert_eq!(direct, linked);
    let failed: Vec<_> = direct.iter().filter(|answer| answer.is_err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let reads = r"reads: [true, true, true, true, true, false, false, true, true, true, true, false, true, true, true, true, true, true, false, false, false, false]";
    assert!(format!("{direct:?}").contains(reads), "{:?}", direct[1]);
}

#[test]
fn parts_of_rows_that_do_not_fit() {
    for (runtime, component) in both(&compiled(NESTED), true) {
        let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
        let schema = runtime.schema(&session).clone();
        let good = values(&nested_rows(&schema), 0);
        let mut message = |column: usize, value: RowValue<'_>| {
            let mut row = good.clone();
            row[column] = value;
            let failure = session.process_row(&row).expect_err("it does not fit");
            assert_eq!(failure.kind, StageFailureKind::InvalidColumn);
            failure.message
        };
        let item = |last| {
            let unread = RowValue::List(&[]);
            [RowValue::Text("s"), RowValue::Null, last, unread]
        };
        let items = "list<struct<sku: string, price: double?, qty: int, unread: list<string>>>";
        assert_eq!(
            message(
                0,
                RowValue::List(&[RowValue::Struct(&item(RowValue::Double(1.0)))])
            ),
            format!("column `items` is of type {items}, and a part of type int was given double")
        );
        assert_eq!(
            message(
                0,
                RowValue::List(&[RowValue::Struct(&item(RowValue::Null)[..3])])
            ),
            format!(
                "column `items` is of type {items}, and a part of type struct<sku: string, price: double?, qty: int, \
                 unread: list<string>> was given a struct of 3 fields"
            )
        );
        assert_eq!(
            message(2, RowValue::List(&[])),
            "column `rates` is of type map<string, double> and was given a list"
        );
        // Also what the stage does not read.
        assert_eq!(
            message(4, RowValue::Int(1)),
            "column `unread` is of type list<struct<a: int, b: string>> and was given int"
        );
        session.process_row(&good).expect("the session is usable");
    }
}

/// A list too long for the short way, and one as long as others are not.
#[test]
fn rows_of_long_lists() {
    let source = r#"ruleset long {
  input { numbers: list<int> }
  output { more: list<int> = []  any: bool = false }
  rule more { when true then { more = numbers.map(n, n + 1), any = numbers.exists(n, n == 70000) } }
}"#;
    for (runtime, component) in both(&compiled(source), true) {
        let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
        for n in [0, 1, 9, 5_000, 70_001, 2] {
            let numbers: Vec<_> = (0..n).map(RowValue::Int).collect();
            let outcome = session.process_row(&[RowValue::List(&numbers)]);
            let more = (1..=n).map(RowResult::Int).collect();
            let expected = [RowResult::List(more), RowResult::Boolean(n > 70_000)];
            assert_eq!(outcome.expect("it runs").values, expected);
        }
    }
}

#[test]
fn what_is_not_read_is_not_handed_over() {
    let source = |condition: &str| {
        format!(
            "ruleset large {{
  input {{ items: list<{{sku: string, price: double}}>  note: string }}
  output {{ any: bool = false }}
  rule any {{ when {condition} then {{ any = true }} }}
}}"
        )
    };
    const LARGE: usize = 4 << 20;
    let used = |condition: &str| {
        let uses = both(&compiled(&source(condition)), true).map(|(runtime, component)| {
            let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
            let schema = runtime.schema(&session).clone();
            let large = "x".repeat(LARGE);
            let texts: [ArrayRef; 2] = [
                Arc::new(StringArray::from(vec![format!(
                    r#"[{{"sku": "{large}", "price": 2.0}}]"#
                )])),
                Arc::new(StringArray::from(vec![format!("\"{large}\"")])),
            ];
            let columns = texts
                .iter()
                .zip(schema.inputs.fields())
                .map(|(texts, field)| {
                    let json = dynamic_field("json", false);
                    convert(texts, &json, field).expect("a column").array
                });
            let batch = RecordBatch::try_new(schema.inputs.clone(), columns.collect());
            let batch = batch.expect("a batch");
            let outcome = runtime.process(&mut session, &batch).expect("it runs");
            assert!(outcome.columns[0].as_boolean().value(0), "{condition}");
            let alone = session.process_row(&values(&batch, 0)).expect("it runs");
            assert_eq!(alone.values, [RowResult::Boolean(true)]);
            let explained = runtime.explain(&mut session, &batch, 0);
            explained.expect("it explains");
            session.used_bytes() as usize
        });
        assert_eq!(uses[0] / LARGE, uses[1] / LARGE, "{condition}");
        uses[0]
    };
    let nothing = used("items.exists(i, i.price > 1.0)");
    assert!(nothing < LARGE, "{nothing} bytes");
    for one in [
        "items.exists(i, i.sku != '')",
        "note != ''",
        "items[0] == items[0]",
    ] {
        let bytes = used(one);
        assert!(
            (LARGE..2 * LARGE + LARGE / 2).contains(&bytes),
            "{one}: {bytes} bytes"
        );
    }
}
