//! What `run` says of rules: columns with those that fired and with what others stopped at, and a count of both.

use super::worker::{open_stages, run_failure};
use crate::failure::{Failure, Result, Status};
use crate::input::nearest_name;
use crate::pipelines::Loaded;
use crate::render::funnel::RuleFunnel;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use rulestage_pipeline::run::{BatchOutcome, Funnels, RuleNames, StageReasons, WhyNot};
use std::sync::Arc;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The column with the rules that fired
    pub(crate) why: Option<&'a str>,
    /// Rules that get a column with what they stopped at
    pub(crate) why_not: &'a [String],
    pub(crate) funnel: bool,
}

/// The columns and what they are made of.
#[derive(Clone)]
pub(crate) struct Why {
    names: Arc<RuleNames>,
    reasons: Arc<Vec<StageReasons>>,
    fired: Option<FieldRef>,
    why_not: Vec<(FieldRef, WhyNot)>,
    has_funnel: bool,
}

impl Why {
    /// `None` where nothing is asked for. Fails where the pipeline has rules of which nobody can say whether they fired,
    /// or none, or not the one that is asked for.
    pub(crate) fn open(asked: Asked<'_>, loaded: &Loaded) -> Result<Option<Self>> {
        let flag = match asked {
            Asked { why: Some(_), .. } => "--why",
            Asked { why_not, .. } if !why_not.is_empty() => "--why-not",
            Asked { funnel: true, .. } => "--funnel",
            _ => return Ok(None),
        };
        let reasons = open_stages(loaded)?.keep_reasons(&loaded.host);
        let reasons = reasons.map_err(|failure| run_failure(failure, 0))?;
        let stages = loaded.pipeline.stages.iter().zip(&reasons);
        for (stage, reasons) in stages.clone() {
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
                StageReasons::Nothing if are_silent_rules(&stage.bytes) => {
                    return refusal(
                        "doesn't explain itself: it can't say which rules fired",
                        &format!("compile it without `--no-explain`, or run without `{flag}`"),
                    );
                }
                _ => {}
            }
        }
        if reasons.iter().all(|each| *each == StageReasons::Nothing) {
            let message = format!("`{flag}` has nothing to say: no stage has rules");
            return Err(Failure::new(Status::Usage, message).with_hint("run without it"));
        }
        let stages: Vec<_> = stages.map(|(stage, each)| (&*stage.name, each)).collect();
        let names = RuleNames::new(&stages);
        let why_not = asked.why_not.iter();
        let why_not = why_not.map(|rule| why_not_column(rule, &names, &reasons));
        Ok(Some(Self {
            fired: asked.why.map(|name| Arc::new(RuleNames::field(name))),
            why_not: why_not.collect::<Result<_>>()?,
            has_funnel: asked.funnel,
            names: Arc::new(names),
            reasons: Arc::new(reasons),
        }))
    }

    fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let why_not = self.why_not.iter().map(|(field, _)| field);
        self.fired.iter().chain(why_not)
    }

    /// The columns of a run with these at the end.
    pub(super) fn schema(&self, output: &Schema) -> Result<SchemaRef> {
        let mut fields: Vec<FieldRef> = output.fields().iter().cloned().collect();
        for field in self.fields() {
            let name = field.name();
            if fields.iter().any(|other| other.name() == name) {
                let message = format!("the output already has a column `{name}`");
                return Err(
                    Failure::new(Status::Usage, message).with_hint(match &self.fired {
                        Some(fired) if fired == field => "choose another name: `--why=COLUMN`",
                        _ => "rename that column, or ask for each rule once",
                    }),
                );
            }
            fields.push(field.clone());
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    /// A batch's output with the columns.
    pub(super) fn add_to(&self, outcome: &BatchOutcome) -> Result<RecordBatch> {
        let schema = self.schema(outcome.output.schema_ref())?;
        let mut columns = outcome.output.columns().to_vec();
        if self.fired.is_some() {
            columns.push(Arc::new(self.names.column(outcome)));
        }
        let why_not = self.why_not.iter();
        columns.extend(why_not.map(|(_, rule)| Arc::new(rule.column(outcome)) as ArrayRef));
        RecordBatch::try_new(schema, columns).map_err(|error| Failure::new(Status::File, error))
    }

    /// The counts of a batch, if they are asked for.
    pub(super) fn count(&self, outcome: &BatchOutcome) -> Option<Funnels> {
        let mut funnels = self.has_funnel.then(|| Funnels::new(&self.reasons))?;
        funnels.add(outcome);
        Some(funnels)
    }

    /// The counts of a run, rule by rule; nothing if they are not asked for.
    pub(super) fn told(&self, funnels: &Funnels) -> Vec<RuleFunnel> {
        let mut told = Vec::new();
        let stages = self.names.stages().iter().zip(&*self.reasons);
        for (number, (names, reasons)) in stages.enumerate() {
            let StageReasons::Rules(rules) = reasons else {
                continue;
            };
            let all = names.iter().zip(rules).zip(funnels.of_stage(number));
            told.extend(all.map(|((name, rule), counts)| RuleFunnel {
                name: name.clone(),
                rule: rule.clone(),
                counts,
            }));
        }
        told
    }
}

fn why_not_column(
    rule: &str,
    names: &RuleNames,
    reasons: &[StageReasons],
) -> Result<(FieldRef, WhyNot)> {
    let stages = names.stages();
    let place = stages.iter().enumerate().find_map(|(stage, names)| {
        let place = names.iter().position(|name| name == rule)?;
        Some((stage, place))
    });
    let Some((stage, place)) = place else {
        let message = format!("there is no rule `{rule}`");
        let known = stages.iter().flatten().map(String::as_str);
        let hint = match nearest_name(rule, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`rulestage explain --row 0` lists the rules; where several stages have some, \
                     say `STAGE.RULE`"
                .to_owned(),
        };
        return Err(Failure::new(Status::Usage, message).with_hint(hint));
    };
    let why_not = WhyNot::new(reasons, stage, place).ok_or_else(|| {
        let message = format!(
            "rule `{rule}` is one of so many that an index finds those that fire: where its condition \
             stops is not noted"
        );
        let hint = "look at single rows with `rulestage explain --rows A..B --first-failing`";
        Failure::new(Status::Usage, message).with_hint(hint)
    })?;
    let field = Field::new(format!("why_not_{rule}"), DataType::Utf8, true);
    Ok((Arc::new(field), why_not))
}

/// Whether a component is rules that were compiled not to explain themselves. Models and stages of others have no rules to
/// speak of.
fn are_silent_rules(component: &[u8]) -> bool {
    rulestage_rules_world::core_module(component).is_some_and(|(_, explains)| !explains)
}
