//! The ways to call the function whose arguments are being written.

use crate::context::Tokens;
use crate::library::{function_doc, macro_forms};
use crate::symbols::{functions, item_doc, signature as own_signature};
use rulestage_rule_compiler::analysis::{Signature, analyse, is_namespace, signatures};
use rulestage_rule_compiler::types::Type;
use std::ops::Range;

/// The ways to call a function, and where among the arguments the cursor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHelp {
    /// At least one
    pub signatures: Vec<SignatureLine>,
    /// The argument at the cursor, from 0
    pub active_parameter: u32,
    /// What the function does; empty when that is not known
    pub doc: String,
}

/// One way to call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// As it is written
    pub label: String,
    /// Where in the label the arguments between the parentheses are, in bytes
    pub parameters: Vec<Range<u32>>,
}

/// The signatures of the call around the offset.
pub fn signature_help(source: &str, offset: u32) -> Option<SignatureHelp> {
    let tokens = Tokens::new(source);
    let (name_idx, n_commas) = tokens.enclosing_call(offset)?;
    let mut name = tokens.text(name_idx).to_owned();
    let mut before = tokens.text_before(name_idx, 1);
    let mut is_method = false;
    if before == "." {
        let namespace = tokens.text_before(name_idx, 2);
        if is_namespace(namespace) {
            name = format!("{namespace}.{name}");
            before = tokens.text_before(name_idx, 3);
        } else {
            is_method = true;
        }
    }
    if before == "func" {
        return None;
    }
    let is_piped = before == "|>";
    let mut doc = function_doc(&name).unwrap_or_default().to_owned();
    let forms: Vec<SignatureLine> = macro_forms(&name)
        .map(|form| line(form.to_owned()))
        .collect();
    let analysis = analyse(source);
    let place = tokens.span(name_idx);
    let receivers = analysis.facts.receivers.iter();
    let receiver = receivers
        .filter(|(span, _)| span.end == place.end)
        .map(|(_, ty)| ty)
        .next_back()
        .unwrap_or(&Type::Error);
    let is_meant = |each: &Signature| {
        if is_method {
            each.takes_receiver(receiver)
        } else if is_piped {
            each.takes_first(receiver)
        } else {
            each.is_function
        }
    };
    let meant = signatures().filter(|each| each.name == name && is_meant(each));
    let mut lines: Vec<SignatureLine> = meant
        .map(|each| {
            line(spelling_as(
                &each,
                is_method || (is_piped && !each.is_function),
            ))
        })
        .collect();
    lines.extend(forms);
    if !is_method && let Some(own) = functions(&analysis).find(|each| each.name.text == name) {
        lines.push(line(format!("{name}{}", own_signature(own))));
        doc = item_doc(&analysis, own.name.span);
    }
    // The first one with room for the argument comes first; the others follow in their order.
    let room = lines
        .iter()
        .position(|each| n_commas < each.parameters.len() as u32)
        .unwrap_or(0);
    if room > 0 {
        let first = lines.remove(room);
        lines.insert(0, first);
    }
    let first = lines.first()?;
    let has_receiver_inside = is_piped && !first.label.contains(&format!(".{name}("));
    Some(SignatureHelp {
        signatures: lines,
        active_parameter: n_commas + u32::from(has_receiver_inside),
        doc,
    })
}

/// As it is declared: `string.contains(string) -> bool`, `size(string) -> int`.
pub(crate) fn spelling(signature: &Signature) -> String {
    spelling_as(signature, !signature.is_function)
}

fn spelling_as(signature: &Signature, as_method: bool) -> String {
    let (name, result) = (signature.name, &signature.result);
    match signature.params.as_slice() {
        [receiver, args @ ..] if as_method => {
            format!("{receiver}.{name}({}) -> {result}", args.join(", "))
        }
        params => format!("{name}({}) -> {result}", params.join(", ")),
    }
}

/// Finds the arguments in a label: between the first `(` and its `)`, at commas outside of `<…>` and `{…}`.
fn line(label: String) -> SignatureLine {
    let mut parameters = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in label.char_indices() {
        let at = at as u32;
        match c {
            '(' | '<' | '{' => {
                depth += 1;
                if c == '(' && depth == 1 {
                    start = at + 1;
                }
            }
            ',' if depth == 1 => {
                parameters.push(start..at);
                start = at + 2;
            }
            ')' | '>' | '}' => {
                depth -= 1;
                if c == ')' && depth == 0 {
                    if at > start {
                        parameters.push(start..at);
                    }
                    break;
                }
            }
            _ => {}
        }
    }
    SignatureLine { label, parameters }
}
