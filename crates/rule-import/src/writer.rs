//! Sources of rules as text: names, comments, literals.

use crate::{Import, ImportError, Loss, Result};
use rulestage_diagnostics::Severity;
use rulestage_rule_compiler::analysis::is_reserved_word;
use rulestage_rule_compiler::{check, format};
use std::collections::BTreeSet;

/// Names that are free, and the losses so far.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    taken: BTreeSet<String>,
    pub(crate) losses: Vec<Loss>,
}

impl Writer {
    /// A name like `text` that nothing else has.
    pub(crate) fn name(&mut self, text: &str) -> String {
        let base = identifier(text);
        let mut name = base.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    /// Keeps a name that others must not get.
    pub(crate) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    pub(crate) fn lose(&mut self, line: u32, message: impl Into<String>) {
        self.losses.push(Loss {
            line,
            message: message.into(),
        });
    }

    /// The formatted source.
    pub(crate) fn finish(mut self, source: &str) -> Result<Import> {
        match format(source) {
            Ok(source) => {
                let checked = check(&source);
                let mut errors = checked.diagnostics.into_iter();
                if let Some(error) = errors.find(|each| each.severity == Severity::Error) {
                    let line = 1 + source[..error.span.start as usize].matches('\n').count();
                    let message = error.message;
                    self.lose(
                        1,
                        format!("line {line} of the rules does not compile: {message}"),
                    );
                }
                self.losses.sort();
                self.losses.dedup();
                Ok(Import {
                    source,
                    losses: self.losses,
                })
            }
            Err(errors) => {
                let message = errors.into_iter().next().map(|error| error.message);
                let message = message.unwrap_or_default();
                Err(ImportError::new(
                    1,
                    format!("what it says makes no rule set: {message}"),
                ))
            }
        }
    }
}

/// `text` as a name of the rule language.
pub(crate) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.trim().chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => name.push(c),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_end_matches('_');
    let name = if name.is_empty() { "unnamed" } else { name };
    if name.starts_with(|c: char| c.is_ascii_digit()) || is_reserved_word(name) {
        format!("_{name}")
    } else {
        name.to_owned()
    }
}

/// `text` as a string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// `text` as comments, a line each.
pub(crate) fn comment(text: &str) -> String {
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.trim()
        .split(is_break)
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("// {}\n", line.trim()))
        .collect()
}
