//! Decision tables against a direct evaluation of how they were generated: every hit policy, tables small and large
//! enough for an index, tests of several types, nulls, NaN, columns that fail.

use super::generate::Random;
use crate::reasons;
use crate::stage::{RowResult, agree, run};
use rulestage_pipeline::runtime::RowErrorCode as Code;
use rulestage_rule_compiler::compile;
use rulestage_rule_compiler::ir::Const as Value;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::fmt::Write;

const POLICIES: [&str; 8] = [
    "unique",
    "any",
    "first",
    "priority",
    "collect",
    "collect count",
    "rule order",
    "output order",
];
const LEVELS: [&str; 3] = ["high", "mid", "low"];
const LIMIT: i64 = 3;
const N_TABLES: usize = 240;
const N_ROWS: usize = 80;

/// What a column tests.
#[derive(Clone, Copy, PartialEq)]
enum Header {
    Int,
    Double,
    Text,
    Flag,
    Decimal,
    /// Fails where `a` is 0
    Quotient,
}

const HEADERS: [(Header, &str); 6] = [
    (Header::Int, "a"),
    (Header::Double, "x"),
    (Header::Text, "s"),
    (Header::Flag, "b"),
    (Header::Decimal, "d"),
    (Header::Quotient, "12 / a"),
];

/// One test, evaluated without any of the compiler.
enum Test {
    Equal(Value),
    NotEqual(Value),
    Order(&'static str, Value),
    /// With `limit`, which is no constant
    OverLimit,
    Interval(Value, bool, Value, bool),
    Not(Vec<Test>),
}

enum Output {
    Nothing,
    Int(i64),
    /// `a + 1`
    Successor,
    /// `12 / a`
    Quotient,
}

struct Row {
    cells: Vec<Vec<Test>>,
    number: Output,
    texts: Vec<&'static str>,
    level: usize,
}

struct Table {
    policy: &'static str,
    headers: Vec<(Header, &'static str)>,
    rows: Vec<Row>,
}

fn constant(random: &mut Random, header: Header) -> Value {
    let n = random.below(9) as i64 - 3;
    match header {
        Header::Int | Header::Quotient => Value::Int(n),
        Header::Double => Value::Double(n as f64 / 2.0),
        Header::Text => Value::String(
            ["", "a", "b", "bb", "long text 1", "long text 2"][random.below(6)].to_owned(),
        ),
        Header::Flag => Value::Bool(random.below(2) == 0),
        Header::Decimal => decimal(random, n),
    }
}

/// Decimals with and without places, some with more of them than others have room for.
fn decimal(random: &mut Random, n: i64) -> Value {
    let text = match random.below(12) {
        0 => "1e37".to_owned(),
        1 => "1e-38".to_owned(),
        2 => format!("{n}.0000000000000000055"),
        3..=5 => format!("{n}.50"),
        6..=8 => format!("{n}.5"),
        _ => n.to_string(),
    };
    Value::Decimal(text.parse().expect("a decimal"))
}

fn test(random: &mut Random, header: Header, depth: usize) -> Test {
    let value = constant(random, header);
    match random.below(10) {
        0 | 1 => Test::Order(["<", "<=", ">", ">="][random.below(4)], value),
        2 => Test::NotEqual(value),
        3 | 4 if header != Header::Flag => {
            let (low, high) = match (value, constant(random, header)) {
                (Value::Int(a), Value::Int(b)) => (Value::Int(a.min(b)), Value::Int(a.max(b) + 1)),
                (Value::Double(a), Value::Double(b)) => {
                    (Value::Double(a.min(b)), Value::Double(a.max(b) + 1.0))
                }
                (Value::String(a), Value::String(b)) => (
                    Value::String(a.clone().min(b.clone())),
                    Value::String(a.max(b) + "z"),
                ),
                (Value::Decimal(a), Value::Decimal(b)) => {
                    let above = a.max(b).add(1_i64.into());
                    let beyond = || "2e37".parse().expect("a decimal");
                    let above = above.unwrap_or_else(|_| beyond());
                    (Value::Decimal(a.min(b)), Value::Decimal(above))
                }
                other => other,
            };
            Test::Interval(low, random.below(2) == 0, high, random.below(2) == 0)
        }
        5 if depth == 0 => Test::Not(
            (0..=random.below(2))
                .map(|_| test(random, header, 1))
                .collect(),
        ),
        6 if matches!(header, Header::Double | Header::Decimal) => Test::Equal(Value::Null),
        7 if header == Header::Int => Test::OverLimit,
        _ => Test::Equal(value),
    }
}

fn table(random: &mut Random, policy: &'static str) -> Table {
    let headers: Vec<_> = (0..=random.below(3))
        .map(|_| HEADERS[random.below(HEADERS.len())])
        .collect();
    let n_rows = if random.below(3) == 0 {
        20 + random.below(30)
    } else {
        1 + random.below(6)
    };
    let rows = (0..n_rows).map(|_| {
        let cells = headers.iter().map(|(header, _)| match random.below(4) {
            0 => Vec::new(),
            _ => (0..=random.below(2))
                .map(|_| test(random, *header, 0))
                .collect(),
        });
        let cells = cells.collect();
        let agreed = policy == "any" && random.below(20) > 0;
        let number = match random.below(8) {
            _ if agreed => Output::Int(1),
            0 => Output::Nothing,
            1 => Output::Successor,
            2 => Output::Quotient,
            n => Output::Int(n as i64),
        };
        let texts = match random.below(3) {
            _ if agreed => vec!["t"],
            0 => Vec::new(),
            n => ["t", "u"][..n].to_vec(),
        };
        let level = if agreed { 0 } else { random.below(3) };
        Row {
            cells,
            number,
            texts,
            level,
        }
    });
    let rows = rows.collect();
    Table {
        policy,
        headers,
        rows,
    }
}

// -------------------------------------------------------------------- as text

fn literal(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        // Whole numbers stand for doubles.
        Value::Double(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Bool(value) => value.to_string(),
        Value::Decimal(value) => format!("decimal(\"{value}\")"),
        _ => "null".to_owned(),
    }
}

fn test_text(test: &Test) -> String {
    match test {
        Test::Equal(value) => literal(value),
        Test::NotEqual(value) => format!("!= {}", literal(value)),
        Test::Order(op, value) => format!("{op} {}", literal(value)),
        Test::OverLimit => "> limit".to_owned(),
        Test::Interval(low, true, high, true) => format!("{}..{}", literal(low), literal(high)),
        Test::Interval(low, with_low, high, with_high) => format!(
            "{}{}..{}{}",
            if *with_low { '[' } else { '(' },
            literal(low),
            literal(high),
            if *with_high { ']' } else { ')' }
        ),
        Test::Not(tests) => format!("not({})", tests_text(tests)),
    }
}

fn tests_text(tests: &[Test]) -> String {
    if tests.is_empty() {
        return "-".to_owned();
    }
    tests.iter().map(test_text).collect::<Vec<_>>().join(", ")
}

fn source(table: &Table, merge: &str) -> String {
    let is_count = table.policy == "collect count";
    let mut text = format!(
        "ruleset r {{\n  input {{ a: int  x: double?  s: string  b: bool  d: decimal? }}\n  param limit: int = {LIMIT}\n  \
         output {{\n    number: int = -1 merge {merge}\n    texts: list<string> = [] merge collect\n    level: string = \"none\" merge last\n  }}\n  \
         table t hit {} {{\n    |",
        table.policy
    );
    for (_, header) in &table.headers {
        let _ = write!(text, " {header} |");
    }
    text += if is_count {
        "| number |\n"
    } else {
        "| number | texts |"
    };
    if !is_count {
        let order = matches!(table.policy, "priority" | "output order");
        text += if order {
            " level in [\"high\", \"mid\", \"low\"] |\n"
        } else {
            " level |\n"
        };
    }
    for row in &table.rows {
        text += "    |";
        for cell in &row.cells {
            let _ = write!(text, " {} |", tests_text(cell));
        }
        if is_count {
            text += "\n";
            continue;
        }
        let number = match row.number {
            Output::Nothing => "-".to_owned(),
            Output::Int(value) => value.to_string(),
            Output::Successor => "a + 1".to_owned(),
            Output::Quotient => "12 / a".to_owned(),
        };
        let texts = match row.texts.as_slice() {
            [] => "-".to_owned(),
            [one] => format!("{one:?}"),
            many => format!("{many:?}"),
        };
        let _ = writeln!(text, "| {number} | {texts} | {:?} |", LEVELS[row.level]);
    }
    text += "  }\n}\n";
    text
}

// ---------------------------------------------------------------- evaluation

fn holds(test: &Test, value: &Value) -> bool {
    let order = |other: &Value| match (value, other) {
        (Value::Int(a), Value::Int(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => a.partial_cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.partial_cmp(b),
        _ => None,
    };
    let compare = |op: &str, other: &Value| {
        order(other).is_some_and(|order| match op {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        })
    };
    let equal = |other: &Value| match (value, other) {
        (Value::Double(a), Value::Double(b)) => a == b,
        (a, b) => a == b,
    };
    match test {
        Test::Equal(other) => equal(other),
        Test::NotEqual(other) => !equal(other),
        Test::Order(op, other) => compare(op, other),
        Test::OverLimit => compare(">", &Value::Int(LIMIT)),
        Test::Interval(low, with_low, high, with_high) => {
            compare(if *with_low { ">=" } else { ">" }, low)
                && compare(if *with_high { "<=" } else { "<" }, high)
        }
        Test::Not(tests) => !tests.iter().any(|test| holds(test, value)),
    }
}

fn quotient(row: &[Value]) -> Result<Value, Code> {
    match row[0] {
        Value::Int(0) => Err(Code::DivideByZero),
        Value::Int(a) => Ok(Value::Int(12 / a)),
        _ => unreachable!("`a` is an int"),
    }
}

fn matches(table: &Table, row: &Row, input: &[Value]) -> Result<bool, Code> {
    let mut failure = None;
    for ((header, _), cell) in table.headers.iter().zip(&row.cells) {
        if cell.is_empty() {
            continue;
        }
        let value = match header {
            Header::Int => Ok(input[0].clone()),
            Header::Double => Ok(input[1].clone()),
            Header::Text => Ok(input[2].clone()),
            Header::Flag => Ok(input[3].clone()),
            Header::Decimal => Ok(input[4].clone()),
            Header::Quotient => quotient(input),
        };
        match value {
            Ok(value) if cell.iter().any(|test| holds(test, &value)) => {}
            Ok(_) => return Ok(false),
            Err(code) => failure = failure.or(Some(code)),
        }
    }
    failure.map_or(Ok(true), Err)
}

/// What a row contributes.
type Hit = (Option<i64>, Vec<&'static str>, usize);

fn values(row: &Row, input: &[Value]) -> Result<Hit, Code> {
    let number = match (&row.number, &input[0]) {
        (Output::Nothing, _) => None,
        (Output::Int(value), _) => Some(*value),
        (Output::Successor, Value::Int(a)) => Some(a + 1),
        _ => match quotient(input)? {
            Value::Int(value) => Some(value),
            _ => None,
        },
    };
    Ok((number, row.texts.clone(), row.level))
}

fn evaluate(table: &Table, merge: &str, input: &[Value]) -> RowResult {
    let mut rows: Vec<&Row> = table.rows.iter().collect();
    if matches!(table.policy, "priority" | "output order") {
        rows.sort_by_key(|row| row.level);
    }
    let mut found: Vec<&Row> = Vec::new();
    let mut hits: Vec<Hit> = Vec::new();
    for row in rows {
        if !matches(table, row, input)? {
            continue;
        }
        found.push(row);
        match table.policy {
            "unique" if found.len() > 1 => return Err(Code::Conflict),
            "unique" | "collect count" => {}
            "any" => {
                hits.push(values(row, input)?);
                if hits[0] != hits[hits.len() - 1] {
                    return Err(Code::Conflict);
                }
            }
            _ => hits.push(values(row, input)?),
        }
        if matches!(table.policy, "first" | "priority") {
            break;
        }
    }
    match table.policy {
        "unique" => {
            for row in &found {
                hits.push(values(row, input)?);
            }
        }
        "any" => hits.truncate(1),
        "collect count" => {
            return Ok(vec![
                Value::Int(found.len() as i64),
                Value::List(Vec::new()),
                Value::String("none".to_owned()),
            ]);
        }
        _ => {}
    }
    let numbers: Vec<i64> = hits.iter().filter_map(|hit| hit.0).collect();
    let number = match merge {
        "first" => numbers.first().copied(),
        "last" => numbers.last().copied(),
        "max" => numbers.iter().max().copied(),
        _ if numbers.is_empty() => None,
        _ => Some(numbers.iter().sum()),
    };
    let texts = hits.iter().flat_map(|hit| &hit.1);
    let level = hits.last().map_or("none", |hit| LEVELS[hit.2]);
    Ok(vec![
        Value::Int(number.unwrap_or(-1)),
        Value::List(
            texts
                .map(|text| Value::String((*text).to_owned()))
                .collect(),
        ),
        Value::String(level.to_owned()),
    ])
}

fn input(random: &mut Random) -> Vec<Value> {
    let x = match random.below(6) {
        0 => Value::Null,
        1 => Value::Double(f64::NAN),
        2 => Value::Double(-0.0),
        _ => Value::Double(random.below(12) as f64 / 2.0 - 2.0),
    };
    let s = match constant(random, Header::Text) {
        Value::String(text) if random.below(3) == 0 => Value::String(text + "!"),
        other => other,
    };
    vec![
        Value::Int(random.below(12) as i64 - 4),
        x,
        s,
        constant(random, Header::Flag),
        match random.below(8) {
            0 => Value::Null,
            _ => constant(random, Header::Decimal),
        },
    ]
}

#[test]
fn tables_mean_what_their_cells_say() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x7ab1_e000_0000_0001);
    let (mut n_errors, mut n_hits, mut n_rows) = (0, 0, 0);
    for index in 0..N_TABLES {
        let policy = POLICIES[index % POLICIES.len()];
        let merge = ["first", "last", "max", "sum"][random.below(4)];
        let table = table(&mut random, policy);
        let source = source(&table, merge);
        let compilation = compile(&source);
        let artifact = compilation
            .artifact
            .unwrap_or_else(|| panic!("{source}{:#?}", compilation.diagnostics));
        let rows: Vec<Vec<Value>> = (0..N_ROWS).map(|_| input(&mut random)).collect();
        let actual = run(
            &runtime,
            &artifact.component,
            &artifact.ruleset,
            &rows,
            rows.len(),
        )
        .unwrap_or_else(|error| panic!("{error}: {source}"));
        let (component, ruleset) = (&artifact.component, &artifact.ruleset);
        reasons::compare(&runtime, component, ruleset, &rows, &source);
        for (row, actual) in rows.iter().zip(&actual) {
            let expected = evaluate(&table, merge, row);
            assert!(
                agree(&expected, actual),
                "{source}{row:?}\n  expected {expected:?}\n  got      {actual:?}"
            );
            n_rows += 1;
            match &expected {
                Err(_) => n_errors += 1,
                Ok(values) if values[0] != Value::Int(-1) => n_hits += 1,
                Ok(_) => {}
            }
        }
    }
    assert!(n_errors > n_rows / 50, "{n_errors} of {n_rows} rows fail");
    assert!(n_hits > n_rows / 5, "{n_hits} of {n_rows} rows match");
}

/// A hit policy, and the tests of row number `n`.
type Shape = (&'static str, fn(usize) -> String);

/// Each row of a large table is found, whichever way its cells lead to it.
#[test]
fn every_row_of_a_large_table_is_found() {
    const N: usize = 10_000;
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let shapes: [Shape; 4] = [
        ("first", |n| format!("{}..{} | -", 10 * n, 10 * n + 9)),
        ("unique", |n| format!("- | \"key {n}\"")),
        ("first", |n| format!("< {} | -", 10 * n + 10)),
        ("unique", |n| {
            format!("{}..{} | \"{}\"", n / 100, n / 100, n % 100)
        }),
    ];
    for (shape, (policy, cells)) in shapes.into_iter().enumerate() {
        let mut source = format!(
            "ruleset r {{ input {{ a: int  s: string }} output {{ o: int = -1 }}\n table t hit {policy} {{\n| a | s || o |\n"
        );
        for n in 0..N {
            let _ = writeln!(source, "| {} || {n} |", cells(n));
        }
        source += "} }";
        let artifact = compile(&source).artifact.expect("it compiles");
        let rows: Vec<Vec<Value>> = (0..N)
            .map(|n| {
                let (a, s) = match shape {
                    1 => (0, format!("key {n}")),
                    3 => (n / 100, (n % 100).to_string()),
                    _ => (10 * n + n % 10, String::new()),
                };
                vec![Value::Int(a as i64), Value::String(s)]
            })
            .collect();
        let actual = run(
            &runtime,
            &artifact.component,
            &artifact.ruleset,
            &rows,
            rows.len(),
        )
        .expect("it runs");
        for (n, result) in actual.iter().enumerate() {
            assert_eq!(result, &Ok(vec![Value::Int(n as i64)]), "shape {shape}");
        }
    }
}
