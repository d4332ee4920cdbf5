//! `cel.block` and what stands in it (cel-spec, `block_ext`): what optimizers make of expressions with common parts.

use super::Checker;
use crate::ast;
use crate::typed::{Expr, ExprKind};
use rulestage_diagnostics::Span;

impl Checker<'_> {
    /// `cel.block([part, …], body)`, in which `cel.index(n)` is a part, and `cel.iterVar(depth, n)` a variable of a macro;
    /// `None` for other functions.
    pub(super) fn check_block(
        &mut self,
        function: &ast::Name,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<Expr> {
        if let ("block", [parts, body]) = (function.text.as_str(), args) {
            let ast::ExprKind::List(parts) = &parts.kind else {
                return None;
            };
            return Some(self.check_parts(parts, body, span));
        }
        let text = name_in_block(function, args)?;
        let name = ast::Name {
            text,
            span: function.span,
        };
        Some(self.check_identifier(&name, false, span))
    }

    /// The body behind the parts, each of which may use those before it.
    fn check_parts(&mut self, parts: &[ast::Element], body: &ast::Expr, span: Span) -> Expr {
        let mut bound = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let value = self.check_expr(&part.value);
            let local = self.new_local();
            self.scope
                .push_local(&index_name(index), value.ty.clone(), local);
            bound.push((local, value));
        }
        let body = self.check_expr(body);
        self.scope.pop_locals(parts.len());
        let ty = body.ty.clone();
        if body.is_error() || bound.iter().any(|(_, value)| value.is_error()) {
            return Expr::new(ExprKind::Error, ty, span);
        }
        bound.into_iter().rev().fold(body, |body, (local, value)| {
            let kind = ExprKind::Bind(local, Box::new(value), Box::new(body));
            Expr::new(kind, ty.clone(), span)
        })
    }
}

/// The name of the variable that `cel.iterVar(depth, n)` is, as the variable of a macro.
pub(super) fn macro_variable(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ast::ExprKind::Method {
            receiver,
            function,
            args,
            ..
        } if is_cel(receiver) && function.text != "index" => name_in_block(function, args),
        _ => None,
    }
}

fn is_cel(expr: &ast::Expr) -> bool {
    matches!(&expr.kind, ast::ExprKind::Identifier { name, .. } if name.text == "cel")
}

/// The names have a character that no name in a source has.
fn name_in_block(function: &ast::Name, args: &[ast::Expr]) -> Option<String> {
    let numbers: Option<Vec<i64>> = args
        .iter()
        .map(|arg| match &arg.kind {
            ast::ExprKind::Int(number) => Some(*number),
            _ => None,
        })
        .collect();
    match (function.text.as_str(), numbers?.as_slice()) {
        ("index", [index]) => Some(index_name(usize::try_from(*index).ok()?)),
        ("iterVar", [depth, number]) => Some(format!("@variable {depth} {number}")),
        ("accuVar", [depth, number]) => Some(format!("@result {depth} {number}")),
        _ => None,
    }
}

fn index_name(index: usize) -> String {
    format!("@part {index}")
}
