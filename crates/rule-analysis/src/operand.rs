//! Values inside of conditions.

use crate::formula::Formula;
use rulestage_rule_compiler::ir::Const;

/// A value that depends on variables in ways that the analysis follows.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// Known, parameters at their defaults
    Constant(Const),
    /// By its number
    Variable(usize),
    /// `a ?? b`
    Coalesce(Box<Operand>, Box<Operand>),
    /// `c ? a : b`
    Conditional(Box<Formula>, Box<Operand>, Box<Operand>),
    /// The value of a `T?`; null is an error
    Unwrap(Box<Operand>),
    /// A `bool` of a formula
    Truth(Box<Formula>),
}

/// The evaluation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// The values of the variables, by their numbers. `Err` for a term whose evaluation fails.
pub(crate) type Assignment = [Result<Const, Failed>];

impl Operand {
    /// The value.
    pub(crate) fn evaluate(&self, values: &Assignment) -> Result<Const, Failed> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Variable(variable) => values[*variable].clone(),
            Self::Coalesce(a, b) => match a.evaluate(values) {
                Ok(Const::Null) | Err(Failed) => b.evaluate(values),
                value => value,
            },
            Self::Conditional(condition, a, b) => {
                if condition.evaluate(values)? {
                    a.evaluate(values)
                } else {
                    b.evaluate(values)
                }
            }
            Self::Unwrap(operand) => match operand.evaluate(values)? {
                Const::Null => Err(Failed),
                value => Ok(value),
            },
            Self::Truth(formula) => formula.evaluate(values).map(Const::Bool),
        }
    }

    /// Its value where it depends on nothing.
    pub(crate) fn constant(&self) -> Option<&Const> {
        match self {
            Self::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Calls `visit` with each variable whose value it may have.
    pub(crate) fn sources(&self, visit: &mut impl FnMut(usize)) {
        match self {
            Self::Constant(_) | Self::Truth(_) => {}
            Self::Variable(variable) => visit(*variable),
            Self::Coalesce(a, b) | Self::Conditional(_, a, b) => {
                a.sources(visit);
                b.sources(visit);
            }
            Self::Unwrap(operand) => operand.sources(visit),
        }
    }

    /// Calls `visit` with each formula inside.
    pub(crate) fn formulas(&self, visit: &mut impl FnMut(&Formula)) {
        match self {
            Self::Constant(_) | Self::Variable(_) => {}
            Self::Coalesce(a, b) => {
                a.formulas(visit);
                b.formulas(visit);
            }
            Self::Conditional(condition, a, b) => {
                visit(condition);
                a.formulas(visit);
                b.formulas(visit);
            }
            Self::Unwrap(operand) => operand.formulas(visit),
            Self::Truth(formula) => visit(formula),
        }
    }
}
