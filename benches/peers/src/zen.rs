//! ZEN's expression language; a large set is one expression a rule.

use crate::Evaluate;
use crate::workload::Workload;
use anyhow::Result;
use serde_json::Value as Json;
use std::hint::black_box;
use zen_expression::vm::VM;
use zen_expression::{Variable, compile_expression};

pub fn prepare(workload: &Workload) -> Result<Option<Evaluate>> {
    let rows: Vec<Variable> = workload.rows.iter().map(Variable::from).collect();
    let mut machine = VM::new();
    if let Some(rules) = &workload.rules {
        let conditions = rules.rules.iter().map(|rule| rule.condition("", " and "));
        let compiled = conditions
            .map(|condition| Ok(compile_expression(&condition)?))
            .collect::<Result<Vec<_>>>()?;
        let rules = rules.clone();
        return Ok(Some(Box::new(move |row, answer| {
            rules.decide(answer, |rule| {
                let value = compiled[rule].evaluate_with(rows[row].clone(), &mut machine)?;
                Ok(matches!(value, Variable::Bool(true)))
            })
        })));
    }
    let expression = compile_expression(match workload.name.as_str() {
        "reference" => r#"age >= 18 and country in ["CZ", "DE", "FR"] and score > 0.75"#,
        "strings" => {
            r#"startsWith(code, "ORD") and not endsWith(code, "X")
               and endsWith(lower(email), "@example.com") and not contains(email, "+")
               and matches(code, "^ORD-[0-9]{4}-[A-Z]$")"#
        }
        "items-exists" => "some(items, #.price > 100 and #.qty > 0)",
        "items-map" => "map(items, #.price * #.qty)",
        _ => return Ok(None),
    })?;
    Ok(Some(Box::new(move |row, answer| {
        let value = black_box(expression.evaluate_with(rows[row].clone(), &mut machine)?);
        if let Some(answer) = answer {
            *answer = Json::from(value);
        }
        Ok(())
    })))
}
