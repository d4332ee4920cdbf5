//! The questions that are asked of the conditions, and what is said of the answers.

use crate::formula::Conditions;
use crate::redundancy::with_params;
use crate::search::{Found, Search};
use crate::value::{example as as_example, literal};
use rulestage_diagnostics::Diagnostic;
use rulestage_rule_compiler::ir::{Const, Contribution, ExprKind, Merge, Rule, RuleSet};
use std::collections::{BTreeMap, BTreeSet};

/// Conditions that never hold, or always.
pub(crate) fn of_conditions(
    ruleset: &RuleSet,
    conditions: &Conditions,
    search: &mut Search<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, rule) in ruleset.rules.iter().enumerate() {
        if matches!(rule.condition.kind, ExprKind::Const(_)) {
            continue;
        }
        let name = &rule.name;
        let uses = &conditions.uses[index];
        let fires = search.find(uses, |conditions, values| {
            conditions.formulas[index].evaluate(values) == Ok(true)
        });
        if fires == Found::No {
            let message = format!("rule `{name}` never fires: nothing makes its condition true");
            let diagnostic = Diagnostic::warning("rule.analysis.never-fires", rule.span, message)
                .with_label(rule.condition.span, "always false, or an error");
            found.push(with_defaults(diagnostic, ruleset, conditions, &[index]));
            continue;
        }
        let rests = search.find(uses, |conditions, values| {
            conditions.formulas[index].evaluate(values) != Ok(true)
        });
        if rests == Found::No {
            let message = format!("the condition of rule `{name}` is always true");
            let diagnostic = Diagnostic::warning("rule.analysis.always-fires", rule.span, message)
                .with_label(rule.condition.span, "true for every input")
                .with_hint("write `when true` if that is meant");
            found.push(with_defaults(diagnostic, ruleset, conditions, &[index]));
        }
    }
    found
}

/// Rules whose contributions never count, because others come first or say the same.
pub(crate) fn of_effects(
    ruleset: &RuleSet,
    conditions: &Conditions,
    search: &mut Search<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // Rules that set an output that takes the first contribution, by output
    let mut setters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, rule) in ruleset.rules.iter().enumerate() {
        let outputs: BTreeSet<usize> = rule.then.iter().map(|part| part.output).collect();
        let only_first = !outputs.is_empty()
            && rule.otherwise.is_empty()
            && outputs
                .iter()
                .all(|output| ruleset.outputs[*output].merge == Merge::First);
        // With many rules this is what most are spared: their questions are too large.
        if only_first && search.can_answer(index) {
            let before: Vec<&[usize]> = outputs
                .iter()
                .map(|output| setters.get(output).map_or(&[][..], Vec::as_slice))
                .collect();
            if let Some(diagnostic) = shadowed(ruleset, conditions, search, index, &before) {
                found.push(diagnostic);
            }
        }
        for output in outputs {
            setters.entry(output).or_default().push(index);
        }
    }
    found
}

/// A warning where, whenever the rule fires, each of its outputs is already set by one of the rules `before`.
fn shadowed(
    ruleset: &RuleSet,
    conditions: &Conditions,
    search: &mut Search<'_>,
    index: usize,
    before: &[&[usize]],
) -> Option<Diagnostic> {
    if before.iter().any(|setters| setters.is_empty()) {
        return None;
    }
    let earlier: BTreeSet<usize> = before.iter().copied().flatten().copied().collect();
    // A rule that shares no variable covers only by being always true, which is said of it already.
    let related: Vec<usize> = earlier
        .into_iter()
        .filter(|other| {
            let mut uses = conditions.uses[*other].iter();
            uses.any(|variable| conditions.uses[index].contains(variable))
        })
        .collect();
    let covering = covering(conditions, search, index, before, related)?;
    let fires = search.find(&conditions.uses[index], |conditions, values| {
        conditions.formulas[index].evaluate(values) == Ok(true)
    });
    let Found::Yes(_) = fires else {
        return None;
    };
    let rule = &ruleset.rules[index];
    let names: Vec<String> = covering
        .iter()
        .map(|other| format!("`{}`", ruleset.rules[*other].name))
        .collect();
    let others = if names.len() == 1 {
        format!("rule {} has", names[0])
    } else {
        format!("one of {} has", names.join(", "))
    };
    let message = format!(
        "rule `{}` has no effect: wherever it fires, {others} already set {}",
        rule.name,
        output_names(ruleset, rule)
    );
    let mut diagnostic = Diagnostic::warning("rule.analysis.shadowed", rule.span, message);
    for other in covering.iter().take(3) {
        let other = &ruleset.rules[*other];
        diagnostic = diagnostic.with_label(other.span, "comes first");
    }
    diagnostic = diagnostic.with_hint("give it a higher `priority`, or take it out");
    let mut rules = covering;
    rules.push(index);
    Some(with_defaults(diagnostic, ruleset, conditions, &rules))
}

/// A few of the `related` rules, such that wherever the rule fires, each of its outputs is set by one of them.
fn covering(
    conditions: &Conditions,
    search: &mut Search<'_>,
    index: usize,
    before: &[&[usize]],
    related: Vec<usize>,
) -> Option<Vec<usize>> {
    let mut covers = |others: &[usize]| {
        let mut variables: BTreeSet<usize> = conditions.uses[index].iter().copied().collect();
        for other in others {
            variables.extend(&conditions.uses[*other]);
        }
        let variables: Vec<usize> = variables.into_iter().collect();
        let counts = search.find(&variables, |conditions, values| {
            let fires = |rule: &usize| conditions.formulas[*rule].evaluate(values) == Ok(true);
            let is_set = |setters: &&[usize]| {
                let mut setters = setters.iter().filter(|setter| others.contains(setter));
                setters.any(fires)
            };
            fires(&index) && !before.iter().all(is_set)
        });
        counts == Found::No
    };
    if let Some(one) = related.iter().find(|other| covers(&[**other])) {
        return Some(vec![*one]);
    }
    let mut covering = related;
    if covering.len() < 2 || !covers(&covering) {
        return None;
    }
    let mut at = 0;
    while at < covering.len() {
        let without: Vec<usize> = [&covering[..at], &covering[at + 1..]].concat();
        if covers(&without) {
            covering = without;
        } else {
            at += 1;
        }
    }
    Some(covering)
}

fn output_names(ruleset: &RuleSet, rule: &Rule) -> String {
    let names: BTreeSet<usize> = rule.then.iter().map(|part| part.output).collect();
    let names: Vec<String> = names
        .into_iter()
        .map(|output| format!("`{}`", ruleset.outputs[output].name))
        .collect();
    names.join(" and ")
}

/// Pairs of rules of the same priority that set an output to different constants, so that the order of the source
/// decides, and rules that repeat each other.
pub(crate) fn of_conflicts(
    ruleset: &RuleSet,
    conditions: &Conditions,
    search: &mut Search<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // By priority, the rules so far about which questions can have an answer
    let mut known: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (second, rule) in ruleset.rules.iter().enumerate() {
        if !search.can_answer(second) {
            continue;
        }
        let same = known.entry(rule.priority).or_default();
        for first in same.iter().copied() {
            let earlier = &ruleset.rules[first];
            let Some((output, a, b)) = contradiction(ruleset, earlier, rule) else {
                continue;
            };
            let mut variables: BTreeSet<usize> = conditions.uses[first].iter().copied().collect();
            variables.extend(&conditions.uses[second]);
            let variables: Vec<usize> = variables.into_iter().collect();
            let is_concrete = |variable: &usize| conditions.variables[*variable].is_concrete;
            if !variables.iter().all(is_concrete) {
                continue;
            }
            let both = search.find(&variables, |conditions, values| {
                [first, second]
                    .iter()
                    .all(|rule| conditions.formulas[*rule].evaluate(values) == Ok(true))
            });
            let Found::Yes(example) = both else {
                continue;
            };
            let name = &ruleset.outputs[output].name;
            let message = format!(
                "rules `{}` and `{}` both fire and set `{name}` differently; only their order decides",
                earlier.name, rule.name
            );
            let mut diagnostic = Diagnostic::warning("rule.analysis.conflict", rule.span, message)
                .with_label(a.span, "sets it first")
                .with_label(b.span, "sets it differently");
            if !example.is_empty() {
                let words: Vec<String> = example
                    .iter()
                    .map(|(name, value)| format!("`{name}` = {}", literal(value)))
                    .collect();
                diagnostic = diagnostic.with_hint(format!("both fire for {}", words.join(", ")));
                let is_input =
                    |name: &String| ruleset.inputs.iter().any(|input| input.name == *name);
                if example.iter().all(|(name, _)| is_input(name)) {
                    diagnostic.example = Some(as_example(&example));
                }
            }
            diagnostic = diagnostic.with_hint("give one of them a `priority`");
            found.push(with_defaults(
                diagnostic,
                ruleset,
                conditions,
                &[first, second],
            ));
        }
        same.push(second);
    }
    found
}

/// Contributions of two rules to an output that keeps one of them, that are different constants.
fn contradiction<'r>(
    ruleset: &RuleSet,
    a: &'r Rule,
    b: &'r Rule,
) -> Option<(usize, &'r Contribution, &'r Contribution)> {
    let constant = |part: &'r Contribution| match &part.value.kind {
        ExprKind::Const(value) => Some(value),
        ExprKind::Wrap(inner) => match &inner.kind {
            ExprKind::Const(value) => Some(value),
            _ => None,
        },
        _ => None,
    };
    let differ = |a: &Const, b: &Const| a != b;
    a.then.iter().find_map(|first| {
        let keeps_one = matches!(
            ruleset.outputs[first.output].merge,
            Merge::First | Merge::Last
        );
        let second = b.then.iter().find(|part| part.output == first.output)?;
        let differs = differ(constant(first)?, constant(second)?);
        (keeps_one && differs).then_some((first.output, first, second))
    })
}

/// Says which parameters the claim depends on.
fn with_defaults(
    diagnostic: Diagnostic,
    ruleset: &RuleSet,
    conditions: &Conditions,
    rules: &[usize],
) -> Diagnostic {
    let params: BTreeSet<usize> = rules
        .iter()
        .flat_map(|rule| conditions.params[*rule].iter().copied())
        .collect();
    with_params(ruleset, &params, diagnostic)
}
