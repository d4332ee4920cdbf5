//! How far rows came in the conditions of rules: of so many, so many stopped at each part.

use super::{Style, quantity};
use rulestage_pipeline::run::{ExplainedRule, Funnel};

/// Of longer parts of conditions the beginning is shown.
const MAX_TEXT: usize = 56;

/// The counts of one rule.
#[derive(Debug)]
pub(crate) struct RuleFunnel {
    /// What it is called in this pipeline
    pub(crate) name: String,
    pub(crate) rule: ExplainedRule,
    pub(crate) counts: Funnel,
}

/// Rule by rule, in the order of evaluation.
pub(crate) fn render(rules: &[RuleFunnel], style: Style) -> String {
    rules.iter().map(|rule| one(rule, style)).collect()
}

fn one(rule: &RuleFunnel, style: Style) -> String {
    let counts = &rule.counts;
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (n_rows, operand) in counts.stopped.iter().zip(1_u8..) {
        let what = shortened(rule.rule.stop(operand));
        lines.push((*n_rows, what));
    }
    if counts.stopped.is_empty() {
        let n_others = counts.n_rows - counts.n_fired;
        lines.push((n_others, style.faint("did not fire, or failed")));
    }
    if counts.n_failed > 0 {
        lines.push((counts.n_failed, style.error("failed")));
    }
    lines.push((counts.n_fired, style.good("fired")));
    let width = lines.iter().map(|(n, _)| quantity::count(*n).len()).max();
    let width = width.unwrap_or(0);
    let mut text = format!(
        "  {} {}\n",
        style.emphasis(&rule.name),
        style.faint(&quantity::counted(counts.n_rows, "row"))
    );
    for (n_rows, what) in lines {
        let share = match counts.n_rows {
            0 => String::new(),
            all => format!("{:5.1} %", n_rows as f64 / all as f64 * 100.0),
        };
        let n_rows = quantity::count(n_rows);
        text += &format!("    {n_rows:>width$}  {share:>7}  {what}\n");
    }
    text
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let start: String = text.chars().take(MAX_TEXT - 1).collect();
    format!("{start}…")
}
