//! What a run did, in a few lines.

use super::funnel::{self, RuleFunnel};
use super::{Style, quantity};
use std::time::Duration;

/// The counts and times of a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) pipeline: String,
    pub(crate) n_rows_in: u64,
    pub(crate) n_rows_out: u64,
    /// Rows that failed in some stage, whatever its policy
    pub(crate) n_rows_failed: u64,
    pub(crate) n_dead_letters: u64,
    pub(crate) dead_letters: Option<String>,
    pub(crate) elapsed: Duration,
    /// Before the first batch: reading the manifest, compiling
    pub(crate) prepared: Duration,
    pub(crate) n_workers: usize,
    pub(crate) stages: Vec<StageTime>,
    /// Which engine computed each model, and why
    pub(crate) models: Vec<String>,
    /// Time that workers did not spend in stages: columns to the types of stages, gates, joining results
    pub(crate) conversion: Duration,
    /// How far rows came in the conditions of rules, where that is asked for
    pub(crate) funnels: Vec<RuleFunnel>,
    /// On a thread of its own
    pub(crate) reading: Duration,
    /// On a thread of its own
    pub(crate) writing: Duration,
}

/// What one stage took, summed over all workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageTime {
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    pub(crate) elapsed: Duration,
}

/// The summary as text.
pub(crate) fn render(summary: &Summary, style: Style) -> String {
    let rate = quantity::count(quantity::rate(summary.n_rows_in, summary.elapsed));
    let mut text = format!(
        "{}: {} in {} ({rate} rows/s, {})\n",
        style.emphasis(&summary.pipeline),
        quantity::counted(summary.n_rows_in, "row"),
        quantity::duration(summary.elapsed),
        quantity::counted(summary.n_workers as u64, "worker"),
    );
    if summary.n_rows_failed > 0 {
        text += &failed_rows(summary, style);
    }
    let parts = parts(summary);
    let width = parts
        .iter()
        .map(|(name, ..)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, n_rows, elapsed) in parts {
        let per_row = if n_rows == 0 {
            String::new()
        } else {
            let each = Duration::from_secs_f64(elapsed.as_secs_f64() / n_rows as f64);
            format!(
                "  {}, {} each",
                quantity::counted(n_rows, "row"),
                quantity::duration(each)
            )
        };
        let elapsed = quantity::duration(elapsed);
        text += &format!(
            "  {}  {elapsed:>9}{}\n",
            style.faint(&format!("{name:width$}")),
            per_row
        );
    }
    for model in &summary.models {
        text += &format!("  {}\n", style.faint(model));
    }
    text + &funnel::render(&summary.funnels, style)
}

fn failed_rows(summary: &Summary, style: Style) -> String {
    let failed = format!("{} failed", quantity::counted(summary.n_rows_failed, "row"));
    let to = match &summary.dead_letters {
        Some(file) => format!(", {} to {file}", quantity::count(summary.n_dead_letters)),
        None => String::new(),
    };
    let out = quantity::counted(summary.n_rows_out, "row");
    format!("  {}{to}; {out} in the output\n", style.warning(&failed))
}

/// Where the time went: conversion and stages summed over all workers, the rest on threads of their own.
fn parts(summary: &Summary) -> Vec<(String, u64, Duration)> {
    let mut parts = vec![
        ("prepare".into(), 0, summary.prepared),
        ("read".into(), 0, summary.reading),
        ("convert".into(), 0, summary.conversion),
    ];
    parts.extend(
        summary
            .stages
            .iter()
            .map(|stage| (format!("stage {}", stage.name), stage.n_rows, stage.elapsed)),
    );
    parts.push(("write".into(), 0, summary.writing));
    parts
}
