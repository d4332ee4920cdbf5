//! The checked tree: names are resolved, overloads chosen, conversions between `T` and `T?` explicit. What
//! has no code yet is checked too but stays `Later`: lowering reports it.

use crate::ast::LogicalOp;
use crate::ir::{ArithmeticOp, CompareOp, Const, Dispatch, Fold, Function, Table};
use crate::types::Type;
use rulestage_diagnostics::Span;

/// A checked expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) ty: Type,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    /// Already reported
    Error,
    Const(Const),
    Input(usize),
    Param(usize),
    Let(usize),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Arithmetic(ArithmeticOp, Box<Expr>, Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// With the place of each operand, brackets included
    Logical(LogicalOp, Vec<(Span, Expr)>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    /// The second is of list or map type
    In(Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    /// An optional element of a list or map literal
    IfPresent(Box<Expr>),
    Local(u32),
    Bind(u32, Box<Expr>, Box<Expr>),
    /// From or to `dyn`, also inside
    Convert(Box<Expr>),
    /// A `dyn` that is known to be of this type
    Assume(Box<Expr>),
    Index(Box<Expr>, Box<Expr>),
    IndexOptionally(Box<Expr>, Box<Expr>),
    Has(Box<Expr>, Box<Expr>),
    Fold(Box<Fold<Expr>>),
    OptionalOr(Box<Expr>, Box<Expr>),
    OptionalOrValue(Box<Expr>, Box<Expr>),
    MapOptional(u32, Box<Expr>, Box<Expr>),
    Helper(&'static str, Vec<Expr>),
    Dispatch(Box<Dispatch<Expr>>),
    /// `T?` to `T`
    Unwrap(Box<Expr>),
    /// `T` or `null` to `T?`
    Wrap(Box<Expr>),
    /// Valid, but nothing that the intermediate representation can say
    Later {
        /// What it is, in the plural: "map literals"
        what: String,
    },
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, ty: Type, span: Span) -> Self {
        Self { kind, ty, span }
    }

    pub(crate) fn error(span: Span) -> Self {
        Self::new(ExprKind::Error, Type::Error, span)
    }

    pub(crate) fn later(what: impl Into<String>, ty: Type, span: Span) -> Self {
        Self::new(ExprKind::Later { what: what.into() }, ty, span)
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self.ty, Type::Error)
    }
}

/// A checked rule set, in the order of the source but for `let`s, which follow what they use.
#[derive(Debug, Clone)]
pub(crate) struct RuleSet {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) doc: String,
    pub(crate) inputs: Vec<crate::ir::Input>,
    pub(crate) params: Vec<crate::ir::Param>,
    pub(crate) outputs: Vec<crate::ir::Output>,
    pub(crate) lets: Vec<Let>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) examples: Vec<crate::ir::Example>,
    pub(crate) invariants: Vec<Invariant>,
}

/// A checked invariant.
#[derive(Debug, Clone)]
pub(crate) struct Invariant {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) condition: Option<Expr>,
    pub(crate) assertion: Expr,
}

/// A checked `let`.
#[derive(Debug, Clone)]
pub(crate) struct Let {
    pub(crate) name: String,
    pub(crate) value: Expr,
}

/// A checked rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) priority: i64,
    pub(crate) doc: String,
    pub(crate) span: Span,
    pub(crate) condition: Expr,
    pub(crate) then: Vec<Contribution>,
    pub(crate) otherwise: Vec<Contribution>,
    pub(crate) table: Option<Box<Table<Expr>>>,
}

/// A checked assignment.
#[derive(Debug, Clone)]
pub(crate) struct Contribution {
    pub(crate) output: usize,
    pub(crate) value: Expr,
    pub(crate) span: Span,
}
