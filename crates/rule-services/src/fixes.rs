//! Changes that the hints of diagnostics speak of.

use crate::names::{Edit, apply};
use rulestage_diagnostics::{Diagnostic, Severity, Span};
use rulestage_rule_compiler::check;

/// A change that makes a diagnostic go away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does
    pub title: String,
    /// The change
    pub edit: Edit,
    /// What it is for
    pub diagnostic: Diagnostic,
}

/// The fixes for what is wrong in the span. Each leaves fewer errors than there are.
pub fn fixes(source: &str, span: Span) -> Vec<Fix> {
    let diagnostics = check(source).diagnostics;
    let n_before = n_errors(&diagnostics);
    let mut fixes = Vec::new();
    for diagnostic in &diagnostics {
        if diagnostic.span.start > span.end || span.start > diagnostic.span.end {
            continue;
        }
        for hint in &diagnostic.hints {
            let Some(edit) = edit(source, diagnostic, hint) else {
                continue;
            };
            let after = apply(source, std::slice::from_ref(&edit));
            if n_errors(&check(&after).diagnostics) < n_before {
                fixes.push(Fix {
                    title: format!("replace by `{}`", edit.text),
                    edit,
                    diagnostic: diagnostic.clone(),
                });
            }
        }
    }
    fixes
}

/// The change that a hint such as "did you mean `x`?" proposes.
fn edit(source: &str, diagnostic: &Diagnostic, hint: &str) -> Option<Edit> {
    let quoted = |start: &str, end: &str| hint.strip_prefix(start)?.strip_suffix(end);
    let meant = quoted("did you mean `", "`?");
    let written = quoted("write `", "`").or_else(|| quoted("convert it: `", "`"));
    let text = meant.or(written)?;
    if text.is_empty() || text.contains(['`', '…']) {
        return None;
    }
    // `write `1.0`` may speak of an operand rather than of the whole expression.
    let literal = text.strip_suffix(".0").or_else(|| text.strip_suffix('u'));
    let operand = diagnostic
        .labels
        .iter()
        .map(|label| label.span)
        .find(|span| written.is_some() && Some(span.text(source)) == literal);
    let mut span = operand.unwrap_or(diagnostic.span);
    // A function's name is marked without its namespace.
    if let Some((namespace, _)) = text.rsplit_once('.')
        && meant.is_some()
        && let Some(start) = span.start.checked_sub(namespace.len() as u32 + 1)
        && Span::new(start, span.start).text(source) == format!("{namespace}.")
    {
        span.start = start;
    }
    Some(Edit {
        span,
        text: text.to_owned(),
    })
}

fn n_errors(diagnostics: &[Diagnostic]) -> usize {
    let errors = diagnostics.iter();
    errors
        .filter(|each| each.severity == Severity::Error)
        .count()
}
