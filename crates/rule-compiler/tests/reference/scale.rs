//! Large rule sets, most of whose rules are found through an index, against a direct evaluation of every rule:
//! conditions that are tests of constants and others, nulls, NaN, errors that other operands absorb, `else`,
//! priorities, every merge.

use super::evaluate::{Value, evaluate_row};
use super::generate::Random;
use super::reasons;
use super::stage::{RowResult, agree, as_stored, run};
use rulestage_rule_compiler::{compile, compile_without_explain};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::fmt::Write;

const N_RULESETS: usize = 40;
/// More than are looked up in an index at once
const N_ROWS: usize = 270;
const BATCH_ROWS: usize = 61;
/// Rows whose reasons are compared.
const N_EXPLAINED: usize = 25;
/// So many rules have no index, and most of them first compare one value with a constant.
const N_SELECTIVE: usize = 40;

const TEXTS: [&str; 7] = ["", "a", "b", "cz", "de", "longer than 8", "longer than 9"];

const HEAD: &str = r#"ruleset large {
  input {
    s: string  m: string?  i: int  n: int?  u: uint  x: double  y: double?  b: bool  f: bool?  t: timestamp
    code: string  other_code: string?  number: int?  unsigned: uint
    d: decimal  e: decimal?  price: decimal  other_price: decimal?
  }
  param limit: int = 2
  output {
    first: string = "none"      merge first
    last:  int? = null          merge last
    total: int = 0              merge sum
    low:   double = 9.0         merge min
    high:  string = ""          merge max
    tags:  list<string> = ["-"] merge collect
    seen:  list<int>            merge unique
    sum:   decimal = decimal("0") merge sum
  }
  let quotient = 12 / i
  let filled = y ?? 0.5
  let known = n != null
  let cost = e ?? decimal("0.5")
"#;

fn integer(random: &mut Random) -> i64 {
    random.below(9) as i64 - 4
}

fn text(random: &mut Random) -> &'static str {
    TEXTS[random.below(TEXTS.len())]
}

fn order(random: &mut Random) -> &'static str {
    ["==", "!=", "<", "<=", ">", ">="][random.below(6)]
}

/// Values that are only compared for equality, so many that they are looked up by their hash: texts of all lengths
/// around eight bytes.
fn code(random: &mut Random) -> String {
    let number = random.below(40);
    ["", "c", "c23456", "c234567", "c234567890123456"][number % 5].to_owned() + &number.to_string()
}

fn equality(random: &mut Random) -> String {
    let (one, two) = (code(random), code(random));
    let number = random.below(60) as i64 * 1_000_003 - 30_000_000;
    let (a, b) = (price(random), price(random));
    match random.below(12) {
        8 => format!("price == {a}"),
        9 => format!("price in [{a}, {b}]"),
        10 => format!("price != {a}"),
        11 => format!("other_price == {b}"),
        0..=2 => format!("code == {one:?}"),
        3 => format!("code in [{one:?}, {two:?}]"),
        4 => format!("code != {one:?}"),
        5 => format!("other_code == {one:?}"),
        6 => format!("number == {number}"),
        _ => format!("unsigned != {}u", number.unsigned_abs()),
    }
}

/// Likewise decimals, which are equal whatever their places.
fn price(random: &mut Random) -> String {
    let number = random.below(40) * 1_000_003;
    let places = ["", ".0", ".10", ".1", ".123456789012345678901"][random.below(5)];
    format!("decimal(\"{number}{places}\")")
}

/// Few decimals with many spellings, some of them so far apart that they have no places in common.
fn decimal(random: &mut Random) -> String {
    let texts = [
        "-1.5",
        "-1.50",
        "0",
        "0.000",
        "0.5",
        "0.1000000000000000055",
        "2",
        "2.00",
        "1e37",
        "1e-38",
        "-9e36",
    ];
    let n_texts = if random.below(4) == 0 { 11 } else { 8 };
    texts[random.below(n_texts)].to_owned()
}

/// One operand of a condition.
fn operand(random: &mut Random) -> String {
    if random.below(4) == 0 {
        return equality(random);
    }
    let (number, other, op) = (integer(random), integer(random), order(random));
    let half = format!("{:?}", number as f64 / 2.0);
    let name = text(random);
    let exact = format!("decimal({:?})", decimal(random));
    match random.below(38) {
        30..=32 => format!("d {op} {exact}"),
        33 => format!("e {op} {exact}"),
        34 => format!("e != null && e {op} {exact}"),
        35 => format!("cost {op} {exact}"),
        36 => format!("d in [{exact}, decimal(\"2\")]"),
        37 => format!("e == {exact}"),
        0..=3 => format!("s == {name:?}"),
        4 => format!("s in [{name:?}, {:?}]", text(random)),
        5 => format!("!(s in [{name:?}, {:?}])", text(random)),
        6 => format!("s {op} {name:?}"),
        7 | 8 => format!("i {op} {number}"),
        9 => format!("{number} {op} i"),
        10 => format!("i >= {number} && i < {number} + 2"),
        11 => format!("i in [{number}, {other}]"),
        // A null is an error that another operand may absorb.
        12 => format!("n {op} {number}"),
        13 => format!("n != null && n {op} {number}"),
        14 => "n == null".to_owned(),
        15 => format!("x {op} {half}"),
        16 => format!("y != null && y {op} {half}"),
        17 => format!("y {op} {half}"),
        18 => format!("filled {op} {half}"),
        19 => "b".to_owned(),
        20 => "!b".to_owned(),
        21 => "f == true".to_owned(),
        22 => format!("quotient {op} {number}"),
        23 => format!("12 / i {op} {number}"),
        24 => format!("(i > {number} || x < {half})"),
        25 => format!("i + {number} > limit"),
        26 => format!("u {op} {}u", number.unsigned_abs()),
        27 => format!(
            "t {op} timestamp(\"2024-01-0{}T00:00:00Z\")",
            1 + random.below(4)
        ),
        28 => format!("known && n {op} {number}"),
        _ => format!("m != {name:?}"),
    }
}

fn action(random: &mut Random) -> String {
    let number = integer(random);
    let name = text(random);
    match random.below(22) {
        20 => format!(
            "sum = decimal({:?})",
            ["0.10", "2", "-1.5"][random.below(3)]
        ),
        21 => "sum = d".to_owned(),
        0..=2 => format!("first = {name:?}"),
        3 => "first = s + \"!\"".to_owned(),
        4 => format!("last = {number}"),
        5 => "last = n".to_owned(),
        6 => format!("last = i * {number}"),
        7 | 8 => format!("total = {number}"),
        9 => format!("total = quotient + {number}"),
        10 => "total = 9223372036854775807".to_owned(),
        11 => format!("low = {:?}", number as f64),
        12 => "low = x".to_owned(),
        13 => format!("high = {name:?}"),
        14 | 15 => format!("tags = {name:?}"),
        16 => format!("tags = [s, {name:?}]"),
        17 => format!("seen = {number}"),
        18 => format!("seen = [i, {number}, 12 / i]"),
        _ => format!("seen = [{number}, 1]"),
    }
}

fn actions(random: &mut Random) -> String {
    let mut found: Vec<String> = Vec::new();
    for _ in 0..=random.below(2) {
        let action = action(random);
        let output = action.split(' ').next().unwrap_or_default().to_owned();
        if !found.iter().any(|known| known.starts_with(&output)) {
            found.push(action);
        }
    }
    found.join(", ")
}

fn source(random: &mut Random, n_rules: usize, others: usize) -> String {
    let mut source = String::from(HEAD);
    for number in 0..n_rules {
        let mut condition: Vec<String> = Vec::new();
        if n_rules == N_SELECTIVE && random.below(4) > 0 {
            condition.push(format!("code == {:?}", code(random)));
        }
        for _ in 0..=random.below(3) {
            condition.push(operand(random));
        }
        let condition = condition.join(" && ");
        let priority = random.below(3);
        let _ = write!(
            source,
            "  rule r{number} priority {priority} {{ when {condition} then {{ {} }}",
            actions(random)
        );
        if others > 0 && random.below(others) == 0 {
            let _ = write!(source, " else {{ {} }}", actions(random));
        }
        source += " }\n";
    }
    source + "}\n"
}

fn row(random: &mut Random) -> Vec<Value> {
    let or_null = |random: &mut Random, value: Value| match random.below(4) {
        0 => Value::Null,
        _ => value,
    };
    let text_value = |random: &mut Random| Value::String(text(random).to_owned());
    let number = |random: &mut Random| match random.below(8) {
        0 => Value::Double(f64::NAN),
        1 => Value::Double(-0.0),
        _ => Value::Double(integer(random) as f64 / 2.0),
    };
    let s = text_value(random);
    let m = text_value(random);
    let m = or_null(random, m);
    let i = Value::Int(integer(random));
    let n = Value::Int(integer(random));
    let n = or_null(random, n);
    let u = Value::Uint(random.below(5) as u64);
    let x = number(random);
    let y = number(random);
    let y = or_null(random, y);
    let b = Value::Bool(random.below(2) == 0);
    let f = Value::Bool(random.below(2) == 0);
    let f = or_null(random, f);
    let day = 1_704_067_200 + 43_200 * random.below(9) as i64;
    let one = Value::String(code(random));
    let two = Value::String(code(random));
    let two = or_null(random, two);
    let large = random.below(60) as i64 * 1_000_003 - 30_000_000;
    let number = or_null(random, Value::Int(large));
    let unsigned = Value::Uint(large.unsigned_abs());
    let day = Value::Timestamp(day, 0);
    let exact = |text: String| Value::Decimal(text.parse().expect("a decimal"));
    let d = exact(decimal(random));
    let e = exact(decimal(random));
    let e = or_null(random, e);
    let written = |text: String| exact(text["decimal(\"".len()..text.len() - 2].to_owned());
    let price = written(self::price(random));
    let other_price = written(self::price(random));
    let other_price = or_null(random, other_price);
    vec![
        s,
        m,
        i,
        n,
        u,
        x,
        y,
        b,
        f,
        day,
        one,
        two,
        number,
        unsigned,
        d,
        e,
        price,
        other_price,
    ]
}

#[test]
fn an_index_changes_no_answer() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let mut random = Random::new(0x1a56_e501_ed5e_7001);
    let mut n_computed = 0;
    let mut n_failed = 0;
    for index in 0..N_RULESETS {
        let n_rules = [3, N_SELECTIVE, 70, 150, 400][index % 5];
        // Rows that fail hide what their outputs would be, so many rule sets have few ways to fail.
        let source = source(&mut random, n_rules, [0, 5, 25][index % 3]);
        let source = match index % 4 {
            0 => source,
            _ => source
                .replace("quotient", "(quotient ?? 3)")
                .replace("let (quotient ?? 3)", "let quotient")
                .replace("12 / i", "((12 / i) ?? 1)")
                .replace("9223372036854775807", "7"),
        };
        let source = match index % 4 {
            2 | 3 => source.replace("when ", "when n != null && y != null && f != null && "),
            _ => source,
        };
        let compilation = compile(&source);
        let artifact = compilation
            .artifact
            .unwrap_or_else(|| panic!("{:?}\n{source}", compilation.diagnostics));
        let rows: Vec<Vec<Value>> = (0..N_ROWS).map(|_| row(&mut random)).collect();
        let ruleset = &artifact.ruleset;
        let results = run(&runtime, &artifact.component, ruleset, &rows, BATCH_ROWS)
            .unwrap_or_else(|error| panic!("{error}\n{source}"));
        let component = &artifact.component;
        reasons::compare(&runtime, component, ruleset, &rows[..N_EXPLAINED], &source);
        let silent = compile_without_explain(&source).artifact;
        let silent = silent.expect("the same rules compile");
        let same = run(&runtime, &silent.component, ruleset, &rows, N_ROWS);
        assert_eq!(format!("{same:?}"), format!("{:?}", Ok::<_, ()>(&results)));
        for (row, actual) in rows.iter().zip(&results) {
            let expected: RowResult = evaluate_row(ruleset, row)
                .map(|values| values.into_iter().map(as_stored).collect());
            n_computed += usize::from(expected.is_ok());
            n_failed += usize::from(expected.is_err());
            assert!(
                agree(&expected, actual),
                "rule set {index}\n{source}\nwith {row:?}\nexpected {expected:?}\n     got {actual:?}"
            );
        }
    }
    assert!(n_computed > 800, "only {n_computed} rows have results");
    assert!(n_failed > 800, "only {n_failed} rows fail");
}
