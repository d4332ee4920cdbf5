//! A model's scores to classes.

/// What turns a model's numbers into scores from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: they are scores already
    None,
    /// `exp(x) / sum of exp`
    Softmax,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

/// One class and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Its place in the model's output
    pub index: usize,
    /// Its score
    pub score: f32,
}

/// The `most` classes with the highest scores, the highest first, the first of equals before the others. NaN is lowest.
pub fn classes(values: &[f32], activation: Activation, most: usize) -> Vec<Class> {
    let scores = activated(values, activation);
    let mut classes: Vec<Class> = scores
        .into_iter()
        .enumerate()
        .map(|(index, score)| Class { index, score })
        .collect();
    let rank = |class: &Class| match class.score.is_nan() {
        true => f32::NEG_INFINITY,
        false => class.score,
    };
    classes.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    classes.truncate(most);
    classes
}

fn activated(values: &[f32], activation: Activation) -> Vec<f32> {
    match activation {
        Activation::None => values.to_vec(),
        Activation::Sigmoid => values
            .iter()
            .map(|x| 1.0 / (1.0 + libm::expf(-x)))
            .collect(),
        Activation::Softmax => softmax(values),
    }
}

/// The shares of `exp(x)`.
pub(crate) fn softmax(values: &[f32]) -> Vec<f32> {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = values.iter().map(|x| libm::expf(x - largest)).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
