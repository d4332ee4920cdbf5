//! A rule set as a CEL Policy: its rules are matches, its lets are variables.

use crate::writer::comment;
use crate::{ImportError, Loss, Result};
use rulestage_diagnostics::{Severity, SourceMap, Span};
use rulestage_rule_compiler::ast::{
    Assignment, Expr, ExprKind, InputField, ItemKind, OutputField, Rule, RuleSet,
};
use rulestage_rule_compiler::ir::Merge;
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{check, parse};
use std::fmt::Write;

/// What is called without a receiver.
const GLOBAL_FUNCTIONS: [&str; 11] = [
    "size",
    "type",
    "dyn",
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "timestamp",
    "duration",
];

/// A CEL Policy made of a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The policy, as YAML
    pub text: String,
    /// Its environment with the types of the inputs, as YAML
    pub environment: String,
    /// What they do not say, by line
    pub losses: Vec<Loss>,
}

/// The rule set as a policy: matches where it has one output and `merge first`, else a map of all outputs.
///
/// # Errors
///
/// Where the source does not compile, or has nothing that a policy could say.
pub fn export_cel_policy(source: &str) -> Result<Export> {
    let map = SourceMap::new(source);
    let checked = check(source);
    let error = checked
        .diagnostics
        .into_iter()
        .find(|each| each.severity == Severity::Error);
    if let Some(error) = error {
        let line = map.position(error.span.start).line;
        return Err(ImportError::new(line, error.message));
    }
    let Some(ruleset) = parse(source).ruleset else {
        return Err(ImportError::new(1, "there is no rule set"));
    };
    let mut exporter = Exporter::new(source, map, &ruleset);
    exporter.losses(&ruleset);
    let text = exporter.policy(&ruleset)?;
    let environment = exporter.environment(&ruleset);
    exporter.losses.sort();
    exporter.losses.dedup();
    Ok(Export {
        text,
        environment,
        losses: exporter.losses,
    })
}

struct Exporter<'a> {
    source: &'a str,
    map: SourceMap<'a>,
    /// Names of lets and parameters
    variables: Vec<&'a str>,
    functions: Vec<&'a str>,
    losses: Vec<Loss>,
}

impl<'a> Exporter<'a> {
    fn new(source: &'a str, map: SourceMap<'a>, ruleset: &'a RuleSet) -> Self {
        let mut variables = Vec::new();
        let mut functions = Vec::new();
        for item in &ruleset.items {
            match &item.kind {
                ItemKind::Let { name, .. } | ItemKind::Param { name, .. } => {
                    variables.push(name.text.as_str());
                }
                ItemKind::Function(function) => functions.push(function.name.text.as_str()),
                _ => {}
            }
        }
        Self {
            source,
            map,
            variables,
            functions,
            losses: Vec::new(),
        }
    }

    fn lose(&mut self, span: Span, message: impl Into<String>) {
        let line = self.map.position(span.start).line;
        self.losses.push(Loss {
            line,
            message: message.into(),
        });
    }

    /// What no policy says.
    fn losses(&mut self, ruleset: &RuleSet) {
        for item in &ruleset.items {
            let message = match &item.kind {
                ItemKind::Param { name, .. } => {
                    format!("the parameter `{}` becomes its default", name.text)
                }
                ItemKind::Example(example) => {
                    format!("the example `{}` is left out", example.name.value)
                }
                ItemKind::Invariant(invariant) => {
                    format!("the invariant `{}` is left out", invariant.name.value)
                }
                ItemKind::Table(table) => {
                    format!("the table `{}` is left out: write rules", table.name.text)
                }
                ItemKind::Function(function) => {
                    let name = &function.name.text;
                    format!("the function `{name}` is left out: a policy has none of its own")
                }
                _ => continue,
            };
            self.lose(item.span, message);
        }
        if let Some(version) = &ruleset.version {
            self.lose(version.span, "the version is left out");
        }
    }

    fn policy(&mut self, ruleset: &RuleSet) -> Result<String> {
        let outputs: Vec<&OutputField> = ruleset
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Output(fields) => Some(fields),
                _ => None,
            })
            .flatten()
            .collect();
        // By descending priority; those of the same stay in their order.
        let mut rules: Vec<(&str, &Rule)> = ruleset
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Rule(rule) => Some((item.doc.as_str(), &**rule)),
                _ => None,
            })
            .collect();
        rules.sort_by_key(|(_, rule)| {
            std::cmp::Reverse(rule.priority.map_or(0, |(priority, _)| priority))
        });
        let mut text = String::new();
        let _ = writeln!(text, "name: {}", ruleset.name.text);
        if !ruleset.doc.is_empty() {
            let _ = writeln!(text, "description: {}", yaml_text(&ruleset.doc));
        }
        text.push_str("rule:\n");
        let mut variables = self.variables(ruleset);
        let matches = match outputs.as_slice() {
            [] => {
                return Err(ImportError::new(
                    1,
                    "a rule set without outputs decides nothing",
                ));
            }
            [output] if merge(output) == Merge::First => self.matches(output, &rules),
            outputs => {
                let mut entries = Vec::new();
                for output in outputs {
                    let name = &output.name.text;
                    let Some(value) = self.merged(output, &rules) else {
                        continue;
                    };
                    // No let has the name of an output.
                    let _ = write!(variables, "{}", variable(name, "", &value));
                    entries.push(format!("{}: variables.{name}", cel_text(name)));
                }
                let value = format!("{{{}}}", entries.join(", "));
                format!("    - output: {}\n", yaml_text(&value))
            }
        };
        if !variables.is_empty() {
            text.push_str("  variables:\n");
            text.push_str(&variables);
        }
        text.push_str("  match:\n");
        text.push_str(&matches);
        Ok(text)
    }

    /// Parameters and lets, each behind those that it names.
    fn variables(&mut self, ruleset: &RuleSet) -> String {
        let mut left: Vec<(&str, &str, &Expr)> = ruleset
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Param { name, default, .. } => Some((&*name.text, &*item.doc, default)),
                ItemKind::Let { name, value } => Some((&*name.text, &*item.doc, value)),
                _ => None,
            })
            .collect();
        let mut text = String::new();
        while !left.is_empty() {
            let is_ready = |(_, _, value): &&(&str, &str, &Expr)| {
                !left.iter().any(|(name, ..)| names(value, name))
            };
            // The compiler refuses cycles.
            let index = left.iter().position(|each| is_ready(&each)).unwrap_or(0);
            let (name, doc, value) = left.remove(index);
            let value = self.cel(value);
            text.push_str(&variable(name, doc, &value));
        }
        text
    }

    /// A match for each contribution to the only output, and the default behind them.
    fn matches(&mut self, output: &OutputField, rules: &[(&str, &Rule)]) -> String {
        let mut text = String::new();
        for (doc, rule) in rules {
            let condition = self.cel(&rule.condition);
            let otherwise = rule.otherwise.as_deref().unwrap_or_default();
            let sides = [
                (condition.clone(), rule.then.as_slice()),
                (format!("!({condition})"), otherwise),
            ];
            for (condition, assignments) in sides {
                for assignment in assignments {
                    let value = self.cel(&assignment.value);
                    let doc = [rule.name.text.as_str(), doc].join("\n");
                    let _ = write!(
                        text,
                        "{}    - condition: {}\n      output: {}\n",
                        comment(&doc).replace("// ", "    # "),
                        yaml_text(&condition),
                        yaml_text(&value)
                    );
                }
            }
        }
        if let Some(default) = &output.default {
            let default = self.cel(default);
            let _ = writeln!(text, "    - output: {}", yaml_text(&default));
        } else if text.is_empty() {
            text.push_str("    - condition: \"false\"\n      output: \"null\"\n");
        }
        text
    }

    /// One of several outputs as an expression, where CEL can say its merge.
    fn merged(&mut self, output: &OutputField, rules: &[(&str, &Rule)]) -> Option<String> {
        let mut contributions = Vec::new();
        for (_, rule) in rules {
            let condition = self.cel(&rule.condition);
            let otherwise = rule.otherwise.as_deref().unwrap_or_default();
            let value = |assignments: &[Assignment]| {
                let found = assignments
                    .iter()
                    .find(|assignment| assignment.name.text == output.name.text);
                found.map(|assignment| assignment.value.clone())
            };
            if let Some(value) = value(&rule.then) {
                contributions.push((condition.clone(), self.cel(&value)));
            }
            if let Some(value) = value(otherwise) {
                contributions.push((format!("!({condition})"), self.cel(&value)));
            }
        }
        let default = match &output.default {
            Some(default) => self.cel(default),
            None if matches!(output.ty.ty, Type::List(_)) => "[]".to_owned(),
            None => "null".to_owned(),
        };
        match merge(output) {
            Merge::First => contributions.reverse(),
            Merge::Last => {}
            other => {
                let name = &output.name.text;
                let message = format!("the output `{name}` is left out: no policy says {other:?}")
                    .replace("says ", "says `merge ")
                    .to_lowercase();
                self.lose(output.span, format!("{message}`"));
                return None;
            }
        }
        let chain = |rest: String, (condition, value): &(String, String)| {
            format!("({condition}) ? ({value}) : ({rest})")
        };
        Some(contributions.iter().fold(default, chain))
    }

    /// The expression in plain CEL.
    fn cel(&mut self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Identifier { name, .. } if self.variables.contains(&&*name.text) => {
                format!("variables.{}", name.text)
            }
            ExprKind::If(condition, then, otherwise) => {
                let [condition, then, otherwise] =
                    [condition, then, otherwise].map(|part| self.cel(part));
                format!("(({condition}) ? ({then}) : ({otherwise}))")
            }
            ExprKind::Pipe {
                value,
                function,
                args,
            } => {
                let mut all = vec![self.cel(value)];
                all.extend(args.iter().flatten().map(|arg| self.cel(arg)));
                if self.functions.contains(&&*function.text) {
                    self.lose(expr.span, format!("`{}` is no CEL", function.text));
                }
                if function.text.contains('.') || GLOBAL_FUNCTIONS.contains(&&*function.text) {
                    format!("{}({})", function.text, all.join(", "))
                } else {
                    let receiver = all.remove(0);
                    format!("({receiver}).{}({})", function.text, all.join(", "))
                }
            }
            kind => {
                if let ExprKind::Call { function, .. } = kind
                    && self.functions.contains(&&*function.text)
                {
                    self.lose(expr.span, format!("`{}` is no CEL", function.text));
                }
                if let ExprKind::Binary(operator, ..) = kind
                    && operator.symbol() == "??"
                {
                    self.lose(expr.span, "`??` is no CEL");
                }
                // The text of the expression, with its operands in CEL.
                let mut children = Vec::new();
                kind.for_each_child(&mut |child| children.push(child));
                let mut text = String::new();
                let mut at = expr.span.start;
                for child in children {
                    text.push_str(Span::new(at, child.span.start).text(self.source));
                    text.push_str(&self.cel(child));
                    at = child.span.end;
                }
                text.push_str(Span::new(at, expr.span.end).text(self.source));
                text
            }
        }
    }

    /// The types of the inputs.
    fn environment(&mut self, ruleset: &RuleSet) -> String {
        let mut text = format!("name: {}\nvariables:\n", ruleset.name.text);
        let inputs = ruleset.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Input(fields) => Some(fields),
            _ => None,
        });
        for InputField { name, ty, .. } in inputs.flatten() {
            let _ = writeln!(
                text,
                "  - name: {}\n    type: {}",
                name.text,
                type_name(&ty.ty)
            );
        }
        text
    }
}

fn merge(output: &OutputField) -> Merge {
    output.merge.map_or(Merge::First, |(merge, _)| merge)
}

/// Whether the expression names `wanted`.
fn names(expr: &Expr, wanted: &str) -> bool {
    let mut found = matches!(&expr.kind, ExprKind::Identifier { name, .. } if name.text == wanted);
    expr.kind
        .for_each_child(&mut |child| found = found || names(child, wanted));
    found
}

fn variable(name: &str, doc: &str, value: &str) -> String {
    let description = if doc.is_empty() {
        String::new()
    } else {
        format!("      description: {}\n", yaml_text(doc))
    };
    format!(
        "    - name: {name}\n{description}      expression: {}\n",
        yaml_text(value)
    )
}

/// A type of an environment, in YAML's flow style.
fn type_name(ty: &Type) -> String {
    let of = |name: &str, params: &[&Type]| {
        let params: Vec<String> = params.iter().map(|param| type_name(param)).collect();
        format!("{{type_name: {name}, params: [{}]}}", params.join(", "))
    };
    let plain = |name: &str| format!("{{type_name: {name}}}");
    match ty {
        Type::List(element) => of("list", &[element]),
        Type::Map(key, value) => of("map", &[key, value]),
        Type::Struct(_) => of("map", &[&Type::String, &Type::Dyn]),
        Type::Optional(inner) => of("optional_type", &[inner]),
        Type::Nullable(inner) => plain(match &**inner {
            Type::Bool => "google.protobuf.BoolValue",
            Type::Int => "google.protobuf.Int64Value",
            Type::Uint => "google.protobuf.UInt64Value",
            Type::Double => "google.protobuf.DoubleValue",
            Type::String => "google.protobuf.StringValue",
            Type::Bytes => "google.protobuf.BytesValue",
            _ => "dyn",
        }),
        Type::Bool
        | Type::Int
        | Type::Uint
        | Type::Double
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration => plain(&ty.to_string()),
        _ => plain("dyn"),
    }
}

/// A CEL string.
fn cel_text(text: &str) -> String {
    crate::writer::quoted(text)
}

/// A YAML scalar in double quotes, whose escapes include those of the rule language.
fn yaml_text(text: &str) -> String {
    crate::writer::quoted(text)
}
