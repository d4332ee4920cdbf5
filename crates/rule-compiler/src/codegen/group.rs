//! Large groups of rules, which are data rather than code: an index leads from the values that conditions compare with
//! constants to the few rules that may fire, and what these contribute lies in memory.
//!
//! A condition is a conjunction. Operands that compare a value with constants become tests of ranks, as in a decision
//! table; a rule is passed over only where a test is certain to be false, so that an error in another operand is
//! absorbed as by `&&`. What is not decided by tests is a *shape*: a function, shared by all rules that differ in
//! nothing but constants.

mod conjuncts;
mod emit;
mod explain;
mod members;
mod place;
mod plan;
mod shape;

pub(super) use explain::generate as generate_explained;
pub(super) use place::PlacedGroups;
pub(super) use plan::Plans;
pub(super) use shape::{Kept, generate as generate_shape};

use super::table::ranks::Bounds;
use crate::ir::{Const, Expr, Rule};
use crate::types::Type;

/// Constants of a shape are variables from this number on; the checker numbers from the other end.
const FIRST_CONSTANT: u32 = 1 << 31;

/// Whether a variable of a shape stands for a constant.
pub(super) fn is_constant(variable: u32) -> bool {
    variable >= FIRST_CONSTANT
}

/// Rules one after another in the order of evaluation.
pub(super) struct Group {
    /// The number of its first rule
    first: usize,
    /// The number of the rule behind the last one
    pub(super) end: usize,
    columns: Vec<TestedColumn>,
    /// The tests and indexes: see `rule-runtime/src/table.rs`
    words: Vec<u32>,
    n_indexes: usize,
    /// The columns that the indexes ask for, where these can be gone through before the row's other values are there
    scanned: Vec<usize>,
    /// The columns whose values a row has to have there
    stored: Vec<usize>,
    rules: Vec<Member>,
    pub(super) shapes: Vec<Shape>,
    /// The outputs that its rules contribute to, with the types of contributions
    outputs: Vec<(usize, Type)>,
    /// The index among the functions of all groups of that of the first shape
    first_function: u32,
    /// The rules as they are explained
    pub(super) explained: Vec<ExplainedShape>,
    /// Likewise
    first_explain_function: u32,
}

impl Group {
    /// The values that rules compare with constants.
    pub(super) fn tested_values(&self) -> impl Iterator<Item = &Expr> {
        self.columns.iter().map(|column| &column.value)
    }
}

/// A rule that stands for all that differ from it in nothing but constants.
pub(super) struct ExplainedShape {
    rule: Rule,
    /// The types of the variables that stand for constants
    constants: Vec<Type>,
}

/// A value that rules compare with constants.
struct TestedColumn {
    value: Expr,
    bounds: Bounds,
    /// Whether values are looked up in a hash table
    is_hashed: bool,
}

/// A rule of a group.
struct Member {
    /// What is left of it to compute
    shape: Option<usize>,
    /// In the order of the shape's variables
    constants: Vec<(Const, Type)>,
    then: Vec<Entry>,
    otherwise: Vec<Entry>,
    /// The number of the shape that explains it, and its constants; `None` where nothing is explained
    explained: Option<(usize, Vec<(Const, Type)>)>,
}

/// A contribution.
struct Entry {
    /// Index into `Group::outputs`
    output: usize,
    /// `None`: the shape computes it
    constant: Option<Const>,
}

/// What rules that differ in nothing but constants have to compute.
pub(super) struct Shape {
    /// What the tests left over of the condition
    condition: Option<Expr>,
    /// The contributions that are not constant, by their place
    then: Vec<ComputedEntry>,
    otherwise: Vec<ComputedEntry>,
    /// The types of the variables that stand for constants
    constants: Vec<Type>,
}

struct ComputedEntry {
    place: usize,
    value: Expr,
    /// The type of the contribution
    ty: Type,
}

impl Shape {
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let values = self.then.iter().chain(&self.otherwise);
        self.condition
            .iter()
            .chain(values.map(|entry| &entry.value))
    }
}
