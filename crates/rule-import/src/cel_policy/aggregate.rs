//! `aggregate`: rules of which all matches count.
//!
//! Where it is the policy's own rule, its outputs are contributions to one list. Below a rule of which the first match
//! counts, the list is one of several outputs, and an expression.

use super::{Flow, Guard, Policy, Target, both, target};
use crate::cel::Expression;
use crate::tree::Node;
use crate::writer::comment;
use crate::{ImportError, Result};
use rulestage_rule_compiler::types::Type;

/// The keys of a match that is an element.
const KEYS: [&str; 5] = ["condition", "output", "emit", "rule", "explanation"];
const NOTHING: &str = "[]";

impl Policy {
    /// The outputs as contributions to the result.
    pub(super) fn aggregate(
        &mut self,
        node: &Node,
        id: &str,
        title: &mut Option<String>,
        guard: &Guard,
    ) -> Result<Flow> {
        for each in self.elements(node)? {
            let condition = self.condition(each)?;
            match target(each)? {
                Target::Output(output) => {
                    let when = both(guard, condition.as_ref());
                    self.output(id, title.take(), when, output, each.get("explanation"))?;
                }
                Target::Rule(rule) => {
                    self.not_nested(rule);
                    if let Some(title) = title.take() {
                        self.push(comment(&title));
                    }
                    let here = match condition {
                        None => guard.clone(),
                        Some(_) => self.guard("in", &both(guard, condition.as_ref()), false),
                    };
                    self.rule(rule, &here)?;
                }
            }
        }
        Ok(Flow::default())
    }

    /// The list of the outputs of an `aggregate`.
    pub(super) fn all_of(&mut self, node: &Node) -> Result<String> {
        let depth = self.scope.len();
        self.variables(node)?;
        let mut parts = Vec::new();
        for each in self.elements(node)? {
            let condition = self.condition(each)?;
            let part = match target(each)? {
                Target::Output(output) => self.element(each, output)?,
                Target::Rule(rule) => {
                    self.not_nested(rule);
                    self.first_of(rule, NOTHING)?
                }
            };
            parts.push(match condition {
                None => format!("({part})"),
                Some(condition) => {
                    format!("(if {} {{ {part} }} else {{ {NOTHING} }})", condition.text)
                }
            });
        }
        self.scope.truncate(depth);
        Ok(parts.join(" + "))
    }

    /// The output of a rule in a list; `otherwise` where it has none.
    fn first_of(&mut self, node: &Node, otherwise: &str) -> Result<String> {
        node.expect_map("`rule`")?;
        if node.get("aggregate").is_some() {
            return self.all_of(node);
        }
        self.unknown_keys(node, &["id", "description", "variables", "match"]);
        let depth = self.scope.len();
        self.variables(node)?;
        let mut list = otherwise.to_owned();
        let matches = node.get_list("match")?;
        if matches.is_empty() {
            return Err(ImportError::new(node.line, "a rule needs `match`"));
        }
        for (index, each) in matches.iter().enumerate().rev() {
            self.unknown_keys(each, &KEYS);
            let condition = self.condition(each)?;
            if condition.is_none() && matches!(target(each)?, Target::Output(_)) {
                self.never_reached(&matches[index + 1..]);
            }
            list = match (target(each)?, condition) {
                (Target::Output(output), None) => self.element(each, output)?,
                (Target::Output(output), Some(condition)) => {
                    let element = self.element(each, output)?;
                    format!("if {} {{ {element} }} else {{ {list} }}", condition.text)
                }
                (Target::Rule(rule), Some(condition)) => {
                    // Without an output there, the rule has none.
                    let inner = self.first_of(rule, otherwise)?;
                    format!("if {} {{ {inner} }} else {{ {list} }}", condition.text)
                }
                (Target::Rule(rule), None) if list == NOTHING => self.first_of(rule, NOTHING)?,
                (Target::Rule(rule), None) => {
                    let name = self.writer.name("otherwise");
                    let value = Expression::parse(&list)
                        .map_err(|reason| ImportError::new(each.line, reason))?;
                    let ty = value.type_of(&self.types).unwrap_or(Type::Dyn);
                    self.types.push((name.clone(), ty));
                    self.push(format!("let {name} = {list}\n"));
                    self.first_of(rule, &name)?
                }
            };
        }
        self.scope.truncate(depth);
        Ok(list)
    }

    fn element(&mut self, node: &Node, output: &Node) -> Result<String> {
        if let Some(explanation) = node.get("explanation") {
            self.writer.lose(
                explanation.line,
                "an `explanation` below an `aggregate` that is one of several outputs is left out",
            );
        }
        let value = self.expression(output)?;
        Ok(format!("[{}]", value.text))
    }

    fn elements<'a>(&mut self, node: &'a Node) -> Result<&'a [Node]> {
        let elements = node.get_list("aggregate")?;
        if elements.is_empty() {
            return Err(ImportError::new(node.line, "`aggregate` is empty"));
        }
        for each in elements {
            self.unknown_keys(each, &KEYS);
        }
        Ok(elements)
    }

    /// Later versions of CEL Policy refuse what earlier ones took for elements of the same list.
    fn not_nested(&mut self, rule: &Node) {
        if let Some(inner) = nested_aggregate(rule) {
            self.writer.lose(
                inner.line,
                "`aggregate` below `aggregate`: its outputs are elements of the same list",
            );
        }
    }

    pub(super) fn never_reached(&mut self, rest: &[Node]) {
        if let Some(each) = rest.first() {
            self.writer.lose(
                each.line,
                "never reached: a match above it always has an output",
            );
        }
    }
}

fn nested_aggregate(rule: &Node) -> Option<&Node> {
    rule.get("aggregate").or_else(|| {
        let matches = rule.get_list("match").unwrap_or_default();
        matches
            .iter()
            .filter_map(|each| each.get("rule"))
            .find_map(nested_aggregate)
    })
}
