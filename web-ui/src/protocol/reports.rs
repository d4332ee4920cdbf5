//! What the worker tells: of compiling, of the rows, of one row, of the rules.

use super::View;
use serde::{Deserialize, Serialize};

/// What compiling brought.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CompileReport {
    /// Messages on each file
    pub files: Vec<FileReport>,
    /// Everything but the fetching
    pub elapsed_us: u32,
    /// All compiled components together
    pub size_bytes: usize,
    /// No errors
    pub is_ok: bool,
    /// One for each stage that could be made
    pub stages: Vec<StageReport>,
}

/// Messages on one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Which
    pub path: String,
    /// In source order
    pub messages: Vec<Message>,
}

/// A diagnostic with offsets as JavaScript counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// First UTF-16 unit
    pub from: u32,
    /// One past the last
    pub to: u32,
    /// Line, from 1
    pub line: u32,
    /// `error`, `warning`, `note`
    pub severity: String,
    /// Stable code
    pub code: String,
    /// What is wrong
    pub message: String,
    /// What to do
    pub hints: Vec<String>,
}

/// A stage and its component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// In the pipeline
    pub stage: String,
    /// What the component says of itself
    pub name: String,
    /// Likewise
    pub version: String,
    /// File it comes from
    pub source: String,
    /// Compiled here from a rules file
    pub is_rules: bool,
    /// Interfaces
    pub imports: Vec<String>,
    /// Interfaces
    pub exports: Vec<String>,
    /// Size of the component
    pub size_bytes: usize,
    /// SHA-256 in hexadecimal
    pub sha256: String,
    /// What its bytes are: names of sections and their sizes, largest first
    pub sections: Vec<(String, usize)>,
    /// Columns in: name, type
    pub inputs: Vec<(String, String)>,
    /// Columns out: name, type
    pub outputs: Vec<(String, String)>,
    /// What can be set
    pub params: Vec<ParamReport>,
}

/// A parameter of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamReport {
    /// Name
    pub name: String,
    /// `double`, `string`, …
    pub type_name: String,
    /// For people
    pub doc: String,
    /// As text
    pub default: String,
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunReport {
    /// Rows in
    pub n_rows: usize,
    /// Rows that failed and are not in the result
    pub n_failed: usize,
    /// Name of the data
    pub data_name: String,
    /// The whole run
    pub elapsed_ms: f64,
    /// For each stage its name and milliseconds
    pub stage_ms: Vec<(String, f64)>,
    /// Columns of the result
    pub columns: Vec<ColumnReport>,
    /// What did not fit or failed, at most a hundred of them
    pub row_problems: Vec<Problem>,
    /// The examples in the rules files
    pub tests: Vec<TestReport>,
    /// What the examples show of the rules
    pub coverage: Vec<FileCoverage>,
}

/// What examples show of one rules file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileCoverage {
    /// Which
    pub path: String,
    /// What there is to be shown: sides of rules and conditions, rows of tables, defaults
    pub n_points: usize,
    /// What is shown
    pub n_shown: usize,
    /// The lines on which there is something, in order
    pub lines: Vec<CoveredLine>,
}

/// What examples show of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredLine {
    /// Line, from 1
    pub line: u32,
    /// UTF-16 offset of its start
    pub from: u32,
    /// One past its end
    pub to: u32,
    /// What there is to be shown
    pub n_points: usize,
    /// What is not shown, for people
    pub missing: Vec<String>,
}

/// What is odd about the rules, and whether their invariants hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StudyReport {
    /// Messages on rules files
    pub files: Vec<FileReport>,
    /// The invariants of all stages
    pub invariants: Vec<InvariantReport>,
}

/// An `invariant` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantReport {
    /// Name
    pub name: String,
    /// File
    pub path: String,
    /// UTF-16 offset of the name
    pub from: u32,
    /// One past its end
    pub to: u32,
    /// `violated`, `unreached`, `held`, `proven`
    pub state: String,
    /// For people
    pub message: String,
    /// What to do about it
    pub hint: Option<String>,
    /// Inputs that were tried
    pub n_tried: usize,
    /// Where it does not hold: names and values of inputs, then of outputs
    pub counterexample: Option<[Vec<(String, String)>; 2]>,
}

/// Something that has no decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `row 7` of the data, from 0, or `line 8` of its file, from 1
    pub place: String,
    /// Why
    pub message: String,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// Name
    pub name: String,
    /// As people write it
    pub type_name: String,
    /// The stage that made it; none for the data's own
    pub stage: Option<String>,
    /// Right-aligned
    pub is_numeric: bool,
    /// How its values are distributed, for columns that a stage made
    pub summary: Option<Summary>,
}

/// How the values of a column are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Summary {
    /// Values and how often each occurs, most frequent first
    Counts {
        /// At most 24
        values: Vec<(String, usize)>,
        /// Occurrences of all others
        n_others: usize,
    },
    /// Numbers
    Numbers {
        /// Smallest
        min: f64,
        /// Largest
        max: f64,
        /// Average
        mean: f64,
        /// Total
        sum: f64,
        /// Counts of equal ranges from `min` to `max`
        bins: Vec<usize>,
        /// Values that are null or no finite number
        n_missing: usize,
    },
}

/// Rows as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowPage {
    /// The view they belong to
    pub view: View,
    /// Position of the first in the view
    pub start: usize,
    /// Rows in the view
    pub n_rows: usize,
    /// Row number in the result and its cells; `None` is null
    pub rows: Vec<(usize, Vec<Option<String>>)>,
}

/// Why a row came out as it did: one part for each stage that explains.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WhyReport {
    /// Row of the result
    pub row: usize,
    /// In order
    pub stages: Vec<StageWhy>,
}

/// One stage's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageWhy {
    /// Its name
    pub stage: String,
    /// File, where it is one of the project
    pub path: Option<String>,
    /// Column and value
    pub inputs: Vec<(String, Option<String>)>,
    /// Column and value
    pub outputs: Vec<(String, Option<String>)>,
    /// Set when it could not explain
    pub failure: Option<String>,
    /// In order of evaluation
    pub rules: Vec<RuleWhy>,
    /// Name and value
    pub lets: Vec<ExpressionWhy>,
}

/// One rule's or table's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleWhy {
    /// `rule` or `table`
    pub kind: String,
    /// Name
    pub name: String,
    /// Priority
    pub priority: i64,
    /// Comment
    pub doc: String,
    /// `fired`, `not fired`, `failed`
    pub verdict: String,
    /// In pre-order
    pub conditions: Vec<ExpressionWhy>,
    /// Output and what it was given
    pub contributions: Vec<(String, ExpressionWhy)>,
    /// Of a table, how many of the conditions' trees are columns of its header; they come first
    pub n_columns: usize,
    /// Of a table, the rows that matched
    pub rows: Vec<TableRowWhy>,
}

/// A row of a table that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRowWhy {
    /// Its place in the table, from 1
    pub number: u32,
    /// UTF-16 offset in the file
    pub from: u32,
    /// One past its end
    pub to: u32,
    /// The source of its tests, one for each column of the header
    pub cells: Vec<String>,
    /// Output and what it was given
    pub gives: Vec<(String, String)>,
}

/// An expression and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpressionWhy {
    /// Level in its tree
    pub depth: u32,
    /// Source text
    pub text: String,
    /// UTF-16 offset in the file
    pub from: u32,
    /// One past its end
    pub to: u32,
    /// As text; `None`: not computed
    pub value: Option<String>,
}

/// How often each rule fires.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FiringReport {
    /// The rows of the run
    pub n_rows: usize,
    /// Every rule and table, by stages and in order of evaluation
    pub rules: Vec<Firing>,
}

/// How often one rule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// Its stage
    pub stage: String,
    /// `rule` or `table`
    pub kind: String,
    /// Its name
    pub name: String,
    /// The file that it stands in, and where: UTF-16 offsets of its name
    pub place: Option<(String, u32, u32)>,
    /// In so many rows
    pub n_fired: usize,
    /// So many rows reached its stage
    pub n_reached: usize,
    /// In so many its condition failed
    pub n_failed: usize,
    /// The parts of its condition that `&&` joins, and how many rows stopped at each; nothing where that is not known
    pub steps: Vec<(String, usize)>,
}

/// An `example` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// Rule set
    pub stage: String,
    /// Name
    pub name: String,
    /// As expected
    pub has_passed: bool,
    /// What differs: output, expected, actual
    pub differences: Vec<(String, String, String)>,
    /// Set when it did not run
    pub failure: Option<String>,
}
