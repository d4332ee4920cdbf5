//! `explain` of the contract: the rules of a component, and why one row came out as it did.

use rulestage_pipeline::runtime::{
    Explanation, Expression, FiredRules, Outline, Role, RuleOutline, StageFailure,
    StageFailureKind, Verdict,
};

use crate::bindings::rules::exports::rulestage::stage::explain as wit;
use crate::convert::value;
use crate::failure::failure;

pub(crate) fn outline(outline: wit::Outline) -> Outline {
    let rule = |rule: wit::Rule| RuleOutline {
        name: rule.name,
        priority: rule.priority,
        doc: rule.doc,
    };
    let expression = |expression: wit::Expression| Expression {
        rule: expression.rule,
        role: match expression.role {
            wit::Role::Condition => Role::Condition,
            wit::Role::ThenOutput(output) => Role::ThenOutput(output),
            wit::Role::ElseOutput(output) => Role::ElseOutput(output),
            wit::Role::Definition => Role::Definition,
        },
        depth: expression.depth,
        text: expression.text,
        offset: expression.offset,
    };
    Outline {
        rules: outline.rules.into_iter().map(rule).collect(),
        expressions: outline.expressions.into_iter().map(expression).collect(),
        outputs: outline.outputs,
    }
}

pub(crate) fn explanation(explanation: wit::Explanation) -> Explanation {
    let verdict = |verdict| match verdict {
        wit::Verdict::Fired => Verdict::Fired,
        wit::Verdict::NotFired => Verdict::NotFired,
        wit::Verdict::Failed => Verdict::Failed,
    };
    Explanation {
        verdicts: explanation.verdicts.into_iter().map(verdict).collect(),
        values: explanation.values.into_iter().map(value).collect(),
    }
}

/// Checked: offsets are those of `rows` rows.
pub(crate) fn fired_rules(fired: wit::FiredRules, rows: u32) -> Result<FiredRules, StageFailure> {
    let wit::FiredRules { offsets, rules } = fired;
    let is_sound = offsets.len() == rows as usize + 1
        && offsets.first() == Some(&0)
        && offsets.is_sorted()
        && offsets.last().map(|end| *end as usize) == Some(rules.len());
    if !is_sound {
        return Err(failure(
            StageFailureKind::Contract,
            format!("the stage's fired rules are not those of {rows} rows"),
        ));
    }
    Ok(FiredRules { offsets, rules })
}
