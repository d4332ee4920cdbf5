//! regorus, Rego in Rust, compiled to programs of its virtual machine.

use crate::Evaluate;
use crate::workload::{Rules, Workload};
use anyhow::Result;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};
use serde_json::{Value as Json, json};
use std::fmt::Write;
use std::hint::black_box;

const ENTRY: &str = "data.bench.answer";

pub fn prepare(workload: &Workload) -> Result<Option<Evaluate>> {
    let policy = match (workload.name.as_str(), &workload.rules) {
        (_, Some(rules)) if rules.all => set(rules)?,
        ("table-1000", _) => TABLE.to_owned(),
        ("reference", _) => {
            r#"default answer := false
               answer if { input.age >= 18; input.country in {"CZ", "DE", "FR"}; input.score > 0.75 }"#
                .to_owned()
        }
        ("strings", _) => r#"default answer := false
            answer if {
                startswith(input.code, "ORD")
                not endswith(input.code, "X")
                endswith(lower(input.email), "@example.com")
                not contains(input.email, "+")
                regex.match(`^ORD-[0-9]{4}-[A-Z]$`, input.code)
            }"#
        .to_owned(),
        ("items-exists", _) => r#"default answer := false
            answer if { some i in input.items; i.price > 100.0; i.qty > 0 }"#
            .to_owned(),
        ("items-map", _) => {
            "answer := [total | some i in input.items; total := i.price * i.qty]".to_owned()
        },
        _ => return Ok(None),
    };
    let mut engine = Engine::new();
    engine.add_policy(
        "bench.rego".to_owned(),
        format!("package bench\n{policy}\n"),
    )?;
    let compiled = engine.compile_with_entrypoint(&ENTRY.into())?;
    let program = Compiler::compile_from_policy(&compiled, &[ENTRY])?;
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_max_instructions(usize::MAX);
    machine.set_data(match &workload.rules {
        Some(rules) if !rules.all => table(rules)?,
        _ => Value::new_object(),
    })?;
    let rows = workload
        .rows
        .iter()
        .map(|row| Value::from_json_str(&row.to_string()))
        .collect::<Result<Vec<_>>>()?;
    Ok(Some(Box::new(move |row, answer| {
        machine.set_input(rows[row].clone());
        let value = black_box(machine.execute()?);
        if let Some(answer) = answer {
            *answer = serde_json::from_str::<Json>(&value.to_json_str()?)?;
        }
        Ok(())
    })))
}

/// The rules that fire are a set, as Rego has it.
fn set(rules: &Rules) -> Result<String> {
    let mut policy = String::new();
    for rule in &rules.rules {
        let condition = rule.condition("input.", "; ");
        writeln!(
            policy,
            "answer contains {} if {{ {condition} }}",
            rule.value
        )?;
    }
    Ok(policy)
}

/// A table is data; its rows are tests of `code`, of `amount` from below, and of `amount` from above.
const TABLE: &str = "default answer := 0
hits := [row.value | some row in data.table; row.code == input.code; input.amount >= row.low; input.amount < row.high]
answer := hits[0] if count(hits) > 0";

fn table(rules: &Rules) -> Result<Value> {
    let rows = rules.rules.iter().map(|rule| {
        let constant = |test: usize| serde_json::from_str(&rule.tests[test].constant);
        let [code, low, high]: [Json; 3] = [constant(0)?, constant(1)?, constant(2)?];
        Ok(json!({"code": code, "low": low, "high": high, "value": rule.value}))
    });
    let rows = rows.collect::<Result<Vec<Json>>>()?;
    Value::from_json_str(&json!({"table": rows}).to_string())
}
