//! Conditions as conjunctions of tests.

use crate::ir::{ArithmeticOp, CellTest, CompareOp, Const, Expr, ExprKind, Function, RuleSet};
use crate::types::Type;

use super::super::layout::{inner, is_cell, is_fallible_input};

/// A comparison with constants.
pub(super) struct Test<'e> {
    /// What is compared, before a `T?` is unwrapped
    pub(super) value: &'e Expr,
    /// Whether a null is an error
    pub(super) is_unwrapped: bool,
    /// Any of them holds
    pub(super) tests: Vec<CellTest>,
}

/// The operands of a chain of `&&`, left to right.
pub(super) fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut pending = vec![condition];
    while let Some(expr) = pending.pop() {
        match &expr.kind {
            ExprKind::And(a, b) => pending.extend([&**b, &**a]),
            // What is always true decides nothing.
            ExprKind::Const(Const::Bool(true)) => {}
            _ => found.push(expr),
        }
    }
    found
}

/// The expression as a test, if it is one.
pub(super) fn test(expr: &Expr) -> Option<Test<'_>> {
    match &expr.kind {
        ExprKind::Compare(op, a, b) => {
            let (value, op, constant) = match (constant(a), constant(b)) {
                (None, Some(constant)) => (&**a, *op, constant),
                (Some(constant), None) => (&**b, turned(*op), constant),
                _ => return None,
            };
            let is_equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
            test_of(value, &[constant], is_equality, |constant| {
                CellTest::Compare(op, constant.clone())
            })
        }
        ExprKind::In(item, items) => {
            let constants: Vec<&Const> = items.iter().map(constant).collect::<Option<_>>()?;
            test_of(item, &constants, true, |constant| {
                CellTest::Compare(CompareOp::Equal, constant.clone())
            })
        }
        ExprKind::Not(operand) => {
            let mut test = test(operand)?;
            test.tests = vec![CellTest::Not(test.tests)];
            Some(test)
        }
        ExprKind::Input(_) | ExprKind::Let(_) | ExprKind::Param(_) | ExprKind::Unwrap(_)
            if expr.ty == Type::Bool =>
        {
            test_of(expr, &[&Const::Bool(true)], true, |constant| {
                CellTest::Compare(CompareOp::Equal, constant.clone())
            })
        }
        _ => None,
    }
}

fn test_of<'e>(
    value: &'e Expr,
    constants: &[&Const],
    is_equality: bool,
    test: impl Fn(&Const) -> CellTest,
) -> Option<Test<'e>> {
    let allows_null = is_equality && value.ty != *inner(&value.ty);
    let scalar = inner(&value.ty);
    let fits = |constant: &&Const| match constant {
        Const::Null => allows_null,
        Const::Double(number) => *scalar == Type::Double && !number.is_nan(),
        constant => scalar_type(constant).is_some_and(|ty| ty == *scalar),
    };
    if !scalar.is_ordered() || !constants.iter().all(fits) {
        return None;
    }
    let (value, is_unwrapped) = match &value.kind {
        ExprKind::Unwrap(operand) => (&**operand, true),
        _ => (value, false),
    };
    inner(&value.ty).is_ordered().then(|| Test {
        value,
        is_unwrapped,
        tests: constants.iter().map(|constant| test(constant)).collect(),
    })
}

fn constant(expr: &Expr) -> Option<&Const> {
    match &expr.kind {
        ExprKind::Const(constant) => Some(constant),
        ExprKind::Wrap(operand) => constant(operand),
        _ => None,
    }
}

/// The type of a constant with a place of 16 bytes.
pub(super) fn scalar_type(constant: &Const) -> Option<Type> {
    Some(match constant {
        Const::Bool(_) => Type::Bool,
        Const::Int(_) => Type::Int,
        Const::Uint(_) => Type::Uint,
        Const::Double(_) => Type::Double,
        Const::String(_) => Type::String,
        Const::Bytes(_) => Type::Bytes,
        Const::Timestamp(..) => Type::Timestamp,
        Const::Duration(_) => Type::Duration,
        Const::Decimal(_) => Type::Decimal,
        _ => return None,
    })
}

fn turned(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        same => same,
    }
}

/// Whether evaluating is known to end without an error.
pub(super) fn is_infallible(expr: &Expr, ruleset: &RuleSet) -> bool {
    let all = |operands: &[&Expr]| {
        operands
            .iter()
            .all(|operand| is_infallible(operand, ruleset))
    };
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Param(_) => true,
        ExprKind::Input(index) => !is_fallible_input(&ruleset.inputs[*index].ty),
        ExprKind::Let(index) => is_infallible(&ruleset.lets[*index].value, ruleset),
        ExprKind::Not(a) | ExprKind::Wrap(a) => all(&[a]),
        ExprKind::Arithmetic(op, a, b) => {
            expr.ty == Type::Double && *op != ArithmeticOp::Remainder && all(&[a, b])
        }
        ExprKind::Compare(_, a, b) => !is_cell(&a.ty) && !is_cell(&b.ty) && all(&[a, b]),
        ExprKind::And(a, b) | ExprKind::Or(a, b) => all(&[a, b]),
        ExprKind::Conditional(a, b, c) => all(&[a, b, c]),
        ExprKind::Coalesce(a, b) => !is_cell(&a.ty) && all(&[b]),
        ExprKind::Call(
            Function::StringSize
            | Function::BytesSize
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith,
            args,
        ) => args.iter().all(|arg| is_infallible(arg, ruleset)),
        _ => false,
    }
}
