//! Trying all combinations of values.

use crate::formula::Conditions;
use crate::operand::{Assignment, Failed};
use crate::samples::Samples;
use rulestage_rule_compiler::ir::Const;

/// How many combinations one question may have.
const MAX_COMBINATIONS: usize = 1 << 18;
/// How many combinations are tried in all.
const MAX_TRIES: usize = 1 << 24;

/// Combinations of the variables' values, and how many may still be tried.
pub(crate) struct Search<'a> {
    conditions: &'a Conditions,
    samples: &'a Samples,
    values: Vec<Result<Const, Failed>>,
    tries_left: usize,
}

/// What came of a search.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// A combination: the variables that have a value
    Yes(Vec<(String, Const)>),
    /// There is none
    No,
    /// There are too many combinations
    Unknown,
}

impl<'a> Search<'a> {
    pub(crate) fn new(conditions: &'a Conditions, samples: &'a Samples) -> Self {
        Self {
            conditions,
            samples,
            values: samples.0.iter().map(|samples| samples[0].clone()).collect(),
            tries_left: MAX_TRIES,
        }
    }

    /// A combination of the values of `variables` for which `wanted` holds.
    pub(crate) fn find(
        &mut self,
        variables: &[usize],
        wanted: impl Fn(&Conditions, &Assignment) -> bool,
    ) -> Found {
        let n_combinations = variables.iter().try_fold(1_usize, |product, variable| {
            product.checked_mul(self.samples.0[*variable].len())
        });
        let n_combinations = match n_combinations {
            Some(number) if number <= MAX_COMBINATIONS.min(self.tries_left) => number,
            _ => return Found::Unknown,
        };
        for combination in 0..n_combinations {
            self.tries_left -= 1;
            let mut rest = combination;
            for variable in variables {
                let samples = &self.samples.0[*variable];
                self.values[*variable] = samples[rest % samples.len()].clone();
                rest /= samples.len();
            }
            if wanted(self.conditions, &self.values) {
                return Found::Yes(self.named(variables));
            }
        }
        Found::No
    }

    fn named(&self, variables: &[usize]) -> Vec<(String, Const)> {
        let values = variables.iter().filter_map(|variable| {
            let name = self.conditions.variables[*variable].name.clone();
            Some((name, self.values[*variable].clone().ok()?))
        });
        values.collect()
    }
}
