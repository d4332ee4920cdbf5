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
    let mut text = String::new();
    for diagnostic in diagnostics {
        text += &render_one(source, diagnostic, &renderer);
        text += "\n\n";
    }
    text
}

fn render_one(source: Source<'_>, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
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
    let primary = AnnotationKind::Primary.span(byte_range(source.text, diagnostic.span));
    let labels = diagnostic.labels.iter().map(|label| {
        AnnotationKind::Context
            .span(byte_range(source.text, label.span))
            .label(label.message.as_str())
    });
    let snippet = Snippet::source(source.text)
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
    diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}
