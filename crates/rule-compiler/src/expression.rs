//! Single expressions and types, as `rulestage eval` takes them.

use crate::check::{Checker, settled};
use crate::ir::{Const, Input, Merge, Output};
use crate::scope::{Binding, Declaration};
use crate::types::Type;
use crate::{Checked, finish, lower, parser, typed};
use rulestage_decimal::Decimal;
use rulestage_diagnostics::{Diagnostic, Span};

/// What is wrong with an expression over `variables`, and a rule set that computes it if nothing is.
///
/// The rule set is called `expression`. Its inputs are the variables, its only output is `result`, assigned by the
/// only rule, `expression`. A bare `null` becomes a `bool?`. `container` is the namespace that names are looked up in first
/// (cel-spec, "name resolution"); empty for none.
pub fn check_expression(expr: &str, variables: &[(String, Type)], container: &str) -> Checked {
    let (tree, mut diagnostics) = parser::parse_expression(expr);
    let mut checker = Checker::new(expr);
    checker.scope.container = container.to_owned();
    let mut inputs: Vec<Input> = Vec::new();
    for (name, ty) in variables {
        let index = inputs.len();
        let declaration = Declaration {
            binding: Binding::Input(index),
            ty: ty.clone(),
            span: Span::default(),
        };
        if checker.scope.declare(name, declaration).is_none() {
            inputs.push(Input {
                name: name.clone(),
                ty: ty.clone(),
                doc: String::new(),
            });
        }
    }
    let value = checker.check_expr(&tree);
    diagnostics.append(&mut checker.diagnostics);
    let output_ty = match settled(checker.unifier.resolve(&value.ty)) {
        Type::Null => Type::Nullable(Box::new(Type::Bool)),
        other => other,
    };
    let value = checker.coerce(value, &output_ty);
    let output = Output {
        name: "result".to_owned(),
        default: zero(&output_ty),
        ty: output_ty,
        merge: Merge::First,
        doc: String::new(),
    };
    let span = tree.span;
    let condition = typed::Expr::new(typed::ExprKind::Const(Const::Bool(true)), Type::Bool, span);
    let rule = typed::Rule {
        name: "expression".to_owned(),
        priority: 0,
        doc: String::new(),
        span,
        condition,
        then: vec![typed::Contribution {
            output: 0,
            value,
            span,
        }],
        otherwise: Vec::new(),
        table: None,
    };
    let checked = typed::RuleSet {
        name: "expression".to_owned(),
        version: String::new(),
        doc: String::new(),
        inputs,
        params: Vec::new(),
        outputs: vec![output],
        lets: Vec::new(),
        rules: vec![rule],
        examples: Vec::new(),
        invariants: Vec::new(),
    };
    let ruleset = lower::lower(&checked, &checker.unifier, &mut diagnostics);
    finish(diagnostics, Some(ruleset))
}

/// The type that a text names: `int`, `double?`, `list<string>`, `map<string, dyn>`, `google.protobuf.Timestamp`,
/// `wrapper(int)`.
pub fn parse_type(source: &str) -> Result<Type, Vec<Diagnostic>> {
    let (ty, diagnostics) = parser::parse_type(source);
    if diagnostics.is_empty() {
        Ok(ty.ty)
    } else {
        Err(diagnostics)
    }
}

fn zero(ty: &Type) -> Const {
    match ty {
        Type::Bool => Const::Bool(false),
        Type::Int => Const::Int(0),
        Type::Uint => Const::Uint(0),
        Type::Double => Const::Double(0.0),
        Type::String => Const::String(String::new()),
        Type::Bytes => Const::Bytes(Vec::new()),
        Type::Timestamp => Const::Timestamp(0, 0),
        Type::Duration => Const::Duration(0),
        Type::Decimal => Const::Decimal(Decimal::ZERO),
        Type::List(_) => Const::List(Vec::new()),
        _ => Const::Null,
    }
}
