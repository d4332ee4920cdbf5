//! What `docs/expressions.md` says, run.

use crate::evaluate::Value;
use crate::stage;
use rulestage_pipeline::runtime::RowErrorCode;
use rulestage_rule_compiler::analysis::signatures;
use rulestage_rule_compiler::compile_expression;
use rulestage_rule_compiler::types::Type;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};

const MANUAL: &str = include_str!("../../../../docs/expressions.md");

/// `EXPRESSION  // VALUE`
struct Line<'a> {
    number: usize,
    expression: &'a str,
    expected: &'a str,
}

#[test]
fn every_expression_of_the_manual_has_the_value_beside_it() {
    let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
    let lines = lines();
    assert!(lines.len() > 200, "{} lines", lines.len());
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let problem = problem_with(&runtime, line)?;
            Some(format!(
                "line {}: {}: {problem}",
                line.number, line.expression
            ))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_is_in_the_manual() {
    let expressions: Vec<&str> = lines().iter().map(|line| line.expression).collect();
    let text = expressions.join("\n");
    let mut missing: Vec<&str> = signatures()
        .map(|each| each.name)
        .filter(|name| !text.contains(&format!("{name}(")))
        .collect();
    missing.dedup();
    assert!(missing.is_empty(), "no example of {missing:?}");
}

fn lines() -> Vec<Line<'static>> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in MANUAL.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```cel";
        } else if inside && !line.is_empty() {
            let (expression, expected) = line
                .rsplit_once("// ")
                .unwrap_or_else(|| panic!("line {}: no value behind `{line}`", index + 1));
            found.push(Line {
                number: index + 1,
                expression: expression.trim_end(),
                expected,
            });
        }
    }
    found
}

fn problem_with(runtime: &WasmtimeRuntime, line: &Line<'_>) -> Option<String> {
    let actual = value_of(runtime, line.expression);
    let expected = match line.expected.strip_prefix("error: ") {
        Some(code) => Err(code.to_owned()),
        None => value_of(runtime, line.expected),
    };
    (actual != expected || line.expected.starts_with("error: ") && actual.is_ok())
        .then(|| format!("{actual:?} instead of {expected:?}"))
}

/// The value of an expression without variables; the code of its error, or what the compiler says of it.
fn value_of(runtime: &WasmtimeRuntime, expression: &str) -> Result<Value, String> {
    let variables = [("row".to_owned(), Type::Int)];
    let compilation = compile_expression(expression, &variables, "");
    let Some(artifact) = compilation.artifact else {
        return Err(format!("{:?}", compilation.diagnostics));
    };
    let rows = [vec![Value::Int(0)]];
    let results = stage::run(runtime, &artifact.component, &artifact.ruleset, &rows, 1)?;
    match results.into_iter().next() {
        Some(Ok(values)) => values.into_iter().next().ok_or_else(String::new),
        Some(Err(code)) => Err(code_name(code).to_owned()),
        None => Err("no row".to_owned()),
    }
}

fn code_name(code: RowErrorCode) -> &'static str {
    match code {
        RowErrorCode::Overflow => "overflow",
        RowErrorCode::DivideByZero => "divide-by-zero",
        RowErrorCode::ModulusByZero => "modulus-by-zero",
        RowErrorCode::InvalidArgument => "invalid-argument",
        RowErrorCode::NoSuchKey => "no-such-key",
        RowErrorCode::NoSuchOverload => "no-such-overload",
        RowErrorCode::IndexOutOfBounds => "index-out-of-bounds",
        RowErrorCode::Conflict => "conflict",
        RowErrorCode::Other => "other",
    }
}
