//! Which rules fired in the rows of a batch, over all stages of a pipeline.

use super::{BatchOutcome, Executor, RunFailure};
use crate::runtime::Runtime;
use arrow_array::ListArray;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_schema::{DataType, Field, FieldRef};
use std::sync::Arc;

/// What a stage can say of the rules that fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageReasons {
    /// Which ones fired; these are their names, in the order of evaluation
    Rules(Vec<String>),
    /// It explains single rows only: a component of an older compiler
    SingleRows,
    /// Nothing: it has no rules, or was compiled without `explain`
    Nothing,
}

impl StageReasons {
    /// Of how many rules it can say it.
    pub fn n_rules(&self) -> usize {
        match self {
            Self::Rules(names) => names.len(),
            Self::SingleRows | Self::Nothing => 0,
        }
    }
}

impl<R: Runtime> Executor<R> {
    /// Notes from now on which rules fire ([`BatchOutcome::fired`]), in all stages that can say it: what those can
    /// comes back, in the order of the run.
    ///
    /// # Errors
    /// A stage failed when it was asked for its rules.
    pub fn keep_reasons(&mut self, runtime: &R) -> Result<Vec<StageReasons>, RunFailure> {
        let stages = self.pipeline.stages.iter().zip(&mut self.sessions);
        let reasons = stages.map(|(stage, sessions)| {
            let outline = runtime.outline(&mut sessions.stage);
            let outline = outline.map_err(|failure| RunFailure::Stage {
                stage: stage.name.clone(),
                n_rows: 0,
                failure,
            })?;
            sessions.keeps_reasons = outline.is_some() && runtime.gives_reasons(&sessions.stage);
            Ok(match outline {
                Some(outline) if sessions.keeps_reasons => {
                    let rules = outline.rules.into_iter();
                    StageReasons::Rules(rules.map(|rule| rule.name).collect())
                }
                Some(_) => StageReasons::SingleRows,
                None => StageReasons::Nothing,
            })
        });
        reasons.collect()
    }
}

/// What rules are called where those of all stages stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNames(Vec<Vec<String>>);

impl RuleNames {
    /// From the stages and what they can say: `rule`, or `stage.rule` where several stages have rules.
    pub fn new(stages: &[(&str, StageReasons)]) -> Self {
        let has_rules = |(_, reasons): &&(&str, StageReasons)| reasons.n_rules() > 0;
        let is_one = stages.iter().filter(has_rules).count() == 1;
        let names = stages.iter().map(|(stage, reasons)| match reasons {
            StageReasons::Rules(rules) if is_one => rules.clone(),
            StageReasons::Rules(rules) => {
                rules.iter().map(|rule| format!("{stage}.{rule}")).collect()
            }
            StageReasons::SingleRows | StageReasons::Nothing => Vec::new(),
        });
        Self(names.collect())
    }

    /// The column that [`RuleNames::column`] gives, under a name.
    pub fn field(name: &str) -> Field {
        Field::new_list(name, Self::item(), false)
    }

    fn item() -> FieldRef {
        Arc::new(Field::new("item", DataType::Utf8, false))
    }

    /// For each row of a batch's output the rules that fired, stage by stage and in the order of evaluation.
    pub fn column(&self, outcome: &BatchOutcome) -> ListArray {
        let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Self::item());
        for place in 0..outcome.output.num_rows() {
            let row = match &outcome.kept {
                Some(kept) => kept.value(place) as usize,
                None => place,
            };
            for (names, fired) in self.0.iter().zip(&outcome.fired) {
                let rules = fired.as_ref().map_or(&[][..], |fired| fired.of_row(row));
                let names = rules.iter().filter_map(|rule| names.get(*rule as usize));
                names.for_each(|name| lists.values().append_value(name));
            }
            lists.append(true);
        }
        lists.finish()
    }
}
