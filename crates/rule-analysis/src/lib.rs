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
pub use value::json;

use formula::Conditions;
use rulestage_diagnostics::Diagnostic;
use rulestage_rule_compiler::ir::RuleSet;
use samples::Samples;
use search::Search;

/// What is odd about a rule set, as warnings and notes in the order of the source; `source` is what its spans point into.
///
/// Parameters count as their defaults. Questions with more combinations than can be tried in reasonable time stay
/// without an answer: what is not reported is not proven to be sound.
pub fn analyse(ruleset: &RuleSet, source: &str) -> Vec<Diagnostic> {
    let conditions = Conditions::of(ruleset, source);
    let samples = Samples::of(&conditions);
    let mut search = Search::new(&conditions, &samples);
    let mut found = findings::of_conditions(ruleset, &conditions, &mut search);
    found.extend(findings::of_effects(ruleset, &conditions, &mut search));
    found.extend(findings::of_conflicts(ruleset, &conditions, &mut search));
    found.extend(redundancy::of_parts(ruleset, source));
    found.extend(tables::of_tables(ruleset));
    found.sort_by_key(|diagnostic| diagnostic.span);
    found
}
