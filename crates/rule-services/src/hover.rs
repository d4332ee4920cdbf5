//! What stands under the cursor.

use crate::fields;
use crate::library::{function_doc, keyword_doc, macro_forms, policy_doc};
use crate::names::symbol_at;
use crate::signature::spelling;
use crate::symbols::{Symbol, SymbolKind, symbols};
use crate::{touches, type_name};
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::analysis::{Analysis, Called, analyse, signatures};
use rulestage_rule_compiler::ast::{ItemKind, Table};
use rulestage_rule_compiler::{TokenClass, highlight};

/// What there is to say about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// What it is about
    pub span: Span,
    /// In the rule language: a declaration, signatures, `expression: type`
    pub code: String,
    /// Documentation; empty for none
    pub doc: String,
}

/// The longest expression that is repeated in its hover, in bytes.
const MAX_EXCERPT: usize = 60;

/// The declaration, function, keyword or type of expression at the offset.
pub fn hover(source: &str, offset: u32) -> Option<Hover> {
    let analysis = analyse(source);
    let symbols = symbols(&analysis, source);
    if let Some((symbol, span)) = symbol_at(&analysis, &symbols, offset) {
        return Some(Hover {
            span,
            code: declaration(symbol),
            doc: symbol.doc.clone(),
        });
    }
    let tokens = highlight(source);
    // Of two tokens that touch, the one that starts here.
    let (span, class) = *tokens.iter().rfind(|(span, _)| touches(*span, offset))?;
    if class == TokenClass::Comment {
        return None;
    }
    if let Some(called) = analysis
        .facts
        .calls
        .iter()
        .find(|each| touches(each.span, offset))
    {
        return Some(function(called));
    }
    let before = tokens
        .iter()
        .rfind(|(before, _)| before.end <= span.start)
        .map_or("", |(before, _)| before.text(source));
    if before == "hit"
        && let Some(policy) = policy_at(&analysis, span)
    {
        return Some(policy);
    }
    if class == TokenClass::Keyword
        && let Some(doc) = keyword_doc(span.text(source))
    {
        return Some(Hover {
            span,
            code: span.text(source).to_owned(),
            doc: doc.to_owned(),
        });
    }
    if let Some(field) = fields::field_at(&analysis, source, offset) {
        return Some(Hover {
            span: field.span,
            code: format!("field {}: {}", field.name, type_name(&field.ty)),
            doc: String::new(),
        });
    }
    expression(&analysis, source, offset).or_else(|| cell(&analysis, source, &symbols, offset))
}

/// The hit policy that starts with this word.
fn policy_at(analysis: &Analysis, word: Span) -> Option<Hover> {
    let (policy, span) = tables(analysis)
        .filter_map(|table| table.hit)
        .find(|(_, span)| span.start == word.start)?;
    Some(Hover {
        span,
        code: format!("hit {}", policy.spelling()),
        doc: policy_doc(policy.spelling()).unwrap_or_default().to_owned(),
    })
}

/// What the column is that a constant cell belongs to: the header's expression, or the output.
fn cell(analysis: &Analysis, source: &str, symbols: &[Symbol], offset: u32) -> Option<Hover> {
    for table in tables(analysis) {
        let mut rows = table.rows.iter();
        let Some(row) = rows.find(|row| touches(row.span, offset)) else {
            continue;
        };
        let inputs = row.cells.iter().zip(&table.inputs);
        for (cell, header) in inputs {
            if touches(cell.span, offset) {
                let types = &analysis.facts.types;
                let (_, ty) = types.iter().rfind(|(span, _)| *span == header.span)?;
                return Some(Hover {
                    span: cell.span,
                    code: format!("{}: {}", header.span.text(source), type_name(ty)),
                    doc: String::new(),
                });
            }
        }
        for ((_, span), output) in row.values.iter().zip(&table.outputs) {
            if touches(*span, offset) {
                let is_meant = |symbol: &&Symbol| {
                    symbol.kind == SymbolKind::Output && symbol.name == output.name.text
                };
                let symbol = symbols.iter().find(is_meant)?;
                return Some(Hover {
                    span: *span,
                    code: declaration(symbol),
                    doc: symbol.doc.clone(),
                });
            }
        }
    }
    None
}

fn tables(analysis: &Analysis) -> impl Iterator<Item = &Table> {
    let items = analysis.ruleset.iter().flat_map(|ruleset| &ruleset.items);
    items.filter_map(|item| match &item.kind {
        ItemKind::Table(table) => Some(&**table),
        _ => None,
    })
}

fn declaration(symbol: &Symbol) -> String {
    let noun = symbol.kind.noun();
    let (name, suffix) = (&symbol.name, &symbol.suffix);
    match (&symbol.ty, symbol.kind) {
        (_, SymbolKind::Example | SymbolKind::Invariant) => format!("{noun} \"{name}\""),
        (Some(ty), _) => format!("{noun} {name}: {}{suffix}", type_name(ty)),
        (None, _) => format!("{noun} {name}{suffix}"),
    }
}

fn function(called: &Called) -> Hover {
    let mut lines: Vec<String> = called.signature.iter().map(spelling).collect();
    let overloads = signatures().filter(|each| each.name == called.name);
    for each in overloads.map(|each| spelling(&each)) {
        if !lines.contains(&each) {
            lines.push(each);
        }
    }
    if lines.is_empty() {
        lines.extend(macro_forms(&called.name).map(str::to_owned));
    }
    Hover {
        span: called.span,
        code: lines.join("\n"),
        doc: function_doc(&called.name).unwrap_or_default().to_owned(),
    }
}

/// The type of the smallest expression at the offset.
fn expression(analysis: &Analysis, source: &str, offset: u32) -> Option<Hover> {
    let around = analysis
        .facts
        .types
        .iter()
        .filter(|(span, _)| touches(*span, offset));
    let (span, ty) = around.min_by_key(|(span, _)| span.end - span.start)?;
    let text = span.text(source);
    let code = if text.len() <= MAX_EXCERPT && !text.contains('\n') {
        format!("{text}: {}", type_name(ty))
    } else {
        type_name(ty)
    };
    Some(Hover {
        span: *span,
        code,
        doc: String::new(),
    })
}
