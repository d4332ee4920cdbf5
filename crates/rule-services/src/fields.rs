//! Fields of structs: what a name behind a dot stands for, and where the type that has it is written.

use crate::touches;
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::analysis::Analysis;
use rulestage_rule_compiler::ast::{ItemKind, TypeExpr};
use rulestage_rule_compiler::parse_type;
use rulestage_rule_compiler::types::Type;

/// A field that is read.
pub(crate) struct FieldUse<'a> {
    /// Where its name stands behind the dot
    pub(crate) span: Span,
    pub(crate) name: &'a str,
    pub(crate) ty: Type,
    /// The struct
    owner: &'a Type,
}

/// The field whose name stands at the offset behind a dot.
pub(crate) fn field_at<'a>(
    analysis: &'a Analysis,
    source: &'a str,
    offset: u32,
) -> Option<FieldUse<'a>> {
    let mut receivers = analysis.facts.receivers.iter();
    let (span, receiver) = receivers.find(|(span, _)| touches(*span, offset))?;
    let mut owner = receiver;
    while let Type::Nullable(inner) | Type::Optional(inner) = owner {
        owner = inner;
    }
    let Type::Struct(fields) = owner else {
        return None;
    };
    let name = span.text(source);
    let (_, ty) = fields.iter().find(|(each, _)| each == name)?;
    Some(FieldUse {
        span: *span,
        name,
        ty: ty.clone(),
        owner,
    })
}

/// Where the field at the offset is written: in the first type of an input or parameter that is, or contains, its
/// struct. Structs have no names; equal ones are the same.
pub(crate) fn declaration(analysis: &Analysis, source: &str, offset: u32) -> Option<Span> {
    let field = field_at(analysis, source, offset)?;
    let items = analysis.ruleset.iter().flat_map(|ruleset| &ruleset.items);
    let types = items.flat_map(|item| -> Vec<&TypeExpr> {
        match &item.kind {
            ItemKind::Input(fields) => fields.iter().map(|field| &field.ty).collect(),
            ItemKind::Function(function) => function.params.iter().map(|(_, ty)| ty).collect(),
            _ => Vec::new(),
        }
    });
    types
        .filter(|ty| contains(&ty.ty, field.owner))
        .find_map(|ty| name_in(source, ty.span, &field))
}

fn contains(ty: &Type, part: &Type) -> bool {
    ty == part
        || match ty {
            Type::Nullable(inner) | Type::List(inner) | Type::Optional(inner) => {
                contains(inner, part)
            }
            Type::Map(key, value) => contains(key, part) || contains(value, part),
            Type::Struct(fields) => fields.iter().any(|(_, ty)| contains(ty, part)),
            _ => false,
        }
}

/// The field's name inside the braces that spell its struct.
fn name_in(source: &str, span: Span, field: &FieldUse<'_>) -> Option<Span> {
    let text = span.text(source);
    let opening = text.match_indices('{').map(|(at, _)| at);
    let braces = opening.filter_map(|start| Some((start, start + closing(&text[start..])?)));
    for (start, end) in braces {
        if parse_type(&text[start..=end]).ok().as_ref() != Some(field.owner) {
            continue;
        }
        let mut depth = 0;
        let mut at = start;
        for part in text[start..=end].split_inclusive(['{', '}', '<', '>', ',', ':', '\n']) {
            let name = part.trim_end_matches(':').trim();
            if depth == 1 && part.ends_with(':') && name == field.name {
                let from = span.start + (at + part.find(name)?) as u32;
                return Some(Span::new(from, from + name.len() as u32));
            }
            match part.chars().next_back() {
                Some('{' | '<') => depth += 1,
                Some('}' | '>') => depth -= 1,
                _ => {}
            }
            at += part.len();
        }
    }
    None
}

/// Where the brace that opens a text closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
