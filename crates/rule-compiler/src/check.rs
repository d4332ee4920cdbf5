//! Names and types: the syntax tree of a rule set to its checked form.
//!
//! The checker knows all of CEL's types, also those that are not generated yet, so that a mistake in a map is
//! reported as the mistake it is.

mod blocks;
mod calls;
mod constants;
mod convert;
mod declarations;
mod expressions;
mod functions;
mod invariants;
mod macros;
mod messages;
mod operators;
mod overload;
mod rules;
mod tables;
mod totals;
mod unify;

pub(crate) use convert::{covers, is_shallow};
pub(crate) use unify::{Unifier, is_numeric, settled};

use crate::analysis::Facts;
use crate::ast;
use crate::scope::Scope;
use crate::typed;
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

/// What a checker knows while it goes through a source.
pub(crate) struct Checker<'a> {
    pub(crate) source: &'a str,
    pub(crate) scope: Scope,
    pub(crate) unifier: Unifier,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Variables of macros so far
    n_locals: u32,
    functions: functions::Functions,
    /// Inside of invariants, which read outputs: how many inputs stand before them
    outputs_from: Option<usize>,
    /// Choices between values of different types: fine as a `dyn`, a mistake where one type is needed
    mixed_choices: Vec<(Span, Diagnostic)>,
    /// What editors want to know; gathered for them only
    pub(crate) facts: Option<Facts>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self {
            source,
            scope: Scope::default(),
            unifier: Unifier::default(),
            diagnostics: Vec::new(),
            n_locals: 0,
            functions: functions::Functions::default(),
            outputs_from: None,
            mixed_choices: Vec::new(),
            facts: None,
        }
    }

    /// The number of a new variable.
    fn new_local(&mut self) -> u32 {
        self.n_locals += 1;
        self.n_locals - 1
    }

    /// The checked form of a rule set, as far as it can be made.
    pub(crate) fn check_ruleset(&mut self, ruleset: &ast::RuleSet) -> typed::RuleSet {
        let mut checked = self.declare(ruleset);
        self.check_functions(ruleset);
        let lets = self.order_lets(ruleset);
        checked.lets = self.check_lets(&lets);
        checked.rules = self.check_rules(ruleset, &checked.outputs);
        checked.examples = self.check_examples(ruleset, &checked);
        checked.invariants = self.check_invariants(ruleset, &checked);
        self.warn_unused(ruleset, &checked);
        checked
    }
}

/// The type that a name in an expression stands for, as a value of type `type`.
fn type_named(name: &str) -> Option<Type> {
    let plain = match name {
        "list" => Type::List(Box::new(Type::Dyn)),
        "map" => Type::Map(Box::new(Type::Dyn), Box::new(Type::Dyn)),
        "type" => Type::Type,
        "optional_type" => Type::Optional(Box::new(Type::Dyn)),
        "net.IP" => Type::Ip,
        "net.CIDR" => Type::Cidr,
        "dyn" | "timestamp" | "duration" | "null" | "any" => return None,
        _ => return crate::parser::plain_type(name),
    };
    Some(plain)
}
