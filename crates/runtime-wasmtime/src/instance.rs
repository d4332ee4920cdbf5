//! What sessions ask of an instance, however it is called.

use rulestage_pipeline::runtime::{
    Description, Explanation, Outline, Reasons, RowError, StageFailure, Value,
};
use rulestage_pipeline::wire::FlatArray;
use rulestage_stage_abi::{FieldRecord, StageError};

use crate::row::{RowForm, RowResult};
use crate::store::MemoryBudget;

/// An answer of the stage, or its own refusal.
pub(crate) type Answer<T> = Result<T, StageError>;
/// An answer, if the call came to its end and what it gave is well-formed.
pub(crate) type Called<T> = Result<T, StageFailure>;

/// The results of a batch as the stage gave them.
pub(crate) struct RawOutcome {
    pub(crate) arrays: Vec<FlatArray<'static>>,
    pub(crate) errors: Vec<RowError>,
}

/// The results of one row.
pub(crate) enum RawRow {
    /// They are in the vector that was handed over
    Values,
    /// The row failed, or its columns have to be checked in full
    Outcome(RawOutcome),
}

/// An instance of a stage, with a session in it once [`StageInstance::open`] has succeeded.
pub(crate) trait StageInstance: Send {
    fn memory(&self) -> &MemoryBudget;

    fn describe(&mut self) -> Called<Description>;

    fn open(&mut self, parameters: &[Value]) -> Called<Answer<()>>;

    /// The fields of inputs and of outputs.
    fn schema(&mut self) -> Called<[Vec<FieldRecord>; 2]>;

    fn process(&mut self, n_rows: u32, columns: &[FlatArray<'_>]) -> Called<Answer<RawOutcome>>;

    /// Computes one row; `None` where [`StageInstance::process`] has to do that.
    fn process_row(
        &mut self,
        _row: &RowForm,
        _values: &mut Vec<RowResult>,
    ) -> Option<Called<Answer<RawRow>>> {
        None
    }

    /// The functions of `explain` are called for components that have them. Reasons are as the stage gave them.
    fn process_with_reasons(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
    ) -> Called<Answer<(RawOutcome, Reasons)>>;

    fn outline(&mut self) -> Called<Outline>;

    fn explain(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
        row: u32,
    ) -> Called<Answer<Explanation>>;
}
