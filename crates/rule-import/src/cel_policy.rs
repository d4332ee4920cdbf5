//! CEL Policy: nested rules of conditions and outputs, of which the first match counts.
//!
//! Each output becomes a rule. A policy stops at the first match, and what stands behind it can't fail; a rule set looks at
//! all rules. So every rule but the first has a guard, a `let` that holds where the matches before it did not, and which
//! fails where one of them did.

mod aggregate;
mod environment;
mod tests;

use crate::cel::{Expression, is_namespace, qualified};
use crate::tree::{Node, Value};
use crate::writer::{Writer, comment, identifier};
use crate::{Companions, Import, ImportError, Result, yaml};
use rulestage_rule_compiler::types::Type;
use std::fmt::Write;

/// The only output that a policy has.
const RESULT: &str = "result";
const EXPLANATION: &str = "explanation";

pub(crate) fn import(text: &str, companions: Companions<'_>) -> Result<Import> {
    let root = yaml::parse(text)?;
    let rule = policy_rule(&root)?;
    let mut policy = Policy::default();
    policy.writer.take(RESULT);
    if uses_explanations(rule) {
        policy.explanation = Some(EXPLANATION.to_owned());
        policy.writer.take(EXPLANATION);
    }
    policy.unknown_keys(&root, &["name", "description", "imports", "rule"]);
    for import in root.get_list("imports")? {
        policy.writer.lose(
            import.line,
            "`imports` is left out: message types are not supported",
        );
    }
    if let Some(environment) = companions.environment {
        policy.has_environment = true;
        policy.inputs = environment::variables(environment, &mut policy.writer)?;
    }
    for (name, _) in &policy.inputs {
        policy.writer.take(name);
    }
    take_names(rule, &mut policy.writer);
    policy.is_aggregate = rule.get("aggregate").is_some();
    let flow = policy.rule(rule, &Guard::default())?;
    policy.finish(&root, &flow, companions.tests)
}

/// The entry point, if the file is a policy at all.
fn policy_rule(root: &Node) -> Result<&Node> {
    root.expect_map("a policy")?;
    root.get("rule").ok_or_else(|| {
        let message = if root.get("kind").is_some() {
            "this is no CEL Policy but a Kubernetes resource: there is no `rule`"
        } else {
            "this is no CEL Policy: there is no `rule`"
        };
        ImportError::new(root.line, message)
    })
}

/// Keeps every name that an expression mentions, so that no `let` captures it.
fn take_names(node: &Node, writer: &mut Writer) {
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let is_expression = matches!(
                    key.text(),
                    Some("condition" | "output" | "emit" | "expression" | "explanation")
                );
                match value.text().map(Expression::parse) {
                    Some(Ok(expression)) if is_expression => expression
                        .all_names()
                        .iter()
                        .for_each(|name| writer.take(name)),
                    _ => take_names(value, writer),
                }
            }
        }
        Value::List(list) => list.iter().for_each(|value| take_names(value, writer)),
        Value::Text(_) | Value::Plain(_) => {}
    }
}

fn uses_explanations(rule: &Node) -> bool {
    let matches = ["match", "aggregate"].map(|key| rule.get_list(key).unwrap_or_default());
    matches.into_iter().flatten().any(|each| {
        each.get("explanation").is_some() || each.get("rule").is_some_and(uses_explanations)
    })
}

/// What holds where a match is reached.
#[derive(Debug, Clone, Default)]
struct Guard {
    /// A name; `None` for always
    name: Option<String>,
    /// Whether rows where it fails are certain to fail through an earlier rule, so that `&&` may absorb the error
    is_seen: bool,
}

/// A piece of the source.
#[derive(Debug)]
struct BodyItem {
    text: String,
    /// The name of a guard that this defines
    guard: Option<String>,
}

/// Where a rule ends without an output.
#[derive(Debug, Default)]
struct Flow {
    /// None of its matches holds; `None` where that can't be
    rest: Option<Guard>,
    /// A nested rule under a condition had no output
    stops: Vec<Guard>,
}

#[derive(Debug, Default)]
struct Policy {
    writer: Writer,
    inputs: Vec<(String, Type)>,
    /// Inputs and lets that expressions may name, with their types
    types: Vec<(String, Type)>,
    /// Policy variables in scope, the innermost last, and the lets that they are
    scope: Vec<(String, String)>,
    explanation: Option<String>,
    /// Whether an environment says which names there are
    has_environment: bool,
    /// Whether the result is the list of all outputs
    is_aggregate: bool,
    /// Lets and rules
    body: Vec<BodyItem>,
    /// Type and line of each output
    outputs: Vec<(Type, u32)>,
    n_rules: usize,
}

impl Policy {
    /// Writes the lets and rules of a policy rule.
    fn rule(&mut self, node: &Node, guard: &Guard) -> Result<Flow> {
        node.expect_map("`rule`")?;
        let known = ["id", "description", "variables", "match", "aggregate"];
        self.unknown_keys(node, &known);
        let depth = self.scope.len();
        self.variables(node)?;
        let mut title = node.get_text("description")?.map(str::to_owned);
        let id = node.get_text("id")?.unwrap_or("match").to_owned();
        let flow = match (node.get("match"), node.get("aggregate")) {
            (Some(_), Some(aggregate)) => Err(ImportError::new(
                aggregate.line,
                "a rule has `match` or `aggregate`, not both",
            )),
            (None, Some(_)) => self.aggregate(node, &id, &mut title, guard),
            (Some(_), None) => self.matches(node, &id, &mut title, guard),
            (None, None) => Err(ImportError::new(node.line, "a rule needs `match`")),
        }?;
        self.scope.truncate(depth);
        Ok(flow)
    }

    fn matches(
        &mut self,
        node: &Node,
        id: &str,
        title: &mut Option<String>,
        guard: &Guard,
    ) -> Result<Flow> {
        let mut flow = Flow {
            rest: Some(guard.clone()),
            stops: Vec::new(),
        };
        let matches = node.get_list("match")?;
        if matches.is_empty() {
            return Err(ImportError::new(node.line, "`match` is empty"));
        }
        for (index, each) in matches.iter().enumerate() {
            self.unknown_keys(each, &["condition", "output", "rule", "explanation"]);
            let Some(before) = flow.rest.take() else {
                self.never_reached(&matches[index..]);
                break;
            };
            let condition = self.condition(each)?;
            match target(each)? {
                Target::Output(output) => {
                    let when = both(&before, condition.as_ref());
                    self.output(id, title.take(), when, output, each.get("explanation"))?;
                    flow.rest = condition.map(|condition| self.rest(&before, &condition));
                }
                Target::Rule(rule) if !self.is_aggregate && rule.get("aggregate").is_some() => {
                    let list = self.all_of(rule)?;
                    let list = Expression::parse(&list)
                        .map_err(|reason| ImportError::new(rule.line, reason))?;
                    let when = both(&before, condition.as_ref());
                    self.assign(id, title.take(), when, (&list, rule.line), None)?;
                    flow.rest = condition.map(|condition| self.rest(&before, &condition));
                }
                Target::Rule(rule) => {
                    if let Some(title) = title.take() {
                        self.push(comment(&title));
                    }
                    let Some(condition) = condition else {
                        let inner = self.rule(rule, &before)?;
                        flow.rest = self.any(inner);
                        continue;
                    };
                    let here = self.guard("in", &both(&before, Some(&condition)), false);
                    let inner = self.rule(rule, &here)?;
                    flow.stops.extend(inner.rest.into_iter().chain(inner.stops));
                    flow.rest = Some(self.rest(&before, &condition));
                }
            }
        }
        Ok(flow)
    }

    fn variables(&mut self, rule: &Node) -> Result<()> {
        let variables = rule.get_list("variables")?;
        for (index, variable) in variables.iter().enumerate() {
            let name = variable.get_text("name")?;
            let before = variables[..index].iter();
            if before
                .filter_map(|each| each.get("name"))
                .any(|each| each.text() == name)
            {
                let name = name.unwrap_or_default();
                let message =
                    format!("the rule has two variables `{name}`: the upper one is hidden");
                self.writer.lose(variable.line, message);
            }
            self.variable(variable)?;
        }
        Ok(())
    }

    fn variable(&mut self, node: &Node) -> Result<()> {
        self.unknown_keys(node, &["name", "expression", "description", "display_name"]);
        let missing = |key| ImportError::new(node.line, format!("a variable needs `{key}`"));
        let name = node.get_text("name")?.ok_or_else(|| missing("name"))?;
        let value = node
            .get("expression")
            .ok_or_else(|| missing("expression"))?;
        let value = self.expression(value)?;
        let own = self.writer.name(name);
        let ty = value.type_of(&self.types).unwrap_or(Type::Dyn);
        self.types.push((own.clone(), ty));
        if let Some(description) = node.get_text("description")? {
            self.push(comment(description));
        }
        self.push(format!("let {own} = {}\n", value.text));
        self.scope.push((name.to_owned(), own));
        Ok(())
    }

    fn output(
        &mut self,
        id: &str,
        title: Option<String>,
        when: String,
        output: &Node,
        explanation: Option<&Node>,
    ) -> Result<()> {
        let value = self.expression(output)?;
        let explanation = explanation.map(|node| self.expression(node)).transpose()?;
        self.assign(id, title, when, (&value, output.line), explanation)
    }

    /// A rule that assigns the result.
    fn assign(
        &mut self,
        id: &str,
        title: Option<String>,
        when: String,
        (value, line): (&Expression, u32),
        explanation: Option<Expression>,
    ) -> Result<()> {
        let mut output = value.text.clone();
        match value.type_of(&self.types) {
            Ok(ty) => {
                // A list would contribute its elements.
                if self.is_aggregate && matches!(ty, Type::List(_) | Type::Dyn) {
                    output = format!("[{output}]");
                }
                self.outputs.push((ty, line));
            }
            Err(reason) => self
                .writer
                .lose(line, format!("does not compile: {reason}")),
        }
        self.n_rules += 1;
        let name = self.writer.name(&format!("{id}_{}", self.n_rules));
        let title = comment(&title.unwrap_or_default());
        let mut text = format!("{title}rule {name} {{ when {when}\nthen {{ {RESULT} = {output}\n");
        if let (Some(output), Some(value)) = (&self.explanation, explanation) {
            let _ = writeln!(text, "{output} = {}", value.text);
        }
        self.push(text + "} }\n");
        Ok(())
    }

    /// The condition of a match; `None` where it always holds.
    fn condition(&mut self, node: &Node) -> Result<Option<Expression>> {
        node.expect_map("a match")?;
        let Some(condition) = node.get("condition") else {
            return Ok(None);
        };
        let expression = self.expression(condition)?;
        match expression.type_of(&self.types) {
            Ok(Type::Bool | Type::Dyn) => {}
            Ok(ty) => {
                let message = format!("does not compile: a condition is a `bool`, not `{ty}`");
                self.writer.lose(condition.line, message);
            }
            Err(reason) => {
                let message = format!("does not compile: {reason}");
                self.writer.lose(condition.line, message);
            }
        }
        if expression.is_false() {
            self.writer
                .lose(condition.line, "never holds: the condition is `false`");
        }
        Ok(Some(expression).filter(|expression| !expression.is_true()))
    }

    /// An expression with lets in the place of `variables.NAME`; other free names become inputs.
    fn expression(&mut self, node: &Node) -> Result<Expression> {
        let text = node.expect_text("an expression")?;
        let expression = Expression::parse(text)
            .map_err(|reason| ImportError::new(node.line, format!("not CEL: {reason}")))?;
        let scope = &self.scope;
        let mut unknown = None;
        let expression = expression.replaced(&mut |expr| match qualified(expr) {
            Some(("variables", name)) => {
                let found = scope.iter().rev().find(|(known, _)| known == name);
                if found.is_none() {
                    unknown = Some(name.to_owned());
                }
                found.map(|(_, own)| own.clone())
            }
            _ => None,
        });
        if let Some(name) = unknown {
            let message = format!("there is no variable `{name}` above");
            return Err(ImportError::new(node.line, message));
        }
        for (name, _) in expression.free_names() {
            let is_known = self.types.iter().any(|(known, _)| *known == name);
            if is_known || is_namespace(&name) {
                continue;
            }
            let declared = self.inputs.iter().find(|(known, _)| *known == name);
            let ty = declared.map_or(Type::Dyn, |(_, ty)| ty.clone());
            if declared.is_none() {
                if identifier(&name) != name || name == RESULT {
                    let message = format!("`{name}` can't be the name of an input");
                    return Err(ImportError::new(node.line, message));
                }
                if self.has_environment {
                    let message =
                        format!("the environment does not declare `{name}`: it is a `dyn`");
                    self.writer.lose(node.line, message);
                }
                self.inputs.push((name.clone(), Type::Dyn));
                self.writer.take(&name);
            }
            self.types.push((name, ty));
        }
        Ok(expression)
    }

    /// What holds behind a match whose condition did not.
    fn rest(&mut self, before: &Guard, condition: &Expression) -> Guard {
        let negated = condition.negated();
        let text = match &before.name {
            None => negated,
            Some(name) => format!("{name} && {negated}"),
        };
        self.guard("rest", &text, true)
    }

    /// One of the ways in which a nested rule had no output.
    fn any(&mut self, flow: Flow) -> Option<Guard> {
        let ways: Vec<Guard> = flow.stops.into_iter().chain(flow.rest).collect();
        if ways.len() < 2 {
            return ways.into_iter().next();
        }
        let names: Option<Vec<String>> = ways.into_iter().map(|way| way.name).collect();
        let text = names?.join(" || ");
        Some(self.guard("rest", &text, true))
    }

    fn guard(&mut self, kind: &str, text: &str, is_seen: bool) -> Guard {
        let name = self.writer.name(&format!("{kind}_{}", self.n_rules.max(1)));
        self.body.push(BodyItem {
            text: format!("let {name} = {text}\n"),
            guard: Some(name.clone()),
        });
        Guard {
            name: Some(name),
            is_seen,
        }
    }

    fn push(&mut self, text: String) {
        self.body.push(BodyItem { text, guard: None });
    }

    fn unknown_keys(&mut self, node: &Node, known: &[&str]) {
        let Ok(entries) = node.expect_map("") else {
            return;
        };
        for (key, _) in entries {
            let text = key.text().unwrap_or("a key that is no text");
            if !known.contains(&text) {
                let message = format!("`{text}` is not known here and is left out");
                self.writer.lose(key.line, message);
            }
        }
    }

    fn finish(mut self, root: &Node, flow: &Flow, tests: Option<&str>) -> Result<Import> {
        // What no expression reads is no input.
        let types = &self.types;
        self.inputs
            .retain(|(name, _)| types.iter().any(|(known, _)| known == name));
        let ty = self.output_type();
        let is_optional = flow.rest.is_some() || !flow.stops.is_empty();
        let name = root.get_text("name")?.unwrap_or("policy");
        let mut source = comment(root.get_text("description")?.unwrap_or_default());
        let _ = writeln!(source, "ruleset {} {{\ninput {{", identifier(name));
        for (name, ty) in &self.inputs {
            let _ = writeln!(source, "{name}: {ty}");
        }
        source.push_str("}\noutput {\n");
        let result = tests::result_type(&ty, is_optional, self.is_aggregate);
        let _ = writeln!(source, "{RESULT}: {result}");
        if let Some(name) = &self.explanation {
            let _ = writeln!(source, "{name}: string?");
        }
        source.push_str("}\n");
        source.push_str(&without_unused_guards(self.body));
        if let Some(tests) = tests {
            let inputs = &self.inputs;
            source.push_str(&tests::examples(tests, inputs, &result, &mut self.writer)?);
        }
        source.push_str("}\n");
        self.writer.finish(&source)
    }

    /// The type of all outputs.
    fn output_type(&mut self) -> Type {
        let mut joined: Option<Type> = None;
        for (ty, line) in std::mem::take(&mut self.outputs) {
            joined = Some(match joined {
                None => ty,
                Some(before) if before == ty => before,
                Some(before) => {
                    if before.mentions_dyn() || ty.mentions_dyn() {
                        Type::Dyn
                    } else {
                        self.writer.lose(
                            line,
                            format!("the outputs have different types (`{before}` above, `{ty}` here): the result is `dyn`"),
                        );
                        Type::Dyn
                    }
                }
            });
        }
        joined.unwrap_or(Type::Dyn)
    }
}

/// What a match leads to.
enum Target<'a> {
    Output(&'a Node),
    Rule(&'a Node),
}

fn target(node: &Node) -> Result<Target<'_>> {
    let output = node.get("output").or_else(|| node.get("emit"));
    match (output, node.get("rule")) {
        (Some(output), None) => Ok(Target::Output(output)),
        (None, Some(rule)) => Ok(Target::Rule(rule)),
        (Some(_), Some(rule)) => {
            let message = "a match has an `output` or a `rule`, not both";
            Err(ImportError::new(rule.line, message))
        }
        (None, None) => {
            let message = "a match needs an `output` or a `rule`";
            Err(ImportError::new(node.line, message))
        }
    }
}

/// `before` and the condition. Where the guard's own failure is not seen elsewhere, `&&` must not absorb it.
fn both(before: &Guard, condition: Option<&Expression>) -> String {
    match (&before.name, condition) {
        (None, None) => "true".to_owned(),
        (Some(name), None) => name.clone(),
        (None, Some(condition)) => condition.text.clone(),
        (Some(name), Some(condition)) if before.is_seen => {
            format!("{name} && {}", condition.operand())
        }
        (Some(name), Some(condition)) => {
            format!("if {name} {{ {}\n}} else {{ false }}", condition.text)
        }
    }
}

/// A type with a default: null where there may be no output.
fn declared(ty: &Type, is_optional: bool) -> String {
    let default = match ty {
        _ if is_optional => "",
        Type::Bool => " = false",
        Type::Int => " = 0",
        Type::Uint => " = 0u",
        Type::Double => " = 0.0",
        Type::String => " = \"\"",
        _ => "",
    };
    match ty {
        Type::Dyn | Type::Nullable(_) => ty.to_string(),
        _ if default.is_empty() => format!("{ty}?"),
        _ => format!("{ty}{default}"),
    }
}

/// The text of all items without the guards that nothing names: those behind the last match.
fn without_unused_guards(mut body: Vec<BodyItem>) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for index in (0..body.len()).rev() {
        let Some(name) = body[index].guard.clone() else {
            continue;
        };
        let is_used = body[index + 1..]
            .iter()
            .any(|item| item.text.split(|c| !is_word(c)).any(|word| word == name));
        if !is_used {
            body.remove(index);
        }
    }
    body.into_iter().map(|item| item.text).collect()
}
