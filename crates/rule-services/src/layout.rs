//! What an editor shows beside and around the text: types of names that have none written, and what can be folded.

use crate::type_name;
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::analysis::analyse;
use rulestage_rule_compiler::ast::ItemKind;
use rulestage_rule_compiler::parse;
use rulestage_rule_compiler::types::Type;

/// A text to show inside the source that is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlayHint {
    /// Where
    pub offset: u32,
    /// `: double`
    pub label: String,
}

/// The types of the `let`s in the span, where they could be found out.
pub fn inlay_hints(source: &str, span: Span) -> Vec<InlayHint> {
    let analysis = analyse(source);
    let items = analysis.ruleset.iter().flat_map(|ruleset| &ruleset.items);
    let lets = items.filter_map(|item| match &item.kind {
        ItemKind::Let { name, .. } => Some(name),
        _ => None,
    });
    let in_span = lets.filter(|name| span.start <= name.span.end && name.span.end <= span.end);
    in_span
        .filter_map(|name| {
            let mut declared = analysis.declarations.iter();
            let known = declared.find(|each| each.span == name.span)?;
            (known.ty != Type::Error).then(|| InlayHint {
                offset: name.span.end,
                label: format!(": {}", type_name(&known.ty)),
            })
        })
        .collect()
}

/// What goes over several lines: the rule set and its items.
pub fn folds(source: &str) -> Vec<Span> {
    let Some(ruleset) = parse(source).ruleset else {
        return Vec::new();
    };
    let mut spans = vec![ruleset.span];
    spans.extend(ruleset.items.iter().map(|item| item.span));
    spans.retain(|span| span.text(source).contains('\n'));
    spans
}
