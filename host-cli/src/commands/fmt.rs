//! `rulestage fmt`

use crate::args::Fmt;
use crate::failure::{Result, Status};
use crate::render::diagnostics::{self, Source};
use crate::render::{self, Style};
use crate::{input, output, pipelines};
use std::path::Path;

/// Formats each file in place, or names those that are not formatted.
pub(crate) fn fmt(args: &Fmt) -> Result<Status> {
    let mut status = Status::Done;
    for path in &pipelines::rule_sets(&args.files)? {
        let source = input::read_text(path)?;
        match rulestage_rule_compiler::format(&source) {
            Ok(formatted) if args.check => {
                if formatted != source {
                    render::print(format!("{}\n", input::name(path)))?;
                    status = Status::Refused;
                }
            }
            Ok(formatted) if path == Path::new("-") => render::print(formatted)?,
            Ok(formatted) if formatted != source => output::write_file(path, formatted.as_bytes())?,
            Ok(_) => {}
            Err(errors) => {
                let name = input::name(path);
                let source = Source {
                    name: &name,
                    text: &source,
                };
                let style = Style::for_stream(&std::io::stderr());
                render::notify(diagnostics::render(source, &errors, style));
                status = Status::Refused;
            }
        }
    }
    Ok(status)
}
