//! A rule set as a CEL Policy: its rules are matches, its lets are variables.

mod functions;
mod steps;

use self::steps::{Contribution, Step, contributions};
use crate::writer::comment;
use crate::{ImportError, Loss, Result};
use rulestage_diagnostics::{Severity, SourceMap, Span};
use rulestage_rule_compiler::ast::{
    BinaryOp, Expr, ExprKind, Function, InputField, ItemKind, OutputField, RuleSet,
};
use rulestage_rule_compiler::ir::{self, Merge};
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
    let (Some(ruleset), Some(typed)) = (parse(source).ruleset, checked.ruleset) else {
        return Err(ImportError::new(1, "there is no rule set"));
    };
    let mut exporter = Exporter::new(source, map, &ruleset);
    exporter.losses(&ruleset);
    let text = exporter.policy(&ruleset, &typed)?;
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
    functions: Vec<&'a Function>,
    /// Inputs whose only surprise is null
    nullable: Vec<&'a str>,
    /// The parameters of the function whose body stands here, and the arguments in CEL
    bound: Vec<(String, String)>,
    losses: Vec<Loss>,
}

impl<'a> Exporter<'a> {
    fn new(source: &'a str, map: SourceMap<'a>, ruleset: &'a RuleSet) -> Self {
        let mut variables = Vec::new();
        let mut functions = Vec::new();
        let mut nullable = Vec::new();
        for item in &ruleset.items {
            match &item.kind {
                ItemKind::Let { name, .. } | ItemKind::Param { name, .. } => {
                    variables.push(name.text.as_str());
                }
                ItemKind::Function(function) => functions.push(&**function),
                ItemKind::Input(fields) => nullable.extend(
                    fields
                        .iter()
                        .filter(|field| is_plain_or_null(&field.ty.ty))
                        .map(|field| field.name.text.as_str()),
                ),
                _ => {}
            }
        }
        Self {
            source,
            map,
            variables,
            functions,
            nullable,
            bound: Vec::new(),
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
                _ => continue,
            };
            self.lose(item.span, message);
        }
        if let Some(version) = &ruleset.version {
            self.lose(version.span, "the version is left out");
        }
    }

    fn policy(&mut self, ruleset: &RuleSet, typed: &ir::RuleSet) -> Result<String> {
        let outputs: Vec<&OutputField> = ruleset
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Output(fields) => Some(fields),
                _ => None,
            })
            .flatten()
            .collect();
        let steps = self.steps(ruleset, typed);
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
            [output] if merge(output) == Merge::First => self.matches(output, &steps),
            outputs => {
                let mut entries = Vec::new();
                for output in outputs {
                    let name = &output.name.text;
                    let Some(value) = self.merged(output, &steps) else {
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
    fn matches(&mut self, output: &OutputField, steps: &[Step]) -> String {
        let mut text = String::new();
        for Contribution {
            doc,
            condition,
            value,
        } in contributions(steps, &output.name.text, true)
        {
            let _ = write!(
                text,
                "{}    - condition: {}\n      output: {}\n",
                comment(doc).replace("// ", "    # "),
                yaml_text(&condition),
                yaml_text(&value.text)
            );
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
    fn merged(&mut self, output: &OutputField, steps: &[Step]) -> Option<String> {
        let name = &output.name.text;
        let merge = merge(output);
        let all = contributions(steps, name, merge == Merge::First);
        let default = match &output.default {
            Some(default) => self.cel(default),
            None if matches!(output.ty.ty, Type::List(_)) => "[]".to_owned(),
            None => "null".to_owned(),
        };
        let chain = |rest: String, each: &Contribution<'_>| {
            format!("({}) ? ({}) : ({rest})", each.condition, each.value.text)
        };
        match merge {
            Merge::First => return Some(all.iter().rev().fold(default, chain)),
            Merge::Last => return Some(all.iter().fold(default, chain)),
            _ if all.is_empty() => return Some(default),
            _ => {}
        }
        let or = |none: &str, is_list: bool| {
            let each = |each: &Contribution<'_>| {
                let Contribution {
                    condition, value, ..
                } = each;
                let value = &value.text;
                let value = if is_list {
                    format!("[{value}]")
                } else {
                    value.clone()
                };
                format!("(({condition}) ? ({value}) : {none})")
            };
            all.iter().map(each).collect::<Vec<_>>().join(" + ")
        };
        let said = match (merge, &output.ty.ty) {
            (Merge::Sum, Type::Int) => Some(or("0", false)),
            (Merge::Sum, Type::Uint) => Some(or("0u", false)),
            (Merge::Sum, Type::Double) => Some(or("0.0", false)),
            (Merge::Sum, Type::Duration) => Some(or("duration(\"0s\")", false)),
            (Merge::Min, Type::Int | Type::Uint | Type::Double) => {
                Some(format!("math.least({})", or("[]", true)))
            }
            (Merge::Max, Type::Int | Type::Uint | Type::Double) => {
                Some(format!("math.greatest({})", or("[]", true)))
            }
            (Merge::Collect | Merge::Unique, _) => {
                let lists = all.iter().map(|each| each.value.is_list);
                let lists: Option<Vec<bool>> = lists.collect();
                let elements = |(each, is_list): (&Contribution<'_>, bool)| {
                    let value = &each.value.text;
                    let value = if is_list {
                        value.clone()
                    } else {
                        format!("[{value}]")
                    };
                    format!("(({}) ? ({value}) : [])", each.condition)
                };
                lists.map(|lists| {
                    let each = all.iter().zip(lists).map(elements);
                    let joined = each.collect::<Vec<_>>().join(" + ");
                    match merge {
                        Merge::Unique => format!("({joined}).distinct()"),
                        _ => joined,
                    }
                })
            }
            _ => None,
        };
        let Some(said) = said else {
            let merge = format!("{merge:?}").to_lowercase();
            let why = match merge.as_str() {
                "collect" | "unique" => " of values that may be lists or elements",
                _ => " of this type",
            };
            let message =
                format!("the output `{name}` is left out: no policy says `merge {merge}`{why}");
            self.lose(output.span, message);
            return None;
        };
        // The default counts where nothing contributes.
        let conditions = all.iter().map(|each| format!("({})", each.condition));
        let some = conditions.collect::<Vec<_>>().join(" || ");
        Some(format!("({some}) ? ({said}) : ({default})"))
    }

    /// Reports a function that CEL and its extensions don't have.
    fn report_foreign(&mut self, expr: &Expr) {
        let (function, n_args) = match &expr.kind {
            ExprKind::Call { function, args, .. } | ExprKind::Method { function, args, .. } => {
                (function, args.len())
            }
            ExprKind::Pipe { function, args, .. } => (function, args.as_ref().map_or(0, Vec::len)),
            _ => return,
        };
        let is_foreign = match function.text.as_str() {
            "decimal" => true,
            "sum" | "min" | "max" | "isSorted" => n_args == 0,
            _ => false,
        };
        let is_own = self
            .functions
            .iter()
            .any(|own| own.name.text == function.text);
        if is_foreign && !is_own {
            let message = format!(
                "`{}` is no function of CEL: an engine needs it as an extension",
                function.text
            );
            self.lose(function.span, message);
        }
    }

    /// The expression in plain CEL.
    fn cel(&mut self, expr: &Expr) -> String {
        self.report_foreign(expr);
        match &expr.kind {
            ExprKind::Identifier { name, .. }
                if self.bound.iter().any(|(param, _)| *param == name.text) =>
            {
                let mut bound = self.bound.iter();
                let found = bound.find(|(param, _)| *param == name.text);
                found.map_or_else(String::new, |(_, argument)| argument.clone())
            }
            ExprKind::Binary(BinaryOp::Coalesce, value, otherwise) => {
                let is_exact = matches!(&value.without_parens().kind, ExprKind::Identifier { name, .. } if self.bound.is_empty() && self.nullable.contains(&&*name.text));
                if !is_exact {
                    let message =
                        "`??` becomes a question for null: an error on its left side stays one";
                    self.lose(expr.span, message);
                }
                let [value, otherwise] = [value, otherwise].map(|part| self.cel(part));
                format!("(({value}) != null ? ({value}) : ({otherwise}))")
            }
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
                let operands: Vec<&Expr> = std::iter::once(&**value)
                    .chain(args.iter().flatten())
                    .collect();
                if let Some(body) = self.inlined(function, &operands, expr.span) {
                    return body;
                }
                let mut all = vec![self.cel(value)];
                all.extend(args.iter().flatten().map(|arg| self.cel(arg)));
                if function.text.contains('.') || GLOBAL_FUNCTIONS.contains(&&*function.text) {
                    format!("{}({})", function.text, all.join(", "))
                } else {
                    let receiver = all.remove(0);
                    format!("({receiver}).{}({})", function.text, all.join(", "))
                }
            }
            kind => {
                if let ExprKind::Call { function, args, .. } = kind {
                    let args: Vec<&Expr> = args.iter().collect();
                    if let Some(body) = self.inlined(function, &args, expr.span) {
                        return body;
                    }
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

/// Whether a value of the type is there or null, and nothing else.
fn is_plain_or_null(ty: &Type) -> bool {
    match ty {
        Type::Nullable(inner) => !matches!(**inner, Type::Dyn | Type::Optional(_) | Type::Decimal),
        _ => false,
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
