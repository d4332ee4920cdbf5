//! Tests of a policy, as examples.

use super::{RESULT, declared};
use crate::cel::Expression;
use crate::tree::{Node, Value};
use crate::writer::{Writer, identifier, quoted};
use crate::{ImportError, Result, yaml};
use rulestage_diagnostics::Severity;
use rulestage_rule_compiler::check;
use rulestage_rule_compiler::types::Type;
use std::fmt::Write;

/// The examples that the tests are. A test whose values are no constants is a loss.
pub(super) fn examples(
    text: &str,
    inputs: &[(String, Type)],
    result: &str,
    writer: &mut Writer,
) -> Result<String> {
    let in_tests = |error: ImportError| {
        ImportError::new(error.line, format!("in the tests: {}", error.message))
    };
    let mut header = String::from("ruleset tests {\ninput {\n");
    for (name, ty) in inputs {
        let _ = writeln!(header, "{name}: {ty}");
    }
    let _ = writeln!(header, "}}\noutput {{ {RESULT}: {result} }}");
    let root = yaml::parse(text).map_err(in_tests)?;
    let mut examples = String::new();
    let sections = ["section", "sections"].map(|key| root.get_list(key).map_err(in_tests));
    for section in sections.into_iter().collect::<Result<Vec<_>>>()?.concat() {
        let title = section.get_text("name").map_err(in_tests)?;
        for test in section.get_list("tests").map_err(in_tests)? {
            let name = test.get_text("name").map_err(in_tests)?;
            let name = [title, name].into_iter().flatten().collect::<Vec<_>>();
            let name = name.join(": ");
            if test
                .get("output")
                .is_some_and(|output| output.get("error_set").is_some())
            {
                let line = test.line;
                let message = format!(
                    "the test `{name}` (line {line} of the tests) is left out: it expects an error"
                );
                writer.lose(1, message);
                continue;
            }
            let example = example(&name, test, inputs).map_err(in_tests)?;
            let checked = check(&format!("{header}{example}}}\n"));
            let mut errors = checked.diagnostics.into_iter();
            match errors.find(|each| each.severity == Severity::Error) {
                None => examples.push_str(&example),
                Some(error) => writer.lose(
                    1,
                    format!(
                        "the test `{name}` (line {} of the tests) is left out: {}",
                        test.line, error.message
                    ),
                ),
            }
        }
    }
    Ok(examples)
}

/// The type of the result, as it is declared.
pub(super) fn result_type(ty: &Type, is_optional: bool, is_aggregate: bool) -> String {
    if is_aggregate {
        format!("list<{ty}> = [] merge collect")
    } else {
        declared(ty, is_optional)
    }
}

fn example(name: &str, test: &Node, inputs: &[(String, Type)]) -> Result<String> {
    let mut given = Object::default();
    if let Some(input) = test.get("input") {
        for (key, value) in input.expect_map("`input`")? {
            let path: Vec<&str> = key.expect_text("a name")?.split('.').collect();
            let ty = path
                .iter()
                .try_fold(None, |ty: Option<&Type>, name| {
                    let fields = match ty {
                        None => inputs,
                        Some(Type::Struct(fields)) => fields,
                        Some(_) => return None,
                    };
                    let found = fields.iter().find(|(known, _)| known == name);
                    found.map(|(_, ty)| Some(ty))
                })
                .flatten();
            // What no expression reads is no input.
            if let Some(ty) = ty {
                given.insert(&path, constant(value_of(value), Some(ty))?);
            }
        }
    }
    let mut text = format!("example {} {{\ngiven {{\n", quoted(name));
    for (name, value) in &given.0 {
        let _ = writeln!(text, "{name}: {}", value.literal());
    }
    let expected = match test.get("output") {
        None => "null".to_owned(),
        Some(output) => match value_of(output) {
            TestValue::Expression(node)
            | TestValue::Value(
                node @ Node {
                    value: Value::Text(_) | Value::Plain(_),
                    ..
                },
            ) if output.get("value").is_none() => expression(node)?,
            value => constant(value, None)?,
        },
    };
    let _ = writeln!(text, "}}\nexpect {{ {RESULT}: {expected} }}\n}}");
    Ok(text)
}

enum TestValue<'a> {
    Expression(&'a Node),
    Value(&'a Node),
}

/// `{expr: …}`, `{value: …}`, or the value itself.
fn value_of(node: &Node) -> TestValue<'_> {
    match (&node.value, node.get("expr"), node.get("value")) {
        (Value::Map(entries), Some(expression), _) if entries.len() == 1 => {
            TestValue::Expression(expression)
        }
        (Value::Map(entries), _, Some(value)) if entries.len() == 1 => TestValue::Value(value),
        _ => TestValue::Value(node),
    }
}

/// An expression that is a constant, which the check of the example finds out. An optional without a value is null.
fn expression(node: &Node) -> Result<String> {
    let text = node.expect_text("an expression")?;
    let expression = Expression::parse(text)
        .map_err(|reason| ImportError::new(node.line, format!("not CEL: {reason}")))?;
    let inner = expression
        .text
        .strip_prefix("optional.of(")
        .and_then(|rest| rest.strip_suffix(')'))
        .filter(|inner| Expression::parse(inner).is_ok());
    Ok(match inner {
        _ if expression.text == "optional.none()" => "null".to_owned(),
        Some(inner) => inner.to_owned(),
        None => expression.text,
    })
}

fn constant(value: TestValue<'_>, ty: Option<&Type>) -> Result<String> {
    match value {
        TestValue::Expression(node) => expression(node),
        TestValue::Value(node) => Ok(literal(node, ty)),
    }
}

/// A YAML value as a literal.
fn literal(node: &Node, ty: Option<&Type>) -> String {
    let is = |wanted: &Type| ty == Some(wanted);
    match &node.value {
        Value::Text(text) if is(&Type::Timestamp) => format!("timestamp({})", quoted(text)),
        Value::Text(text) if is(&Type::Duration) => format!("duration({})", quoted(text)),
        Value::Text(text) => quoted(text),
        Value::Plain(_) if node.is_null() => "null".to_owned(),
        Value::Plain(text) if is(&Type::String) => quoted(text),
        Value::Plain(text) if is(&Type::Timestamp) => format!("timestamp({})", quoted(text)),
        Value::Plain(text) if is(&Type::Duration) => format!("duration({})", quoted(text)),
        Value::Plain(text) if matches!(text.as_str(), "true" | "false") => text.clone(),
        Value::Plain(text) if text.parse::<i64>().is_ok() => match ty {
            Some(Type::Uint) => format!("{text}u"),
            Some(Type::Double) => format!("{text}.0"),
            _ => text.clone(),
        },
        Value::Plain(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => text.clone(),
        Value::Plain(text) => quoted(text),
        Value::List(list) => {
            let element = match ty {
                Some(Type::List(element)) => Some(&**element),
                _ => None,
            };
            let elements: Vec<String> = list.iter().map(|node| literal(node, element)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| {
                    let name = key.text().unwrap_or_default();
                    match ty {
                        Some(Type::Struct(fields)) => {
                            let field = fields.iter().find(|(known, _)| known == name);
                            format!("{name}: {}", literal(value, field.map(|(_, ty)| ty)))
                        }
                        Some(Type::Map(key_ty, ty)) => {
                            format!(
                                "{}: {}",
                                literal(key, Some(&**key_ty)),
                                literal(value, Some(&**ty))
                            )
                        }
                        _ => format!("{}: {}", literal(key, None), literal(value, None)),
                    }
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Values by name, some of them in structs.
#[derive(Debug, Default)]
struct Object(Vec<(String, Field)>);

#[derive(Debug)]
enum Field {
    Value(String),
    Object(Object),
}

impl Object {
    fn insert(&mut self, path: &[&str], value: String) {
        let [name, rest @ ..] = path else {
            return;
        };
        if rest.is_empty() {
            self.0.push(((*name).to_owned(), Field::Value(value)));
            return;
        }
        let index = self.0.iter().position(|(known, _)| known == name);
        let index = index.unwrap_or_else(|| {
            let object = Field::Object(Self::default());
            self.0.push(((*name).to_owned(), object));
            self.0.len() - 1
        });
        if let Field::Object(object) = &mut self.0[index].1 {
            object.insert(rest, value);
        }
    }
}

impl Field {
    fn literal(&self) -> String {
        match self {
            Self::Value(text) => text.clone(),
            Self::Object(Object(fields)) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, field)| format!("{}: {}", identifier(name), field.literal()))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }
}
