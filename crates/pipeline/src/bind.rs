//! Which columns each stage reads, once the input's columns are known.

use crate::cast;
use crate::graph::missing_column;
use crate::load::Pipeline;
use crate::runtime::Runtime;
use crate::wire::{is_dynamic, type_name};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use std::sync::Arc;

/// How input columns go to the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BindOptions {
    /// Columns of text or JSON that a stage reads as another type leave as that type: for outputs that have
    /// types, when the input has none. A cell that does not convert becomes null, if its row stays at all.
    pub typed: bool,
}

/// A pipeline joined to the columns of one input.
#[derive(Debug, Clone)]
pub struct Binding {
    /// What batches must look like
    pub input: SchemaRef,
    /// The input's columns and then the produced fields in the order of the run
    pub output: SchemaRef,
    /// For each stage in the order of the run
    pub(crate) stages: Vec<StageBinding>,
    /// For each input column: the type it leaves as, where that is not its own
    pub(crate) typed: Vec<Option<FieldRef>>,
}

#[derive(Debug, Clone)]
pub(crate) struct StageBinding {
    pub(crate) inputs: Vec<Column>,
    pub(crate) gate: Vec<Column>,
}

/// Where a stage's column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Column of the input
    Input(usize),
    /// Produced field, counted over all stages in the order of the run
    Produced(usize),
}

/// Why an input does not fit a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindProblem {
    /// The column concerned
    pub column: String,
    /// What is wrong
    pub message: String,
    /// What to do about it
    pub hints: Vec<String>,
}

impl<R: Runtime> Pipeline<R> {
    /// Joins the pipeline to an input with these columns.
    ///
    /// # Errors
    /// All problems: columns that are missing, of a type that does not convert, named twice, or called like a
    /// produced field.
    pub fn bind(
        &self,
        input: &SchemaRef,
        options: BindOptions,
    ) -> Result<Binding, Vec<BindProblem>> {
        let mut problems = Vec::new();
        let columns: Vec<&str> = input
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        for (index, name) in columns.iter().enumerate() {
            if columns[..index].contains(name) {
                problems.push(problem(
                    name,
                    format!("the input has two columns called `{name}`"),
                ));
            }
        }
        let produced: Vec<&FieldRef> = self
            .stages
            .iter()
            .flat_map(|stage| &stage.outputs)
            .collect();
        for stage in &self.stages {
            for field in stage
                .outputs
                .iter()
                .filter(|field| columns.contains(&field.name().as_str()))
            {
                let name = field.name();
                let message = format!(
                    "stage `{}` produces `{name}`, and the input already has that column",
                    stage.name
                );
                let mut problem = problem(name, message);
                problem
                    .hints
                    .push("rename the column, or the output of the stage".to_owned());
                problems.push(problem);
            }
        }
        for external in &self.externals {
            if !columns.contains(&external.field.name().as_str()) {
                let names: Vec<&str> = produced.iter().map(|field| field.name().as_str()).collect();
                let (message, hints) = missing_column(external, &columns, &names);
                problems.push(BindProblem {
                    column: external.field.name().clone(),
                    message,
                    hints,
                });
            }
        }
        let find = |name: &str| {
            let produced = produced
                .iter()
                .position(|field| field.name() == name)
                .map(Column::Produced);
            produced.or_else(|| {
                columns
                    .iter()
                    .position(|column| *column == name)
                    .map(Column::Input)
            })
        };
        let mut stages = Vec::with_capacity(self.stages.len());
        let mut typed: Vec<Option<FieldRef>> = vec![None; columns.len()];
        for stage in &self.stages {
            let mut bind = |wanted: &Schema| {
                let mut bound = Vec::with_capacity(wanted.fields().len());
                for wanted in wanted.fields() {
                    let Some(column) = find(wanted.name()) else {
                        continue;
                    };
                    if let Column::Input(index) = column {
                        let from = input.field(index);
                        if cast::fits(from, wanted) {
                            note_type(&mut typed[index], from, wanted);
                        } else {
                            problems.push(wrong_type(&stage.name, from, wanted));
                        }
                    }
                    bound.push(column);
                }
                bound
            };
            let inputs = bind(&stage.schema.inputs);
            let gate = stage
                .gate
                .as_ref()
                .map(|gate| bind(&gate.schema.inputs))
                .unwrap_or_default();
            stages.push(StageBinding { inputs, gate });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if !options.typed {
            typed.fill(None);
        }
        let kept = input
            .fields()
            .iter()
            .zip(&typed)
            .map(|(own, typed)| typed.as_ref().unwrap_or(own));
        let fields: Vec<FieldRef> = kept.chain(produced).cloned().collect();
        Ok(Binding {
            input: input.clone(),
            output: Arc::new(Schema::new(fields)),
            stages,
            typed,
        })
    }
}

/// The first stage that reads a column decides how it leaves.
fn note_type(typed: &mut Option<FieldRef>, from: &Field, wanted: &Field) {
    let is_text = matches!(
        from.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let is_same = *wanted.data_type() == DataType::Utf8 && is_dynamic(from) == is_dynamic(wanted);
    if is_text && !is_same && typed.is_none() {
        *typed = Some(Arc::new(wanted.clone().with_nullable(true)));
    }
}

fn wrong_type(stage: &str, from: &Field, wanted: &Field) -> BindProblem {
    let (name, found, wanted) = (from.name(), type_name(from), type_name(wanted));
    let mut problem = problem(
        name,
        format!("column `{name}` is {found}, and stage `{stage}` reads it as {wanted}"),
    );
    if matches!(
        from.data_type(),
        DataType::Decimal128(..) | DataType::Decimal256(..)
    ) {
        problem
            .hints
            .push("convert the decimals to doubles before, if rounding them is right".to_owned());
    }
    problem
}

fn problem(column: &str, message: String) -> BindProblem {
    BindProblem {
        column: column.to_owned(),
        message,
        hints: Vec::new(),
    }
}
