//! `rulestage inspect`

use crate::args::Inspect;
use crate::commands::compile::compile_source;
use crate::commands::model;
use crate::failure::{Failure, OrFail, Result, Status};
use crate::host;
use crate::render::diagnostics::Source;
use crate::render::facts::{Fact, Facts};
use crate::render::{self, Style, quantity, value};
use crate::{input, pipelines};
use arrow_schema::Schema;
use rulestage_pipeline::load::sha256_hex;
use rulestage_pipeline::runtime::{Description, Runtime, StageSchema, Value};
use rulestage_pipeline::wire;
use std::path::Path;

/// Describes each file by what it is.
pub(crate) fn inspect(args: &Inspect) -> Result<Status> {
    let style = Style::for_stream(&std::io::stdout());
    let mut status = Status::Done;
    for path in &args.files {
        let Some(facts) = facts(path)? else {
            status = Status::Refused;
            continue;
        };
        if args.json {
            render::print(format!("{}\n", facts.to_json()))?;
        } else {
            render::print(facts.render(style))?;
        }
    }
    Ok(status)
}

/// What there is to say; `None` when the file has errors, which were shown.
fn facts(path: &Path) -> Result<Option<Facts>> {
    let bytes = input::read(path)?;
    let name = input::name(path);
    let mut facts = Facts::new(&name);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => pipeline(&mut facts, path)?,
        Some("onnx") => model::describe(&mut facts, bytes)?,
        Some("rules") => {
            let text = input::text(path, bytes)?;
            let Some(artifact) = compile_source(Source {
                name: &name,
                text: &text,
            }) else {
                return Ok(None);
            };
            facts.add("kind", "rule set, compiled to a component");
            facts.add("rules", Fact::Number(artifact.ruleset.rules.len() as u64));
            facts.add(
                "examples",
                Fact::Number(artifact.ruleset.examples.len() as u64),
            );
            component(&mut facts, &artifact.component)?;
        }
        _ if bytes.starts_with(b"\0asm") => component(&mut facts, &bytes)?,
        _ => {
            let message = format!("`{name}` is no component, model, rule set or pipeline");
            return Err(Failure::new(Status::File, message)
                .with_hint("files are told apart by `.wasm`, `.onnx`, `.rules` and `.toml`"));
        }
    }
    Ok(Some(facts))
}

fn component(facts: &mut Facts, bytes: &[u8]) -> Result<()> {
    let name = facts.name().to_owned();
    let info = rulestage_runtime_wasmtime::inspect(bytes);
    let info = info.or_fail(Status::File, || format!("can't use `{name}`"))?;
    facts.add("world", info.world.unwrap_or("none of rulestage:stage"));
    facts.add("size", Fact::Bytes(info.size_bytes));
    facts.add("sha256", info.sha256.as_str());
    let imports_nothing = info.imports.is_empty();
    facts.add("imports", Fact::List(info.imports));
    facts.add("exports", Fact::List(info.exports));
    if info.world.is_some() {
        let host = host::start(false)?;
        let component = host::load(&host, &name, bytes)?;
        let failed = || format!("`{name}`");
        let description = host
            .describe(&component, host::LIMITS)
            .or_fail(Status::Component, failed)?;
        described(facts, &description);
        if needs_no_parameter(&description) && imports_nothing {
            let parameters = vec![Value::Absent; description.parameters.len()];
            let session = host
                .open(&component, &parameters, host::LIMITS)
                .or_fail(Status::Component, failed)?;
            columns(facts, host.schema(&session));
        }
    }
    Ok(())
}

fn needs_no_parameter(description: &Description) -> bool {
    description
        .parameters
        .iter()
        .all(|parameter| parameter.default != Value::Absent)
}

fn described(facts: &mut Facts, description: &Description) {
    facts.add("name", description.name.as_str());
    facts.add("version", description.version.as_str());
    facts.add("doc", description.doc.as_str());
    let parameters = description.parameters.iter().map(|parameter| {
        let default = match &parameter.default {
            Value::Absent => " (required)".into(),
            default => format!(" = {}", value::text(default)),
        };
        with_doc(
            format!("{}: {}{default}", parameter.name, parameter.type_name),
            &parameter.doc,
        )
    });
    facts.add("parameters", Fact::List(parameters.collect()));
}

fn columns(facts: &mut Facts, schema: &StageSchema) {
    facts.add("inputs", Fact::List(fields(&schema.inputs)));
    facts.add("outputs", Fact::List(fields(&schema.outputs)));
}

/// `name: type`, and what it means.
pub(crate) fn fields(schema: &Schema) -> Vec<String> {
    let describe = |field: &arrow_schema::FieldRef| {
        let doc = field.metadata().get(wire::DOC).map_or("", String::as_str);
        with_doc(format!("{}: {}", field.name(), wire::type_name(field)), doc)
    };
    schema.fields().iter().map(describe).collect()
}

fn with_doc(text: String, doc: &str) -> String {
    if doc.is_empty() {
        text
    } else {
        format!("{text}  // {doc}")
    }
}

/// A pipeline: its stages in the order of the run, and what its input must bring.
fn pipeline(facts: &mut Facts, path: &Path) -> Result<()> {
    let loaded = pipelines::load(path, &[], false)?;
    let pipeline = &loaded.pipeline;
    facts.add("kind", "pipeline");
    facts.add("name", pipeline.manifest.name.as_str());
    facts.add("version", pipeline.manifest.version.as_str());
    let needed: Vec<_> = pipeline
        .externals
        .iter()
        .map(|external| external.field.clone())
        .collect();
    facts.add("inputs", Fact::List(fields(&Schema::new(needed))));
    for stage in &pipeline.stages {
        let size = quantity::bytes(stage.bytes.len() as u64);
        let mut lines = vec![format!(
            "{}, {size}, sha256 {}",
            stage.path,
            sha256_hex(&stage.bytes)
        )];
        if let Some(gate) = &stage.gate {
            lines.push(format!("when {}", gate.condition));
        }
        let named = |fields: Vec<String>, title: &str| {
            fields
                .into_iter()
                .map(move |field| format!("{title} {field}"))
                .collect::<Vec<_>>()
        };
        lines.extend(named(fields(&stage.schema.inputs), "in "));
        lines.extend(named(fields(&stage.schema.outputs), "out"));
        facts.add(format!("stage {}", stage.name), Fact::List(lines));
    }
    let models = pipeline
        .manifest
        .models
        .iter()
        .map(|model| format!("{}: {}", model.name, model.file));
    facts.add("models", Fact::List(models.collect()));
    Ok(())
}
