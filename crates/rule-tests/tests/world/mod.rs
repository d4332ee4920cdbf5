//! A small world: a few values of each input that stand for all, and conditions that compare inputs with constants.

use rulestage_pipeline::dynamic;
use rulestage_pipeline::runtime::{Limits, Runtime, Verdict};
use rulestage_rule_analysis::json;
use rulestage_rule_compiler::ir::Const;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::collections::BTreeSet;
use std::fmt;

/// What each source begins with.
pub(crate) const HEADER: &str = "ruleset generated {
  input { a: int  x: double?  s: string  b: bool  c: bool? }
  output { o: int = 7  p: int = 7 }
";

const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 60_000,
};

/// By rule, then by row; `None` where the condition fails.
pub(crate) type Verdicts = Vec<Vec<Option<bool>>>;

/// A part of a condition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Where it stands
    pub(crate) span: (usize, usize),
    /// Whether brackets stand around it
    is_bracketed: bool,
    /// Parts are numbered in the order of the text.
    pub(crate) number: usize,
}

impl Part {
    /// Whether it stands there, with its brackets or without.
    pub(crate) fn is_at(&self, span: (usize, usize)) -> bool {
        let brackets = usize::from(self.is_bracketed);
        let outer = (self.span.0 - brackets, self.span.1 + brackets);
        span == self.span || span == outer
    }
}

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

/// A condition as a tree; spans come with its text.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Test(String),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub(crate) fn random(random: &mut Random, depth: usize) -> Self {
        let parts = |random: &mut Random| -> Vec<Self> {
            let number = 2 + random.below(2);
            (0..number)
                .map(|_| Self::random(random, depth - 1))
                .collect()
        };
        match random.below(if depth == 0 { 1 } else { 6 }) {
            1 => Self::Not(Box::new(Self::random(random, depth - 1))),
            // In a chain of one operator, all parts stand beside each other.
            2 | 3 => {
                let parts = parts(random).into_iter().flat_map(|part| match part {
                    Self::All(inner) => inner,
                    other => vec![other],
                });
                Self::All(parts.collect())
            }
            4 | 5 => {
                let parts = parts(random).into_iter().flat_map(|part| match part {
                    Self::Any(inner) => inner,
                    other => vec![other],
                });
                Self::Any(parts.collect())
            }
            _ => Self::Test(test(random)),
        }
    }

    /// The inputs that it reads.
    pub(crate) fn inputs(&self) -> BTreeSet<char> {
        match self {
            Self::Test(text) => {
                let is_name = |c: &char| "axsbc".contains(*c);
                // Outside of quotes, these letters are names.
                let outside = text.split('"').step_by(2).flat_map(str::chars);
                let words = outside.collect::<String>();
                let words = words.split(|c: char| !c.is_ascii_alphanumeric());
                let single = words.filter(|word| word.len() == 1);
                single.flat_map(str::chars).filter(is_name).collect()
            }
            Self::Not(inner) => inner.inputs(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::inputs).collect(),
        }
    }

    /// What stands in `&&` and `||` outside of negations, with its place in a text in which the condition begins at
    /// `start`.
    pub(crate) fn parts(&self, start: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        self.gather(start, &mut 0, &mut parts);
        parts
    }

    fn gather(&self, start: usize, number: &mut usize, parts: &mut Vec<Part>) {
        let (Self::All(inner) | Self::Any(inner)) = self else {
            return;
        };
        let mut at = start;
        for part in inner {
            let text = part.to_string();
            let is_bracketed = self.needs_brackets(part);
            let own = at + usize::from(is_bracketed);
            parts.push(Part {
                span: (own, own + text.len()),
                is_bracketed,
                number: *number,
            });
            *number += 1;
            part.gather(own, number, parts);
            at += text.len() + 2 * usize::from(is_bracketed) + " && ".len();
        }
    }

    /// The condition without the parts of these numbers; `None` where nothing is left of it, or of something in it.
    pub(crate) fn without(&self, gone: &BTreeSet<usize>) -> Option<Self> {
        self.left(&mut 0, gone)
    }

    fn left(&self, number: &mut usize, gone: &BTreeSet<usize>) -> Option<Self> {
        let (Self::All(inner) | Self::Any(inner)) = self else {
            return Some(self.clone());
        };
        let mut left = Vec::new();
        let mut is_broken = false;
        for part in inner {
            let this = *number;
            *number += 1;
            let rest = part.left(number, gone);
            if gone.contains(&this) {
                continue;
            }
            match rest {
                Some(rest) => left.push(rest),
                None => is_broken = true,
            }
        }
        match (left.len(), is_broken) {
            (0, _) | (_, true) => None,
            (1, _) => left.pop(),
            _ if matches!(self, Self::All(_)) => Some(Self::All(left)),
            _ => Some(Self::Any(left)),
        }
    }

    fn needs_brackets(&self, part: &Self) -> bool {
        // `??` binds less than `||`.
        let is_chain = match part {
            Self::All(_) | Self::Any(_) => true,
            Self::Test(text) => text.starts_with("c ??"),
            Self::Not(_) => false,
        };
        matches!(self, Self::All(_) | Self::Any(_)) && is_chain
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, operator) = match self {
            Self::Test(text) => return f.write_str(text),
            Self::Not(inner) => return write!(f, "!({inner})"),
            Self::All(parts) => (parts, " && "),
            Self::Any(parts) => (parts, " || "),
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                f.write_str(operator)?;
            }
            if self.needs_brackets(part) {
                write!(f, "({part})")?;
            } else {
                write!(f, "{part}")?;
            }
        }
        Ok(())
    }
}

/// A comparison of an input with constants.
fn test(random: &mut Random) -> String {
    let order = ["<", "<=", ">", ">=", "==", "!="];
    let operator = random.one(&order);
    match random.below(12) {
        0 | 1 => format!("a {operator} {}", random.below(3)),
        2 => format!("a in [{}, {}]", random.below(3), random.below(3)),
        // Null fails where it is compared by order.
        3 | 4 => format!("x {operator} {}.5", random.below(2)),
        5 => random.one(&["x == null", "x != null"]).to_owned(),
        6 => format!("(x ?? 0.0) {operator} {}.5", random.below(2)),
        7 => format!("s {operator} \"{}\"", random.one(&["a", "b"])),
        8 => format!("{} {operator} a", random.below(3)),
        9 => "b".to_owned(),
        10 => random
            .one(&["c == null", "c == true", "c ?? b", "c ?? false"])
            .to_owned(),
        _ => format!("(if b {{ a }} else {{ 1 }}) {operator} {}", random.below(3)),
    }
}

/// All rows of the world, and a host for components.
pub(crate) struct World {
    runtime: WasmtimeRuntime,
    pub(crate) n_rows: usize,
    rows: Vec<Vec<Const>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let double = |values: &[f64]| {
            values
                .iter()
                .copied()
                .map(Const::Double)
                .collect::<Vec<_>>()
        };
        let text = |text: &&str| Const::String((*text).to_owned());
        let mut maybe = vec![Const::Null];
        maybe.extend(double(&[f64::NAN, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5]));
        let bools = [false, true].map(Const::Bool);
        let values: [Vec<Const>; 5] = [
            [-1, 0, 1, 2, 3].map(Const::Int).to_vec(),
            maybe,
            ["", "a", "a!", "b", "b!", "other"]
                .iter()
                .map(text)
                .collect(),
            bools.to_vec(),
            [&bools[..], &[Const::Null]].concat(),
        ];
        let mut rows: Vec<Vec<Const>> = vec![Vec::new()];
        for values in &values {
            let with = |row: &Vec<Const>| {
                let row = row.clone();
                values
                    .iter()
                    .map(move |value| [&row[..], std::slice::from_ref(value)].concat())
            };
            rows = rows.iter().flat_map(with).collect();
        }
        Self {
            runtime: WasmtimeRuntime::new(Config::default()).unwrap(),
            n_rows: rows.len(),
            rows,
        }
    }

    /// What the compiled component says of each rule in each row.
    pub(crate) fn verdicts(&self, source: &str) -> Verdicts {
        let compilation = rulestage_rule_compiler::compile(source);
        let diagnostics = compilation.diagnostics;
        let Some(artifact) = compilation.artifact else {
            panic!("{source}{diagnostics:#?}")
        };
        let component = self.runtime.load(&artifact.component).unwrap();
        let mut session = self.runtime.open(&component, &[], LIMITS).unwrap();
        let schema = self.runtime.schema(&session).inputs.clone();
        let columns = schema.fields().iter().enumerate().map(|(input, field)| {
            let values: Vec<&Const> = self.rows.iter().map(|row| &row[input]).collect();
            dynamic::array_of(field, &values).unwrap()
        });
        let columns = columns.collect();
        let batch = arrow_array::RecordBatch::try_new(schema, columns).unwrap();
        let mut verdicts = vec![Vec::with_capacity(self.n_rows); artifact.ruleset.rules.len()];
        for row in 0..self.n_rows {
            let explained = self
                .runtime
                .explain(&mut session, &batch.slice(row, 1), 0)
                .unwrap();
            for (verdicts, verdict) in verdicts.iter_mut().zip(&explained.verdicts) {
                verdicts.push(match verdict {
                    Verdict::Fired => Some(true),
                    Verdict::NotFired => Some(false),
                    Verdict::Failed => None,
                });
            }
        }
        verdicts
    }

    /// The rows with these values, as JSON, by the names of inputs.
    pub(crate) fn rows_like(&self, input: &[(String, String)]) -> Vec<usize> {
        let names = ["a", "x", "s", "b", "c"];
        let is_like = |row: &usize| {
            input.iter().all(|(name, value)| {
                let column = names.iter().position(|known| known == name).unwrap();
                json(&self.rows[*row][column]) == *value
            })
        };
        (0..self.n_rows).filter(is_like).collect()
    }
}
