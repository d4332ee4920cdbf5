//! A few values of each variable that stand for all: where a formula only compares with constants, values between
//! the same constants behave alike.

use crate::formula::Conditions;
use crate::operand::Failed;
use crate::value::sort;
use rulestage_rule_compiler::ir::Const;
use rulestage_rule_compiler::types::Type;

/// By variable: the values to try, ordinary ones first.
#[derive(Debug)]
pub(crate) struct Samples(pub(crate) Vec<Vec<Result<Const, Failed>>>);

impl Samples {
    /// The values of each variable, by the constants it is compared with.
    pub(crate) fn of(conditions: &Conditions) -> Self {
        let mut constants: Vec<Vec<Const>> = vec![Vec::new(); conditions.variables.len()];
        for formula in &conditions.formulas {
            formula.tests(&mut |operand, compared| {
                operand.sources(&mut |variable| constants[variable].extend_from_slice(compared));
            });
        }
        let samples = conditions.variables.iter().zip(&constants);
        Self(
            samples
                .map(|(variable, constants)| {
                    let (ty, is_nullable) = match &variable.ty {
                        Type::Nullable(inner) => (&**inner, true),
                        ty => (ty, false),
                    };
                    let mut values = values(ty, constants);
                    if let Some((least, most)) = variable.range {
                        values.retain(|value| {
                            matches!(value, Const::Int(value) if (least..=most).contains(value))
                        });
                    }
                    let is_stored = variable.is_concrete && variable.range.is_none();
                    values.retain(|value| {
                        let is_finer =
                            matches!(value, Const::Timestamp(_, nanos) if nanos % 1_000 != 0);
                        !(is_stored && is_finer)
                    });
                    let mut samples: Vec<_> = values.into_iter().map(Ok).collect();
                    if is_nullable || *ty == Type::Null {
                        samples.push(Ok(Const::Null));
                    }
                    if *ty == Type::Double {
                        samples.push(Ok(Const::Double(f64::NAN)));
                    }
                    if variable.can_fail || samples.is_empty() {
                        samples.push(Err(Failed));
                    }
                    samples
                })
                .collect(),
        )
    }
}

/// Each constant of the type, and a value of each gap between them.
fn values(ty: &Type, constants: &[Const]) -> Vec<Const> {
    let mut values = match ty {
        Type::Bool => vec![Const::Bool(false), Const::Bool(true)],
        Type::Int => integers(constants, i128::from(i64::MIN), i128::from(i64::MAX))
            .into_iter()
            .map(|value| Const::Int(value as i64))
            .collect(),
        Type::Uint => integers(constants, 0, i128::from(u64::MAX))
            .into_iter()
            .map(|value| Const::Uint(value as u64))
            .collect(),
        Type::Double => doubles(constants),
        Type::String => texts(constants),
        Type::Timestamp => {
            let nanos = constants.iter().filter_map(|constant| match constant {
                Const::Timestamp(seconds, nanos) => {
                    Some(i128::from(*seconds) * 1_000_000_000 + i128::from(*nanos))
                }
                _ => None,
            });
            // Columns hold microseconds: the ones around each constant too
            let nanos = nanos.flat_map(|nanos| {
                let micro = nanos.div_euclid(1_000) * 1_000;
                [nanos, micro - 1_000, micro, micro + 1_000, micro + 2_000]
            });
            around(
                nanos,
                i128::from(i64::MIN) * 1_000,
                i128::from(i64::MAX) * 1_000,
            )
            .into_iter()
            .map(|value| {
                let seconds = value.div_euclid(1_000_000_000) as i64;
                Const::Timestamp(seconds, value.rem_euclid(1_000_000_000) as u32)
            })
            .collect()
        }
        Type::Duration => {
            let nanos = constants.iter().filter_map(|constant| match constant {
                Const::Duration(nanos) => Some(i128::from(*nanos)),
                _ => None,
            });
            around(nanos, i128::from(i64::MIN), i128::from(i64::MAX))
                .into_iter()
                .map(|value| Const::Duration(value as i64))
                .collect()
        }
        _ => constants.to_vec(),
    };
    sort(&mut values);
    values
}

/// The integers at, just below and just above each number among the constants.
fn integers(constants: &[Const], least: i128, most: i128) -> Vec<i128> {
    const BEYOND: f64 = 1e20;
    let mut numbers: Vec<i128> = Vec::new();
    for constant in constants {
        match constant {
            Const::Int(value) => numbers.push(i128::from(*value)),
            Const::Uint(value) => numbers.push(i128::from(*value)),
            Const::Double(value) if !value.is_nan() => {
                let value = value.clamp(-BEYOND, BEYOND);
                numbers.extend([value.floor() as i128, value.ceil() as i128]);
            }
            _ => {}
        }
    }
    around(numbers, least, most)
}

fn around(numbers: impl IntoIterator<Item = i128>, least: i128, most: i128) -> Vec<i128> {
    let mut values: Vec<i128> = numbers
        .into_iter()
        .flat_map(|number| [number, number - 1, number + 1])
        .filter(|value| (least..=most).contains(value))
        .collect();
    if values.is_empty() {
        values.push(0);
    }
    values
}

/// The numbers among the constants, and one of each gap.
fn doubles(constants: &[Const]) -> Vec<Const> {
    let number = |constant: &Const| match constant {
        Const::Int(value) => Some(*value as f64),
        Const::Uint(value) => Some(*value as f64),
        Const::Double(value) if !value.is_nan() => Some(*value),
        _ => None,
    };
    let mut numbers: Vec<f64> = constants.iter().filter_map(number).collect();
    numbers.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return vec![Const::Double(0.0)];
    };
    let outside = [first - step(*first), last + step(*last)];
    let between: Vec<f64> = numbers
        .windows(2)
        .map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0)
        .collect();
    numbers.extend(outside);
    numbers.extend(between);
    numbers.retain(|number| !number.is_nan());
    numbers.into_iter().map(Const::Double).collect()
}

/// A change that shows in a number of this size.
fn step(number: f64) -> f64 {
    (number.abs() * 1e-3).max(1.0)
}

/// The texts among the constants, one right after each in order, the empty one, and one that is none of them.
fn texts(constants: &[Const]) -> Vec<Const> {
    let mut texts: Vec<String> = constants
        .iter()
        .filter_map(|constant| match constant {
            Const::String(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let mut other = "other".to_owned();
    while texts.contains(&other) {
        other.push('_');
    }
    texts.sort_unstable();
    texts.dedup();
    let after: Vec<String> = texts
        .iter()
        .enumerate()
        .flat_map(|(at, text)| {
            let next = texts.get(at + 1);
            let candidates = ['!', '\0'].map(|suffix| format!("{text}{suffix}"));
            candidates
                .into_iter()
                .find(|after| next.is_none_or(|next| after < next))
        })
        .collect();
    texts.extend(after);
    texts.extend([other, String::new()]);
    texts.into_iter().map(Const::String).collect()
}
