//! `rulestage compile`

use crate::args::{Compile, Emit};
use crate::failure::{Failure, OrFail, Result, Status};
use crate::render::diagnostics::{self, Source};
use crate::render::{self, Style};
use crate::{input, output};
use rulestage_rule_compiler::{Artifact, Compilation};
use std::path::{Path, PathBuf};

/// Compiles a rule set and writes the component, or a view of it.
pub(crate) fn compile(args: &Compile) -> Result<Status> {
    let source = input::read_text(&args.file)?;
    let name = input::name(&args.file);
    let source = Source {
        name: &name,
        text: &source,
    };
    let artifact = match args.no_explain {
        true => artifact_of(source, rulestage_rule_compiler::compile_without_explain),
        false => compile_source(source),
    };
    let Some(artifact) = artifact else {
        return Ok(Status::Refused);
    };
    let written = match args.emit {
        None => artifact.component,
        Some(Emit::Wat) => wat(&artifact.component)?.into_bytes(),
        Some(Emit::Wit) => wit(&artifact.component)?.into_bytes(),
        Some(Emit::Ir) => rulestage_rule_compiler::dump(&artifact.ruleset).into_bytes(),
    };
    let target = target(args)?;
    if target == Path::new("-") {
        render::print(written)?;
    } else {
        output::write_file(&target, &written)?;
    }
    Ok(Status::Done)
}

/// The artifact, or `None` when the source has errors. Diagnostics go to standard error either way.
pub(crate) fn compile_source(source: Source<'_>) -> Option<Artifact> {
    artifact_of(source, rulestage_rule_compiler::compile)
}

fn artifact_of(source: Source<'_>, compile: fn(&str) -> Compilation) -> Option<Artifact> {
    let compilation = compile(source.text);
    let style = Style::for_stream(&std::io::stderr());
    render::notify(diagnostics::render(source, &compilation.diagnostics, style));
    if compilation.artifact.is_none() {
        let counted = diagnostics::count(&compilation.diagnostics);
        render::notify(format!("{}: {counted}\n", source.name));
    }
    compilation.artifact
}

fn target(args: &Compile) -> Result<PathBuf> {
    match (&args.output, args.emit) {
        (Some(output), _) => Ok(output.clone()),
        (None, Some(_)) => Ok("-".into()),
        (None, None) if args.file == Path::new("-") => Err(Failure::new(
            Status::Usage,
            "standard input gives the output no name",
        )
        .with_hint("say where to write with `-o OUT.wasm`")),
        (None, None) => Ok(args.file.with_extension("wasm")),
    }
}

/// The component as WebAssembly text.
fn wat(component: &[u8]) -> Result<String> {
    let text = wasmprinter::print_bytes(component);
    text.or_fail(Status::Component, || "can't print the component".into())
}

/// The component's world as WIT.
pub(crate) fn wit(component: &[u8]) -> Result<String> {
    let doing = || "can't read the component's interface".to_owned();
    let decoded = wit_component::decode(component).or_fail(Status::File, doing)?;
    let mut printer = wit_component::WitPrinter::default();
    let resolve = decoded.resolve();
    let nested: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != decoded.package())
        .collect();
    printer
        .print(resolve, decoded.package(), &nested)
        .or_fail(Status::File, doing)?;
    Ok(printer.output.to_string())
}
