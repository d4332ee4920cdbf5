//! Which of a function's overloads is meant, and what is left to find out when it runs.

use super::Checker;
use super::convert::is_shallow;
use super::operators::{conversion_hint, error_among};
use super::unify::without_null;
use crate::ir::{Candidate, Const, Dispatch};
use crate::overloads::{Meaning, Overload, Style};
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_sort::sort_by_key;

/// An overload that the arguments fit.
struct Fitting {
    overload: &'static Overload,
    params: Vec<Type>,
    result: Type,
}

pub(super) fn is_any(ty: &Type) -> bool {
    matches!(ty, Type::Dyn | Type::Var(_))
}

impl Checker<'_> {
    pub(super) fn resolve_overload(
        &mut self,
        name: &str,
        candidates: &[&'static Overload],
        args: Vec<Expr>,
        span: Span,
    ) -> Expr {
        let mut fitting: Vec<Fitting> = Vec::new();
        for candidate in candidates {
            if let Some(each) = self.fit(candidate, &args) {
                fitting.push(each);
            }
        }
        self.note_chosen(fitting.first().map(|first| first.overload));
        let Some(first) = fitting.first() else {
            self.report_no_overload(name, candidates, &args, span);
            return Expr::error(span);
        };
        let is_ambiguous = fitting.iter().any(|each| each.result != first.result);
        let ty = if is_ambiguous {
            Type::Dyn
        } else {
            first.result.clone()
        };
        let by_ref: Vec<&Expr> = args.iter().collect();
        let error_ty = if is_ambiguous {
            Type::Error
        } else {
            ty.clone()
        };
        if let Some(error) = error_among(&by_ref, &error_ty, span) {
            return error;
        }
        let is_open = args
            .iter()
            .any(|arg| is_any(&self.unifier.resolve(&arg.ty)));
        if is_open && fitting.len() > 1 {
            self.note_chosen(None);
            return self.dispatch(&fitting, args, ty, span);
        }
        let Fitting {
            overload, params, ..
        } = fitting.swap_remove(0);
        let operands = args
            .into_iter()
            .zip(&params)
            .map(|(arg, param)| self.coerce(arg, param))
            .collect();
        apply(overload.meaning, operands, ty, span)
    }

    /// The overload with its type parameters found, where the arguments fit it.
    fn fit(&mut self, overload: &'static Overload, args: &[Expr]) -> Option<Fitting> {
        if overload.params.len() != args.len() {
            return None;
        }
        // Where a type parameter stands for several types, one of them dyn, it stands for dyn.
        let n_generic = overload
            .params
            .iter()
            .filter(|each| each.is_generic())
            .count();
        let has_dyn = n_generic > 1
            && args
                .iter()
                .any(|arg| self.unifier.resolve(&arg.ty).mentions_dyn());
        let (a, b) = if has_dyn {
            (Type::Dyn, Type::Dyn)
        } else {
            (self.unifier.fresh(), self.unifier.fresh())
        };
        let params: Vec<Type> = overload
            .params
            .iter()
            .map(|param| param.instantiate(&a, &b))
            .collect();
        let mut pairs: Vec<(&Type, &Type)> = args.iter().map(|arg| &arg.ty).zip(&params).collect();
        // Of `[1] + [null]` both are lists of `int?`: the first to come says what the parameter stands for, and a null
        // must not be unwrapped for the sake of a side without one.
        if n_generic > 1 && overload.params.windows(2).all(|two| two[0] == two[1]) {
            sort_by_key(&mut pairs, |(from, _)| {
                !self.unifier.resolve(from).mentions_null()
            });
        }
        self.unifier.assign_all(&pairs).then(|| Fitting {
            overload,
            result: self.unifier.resolve(&overload.result.instantiate(&a, &b)),
            params,
        })
    }

    /// Several overloads fit, because an argument may be anything: the choice is made when it runs.
    fn dispatch(&mut self, fitting: &[Fitting], args: Vec<Expr>, ty: Type, span: Span) -> Expr {
        let args: Vec<(u32, Expr)> = args
            .into_iter()
            .map(|arg| (self.new_local(), arg))
            .collect();
        let mut candidates = Vec::with_capacity(fitting.len());
        for each in fitting {
            let mut tests = Vec::new();
            let mut operands = Vec::with_capacity(args.len());
            for ((local, arg), param) in args.iter().zip(&each.params) {
                let read = Expr::new(ExprKind::Local(*local), arg.ty.clone(), arg.span);
                let param = self.unifier.resolve(param);
                if !is_any(&self.unifier.resolve(&arg.ty)) || is_any(&param) {
                    operands.push(self.coerce(read, &param));
                    continue;
                }
                tests.push((*local, param.clone()));
                operands.push(if is_shallow(&param) {
                    Expr::new(ExprKind::Assume(Box::new(read)), param, arg.span)
                } else {
                    self.coerce(read, &param)
                });
            }
            let result = each.result.clone();
            let body = apply(each.overload.meaning, operands, result, span);
            candidates.push(Candidate {
                tests,
                body: self.coerce(body, &ty),
            });
        }
        let kind = ExprKind::Dispatch(Box::new(Dispatch { args, candidates }));
        Expr::new(kind, ty, span)
    }

    pub(super) fn report_no_overload(
        &mut self,
        name: &str,
        candidates: &[&'static Overload],
        args: &[Expr],
        span: Span,
    ) {
        let types: Vec<Type> = args
            .iter()
            .map(|arg| self.unifier.resolve(&arg.ty))
            .collect();
        let is_operator = candidates
            .first()
            .is_some_and(|first| first.style == Style::Operator);
        let message = match types.as_slice() {
            [operand] if is_operator => format!("`{name}` takes no `{operand}`"),
            [left, right] if is_operator => format!("`{name}` takes no `{left}` and `{right}`"),
            [] => format!("`{name}` takes an argument"),
            _ => {
                let list: Vec<String> = types.iter().map(|ty| format!("`{ty}`")).collect();
                format!("`{name}` can't take {}", list.join(", "))
            }
        };
        let mut diagnostic = Diagnostic::error("rule.check.no-overload", span, message);
        for (arg, ty) in args.iter().zip(&types) {
            diagnostic = diagnostic.with_label(arg.span, format!("`{ty}`"));
        }
        if is_operator && let [left, right] = types.as_slice() {
            let literal = args.iter().zip([right, left]).find_map(|(arg, other)| {
                match (&arg.kind, without_null(other)) {
                    (ExprKind::Const(crate::ir::Const::Int(_)), Type::Double) => {
                        Some(format!("write `{}.0`", arg.span.text(self.source)))
                    }
                    (ExprKind::Const(crate::ir::Const::Int(_)), Type::Decimal) => {
                        Some(format!("write `decimal({})`", arg.span.text(self.source)))
                    }
                    (ExprKind::Const(crate::ir::Const::Double(_)), Type::Decimal) => Some(format!(
                        "write `decimal(\"{}\")`",
                        arg.span.text(self.source)
                    )),
                    _ => None,
                }
            });
            if let Some(hint) = literal.or_else(|| conversion_hint(left, right)) {
                diagnostic = diagnostic.with_hint(hint);
            }
        }
        let known: Vec<String> = candidates
            .iter()
            .map(|each| format!("`{}`", each.spelling()))
            .collect();
        diagnostic = diagnostic.with_hint(format!("there is {}", known.join(", ")));
        self.diagnostics.push(diagnostic);
    }
}

/// A function of operands of the types of its parameters.
fn apply(meaning: Meaning, mut operands: Vec<Expr>, ty: Type, span: Span) -> Expr {
    let second = if operands.len() == 2 {
        operands.pop().map(Box::new)
    } else {
        None
    };
    let kind = match (meaning, second) {
        (Meaning::Call(function), second) => {
            operands.extend(second.map(|each| *each));
            ExprKind::Call(function, operands)
        }
        (Meaning::Helper(name), second) => {
            operands.extend(second.map(|each| *each));
            if name == "string_join" && operands.len() == 1 {
                let nothing = ExprKind::Const(Const::String(String::new()));
                operands.push(Expr::new(nothing, Type::String, span));
            }
            ExprKind::Helper(name, operands)
        }
        (Meaning::InZone(function), Some(zone)) => {
            operands.push(*zone);
            let local = ExprKind::Helper("timestamp_in_zone", operands);
            ExprKind::Call(function, vec![Expr::new(local, Type::Timestamp, span)])
        }
        (meaning, second) => match (meaning, operands.pop().map(Box::new), second) {
            (Meaning::Negate, Some(operand), None) => ExprKind::Negate(operand),
            (Meaning::Identity, Some(operand), None) => {
                return Expr::new(operand.kind, ty, span);
            }
            (Meaning::Arithmetic(op), Some(left), Some(right)) => {
                ExprKind::Arithmetic(op, left, right)
            }
            (Meaning::Concat, Some(left), Some(right)) => ExprKind::Concat(left, right),
            (Meaning::OptionalOr, Some(left), Some(right)) => ExprKind::OptionalOr(left, right),
            (Meaning::OptionalOrValue, Some(left), Some(right)) => {
                ExprKind::OptionalOrValue(left, right)
            }
            _ => ExprKind::Error,
        },
    };
    Expr::new(kind, ty, span)
}
