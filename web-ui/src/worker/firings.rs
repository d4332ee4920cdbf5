//! How often each rule fired, over all rows of a run, and where the others stopped.

use super::project::utf16_range;
use crate::protocol::{Firing, FiringReport};
use rulestage_pipeline::load::{Pipeline, Stage};
use rulestage_pipeline::run::{ExplainedRule, Funnel, Funnels, StageReasons};
use rulestage_runtime_web::WebRuntime;

/// What the stages said of their rules, with the places of these in the project.
pub(crate) fn report(
    pipeline: &Pipeline<WebRuntime>,
    reasons: &[StageReasons],
    funnels: &Funnels,
    n_rows: usize,
) -> FiringReport {
    let mut rules = Vec::new();
    for (number, (stage, reasons)) in pipeline.stages.iter().zip(reasons).enumerate() {
        let StageReasons::Rules(explained) = reasons else {
            continue;
        };
        let counted = explained.iter().zip(funnels.of_stage(number));
        rules.extend(counted.map(|(rule, counts)| firing(stage, rule, &counts)));
    }
    FiringReport { n_rows, rules }
}

fn firing(stage: &Stage<WebRuntime>, rule: &ExplainedRule, counts: &Funnel) -> Firing {
    let name = rule.name.as_str();
    let steps = counts.stopped.iter().zip(1_u8..);
    let steps = steps.map(|(n, operand)| (rule.stop(operand).to_owned(), *n as usize));
    let mut firing = Firing {
        stage: stage.name.clone(),
        kind: "rule".to_owned(),
        name: name.to_owned(),
        place: None,
        n_fired: counts.n_fired as usize,
        n_reached: counts.n_rows as usize,
        n_failed: counts.n_failed as usize,
        steps: steps.collect(),
    };
    if let Some(rules) = &stage.rules
        && let Some(rule) = rules.ruleset.rules.iter().find(|rule| rule.name == name)
    {
        if rule.table.is_some() {
            firing.kind = "table".to_owned();
        }
        let (from, to) = utf16_range(&rules.source, rule.span);
        firing.place = Some((stage.path.clone(), from, to));
    }
    firing
}
