//! How far rows came in the conditions of rules, counted over all batches of a run.

use super::{BatchOutcome, StageReasons};
use crate::runtime::Stops;

/// What became of the rows that one rule saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Funnel {
    /// The rows that reached its stage
    pub n_rows: u64,
    /// Those in which it fired
    pub n_fired: u64,
    /// Those in which its condition failed
    pub n_failed: u64,
    /// Those that stopped at each operand of its condition, or, for a table, that none of its rows matched; nothing
    /// where the stage does not say ([`ExplainedRule::has_stops`](super::ExplainedRule))
    pub stopped: Vec<u64>,
}

/// The counts of all rules of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Funnels(Vec<Vec<Counts>>);

/// Rows of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counts {
    /// By the byte that each row has in [`Stops`]; as many operands count
    Stops(Box<[u64; 256]>, usize),
    /// All that reached the stage, and those in which it fired
    Fired(u64, u64),
}

impl Funnels {
    /// No rows yet.
    pub fn new(stages: &[StageReasons]) -> Self {
        let stages = stages.iter().map(|stage| match stage {
            StageReasons::Rules(rules) => {
                let counts = rules.iter().map(|rule| match rule.has_stops {
                    true => Counts::Stops(Box::new([0; 256]), rule.operands.len().max(1)),
                    false => Counts::Fired(0, 0),
                });
                counts.collect()
            }
            StageReasons::SingleRows | StageReasons::Nothing => Vec::new(),
        });
        Self(stages.collect())
    }

    /// Counts the rows of a batch.
    pub fn add(&mut self, outcome: &BatchOutcome) {
        let stages = outcome.reasons.iter().zip(&outcome.stage_rows);
        for (rules, (reasons, n_rows)) in self.0.iter_mut().zip(stages) {
            let Some(reasons) = reasons else { continue };
            for counts in rules.iter_mut() {
                if let Counts::Fired(n_reached, _) = counts {
                    *n_reached += *n_rows as u64;
                }
            }
            for rule in &reasons.fired.rules {
                if let Some(Counts::Fired(_, n_fired)) = rules.get_mut(*rule as usize) {
                    *n_fired += 1;
                }
            }
            for rule in &reasons.stops.rules {
                if let Some(Counts::Stops(counts, _)) = rules.get_mut(*rule as usize) {
                    for stop in reasons.stops.of_rule(*rule) {
                        counts[usize::from(stop)] += 1;
                    }
                }
            }
        }
    }

    /// Adds the counts of other rows through the same pipeline.
    pub fn merge(&mut self, other: &Self) {
        let rules = self.0.iter_mut().flatten();
        for pair in rules.zip(other.0.iter().flatten()) {
            match pair {
                (Counts::Stops(counts, _), Counts::Stops(others, _)) => {
                    let counts = counts.iter_mut().zip(others.iter());
                    counts.for_each(|(count, other)| *count += other);
                }
                (Counts::Fired(n_rows, n_fired), Counts::Fired(more_rows, more_fired)) => {
                    *n_rows += more_rows;
                    *n_fired += more_fired;
                }
                _ => {}
            }
        }
    }

    /// The funnels of a stage's rules, in the order of evaluation.
    pub fn of_stage(&self, stage: usize) -> impl Iterator<Item = Funnel> {
        let rules = self.0.get(stage).into_iter().flatten();
        rules.map(|counts| match counts {
            Counts::Fired(n_rows, n_fired) => Funnel {
                n_rows: *n_rows,
                n_fired: *n_fired,
                ..Funnel::default()
            },
            Counts::Stops(counts, n_operands) => {
                let count = |stop: u8| counts[usize::from(stop)];
                let n_known = (*n_operands).min(usize::from(Stops::NOT_REACHED) - 1);
                Funnel {
                    n_rows: counts.iter().sum::<u64>() - count(Stops::NOT_REACHED),
                    n_fired: count(Stops::FIRED),
                    n_failed: count(Stops::FAILED),
                    stopped: counts[1..=n_known].to_vec(),
                }
            }
        })
    }
}
