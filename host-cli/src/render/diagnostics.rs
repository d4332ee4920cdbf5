//! Diagnostics, as text with excerpts of the source and as JSON.

use super::Style;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rulestage_diagnostics::{Diagnostic, Example, Severity, SourceMap, Span};
use serde_json::{Value, json};
use std::ops::Range;

/// A text that diagnostics speak of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The file's path as the user gave it, or what stands for it
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// Every diagnostic with its excerpt, in the order given; empty for none.
pub(crate) fn render(source: Source<'_>, diagnostics: &[Diagnostic], style: Style) -> String {
    let renderer = if style.coloured {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let map = SourceMap::new(source.text);
    let mut text = String::new();
    // Nobody reads more, and each takes as long as its lines are.
    let n_errors = diagnostics.iter().filter(|each| is_error(each)).count();
    let mut n_left = [
        n_errors.min(MOST_SHOWN),
        MOST_SHOWN.saturating_sub(n_errors),
    ];
    for diagnostic in diagnostics {
        let n_left = &mut n_left[usize::from(!is_error(diagnostic))];
        if *n_left > 0 {
            *n_left -= 1;
            text += &render_one(source, &map, diagnostic, &renderer);
            text += "\n\n";
        }
    }
    if diagnostics.len() > MOST_SHOWN {
        let n_more = diagnostics.len() - MOST_SHOWN;
        text += &format!("… and {n_more} more: `check --json` has all\n\n");
    }
    text
}

/// How many diagnostics are shown, errors before others.
const MOST_SHOWN: usize = 500;
/// From this size on, excerpts are cut out of a text before they are looked at.
const LARGE_BYTES: usize = 1 << 16;

/// The lines of a large text that a diagnostic speaks of, and where they start: line, from 1, and offset.
fn excerpt<'a>(
    text: &'a str,
    map: &SourceMap<'_>,
    diagnostic: &Diagnostic,
) -> (&'a str, usize, usize) {
    if text.len() < LARGE_BYTES {
        return (text, 1, 0);
    }
    let spans =
        || std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span));
    let ranges = spans().map(|span| byte_range(text, span));
    let (start, end) = ranges.fold((text.len(), 0), |(start, end), range| {
        (start.min(range.start), end.max(range.end))
    });
    let first = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let last = text[end..].find('\n').map_or(text.len(), |at| end + at);
    (
        &text[first..last],
        map.position(first as u32).line as usize,
        first,
    )
}

fn render_one(
    source: Source<'_>,
    map: &SourceMap<'_>,
    diagnostic: &Diagnostic,
    renderer: &Renderer,
) -> String {
    let title = level(diagnostic.severity)
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let hints = diagnostic
        .hints
        .iter()
        .map(|hint| Level::HELP.message(hint.as_str()));
    // Something outside of the text, such as the command line.
    if diagnostic.span.start as usize > source.text.len() || source.text.is_empty() {
        return renderer.render(&[title.elements(hints)]);
    }
    let (lines, line, offset) = excerpt(source.text, map, diagnostic);
    let range = |span: Span| {
        let range = byte_range(source.text, span);
        range.start - offset..range.end - offset
    };
    let primary = AnnotationKind::Primary.span(range(diagnostic.span));
    let labels = diagnostic.labels.iter().map(|label| {
        AnnotationKind::Context
            .span(range(label.span))
            .label(label.message.as_str())
    });
    let snippet = Snippet::source(lines)
        .line_start(line)
        .path(source.name)
        .annotation(primary)
        .annotations(labels);
    renderer.render(&[title.element(snippet).elements(hints)])
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// The span as offsets that lie in the text, on character boundaries.
fn byte_range(text: &str, span: Span) -> Range<usize> {
    let boundary = |offset: u32| {
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

/// The diagnostics as `check --json` prints them. Lines and columns count from 1.
pub(crate) fn to_json(source: Source<'_>, diagnostics: &[Diagnostic]) -> Value {
    let map = SourceMap::new(source.text);
    let place = |span: Span| {
        let (start, end) = (map.position(span.start), map.position(span.end));
        json!({
            "line": start.line, "column": start.column,
            "endLine": end.line, "endColumn": end.column,
        })
    };
    let with_place = |span: Span, mut value: Value| {
        if let (Value::Object(object), Value::Object(place)) = (&mut value, place(span)) {
            object.extend(place);
        }
        value
    };
    let one = |diagnostic: &Diagnostic| {
        let labels: Vec<_> = diagnostic
            .labels
            .iter()
            .map(|label| with_place(label.span, json!({ "message": label.message })))
            .collect();
        let mut value = json!({
            "code": diagnostic.code,
            "severity": severity_name(diagnostic.severity),
            "message": diagnostic.message,
            "labels": labels,
            "hints": diagnostic.hints,
        });
        if let (Some(example), Value::Object(object)) = (&diagnostic.example, &mut value) {
            object.insert("example".to_owned(), example_json(example));
        }
        with_place(diagnostic.span, value)
    };
    json!({
        "file": source.name,
        "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>(),
    })
}

/// A row of data, its columns as JSON.
pub(crate) fn example_json(example: &Example) -> Value {
    let object = |columns: &[(String, String)]| -> Value {
        let members = columns.iter().map(|(name, text)| {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            (name.clone(), value)
        });
        Value::Object(members.collect())
    };
    let mut value = json!({ "input": object(&example.input) });
    if let (false, Value::Object(members)) = (example.output.is_empty(), &mut value) {
        members.insert("output".to_owned(), object(&example.output));
    }
    value
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// `2 errors, 1 warning`; empty for none.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> String {
    let counted = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let n = diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.severity == severity)
                .count();
            let plural = if n == 1 { "" } else { "s" };
            (n > 0).then(|| format!("{n} {}{plural}", severity_name(severity)))
        });
    counted.collect::<Vec<_>>().join(", ")
}

/// Whether anything is an error.
pub(crate) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(is_error)
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}
