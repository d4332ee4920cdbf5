//! One stage over one batch: gate, conversion, call, and the rows that failed.

use super::{
    BatchOutcome, DeadRow, Observer, RunFailure, Sessions, StageExplanation, arrow_failure,
    record_batch,
};
use crate::bind::{Binding, Column, StageBinding};
use crate::cast::{self, CellError, Converted};
use crate::load::Stage;
use crate::manifest::OnError;
use crate::rows::{gather, take};
use crate::runtime::{
    FiredRules, Outcome, Reasons, RowErrorCode, Runtime, StageFailure, StageFailureKind, Stops,
};
use crate::wire::is_dynamic;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, new_empty_array};
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use rulestage_sort::sort_by_key;

/// A batch on its way through the stages. All columns keep the batch's rows; dead ones go at the end.
pub(super) struct Work<'a> {
    batch: &'a RecordBatch,
    produced: Vec<(FieldRef, ArrayRef)>,
    converted: Vec<(usize, FieldRef, Converted)>,
    /// Rows that are still to be computed, ascending; `None`: all
    alive: Option<Vec<u32>>,
    dead: Vec<DeadRow>,
    fatal: Option<DeadRow>,
    reasons: Vec<Option<Reasons>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Self {
        Self {
            batch,
            produced: Vec::new(),
            converted: Vec::new(),
            alive: None,
            dead: Vec::new(),
            fatal: None,
            reasons: Vec::new(),
        }
    }

    pub(super) fn first_fatal(&self) -> Option<DeadRow> {
        self.fatal.clone()
    }

    /// Is no row left to compute?
    pub(super) fn is_over(&self) -> bool {
        self.alive.as_ref().is_some_and(Vec::is_empty)
    }

    /// The column as the stage wants it, for all rows, and its cells that did not convert.
    fn column(
        &mut self,
        column: Column,
        wanted: &FieldRef,
    ) -> Result<(ArrayRef, Vec<CellError>), ArrowError> {
        match column {
            Column::Produced(index) => {
                let (field, array) = &self.produced[index];
                let converted = cast::convert(array, field, wanted)?;
                Ok((converted.array, converted.errors))
            }
            Column::Input(index) => {
                let known = |(at, field, _): &&(usize, FieldRef, Converted)| {
                    *at == index
                        && has_type_of(field, wanted)
                        && field.is_nullable() == wanted.is_nullable()
                };
                if let Some((_, _, converted)) = self.converted.iter().find(known) {
                    return Ok((converted.array.clone(), converted.errors.clone()));
                }
                let from = self.batch.schema_ref().field(index);
                let converted = cast::convert(self.batch.column(index), from, wanted)?;
                let result = (converted.array.clone(), converted.errors.clone());
                self.converted.push((index, wanted.clone(), converted));
                Ok(result)
            }
        }
    }

    /// An input column as it leaves: most likely what some stage has read.
    fn typed_column(&mut self, index: usize, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
        let known = |(at, known, _): &&(usize, FieldRef, Converted)| {
            *at == index && has_type_of(known, field)
        };
        match self.converted.iter().find(known) {
            Some((_, _, converted)) => Ok(converted.array.clone()),
            None => Ok(self.column(Column::Input(index), field)?.0),
        }
    }

    /// Takes a row out of the run.
    fn kill(&mut self, row: DeadRow, on_error: OnError) {
        if on_error == OnError::Fail
            && self
                .fatal
                .as_ref()
                .is_none_or(|fatal| row.row_in_batch < fatal.row_in_batch)
        {
            self.fatal = Some(row.clone());
        }
        self.dead.push(row);
    }

    fn rows(&self) -> Rows {
        Rows {
            n_rows: self.batch.num_rows(),
            selected: self.alive.clone(),
        }
    }

    pub(super) fn finish(
        mut self,
        binding: &Binding,
        stage_rows: Vec<usize>,
    ) -> Result<BatchOutcome, ArrowError> {
        let mut columns = Vec::with_capacity(binding.output.fields().len());
        for (index, typed) in binding.typed.iter().enumerate() {
            columns.push(match typed {
                None => self.batch.column(index).clone(),
                Some(field) => self.typed_column(index, field)?,
            });
        }
        columns.extend(self.produced.into_iter().map(|(_, array)| array));
        let kept = self.alive.map(UInt32Array::from);
        let n_rows = kept
            .as_ref()
            .map_or(self.batch.num_rows(), |kept| kept.len());
        if let Some(kept) = &kept {
            columns = columns
                .iter()
                .map(|column| take(column, rows_of(kept)))
                .collect::<Result<_, _>>()?;
        }
        sort_by_key(&mut self.dead, |row| row.row_in_batch);
        let output = record_batch(binding.output.clone(), columns, n_rows)?;
        Ok(BatchOutcome {
            output,
            kept,
            dead: self.dead,
            stage_rows,
            reasons: self.reasons,
        })
    }
}

fn rows_of(rows: &UInt32Array) -> impl Iterator<Item = usize> + '_ {
    rows.values().iter().map(|row| *row as usize)
}

/// The same type, nulls aside?
fn has_type_of(field: &Field, other: &Field) -> bool {
    field.data_type() == other.data_type() && is_dynamic(field) == is_dynamic(other)
}

/// Rows of a batch, ascending; `None`: all.
#[derive(Clone)]
struct Rows {
    n_rows: usize,
    selected: Option<Vec<u32>>,
}

impl Rows {
    fn len(&self) -> usize {
        self.selected.as_ref().map_or(self.n_rows, Vec::len)
    }

    /// The row of the batch at a place of the selection.
    fn row(&self, place: usize) -> u32 {
        self.selected
            .as_ref()
            .map_or(place as u32, |selected| selected[place])
    }

    fn contains(&self, row: u32) -> bool {
        self.selected
            .as_ref()
            .is_none_or(|selected| selected.binary_search(&row).is_ok())
    }

    /// Keeps the rows at places for which `keep` holds.
    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let kept: Vec<u32> = (0..self.len())
            .filter(|place| keep(*place))
            .map(|place| self.row(place))
            .collect();
        if kept.len() < self.len() {
            self.selected = Some(kept);
        }
    }

    /// Takes out rows, ascending.
    fn remove(&mut self, rows: &[u32]) {
        if !rows.is_empty() {
            let selected = self.clone();
            self.retain(|place| rows.binary_search(&selected.row(place)).is_err());
        }
    }
}

/// Who looks on while a stage runs.
pub(super) struct Watch<'a> {
    pub(super) observer: &'a mut dyn Observer,
    /// The number of the stage
    pub(super) stage: usize,
    /// Where to note why, for one row
    pub(super) record: Option<&'a mut StageExplanation>,
}

/// Runs a stage and adds its outputs to `work`; the number of rows that reached it comes back.
pub(super) fn run<R: Runtime>(
    runtime: &R,
    stage: &Stage<R>,
    sessions: &mut Sessions<R>,
    binding: &StageBinding,
    work: &mut Work<'_>,
    watch: Watch<'_>,
) -> Result<usize, RunFailure> {
    let Watch {
        observer,
        stage: number,
        mut record,
    } = watch;
    let mut rows = work.rows();
    // Rows with an error that leave the run, ascending
    let mut lost: Vec<u32> = Vec::new();
    let mut call = Call {
        stage,
        work,
        lost: &mut lost,
        failure: None,
    };
    if let (Some(gate), Some(session)) = (&stage.gate, &mut sessions.gate) {
        let batch = call.inputs(&gate.schema.inputs, &binding.gate, &mut rows)?;
        let columns = call.compute(&gate.schema.outputs, &rows, || {
            runtime.process(session, &batch)
        })?;
        let Some(passed) = columns
            .columns
            .first()
            .and_then(|result| result.as_boolean_opt())
        else {
            return Err(failed(
                stage,
                rows.len(),
                contract("its condition gave no result".to_owned()),
            ));
        };
        rows.retain(|place| passed.is_valid(place) && passed.value(place));
        rows.remove(&columns.failed_rows);
        if let Some(record) = &mut record {
            record.gate_passed = Some(rows.len() > 0);
        }
    }
    let batch = call.inputs(&stage.schema.inputs, &binding.inputs, &mut rows)?;
    observer.stage_started(number);
    let mut reasons = None;
    let outcome = call.compute(&stage.schema.outputs, &rows, || {
        if !sessions.keeps_reasons {
            return runtime.process(&mut sessions.stage, &batch);
        }
        let (outcome, given) = runtime.process_with_reasons(&mut sessions.stage, &batch)?;
        reasons = Some(given);
        Ok(outcome)
    });
    observer.stage_finished(number, rows.len());
    let columns = outcome?.columns;
    if let Some(record) = record {
        record.failure = call.failure;
        super::explain::record(runtime, stage, sessions, batch, &columns, record)?;
    }
    let n_rows = rows.len();
    let columns = spread(stage, &columns, &rows)
        .map_err(|error| failed(stage, n_rows, arrow_failure(&error)))?;
    work.produced
        .extend(stage.outputs.iter().cloned().zip(columns));
    if sessions.keeps_reasons {
        work.reasons.push(Some(spread_reasons(reasons, &rows)));
    } else {
        work.reasons.push(None);
    }
    lost.sort_unstable();
    let mut alive = work.rows();
    alive.remove(&lost);
    work.alive = alive.selected;
    Ok(n_rows)
}

fn failed<R: Runtime>(stage: &Stage<R>, n_rows: usize, failure: StageFailure) -> RunFailure {
    RunFailure::Stage {
        stage: stage.name.clone(),
        n_rows,
        failure,
    }
}

fn contract(message: String) -> StageFailure {
    StageFailure {
        kind: StageFailureKind::Contract,
        message,
    }
}

/// The stage's part of the batch: its rows' results, and the defaults elsewhere.
fn spread<R: Runtime>(
    stage: &Stage<R>,
    columns: &[ArrayRef],
    rows: &Rows,
) -> Result<Vec<ArrayRef>, ArrowError> {
    if rows.len() == rows.n_rows {
        return Ok(columns.to_vec());
    }
    let mut places = vec![(1, 0); rows.n_rows];
    (0..rows.len()).for_each(|place| places[rows.row(place) as usize] = (0, place));
    let pairs = columns.iter().zip(&stage.defaults);
    pairs
        .map(|(column, default)| {
            let places = places.iter().copied().map(Some);
            gather(&[column.as_ref(), default.as_ref()], places)
        })
        .collect()
}

/// The stage's reasons, for all rows of the batch.
fn spread_reasons(reasons: Option<Reasons>, rows: &Rows) -> Reasons {
    let Some(Reasons {
        mut fired,
        mut stops,
    }) = reasons
    else {
        let fired = FiredRules {
            offsets: Vec::new(),
            rules: Vec::new(),
        };
        let stops = Stops {
            rules: Vec::new(),
            operands: Vec::new(),
        };
        return Reasons { fired, stops };
    };
    if let Some(selected) = &rows.selected {
        let mut places = 0;
        let offset = |row: usize| {
            while selected.get(places).is_some_and(|at| (*at as usize) < row) {
                places += 1;
            }
            fired.offsets[places]
        };
        if !fired.offsets.is_empty() {
            fired.offsets = (0..=rows.n_rows).map(offset).collect();
        }
        let n_rules = stops.rules.len();
        let mut operands = vec![Stops::NOT_REACHED; rows.n_rows * n_rules];
        for (row, stops) in selected.iter().zip(stops.rows()) {
            operands[*row as usize * n_rules..][..n_rules].copy_from_slice(stops);
        }
        stops.operands = operands;
    }
    Reasons { fired, stops }
}

/// A call of a stage or its gate.
struct Call<'c, 'w, R: Runtime> {
    stage: &'c Stage<R>,
    work: &'c mut Work<'w>,
    lost: &'c mut Vec<u32>,
    /// The last row that failed, whatever becomes of it
    failure: Option<DeadRow>,
}

/// What a call gave, for the rows it was given.
struct Computed {
    columns: Vec<ArrayRef>,
    /// Ascending
    failed_rows: Vec<u32>,
}

impl<R: Runtime> Call<'_, '_, R> {
    /// The columns of the call for `rows`. Rows with cells that don't convert fail and leave `rows`.
    fn inputs(
        &mut self,
        schema: &Schema,
        columns: &[Column],
        rows: &mut Rows,
    ) -> Result<RecordBatch, RunFailure> {
        let n_rows = rows.len();
        let refused = |error: &ArrowError| failed(self.stage, n_rows, arrow_failure(error));
        let mut arrays = Vec::with_capacity(columns.len());
        let mut errors: Vec<(u32, &Field, String)> = Vec::new();
        for (column, wanted) in columns.iter().zip(schema.fields()) {
            let (array, cells) = self
                .work
                .column(*column, wanted)
                .map_err(|error| refused(&error))?;
            arrays.push(array);
            let cells = cells.into_iter().filter(|cell| rows.contains(cell.row));
            errors.extend(cells.map(|cell| (cell.row, &**wanted, cell.message)));
        }
        // The first column that failed speaks for the row.
        sort_by_key(&mut errors, |(row, ..)| *row);
        errors.dedup_by_key(|(row, ..)| *row);
        let failed_rows: Vec<u32> = errors.iter().map(|(row, ..)| *row).collect();
        for (row, wanted, message) in errors {
            let message = format!(
                "column `{}` can't be read as {}: {message}",
                wanted.name(),
                crate::wire::type_name(wanted)
            );
            self.row_failed(
                row,
                RowErrorCode::InvalidArgument,
                wanted.name().clone(),
                message,
            );
        }
        rows.remove(&failed_rows);
        let n_rows = rows.len();
        let refused = |error: &ArrowError| failed(self.stage, n_rows, arrow_failure(error));
        if let Some(selected) = &rows.selected {
            let selected = arrays
                .iter()
                .map(|array| take(array, selected.iter().map(|row| *row as usize)));
            arrays = selected
                .collect::<Result<_, _>>()
                .map_err(|error| refused(&error))?;
        }
        record_batch(schema.clone().into(), arrays, n_rows).map_err(|error| refused(&error))
    }

    /// Calls the component unless there is nothing to compute, and sees to the rows that failed.
    fn compute(
        &mut self,
        schema: &Schema,
        rows: &Rows,
        process: impl FnOnce() -> Result<Outcome, StageFailure>,
    ) -> Result<Computed, RunFailure> {
        let n_rows = rows.len();
        if n_rows == 0 {
            let columns = schema
                .fields()
                .iter()
                .map(|field| new_empty_array(field.data_type()))
                .collect();
            return Ok(Computed {
                columns,
                failed_rows: Vec::new(),
            });
        }
        let outcome = process().map_err(|failure| failed(self.stage, n_rows, failure))?;
        let fits = |(column, field): (&ArrayRef, &FieldRef)| {
            column.len() == n_rows && column.data_type() == field.data_type()
        };
        let is_complete = outcome.columns.len() == schema.fields().len();
        if !is_complete || !outcome.columns.iter().zip(schema.fields()).all(fits) {
            let message =
                format!("its result does not have {n_rows} rows of the columns it promised");
            return Err(failed(self.stage, n_rows, contract(message)));
        }
        let mut failed_rows = Vec::with_capacity(outcome.errors.len());
        for error in outcome.errors {
            if error.row as usize >= n_rows {
                let message = format!("it reported an error for row {} of {n_rows}", error.row);
                return Err(failed(self.stage, n_rows, contract(message)));
            }
            let row = rows.row(error.row as usize);
            failed_rows.push(row);
            self.row_failed(row, error.code, error.origin, error.message);
        }
        Ok(Computed {
            columns: outcome.columns,
            failed_rows,
        })
    }

    fn row_failed(
        &mut self,
        row_in_batch: u32,
        code: RowErrorCode,
        origin: String,
        message: String,
    ) {
        let row = DeadRow {
            row_in_batch,
            stage: self.stage.name.clone(),
            code,
            origin,
            message,
        };
        self.failure = Some(row.clone());
        if self.stage.on_error != OnError::Default {
            self.lost.push(row_in_batch);
            self.work.kill(row, self.stage.on_error);
        }
    }
}
