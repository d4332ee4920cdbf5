//! `rulestage check`

use crate::args::Check;
use crate::failure::{Result, Status};
use crate::host;
use crate::invariants;
use crate::input;
use crate::pipelines::{self, Problem};
use crate::render::diagnostics::{self, Source};
use crate::render::{self, Style};
use rulestage_diagnostics::Diagnostic;
use std::path::Path;

/// What is wrong with one text.
struct Report {
    name: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
}

/// Reports everything that is wrong with each file.
pub(crate) fn check(args: &Check) -> Result<Status> {
    let mut status = Status::Done;
    for path in &args.files {
        for report in reports(path)? {
            if diagnostics::has_errors(&report.diagnostics) {
                status = Status::Refused;
            }
            show(&report, args.json)?;
        }
    }
    Ok(status)
}

/// The file's report, and for a pipeline those of the files it names.
fn reports(path: &Path) -> Result<Vec<Report>> {
    let name = input::name(path);
    if path
        .extension()
        .is_some_and(|extension| extension == "rules")
        || path == Path::new("-")
    {
        let text = input::read_text(path)?;
        let mut diagnostics = problems(&text);
        diagnostics.extend(invariants::findings(&name, &text)?);
        return Ok(vec![Report {
            name,
            text,
            diagnostics,
        }]);
    }
    let loaded = pipelines::open(path).and_then(|opened| {
        let host = host::start(false).map_err(Problem::Failure)?;
        opened.load(host)
    });
    match loaded {
        Ok(loaded) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let mut reports = vec![Report {
                name,
                text: String::new(),
                diagnostics: Vec::new(),
            }];
            for stage in &loaded.pipeline.stages {
                let Some(rules) = &stage.rules else { continue };
                let name = folder.join(&stage.path).display().to_string();
                let text = rules.source.clone();
                let mut diagnostics = problems(&text);
                diagnostics.extend(invariants::findings(&name, &text)?);
                reports.push(Report {
                    name,
                    text,
                    diagnostics,
                });
            }
            Ok(reports)
        }
        Err(Problem::Diagnostics {
            name,
            text,
            diagnostics,
            ..
        }) => Ok(vec![Report {
            name,
            text,
            diagnostics,
        }]),
        Err(Problem::Failure(failure)) => Err(failure),
    }
}

/// What the compiler says of a rule set, and where it compiles, what is odd about it.
pub(crate) fn problems(source: &str) -> Vec<Diagnostic> {
    let checked = rulestage_rule_compiler::check(source);
    let mut problems = checked.diagnostics;
    if let Some(ruleset) = checked
        .ruleset
        .filter(|_| !diagnostics::has_errors(&problems))
    {
        problems.extend(rulestage_rule_analysis::analyse(&ruleset, source));
    }
    problems
}

fn show(report: &Report, json: bool) -> Result<()> {
    let Report {
        name,
        text,
        diagnostics,
    } = report;
    let source = Source { name, text };
    if json {
        return render::print(format!("{}\n", diagnostics::to_json(source, diagnostics)));
    }
    let style = Style::for_stream(&std::io::stderr());
    render::notify(diagnostics::render(source, diagnostics, style));
    let count = diagnostics::count(diagnostics);
    let summary = if count.is_empty() {
        style.good("no problems")
    } else {
        count
    };
    render::notify(format!("{name}: {summary}\n"));
    Ok(())
}
