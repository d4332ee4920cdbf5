//! How much work a row is at most, counted in operations before any row is seen; in the manner of the cost estimation of
//! cel-go.
//!
//! An operator, a function, a comparison and an assignment are one operation each, whatever the length of texts. What goes
//! over a list or map counts its parts for each element.

use rulestage_diagnostics::Span;
use rulestage_rule_compiler::ir::{Const, Expr, ExprKind, RuleSet, Table, TableValue};
use rulestage_rule_compiler::types::Type;
use std::collections::BTreeMap;
use std::fmt;

/// A sum of products: numbers of operations, times the sizes of lists and maps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost(BTreeMap<Vec<String>, u64>);

/// What the parts of a rule set cost for one row, at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// All of it
    pub total: Cost,
    /// The `let`s, which are evaluated once for each row
    pub lets: Cost,
    /// The rules and tables in order of evaluation: name, place, cost
    pub rules: Vec<(String, Span, Cost)>,
}

/// An upper bound of the work that one row is; `source` is what the spans point into.
pub fn cost(ruleset: &RuleSet, source: &str) -> Costs {
    let estimate = Estimate { source };
    let lets = ruleset.lets.iter();
    let lets = lets.fold(Cost::default(), |sum, each| {
        sum.plus(&estimate.of(&each.value))
    });
    let rules: Vec<(String, Span, Cost)> = ruleset
        .rules
        .iter()
        .map(|rule| {
            let of_all = |parts: &[rulestage_rule_compiler::ir::Contribution]| {
                parts.iter().fold(Cost::default(), |sum, part| {
                    sum.plus(&estimate.of(&part.value)).plus(&Cost::number(1))
                })
            };
            let branches = of_all(&rule.then).or(&of_all(&rule.otherwise));
            let table = rule.table.as_deref();
            let table = table.map_or_else(Cost::default, |table| estimate.of_table(table));
            let cost = estimate.of(&rule.condition).plus(&branches).plus(&table);
            (rule.name.clone(), rule.span, cost)
        })
        .collect();
    let total = rules
        .iter()
        .fold(lets.clone(), |sum, (_, _, cost)| sum.plus(cost));
    Costs { total, lets, rules }
}

impl Cost {
    fn number(n: u64) -> Self {
        Self(if n == 0 {
            BTreeMap::new()
        } else {
            BTreeMap::from([(Vec::new(), n)])
        })
    }

    fn size(name: String) -> Self {
        Self(BTreeMap::from([(vec![name], 1)]))
    }

    fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (sizes, n) in &other.0 {
            let term = sum.0.entry(sizes.clone()).or_default();
            *term = term.saturating_add(*n);
        }
        sum
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self::default();
        for (a, n) in &self.0 {
            for (b, m) in &other.0 {
                let mut sizes = [a.as_slice(), b.as_slice()].concat();
                sizes.sort();
                let term = product.0.entry(sizes).or_default();
                *term = term.saturating_add(n.saturating_mul(*m));
            }
        }
        product
    }

    /// At least each of the two.
    fn or(&self, other: &Self) -> Self {
        let mut most = self.clone();
        for (sizes, n) in &other.0 {
            let term = most.0.entry(sizes.clone()).or_default();
            *term = (*term).max(*n);
        }
        most
    }

    /// The number of operations where every list and map has this many elements.
    pub fn with_sizes(&self, size: u64) -> u64 {
        let terms = self.0.iter().map(|(sizes, n)| {
            let exponent = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
            n.saturating_mul(size.saturating_pow(exponent))
        });
        terms.fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, (sizes, n)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" + ")?;
            }
            if *n != 1 || sizes.is_empty() {
                write!(f, "{n}")?;
            }
            for (at, size) in sizes.iter().enumerate() {
                let dot = if at > 0 || *n != 1 { "·" } else { "" };
                write!(f, "{dot}|{size}|")?;
            }
        }
        Ok(())
    }
}

struct Estimate<'a> {
    source: &'a str,
}

impl Estimate<'_> {
    fn of(&self, expr: &Expr) -> Cost {
        let operands = expr
            .operands()
            .into_iter()
            .fold(Cost::default(), |sum, operand| sum.plus(&self.of(operand)));
        let one = Cost::number(1);
        match &expr.kind {
            // Already there
            ExprKind::Const(_)
            | ExprKind::Input(_)
            | ExprKind::Param(_)
            | ExprKind::Let(_)
            | ExprKind::Local(_)
            | ExprKind::Wrap(_)
            | ExprKind::Assume(_) => operands,
            ExprKind::Conditional(condition, a, b) => one
                .plus(&self.of(condition))
                .plus(&self.of(a).or(&self.of(b))),
            ExprKind::In(item, items) => one
                .times(&Cost::number(items.len() as u64 + 1))
                .plus(&self.of(item))
                .plus(
                    &items
                        .iter()
                        .fold(Cost::default(), |sum, each| sum.plus(&self.of(each))),
                ),
            ExprKind::Fold(fold) => {
                let filter = fold.filter.as_ref();
                let filter = filter.map_or_else(Cost::default, |filter| self.of(filter));
                let step = self.of(&fold.body).plus(&filter).plus(&one);
                self.of(&fold.range)
                    .plus(&one)
                    .plus(&self.size(&fold.range).times(&step))
            }
            ExprKind::Dispatch(dispatch) => {
                let args = dispatch.args.iter();
                let args = args.fold(one, |sum, (_, arg)| sum.plus(&self.of(arg)));
                let candidates = dispatch.candidates.iter();
                let most =
                    candidates.fold(Cost::default(), |most, each| most.or(&self.of(&each.body)));
                args.plus(&most)
                    .plus(&Cost::number(dispatch.candidates.len() as u64))
            }
            _ => {
                let sizes: Vec<Cost> = expr
                    .operands()
                    .into_iter()
                    .filter(|operand| is_container(&operand.ty))
                    .map(|operand| self.size(operand))
                    .collect();
                let sum = sizes
                    .iter()
                    .fold(Cost::default(), |sum, size| sum.plus(size));
                // Functions over lists may compare each element with each other one.
                let more = match &expr.kind {
                    ExprKind::Helper(..) => sum.times(&sum),
                    _ => sum,
                };
                one.plus(&operands).plus(&more)
            }
        }
    }

    /// How many elements it has at most.
    fn size(&self, expr: &Expr) -> Cost {
        match &expr.kind {
            ExprKind::List(items) => Cost::number(items.len() as u64),
            ExprKind::Map(entries) => Cost::number(entries.len() as u64),
            ExprKind::Const(Const::List(items)) => Cost::number(items.len() as u64),
            ExprKind::Const(Const::Map(entries)) => Cost::number(entries.len() as u64),
            // What is left of the elements is no more than them.
            ExprKind::Fold(fold) => self.size(&fold.range),
            ExprKind::Convert(inner)
            | ExprKind::Assume(inner)
            | ExprKind::Wrap(inner)
            | ExprKind::Unwrap(inner) => self.size(inner),
            _ => {
                let text = expr.span.text(self.source);
                Cost::size(text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// All tests of all rows: the index that most tables have is faster.
    fn of_table(&self, table: &Table<Expr>) -> Cost {
        let columns = table.columns.iter();
        let columns = columns.fold(Cost::default(), |sum, each| sum.plus(&self.of(&each.value)));
        let n_tests = table.rows.iter().flat_map(|row| &row.tests);
        let n_tests: usize = n_tests.map(|(_, tests)| tests.len()).sum();
        let n_values = table
            .rows
            .iter()
            .flat_map(|row| row.values.iter().flatten());
        let n_values = n_values.count();
        let values = table.outputs.iter().flat_map(|output| &output.values);
        let values = values.fold(Cost::default(), |sum, value| match value {
            TableValue::Computed(value) => sum.plus(&self.of(value)),
            TableValue::Const(_) => sum,
        });
        columns
            .plus(&values)
            .plus(&Cost::number((n_tests + n_values) as u64))
    }
}

fn is_container(ty: &Type) -> bool {
    match ty {
        Type::Nullable(inner) => is_container(inner),
        Type::List(_) | Type::Map(..) | Type::Dyn => true,
        _ => false,
    }
}
