//! What is said of generated tables against trying all rows of a small world: nothing that is not so, and nothing left
//! out.

#![allow(clippy::unwrap_used, reason = "a test: what fails is a failure")]

use rulestage_diagnostics::Diagnostic;
use rulestage_rule_analysis::{Effort, analyse};
use rulestage_rule_compiler::check;
use rulestage_rule_compiler::ir::{CellTest, CompareOp, Const, Expr, Table, TableValue};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write;

const N_TABLES: usize = 3_000;
const POLICIES: [&str; 5] = ["unique", "any", "first", "priority", "collect"];
/// Headers, the first of them plain inputs
const HEADERS: [&str; 6] = ["a", "x", "s", "b", "a % 3", "a"];
const N_PLAIN: usize = 4;
const TEXTS: [&str; 4] = ["", "a", "a!", "b"];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn constant(random: &mut Random, header: usize) -> String {
    let n = random.below(4) as i64 - 1;
    match header {
        1 => format!("{}.5", n),
        2 => format!("{:?}", TEXTS[random.below(TEXTS.len())]),
        3 => (n > 0).to_string(),
        _ => n.to_string(),
    }
}

fn test(random: &mut Random, header: usize, is_inside: bool) -> String {
    let value = constant(random, header);
    match random.below(8) {
        0 | 1 => format!("{} {value}", ["<", "<=", ">", ">="][random.below(4)]),
        2 => format!("!= {value}"),
        3 if header != 3 => {
            let other = constant(random, header);
            let (low, high) = match header {
                2 => (value.clone().min(other.clone()), value.max(other)),
                _ => {
                    let number = |text: &str| text.parse::<f64>().unwrap();
                    if number(&value) < number(&other) {
                        (value, other)
                    } else {
                        (other, value)
                    }
                }
            };
            format!("{low}..{high}")
        }
        4 if !is_inside => format!(
            "not({}, {})",
            test(random, header, true),
            test(random, header, true)
        ),
        5 if header == 1 => "null".to_owned(),
        _ => value,
    }
}

/// A table, and the headers of its columns.
fn source(random: &mut Random, policy: &str, is_plain: bool) -> (String, Vec<usize>) {
    let n_headers = if is_plain { N_PLAIN } else { HEADERS.len() };
    let headers: Vec<usize> = (0..=random.below(3))
        .map(|_| random.below(n_headers))
        .collect();
    let mut text = format!(
        "ruleset r {{ input {{ a: int  x: double?  s: string  b: bool }}\noutput {{ o: int = -1 }}\ntable t hit {policy} {{\n|"
    );
    for header in &headers {
        let _ = write!(text, " {} |", HEADERS[*header]);
    }
    text += if policy == "priority" {
        "| o in [2, 1, 0] |\n"
    } else {
        "| o |\n"
    };
    for _ in 0..1 + random.below(7) {
        text += "|";
        for header in &headers {
            let cell = match random.below(4) {
                0 => "-".to_owned(),
                1 => format!(
                    "{}, {}",
                    test(random, *header, false),
                    test(random, *header, false)
                ),
                _ => test(random, *header, false),
            };
            let _ = write!(text, " {cell} |");
        }
        let value = match random.below(6) {
            0 => "-".to_owned(),
            1 if policy != "priority" => "a + 1".to_owned(),
            n => (n % 3).to_string(),
        };
        let _ = writeln!(text, "| {value} |");
    }
    (text + "} }", headers)
}

/// All rows that differ in anything that the tables above can say.
fn world() -> Vec<[Const; 4]> {
    let mut rows = Vec::new();
    let mut doubles: Vec<Const> = (-10..=18)
        .map(|n| Const::Double(f64::from(n) / 4.0))
        .collect();
    doubles.extend([Const::Double(f64::NAN), Const::Null]);
    let texts = ["", "\0", "!", "a", "a\0", "a!", "a!!", "a\"", "b", "b!"];
    for a in -3..=5 {
        for x in &doubles {
            for s in texts {
                for b in [false, true] {
                    rows.push([
                        Const::Int(a),
                        x.clone(),
                        Const::String(s.to_owned()),
                        Const::Bool(b),
                    ]);
                }
            }
        }
    }
    rows
}

fn header_value(header: usize, row: &[Const; 4]) -> Const {
    match (header, &row[0]) {
        (4, Const::Int(a)) => Const::Int(a % 3),
        (5, a) => a.clone(),
        _ => row[header].clone(),
    }
}

fn order(a: &Const, b: &Const) -> Option<Ordering> {
    match (a, b) {
        (Const::Int(a), Const::Int(b)) => a.partial_cmp(b),
        (Const::Double(a), Const::Double(b)) => a.partial_cmp(b),
        (Const::String(a), Const::String(b)) => a.partial_cmp(b),
        (Const::Bool(a), Const::Bool(b)) => a.partial_cmp(b),
        _ => None,
    }
}

fn passes(test: &CellTest, value: &Const) -> bool {
    let compare = |op: CompareOp, other: &Const| {
        let is_equal = match (value, other) {
            (Const::Null, Const::Null) => true,
            _ => order(value, other) == Some(Ordering::Equal),
        };
        match op {
            CompareOp::Equal => is_equal,
            CompareOp::NotEqual => !is_equal,
            CompareOp::Less => order(value, other) == Some(Ordering::Less),
            CompareOp::LessEqual => order(value, other).is_some_and(Ordering::is_le),
            CompareOp::Greater => order(value, other) == Some(Ordering::Greater),
            CompareOp::GreaterEqual => order(value, other).is_some_and(Ordering::is_ge),
        }
    };
    match test {
        CellTest::Compare(op, other) => compare(*op, other),
        CellTest::Interval {
            low,
            low_included,
            high,
            high_included,
        } => {
            compare(
                if *low_included {
                    CompareOp::GreaterEqual
                } else {
                    CompareOp::Greater
                },
                low,
            ) && compare(
                if *high_included {
                    CompareOp::LessEqual
                } else {
                    CompareOp::Less
                },
                high,
            )
        }
        CellTest::Not(tests) => !tests.iter().any(|test| passes(test, value)),
    }
}

/// The rows of the table that match, in the order in which they count.
fn matching(table: &Table<Expr>, headers: &[usize], row: &[Const; 4]) -> Vec<usize> {
    let matches = |index: &usize| {
        table.rows[*index].tests.iter().all(|(column, tests)| {
            let value = header_value(headers[*column], row);
            tests.iter().any(|test| passes(test, &value))
        })
    };
    (0..table.rows.len()).filter(matches).collect()
}

/// What a row of the table assigns, for a row of data.
fn assigned(table: &Table<Expr>, index: usize, row: &[Const; 4]) -> Option<Const> {
    let value = table.rows[index].values[0]?;
    Some(match (&table.outputs[0].values[value], &row[0]) {
        (TableValue::Const(value), _) => value.clone(),
        (TableValue::Computed(_), Const::Int(a)) => Const::Int(a + 1),
        _ => unreachable!("`a` is an int"),
    })
}

/// A row of the world that the example describes: what it leaves out is anything.
fn is_described(found: &Diagnostic, row: &[Const; 4]) -> bool {
    let input = &found.example.as_ref().unwrap().input;
    input.iter().all(|(name, json)| {
        let value = &row[HEADERS.iter().position(|header| header == name).unwrap()];
        match value {
            Const::Null => json == "null",
            Const::Double(value) if value.is_nan() => json == "{\"@double\":\"NaN\"}",
            Const::Double(value) => json.parse() == Ok(*value),
            Const::Int(value) => json.parse() == Ok(*value),
            Const::Bool(value) => json.parse() == Ok(*value),
            Const::String(value) => {
                // "other" is not in the world: it is any text behind "b".
                let is_other = json == "\"other\"" && value == "b!";
                is_other
                    || json.replace("\\u0000", "\0")
                        == format!("\"{}\"", value.replace('"', "\\\""))
            }
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn what_is_said_of_tables_is_so_and_all_of_it() {
    let world = world();
    let mut random = Random(0x0007_ab1e_5eed_0001);
    let mut counts = [0_usize; 5];
    for number in 0..N_TABLES {
        let policy = POLICIES[number % POLICIES.len()];
        let is_plain = random.below(3) > 0;
        let (text, headers) = source(&mut random, policy, is_plain);
        let checked = check(&text);
        let Some(ruleset) = checked.ruleset else {
            // An interval without anything in it is an error of its own.
            assert!(
                checked
                    .diagnostics
                    .iter()
                    .any(|each| each.code == "rule.check.empty-interval"),
                "{text}{:?}",
                checked.diagnostics
            );
            continue;
        };
        let table = ruleset.rules[0].table.as_ref().unwrap();
        let found = analyse(&ruleset, &text, Effort::THOROUGH);
        let of = |code: &str| -> Vec<&Diagnostic> {
            found.iter().filter(|each| each.code == code).collect()
        };
        let rows_of = |code: &str| -> BTreeSet<usize> {
            let place =
                |each: &&Diagnostic| table.rows.iter().position(|row| row.span == each.span);
            of(code).iter().map(|each| place(each).unwrap()).collect()
        };
        let matches: Vec<Vec<usize>> = world
            .iter()
            .map(|row| matching(table, &headers, row))
            .collect();
        let all: BTreeSet<usize> = (0..table.rows.len()).collect();
        let fail = |what: &str| panic!("{what}\n{text}\n{found:#?}");

        let matched: BTreeSet<usize> = matches.iter().flatten().copied().collect();
        let impossible: BTreeSet<usize> = all.difference(&matched).copied().collect();
        let said = rows_of("rule.analysis.impossible-row");
        counts[0] += said.len();
        if !said.is_subset(&impossible) || is_plain && said != impossible {
            fail(&format!("impossible rows are {impossible:?}"));
        }

        let has_gaps = matches.iter().any(Vec::is_empty);
        let gaps = of("rule.analysis.table-gap");
        counts[1] += gaps.len();
        if gaps.len() > 1 || policy == "collect" && !gaps.is_empty() {
            fail("gaps");
        }
        if is_plain && policy != "collect" && gaps.is_empty() == has_gaps {
            fail("gaps or none");
        }
        for gap in gaps {
            let mut described = world
                .iter()
                .zip(&matches)
                .filter(|(row, _)| is_described(gap, row))
                .peekable();
            if described.peek().is_none() || !described.all(|(_, matching)| matching.is_empty()) {
                fail("the gap is none");
            }
        }

        let takes_first = matches!(policy, "first" | "priority");
        let firsts: BTreeSet<usize> = matches
            .iter()
            .filter_map(|matching| matching.first().copied())
            .collect();
        let unreachable: BTreeSet<usize> = matched.difference(&firsts).copied().collect();
        let said = rows_of("rule.analysis.unreachable-row");
        counts[2] += said.len();
        // What no row of the world matches does not count either.
        let uncounted: BTreeSet<usize> = all.difference(&firsts).copied().collect();
        if !said.is_subset(&uncounted)
            || !takes_first && !said.is_empty()
            || takes_first && is_plain && said != unreachable
        {
            fail(&format!("unreachable rows are {unreachable:?}"));
        }

        // Rows that match where the first one says something else
        let is_any = policy == "any";
        let mut conflicting: BTreeSet<usize> = BTreeSet::new();
        for (row, matching) in world.iter().zip(&matches) {
            for other in matching.iter().skip(1) {
                if !is_any || assigned(table, matching[0], row) != assigned(table, *other, row) {
                    conflicting.insert(*other);
                }
            }
        }
        let has_computed = table.outputs[0]
            .values
            .iter()
            .any(|value| matches!(value, TableValue::Computed(_)));
        let said = rows_of("rule.analysis.overlapping-rows");
        counts[3] += said.len();
        let is_exclusive = is_any || policy == "unique";
        if !is_exclusive && !said.is_empty() || is_exclusive && !said.is_subset(&conflicting) {
            fail(&format!("conflicting rows are {conflicting:?}"));
        }
        if is_exclusive && is_plain && !(is_any && has_computed) && said != conflicting {
            fail(&format!(
                "conflicting rows are {conflicting:?}, all of them"
            ));
        }
        for overlap in of("rule.analysis.overlapping-rows") {
            let row = table
                .rows
                .iter()
                .position(|row| row.span == overlap.span)
                .unwrap();
            let first = table
                .rows
                .iter()
                .position(|row| row.span == overlap.labels[0].span)
                .unwrap();
            let mut described = world
                .iter()
                .zip(&matches)
                .filter(|(row, _)| is_described(overlap, row))
                .peekable();
            if described.peek().is_none()
                || !described
                    .all(|(_, matching)| matching.contains(&row) && matching.contains(&first))
            {
                fail("the overlap is none");
            }
        }

        // Rows whose loss changes nothing: of any one of them
        let redundant = rows_of("rule.analysis.redundant-row");
        counts[4] += redundant.len();
        let value_of = |row: &[Const; 4], matching: &[usize]| match policy {
            "any"
                if matching.iter().any(|other| {
                    assigned(table, *other, row) != assigned(table, matching[0], row)
                }) =>
            {
                None
            }
            _ => Some(
                matching
                    .first()
                    .and_then(|first| assigned(table, *first, row)),
            ),
        };
        for (row, matching) in world.iter().zip(&matches) {
            for lost in &redundant {
                let rest: Vec<usize> = matching
                    .iter()
                    .copied()
                    .filter(|index| index != lost)
                    .collect();
                if value_of(row, matching) != value_of(row, &rest) {
                    fail("the loss of a redundant row changes something");
                }
            }
        }
    }
    // Everything occurs.
    assert!(counts.iter().all(|count| *count > 40), "{counts:?}");
}

/// The policy, a row's tests, the code of its flaw and what the message names.
type Shape = (
    &'static str,
    fn(usize) -> String,
    &'static str,
    &'static str,
);

/// Ten thousand rows, in the shapes that tables have, with one flaw each.
#[test]
fn large_tables_are_analysed_as_a_whole() {
    let shapes: [Shape; 4] = [
        (
            "unique",
            |n| format!("{}..{} | -", 10 * n, 10 * n + 9 + usize::from(n == 5_000)),
            "rule.analysis.overlapping-rows",
            "50010",
        ),
        (
            "unique",
            |n| format!("- | \"key {}\"", if n == 9_999 { 77 } else { n }),
            "rule.analysis.overlapping-rows",
            "key 77",
        ),
        (
            "first",
            |n| format!("< {} | -", 10 * if n == 7_000 { 6_000 } else { n }),
            "rule.analysis.unreachable-row",
            "",
        ),
        (
            "first",
            |n| {
                format!(
                    "{} | \"{}\"",
                    n / 100,
                    if n == 4_242 { 41 } else { n % 100 }
                )
            },
            "rule.analysis.unreachable-row",
            "",
        ),
    ];
    for (policy, cells, code, word) in shapes {
        let mut text = format!(
            "ruleset r {{ input {{ a: int  s: string }}\noutput {{ o: int = -1 }}\ntable t hit {policy} {{\n| a | s || o |\n"
        );
        for n in 0..10_000 {
            let _ = writeln!(text, "| {} || {n} |", cells(n));
        }
        text += "} }";
        let ruleset = check(&text).ruleset.unwrap();
        let found = analyse(&ruleset, &text, Effort::THOROUGH);
        assert!(
            found
                .iter()
                .all(|each| each.code != "rule.analysis.cut-off"),
            "{policy}"
        );
        let flaws: Vec<_> = found.iter().filter(|each| each.code == code).collect();
        assert_eq!(flaws.len(), 1, "{policy} {found:#?}");
        assert!(flaws[0].message.contains(word), "{flaws:?}");
    }
}
