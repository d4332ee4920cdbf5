//! The rules of a group: what those have in common that differ in nothing but constants, and what each contributes.

use super::super::trace::{ListItems, list_items};
use super::conjuncts::scalar_type;
use super::{ComputedEntry, Entry, ExplainedShape, FIRST_CONSTANT, Member, Shape};
use crate::dump;
use crate::ir::{Const, Contribution, Expr, ExprKind, Merge, Rule, RuleSet};
use crate::types::{Column, Type};
use std::collections::HashMap;

/// The shapes of a group so far.
pub(super) struct Shapes<'a> {
    ruleset: &'a RuleSet,
    explains: bool,
    pub(super) list: Vec<Shape>,
    known: HashMap<String, usize>,
    pub(super) explained: Vec<ExplainedShape>,
    known_explained: HashMap<String, usize>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(ruleset: &'a RuleSet, explains: bool) -> Self {
        Self {
            ruleset,
            explains,
            list: Vec::new(),
            known: HashMap::new(),
            explained: Vec::new(),
            known_explained: HashMap::new(),
        }
    }

    pub(super) fn member(
        &mut self,
        rule: &Rule,
        rest: &[&Expr],
        outputs: &mut Vec<(usize, Type)>,
    ) -> Member {
        let mut constants = Vec::new();
        let condition = rest
            .iter()
            .map(|operand| (*operand).clone())
            .reduce(|a, b| {
                let (ty, span) = (Type::Bool, a.span.to(b.span));
                let kind = ExprKind::And(Box::new(a), Box::new(b));
                Expr { kind, ty, span }
            });
        let condition = condition.map(|mut condition| {
            lift_constants(&mut condition, &mut constants);
            condition
        });
        let mut sides = [&rule.then, &rule.otherwise].map(|contributions| {
            let mut entries = Vec::new();
            let mut computed = Vec::new();
            for contribution in contributions {
                let Some((values, ty)) = values(self.ruleset, contribution) else {
                    continue;
                };
                let output = (contribution.output, ty);
                let known = outputs.iter().position(|known| *known == output);
                let place = known.unwrap_or(outputs.len());
                if known.is_none() {
                    outputs.push(output.clone());
                }
                for value in values {
                    let constant = match value {
                        ListValue::Constant(constant) => Some(constant.clone()),
                        ListValue::Computed(value) => {
                            let mut value = value.clone();
                            lift_constants(&mut value, &mut constants);
                            computed.push(ComputedEntry {
                                place: entries.len(),
                                value,
                                ty: output.1.clone(),
                            });
                            None
                        }
                    };
                    entries.push(Entry {
                        output: place,
                        constant,
                    });
                }
            }
            (entries, computed)
        });
        let [(then, then_computed), (otherwise, otherwise_computed)] = &mut sides;
        let shape = Shape {
            condition,
            then: std::mem::take(then_computed),
            otherwise: std::mem::take(otherwise_computed),
            constants: constants.iter().map(|(_, ty)| ty.clone()).collect(),
        };
        let is_data = shape.expressions().next().is_none();
        Member {
            shape: (!is_data).then(|| self.number(shape)),
            constants,
            then: std::mem::take(then),
            otherwise: std::mem::take(otherwise),
            explained: self.explains.then(|| self.explained(rule)),
        }
    }

    /// The number of the shape that explains a rule, and the rule's constants.
    fn explained(&mut self, rule: &Rule) -> (usize, Vec<(Const, Type)>) {
        let mut rule = rule.clone();
        let mut constants = Vec::new();
        lift_constants(&mut rule.condition, &mut constants);
        for contribution in rule.then.iter_mut().chain(&mut rule.otherwise) {
            let value = &mut contribution.value;
            match &mut value.kind {
                // What elements are known is not shown.
                ExprKind::Const(Const::List(items)) => items.clear(),
                ExprKind::List(items) => {
                    for item in items {
                        lift_constant(item, &mut constants);
                        lift_constants(item, &mut constants);
                    }
                }
                _ => {
                    lift_constant(value, &mut constants);
                    lift_constants(value, &mut constants);
                }
            }
        }
        let mut key = dump::expression(self.ruleset, &rule.condition);
        for (side, contributions) in [("\nthen", &rule.then), ("\nelse", &rule.otherwise)] {
            for each in contributions {
                let value = dump::expression(self.ruleset, &each.value);
                key.push_str(&format!("{side} {} {value}", each.value.ty));
            }
        }
        for (_, ty) in &constants {
            key.push_str(&format!("\n{ty}"));
        }
        let number = *self.known_explained.entry(key).or_insert_with(|| {
            let constants = constants.iter().map(|(_, ty)| ty.clone()).collect();
            self.explained.push(ExplainedShape { rule, constants });
            self.explained.len() - 1
        });
        (number, constants)
    }

    fn number(&mut self, shape: Shape) -> usize {
        let mut key = String::new();
        if let Some(condition) = &shape.condition {
            key.push_str(&dump::expression(self.ruleset, condition));
        }
        for (side, entries) in [("\nthen", &shape.then), ("\nelse", &shape.otherwise)] {
            for entry in entries {
                let value = dump::expression(self.ruleset, &entry.value);
                key.push_str(&format!("{side} {} {} {value}", entry.place, entry.ty));
            }
        }
        for ty in &shape.constants {
            key.push_str(&format!("\n{ty}"));
        }
        *self.known.entry(key).or_insert_with(|| {
            self.list.push(shape);
            self.list.len() - 1
        })
    }
}

/// The single contributions that make up one: its values, and their type.
pub(super) fn values<'e>(
    ruleset: &RuleSet,
    contribution: &'e Contribution,
) -> Option<(Vec<ListValue<'e>>, Type)> {
    let output = &ruleset.outputs[contribution.output];
    let value = &contribution.value;
    match (output.ty.column(), &output.ty) {
        (Column::Plain, ty) => Some((vec![ListValue::of(value)], ty.clone())),
        (Column::List, Type::List(element))
            if matches!(output.merge, Merge::Collect | Merge::Unique) =>
        {
            let values = if matches!(value.ty, Type::List(_)) {
                match list_items(value)? {
                    ListItems::Constants(items) => items.iter().map(ListValue::Constant).collect(),
                    ListItems::Expressions(items) => items.iter().map(ListValue::of).collect(),
                }
            } else {
                vec![ListValue::of(value)]
            };
            Some((values, (**element).clone()))
        }
        _ => None,
    }
}

pub(super) enum ListValue<'e> {
    Constant(&'e Const),
    Computed(&'e Expr),
}

impl<'e> ListValue<'e> {
    fn of(expr: &'e Expr) -> Self {
        match &expr.kind {
            ExprKind::Const(constant) => Self::Constant(constant),
            ExprKind::Wrap(operand) => Self::of_wrapped(expr, operand),
            _ => Self::Computed(expr),
        }
    }

    fn of_wrapped(expr: &'e Expr, operand: &'e Expr) -> Self {
        match &operand.kind {
            ExprKind::Const(constant) => Self::Constant(constant),
            _ => Self::Computed(expr),
        }
    }
}

/// A constant becomes a variable.
fn lift_constant(expr: &mut Expr, constants: &mut Vec<(Const, Type)>) {
    if let ExprKind::Const(constant) = &expr.kind
        && scalar_type(constant).is_some_and(|ty| ty == expr.ty)
    {
        let variable = FIRST_CONSTANT + constants.len() as u32;
        constants.push((constant.clone(), expr.ty.clone()));
        expr.kind = ExprKind::Local(variable);
    }
}

/// Constants whose values the code does not depend on become variables.
fn lift_constants(expr: &mut Expr, constants: &mut Vec<(Const, Type)>) {
    match &mut expr.kind {
        ExprKind::Compare(_, a, b) | ExprKind::Arithmetic(_, a, b) | ExprKind::Concat(a, b) => {
            lift_constant(a, constants);
            lift_constant(b, constants);
        }
        ExprKind::In(_, items) => {
            for item in items {
                lift_constant(item, constants);
            }
        }
        _ => {}
    }
    match &mut expr.kind {
        ExprKind::Not(a) | ExprKind::Wrap(a) | ExprKind::Unwrap(a) | ExprKind::Negate(a) => {
            lift_constants(a, constants);
        }
        ExprKind::Compare(_, a, b)
        | ExprKind::Arithmetic(_, a, b)
        | ExprKind::Concat(a, b)
        | ExprKind::And(a, b)
        | ExprKind::Or(a, b)
        | ExprKind::Coalesce(a, b) => {
            lift_constants(a, constants);
            lift_constants(b, constants);
        }
        ExprKind::Conditional(a, b, c) => {
            for operand in [a, b, c] {
                lift_constants(operand, constants);
            }
        }
        ExprKind::In(item, _) => lift_constants(item, constants),
        _ => {}
    }
}
