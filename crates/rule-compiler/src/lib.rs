//! The rule compiler: `.rules` source in, a WebAssembly component out.
//!
//! Pure: no files, network, clock, environment or threads; the same on the host and on wasm32.

pub mod ir;
pub mod types;

use rulestage_diagnostics::Diagnostic;

/// What `check` found out about a source.
#[derive(Debug, Clone)]
pub struct Checked {
    /// In source order
    pub diagnostics: Vec<Diagnostic>,
    /// Present when no diagnostic is an error
    pub ruleset: Option<ir::RuleSet>,
}

/// What `compile` made of a source.
#[derive(Debug, Clone)]
pub struct Compilation {
    /// In source order
    pub diagnostics: Vec<Diagnostic>,
    /// Present when no diagnostic is an error
    pub artifact: Option<Artifact>,
}

/// A compiled rule set.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The component's bytes: what every host runs
    pub component: Vec<u8>,
    /// What it was generated from
    pub ruleset: ir::RuleSet,
}
