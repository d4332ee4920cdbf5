//! Functions that make one value of all elements of a list: `sum`, `min`, `max`.

use super::Checker;
use super::overload::is_any;
use super::unify::{is_numeric, without_null};
use crate::ir::{Fold, FoldKind};
use crate::overloads::Overload;
use crate::typed::{Expr, ExprKind};
use crate::types::Type;
use rulestage_diagnostics::Span;

impl Checker<'_> {
    /// `list.sum()` and its like: a loop where the type of the elements is known, a helper where it is not.
    pub(super) fn resolve_total(
        &mut self,
        kind: FoldKind,
        name: &str,
        candidates: &[&'static Overload],
        list: Expr,
        span: Span,
    ) -> Expr {
        let list_ty = without_null(&self.unifier.resolve(&list.ty));
        let element = match &list_ty {
            Type::List(element) => without_null(element),
            other => other.clone(),
        };
        let is_list = matches!(list_ty, Type::List(_)) || is_any(&list_ty);
        if !is_list || !fits(kind, &element) {
            self.report_no_overload(name, candidates, &[list], span);
            return Expr::error(span);
        }
        let is_meant = |each: &&Overload| each.result.instantiate(&element, &element) == element;
        self.note_chosen(candidates.iter().copied().find(|each| is_meant(each)));
        if list.is_error() {
            return Expr::new(ExprKind::Error, element, span);
        }
        if is_any(&element) {
            let list = self.coerce(list, &Type::List(Box::new(Type::Dyn)));
            return Expr::new(ExprKind::Helper(helper(kind), vec![list]), Type::Dyn, span);
        }
        let range = self.coerce(list, &list_ty);
        let (variable, at) = (self.new_local(), range.span);
        let read = match &list_ty {
            Type::List(element) => Expr::new(ExprKind::Local(variable), (**element).clone(), at),
            _ => Expr::error(at),
        };
        let fold = Fold {
            range,
            key: None,
            value: Some(variable),
            filter: None,
            kind,
            body: self.coerce(read, &element),
        };
        Expr::new(ExprKind::Fold(Box::new(fold)), element, span)
    }
}

/// Where the types of the elements become known when it runs.
fn helper(kind: FoldKind) -> &'static str {
    match kind {
        FoldKind::Min => "list_min",
        FoldKind::Max => "list_max",
        _ => "list_sum",
    }
}

/// Whether elements of a type, or of what turns out to be one, can be added or compared.
fn fits(kind: FoldKind, element: &Type) -> bool {
    let is_added = is_numeric(element) || matches!(element, Type::Decimal | Type::Duration);
    let is_open = is_any(element) || *element == Type::Error;
    is_added || is_open || kind != FoldKind::Sum && element.is_ordered()
}
