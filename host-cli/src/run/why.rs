//! `run --why`: a column with the names of the rules that fired.

use super::worker::{open_stages, run_failure};
use crate::failure::{Failure, Result, Status};
use crate::pipelines::Loaded;
use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema, SchemaRef};
use rulestage_compose::Parts;
use rulestage_pipeline::run::{BatchOutcome, RuleNames, StageReasons};
use rulestage_runtime_wasmtime::inspect;
use std::sync::Arc;

/// The column and what it is made of.
#[derive(Clone)]
pub(crate) struct Why {
    field: FieldRef,
    names: Arc<RuleNames>,
}

impl Why {
    /// The column `name`. Fails where the pipeline has rules of which nobody can say whether they fired, or none.
    pub(crate) fn open(name: &str, loaded: &Loaded) -> Result<Self> {
        let reasons = open_stages(loaded)?.keep_reasons(&loaded.host);
        let reasons = reasons.map_err(|failure| run_failure(failure, 0))?;
        let mut stages = Vec::with_capacity(reasons.len());
        for (stage, reasons) in loaded.pipeline.stages.iter().zip(reasons) {
            let refusal = |why: &str, hint: &str| {
                let message = format!("stage `{}` {why}", stage.name);
                Err(Failure::new(Status::Component, message).with_hint(hint))
            };
            match reasons {
                StageReasons::SingleRows => {
                    return refusal(
                        "can't say which rules fired: an older version compiled it",
                        "compile it again with `rulestage compile`, or look at single rows with `rulestage explain`",
                    );
                }
                StageReasons::Nothing if !has_model(&stage.bytes) => {
                    return refusal(
                        "doesn't explain itself: it can't say which rules fired",
                        "compile it without `--no-explain`, or run without `--why`",
                    );
                }
                reasons => stages.push((stage.name.as_str(), reasons)),
            }
        }
        let has_rules = |(_, reasons): &(&str, StageReasons)| *reasons != StageReasons::Nothing;
        if !stages.iter().any(has_rules) {
            return Err(Failure::new(
                Status::Usage,
                "`--why` has nothing to say: no stage has rules",
            )
            .with_hint("run without it"));
        }
        Ok(Self {
            field: Arc::new(RuleNames::field(name)),
            names: Arc::new(RuleNames::new(&stages)),
        })
    }

    /// The columns of a run with this one at the end.
    pub(super) fn schema(&self, output: &Schema) -> Result<SchemaRef> {
        let name = self.field.name();
        if output.index_of(name).is_ok() {
            let message = format!("the output already has a column `{name}`");
            return Err(Failure::new(Status::Usage, message)
                .with_hint("choose another name: `--why=COLUMN`"));
        }
        let fields = output.fields().iter().cloned();
        let fields: Vec<_> = fields.chain([self.field.clone()]).collect();
        Ok(Arc::new(Schema::new(fields)))
    }

    /// A batch's output with the column.
    pub(super) fn add_to(&self, outcome: &BatchOutcome) -> Result<RecordBatch> {
        let schema = self.schema(outcome.output.schema_ref())?;
        let mut columns = outcome.output.columns().to_vec();
        columns.push(Arc::new(self.names.column(outcome)));
        RecordBatch::try_new(schema, columns).map_err(|error| Failure::new(Status::File, error))
    }
}

/// Whether a component is a model's: it has no rules to speak of.
fn has_model(component: &[u8]) -> bool {
    let wants_model = inspect(component).is_ok_and(|info| !info.imports.is_empty());
    wants_model || Parts::of(component).is_some()
}
