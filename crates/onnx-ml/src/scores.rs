//! What classifiers and regressors do with raw scores.
//!
//! Source: the attribute `post_transform` of ai.onnx.ml, and what ONNX Runtime makes of it where the specification is
//! silent.

use crate::error::{Error, Result};
use crate::tensor::Data;
use std::rc::Rc;

/// `post_transform`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostTransform {
    None,
    Softmax,
    Logistic,
    SoftmaxZero,
    Probit,
}

impl PostTransform {
    pub(crate) fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => {
                return Err(Error::invalid(format!(
                    "`post_transform` is `{name}`, which is none of NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO and PROBIT"
                )));
            }
        })
    }

    /// The number that TreeEnsemble of version 5 has for it.
    pub(crate) fn numbered(number: i64) -> Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Softmax,
            2 => Self::Logistic,
            3 => Self::SoftmaxZero,
            4 => Self::Probit,
            _ => return Err(Error::invalid(format!("`post_transform` is {number}"))),
        })
    }

    /// Transforms the scores of one row.
    pub(crate) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores
                .iter_mut()
                .for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax => softmax(scores),
            Self::SoftmaxZero => softmax_zero(scores),
        }
    }
}

pub(crate) fn logistic(score: f32) -> f32 {
    let v = 1.0 / (1.0 + libm::expf(-score.abs()));
    if score < 0.0 { 1.0 - v } else { v }
}

/// The inverse of the normal distribution's cumulative function, by Winitzki's approximation, as ONNX Runtime has it.
fn probit(score: f32) -> f32 {
    let x = 2.0 * score - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = libm::logf((1.0 - x) * (1.0 + x));
    let v = 2.0 / (std::f32::consts::PI * 0.147) + 0.5 * log;
    let v2 = 1.0 / 0.147 * log;
    let v3 = -v + libm::sqrtf(v * v - v2);
    std::f32::consts::SQRT_2 * (sign * libm::sqrtf(v3))
}

pub(crate) fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = libm::expf(*score - max);
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// Softmax that leaves zeros out, since exp(0) is none.
fn softmax_zero(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::MIN, f32::max);
    let zero = libm::expf(-max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if score.abs() > 1e-7 {
            *score = libm::expf(*score - max);
            sum += *score;
        } else {
            *score *= zero;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// The scores of both classes from the one score that a binary model has.
///
/// `all_positive`: no weight is below 0, so that the score is a probability and the other class has the rest; unless
/// LOGISTIC makes them of it.
pub(crate) fn both_classes(score: f32, all_positive: bool, transform: PostTransform) -> [f32; 2] {
    if transform == PostTransform::Logistic {
        [logistic(-score), logistic(score)]
    } else if all_positive {
        [1.0 - score, score]
    } else {
        [-score, score]
    }
}

/// The place of the largest score; the first of equals.
pub(crate) fn largest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (at, &score) in scores.iter().enumerate().skip(1) {
        if score > scores[best] {
            best = at;
        }
    }
    best
}

/// How people and columns call the classes.
pub(crate) fn class_names(labels: &Data) -> Rc<Vec<String>> {
    Rc::new(match labels {
        Data::Text(texts) => texts.iter().map(|text| text.to_string()).collect(),
        Data::I64(ints) => ints.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    })
}
