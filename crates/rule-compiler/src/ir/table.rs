//! Decision tables: constants of cells as data, whatever has to be computed as expressions.

use super::{CompareOp, Const};
use crate::ast::HitPolicy;
use crate::types::Type;
use rulestage_diagnostics::Span;

/// A decision table. `E` is an expression: checked or lowered.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<E> {
    /// What becomes of the rows that match. The rows are in the order in which they count, so that `priority` is
    /// `first` and `output order` is `rule order`
    pub policy: HitPolicy,
    /// What is tested: the header's expressions, then conditions that were computed tests
    pub columns: Vec<TableColumn<E>>,
    /// How many of the columns the header has
    pub n_header_columns: usize,
    /// What is assigned
    pub outputs: Vec<TableOutput<E>>,
    /// In the order in which they count
    pub rows: Vec<TableRow>,
}

/// A column of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn<E> {
    /// Of a type that has an order, perhaps nullable, where rows test it
    pub value: E,
    /// Where it stands
    pub span: Span,
}

/// A column of assignments.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOutput<E> {
    /// Index into `RuleSet::outputs`
    pub output: usize,
    /// The type of its values: the output's, or for `Collect` and `Unique` the element's
    pub ty: Type,
    /// The different values of its cells
    pub values: Vec<TableValue<E>>,
    /// Where it stands in the header
    pub span: Span,
}

/// What a cell assigns.
#[derive(Debug, Clone, PartialEq)]
pub enum TableValue<E> {
    /// A constant of the column's type
    Const(Const),
    /// Anything else
    Computed(E),
}

/// A row: a conjunction of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Its place in the source, from 1 on
    pub number: u32,
    /// (index into `columns`, the tests of which any must hold)
    pub tests: Vec<(usize, Vec<CellTest>)>,
    /// For each output an index into its `values`; `None` where the cell is `-`
    pub values: Vec<Option<usize>>,
    /// From the first bar to the last
    pub span: Span,
}

/// A test of a column's value against constants of the column's type.
///
/// Null equals null alone and is in no order; so is NaN, which equals nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum CellTest {
    /// `== VALUE`, `< VALUE` …
    Compare(CompareOp, Const),
    /// From one value to another
    Interval {
        /// The lower end
        low: Const,
        /// Whether it belongs to it
        low_included: bool,
        /// The upper end
        high: Const,
        /// Whether it belongs to it
        high_included: bool,
    },
    /// None of them holds
    Not(Vec<CellTest>),
}

impl<E> Table<E> {
    /// All expressions in it.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &E> {
        let columns = self.columns.iter().map(|column| &column.value);
        let values = self.outputs.iter().flat_map(|output| &output.values);
        columns.chain(values.filter_map(|value| match value {
            TableValue::Computed(value) => Some(value),
            TableValue::Const(_) => None,
        }))
    }
}

impl Const {
    /// The order of two constants of one type that has an order.
    pub(crate) fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) | (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Uint(a), Self::Uint(b)) => Some(a.cmp(b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::Decimal(a), Self::Decimal(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a, a_nanos), Self::Timestamp(b, b_nanos)) => {
                Some((a, a_nanos).cmp(&(b, b_nanos)))
            }
            _ => None,
        }
    }
}
