//! The `cel` crate. Each row is a context with its variables bound in advance, which costs it nothing here.

use crate::Evaluate;
use crate::workload::Workload;
use anyhow::{Context as _, Result, anyhow};
use cel::extractors::This;
use cel::objects::{Key, Map};
use cel::{Context, Program, Value};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

pub fn prepare(workload: &Workload) -> Result<Option<Evaluate>> {
    // For the rest of the process: contexts of rows point to it.
    let shared: &'static mut Context<'static, 'static> = Box::leak(Box::default());
    shared
        .add_function("lowerAscii", |This(text): This<Arc<String>>| {
            text.to_ascii_lowercase()
        })
        .map_err(|error| anyhow!("{error:?}"))?;
    let shared: &'static Context<'static, 'static> = shared;
    let contexts = workload
        .rows
        .iter()
        .map(|row| {
            let mut context = shared.new_inner_scope();
            for (name, json) in row.as_object().context("a row is no object")? {
                context.add_variable_from_value(name.as_str(), value(name, json)?);
            }
            Ok(context)
        })
        .collect::<Result<Vec<_>>>()?;
    let compile = |source: &str| Program::compile(source).map_err(|error| anyhow!("{error}"));
    if let Some(rules) = &workload.rules {
        let conditions = rules.rules.iter().map(|rule| rule.condition("", " && "));
        let programs = conditions
            .map(|condition| compile(&condition))
            .collect::<Result<Vec<_>>>()?;
        let rules = rules.clone();
        return Ok(Some(Box::new(move |row, answer| {
            rules.decide(answer, |rule| {
                Ok(programs[rule].execute(&contexts[row])? == Value::Bool(true))
            })
        })));
    }
    let program = compile(match workload.name.as_str() {
        "reference" => r#"age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75"#,
        "strings" => {
            r#"code.startsWith("ORD") && !code.endsWith("X")
               && email.lowerAscii().endsWith("@example.com") && !email.contains("+")
               && code.matches("^ORD-[0-9]{4}-[A-Z]$")"#
        }
        "items-exists" => "items.exists(i, i.price > 100.0 && i.qty > 0)",
        "items-map" => "items.map(i, i.price * double(i.qty))",
        _ => return Ok(None),
    })?;
    Ok(Some(Box::new(move |row, answer| {
        let value = black_box(program.execute(&contexts[row])?);
        if let Some(answer) = answer {
            *answer = json(&value)?;
        }
        Ok(())
    })))
}

/// Numbers are what the rules' inputs are: `age` and `qty` ints, all others doubles.
fn value(name: &str, json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) if ["age", "qty"].contains(&name) => {
            Value::Int(number.as_i64().context("no int")?)
        }
        Json::Number(number) => Value::Float(number.as_f64().context("no double")?),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(elements) => {
            let elements = elements.iter().map(|element| value(name, element));
            Value::List(Arc::new(elements.collect::<Result<_>>()?))
        }
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, json)| Ok((Key::from(name.as_str()), value(name, json)?)));
            Value::Map(Map {
                map: Arc::new(fields.collect::<Result<HashMap<_, _>>>()?),
            })
        }
    })
}

fn json(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Bool(bool) => Json::from(*bool),
        Value::Float(double) => Json::from(*double),
        Value::List(elements) => elements
            .iter()
            .map(json)
            .collect::<Result<Vec<_>>>()?
            .into(),
        other => return Err(anyhow!("an unexpected answer: {other:?}")),
    })
}
