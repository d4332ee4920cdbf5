//! Trying all combinations of values.

use crate::formula::Conditions;
use crate::operand::{Assignment, Failed};
use crate::samples::Samples;
use rulestage_rule_compiler::ir::Const;

/// How many combinations one question may have.
const MAX_COMBINATIONS: usize = 1 << 18;

/// Combinations of the variables' values, and how many may still be tried.
pub(crate) struct Search<'a> {
    conditions: &'a Conditions,
    samples: &'a Samples,
    values: Vec<Result<Const, Failed>>,
    pub(crate) tries_left: usize,
    /// What one try counts: large conditions take longer
    weight: usize,
}

/// A try of a condition with as many tests counts once.
const TESTS_OF_A_TRY: usize = 16;

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
    /// `tries_left` combinations are tried in all.
    pub(crate) fn new(conditions: &'a Conditions, samples: &'a Samples, tries_left: usize) -> Self {
        Self {
            conditions,
            samples,
            values: samples.0.iter().map(|samples| samples[0].clone()).collect(),
            tries_left,
            weight: 1 + conditions
                .formulas
                .iter()
                .map(|formula| formula.n_tests() / TESTS_OF_A_TRY)
                .max()
                .unwrap_or(0),
        }
    }

    /// How many combinations the variables have; `None` where these are too many, and those of more variables too.
    fn n_combinations(&self, variables: &[usize]) -> Option<usize> {
        let number = variables.iter().try_fold(1_usize, |product, variable| {
            product.checked_mul(self.samples.0[*variable].len())
        });
        number.filter(|number| *number <= MAX_COMBINATIONS.min(self.tries_left / self.weight))
    }

    /// Whether a question about a rule, alone or with others, can still have an answer.
    pub(crate) fn can_answer(&self, rule: usize) -> bool {
        self.n_combinations(&self.conditions.uses[rule]).is_some()
    }

    /// A combination of the values of `variables` for which `wanted` holds.
    pub(crate) fn find(
        &mut self,
        variables: &[usize],
        wanted: impl Fn(&Conditions, &Assignment) -> bool,
    ) -> Found {
        let Some(n_combinations) = self.n_combinations(variables) else {
            return Found::Unknown;
        };
        for combination in 0..n_combinations {
            self.tries_left -= self.weight;
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
