//! Which rules fired in the rows of a batch, over all stages of a pipeline, and where the others stopped.

use super::{BatchOutcome, Executor, RunFailure};
use crate::runtime::{Outline, Role, Runtime, Stops};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, FieldRef};
use std::sync::Arc;

/// What a stage can say of the rules that fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageReasons {
    /// Which ones fired; these are they, in the order of evaluation
    Rules(Vec<ExplainedRule>),
    /// It explains single rows only: a component of an older compiler
    SingleRows,
    /// Nothing: it has no rules, or was compiled without `explain`
    Nothing,
}

/// A rule of which a stage says in which rows it fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRule {
    /// Its name
    pub name: String,
    /// The source texts of its condition's operands, each in one line; none for a table
    pub operands: Vec<String>,
    /// Whether the stage says where it stopped, too
    pub has_stops: bool,
}

impl ExplainedRule {
    /// What was false where the condition stopped at an operand: its source text, for people.
    pub fn stop(&self, operand: u8) -> &str {
        let text = usize::from(operand).checked_sub(1);
        let text = text.and_then(|place| self.operands.get(place));
        text.map_or("no row matches", String::as_str)
    }
}

impl StageReasons {
    /// Of how many rules it can say it.
    pub fn n_rules(&self) -> usize {
        match self {
            Self::Rules(rules) => rules.len(),
            Self::SingleRows | Self::Nothing => 0,
        }
    }
}

impl<R: Runtime> Executor<R> {
    /// Notes from now on which rules fire and where conditions stop ([`BatchOutcome::reasons`]), in all stages that can say
    /// it: what those can comes back, in the order of the run.
    ///
    /// # Errors
    /// A stage failed when it was asked for its rules.
    pub fn keep_reasons(&mut self, runtime: &R) -> Result<Vec<StageReasons>, RunFailure> {
        let stages = self.pipeline.stages.iter().zip(&mut self.sessions);
        let reasons = stages.map(|(stage, sessions)| {
            let failed = |failure| RunFailure::Stage {
                stage: stage.name.clone(),
                n_rows: 0,
                failure,
            };
            let outline = runtime.outline(&mut sessions.stage).map_err(failed)?;
            sessions.keeps_reasons = outline.is_some() && runtime.gives_reasons(&sessions.stage);
            Ok(match outline {
                Some(outline) if sessions.keeps_reasons => {
                    let inputs = runtime.schema(&sessions.stage).inputs.clone();
                    let no_rows = RecordBatch::new_empty(inputs);
                    let answer = runtime.process_with_reasons(&mut sessions.stage, &no_rows);
                    let (_, reasons) = answer.map_err(failed)?;
                    StageReasons::Rules(explained_rules(outline, &reasons.stops))
                }
                Some(_) => StageReasons::SingleRows,
                None => StageReasons::Nothing,
            })
        });
        reasons.collect()
    }
}

fn explained_rules(outline: Outline, stops: &Stops) -> Vec<ExplainedRule> {
    let mut rules: Vec<ExplainedRule> = outline
        .rules
        .into_iter()
        .zip(0..)
        .map(|(rule, place)| ExplainedRule {
            name: rule.name,
            operands: Vec::new(),
            has_stops: stops.rules.binary_search(&place).is_ok(),
        })
        .collect();
    for part in &outline.expressions {
        if let (Role::Condition(1..), Some(rule)) = (part.role, rules.get_mut(part.rule as usize)) {
            let words: Vec<&str> = part.text.split_whitespace().collect();
            rule.operands.push(words.join(" "));
        }
    }
    rules
}

/// What rules are called where those of all stages stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNames(Vec<Vec<String>>);

impl RuleNames {
    /// From the stages and what they can say: `rule`, or `stage.rule` where several stages have rules.
    pub fn new(stages: &[(&str, &StageReasons)]) -> Self {
        let has_rules = |(_, reasons): &&(&str, &StageReasons)| reasons.n_rules() > 0;
        let is_one = stages.iter().filter(has_rules).count() == 1;
        let names = stages.iter().map(|(stage, reasons)| match reasons {
            StageReasons::Rules(rules) => {
                let names = rules.iter().map(|rule| match is_one {
                    true => rule.name.clone(),
                    false => format!("{stage}.{}", rule.name),
                });
                names.collect()
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
            let row = outcome.row_in_batch(place);
            for (names, reasons) in self.0.iter().zip(&outcome.reasons) {
                let rules = reasons.as_ref().map(|reasons| reasons.fired_in(row));
                let rules = rules.unwrap_or_default();
                let names = rules.iter().filter_map(|rule| names.get(*rule as usize));
                names.for_each(|name| lists.values().append_value(name));
            }
            lists.append(true);
        }
        lists.finish()
    }

    /// All of them, by stages in the order of the run and their rules in the order of evaluation.
    pub fn stages(&self) -> &[Vec<String>] {
        &self.0
    }
}

/// One rule's first failing conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyNot {
    stage: usize,
    place: u32,
    rule: ExplainedRule,
}

impl WhyNot {
    /// Of rule number `rule` of stage number `stage`, which has said that it knows.
    pub fn new(reasons: &[StageReasons], stage: usize, rule: usize) -> Option<Self> {
        let StageReasons::Rules(rules) = reasons.get(stage)? else {
            return None;
        };
        let explained = rules.get(rule).filter(|rule| rule.has_stops)?;
        Some(Self {
            stage,
            place: rule as u32,
            rule: explained.clone(),
        })
    }

    /// For each row of a batch's output the source text of the first operand of the rule's condition that is false: null
    /// where the rule fired, `(failed)` where the condition failed, `(not reached)` where the row did not reach the stage.
    pub fn column(&self, outcome: &BatchOutcome) -> StringArray {
        let reasons = outcome.reasons.get(self.stage).and_then(Option::as_ref);
        let stops: Vec<u8> = match reasons {
            Some(reasons) => reasons.stops.of_rule(self.place).collect(),
            None => Vec::new(),
        };
        let rows = (0..outcome.output.num_rows()).map(|place| outcome.row_in_batch(place));
        let texts = rows.map(|row| match stops.get(row).copied() {
            Some(Stops::FIRED) => None,
            Some(Stops::FAILED) => Some("(failed)"),
            Some(Stops::NOT_REACHED) | None => Some("(not reached)"),
            Some(operand) => Some(self.rule.stop(operand)),
        });
        texts.collect()
    }
}
