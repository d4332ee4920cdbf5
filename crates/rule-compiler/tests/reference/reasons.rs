//! Why rules did not fire in the rows of a batch, against what the condition's operands give one by one.

use super::evaluate::{Value, first_false};
use super::stage::open;
use rulestage_pipeline::runtime::{Explanation, Role, Runtime, Stops, Value as Shown, Verdict};
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_runtime_wasmtime::WasmtimeRuntime;

/// How many of the rows are explained one by one, too: that is slow.
const N_EXPLAINED: usize = 5;

/// The rules that fired and the stops are those that the rows give, and the results are the same.
pub(crate) fn compare(
    runtime: &WasmtimeRuntime,
    component: &[u8],
    ruleset: &RuleSet,
    rows: &[Vec<Value>],
    source: &str,
) -> Seen {
    let (mut session, batch) = open(runtime, component, rows).expect("it opens");
    let plain = runtime.process(&mut session, &batch).expect("results");
    let (outcome, reasons) = runtime
        .process_with_reasons(&mut session, &batch)
        .expect("results");
    assert_eq!(outcome.errors, plain.errors, "{source}");
    let [with, without] = [&outcome, &plain].map(|outcome| format!("{:?}", outcome.columns));
    assert_eq!(with, without, "{source}");
    let outline = runtime.outline(&mut session).expect("an outline");
    let outline = outline.expect("it explains");
    let stopped = &reasons.stops.rules;
    // Sets this small have no index.
    assert!(ruleset.rules.len() >= 64 || stopped.len() == ruleset.rules.len());
    let mut seen = Seen::default();
    for (row, inputs) in rows.iter().enumerate() {
        let stops = &reasons.stops.operands[row * stopped.len()..][..stopped.len()];
        let fired = reasons.fired_in(row);
        for (rule, stop) in stopped.iter().zip(stops) {
            let has_fired = fired.contains(rule);
            assert_eq!(
                *stop == Stops::FIRED,
                has_fired,
                "{rule} of {source}\n{inputs:?}"
            );
            let table = ruleset.rules[*rule as usize].table.is_some();
            if table {
                assert!([0, 1, 255].contains(stop), "{rule} of {source}\n{inputs:?}");
                continue;
            }
            let expected = first_false(ruleset, *rule as usize, inputs);
            assert_eq!(*stop, expected, "{rule} of {source}\n{inputs:?}");
            seen.0[usize::from(*stop)] += 1;
        }
        if row < N_EXPLAINED {
            let explanation = runtime.explain(&mut session, &batch, row as u32);
            let Explanation { verdicts, values } = explanation.expect("an explanation");
            let all = verdicts.iter().zip(0..);
            let all = all.filter_map(|(each, rule)| (*each == Verdict::Fired).then_some(rule));
            assert_eq!(fired, all.collect::<Vec<u32>>(), "row {row} of {source}");
            for (rule, stop) in stopped.iter().zip(stops) {
                let parts = outline.expressions.iter().zip(&values);
                let mut operands = parts.filter(|(part, _)| {
                    part.rule == *rule && matches!(part.role, Role::Condition(1..))
                });
                let is_failed = verdicts[*rule as usize] == Verdict::Failed;
                assert_eq!(*stop == Stops::FAILED, is_failed, "{rule} of {source}");
                let is_operand = (1..Stops::NOT_REACHED).contains(stop);
                if is_operand && ruleset.rules[*rule as usize].table.is_none() {
                    let first = operands.find(|(_, value)| **value == Shown::Boolean(false));
                    let first = first.map(|(part, _)| part.role);
                    assert_eq!(first, Some(Role::Condition(u32::from(*stop))), "{source}");
                }
            }
        }
    }
    seen
}

/// How often each byte was seen, in rules that are no tables.
#[derive(Debug)]
pub(crate) struct Seen(pub(crate) [usize; 256]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = self.0.iter_mut().zip(other.0);
        pairs.for_each(|(count, other)| *count += other);
    }
}
