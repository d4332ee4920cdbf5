//! LinearClassifier, LinearRegressor, SVMClassifier and SVMRegressor.

use crate::error::{Error, Result};
use crate::node::{Kernel, Node, index};
use crate::scores::{PostTransform, both_classes, class_names, largest};
use crate::tensor::{Data, Tensor, n_cells};

fn expect_columns(width: usize, expected: usize) -> Result<()> {
    if width == expected {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "takes {expected} columns, and was given {width}"
    )))
}

/// `x . weights^T + offsets`: `n` values for each row.
fn products(x: &[f32], width: usize, weights: &[f32], offsets: &[f32]) -> Vec<f32> {
    let n = offsets.len();
    let mut scores = Vec::with_capacity(x.len() / width.max(1) * n);
    for row in x.chunks_exact(width.max(1)) {
        for (weights, offset) in weights.chunks_exact(width.max(1)).zip(offsets) {
            let sum: f32 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            scores.push(sum + offset);
        }
    }
    scores
}

/// LinearClassifier
pub(crate) fn classifier(node: &Node<'_>) -> Result<Kernel> {
    let weights = node.floats("coefficients").to_vec();
    let mut offsets = node.floats("intercepts").to_vec();
    let labels = node.labels("classlabels_strings", "classlabels_ints");
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    if offsets.is_empty() {
        offsets = vec![0.0; labels.len().max(1)];
    }
    let n_scores = offsets.len();
    if weights.is_empty() || !weights.len().is_multiple_of(n_scores) {
        return Err(Error::invalid(format!(
            "{} coefficients for {n_scores} classes",
            weights.len()
        )));
    }
    let is_binary = n_scores == 1 && labels.len() == 2;
    if labels.len() != n_scores && !is_binary {
        return Err(Error::invalid(format!(
            "{} labels for {n_scores} classes",
            labels.len()
        )));
    }
    let n_features = weights.len() / n_scores;
    let names = class_names(&labels);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, width) = x.matrix_dims()?;
        expect_columns(width, n_features)?;
        let raw = products(&x.to_f32()?, width, &weights, &offsets);
        let mut places = Vec::with_capacity(rows);
        let mut scores = Vec::new();
        for row in raw.chunks_exact(n_scores) {
            if is_binary {
                places.push(usize::from(row[0] > 0.0));
                scores.extend(both_classes(row[0], true, transform));
            } else {
                places.push(largest(row));
                let start = scores.len();
                scores.extend_from_slice(row);
                transform.apply(&mut scores[start..]);
            }
        }
        classified(rows, &labels, &places, scores, &names)
    }))
}

fn classified(
    rows: usize,
    labels: &Data,
    places: &[usize],
    scores: Vec<f32>,
    names: &std::rc::Rc<Vec<String>>,
) -> Result<Vec<Tensor>> {
    let n_scores = scores.len() / rows.max(1);
    let mut scores = Tensor::rows(vec![rows, n_scores], Data::F32(scores));
    let mut label = Tensor::rows(vec![rows], labels.pick(places));
    scores.classes = Some(names.clone());
    label.classes = Some(names.clone());
    Ok(vec![label, scores])
}

/// LinearRegressor
pub(crate) fn regressor(node: &Node<'_>) -> Result<Kernel> {
    let weights = node.floats("coefficients").to_vec();
    let n_targets = index(node.int("targets", 1), "`targets`")?;
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    if n_targets == 0 || weights.is_empty() || !weights.len().is_multiple_of(n_targets) {
        return Err(Error::invalid(format!(
            "{} coefficients for {n_targets} targets",
            weights.len()
        )));
    }
    let offsets = match node.floats("intercepts") {
        [] => vec![0.0; n_targets],
        offsets if offsets.len() == n_targets => offsets.to_vec(),
        offsets => {
            return Err(Error::invalid(format!(
                "{} intercepts for {n_targets} targets",
                offsets.len()
            )));
        }
    };
    let n_features = weights.len() / n_targets;
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, width) = x.matrix_dims()?;
        expect_columns(width, n_features)?;
        let mut scores = products(&x.to_f32()?, width, &weights, &offsets);
        if n_targets > 1 || transform == PostTransform::Probit {
            scores
                .chunks_exact_mut(n_targets)
                .for_each(|row| transform.apply(row));
        }
        Ok(vec![Tensor::rows(vec![rows, n_targets], Data::F32(scores))])
    }))
}

/// `kernel_type` and `kernel_params`
#[derive(Clone, Copy)]
enum KernelFunction {
    Linear,
    Polynomial {
        gamma: f32,
        offset: f32,
        degree: f32,
    },
    Rbf {
        gamma: f32,
    },
    Sigmoid {
        gamma: f32,
        offset: f32,
    },
}

impl KernelFunction {
    fn read(node: &Node<'_>) -> Result<Self> {
        let parameter = |at: usize| node.floats("kernel_params").get(at).copied().unwrap_or(0.0);
        let (gamma, offset, degree) = (parameter(0), parameter(1), parameter(2));
        Ok(match node.text("kernel_type", "LINEAR") {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Polynomial {
                gamma,
                offset,
                degree,
            },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, offset },
            other => {
                return Err(Error::invalid(format!(
                    "`kernel_type` is `{other}`, which is none of LINEAR, POLY, RBF and SIGMOID"
                )));
            }
        })
    }

    fn of(self, a: &[f32], b: &[f32]) -> f32 {
        let dot = || a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        match self {
            Self::Linear => dot(),
            Self::Polynomial {
                gamma,
                offset,
                degree,
            } => libm::powf(gamma * dot() + offset, degree),
            Self::Rbf { gamma } => {
                let distance: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                libm::expf(-gamma * distance)
            }
            Self::Sigmoid { gamma, offset } => libm::tanhf(gamma * dot() + offset),
        }
    }
}

/// SVMRegressor
pub(crate) fn svm_regressor(node: &Node<'_>) -> Result<Kernel> {
    let function = KernelFunction::read(node)?;
    let weights = node.floats("coefficients").to_vec();
    let supports = node.floats("support_vectors").to_vec();
    let n_supports = index(node.int("n_supports", 0), "`n_supports`")?;
    let rho = node.floats("rho").first().copied().unwrap_or(0.0);
    let one_class = node.int("one_class", 0) != 0;
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    let n_features = match n_supports {
        0 => weights.len(),
        n => supports.len() / n,
    };
    let fits = n_supports == 0
        || (supports.len() == n_supports * n_features && weights.len() >= n_supports);
    if n_features == 0 || !fits {
        return Err(Error::invalid(format!(
            "{} coefficients and {} values for {n_supports} support vectors",
            weights.len(),
            supports.len()
        )));
    }
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, width) = x.matrix_dims()?;
        expect_columns(width, n_features)?;
        let values = x.to_f32()?;
        let scores = values.chunks_exact(width).map(|row| {
            let sum = if n_supports == 0 {
                function.of(row, &weights)
            } else {
                let supports = supports.chunks_exact(width);
                let terms = supports
                    .zip(&weights)
                    .map(|(support, w)| f64::from(function.of(row, support)) * f64::from(*w));
                terms.sum::<f64>() as f32
            };
            let mut score = [sum + rho];
            if transform == PostTransform::Probit {
                transform.apply(&mut score);
            }
            match one_class {
                true if score[0] > 0.0 => 1.0,
                true => -1.0,
                false => score[0],
            }
        });
        Ok(vec![Tensor::rows(
            vec![rows, 1],
            Data::F32(scores.collect()),
        )])
    }))
}

/// SVMClassifier
pub(crate) fn svm_classifier(node: &Node<'_>) -> Result<Kernel> {
    let function = KernelFunction::read(node)?;
    let weights = node.floats("coefficients").to_vec();
    let supports = node.floats("support_vectors").to_vec();
    let labels = node.labels("classlabels_strings", "classlabels_ints");
    let per_class: Vec<usize> = node
        .ints("vectors_per_class")
        .iter()
        .map(|&n| index(n, "an entry of `vectors_per_class`"))
        .collect::<Result<_>>()?;
    let rho = node.floats("rho").to_vec();
    let (prob_a, prob_b) = (
        node.floats("prob_a").to_vec(),
        node.floats("prob_b").to_vec(),
    );
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    let n_classes = labels.len();
    let n_pairs = n_classes.saturating_mul(n_classes.saturating_sub(1)) / 2;
    let n_supports = per_class
        .iter()
        .try_fold(0usize, |all, &n| all.checked_add(n))
        .unwrap_or(usize::MAX);
    if n_supports == 0 {
        return Err(Error::unsupported(
            "support vector machines without support vectors are not supported",
        ));
    }
    let n_features = supports.len() / n_supports;
    let fits = n_classes >= 2
        && per_class.len() == n_classes
        && n_features > 0
        && supports.len() == n_supports * n_features
        && weights.len() == (n_classes - 1) * n_supports
        && rho.len() == n_pairs
        && (prob_a.is_empty() || prob_a.len() == n_pairs)
        && prob_b.len() == prob_a.len();
    if !fits {
        return Err(Error::invalid(format!(
            "{n_classes} classes, {n_supports} support vectors, {} coefficients, {} values of support vectors and {} of \
             `rho` do not fit together",
            weights.len(),
            supports.len(),
            rho.len()
        )));
    }
    let starts: Vec<usize> = per_class
        .iter()
        .scan(0, |start, n| {
            *start += n;
            Some(*start - n)
        })
        .collect();
    let names = class_names(&labels);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, width) = x.matrix_dims()?;
        expect_columns(width, n_features)?;
        let n_out = match (prob_a.is_empty(), n_classes) {
            (true, 2) => 2,
            (true, _) => n_pairs,
            (false, _) => n_classes,
        };
        n_cells(&[rows, n_out], rows)?;
        let mut places = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(rows * n_out);
        for row in x.to_f32()?.chunks_exact(width) {
            let kernels: Vec<f32> = supports
                .chunks_exact(width)
                .map(|s| function.of(row, s))
                .collect();
            let mut pairs = Vec::with_capacity(n_pairs);
            let mut votes = vec![0u32; n_classes];
            for i in 0..n_classes {
                for j in i + 1..n_classes {
                    let part = |class: usize, weights_row: usize| -> f64 {
                        let range = starts[class]..starts[class] + per_class[class];
                        let weights = &weights[weights_row * n_supports..][range.clone()];
                        weights
                            .iter()
                            .zip(&kernels[range])
                            .map(|(w, k)| f64::from(w * k))
                            .sum()
                    };
                    let sum = part(i, j - 1) + part(j, i) + f64::from(rho[pairs.len()]);
                    pairs.push(sum as f32);
                    votes[if sum > 0.0 { i } else { j }] += 1;
                }
            }
            let best = votes
                .iter()
                .max()
                .and_then(|most| votes.iter().position(|n| n == most));
            places.push(best.unwrap_or(0));
            let start = scores.len();
            if prob_a.is_empty() {
                if n_classes == 2 {
                    scores.extend(match transform {
                        PostTransform::None => [-pairs[0], pairs[0]],
                        _ => both_classes(pairs[0], true, transform),
                    });
                } else {
                    scores.extend_from_slice(&pairs);
                    transform.apply(&mut scores[start..]);
                }
            } else {
                scores.extend(couple(&pairs, &prob_a, &prob_b, n_classes));
                transform.apply(&mut scores[start..]);
            }
        }
        classified(rows, &labels, &places, scores, &names)
    }))
}

/// Probabilities of the classes from those of all pairs.
///
/// Source: Wu, Lin and Weng, Probability Estimates for Multi-class Classification by Pairwise Coupling (2004), second
/// method, as in libsvm.
fn couple(pairs: &[f32], prob_a: &[f32], prob_b: &[f32], n: usize) -> Vec<f32> {
    let mut pairwise = vec![0f32; n * n];
    let mut pair = 0;
    for i in 0..n {
        for j in i + 1..n {
            let value = pairs[pair] * prob_a[pair] + prob_b[pair];
            // The numerically stable 1 / (1 + exp(value)).
            let probability = 1.0 - crate::scores::logistic(value);
            let probability = probability.clamp(1e-7, 1.0 - 1e-7);
            pairwise[i * n + j] = probability;
            pairwise[j * n + i] = 1.0 - probability;
            pair += 1;
        }
    }
    let mut q = vec![0f32; n * n];
    for t in 0..n {
        for j in 0..n {
            if j != t {
                q[t * n + t] += pairwise[j * n + t] * pairwise[j * n + t];
                q[t * n + j] = -pairwise[j * n + t] * pairwise[t * n + j];
            }
        }
    }
    let mut p = vec![1.0 / n as f32; n];
    let tolerance = 0.005 / n as f32;
    for _ in 0..100 {
        let mut qp: Vec<f32> = (0..n)
            .map(|t| (0..n).map(|j| q[t * n + j] * p[j]).sum())
            .collect();
        let mut pqp: f32 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
        if qp.iter().all(|qp| (qp - pqp).abs() < tolerance) {
            break;
        }
        for t in 0..n {
            let diff = (pqp - qp[t]) / q[t * n + t];
            p[t] += diff;
            pqp = (pqp + diff * (diff * q[t * n + t] + 2.0 * qp[t])) / (1.0 + diff) / (1.0 + diff);
            for j in 0..n {
                qp[j] = (qp[j] + diff * q[t * n + j]) / (1.0 + diff);
                p[j] /= 1.0 + diff;
            }
        }
    }
    p
}
