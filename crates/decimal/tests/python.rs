//! Every operation against what Python's `decimal` and `fractions` make of the same numbers.

use rulestage_decimal::{Decimal, Error, Rounding};

const TABLE: &str = include_str!("python_table.txt");

fn number(text: &str) -> Decimal {
    text.parse().expect("a number of the table")
}

fn answer(operation: &str, a: &str, b: &str) -> Result<Decimal, Error> {
    let round = |rounding| number(a).round(b.parse().expect("places"), rounding);
    match operation {
        "add" => number(a).add(number(b)),
        "subtract" => number(a).subtract(number(b)),
        "multiply" => number(a).multiply(number(b)),
        "divide" => number(a).divide(number(b)),
        "remainder" => number(a).remainder(number(b)),
        "compare" => Ok(Decimal::from(number(a).cmp(&number(b)) as i64)),
        "round" => round(Rounding::HalfAway),
        "even" => round(Rounding::HalfEven),
        "floor" => round(Rounding::Floor),
        "ceil" => round(Rounding::Ceil),
        "trunc" => round(Rounding::Trunc),
        other => panic!("`{other}` is no operation"),
    }
}

#[test]
fn every_operation_gives_what_python_gives_places_included() {
    let mut wrong = Vec::new();
    for line in TABLE.lines() {
        let [operation, a, b, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("`{line}` is no case");
        };
        let found = match answer(operation, a, b) {
            Ok(value) => value.to_string(),
            Err(Error::Overflow) => "overflow".to_owned(),
            Err(Error::DivideByZero) => "divide-by-zero".to_owned(),
            Err(other) => format!("{other:?}"),
        };
        if found != expected {
            wrong.push(format!("{line}: {found}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(TABLE.lines().count() > 3_000);
}

#[test]
fn texts_are_read_with_signs_points_and_exponents() {
    let long = "1".repeat(38);
    for (text, expected) in [
        ("12.10", "12.10"),
        ("+0012.10", "12.10"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("-0.00", "0.00"),
        ("1e3", "1000"),
        ("12.5E-2", "0.125"),
        ("1.20e1", "12.0"),
        ("0e999999999999999999999", "0"),
        (
            "0e-999999999999999999999",
            "0.00000000000000000000000000000000000000",
        ),
        (&long, &long),
        (
            &format!("0.{}1", "0".repeat(37)),
            &format!("0.{}1", "0".repeat(37)),
        ),
        // Zeros that there is no room for say nothing.
        (
            &format!("1.5{}", "0".repeat(60)),
            &format!("1.5{}", "0".repeat(36)),
        ),
        ("100e-40", "0.00000000000000000000000000000000000001"),
    ] {
        let found = text.parse::<Decimal>().map(|value| value.to_string());
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }
    for text in [
        "", "-", ".", "1e", "1e+", "e5", "1 ", " 1", "1.2.3", "0x1", "NaN", "1_000", "١",
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(Error::Syntax), "{text}");
    }
    for text in [
        "1e38",
        "1e999999999999999999",
        "1e-39",
        &"9".repeat(39),
        &format!("1.{}", "1".repeat(38)),
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(Error::Overflow), "{text}");
    }
}

#[test]
fn numbers_are_equal_by_value() {
    assert_eq!(number("1.10"), number("1.1"));
    assert_eq!(number("0"), number("-0.000"));
    assert_ne!(number("1.10"), number("-1.1"));
    assert_eq!(number("-3.99").to_whole(), -3);
    assert_eq!(number("2.5").round(40, Rounding::Trunc), Err(Error::Places));
    assert_eq!(
        Decimal::new(10_i128.pow(38), 0).map(|value| value.to_string()),
        None
    );
    assert_eq!(Decimal::new(1, 39).map(|value| value.to_string()), None);
}
