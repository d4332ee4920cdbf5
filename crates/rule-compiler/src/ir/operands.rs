//! What stands right below an expression.

use super::{Expr, ExprKind};

/// One list of cases for both kinds of reference: `$mut` is `mut` or nothing.
macro_rules! operands {
    ($kind:expr, $iter:ident, $($mut:tt)?) => {
        match $kind {
            ExprKind::Const(_)
            | ExprKind::Input(_)
            | ExprKind::Param(_)
            | ExprKind::Let(_)
            | ExprKind::Local(_) => Vec::new(),
            ExprKind::Not(a)
            | ExprKind::Negate(a)
            | ExprKind::Unwrap(a)
            | ExprKind::Wrap(a)
            | ExprKind::IfPresent(a)
            | ExprKind::Convert(a)
            | ExprKind::Assume(a) => vec![a],
            ExprKind::Arithmetic(_, a, b)
            | ExprKind::Concat(a, b)
            | ExprKind::Compare(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::Bind(_, a, b)
            | ExprKind::MapOptional(_, a, b)
            | ExprKind::Index(a, b)
            | ExprKind::IndexOptionally(a, b)
            | ExprKind::Has(a, b)
            | ExprKind::InValue(a, b)
            | ExprKind::OptionalOr(a, b)
            | ExprKind::OptionalOrValue(a, b) => vec![a, b],
            ExprKind::Conditional(a, b, c) => vec![a, b, c],
            ExprKind::In(item, items) => {
                std::iter::once(&$($mut)? **item).chain(items).collect()
            }
            ExprKind::Call(_, items) | ExprKind::List(items) | ExprKind::Helper(_, items) => {
                items.$iter().collect()
            }
            ExprKind::Map(entries) => {
                let entries = entries.$iter();
                entries.flat_map(|(key, value)| [key, value]).collect()
            }
            ExprKind::Fold(fold) => {
                let parts = std::iter::once(&$($mut)? fold.range).chain(&$($mut)? fold.filter);
                parts.chain([&$($mut)? fold.body]).collect()
            }
            ExprKind::Dispatch(dispatch) => {
                let args = dispatch.args.$iter().map(|(_, arg)| arg);
                let candidates = dispatch.candidates.$iter();
                args.chain(candidates.map(|each| &$($mut)? each.body)).collect()
            }
        }
    };
}

impl Expr {
    /// The expressions that it is made of directly, in source order.
    pub fn operands(&self) -> Vec<&Self> {
        operands!(&self.kind, iter,)
    }

    /// The same, to change.
    pub(crate) fn operands_mut(&mut self) -> Vec<&mut Self> {
        operands!(&mut self.kind, iter_mut, mut)
    }
}
