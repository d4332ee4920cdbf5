//! The rule compiler: `.rules` source in, a WebAssembly component out.
//!
//! Pure: no files, network, clock, environment or threads; the same on the host and on wasm32.

pub mod analysis;
pub mod ast;
mod check;
pub mod codegen;
mod dump;
mod expression;
mod format;
mod highlight;
mod invariants;
pub mod ir;
mod lexer;
mod literal;
mod lower;
mod overloads;
mod packed;
mod parser;
mod prepared;
mod scope;
mod suggest;
mod time;
mod token;
mod typed;
pub mod types;
mod zones;

pub use dump::dump;
pub use expression::{check_expression, parse_type};
pub use format::format;
pub use highlight::{TokenClass, highlight};
pub use invariants::{N_COLUMNS_PER_INVARIANT, compile_invariants};
pub use parser::{Parsed, parse, parse_expression};
use rulestage_sort::sort_by_key;
pub use token::Comment;

use rulestage_diagnostics::{Diagnostic, Severity};

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

/// What is wrong with a source of rules, and its intermediate representation if nothing is.
pub fn check(source: &str) -> Checked {
    let Parsed {
        ruleset,
        mut diagnostics,
        ..
    } = parse(source);
    let ruleset = ruleset.map(|ruleset| {
        let mut checker = check::Checker::new(source);
        let checked = checker.check_ruleset(&ruleset);
        diagnostics.append(&mut checker.diagnostics);
        lower::lower(&checked, &checker.unifier, &mut diagnostics)
    });
    finish(diagnostics, ruleset)
}

/// Compiles a source of rules to a component, which needs no file, network or clock, and imports nothing.
pub fn compile(source: &str) -> Compilation {
    generate(check(source), source, true)
}

/// Compiles a source of rules to a smaller component that does not say why: it has no interface `explain`.
pub fn compile_without_explain(source: &str) -> Compilation {
    generate(check(source), source, false)
}

/// Compiles one expression, given the types of its variables; the component has one output, `result`.
pub fn compile_expression(
    expression: &str,
    variables: &[(String, types::Type)],
    container: &str,
) -> Compilation {
    generate(
        check_expression(expression, variables, container),
        expression,
        true,
    )
}

fn generate(checked: Checked, source: &str, explains: bool) -> Compilation {
    let artifact = checked.ruleset.map(|ruleset| Artifact {
        component: codegen::generate(&ruleset, source, explains),
        ruleset,
    });
    Compilation {
        diagnostics: checked.diagnostics,
        artifact,
    }
}

/// Diagnostics in source order; the rule set only where none of them is an error.
fn finish(mut diagnostics: Vec<Diagnostic>, ruleset: Option<ir::RuleSet>) -> Checked {
    sort_by_key(&mut diagnostics, |diagnostic| diagnostic.span);
    let has_errors = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Checked {
        ruleset: ruleset.filter(|_| !has_errors),
        diagnostics,
    }
}
