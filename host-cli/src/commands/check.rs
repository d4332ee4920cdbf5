//! `rulestage check`

use crate::args::Check;
use crate::failure::{Result, Status};
use crate::findings::Examiner;
use crate::host;
use crate::input;
use crate::pipelines::{self, Problem};
use crate::render::diagnostics::{self, Source};
use crate::render::{self, Style, quantity};
use rulestage_diagnostics::Diagnostic;
use rulestage_rule_analysis::Costs;
use serde_json::{Value, json};
use std::path::Path;

/// What is wrong with one text.
struct Report {
    name: String,
    text: String,
    diagnostics: Vec<Diagnostic>,
    /// Of a rule set that compiles, where it was asked for
    costs: Option<Costs>,
}

impl Report {
    fn new(name: String, text: String, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            name,
            text,
            diagnostics,
            costs: None,
        }
    }

    /// What is wrong with a rule set, and what it costs where that was asked for.
    fn of_rules(args: &Check, examiner: &mut Examiner, name: String, text: String) -> Result<Self> {
        let diagnostics = examiner.examine(&name, &text)?;
        let mut report = Self::new(name, text, diagnostics);
        if !args.cost && args.max_cost.is_none() {
            return Ok(report);
        }
        let Some(ruleset) = rulestage_rule_compiler::check(&report.text).ruleset else {
            return Ok(report);
        };
        let costs = rulestage_rule_analysis::cost(&ruleset, &report.text);
        let found = args
            .max_cost
            .and_then(|most| too_dear(&costs, most, args.list_size));
        report.diagnostics.extend(found);
        report.costs = args.cost.then_some(costs);
        Ok(report)
    }
}

/// An error at the dearest rule, where a row may be more than `most` operations.
fn too_dear(costs: &Costs, most: u64, list_size: u64) -> Option<Diagnostic> {
    let total = costs.total.with_sizes(list_size);
    let dearest = costs.rules.iter().rev();
    let (name, span, cost) = dearest.max_by_key(|(_, _, cost)| cost.with_sizes(list_size))?;
    let message = format!(
        "one row may be {} operations ({}), more than the {} allowed; the dearest part is `{name}` ({cost})",
        quantity::count(total),
        costs.total,
        quantity::count(most),
    );
    let hint = format!("lists and maps count as {list_size} elements; `--list-size` changes that");
    let diagnostic = Diagnostic::error("rule.analysis.cost", *span, message).with_hint(hint);
    (total > most).then_some(diagnostic)
}

/// Reports everything that is wrong with each file.
pub(crate) fn check(args: &Check) -> Result<Status> {
    let mut status = Status::Done;
    let mut examiner = Examiner::default();
    for path in &args.files {
        for report in reports(args, &mut examiner, path)? {
            if diagnostics::has_errors(&report.diagnostics) {
                status = Status::Refused;
            }
            show(&report, args.json)?;
        }
    }
    Ok(status)
}

/// The file's report, and for a pipeline those of the files it names.
fn reports(args: &Check, examiner: &mut Examiner, path: &Path) -> Result<Vec<Report>> {
    let name = input::name(path);
    if path
        .extension()
        .is_some_and(|extension| extension == "rules")
        || path == Path::new("-")
    {
        let text = input::read_text(path)?;
        return Ok(vec![Report::of_rules(args, examiner, name, text)?]);
    }
    let loaded = pipelines::open(path).and_then(|opened| {
        let host = host::start(false).map_err(Problem::Failure)?;
        opened.load(host)
    });
    match loaded {
        Ok(loaded) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let mut reports = vec![Report::new(name, String::new(), Vec::new())];
            for stage in &loaded.pipeline.stages {
                let Some(rules) = &stage.rules else { continue };
                let name = folder.join(&stage.path).display().to_string();
                let text = rules.source.clone();
                reports.push(Report::of_rules(args, examiner, name, text)?);
            }
            Ok(reports)
        }
        Err(Problem::Diagnostics {
            name,
            text,
            diagnostics,
            ..
        }) => Ok(vec![Report::new(name, text, diagnostics)]),
        Err(Problem::Failure(failure)) => Err(failure),
    }
}

fn show(report: &Report, json: bool) -> Result<()> {
    let Report {
        name,
        text,
        diagnostics,
        costs,
    } = report;
    let source = Source { name, text };
    if json {
        let mut value = diagnostics::to_json(source, diagnostics);
        if let (Some(costs), Some(object)) = (costs, value.as_object_mut()) {
            object.insert("cost".to_owned(), costs_json(costs));
        }
        return render::print(format!("{value}\n"));
    }
    if let Some(costs) = costs {
        let mut text = String::new();
        let lets = ("lets".to_owned(), costs.lets.clone());
        let rules = costs
            .rules
            .iter()
            .map(|(name, _, cost)| (name.clone(), cost.clone()));
        let total = ("in all".to_owned(), costs.total.clone());
        for (name, cost) in [lets].into_iter().chain(rules).chain([total]) {
            text += &format!("{name:24} {cost}\n");
        }
        render::print(text)?;
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

fn costs_json(costs: &Costs) -> Value {
    let rules = costs.rules.iter();
    let rules: Vec<Value> = rules
        .map(|(name, _, cost)| json!({ "name": name, "cost": cost.to_string() }))
        .collect();
    json!({
        "total": costs.total.to_string(),
        "lets": costs.lets.to_string(),
        "rules": rules,
    })
}
