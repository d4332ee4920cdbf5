//! What is said of generated conditions against the compiled component on all rows of a small world: nothing that is not
//! so, and nothing left out where conditions only compare inputs with constants.

#![allow(clippy::unwrap_used, reason = "a test: what fails is a failure")]

mod world;

use rulestage_diagnostics::{Diagnostic, Severity};
use rulestage_rule_analysis::{Effort, analyse};
use rulestage_rule_compiler::ir::RuleSet;
use std::collections::BTreeSet;
use std::fmt::Write;
use world::{Condition, HEADER, Part, Random, Verdicts, World};

const N_RULE_SETS: usize = 200;

/// A rule set of conditions that are known as trees.
struct Case {
    source: String,
    ruleset: RuleSet,
    /// By rule, and where they begin
    conditions: Vec<(Condition, usize)>,
    /// Of choices, and where they begin
    choices: Vec<(Condition, usize)>,
    /// By rule: what it sets the first output to
    outputs: Vec<usize>,
}

impl Case {
    fn new(random: &mut Random) -> Self {
        let mut source = HEADER.to_owned();
        let (mut conditions, mut choices, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for rule in 0..2 + random.below(3) {
            let condition = Condition::random(random, 3);
            let _ = write!(source, "  rule r{rule} {{ when ");
            conditions.push((condition.clone(), source.len()));
            let output = random.below(2);
            outputs.push(output);
            let _ = write!(source, "{condition} then {{ o = {output}");
            if random.below(3) == 0 {
                let choice = Condition::random(random, 2);
                source += ", p = if ";
                choices.push((choice.clone(), source.len()));
                let _ = write!(source, "{choice} {{ 1 }} else {{ 2 }}");
            }
            source += " } }\n";
        }
        source += "}\n";
        let checked = rulestage_rule_compiler::check(&source);
        let is_error = |each: &&Diagnostic| each.severity == Severity::Error;
        let errors: Vec<_> = checked.diagnostics.iter().filter(is_error).collect();
        assert!(errors.is_empty(), "{source}{errors:#?}");
        Self {
            ruleset: checked.ruleset.unwrap(),
            source,
            conditions,
            choices,
            outputs,
        }
    }
}

/// The verdicts on conditions, one rule each.
fn verdicts<'c>(world: &World, conditions: impl IntoIterator<Item = &'c Condition>) -> Verdicts {
    let mut source = HEADER.to_owned();
    for (rule, condition) in conditions.into_iter().enumerate() {
        let _ = writeln!(
            source,
            "  rule r{rule} {{ when {condition} then {{ o = 1 }} }}"
        );
    }
    world.verdicts(&(source + "}\n"))
}

#[test]
fn what_is_said_of_conditions_is_so_and_all_of_it() {
    let world = World::new();
    let mut random = Random(0x00c0_4d17_1045_eed1);
    let mut n_said = [0_usize; 7];
    for _ in 0..N_RULE_SETS {
        let case = Case::new(&mut random);
        let check = Check {
            found: &analyse(&case.ruleset, &case.source, Effort::THOROUGH),
            fired: &verdicts(&world, case.conditions.iter().map(|(each, _)| each)),
            world: &world,
            case: &case,
        };
        check.constants(&mut n_said);
        check.choices(&mut n_said);
        check.shadowed(&mut n_said);
        check.conflicts(&mut n_said);
        check.parts(&mut n_said);
    }
    // Each kind of finding was there often enough to mean something.
    assert!(n_said.iter().all(|n| *n > 20), "{n_said:?}");
}

struct Check<'a> {
    world: &'a World,
    case: &'a Case,
    found: &'a [Diagnostic],
    fired: &'a Verdicts,
}

impl Check<'_> {
    #[track_caller]
    fn expect(&self, holds: bool, what: &str) {
        let source = &self.case.source;
        assert!(holds, "{what}\n{source}{:#?}", self.found);
    }

    fn of(&self, code: &str) -> Vec<&Diagnostic> {
        self.found.iter().filter(|each| each.code == code).collect()
    }

    /// Whether something is said of a rule.
    fn says(&self, code: &str, rule: usize) -> bool {
        let span = self.case.ruleset.rules[rule].span;
        self.of(code).iter().any(|each| each.span == span)
    }

    fn constants(&self, n_said: &mut [usize]) {
        let holds = |verdict: &Option<bool>| *verdict == Some(true);
        for (rule, verdicts) in self.fired.iter().enumerate() {
            let never = self.says("rule.analysis.never-fires", rule);
            let always = self.says("rule.analysis.always-fires", rule);
            n_said[0] += usize::from(never);
            n_said[1] += usize::from(always);
            let is_never = !verdicts.iter().any(holds);
            self.expect(never == is_never, &format!("r{rule}: never fires"));
            let is_always = verdicts.iter().all(holds);
            self.expect(always == is_always, &format!("r{rule}: always fires"));
        }
    }

    fn choices(&self, n_said: &mut [usize]) {
        let all = verdicts(self.world, self.case.choices.iter().map(|(each, _)| each));
        for ((choice, start), values) in self.case.choices.iter().zip(&all) {
            let said = self.of("rule.analysis.constant-condition");
            let end = start + choice.to_string().len();
            let said = said.iter().find(|each| is_within(each, *start, end));
            let is_always = |constant| values.iter().all(|value| *value == Some(constant));
            let wanted = match (is_always(true), is_always(false)) {
                (true, _) => "this condition is always true",
                (_, true) => "this condition is always false",
                _ => "",
            };
            n_said[2] += usize::from(said.is_some());
            let message = said.map_or("", |said| said.message.as_str());
            self.expect(message == wanted, &format!("`{choice}`: {wanted}"));
        }
    }

    /// Wherever the rule fires, one before does that sets the output.
    fn shadowed(&self, n_said: &mut [usize]) {
        let case = self.case;
        for rule in 0..case.conditions.len() {
            let said = self.says("rule.analysis.shadowed", rule);
            n_said[3] += usize::from(said);
            let covers = |others: &[usize]| {
                let fires = |rule: usize, row: usize| self.fired[rule][row] == Some(true);
                let is_set = |row| others.iter().any(|other| fires(*other, row));
                (0..self.world.n_rows).all(|row| !fires(rule, row) || is_set(row))
            };
            let before: Vec<usize> = (0..rule).collect();
            self.expect(!said || covers(&before), &format!("r{rule}: shadowed"));
            // A rule that shares no input is passed over: that it always fires is said of it.
            let inputs = case.conditions[rule].0.inputs();
            let shares = |other: &usize| {
                let others = case.conditions[*other].0.inputs();
                others.intersection(&inputs).next().is_some()
            };
            let related: Vec<usize> = before.into_iter().filter(shares).collect();
            let never = self.says("rule.analysis.never-fires", rule);
            let sets_one = case.ruleset.rules[rule].then.len() == 1;
            if sets_one && !related.is_empty() && !never && covers(&related) {
                self.expect(said, &format!("r{rule}: not said to be shadowed"));
            }
        }
    }

    fn conflicts(&self, n_said: &mut [usize]) {
        let case = self.case;
        let found = self.of("rule.analysis.conflict");
        for second in 0..case.conditions.len() {
            for first in 0..second {
                let names = format!("rules `r{first}` and `r{second}` ");
                let said = found.iter().find(|each| each.message.starts_with(&names));
                n_said[4] += usize::from(said.is_some());
                let fires = |rule: usize, row: &usize| self.fired[rule][*row] == Some(true);
                let both = |row: &usize| fires(first, row) && fires(second, row);
                let differ = case.outputs[first] != case.outputs[second];
                let is_one = differ && (0..self.world.n_rows).any(|row| both(&row));
                self.expect(said.is_some() == is_one, &format!("{names}conflict"));
                // The example is one of the rows where they do.
                if let Some(example) = said.and_then(|said| said.example.as_ref()) {
                    let rows = self.world.rows_like(&example.input);
                    let is_so = !rows.is_empty() && rows.iter().all(both);
                    self.expect(is_so, &format!("{names}example"));
                }
            }
        }
    }

    /// Without the parts that are said to change nothing, conditions are the same; of the others, each matters.
    fn parts(&self, n_said: &mut [usize]) {
        for (rule, (condition, start)) in self.case.conditions.iter().enumerate() {
            let parts = condition.parts(*start);
            let end = start + condition.to_string().len();
            let mut found = self.of("rule.analysis.redundant-condition");
            found.retain(|each| is_within(each, *start, end));
            let mut gone = BTreeSet::new();
            for each in found {
                let span = (each.span.start as usize, each.span.end as usize);
                let part = parts.iter().find(|part| part.is_at(span));
                self.expect(part.is_some(), &format!("r{rule}: no part {span:?}"));
                gone.extend(part.map(|part| part.number));
                n_said[5] += 1;
            }
            let values = &self.fired[rule];
            let is_always = |wanted| values.iter().all(|v| (*v == Some(true)) == wanted);
            if is_always(true) || is_always(false) {
                self.expect(gone.is_empty(), &format!("r{rule}: parts of a constant"));
                continue;
            }
            // The condition without what is gone, then without one more part each.
            let is_left = |part: &&Part| {
                let mut outer = parts.iter().filter(|outer| gone.contains(&outer.number));
                !outer.any(|outer| outer.span.0 <= part.span.0 && part.span.1 <= outer.span.1)
            };
            let mut variants = vec![gone.clone()];
            variants.extend(parts.iter().filter(is_left).map(|part| {
                let mut gone = gone.clone();
                gone.insert(part.number);
                gone
            }));
            let left: Vec<Option<Condition>> = variants
                .iter()
                .map(|gone| condition.without(gone))
                .collect();
            self.expect(left[0].is_some(), &format!("r{rule}: nothing is left"));
            let all = verdicts(self.world, left.iter().flatten());
            for (index, (left, verdicts)) in left.iter().flatten().zip(&all).enumerate() {
                let is_same = verdicts == values;
                n_said[6] += usize::from(!is_same);
                let what = if is_same { "is" } else { "is not" };
                let message = format!("r{rule} {what} the same as `{left}`");
                self.expect(is_same == (index == 0), &message);
            }
        }
    }
}

fn is_within(found: &Diagnostic, start: usize, end: usize) -> bool {
    start <= found.span.start as usize && found.span.end as usize <= end
}
