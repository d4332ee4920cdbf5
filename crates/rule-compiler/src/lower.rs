//! The checked tree to the intermediate representation. What that can't say yet is reported, never approximated.

use crate::ast::LogicalOp;
use crate::check::{Unifier, settled};
use crate::ir::{self, Candidate, Const, Dispatch, Expr, ExprKind, Fold};
use crate::ir::{Table, TableColumn, TableOutput, TableValue};
use crate::prepared;
use crate::typed;
use crate::types::{Column, Type};
use rulestage_decimal::Decimal;
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_sort::sort_by_key;

/// The rule set, complete where no error was reported.
pub(crate) fn lower(
    ruleset: &typed::RuleSet,
    unifier: &Unifier,
    diagnostics: &mut Vec<Diagnostic>,
) -> ir::RuleSet {
    let mut lowerer = Lowerer {
        lets: &ruleset.lets,
        let_states: Vec::new(),
        lowered_lets: Vec::new(),
        unifier,
        diagnostics,
    };
    lowerer.lower_lets();
    let mut rules: Vec<ir::Rule> = ruleset
        .rules
        .iter()
        .filter_map(|rule| lowerer.lower_rule(rule))
        .collect();
    // A stable sort: source order among equals
    sort_by_key(&mut rules, |rule| std::cmp::Reverse(rule.priority));
    let invariants = ruleset
        .invariants
        .iter()
        .filter_map(|invariant| lowerer.lower_invariant(invariant))
        .collect();
    let lets = lowerer.lowered_lets;
    ir::RuleSet {
        name: ruleset.name.clone(),
        version: ruleset.version.clone(),
        doc: ruleset.doc.clone(),
        inputs: ruleset.inputs.clone(),
        params: ruleset.params.clone(),
        outputs: ruleset.outputs.clone(),
        lets,
        rules,
        examples: ruleset.examples.clone(),
        invariants,
    }
}

struct Lowerer<'a> {
    lets: &'a [typed::Let],
    /// By index of the checked `let`
    let_states: Vec<LetState>,
    lowered_lets: Vec<ir::Let>,
    unifier: &'a Unifier,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// What became of a `let`.
#[derive(Debug, Clone, Copy)]
enum LetState {
    /// Its index in the rule set
    Lowered(usize),
    /// A list that is written out: `in` and contributions read its elements where it stands, and only other uses
    /// need its value
    Literal,
    /// Null, which has no place of its own
    Null,
    /// Reported
    Failed,
}

impl Lowerer<'_> {
    fn report(&mut self, what: &str, span: Span) {
        let message = format!("{what} are not supported yet");
        let message = match what.strip_prefix("the ") {
            Some(_) => format!("{what} is not supported yet"),
            None => message,
        };
        let diagnostic = Diagnostic::error("rule.lower.not-supported-yet", span, message);
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn lower_lets(&mut self) {
        for each in self.lets {
            let state = if let typed::ExprKind::List(elements) = &each.value.kind {
                for element in elements {
                    // For what there is to report; lowered again where it is used
                    self.lower_expr(element);
                }
                LetState::Literal
            } else if each.value.ty == Type::Null {
                LetState::Null
            } else {
                self.lower_let(&each.name, &each.value)
            };
            self.let_states.push(state);
        }
    }

    fn lower_let(&mut self, name: &str, value: &typed::Expr) -> LetState {
        let Some(value) = self.lower_expr(value) else {
            return LetState::Failed;
        };
        let name = name.to_owned();
        self.lowered_lets.push(ir::Let { name, value });
        LetState::Lowered(self.lowered_lets.len() - 1)
    }

    /// A `let` that is read as a value.
    fn lower_let_use(&mut self, index: usize) -> Option<ExprKind> {
        let state = self.let_states.get(index).copied()?;
        let state = match state {
            LetState::Literal => {
                let definition = self.lets.get(index)?;
                let state = self.lower_let(&definition.name, &definition.value);
                *self.let_states.get_mut(index)? = state;
                state
            }
            other => other,
        };
        match state {
            LetState::Lowered(index) => Some(ExprKind::Let(index)),
            LetState::Null => Some(ExprKind::Const(Const::Null)),
            LetState::Literal | LetState::Failed => None,
        }
    }

    fn lower_rule(&mut self, rule: &typed::Rule) -> Option<ir::Rule> {
        let condition = self.lower_expr(&rule.condition);
        let then = self.lower_contributions(&rule.then);
        let otherwise = self.lower_contributions(&rule.otherwise);
        let table = self.lower_table(rule.table.as_deref());
        Some(ir::Rule {
            name: rule.name.clone(),
            priority: rule.priority,
            doc: rule.doc.clone(),
            span: rule.span,
            condition: condition?,
            then: then?,
            otherwise: otherwise?,
            table: table?,
        })
    }

    fn lower_invariant(&mut self, invariant: &typed::Invariant) -> Option<ir::Invariant> {
        let condition = invariant.condition.as_ref();
        let condition = condition.map(|condition| self.lower_expr(condition));
        let assertion = self.lower_expr(&invariant.assertion);
        Some(ir::Invariant {
            name: invariant.name.clone(),
            span: invariant.span,
            condition: match condition {
                Some(condition) => Some(condition?),
                None => None,
            },
            assertion: assertion?,
        })
    }

    #[allow(
        clippy::option_option,
        reason = "no table, or one that can't be lowered"
    )]
    fn lower_table(
        &mut self,
        table: Option<&Table<typed::Expr>>,
    ) -> Option<Option<Box<Table<Expr>>>> {
        let Some(table) = table else {
            return Some(None);
        };
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let value = self.lower_expr(&column.value);
            let span = column.span;
            columns.push(value.map(|value| TableColumn { value, span }));
        }
        let mut outputs = Vec::with_capacity(table.outputs.len());
        for output in &table.outputs {
            let mut values = Vec::with_capacity(output.values.len());
            for value in &output.values {
                values.push(match value {
                    TableValue::Const(value) => Some(TableValue::Const(value.clone())),
                    TableValue::Computed(expr) => self.lower_expr(expr).map(TableValue::Computed),
                });
            }
            let values: Option<Vec<_>> = values.into_iter().collect();
            outputs.push(values.map(|values| TableOutput {
                output: output.output,
                ty: output.ty.clone(),
                values,
                span: output.span,
            }));
        }
        Some(Some(Box::new(Table {
            policy: table.policy,
            columns: columns.into_iter().collect::<Option<_>>()?,
            n_header_columns: table.n_header_columns,
            outputs: outputs.into_iter().collect::<Option<_>>()?,
            rows: table.rows.clone(),
        })))
    }

    fn lower_contributions(
        &mut self,
        contributions: &[typed::Contribution],
    ) -> Option<Vec<ir::Contribution>> {
        let lowered: Vec<Option<ir::Contribution>> = contributions
            .iter()
            .map(|each| {
                let value = self.lower_contribution(&each.value)?;
                Some(ir::Contribution {
                    output: each.output,
                    value,
                    span: each.span,
                })
            })
            .collect();
        lowered.into_iter().collect()
    }

    fn lower_contribution(&mut self, value: &typed::Expr) -> Option<Expr> {
        let ty = settled(self.unifier.resolve(&value.ty));
        let (Some(elements), Type::List(element_ty), Column::List) =
            (list_elements(self.lets, value), &ty, ty.column())
        else {
            return self.lower_expr(value);
        };
        let elements = self.lower_all(elements)?;
        // The elements of a `let` still have the types they were written with.
        let elements = elements
            .into_iter()
            .map(|element| convert(element, element_ty))
            .collect();
        Some(Expr {
            kind: ExprKind::List(elements),
            ty,
            span: value.span,
        })
    }

    fn lower_boxed(&mut self, expr: &typed::Expr) -> Option<Box<Expr>> {
        self.lower_expr(expr).map(Box::new)
    }

    /// All, even when one fails: each has its own errors.
    fn lower_all(&mut self, exprs: &[typed::Expr]) -> Option<Vec<Expr>> {
        let lowered: Vec<Option<Expr>> = exprs.iter().map(|each| self.lower_expr(each)).collect();
        lowered.into_iter().collect()
    }

    fn lower_expr(&mut self, expr: &typed::Expr) -> Option<Expr> {
        use typed::ExprKind as K;
        let ty = settled(self.unifier.resolve(&expr.ty));
        let kind = match &expr.kind {
            K::Error => return None,
            K::Later { what } => {
                self.report(what, expr.span);
                return None;
            }
            K::Const(value) => ExprKind::Const(value.clone()),
            K::Input(index) => ExprKind::Input(*index),
            K::Param(index) => ExprKind::Param(*index),
            K::Let(index) => self.lower_let_use(*index)?,
            K::Local(local) => ExprKind::Local(*local),
            K::Not(operand) => ExprKind::Not(self.lower_boxed(operand)?),
            K::Negate(operand) => ExprKind::Negate(self.lower_boxed(operand)?),
            K::Arithmetic(op, left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Arithmetic(*op, left, right)
            }
            K::Concat(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Concat(left, right)
            }
            K::Compare(op, left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Compare(*op, left, right)
            }
            K::Logical(op, operands) => {
                let lower = |(place, operand): &(Span, typed::Expr)| {
                    Some((*place, self.lower_expr(operand)?))
                };
                // All of them, for what is to be said of each.
                let lowered: Vec<Option<_>> = operands.iter().map(lower).collect();
                let lowered: Option<Vec<_>> = lowered.into_iter().collect();
                return balance(*op, &mut lowered?);
            }
            K::Conditional(condition, then, otherwise) => {
                let condition = self.lower_boxed(condition);
                let (then, otherwise) = self.lower_pair(then, otherwise)?;
                ExprKind::Conditional(condition?, then, otherwise)
            }
            K::Coalesce(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::Coalesce(left, right)
            }
            K::In(item, list) => self.lower_in(item, list)?,
            K::Call(function, args) => ExprKind::Call(*function, self.lower_all(args)?),
            K::Helper(name, args) => {
                let args = self.lower_all(args)?;
                if let Some(diagnostic) = prepared::check(name, &args) {
                    self.diagnostics.push(diagnostic);
                    return None;
                }
                match decimal_constant(name, &args) {
                    Some(value) => ExprKind::Const(Const::Decimal(value)),
                    None => ExprKind::Helper(name, args),
                }
            }
            K::List(elements) => ExprKind::List(self.lower_all(elements)?),
            K::Map(entries) => {
                let lowered: Vec<Option<(Expr, Expr)>> = entries
                    .iter()
                    .map(|(key, value)| {
                        let (key, value) = (self.lower_expr(key), self.lower_expr(value));
                        Some((key?, value?))
                    })
                    .collect();
                ExprKind::Map(lowered.into_iter().collect::<Option<_>>()?)
            }
            K::IfPresent(operand) => ExprKind::IfPresent(self.lower_boxed(operand)?),
            K::Bind(local, value, body) => {
                let (value, body) = self.lower_pair(value, body)?;
                ExprKind::Bind(*local, value, body)
            }
            K::MapOptional(local, optional, body) => {
                let (optional, body) = self.lower_pair(optional, body)?;
                ExprKind::MapOptional(*local, optional, body)
            }
            K::Convert(operand) => {
                let operand = self.lower_boxed(operand)?;
                if operand.ty == ty {
                    return Some(*operand);
                }
                ExprKind::Convert(operand)
            }
            K::Assume(operand) => ExprKind::Assume(self.lower_boxed(operand)?),
            K::Index(container, index) => {
                let (container, index) = self.lower_pair(container, index)?;
                ExprKind::Index(container, index)
            }
            K::IndexOptionally(container, index) => {
                let (container, index) = self.lower_pair(container, index)?;
                ExprKind::IndexOptionally(container, index)
            }
            K::Has(container, key) => {
                let (container, key) = self.lower_pair(container, key)?;
                ExprKind::Has(container, key)
            }
            K::OptionalOr(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::OptionalOr(left, right)
            }
            K::OptionalOrValue(left, right) => {
                let (left, right) = self.lower_pair(left, right)?;
                ExprKind::OptionalOrValue(left, right)
            }
            K::Fold(fold) => self.lower_fold(fold)?,
            K::Dispatch(dispatch) => self.lower_dispatch(dispatch)?,
            K::Unwrap(operand) => ExprKind::Unwrap(self.lower_boxed(operand)?),
            K::Wrap(operand) => ExprKind::Wrap(self.lower_boxed(operand)?),
        };
        Some(Expr {
            kind,
            ty,
            span: expr.span,
        })
    }

    fn lower_fold(&mut self, fold: &Fold<typed::Expr>) -> Option<ExprKind> {
        let range = self.lower_expr(&fold.range);
        let filter = match &fold.filter {
            Some(filter) => self.lower_expr(filter).map(Some),
            None => Some(None),
        };
        let body = self.lower_expr(&fold.body);
        Some(ExprKind::Fold(Box::new(Fold {
            range: range?,
            key: fold.key,
            value: fold.value,
            filter: filter?,
            kind: fold.kind,
            body: body?,
        })))
    }

    fn lower_dispatch(&mut self, dispatch: &Dispatch<typed::Expr>) -> Option<ExprKind> {
        let args: Vec<Option<(u32, Expr)>> = dispatch
            .args
            .iter()
            .map(|(local, arg)| Some((*local, self.lower_expr(arg)?)))
            .collect();
        let candidates: Vec<Option<Candidate<Expr>>> = dispatch
            .candidates
            .iter()
            .map(|each| {
                let tests = each
                    .tests
                    .iter()
                    .map(|(local, ty)| (*local, settled(self.unifier.resolve(ty))))
                    .collect();
                let body = self.lower_expr(&each.body)?;
                Some(Candidate { tests, body })
            })
            .collect();
        Some(ExprKind::Dispatch(Box::new(Dispatch {
            args: args.into_iter().collect::<Option<_>>()?,
            candidates: candidates.into_iter().collect::<Option<_>>()?,
        })))
    }

    /// Both, even when the first fails: each has its own errors.
    fn lower_pair(
        &mut self,
        left: &typed::Expr,
        right: &typed::Expr,
    ) -> Option<(Box<Expr>, Box<Expr>)> {
        let (left, right) = (self.lower_boxed(left), self.lower_boxed(right));
        Some((left?, right?))
    }

    fn lower_in(&mut self, item: &typed::Expr, list: &typed::Expr) -> Option<ExprKind> {
        let item = self.lower_boxed(item);
        let is_plain = |ty: &Type| ty.column() == Column::Plain;
        if let Some(elements) = list_elements(self.lets, list) {
            let elements = self.lower_all(elements)?;
            let item = item?;
            if is_plain(&item.ty) && elements.iter().all(|element| is_plain(&element.ty)) {
                return Some(ExprKind::In(item, elements));
            }
            let list = self.lower_boxed(list)?;
            return Some(ExprKind::InValue(item, list));
        }
        let list = self.lower_boxed(list)?;
        Some(ExprKind::InValue(item?, list))
    }
}

/// `decimal("12.10")`; what is no decimal fails where it is used.
fn decimal_constant(helper: &str, args: &[Expr]) -> Option<Decimal> {
    let [
        Expr {
            kind: ExprKind::Const(value),
            ..
        },
    ] = args
    else {
        return None;
    };
    match (helper, value) {
        ("decimal_from_string", Const::String(text)) => text.parse().ok(),
        ("decimal_from_int", Const::Int(value)) => Some(Decimal::from(*value)),
        ("decimal_negate", Const::Decimal(value)) => Some(value.negate()),
        _ => None,
    }
}

/// The elements of a list that is written out, here or as the definition of a `let`.
fn list_elements<'a>(lets: &'a [typed::Let], expr: &'a typed::Expr) -> Option<&'a [typed::Expr]> {
    let literal = match &expr.kind {
        typed::ExprKind::Let(index) => &lets.get(*index)?.value,
        _ => expr,
    };
    let is_certain = |element: &typed::Expr| !matches!(element.kind, typed::ExprKind::IfPresent(_));
    match &literal.kind {
        typed::ExprKind::List(elements) if elements.iter().all(is_certain) => Some(elements),
        _ => None,
    }
}

/// `expr` as a `to`, for elements that were typed without knowing where they would go.
fn convert(expr: Expr, to: &Type) -> Expr {
    if expr.ty == *to {
        return expr;
    }
    let span = expr.span;
    let kind = match (&expr.ty, to) {
        (Type::Nullable(inner), to) if **inner == *to => ExprKind::Unwrap(Box::new(expr)),
        _ => ExprKind::Convert(Box::new(expr)),
    };
    Expr {
        kind,
        ty: to.clone(),
        span,
    }
}

/// `a && b && c …` as a tree of logarithmic depth: both operators are associative, errors included.
///
/// Operands come with their places, brackets included.
fn balance(op: LogicalOp, operands: &mut Vec<(Span, Expr)>) -> Option<Expr> {
    if operands.len() <= 1 {
        return operands.pop().map(|(_, operand)| operand);
    }
    let span = operands.first()?.0.to(operands.last()?.0);
    let mut right = operands.split_off(operands.len() / 2);
    let left = Box::new(balance(op, operands)?);
    let right = Box::new(balance(op, &mut right)?);
    let kind = match op {
        LogicalOp::And => ExprKind::And(left, right),
        LogicalOp::Or => ExprKind::Or(left, right),
    };
    Some(Expr {
        kind,
        ty: Type::Bool,
        span,
    })
}
