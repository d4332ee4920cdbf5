//! Conditions as formulas over variables that are compared with constants.

use crate::operand::{Assignment, Failed, Operand};
use crate::value::{calculate, compare};
use rulestage_rule_compiler::ir::{
    ArithmeticOp, CompareOp, Const, Expr, ExprKind, Function, RuleSet,
};
use rulestage_rule_compiler::types::Type;
use std::collections::{BTreeMap, BTreeSet};

/// What is true or false.
#[derive(Debug, Clone)]
pub(crate) enum Formula {
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
    /// The operand compared with a constant
    Test(CompareOp, Operand, Const),
    /// The operand is one of these
    In(Operand, Vec<Const>),
    /// The operand itself
    Truth(Operand),
}

/// What a condition depends on.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    /// As people know it: the name of an input, or the text of a term
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// Whether it is an input, or a part of one with a known range; examples can be given
    pub(crate) is_concrete: bool,
    /// Whether its evaluation can fail
    pub(crate) can_fail: bool,
    /// The least and largest value of an `int` that is a part of something
    pub(crate) range: Option<(i64, i64)>,
}

/// The conditions of all rules.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) variables: Vec<Variable>,
    /// By rule
    pub(crate) formulas: Vec<Formula>,
    /// By rule: the variables, ascending
    pub(crate) uses: Vec<Vec<usize>>,
    /// By rule: the parameters, whose defaults were taken
    pub(crate) params: Vec<BTreeSet<usize>>,
}

impl Conditions {
    /// The formulas of a rule set's conditions.
    pub(crate) fn of(ruleset: &RuleSet, source: &str) -> Self {
        let mut abstraction = Abstraction::new(ruleset, source);
        let (mut formulas, mut params) = (Vec::new(), Vec::new());
        for rule in &ruleset.rules {
            formulas.push(abstraction.formula(&rule.condition));
            abstraction.n_seen_before += std::mem::take(&mut abstraction.n_seen);
            params.push(std::mem::take(&mut abstraction.params));
        }
        let mut conditions = abstraction.finish(formulas);
        conditions.params = params;
        conditions
    }
}

impl Formula {
    /// Whether it holds; `&&` and `||` absorb errors as CEL has it.
    pub(crate) fn evaluate(&self, values: &Assignment) -> Result<bool, Failed> {
        match self {
            Self::Not(formula) => formula.evaluate(values).map(|holds| !holds),
            Self::And(a, b) => match a.evaluate(values) {
                Ok(false) => Ok(false),
                left => match b.evaluate(values) {
                    Ok(true) => left,
                    right => right,
                },
            },
            Self::Or(a, b) => match a.evaluate(values) {
                Ok(true) => Ok(true),
                left => match b.evaluate(values) {
                    Ok(false) => left,
                    right => right,
                },
            },
            Self::Test(op, operand, constant) => {
                compare(*op, &operand.evaluate(values)?, constant).ok_or(Failed)
            }
            Self::In(operand, constants) => {
                let value = operand.evaluate(values)?;
                let is_equal =
                    |constant: &Const| compare(CompareOp::Equal, &value, constant) == Some(true);
                Ok(constants.iter().any(is_equal))
            }
            Self::Truth(operand) => match operand.evaluate(values)? {
                Const::Bool(value) => Ok(value),
                _ => Err(Failed),
            },
        }
    }

    /// How many tests it has.
    pub(crate) fn n_tests(&self) -> usize {
        let mut n_tests = 0;
        self.tests(&mut |_, constants| n_tests += constants.len().max(1));
        n_tests
    }

    /// Calls `visit` with each operand and the constants it is compared with.
    pub(crate) fn tests(&self, visit: &mut impl FnMut(&Operand, &[Const])) {
        let operand = match self {
            Self::Not(formula) => return formula.tests(visit),
            Self::And(a, b) | Self::Or(a, b) => {
                a.tests(visit);
                return b.tests(visit);
            }
            Self::Test(_, operand, constant) => {
                visit(operand, std::slice::from_ref(constant));
                operand
            }
            Self::In(operand, constants) => {
                visit(operand, constants);
                operand
            }
            Self::Truth(operand) => {
                visit(operand, &[]);
                operand
            }
        };
        let mut inside = Vec::new();
        operand.formulas(&mut |formula| inside.push(formula.clone()));
        for formula in inside {
            formula.tests(visit);
        }
    }

    fn variables(&self, used: &mut BTreeSet<usize>) {
        self.tests(&mut |operand, _| {
            operand.sources(&mut |variable| {
                used.insert(variable);
            });
        });
    }
}

/// Makes formulas, and numbers the variables.
pub(crate) struct Abstraction<'a> {
    ruleset: &'a RuleSet,
    source: &'a str,
    variables: Vec<Variable>,
    by_name: BTreeMap<String, usize>,
    params: BTreeSet<usize>,
    /// How deep in lets
    depth: usize,
    /// Expressions seen of the present formula, and of those before
    n_seen: usize,
    n_seen_before: usize,
}

/// Lets nested deeper than this are not looked into; nor are lets at all where a formula, or all of them, would come to
/// more expressions: `let b = a + a`, `let c = b + b`, …
const MOST_DEPTH: usize = 64;
const MOST_SEEN: usize = 1 << 14;
const MOST_SEEN_OF_ALL: usize = 1 << 21;

impl<'a> Abstraction<'a> {
    pub(crate) fn new(ruleset: &'a RuleSet, source: &'a str) -> Self {
        Self {
            ruleset,
            source,
            variables: Vec::new(),
            by_name: BTreeMap::new(),
            params: BTreeSet::new(),
            depth: 0,
            n_seen: 0,
            n_seen_before: 0,
        }
    }

    /// What a let is, seen by `look`, or nothing where that would be too much.
    fn inside<T>(&mut self, index: usize, look: impl FnOnce(&mut Self, &Expr) -> T) -> Option<T> {
        let may_go_on = self.depth < MOST_DEPTH
            && self.n_seen < MOST_SEEN
            && self.n_seen_before + self.n_seen < MOST_SEEN_OF_ALL;
        may_go_on.then(|| {
            self.depth += 1;
            let seen = look(self, &self.ruleset.lets[index].value);
            self.depth -= 1;
            seen
        })
    }

    /// Formulas that were made of it, each of which may depend on all parameters that occurred.
    pub(crate) fn finish(self, formulas: Vec<Formula>) -> Conditions {
        let used = |formula: &Formula| {
            let mut used = BTreeSet::new();
            formula.variables(&mut used);
            used.into_iter().collect()
        };
        Conditions {
            uses: formulas.iter().map(used).collect(),
            params: vec![self.params; formulas.len()],
            variables: self.variables,
            formulas,
        }
    }

    pub(crate) fn formula(&mut self, expr: &Expr) -> Formula {
        self.n_seen += 1;
        match &expr.kind {
            ExprKind::Not(a) => Formula::Not(Box::new(self.formula(a))),
            ExprKind::And(a, b) => {
                Formula::And(Box::new(self.formula(a)), Box::new(self.formula(b)))
            }
            ExprKind::Or(a, b) => Formula::Or(Box::new(self.formula(a)), Box::new(self.formula(b))),
            ExprKind::Let(index) => self
                .inside(*index, Self::formula)
                .unwrap_or_else(|| self.term_formula(expr)),
            ExprKind::Compare(op, a, b) if is_simple(&a.ty) && is_simple(&b.ty) => {
                let before = self.variables.len();
                let (left, right) = (self.operand(a), self.operand(b));
                if let Some(constant) = right.constant().filter(|each| is_exact(&a.ty, each)) {
                    let constant = constant.clone();
                    return Formula::Test(*op, left, constant);
                }
                if let Some(constant) = left.constant().filter(|each| is_exact(&b.ty, each)) {
                    let constant = constant.clone();
                    return Formula::Test(mirrored(*op), right, constant);
                }
                self.forget(before);
                self.term_formula(expr)
            }
            ExprKind::In(item, items) if is_simple(&item.ty) => {
                let before = self.variables.len();
                let operand = self.operand(item);
                let constants: Option<Vec<Const>> = items
                    .iter()
                    .map(|each| self.operand(each).constant().cloned())
                    .map(|each| each.filter(|constant| is_exact(&item.ty, constant)))
                    .collect();
                match constants {
                    Some(constants) => Formula::In(operand, constants),
                    None => {
                        self.forget(before);
                        self.term_formula(expr)
                    }
                }
            }
            ExprKind::Compare(..) | ExprKind::In(..) => self.term_formula(expr),
            _ => Formula::Truth(self.operand(expr)),
        }
    }

    fn operand(&mut self, expr: &Expr) -> Operand {
        self.n_seen += 1;
        match &expr.kind {
            ExprKind::Const(value) => Operand::Constant(value.clone()),
            ExprKind::Param(index) => {
                self.params.insert(*index);
                Operand::Constant(self.ruleset.params[*index].default.clone())
            }
            ExprKind::Input(index) => {
                let input = &self.ruleset.inputs[*index];
                let variable = Variable {
                    name: input.name.clone(),
                    ty: input.ty.clone(),
                    is_concrete: true,
                    can_fail: false,
                    range: None,
                };
                self.variable(variable)
            }
            ExprKind::Let(index) => self
                .inside(*index, Self::operand)
                .unwrap_or_else(|| self.term(expr, true)),
            ExprKind::Wrap(operand) => self.operand(operand),
            ExprKind::Unwrap(operand) => Operand::Unwrap(Box::new(self.operand(operand))),
            ExprKind::Coalesce(a, b) => {
                Operand::Coalesce(Box::new(self.operand(a)), Box::new(self.operand(b)))
            }
            ExprKind::Conditional(condition, a, b) => Operand::Conditional(
                Box::new(self.formula(condition)),
                Box::new(self.operand(a)),
                Box::new(self.operand(b)),
            ),
            ExprKind::Not(_)
            | ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Compare(..)
            | ExprKind::In(..) => Operand::Truth(Box::new(self.formula(expr))),
            ExprKind::Negate(operand) => match self.operand(operand).constant() {
                Some(Const::Double(value)) => Operand::Constant(Const::Double(-value)),
                Some(Const::Int(value)) if *value != i64::MIN => {
                    Operand::Constant(Const::Int(-value))
                }
                _ => self.term(expr, true),
            },
            ExprKind::Arithmetic(op, a, b) => self.arithmetic(expr, *op, a, b),
            ExprKind::Call(function, args) => match part_range(*function, args) {
                Some(range) => {
                    let variable = Variable {
                        range: Some(range),
                        is_concrete: true,
                        ..self.term_variable(expr, false)
                    };
                    self.variable(variable)
                }
                None => self.term(expr, true),
            },
            _ => self.term(expr, true),
        }
    }

    fn arithmetic(&mut self, expr: &Expr, op: ArithmeticOp, a: &Expr, b: &Expr) -> Operand {
        let before = self.variables.len();
        let (left, right) = (self.operand(a), self.operand(b));
        let value = left
            .constant()
            .zip(right.constant())
            .and_then(|(a, b)| calculate(op, a, b));
        match value {
            Some(value) => Operand::Constant(value),
            None => {
                self.forget(before);
                self.term(expr, expr.ty != Type::Double)
            }
        }
    }

    /// A variable for something that is not looked into.
    fn term(&mut self, expr: &Expr, can_fail: bool) -> Operand {
        let variable = self.term_variable(expr, can_fail);
        self.variable(variable)
    }

    fn term_formula(&mut self, expr: &Expr) -> Formula {
        Formula::Truth(self.term(expr, true))
    }

    /// Equal texts mean the same: nothing shadows a name outside of macros, and those are terms as a whole.
    fn term_variable(&self, expr: &Expr, can_fail: bool) -> Variable {
        let text = expr.span.text(self.source);
        // Blanks inside of quotes matter.
        let name = if text.contains(['"', '\'']) {
            text.to_owned()
        } else {
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        Variable {
            name,
            ty: expr.ty.clone(),
            is_concrete: false,
            can_fail,
            range: None,
        }
    }

    fn variable(&mut self, variable: Variable) -> Operand {
        let key = format!("{} {} {}", variable.name, variable.ty, variable.is_concrete);
        let number = match self.by_name.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.variables.len();
                self.by_name.insert(key, number);
                self.variables.push(variable);
                number
            }
        };
        Operand::Variable(number)
    }

    /// Drops the variables from this number on: a larger term takes their place.
    fn forget(&mut self, first: usize) {
        self.variables.truncate(first);
        self.by_name.retain(|_, number| *number < first);
    }
}

/// Whether a few values can stand for all values of the type.
fn is_simple(ty: &Type) -> bool {
    match ty {
        Type::Nullable(inner) => is_simple(inner),
        Type::Null
        | Type::Bool
        | Type::Int
        | Type::Uint
        | Type::Double
        | Type::String
        | Type::Timestamp
        | Type::Duration => true,
        _ => false,
    }
}

/// Whether comparing with the constant rounds no number that matters: a whole number beside a double becomes a double.
fn is_exact(ty: &Type, constant: &Const) -> bool {
    const FIRST_ROUNDED: u64 = 1 << 53;
    match (ty, constant) {
        (Type::Nullable(inner), constant) => is_exact(inner, constant),
        (Type::Int | Type::Uint, Const::Double(value)) => {
            value.is_nan() || value.abs() < FIRST_ROUNDED as f64
        }
        (Type::Double, Const::Int(value)) => value.unsigned_abs() < FIRST_ROUNDED,
        (Type::Double, Const::Uint(value)) => *value < FIRST_ROUNDED,
        _ => true,
    }
}

/// The operator for exchanged sides.
fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        same => same,
    }
}

/// The values of a part of a timestamp, all of which occur.
fn part_range(function: Function, args: &[Expr]) -> Option<(i64, i64)> {
    if args.first().is_none_or(|whole| whole.ty != Type::Timestamp) {
        return None;
    }
    Some(match function {
        Function::GetHours => (0, 23),
        Function::GetMinutes | Function::GetSeconds => (0, 59),
        Function::GetMilliseconds => (0, 999),
        Function::GetMonth => (0, 11),
        Function::GetDate => (1, 31),
        Function::GetDayOfMonth => (0, 30),
        Function::GetDayOfWeek => (0, 6),
        Function::GetDayOfYear => (0, 365),
        _ => return None,
    })
}
