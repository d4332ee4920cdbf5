//! `rulestage eval`

mod batch;
mod question;

use crate::args::Eval;
use crate::cel_value;
use crate::failure::{Failure, Result, Status};
use crate::host;
use crate::render::diagnostics::{self, Source};
use crate::render::{self, Style};
use question::{Answer, Question};
use serde_json::json;

/// Answers one question from the command line, or each line of standard input.
pub(crate) fn eval(args: &Eval) -> Result<Status> {
    if args.batch {
        return batch::answer_lines();
    }
    let question = question(args)?;
    let answer = question.answer(&host::start(false)?);
    match &answer {
        Answer::Invalid {
            name,
            source,
            diagnostics,
        } => {
            let source = Source { name, text: source };
            let style = Style::for_stream(&std::io::stderr());
            render::notify(diagnostics::render(source, diagnostics, style));
            return Ok(Status::Refused);
        }
        Answer::Broken(failure) => return Err(Failure::new(failure.status, &failure.error)),
        Answer::Value(_) | Answer::Type(_) | Answer::Error { .. } => {}
    }
    render::print(format!("{}\n", answer.to_json()))?;
    Ok(if matches!(answer, Answer::Error { .. }) {
        Status::Refused
    } else {
        Status::Done
    })
}

/// The question of the command line.
fn question(args: &Eval) -> Result<Question> {
    let mut question = Question::new(args.expression.clone().unwrap_or_default());
    question.check_only = args.check;
    let split = |argument: &str, option: &str, form: &str| match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Failure::new(
            Status::Usage,
            format!("`{option} {argument}` is not of the form {form}"),
        )),
    };
    for argument in &args.types {
        let (name, ty) = split(argument, "--type", "NAME=TYPE")?;
        question.types.insert(name, ty);
    }
    for argument in &args.bind {
        let (name, json) = split(argument, "--bind", "NAME=JSON")?;
        let value = serde_json::from_str(&json).map_err(|error| {
            Failure::new(
                Status::Usage,
                format!("`--bind {argument}` is not JSON: {error}"),
            )
            .with_hint(format!(
                "text needs quotes of its own: --bind '{name}={}'",
                json!(json)
            ))
        })?;
        let value = cel_value::from_plain_json(&value).map_err(|reason| {
            Failure::new(Status::Usage, format!("`--bind {argument}`: {reason}"))
        })?;
        question.bindings.insert(name, value);
    }
    Ok(question)
}
