//! What a host must offer to run stages: the [`Runtime`] trait and the data that crosses it.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use std::fmt;

/// Limits on one stage, from the manifest or the host's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, all memories together
    pub memory_bytes: u64,
    /// Time for one call
    pub deadline_ms: u64,
}

/// What a component says of itself (WIT `description`).
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Name
    pub name: String,
    /// Version
    pub version: String,
    /// For people
    pub doc: String,
    /// In the order in which `open` takes them
    pub parameters: Vec<Parameter>,
}

/// WIT `parameter`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name
    pub name: String,
    /// `double`, `string`, `list<string>`, `json`, …
    pub type_name: String,
    /// For people
    pub doc: String,
    /// `Value::Absent`: must be given
    pub default: Value,
}

/// WIT `value`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not computed, or not given
    Absent,
    /// null
    Null,
    /// bool
    Boolean(bool),
    /// int
    Int(i64),
    /// uint
    Uint(u64),
    /// double
    Double(f64),
    /// string
    Text(String),
    /// bytes
    Binary(Vec<u8>),
    /// Seconds since the epoch, nanoseconds on top
    Timestamp(i64, u32),
    /// Nanoseconds
    Duration(i64),
    /// list of strings
    Texts(Vec<String>),
    /// JSON text
    Json(String),
    /// The computation failed
    Error(RowErrorCode),
}

/// The columns of a session. Types map to Arrow's: text is `Utf8`, binary `Binary`, timestamp
/// `Timestamp(unit, "UTC")`, list `List`, map `Map`, struct `Struct`, dynamic `Utf8` with the extension name
/// `arrow.json`, tensor `FixedSizeList` of `Float32` with the extension name `arrow.fixed_shape_tensor`.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSchema {
    /// What it consumes
    pub inputs: SchemaRef,
    /// What it produces
    pub outputs: SchemaRef,
    /// For each array of the inputs, in pre-order: whether the stage reads it. What is missing is read.
    pub reads: Vec<bool>,
}

/// WIT `row-error-code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names are those of the contract in wit/stage.wit, which documents them"
)]
pub enum RowErrorCode {
    Overflow,
    DivideByZero,
    ModulusByZero,
    InvalidArgument,
    NoSuchKey,
    NoSuchOverload,
    IndexOutOfBounds,
    Conflict,
    Other,
}

/// WIT `row-error`: one row without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Row of the batch
    pub row: u32,
    /// Kind
    pub code: RowErrorCode,
    /// Rule, let or output; may be empty
    pub origin: String,
    /// For people
    pub message: String,
}

/// WIT `outcome`, columns checked against the output schema.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One array for each output field
    pub columns: Vec<ArrayRef>,
    /// Ascending by row, each row at most once
    pub errors: Vec<RowError>,
}

/// WIT `explain.fired-rules`, sound: which of the rules fired that [`Stops`] leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredRules {
    /// One more than there are rows, ascending from 0; or nothing, where it leaves out none
    pub offsets: Vec<u32>,
    /// Places in `Outline::rules`, in order of evaluation
    pub rules: Vec<u32>,
}

impl FiredRules {
    /// Those of a batch of `n_rows` rows, once they are known to be such.
    ///
    /// # Errors
    /// `Contract`: the offsets are not those of so many rows.
    pub fn checked(offsets: Vec<u32>, rules: Vec<u32>, n_rows: u32) -> Result<Self, StageFailure> {
        let is_sound = match offsets[..] {
            [] => rules.is_empty(),
            // No rows
            [0] => n_rows == 0 && rules.is_empty(),
            [_] => false,
            [first, .., end] => {
                offsets.len() == n_rows as usize + 1
                    && first == 0
                    && offsets.is_sorted()
                    && end as usize == rules.len()
            }
        };
        if !is_sound {
            return Err(StageFailure {
                kind: StageFailureKind::Contract,
                message: format!("the stage's fired rules are not those of {n_rows} rows"),
            });
        }
        Ok(Self { offsets, rules })
    }

    /// Those that fired in a row, by their places in `Outline::rules`.
    pub fn of_row(&self, row: usize) -> &[u32] {
        match self.offsets.get(row..row + 2) {
            Some(ends) => &self.rules[ends[0] as usize..ends[1] as usize],
            None => &[],
        }
    }
}

/// WIT `explain.stops`, sound: a byte for each row and rule, none of which is reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stops {
    /// Places in `Outline::rules`, ascending
    pub rules: Vec<u32>,
    /// Row by row a byte for each of `rules`: [`Stops::FIRED`], [`Stops::FAILED`], [`Stops::NOT_REACHED`], or the number
    /// of the operand that was false first ([`Role::Condition`])
    pub operands: Vec<u8>,
}

impl Stops {
    /// The condition holds.
    pub const FIRED: u8 = 0;
    /// The row did not reach the stage: hosts have it where a batch's rows are more than those of the stage.
    pub const NOT_REACHED: u8 = 254;
    /// The condition failed.
    pub const FAILED: u8 = 255;

    /// The bytes of each row, in the order of `rules`.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.operands.chunks_exact(self.rules.len().max(1))
    }

    /// The bytes of one row.
    pub fn of_row(&self, row: usize) -> &[u8] {
        self.rows().nth(row).unwrap_or_default()
    }

    /// One rule's bytes, row by row; nothing where there are none of it.
    pub fn of_rule(&self, rule: u32) -> impl Iterator<Item = u8> {
        let place = self.rules.binary_search(&rule).ok();
        let places = place.into_iter();
        places.flat_map(|place| self.rows().map(move |row| row[place]))
    }
}

/// Which rules fired in the rows of a batch, and where the conditions of the others stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons {
    /// Where conditions stopped, if they did
    pub stops: Stops,
    /// Which of the other rules fired
    pub fired: FiredRules,
}

impl Reasons {
    /// All rules that fired in a row, by their places in `Outline::rules`, ascending.
    pub fn fired_in(&self, row: usize) -> Vec<u32> {
        let stops = self.stops.rules.iter().zip(self.stops.of_row(row));
        let fired = stops.filter(|(_, stop)| **stop == Stops::FIRED);
        let others = self.fired.of_row(row);
        let mut rules: Vec<u32> = fired
            .map(|(rule, _)| *rule)
            .chain(others.iter().copied())
            .collect();
        rules.sort_unstable();
        rules
    }

    /// What a stage gave for a batch of `n_rows` rows, once it is known to be sound.
    ///
    /// # Errors
    /// `Contract`: the parts are not those of so many rows, or there is a byte that has no meaning.
    pub fn checked(self, n_rows: u32) -> Result<Self, StageFailure> {
        let Self { fired, stops } = self;
        let fired = FiredRules::checked(fired.offsets, fired.rules, n_rows)?;
        let n_stops = stops.rules.len() as u64 * u64::from(n_rows);
        let is_sound = stops.operands.len() as u64 == n_stops
            && stops.rules.is_sorted_by(|a, b| a < b)
            && !has_unreached(&stops.operands);
        if !is_sound {
            return Err(StageFailure {
                kind: StageFailureKind::Contract,
                message: format!(
                    "where the stage's conditions stopped is not said for {n_rows} rows"
                ),
            });
        }
        Ok(Self { fired, stops })
    }
}

/// Looks at every byte, many at a time: to stop at the first would take longer.
fn has_unreached(stops: &[u8]) -> bool {
    let is_unreached = stops.iter().map(|stop| *stop == Stops::NOT_REACHED);
    is_unreached.fold(false, |any, is| any | is)
}

/// WIT `explain.outline`.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// In order of evaluation
    pub rules: Vec<RuleOutline>,
    /// Conditions as trees in pre-order, contributions, lets
    pub expressions: Vec<Expression>,
    /// Names of the outputs
    pub outputs: Vec<String>,
}

/// WIT `explain.rule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOutline {
    /// Name
    pub name: String,
    /// Higher first
    pub priority: i64,
    /// For people
    pub doc: String,
}

/// WIT `explain.expression`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Index into `Outline::rules`; their number for a `let`
    pub rule: u32,
    /// What it is for
    pub role: Role,
    /// Level in its tree
    pub depth: u32,
    /// Source text
    pub text: String,
    /// Byte offset in the source
    pub offset: u32,
}

/// WIT `explain.role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Part of a condition: its operand of that number from 1 on, or 0
    Condition(u32),
    /// Contribution by `then` to an output
    ThenOutput(u32),
    /// Contribution by `else` to an output
    ElseOutput(u32),
    /// Definition of a `let`
    Definition,
}

/// WIT `explain.verdict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The condition held
    Fired,
    /// It did not
    NotFired,
    /// It failed
    Failed,
}

/// WIT `explain.explanation`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// One for each rule
    pub verdicts: Vec<Verdict>,
    /// One for each expression
    pub values: Vec<Value>,
}

/// Why a component could not be loaded, opened or called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFailure {
    /// Sort of failure
    pub kind: StageFailureKind,
    /// For people, with the offending values
    pub message: String,
}

/// The sorts of [`StageFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageFailureKind {
    /// Not a component, or truncated
    Malformed,
    /// A component of another world, or one that wants more than it is granted
    WrongWorld,
    /// A call passed its deadline
    Deadline,
    /// It wanted more memory than its limit
    Memory,
    /// It trapped: unreachable code, stack overflow, a bad access
    Trap,
    /// It broke the contract: columns or rows that do not fit its schema
    Contract,
    /// It refused a parameter
    InvalidParameter,
    /// It refused a column
    InvalidColumn,
    /// The model is missing or does not fit
    Model,
    /// It reported a failure
    Failed,
}

impl fmt::Display for StageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StageFailure {}

/// A host for stages. One value serves a whole run and is shared by its workers.
pub trait Runtime {
    /// A loaded component, good for any number of sessions.
    type Component;
    /// An open stage, used by one worker at a time.
    type Session;

    /// Checks and prepares a component.
    fn load(&self, component: &[u8]) -> Result<Self::Component, StageFailure>;

    /// Calls `describe`.
    fn describe(
        &self,
        component: &Self::Component,
        limits: Limits,
    ) -> Result<Description, StageFailure>;

    /// Makes an instance and opens a session in it; `parameters` in the order of the description.
    fn open(
        &self,
        component: &Self::Component,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<Self::Session, StageFailure>;

    /// The session's columns.
    fn schema<'a>(&self, session: &'a Self::Session) -> &'a StageSchema;

    /// Computes one batch; its columns are exactly the session's inputs.
    fn process(
        &self,
        session: &mut Self::Session,
        batch: &RecordBatch,
    ) -> Result<Outcome, StageFailure>;

    /// Whether the stage and the host can say which rules fired: components of older compilers can't.
    fn gives_reasons(&self, _session: &Self::Session) -> bool {
        false
    }

    /// Computes one batch as [`Runtime::process`] does, and says which rules fired and where the others stopped; `Failed`
    /// where the stage or the host does not say.
    fn process_with_reasons(
        &self,
        _session: &mut Self::Session,
        _batch: &RecordBatch,
    ) -> Result<(Outcome, Reasons), StageFailure> {
        Err(StageFailure {
            kind: StageFailureKind::Failed,
            message: "this host doesn't say which rules fired".to_owned(),
        })
    }

    /// The component's rules; `None` where it does not explain.
    fn outline(&self, session: &mut Self::Session) -> Result<Option<Outline>, StageFailure>;

    /// Explains one row of a batch.
    fn explain(
        &self,
        session: &mut Self::Session,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure>;
}
