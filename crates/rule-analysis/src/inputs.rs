//! Rows to try a rule set with: for each input a few values, made from the constants that stand in the rules.

use crate::domain::Domain;
use rulestage_rule_compiler::ir::{
    CellTest, Const, Decimal, Expr, ExprKind, Rule, RuleSet, TableValue,
};
use rulestage_rule_compiler::types::Type;
use std::cell::RefCell;

/// How many rows there are at most.
const MAX_ROWS: usize = 20_000;
/// How many constants of one type count where not all combinations are tried.
const MAX_CONSTANTS: usize = 64;

/// Rows to try a rule set with.
#[derive(Debug)]
pub struct Representatives {
    /// By input: the values, simple ones first
    pub values: Vec<Vec<Const>>,
    /// Rows of values, in the order of the inputs
    pub rows: Vec<Vec<Const>>,
    /// Whether what holds for these rows holds for all, with the defaults of the parameters
    pub is_complete: bool,
}

/// Rows that differ in what the rules and invariants can tell: the same for the same rule set.
pub fn representatives(ruleset: &RuleSet) -> Representatives {
    let exactness = Exactness {
        ruleset,
        exact_lets: RefCell::new(vec![None; ruleset.lets.len()]),
    };
    let is_exact = exactness.holds();
    let mut constants = Vec::new();
    gather(ruleset, &mut constants);
    let values: Vec<Vec<Const>> = ruleset
        .inputs
        .iter()
        .map(|input| values(&input.ty, &constants, is_exact))
        .collect();
    let n_combinations = values
        .iter()
        .try_fold(1_usize, |product, values| product.checked_mul(values.len()));
    match n_combinations {
        Some(number) if number <= MAX_ROWS => Representatives {
            rows: (0..number).map(|row| combination(&values, row)).collect(),
            values,
            is_complete: is_exact,
        },
        _ => Representatives {
            rows: some_rows(&values),
            values,
            is_complete: false,
        },
    }
}

/// The combination with this number.
fn combination(values: &[Vec<Const>], mut number: usize) -> Vec<Const> {
    let choose = |values: &Vec<Const>| {
        let value = values[number % values.len()].clone();
        number /= values.len();
        value
    };
    values.iter().map(choose).collect()
}

/// Each value of each input with the simplest of the others, then mixtures.
fn some_rows(values: &[Vec<Const>]) -> Vec<Vec<Const>> {
    let simplest = || -> Vec<Const> { values.iter().map(|values| values[0].clone()).collect() };
    let mut rows = Vec::with_capacity(MAX_ROWS);
    for (input, values) in values.iter().enumerate() {
        for value in values {
            let mut row = simplest();
            row[input] = value.clone();
            rows.push(row);
        }
    }
    rows.truncate(MAX_ROWS / 2);
    // A xorshift: evenly spread, and the same everywhere.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    while rows.len() < MAX_ROWS {
        let row = values
            .iter()
            .map(|values| values[below(values.len())].clone());
        rows.push(row.collect());
    }
    rows
}

/// The values of an input: one of each class that constants of its type make; where that is not exact, also what lies
/// right beside them.
fn values(ty: &Type, constants: &[Const], is_exact: bool) -> Vec<Const> {
    let (inner, is_nullable) = match ty {
        Type::Nullable(inner) => (&**inner, true),
        ty => (ty, false),
    };
    let mut values = match inner {
        Type::Bool => vec![Const::Bool(false), Const::Bool(true)],
        ty if ty.is_scalar() => {
            let mut own: Vec<Const> = constants
                .iter()
                .filter(|constant| is_of(constant, ty))
                .cloned()
                .collect();
            if !is_exact {
                own.truncate(MAX_CONSTANTS);
                own.extend(zero(ty));
                let beside: Vec<Const> = own.iter().flat_map(beside).collect();
                own.extend(beside);
            }
            Domain::new(ty, own, true).classes
        }
        Type::Decimal => {
            let mut own: Vec<Const> = constants
                .iter()
                .filter(|constant| is_of(constant, inner))
                .take(MAX_CONSTANTS)
                .cloned()
                .collect();
            own.push(Const::Decimal(Decimal::ZERO));
            let beside: Vec<Const> = own.iter().flat_map(beside).collect();
            own.extend(beside);
            own
        }
        Type::List(element) => {
            let elements = values(element, constants, false);
            let last = elements.last().cloned();
            let first = elements.first().cloned();
            vec![
                Const::List(Vec::new()),
                Const::List(first.clone().into_iter().collect()),
                Const::List(elements.iter().take(5).cloned().collect()),
                Const::List(last.into_iter().chain(first).collect()),
            ]
        }
        Type::Map(key, value) => {
            let (keys, items) = (
                values(key, constants, false),
                values(value, constants, false),
            );
            let entries: Vec<(Const, Const)> = keys.into_iter().zip(items).take(5).collect();
            vec![Const::Map(Vec::new()), Const::Map(entries)]
        }
        Type::Struct(fields) => {
            let all: Vec<(Const, Vec<Const>)> = fields
                .iter()
                .map(|(name, ty)| (Const::String(name.clone()), values(ty, constants, false)))
                .collect();
            let number = |n: usize| {
                let fields = all
                    .iter()
                    .map(|(name, values)| (name.clone(), values[n % values.len()].clone()));
                Const::Map(fields.collect())
            };
            (0..7).map(number).collect()
        }
        _ => vec![Const::Null],
    };
    values.sort_by_key(complexity);
    values.dedup();
    if is_nullable && !values.contains(&Const::Null) {
        values.push(Const::Null);
    }
    values
}

fn is_of(constant: &Const, ty: &Type) -> bool {
    matches!(
        (constant, ty),
        (Const::Bool(_), Type::Bool)
            | (Const::Int(_), Type::Int)
            | (Const::Uint(_), Type::Uint)
            | (Const::Double(_), Type::Double)
            | (Const::String(_), Type::String)
            | (Const::Bytes(_), Type::Bytes)
            | (Const::Timestamp(..), Type::Timestamp)
            | (Const::Duration(_), Type::Duration)
            | (Const::Decimal(_), Type::Decimal)
    )
}

fn zero(ty: &Type) -> Option<Const> {
    Some(match ty {
        Type::Int => Const::Int(0),
        Type::Uint => Const::Uint(0),
        Type::Double => Const::Double(0.0),
        Type::String => Const::String(String::new()),
        Type::Duration => Const::Duration(0),
        _ => return None,
    })
}

fn beside(constant: &Const) -> Vec<Const> {
    match constant {
        Const::Int(value) => [value.checked_sub(1), value.checked_add(1)]
            .into_iter()
            .flatten()
            .map(Const::Int)
            .collect(),
        Const::Uint(value) => [value.checked_sub(1), value.checked_add(1)]
            .into_iter()
            .flatten()
            .map(Const::Uint)
            .collect(),
        Const::Double(value) => vec![Const::Double(value - 1.0), Const::Double(value + 1.0)],
        // The next ones with as many places, of two at least.
        Const::Decimal(value) => {
            let unit = Decimal::new(1, value.scale().max(2)).unwrap_or(Decimal::ZERO);
            [value.subtract(unit), value.add(unit)]
                .into_iter()
                .flatten()
                .map(Const::Decimal)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// How hard a value is to read, roughly.
fn complexity(value: &Const) -> u64 {
    match value {
        Const::Int(value) | Const::Duration(value) => value.unsigned_abs(),
        Const::Uint(value) => *value,
        Const::Double(value) if value.is_nan() => u64::MAX - 1,
        Const::Double(value) => (value.abs() * 2.0) as u64 + u64::from(*value < 0.0),
        Const::String(text) => text.len() as u64,
        Const::Decimal(value) => value.to_whole().unsigned_abs() as u64 + u64::from(value.scale()),
        Const::List(items) => items.len() as u64,
        Const::Null => u64::MAX,
        _ => 0,
    }
}

// ------------------------------------------------------------------- constants

/// All constants that inputs may be compared with.
fn gather(ruleset: &RuleSet, constants: &mut Vec<Const>) {
    constants.extend(ruleset.params.iter().map(|param| param.default.clone()));
    for expr in expressions(ruleset) {
        gather_from(expr, constants);
    }
    for table in ruleset.rules.iter().filter_map(|rule| rule.table.as_ref()) {
        for (_, tests) in table.rows.iter().flat_map(|row| &row.tests) {
            gather_tests(tests, constants);
        }
        let values = table.outputs.iter().flat_map(|output| &output.values);
        constants.extend(values.filter_map(|value| match value {
            TableValue::Const(value) => Some(value.clone()),
            TableValue::Computed(_) => None,
        }));
    }
}

fn gather_from(expr: &Expr, constants: &mut Vec<Const>) {
    match &expr.kind {
        ExprKind::Const(Const::List(items)) => constants.extend(items.iter().cloned()),
        ExprKind::Const(value) => constants.push(value.clone()),
        _ => {
            for operand in expr.operands() {
                gather_from(operand, constants);
            }
        }
    }
}

fn gather_tests(tests: &[CellTest], constants: &mut Vec<Const>) {
    for test in tests {
        match test {
            CellTest::Compare(_, value) => constants.push(value.clone()),
            CellTest::Interval { low, high, .. } => constants.extend([low.clone(), high.clone()]),
            CellTest::Not(tests) => gather_tests(tests, constants),
        }
    }
}

/// All expressions of a rule set, but for cells that are constants.
fn expressions(ruleset: &RuleSet) -> impl Iterator<Item = &Expr> {
    let lets = ruleset.lets.iter().map(|each| &each.value);
    let of_rules = ruleset.rules.iter().flat_map(of_rule);
    let of_invariants = ruleset
        .invariants
        .iter()
        .flat_map(|each| each.condition.iter().chain([&each.assertion]));
    lets.chain(of_rules).chain(of_invariants)
}

fn of_rule(rule: &Rule) -> Vec<&Expr> {
    let contributions = rule.then.iter().chain(&rule.otherwise);
    let mut found = vec![&rule.condition];
    found.extend(contributions.map(|each| &each.value));
    if let Some(table) = &rule.table {
        found.extend(table.columns.iter().map(|column| &column.value));
        let values = table.outputs.iter().flat_map(|output| &output.values);
        found.extend(values.filter_map(|value| match value {
            TableValue::Computed(value) => Some(value),
            TableValue::Const(_) => None,
        }));
    }
    found
}

// ------------------------------------------------------------------- exactness

/// Whether inputs are only ever compared with constants, so that values between the same constants are all alike.
struct Exactness<'r> {
    ruleset: &'r RuleSet,
    /// By let, once it is known
    exact_lets: RefCell<Vec<Option<bool>>>,
}

impl Exactness<'_> {
    fn holds(&self) -> bool {
        let columns = |rule: &&Rule| rule.table.is_some();
        let tables: Vec<&Rule> = self.ruleset.rules.iter().filter(columns).collect();
        let headers: Vec<&Expr> = tables
            .iter()
            .filter_map(|rule| rule.table.as_ref())
            .flat_map(|table| table.columns.iter().map(|column| &column.value))
            .collect();
        // What only names an input counts where it is used.
        let lets: Vec<&Expr> = self.ruleset.lets.iter().map(|each| &each.value).collect();
        expressions(self.ruleset).all(|expr| {
            let may_be_input = || {
                let mut names = headers.iter().chain(&lets);
                names.any(|each| std::ptr::eq(*each, expr))
            };
            self.is_exact(expr) || self.is_input(expr) && may_be_input()
        })
    }

    /// Whether it has the same value for inputs between the same constants.
    fn is_exact(&self, expr: &Expr) -> bool {
        let inputs = &self.ruleset.inputs;
        match &expr.kind {
            ExprKind::Input(index) => inputs
                .get(*index)
                // The outputs are exact where everything is.
                .is_none_or(|input| is_bool(&input.ty)),
            ExprKind::Let(index) => {
                let known = self.exact_lets.borrow()[*index];
                known.unwrap_or_else(|| {
                    let is_exact = self.is_exact(&self.ruleset.lets[*index].value);
                    self.exact_lets.borrow_mut()[*index] = Some(is_exact);
                    is_exact
                })
            }
            ExprKind::Compare(_, a, b)
                if self.is_input(a) && self.is_constant(b, &a.ty)
                    || self.is_input(b) && self.is_constant(a, &b.ty) =>
            {
                true
            }
            ExprKind::In(item, items)
                if self.is_input(item)
                    && items.iter().all(|each| self.is_constant(each, &item.ty)) =>
            {
                true
            }
            _ => expr.operands().iter().all(|operand| self.is_exact(operand)),
        }
    }

    /// Whether it is an input of a scalar type, and nothing else.
    fn is_input(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Input(index) => {
                let input = self.ruleset.inputs.get(*index);
                input.is_some_and(|input| without_null(&input.ty).is_scalar())
            }
            ExprKind::Let(index) => self.is_input(&self.ruleset.lets[*index].value),
            ExprKind::Unwrap(operand) | ExprKind::Wrap(operand) => self.is_input(operand),
            _ => false,
        }
    }

    /// Whether it is a constant that was gathered, of the type that it is compared with, or null.
    fn is_constant(&self, expr: &Expr, ty: &Type) -> bool {
        let fits = |value: &Const| *value == Const::Null || is_of(value, without_null(ty));
        match &expr.kind {
            ExprKind::Const(value) => fits(value),
            ExprKind::Param(index) => fits(&self.ruleset.params[*index].default),
            ExprKind::Let(index) => self.is_constant(&self.ruleset.lets[*index].value, ty),
            ExprKind::Wrap(operand) => self.is_constant(operand, ty),
            _ => false,
        }
    }
}

fn is_bool(ty: &Type) -> bool {
    *without_null(ty) == Type::Bool
}

fn without_null(ty: &Type) -> &Type {
    match ty {
        Type::Nullable(inner) => inner,
        ty => ty,
    }
}
