//! `rulestage import` and `rulestage export`

use crate::args::{Export, Import, ImportFormat};
use crate::failure::{Failure, Result, Status};
use crate::render::{self, Style};
use crate::{input, output};
use rulestage_rule_import::{Companions, Format, Loss, detect, export_cel_policy};
use std::path::Path;

/// Makes a rule set of a file of another rule engine, and names what was lost.
pub(crate) fn import(args: &Import) -> Result<Status> {
    let text = input::read_text(&args.file)?;
    let name = input::name(&args.file);
    let format = match args.from {
        Some(ImportFormat::CelPolicy) => Format::CelPolicy,
        Some(ImportFormat::Jdm) => Format::Jdm,
        Some(ImportFormat::Dmn) => Format::Dmn,
        None => detect(&name, &text).ok_or_else(|| {
            Failure::new(Status::Usage, format!("can't tell the format of `{name}`"))
                .with_hint("say it: `--from cel-policy`, `--from jdm` or `--from dmn`")
        })?,
    };
    if format != Format::CelPolicy && (args.environment.is_some() || args.tests.is_some()) {
        let message = "`--environment` and `--tests` go with CEL Policy";
        return Err(Failure::new(Status::Usage, message));
    }
    let companion = |path: &Option<_>| path.as_deref().map(input::read_text).transpose();
    let environment = companion(&args.environment)?;
    let tests = companion(&args.tests)?;
    let companions = Companions {
        environment: environment.as_deref(),
        tests: tests.as_deref(),
    };
    let import = rulestage_rule_import::import(&text, format, companions).map_err(|error| {
        let (line, message) = (error.line, error.message);
        Failure::new(Status::File, format!("{name}:{line}: {message}"))
    })?;
    finish(
        &name,
        &args.output,
        &import.source,
        &import.losses,
        args.strict,
    )
}

/// Writes a rule set in the format of another engine, and names what was lost.
pub(crate) fn export(args: &Export) -> Result<Status> {
    let text = input::read_text(&args.file)?;
    let name = input::name(&args.file);
    let export = export_cel_policy(&text).map_err(|error| {
        let (line, message) = (error.line, error.message);
        Failure::new(Status::File, format!("{name}:{line}: {message}"))
    })?;
    let status = finish(
        &name,
        &args.output,
        &export.text,
        &export.losses,
        args.strict,
    )?;
    if let Some(path) = args
        .environment
        .as_deref()
        .filter(|_| status == Status::Done)
    {
        output::write_file(path, export.environment.as_bytes())?;
    }
    Ok(status)
}

fn finish(
    name: &str,
    output: &Path,
    text: &str,
    losses: &[Loss],
    is_strict: bool,
) -> Result<Status> {
    let style = Style::for_stream(&std::io::stderr());
    for Loss { line, message } in losses {
        let warning = style.warning("warning");
        render::notify(format!("{name}:{line}: {warning}: {message}\n"));
    }
    if is_strict && !losses.is_empty() {
        return Ok(Status::Refused);
    }
    if output == Path::new("-") {
        render::print(text)?;
    } else {
        output::write_file(output, text.as_bytes())?;
    }
    Ok(Status::Done)
}
