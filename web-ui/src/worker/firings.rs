//! How often each rule fires, over a sample of the rows: every row of the sample is explained.

use super::project::utf16_range;
use super::run::Finished;
use crate::protocol::{Firing, FiringReport};
use rulestage_pipeline::runtime::Verdict;

/// Rows at most, and for how long they are gone through.
const MAX_ROWS: usize = 2000;
const MAX_MS: f64 = 400.0;
/// Neighbouring rows resemble each other, and the time may be over before the last one: steps of this size, which
/// has no factor in common with any number of rows below it, visit all parts evenly.
const STRIDE: usize = 7919;

/// Counts until the sample or the time is over.
pub(crate) fn count(finished: &mut Finished, now_ms: &dyn Fn() -> f64) -> FiringReport {
    let Finished {
        runtime,
        executor,
        pipeline,
        binding,
        input,
        input_rows,
        ..
    } = finished;
    let mut report = FiringReport::default();
    let start = now_ms();
    let n_rows = input_rows.len();
    let stride = if n_rows.is_multiple_of(STRIDE) {
        1
    } else {
        STRIDE
    };
    for step in 0..n_rows.min(MAX_ROWS) {
        if step > 0 && now_ms() - start > MAX_MS {
            break;
        }
        let row = input_rows[step * stride % n_rows] as usize;
        let Ok(explained) = executor.explain(&**runtime, binding, input, row) else {
            break;
        };
        report.n_sampled += 1;
        let stages = explained
            .iter()
            .filter_map(|stage| Some((&stage.stage, stage.outline.as_ref()?, stage)));
        let mut place = 0;
        for (name, outline, stage) in stages {
            for (index, rule) in outline.rules.iter().enumerate() {
                if report.rules.len() == place {
                    report.rules.push(Firing {
                        stage: name.clone(),
                        kind: "rule".to_owned(),
                        name: rule.name.clone(),
                        place: None,
                        n_fired: 0,
                    });
                }
                let verdicts = stage.explanation.as_ref().map(|each| &each.verdicts);
                let has_fired = verdicts.and_then(|each| each.get(index)) == Some(&Verdict::Fired);
                report.rules[place].n_fired += usize::from(has_fired);
                place += 1;
            }
        }
    }
    for firing in &mut report.rules {
        let mut stages = pipeline.stages.iter();
        let stage = stages.find(|stage| stage.name == firing.stage);
        let Some((path, rules)) =
            stage.and_then(|stage| Some((&stage.path, stage.rules.as_ref()?)))
        else {
            continue;
        };
        let mut known = rules.ruleset.rules.iter();
        if let Some(rule) = known.find(|rule| rule.name == firing.name) {
            if rule.table.is_some() {
                firing.kind = "table".to_owned();
            }
            let (from, to) = utf16_range(&rules.source, rule.span);
            firing.place = Some((path.clone(), from, to));
        }
    }
    report
}
