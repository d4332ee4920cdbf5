//! Static analysis of rule sets that compile: rules that never fire, always fire, have no effect, repeat or contradict
//! each other, each with the values that show it.
//!
//! A condition becomes a formula over *variables*: inputs, and terms that the analysis does not look into, such as
//! `date.getHours()`. Where variables are compared with constants only, a few values stand for all: one for each
//! constant and one for each gap between them. So a question about conditions is answered by trying all combinations
//! of those values, exactly. A term is taken to have any value of its type: what is claimed of all inputs still holds,
//! and no example is given that depends on a term.

mod cost;
mod domain;
mod findings;
mod formula;
mod inputs;
mod operand;
mod redundancy;
mod samples;
mod search;
mod tables;
mod value;

pub use cost::{Cost, Costs, cost};
pub use inputs::{Representatives, representatives};
use rulestage_sort::sort_by_key;
pub use value::{json, literal};

use formula::Conditions;
use rulestage_diagnostics::Diagnostic;
use rulestage_rule_compiler::ir::RuleSet;
use samples::Samples;
use search::Search;

/// How much is tried before questions stay without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Combinations of values, in questions about rules and again in questions about parts of conditions
    n_tries: usize,
    /// Steps through the rows of tables
    n_table_steps: usize,
}

impl Effort {
    /// Seconds at most: for commands.
    pub const THOROUGH: Self = Self {
        n_tries: 1 << 24,
        n_table_steps: 20_000_000,
    };
    /// A fraction of a second: while somebody types.
    pub const QUICK: Self = Self {
        n_tries: 1 << 18,
        n_table_steps: 1 << 20,
    };
}

/// What is odd about a rule set, as warnings and notes in the order of the source; `source` is what its spans point into.
///
/// Parameters count as their defaults. Questions with more combinations than the effort allows stay without an answer:
/// what is not reported is not proven to be sound.
pub fn analyse(ruleset: &RuleSet, source: &str, effort: Effort) -> Vec<Diagnostic> {
    let conditions = Conditions::of(ruleset, source);
    let samples = Samples::of(&conditions);
    let mut search = Search::new(&conditions, &samples, effort.n_tries);
    let mut found = findings::of_conditions(ruleset, &conditions, &mut search);
    found.extend(findings::of_effects(ruleset, &conditions, &mut search));
    found.extend(findings::of_conflicts(ruleset, &conditions, &mut search));
    found.extend(redundancy::of_parts(ruleset, source, effort.n_tries));
    found.extend(tables::of_tables(ruleset, effort.n_table_steps));
    sort_by_key(&mut found, |diagnostic| diagnostic.span);
    found
}
