//! regorus, Rego in Rust, compiled to programs of its virtual machine.

use crate::Evaluate;
use crate::workload::{Rules, Workload};
use anyhow::Result;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};
use serde_json::Value as Json;
use std::fmt::Write;
use std::hint::black_box;

const ENTRY: &str = "data.bench.answer";

pub fn prepare(workload: &Workload) -> Result<Option<Evaluate>> {
    let policy = match (workload.name.as_str(), &workload.rules) {
        (_, Some(rules)) => set(rules)?,
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
        ("items-map", _) => "answer := [i.price * i.qty | some i in input.items]".to_owned(),
        _ => return Ok(None),
    };
    let mut engine = Engine::new();
    engine.add_policy("bench.rego".to_owned(), format!("package bench\n{policy}\n"))?;
    let compiled = engine.compile_with_entrypoint(&ENTRY.into())?;
    let program = Compiler::compile_from_policy(&compiled, &[ENTRY])?;
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_max_instructions(usize::MAX);
    machine.set_data(Value::new_object())?;
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

/// The rules that fire are a set, as Rego has it; the first one is found by going through a list.
fn set(rules: &Rules) -> Result<String> {
    let mut policy = String::new();
    if rules.all {
        for rule in &rules.rules {
            let condition = rule.condition("input.", "; ");
            writeln!(policy, "answer contains {} if {{ {condition} }}", rule.value)?;
        }
        return Ok(policy);
    }
    for (place, rule) in rules.rules.iter().enumerate() {
        let start = if place == 0 { "default answer := 0\nanswer" } else { "else" };
        let condition = rule.condition("input.", "; ");
        writeln!(policy, "{start} := {} if {{ {condition} }}", rule.value)?;
    }
    Ok(policy)
}
