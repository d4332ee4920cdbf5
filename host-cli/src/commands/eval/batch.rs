//! `rulestage eval --batch`: a question on each line of standard input, an answer on each line of the output.

use super::question::{Answer, Question};
use crate::cel_value;
use crate::failure::{OrFail, Result, Status};
use crate::{host, render};
use serde_json::{Map, Value};
use std::io::BufRead;

/// Compiled expressions are kept in memory by the host; now and then it makes place.
const QUESTIONS_PER_HOST: usize = 256;

/// Answers every line, whatever is wrong with it; empty lines are passed over.
pub(super) fn answer_lines() -> Result<Status> {
    let mut host = host::start(false)?;
    let mut n_answered = 0;
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.or_fail(Status::File, || "can't read standard input".into())?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = match parse(&line) {
            Ok(question) => question.answer(&host),
            Err(message) => Answer::Error {
                code: "invalid-question".into(),
                message,
            },
        };
        render::print(format!("{}\n", answer.to_json()))?;
        n_answered += 1;
        if n_answered % QUESTIONS_PER_HOST == 0 {
            host = host::start(false)?;
        }
    }
    Ok(Status::Done)
}

/// The question on a line, or what is wrong with it.
fn parse(line: &[u8]) -> Result<Question, String> {
    let json: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let object = json.as_object().ok_or("a question is an object")?;
    let known = ["expr", "bindings", "types", "container", "check"];
    if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!(
            "unknown field `{unknown}`; known are {}",
            known.join(", ")
        ));
    }
    let expression = object.get("expr").and_then(Value::as_str);
    let mut question = Question::new(expression.ok_or("`expr` is missing or no text")?.into());
    for (name, value) in optional_object(object, "bindings")? {
        let value =
            cel_value::decode(value).map_err(|reason| format!("binding `{name}`: {reason}"))?;
        question.bindings.insert(name.clone(), value);
    }
    for (name, ty) in optional_object(object, "types")? {
        let ty = ty
            .as_str()
            .ok_or_else(|| format!("the type of `{name}` is no text"))?;
        question.types.insert(name.clone(), ty.into());
    }
    question.container = match object.get("container") {
        None | Some(Value::Null) => String::new(),
        Some(container) => container.as_str().ok_or("`container` is no text")?.into(),
    };
    question.check_only = match object.get("check") {
        None | Some(Value::Null) => false,
        Some(check) => check.as_bool().ok_or("`check` is neither true nor false")?,
    };
    Ok(question)
}

fn optional_object<'a>(
    object: &'a Map<String, Value>,
    key: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)> + use<'a>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(format!("`{key}` is no object")),
    }
    .map(|fields| fields.into_iter().flatten())
}
