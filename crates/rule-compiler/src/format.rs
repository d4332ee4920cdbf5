//! The formatter: a source in its one layout. Comments stay, in their order; literals stay as they were written.

mod doc;
mod expression;
mod table;

use crate::ast::{
    Assignment, ExamplePartKind, Expr, Invariant, Item, ItemKind, OutputField, Rule, RuleSet,
};
use crate::parser::{merge_name, parse};
use crate::token::Comment;
use doc::{Doc, render};
use rulestage_diagnostics::{Diagnostic, Severity, Span};

/// How long lines get, where they can be broken.
const WIDTH: usize = 100;

/// The formatted source. Formatting that again changes nothing. A source with syntax errors is not formatted: its
/// errors come back.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(source);
    let errors: Vec<Diagnostic> = parsed
        .diagnostics
        .into_iter()
        .filter(|each| each.severity == Severity::Error)
        .collect();
    let Some(ruleset) = parsed.ruleset.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };
    let mut formatter = Formatter {
        source,
        comments: &parsed.comments,
        docs: Vec::new(),
    };
    formatter.ruleset(&ruleset);
    formatter.comments_before(source.len() as u32);
    Ok(render(&formatter.docs, WIDTH))
}

struct Formatter<'a> {
    source: &'a str,
    /// Still to be printed
    comments: &'a [Comment],
    /// The layout so far, in the innermost open group
    docs: Vec<Doc>,
}

impl<'a> Formatter<'a> {
    fn text(&mut self, text: impl Into<String>) {
        self.docs.push(doc::text(text));
    }

    fn push(&mut self, doc: Doc) {
        self.docs.push(doc);
    }

    fn source_text(&self, span: Span) -> &'a str {
        span.text(self.source)
    }

    /// What `build` lays out, as one document made by `wrap`.
    fn nested(&mut self, wrap: fn(Vec<Doc>) -> Doc, build: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.docs);
        build(self);
        let inner = std::mem::replace(&mut self.docs, outer);
        self.docs.push(wrap(inner));
    }

    fn group(&mut self, build: impl FnOnce(&mut Self)) {
        self.nested(Doc::Group, build);
    }

    fn indent(&mut self, build: impl FnOnce(&mut Self)) {
        self.nested(Doc::Indent, build);
    }

    // ---------------------------------------------------------------- comments

    /// Prints the comments that stand before `position`, an empty line before each that has one.
    fn comments_before(&mut self, position: u32) {
        while let Some((comment, rest)) = self.comments.split_first() {
            if comment.span.start >= position {
                return;
            }
            self.comments = rest;
            self.comment(*comment);
        }
    }

    /// Prints the comments before `position` that end a line of code.
    fn comments_on_line(&mut self, position: u32) {
        while let Some((comment, rest)) = self.comments.split_first() {
            if comment.own_line || comment.span.start >= position {
                return;
            }
            self.comments = rest;
            self.comment(*comment);
        }
    }

    fn comment(&mut self, comment: Comment) {
        if comment.own_line && self.is_after_blank_line(comment.span.start) {
            self.push(Doc::BlankLine);
        }
        let text = self.source_text(comment.span).trim_end().to_owned();
        self.push(Doc::Comment {
            text,
            own_line: comment.own_line,
        });
    }

    fn is_after_blank_line(&self, position: u32) -> bool {
        let before = &self.source[..position as usize];
        let blanks = &before[before.trim_end().len()..];
        blanks.matches('\n').count() >= 2
    }

    /// Everything that stands before an entry: comments and an empty line where the source has one.
    fn before_entry(&mut self, start: u32) {
        self.comments_before(start);
        if self.is_after_blank_line(start) {
            self.push(Doc::BlankLine);
        }
        self.push(Doc::HardLine);
    }

    // ------------------------------------------------------------------ blocks

    fn ruleset(&mut self, ruleset: &RuleSet) {
        self.comments_before(ruleset.span.start);
        if self.is_after_blank_line(ruleset.span.start) {
            self.push(Doc::BlankLine);
        }
        self.push(Doc::HardLine);
        self.text(format!("ruleset {}", ruleset.name.text));
        if let Some(version) = &ruleset.version {
            self.text(format!(" version {}", self.source_text(version.span)));
        }
        self.text(" {");
        let end = ruleset.span.end;
        self.comments_on_line(ruleset.items.first().map_or(end, |first| first.span.start));
        self.indent(|formatter| {
            for (index, item) in ruleset.items.iter().enumerate() {
                let previous = index
                    .checked_sub(1)
                    .map(|previous| &ruleset.items[previous]);
                if previous.is_some_and(|previous| needs_blank_line(previous, item)) {
                    formatter.push(Doc::BlankLine);
                }
                formatter.before_entry(item.span.start);
                formatter.item(item);
                formatter.comments_on_line(
                    ruleset
                        .items
                        .get(index + 1)
                        .map_or(end, |next| next.span.start),
                );
            }
            formatter.comments_before(end);
        });
        self.push(Doc::HardLine);
        self.text("}");
        self.comments_on_line(u32::MAX);
        self.push(Doc::HardLine);
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Input(fields) => {
                let width = fields
                    .iter()
                    .map(|field| field.name.text.len() + 1)
                    .max()
                    .unwrap_or(0);
                self.block(
                    "input",
                    item.span,
                    fields.iter().map(|field| field.span),
                    |formatter, index| {
                        let field = &fields[index];
                        let name = format!("{}:", field.name.text);
                        formatter.text(format!("{name:width$} {}", field.ty.ty));
                    },
                );
            }
            ItemKind::Output(fields) => {
                let name_width = fields
                    .iter()
                    .map(|field| field.name.text.len() + 1)
                    .max()
                    .unwrap_or(0);
                let values: Vec<String> = fields
                    .iter()
                    .map(|field| self.output_value(field))
                    .collect();
                let with_merge = values
                    .iter()
                    .zip(fields)
                    .filter(|(_, field)| field.merge.is_some());
                let width = with_merge
                    .map(|(value, _)| value.chars().count())
                    .max()
                    .unwrap_or(0);
                self.block(
                    "output",
                    item.span,
                    fields.iter().map(|field| field.span),
                    |formatter, index| {
                        let (field, value) = (&fields[index], &values[index]);
                        let name = format!("{}:", field.name.text);
                        formatter.text(format!("{name:name_width$} {value}"));
                        if let Some((merge, _)) = field.merge {
                            let padding = width.saturating_sub(value.chars().count());
                            formatter.text(format!("{:padding$} merge {}", "", merge_name(merge)));
                        }
                    },
                );
            }
            ItemKind::Param { name, ty, default } => {
                self.text(format!("param {}: {} = ", name.text, ty.ty));
                self.expression(default);
            }
            ItemKind::Let { name, value } => {
                self.text(format!("let {} = ", name.text));
                self.expression(value);
            }
            ItemKind::Rule(rule) => self.rule(rule, item.span),
            ItemKind::Example(example) => {
                let name = self.source_text(example.name.span);
                let header = format!("example {name}");
                self.block(
                    &header,
                    item.span,
                    example.parts.iter().map(|part| part.span),
                    |formatter, index| {
                        let part = &example.parts[index];
                        formatter.text(match part.kind {
                            ExamplePartKind::Given => "given  ",
                            ExamplePartKind::Params => "params ",
                            ExamplePartKind::Expect => "expect ",
                        });
                        formatter.assignments(&part.entries, ": ", part.span);
                    },
                );
            }
            ItemKind::Table(table) => self.table(table, item.span),
            ItemKind::Function(function) => self.function(function),
            ItemKind::Invariant(invariant) => self.invariant(invariant, item.span),
        }
    }

    /// `HEADER { … }` with one entry a line.
    fn block(
        &mut self,
        header: &str,
        span: Span,
        entries: impl Iterator<Item = Span>,
        mut entry: impl FnMut(&mut Self, usize),
    ) {
        let spans: Vec<Span> = entries.collect();
        let header = if header.is_empty() {
            "{".to_owned()
        } else {
            format!("{header} {{")
        };
        self.text(header);
        self.comments_on_line(spans.first().map_or(span.end, |first| first.start));
        let has_comments = self
            .comments
            .first()
            .is_some_and(|next| next.span.start < span.end);
        if spans.is_empty() && !has_comments {
            return self.text("}");
        }
        self.indent(|formatter| {
            for (index, each) in spans.iter().enumerate() {
                formatter.before_entry(each.start);
                entry(formatter, index);
                formatter
                    .comments_on_line(spans.get(index + 1).map_or(span.end, |next| next.start));
            }
            formatter.comments_before(span.end);
        });
        self.push(Doc::HardLine);
        self.text("}");
    }

    /// `TYPE = DEFAULT`, on one line. Comments inside it move behind the whole declaration.
    fn output_value(&self, field: &OutputField) -> String {
        let Some(default) = &field.default else {
            return field.ty.ty.to_string();
        };
        format!("{} = {}", field.ty.ty, self.on_one_line(default))
    }

    fn on_one_line(&self, expr: &Expr) -> String {
        let mut formatter = Formatter {
            source: self.source,
            comments: &[],
            docs: Vec::new(),
        };
        formatter.expression(expr);
        render(&formatter.docs, usize::MAX).trim_end().to_owned()
    }

    fn rule(&mut self, rule: &Rule, span: Span) {
        let header = match rule.priority {
            Some((priority, _)) => format!("rule {} priority {priority} {{", rule.name.text),
            None => format!("rule {} {{", rule.name.text),
        };
        self.text(header);
        self.comments_on_line(rule.condition.span.start);
        self.indent(|formatter| {
            // Comments of their own above `when`
            formatter.comments_before(rule.condition.span.start);
            formatter.push(Doc::HardLine);
            formatter.text("when ");
            formatter.expression(&rule.condition);
            formatter.comments_before(rule.then_span.start);
            formatter.push(Doc::HardLine);
            formatter.text("then ");
            formatter.assignments(&rule.then, " = ", rule.then_span);
            if let Some(otherwise) = &rule.otherwise {
                formatter.comments_before(rule.otherwise_span.start);
                formatter.push(Doc::HardLine);
                formatter.text("else ");
                formatter.assignments(otherwise, " = ", rule.otherwise_span);
            }
            formatter.comments_before(span.end);
        });
        self.push(Doc::HardLine);
        self.text("}");
    }

    fn invariant(&mut self, invariant: &Invariant, span: Span) {
        let name = self.source_text(invariant.name.span);
        self.text(format!("invariant {name} {{"));
        let parts = [
            ("when ", invariant.condition.as_ref()),
            ("assert ", Some(&invariant.assertion)),
        ];
        let mut is_first = true;
        self.indent(|formatter| {
            for (keyword, expr) in parts {
                let Some(expr) = expr else { continue };
                if std::mem::take(&mut is_first) {
                    formatter.comments_on_line(expr.span.start);
                }
                formatter.comments_before(expr.span.start);
                formatter.push(Doc::HardLine);
                formatter.text(keyword);
                formatter.expression(expr);
            }
            formatter.comments_before(span.end);
        });
        self.push(Doc::HardLine);
        self.text("}");
    }

    /// `{ a = 1, b = 2 }`, or one a line.
    fn assignments(&mut self, entries: &[Assignment], separator: &str, span: Span) {
        let has_comments = self
            .comments
            .first()
            .is_some_and(|next| next.span.start < span.end);
        if entries.is_empty() && !has_comments {
            return self.text("{}");
        }
        if has_comments
            || entries
                .iter()
                .any(|entry| self.on_one_line(&entry.value).contains('\n'))
        {
            return self.block(
                "",
                span,
                entries.iter().map(|entry| entry.span),
                |formatter, index| {
                    let entry = &entries[index];
                    formatter.text(format!("{}{separator}", entry.name.text));
                    formatter.expression(&entry.value);
                },
            );
        }
        self.group(|formatter| {
            formatter.text("{");
            formatter.indent(|formatter| {
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        formatter.text(",");
                    }
                    formatter.push(Doc::Line);
                    formatter.text(format!("{}{separator}", entry.name.text));
                    formatter.expression(&entry.value);
                }
            });
            formatter.push(Doc::Line);
            formatter.text("}");
        });
    }
}

/// Whether an empty line must part two items: always around those with braces.
fn needs_blank_line(above: &Item, below: &Item) -> bool {
    let is_line = |item: &Item| matches!(item.kind, ItemKind::Param { .. } | ItemKind::Let { .. });
    !is_line(above) || !is_line(below)
}
