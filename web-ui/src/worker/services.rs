//! What the editor asks about a text of rules, answered by the language services.

use super::project::{byte_offset, utf16_range};
use crate::protocol::Question;
use rulestage_diagnostics::Span;
use rulestage_rule_services::{
    CompletionKind, SymbolKind, completions, definition, hover, signature_help,
};
use serde::Serialize;

/// For the editor, as JSON; offsets are UTF-16 units.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Answer {
    /// There is nothing to say.
    Nothing,
    /// Words that replace what is between `from` and the cursor.
    Completions {
        from: u32,
        options: Vec<CompletionOption>,
    },
    /// A declaration, signatures or a type, and documentation.
    Hover {
        from: u32,
        to: u32,
        code: String,
        doc: String,
    },
    /// A way to call a function; `from` and `to` are the argument at the cursor, in the label.
    Signature {
        label: String,
        from: usize,
        to: usize,
        n_more: usize,
        doc: String,
    },
    /// A declaration.
    Place { from: u32, to: u32 },
    /// The whole text anew.
    Text { text: String },
    /// Why not.
    Refused { message: String },
}

#[derive(Serialize)]
struct CompletionOption {
    label: String,
    /// As the editor calls kinds, for its icons
    sort: &'static str,
    detail: String,
    info: String,
    /// Whether parentheses follow, and whether the cursor goes into them
    call: Option<bool>,
}

/// The answer as JSON.
pub(crate) fn answer(question: Question, text: &str, offset: u32) -> String {
    let offset = byte_offset(text, offset);
    let answer = match question {
        Question::Complete => complete(text, offset),
        Question::Hover => hover(text, offset).map(|hover| {
            let (from, to) = utf16_range(text, hover.span);
            Answer::Hover {
                from,
                to,
                code: hover.code,
                doc: hover.doc,
            }
        }),
        Question::Signature => signature(text, offset),
        Question::Definition => definition(text, offset).map(|span| {
            let (from, to) = utf16_range(text, span);
            Answer::Place { from, to }
        }),
        Question::Format => Some(match rulestage_rule_compiler::format(text) {
            Ok(text) => Answer::Text { text },
            Err(_) => Answer::Refused {
                message: "what can't be read can't be formatted: see the errors".to_owned(),
            },
        }),
    };
    serde_json::to_string(&answer.unwrap_or(Answer::Nothing)).unwrap_or_default()
}

fn complete(text: &str, offset: u32) -> Option<Answer> {
    let found = completions(text, offset);
    if found.items.is_empty() {
        return None;
    }
    let (from, _) = utf16_range(text, Span::new(found.span.start, found.span.start));
    let options = found.items.into_iter().map(|item| {
        use CompletionKind as K;
        // One line says what it is; all signatures are for the box beside the list.
        let mut lines = item.detail.lines();
        let detail = lines.next().unwrap_or_default().to_owned();
        let info = match lines.next() {
            Some(_) => format!("{}\n{}", item.detail, item.doc),
            None => item.doc,
        };
        CompletionOption {
            label: item.label,
            sort: match item.kind {
                K::Keyword => "keyword",
                K::Type => "type",
                K::Name(SymbolKind::Param) => "constant",
                K::Name(SymbolKind::Input | SymbolKind::Output) | K::Field => "property",
                K::Name(_) => "variable",
                K::Function { .. } | K::Macro => "function",
                K::Namespace => "namespace",
            },
            detail,
            info: info.trim().to_owned(),
            call: match item.kind {
                K::Function { has_arguments } => Some(has_arguments),
                K::Macro => Some(true),
                _ => None,
            },
        }
    });
    Some(Answer::Completions {
        from,
        options: options.collect(),
    })
}

fn signature(text: &str, offset: u32) -> Option<Answer> {
    let help = signature_help(text, offset)?;
    let n_more = help.signatures.len() - 1;
    let line = help.signatures.into_iter().next()?;
    let active = line.parameters.get(help.active_parameter as usize);
    // Labels of functions are ASCII; names of parameters are too.
    let (from, to) = active.map_or((0, 0), |range| (range.start as usize, range.end as usize));
    Some(Answer::Signature {
        label: line.label,
        from,
        to,
        n_more,
        doc: help.doc,
    })
}
