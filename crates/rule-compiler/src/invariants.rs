//! Invariants as a rule set of their own: its inputs are the inputs and outputs of the one that they speak of. So the code
//! generator evaluates them, and no component carries them around.

use crate::codegen;
use crate::ir::{
    Const, Contribution, Expr, ExprKind, Input, Invariant, Merge, Output, Rule, RuleSet,
};
use crate::types::Type;

/// How many outputs the component has for each invariant: whether it applies, and whether it holds.
pub const N_COLUMNS_PER_INVARIANT: usize = 2;

/// A component that says of each row whether the invariants hold; `None` where there are none.
///
/// Its inputs are those of the rule set, then its outputs as inputs of the same types; its parameters are the same. For
/// each invariant it has two outputs of type `bool?`: whether it applies, and whether it holds where it does. Null says
/// that the evaluation failed.
pub fn compile_invariants(ruleset: &RuleSet, source: &str) -> Option<Vec<u8>> {
    if ruleset.invariants.is_empty() {
        return None;
    }
    Some(codegen::generate(&as_ruleset(ruleset), source, false))
}

fn as_ruleset(ruleset: &RuleSet) -> RuleSet {
    let made = ruleset.outputs.iter().map(|output| Input {
        name: output.name.clone(),
        ty: output.ty.clone(),
        doc: String::new(),
    });
    let columns = ruleset.invariants.iter().flat_map(columns);
    let (outputs, contributions) = columns
        .enumerate()
        .map(|(index, value)| {
            let output = Output {
                name: format!("invariant_{index}"),
                ty: value.ty.clone(),
                default: Const::Null,
                merge: Merge::First,
                doc: String::new(),
            };
            let span = value.span;
            let contribution = Contribution {
                output: index,
                value,
                span,
            };
            (output, contribution)
        })
        .unzip();
    let span = ruleset
        .invariants
        .first()
        .map_or_else(Default::default, |first| first.span);
    RuleSet {
        inputs: ruleset.inputs.iter().cloned().chain(made).collect(),
        outputs,
        rules: vec![Rule {
            name: "invariants".to_owned(),
            priority: 0,
            doc: String::new(),
            span,
            condition: expr(
                ExprKind::Const(Const::Bool(true)),
                Type::Bool,
                &ruleset.invariants[0].assertion,
            ),
            then: contributions,
            otherwise: Vec::new(),
            table: None,
        }],
        examples: Vec::new(),
        invariants: Vec::new(),
        ..ruleset.clone()
    }
}

/// Whether it applies, and whether it holds where it does.
fn columns(invariant: &Invariant) -> [Expr; N_COLUMNS_PER_INVARIANT] {
    let assertion = &invariant.assertion;
    let (applies, holds) = match &invariant.condition {
        None => (
            expr(ExprKind::Const(Const::Bool(true)), Type::Bool, assertion),
            assertion.clone(),
        ),
        Some(condition) => {
            let rests = expr(
                ExprKind::Not(Box::new(condition.clone())),
                Type::Bool,
                condition,
            );
            let holds = ExprKind::Or(Box::new(rests), Box::new(assertion.clone()));
            (condition.clone(), expr(holds, Type::Bool, assertion))
        }
    };
    [or_null(applies), or_null(holds)]
}

/// Null where the evaluation fails.
fn or_null(value: Expr) -> Expr {
    let ty = Type::Nullable(Box::new(Type::Bool));
    let place = value.clone();
    let value = expr(ExprKind::Wrap(Box::new(value)), ty.clone(), &place);
    let null = expr(ExprKind::Const(Const::Null), ty.clone(), &place);
    expr(
        ExprKind::Coalesce(Box::new(value), Box::new(null)),
        ty,
        &place,
    )
}

fn expr(kind: ExprKind, ty: Type, place: &Expr) -> Expr {
    Expr {
        kind,
        ty,
        span: place.span,
    }
}
