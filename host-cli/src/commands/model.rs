//! `rulestage model`

use crate::args::{Model, ModelCommand, ModelCompile};
use crate::commands::inspect;
use crate::failure::{Failure, Result, Status};
use crate::render::facts::{Fact, Facts};
use crate::render::{self, quantity};
use crate::{input, model_stage, output};
use rulestage_inference::Limits;
use rulestage_onnx_ml::{Error, ErrorKind, Options};
use rulestage_pipeline::load::sha256_hex;
use std::path::Path;

pub(crate) fn model(args: &Model) -> Result<Status> {
    match &args.command {
        ModelCommand::Compile(compile) => self::compile(compile),
        ModelCommand::Inspect(args) => inspect::inspect(args),
    }
}

/// Compiles a model and writes the stage.
fn compile(args: &ModelCompile) -> Result<Status> {
    let name = input::name(&args.file);
    let file = input::read(&args.file)?;
    let features = match &args.feature_names {
        Some(path) => {
            let text = input::read_text(path)?;
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()
        }
        None => args.features.clone(),
    };
    let options = Options {
        features,
        outputs: args.outputs.clone(),
    };
    let stage_name = model_stage::stage_name(&args.file);
    let compiled = rulestage_model_compiler::compile(&file, &stage_name, &options);
    let (component, model) = compiled.map_err(|error| refused(&name, &error))?;
    let target = args
        .output
        .clone()
        .unwrap_or_else(|| args.file.with_extension("wasm"));
    if target == Path::new("-") {
        render::print(component)?;
        return Ok(Status::Done);
    }
    output::write_file(&target, &component)?;
    let (n_inputs, n_outputs) = (model.inputs().len(), model.outputs().len());
    let size = quantity::bytes(component.len() as u64);
    let columns: Vec<_> = model
        .outputs()
        .iter()
        .take(4)
        .map(|column| column.name.as_str())
        .collect();
    let more = if n_outputs > columns.len() {
        ", …"
    } else {
        ""
    };
    render::notify(format!(
        "{}: {size}, {n_inputs} input columns, {n_outputs} output columns: {}{more}\n",
        target.display(),
        columns.join(", ")
    ));
    Ok(Status::Done)
}

fn refused(name: &str, error: &Error) -> Failure {
    let status = if error.kind() == ErrorKind::Unspecified {
        Status::Usage
    } else {
        Status::File
    };
    let mut failure = Failure::new(status, format!("can't compile `{name}`: {error}"));
    failure.hint =
        rulestage_model_compiler::advice(error, "`--features a,b,c` and `--outputs a,b`");
    failure
}

/// What an ONNX file holds, and which tiers can run it.
pub(crate) fn describe(facts: &mut Facts, bytes: Vec<u8>) -> Result<()> {
    let name = facts.name().to_owned();
    facts.add("kind", "ONNX model");
    facts.add("size", Fact::Bytes(bytes.len() as u64));
    facts.add("sha256", sha256_hex(&bytes).as_str());
    let summary = rulestage_onnx_ml::summarize(&bytes).map_err(|error| {
        Failure::new(
            Status::File,
            format!("can't use the model `{name}`: {error}"),
        )
    })?;
    facts.add("producer", summary.producer.as_str());
    facts.add("opsets", Fact::List(summary.opsets));
    facts.add("inputs", Fact::List(summary.inputs));
    facts.add("outputs", Fact::List(summary.outputs));
    let operators = summary
        .operators
        .into_iter()
        .map(|(operator, n)| format!("{operator} x {n}"));
    facts.add("operators", Fact::List(operators.collect()));
    match rulestage_onnx_ml::Model::load(&bytes, &Options::default()) {
        Ok(model) => {
            facts.add("compiles", "yes: `rulestage model compile`");
            facts.add(
                "input columns",
                Fact::List(model.inputs().iter().map(ToString::to_string).collect()),
            );
            facts.add(
                "output columns",
                Fact::List(model.outputs().iter().map(ToString::to_string).collect()),
            );
        }
        Err(error) if error.kind() == ErrorKind::Unspecified => {
            facts.add("compiles", format!("with `--features`: {error}").as_str());
        }
        Err(error) => facts.add("compiles", format!("no: {error}").as_str()),
    }
    match rulestage_inference::Model::load(&bytes, Limits::default()) {
        Ok(_) => facts.add("embedded engine", "yes: as a `[[model]]` of a pipeline"),
        Err(error) => facts.add("embedded engine", format!("no: {error}").as_str()),
    }
    Ok(())
}
