//! `when`: a CEL condition over the pipeline's fields, compiled to a component like any rules.

use crate::manifest::Spanned;
use crate::wire::is_dynamic;
use arrow_schema::{DataType, Field};
use rulestage_diagnostics::{Diagnostic, Severity, Span};
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{check_expression, compile_expression};

/// The component of a condition: one input for each field it names, one output `result`.
///
/// `fields` are all fields of the pipeline whose types are known.
pub(crate) fn compile(
    condition: &Spanned<String>,
    fields: &[&Field],
) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let known: Vec<(String, Type)> = fields
        .iter()
        .filter_map(|field| Some((field.name().clone(), cel_type(field)?)))
        .collect();
    let words = words(&condition.value);
    let named: Vec<_> = known
        .iter()
        .filter(|(name, _)| words.contains(&name.as_str()))
        .cloned()
        .collect();
    let all = check_expression(&condition.value, &known, "");
    let mut diagnostics: Vec<Diagnostic> = all
        .diagnostics
        .into_iter()
        .filter(|each| each.severity == Severity::Error)
        .map(|each| moved(each, condition))
        .collect();
    let compilation = compile_expression(&condition.value, &named, "");
    let Some(artifact) = compilation.artifact.filter(|_| diagnostics.is_empty()) else {
        for diagnostic in &mut diagnostics {
            diagnostic
                .hints
                .push("a condition can use fields that stages read or produce".to_owned());
        }
        return Err(diagnostics);
    };
    let ty = artifact.ruleset.outputs.first().map(|output| &output.ty);
    if !matches!(ty, Some(Type::Bool))
        && !matches!(ty, Some(Type::Nullable(inner)) if **inner == Type::Bool)
    {
        let ty = ty.map(ToString::to_string).unwrap_or_default();
        let message = format!("the condition is of type `{ty}` and must be `bool`");
        return Err(vec![Diagnostic::error(
            "pipeline.gate.not-bool",
            condition.span,
            message,
        )]);
    }
    Ok(artifact.component)
}

/// The identifiers of an expression and a few words more; text in quotes is left out.
fn words(expression: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = expression;
    while let Some(at) =
        rest.find(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '"' | '\''))
    {
        rest = &rest[at..];
        let is_quote = |c: char| matches!(c, '"' | '\'');
        if let Some(quote) = rest.chars().next().filter(|first| is_quote(*first)) {
            let mut escaped = false;
            let end = rest[1..].find(|c: char| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            rest = end.map_or("", |end| &rest[end + 2..]);
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            words.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    words
}

/// The diagnostic in terms of the manifest: exact where the text stands there without escapes.
fn moved(mut diagnostic: Diagnostic, condition: &Spanned<String>) -> Diagnostic {
    let whole = condition.span;
    let is_plain = (whole.end - whole.start) as usize == condition.value.len() + 2;
    let place = |span: Span| match is_plain {
        true => Span::new(whole.start + 1 + span.start, whole.start + 1 + span.end),
        false => whole,
    };
    diagnostic.span = place(diagnostic.span);
    diagnostic
        .labels
        .iter_mut()
        .for_each(|label| label.span = place(label.span));
    diagnostic
}

fn cel_type(field: &Field) -> Option<Type> {
    let ty = match field.data_type() {
        DataType::Boolean => Type::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Type::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Type::Uint,
        DataType::Float32 | DataType::Float64 => Type::Double,
        DataType::Utf8 if !is_dynamic(field) => Type::String,
        DataType::Binary => Type::Bytes,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Duration(_) => Type::Duration,
        _ => return None,
    };
    Some(if field.is_nullable() {
        Type::Nullable(Box::new(ty))
    } else {
        ty
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_names_outside_of_quotes() {
        assert_eq!(
            words(r#"p_late > 0.1 && who == "a \" b" || x1.f('y')"#),
            ["p_late", "who", "x1", "f"]
        );
    }

    #[test]
    fn reports_in_the_places_of_the_manifest() {
        let field = Field::new("p_late", DataType::Float64, false);
        let condition = Spanned {
            value: "p_lat > 0.1".to_owned(),
            span: Span::new(100, 113),
        };
        let diagnostics = compile(&condition, &[&field]).expect_err("an unknown name");
        assert_eq!(diagnostics[0].span.start, 101);
        assert!(
            format!("{diagnostics:?}").contains("p_late"),
            "{diagnostics:?}"
        );
    }

    #[test]
    fn a_condition_is_a_bool() {
        let field = Field::new("n", DataType::Int32, true);
        let condition = Spanned {
            value: "n ?? 1".to_owned(),
            span: Span::new(0, 0),
        };
        let diagnostics = compile(&condition, &[&field]).expect_err("an int");
        assert_eq!(diagnostics[0].code, "pipeline.gate.not-bool");
    }
}
