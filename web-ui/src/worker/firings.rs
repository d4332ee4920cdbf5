//! How often each rule fired, over all rows of a run.

use super::project::utf16_range;
use crate::protocol::{Firing, FiringReport};
use rulestage_pipeline::load::{Pipeline, Stage};
use rulestage_pipeline::run::StageReasons;
use rulestage_runtime_web::WebRuntime;

/// What the stages said of their rules, with the places of these in the project; `n_fired` counts by stages and rules.
pub(crate) fn report(
    pipeline: &Pipeline<WebRuntime>,
    reasons: &[StageReasons],
    n_fired: &[Vec<usize>],
    n_rows: usize,
) -> FiringReport {
    let mut rules = Vec::new();
    for ((stage, reasons), n_fired) in pipeline.stages.iter().zip(reasons).zip(n_fired) {
        let StageReasons::Rules(names) = reasons else {
            continue;
        };
        let counted = names.iter().zip(n_fired);
        rules.extend(counted.map(|(name, n_fired)| firing(stage, name, *n_fired)));
    }
    FiringReport { n_rows, rules }
}

fn firing(stage: &Stage<WebRuntime>, name: &str, n_fired: usize) -> Firing {
    let mut firing = Firing {
        stage: stage.name.clone(),
        kind: "rule".to_owned(),
        name: name.to_owned(),
        place: None,
        n_fired,
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
