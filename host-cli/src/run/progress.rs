//! Progress on standard error, where a person watches.

use crate::render::quantity;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;

/// A line that counts rows; invisible where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn start(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {rows} rows, {rate} rows/s")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("rows", |state: &ProgressState, line: &mut dyn Write| {
                let _ = line.write_str(&quantity::count(state.pos()));
            })
            .with_key("rate", |state: &ProgressState, line: &mut dyn Write| {
                let _ = line.write_str(&quantity::count(state.per_sec() as u64));
            });
        bar.set_style(style);
        Self { bar }
    }

    /// Counts rows that are written.
    pub(super) fn add(&self, n_rows: u64) {
        self.bar.inc(n_rows);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
