//! Where a name is declared, where it is used, and another name for it.

use crate::symbols::{Symbol, SymbolKind, symbols};
use crate::{fields, touches};
use rulestage_diagnostics::{Severity, Span};
use rulestage_rule_compiler::analysis::{Analysis, analyse, is_namespace, is_reserved_word};

/// A text to put in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What to replace
    pub span: Span,
    /// By what
    pub text: String,
}

/// Why a name can't be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In the style of diagnostics: lower case, user text in backticks
    pub reason: String,
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// The symbol whose name stands at the offset, and that place.
pub(crate) fn symbol_at<'s>(
    analysis: &Analysis,
    symbols: &'s [Symbol],
    offset: u32,
) -> Option<(&'s Symbol, Span)> {
    let used = analysis
        .facts
        .uses
        .iter()
        .find(|each| touches(each.span, offset));
    let (declared, place) = match used {
        Some(used) => (used.declared, used.span),
        None => {
            let symbol = symbols.iter().find(|symbol| touches(symbol.span, offset))?;
            (symbol.span, symbol.span)
        }
    };
    let symbol = symbols.iter().find(|symbol| symbol.span == declared)?;
    Some((symbol, place))
}

/// Where the name at the offset is declared.
pub fn definition(source: &str, offset: u32) -> Option<Span> {
    let analysis = analyse(source);
    let symbols = symbols(&analysis, source);
    let symbol = symbol_at(&analysis, &symbols, offset);
    let declared = symbol.map(|(symbol, _)| symbol.span);
    declared.or_else(|| fields::declaration(&analysis, source, offset))
}

/// Every place where the name at the offset is used, in source order, with or without its declaration.
pub fn references(source: &str, offset: u32, with_declaration: bool) -> Vec<Span> {
    let analysis = analyse(source);
    match symbol_at(&analysis, &symbols(&analysis, source), offset) {
        Some((symbol, _)) => places(&analysis, symbol.span, with_declaration),
        None => Vec::new(),
    }
}

fn places(analysis: &Analysis, declared: Span, with_declaration: bool) -> Vec<Span> {
    let uses = analysis
        .facts
        .uses
        .iter()
        .filter(|each| each.declared == declared);
    let mut places: Vec<Span> = uses.map(|each| each.span).collect();
    if with_declaration {
        places.push(declared);
    }
    places.sort();
    places.dedup();
    places
}

/// The place and the text of the name at the offset, if it can have another.
pub fn prepare_rename(source: &str, offset: u32) -> Result<(Span, String), Refusal> {
    let analysis = analyse(source);
    let symbols = symbols(&analysis, source);
    let (symbol, place) = renamed(&analysis, &symbols, offset)?;
    Ok((place, symbol.name.clone()))
}

fn renamed<'s>(
    analysis: &Analysis,
    symbols: &'s [Symbol],
    offset: u32,
) -> Result<(&'s Symbol, Span), Refusal> {
    if let Some((symbol, place)) = symbol_at(analysis, symbols, offset)
        && !matches!(symbol.kind, SymbolKind::Example | SymbolKind::Invariant)
    {
        return Ok((symbol, place));
    }
    let called = analysis
        .facts
        .calls
        .iter()
        .find(|each| touches(each.span, offset));
    Err(match called {
        Some(called) => Refusal::new(format!("`{}` is a function of the language", called.name)),
        None => Refusal::new("there is no name that could be changed here"),
    })
}

/// The edits that give the name at the offset another one everywhere, in source order.
pub fn rename(source: &str, offset: u32, new_name: &str) -> Result<Vec<Edit>, Refusal> {
    let analysis = analyse(source);
    let all = symbols(&analysis, source);
    let (symbol, _) = renamed(&analysis, &all, offset)?;
    if symbol.name == new_name {
        return Ok(Vec::new());
    }
    refuse_name(new_name)?;
    if let Some(other) = all.iter().find(|other| collides(symbol, other, new_name)) {
        let noun = other.kind.noun();
        return Err(Refusal::new(format!(
            "the name `{new_name}` is taken by the {noun} `{new_name}`"
        )));
    }
    let edits: Vec<Edit> = places(&analysis, symbol.span, true)
        .into_iter()
        .map(|span| Edit {
            span,
            text: new_name.to_owned(),
        })
        .collect();
    // Whatever else may come between: the new source must mean what the old one meant.
    let changed = analyse(&apply(source, &edits));
    let is_same = changed.facts.uses.len() == analysis.facts.uses.len()
        && changed.facts.types.len() == analysis.facts.types.len()
        && n_errors(&changed) <= n_errors(&analysis)
        && {
            let declared = moved(symbol.span.start, &edits);
            let uses = changed
                .facts
                .uses
                .iter()
                .filter(|each| each.declared.start == declared);
            let before = analysis
                .facts
                .uses
                .iter()
                .filter(|each| each.declared == symbol.span);
            uses.count() == before.count()
        };
    if !is_same {
        return Err(Refusal::new(format!(
            "`{new_name}` would mean something else in this rule set"
        )));
    }
    Ok(edits)
}

fn refuse_name(name: &str) -> Result<(), Refusal> {
    let mut chars = name.chars();
    let starts_well = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let reason = format!("`{name}` is not a name: letters, digits and `_`, no digit first");
        return Err(Refusal::new(reason));
    }
    if is_reserved_word(name) {
        return Err(Refusal::new(format!(
            "`{name}` is a reserved word and can't be a name"
        )));
    }
    if is_namespace(name) {
        return Err(Refusal::new(format!("`{name}` is the name of a library")));
    }
    Ok(())
}

/// Whether `other` has the name and is visible where `symbol` is.
fn collides(symbol: &Symbol, other: &Symbol, name: &str) -> bool {
    use SymbolKind as K;
    if other.name != name || other.span == symbol.span {
        return false;
    }
    match (symbol.kind, other.kind) {
        (K::Rule | K::Table, K::Rule | K::Table) | (K::Function, K::Function) => true,
        (K::RuleSet | K::Rule | K::Table | K::Function | K::Example | K::Invariant, _)
        | (_, K::RuleSet | K::Rule | K::Table | K::Function | K::Example | K::Invariant) => false,
        // Functions can't read these.
        (K::Parameter, K::Input | K::Let | K::Output) => false,
        (K::Input | K::Let | K::Output, K::Parameter) => false,
        _ => match (symbol.scope, other.scope) {
            (Some(a), Some(b)) => a.start < b.end && b.start < a.end,
            _ => true,
        },
    }
}

fn n_errors(analysis: &Analysis) -> usize {
    let errors = analysis.diagnostics.iter();
    errors
        .filter(|each| each.severity == Severity::Error)
        .count()
}

/// The source with the edits made; they are in source order and do not overlap.
pub(crate) fn apply(source: &str, edits: &[Edit]) -> String {
    let mut text = String::with_capacity(source.len());
    let mut at = 0;
    for edit in edits {
        text += Span::new(at, edit.span.start).text(source);
        text += &edit.text;
        at = edit.span.end;
    }
    text + Span::new(at, source.len() as u32).text(source)
}

/// Where an offset that is the start of an edit lies when the edits are made.
fn moved(offset: u32, edits: &[Edit]) -> u32 {
    let before = edits.iter().filter(|edit| edit.span.start < offset);
    let shift: i64 = before
        .map(|edit| edit.text.len() as i64 - i64::from(edit.span.end - edit.span.start))
        .sum();
    (i64::from(offset) + shift) as u32
}
