//! Decision tables and functions, as written.

use super::{BinaryOp, Expr, Name, TypeExpr};
use rulestage_diagnostics::Span;

/// `table NAME priority N hit POLICY { header row … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name
    pub name: Name,
    /// 0 unless given
    pub priority: Option<(i64, Span)>,
    /// `unique` unless given
    pub hit: Option<(HitPolicy, Span)>,
    /// What the tests of each column test
    pub inputs: Vec<Expr>,
    /// What the cells behind `||` are for
    pub outputs: Vec<TableOutput>,
    /// The header
    pub header: Span,
    /// In source order
    pub rows: Vec<TableRow>,
}

/// What becomes of the rows that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitPolicy {
    /// One row at most may match
    Unique,
    /// The rows that match must agree
    Any,
    /// The first one counts
    First,
    /// The one whose outputs come first in their declared order counts
    Priority,
    /// All count
    Collect,
    /// How many there are counts
    CollectCount,
    /// All count, in the order of the rows
    RuleOrder,
    /// All count, in the declared order of their outputs
    OutputOrder,
}

impl HitPolicy {
    /// As it is written.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::Any => "any",
            Self::First => "first",
            Self::Priority => "priority",
            Self::Collect => "collect",
            Self::CollectCount => "collect count",
            Self::RuleOrder => "rule order",
            Self::OutputOrder => "output order",
        }
    }
}

/// An output in the header: `NAME`, or `NAME in [HIGHEST, …, LOWEST]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOutput {
    /// The output
    pub name: Name,
    /// Its values by descending priority
    pub order: Option<Vec<Expr>>,
    /// All of it
    pub span: Span,
}

/// `| TEST | … || VALUE | … |`
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// One for each input
    pub cells: Vec<Cell>,
    /// One for each output; `None` is `-`: nothing
    pub values: Vec<(Option<Expr>, Span)>,
    /// From the first `|` to the last
    pub span: Span,
}

/// One cell of tests: any of them must hold. Without any it is `-`: everything passes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The tests, separated by commas
    pub tests: Vec<Test>,
    /// Without the bars
    pub span: Span,
}

/// One test of a column's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What it is
    pub kind: TestKind,
    /// All of it
    pub span: Span,
}

/// The kinds of tests.
#[derive(Debug, Clone, PartialEq)]
pub enum TestKind {
    /// Could not be read; already reported
    Error,
    /// `VALUE`, `!= VALUE`, `< VALUE` …
    Compare(BinaryOp, Expr),
    /// `LOW..HIGH` and `[LOW..HIGH]` with both ends; `(` and `)` leave an end out
    Interval {
        /// The lower end
        low: Expr,
        /// Whether it belongs to it
        low_included: bool,
        /// The upper end
        high: Expr,
        /// Whether it belongs to it
        high_included: bool,
    },
    /// `not(…)`: none of them
    Not(Vec<Test>),
}

/// `func NAME(PARAMETER: TYPE, …) -> TYPE = BODY`
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name
    pub name: Name,
    /// Its parameters
    pub params: Vec<(Name, TypeExpr)>,
    /// The type of its result
    pub result: TypeExpr,
    /// What it computes
    pub body: Expr,
}
