//! What detectors answer, to boxes: decoding, then non-maximum suppression for each class.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use crate::classify::softmax;
use crate::prepare::Placement;

/// What of one class is compared with each other, as PaddleDetection has it; the highest scores of all.
const CANDIDATES: usize = 200;

/// How a model says where things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heads {
    /// One output `[1, 4 + classes, boxes]` or `[1, boxes, 4 + classes]`: center, size, and a score for each class, as
    /// YOLO of version 8 and later
    Yolo,
    /// For strides 8, 16, 32, …: outputs `[1, cells, classes]` of scores, then as many `[1, cells, 4 * bins]` of
    /// distributions of the distances to the four sides (generalized focal loss), as PicoDet
    PicoDet,
}

/// A model's output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its dimensions
    pub dims: Vec<u32>,
    /// Its elements
    pub values: Vec<f32>,
}

/// Finds boxes in the outputs of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    /// What the outputs are
    pub heads: Heads,
    /// Pixels of a row of the model's input
    pub width: usize,
    /// Rows of the model's input
    pub height: usize,
    /// The lowest score that counts
    pub min_score: f32,
    /// Of two boxes of a class that overlap by more than this share (intersection over union) the higher score stays
    pub max_overlap: f32,
    /// The most boxes of a picture
    pub most: usize,
}

/// One thing found, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The class, by its place in the model's output
    pub class: usize,
    /// 0 to 1
    pub score: f32,
    /// Left edge
    pub x: f32,
    /// Upper edge
    pub y: f32,
    /// From left to right
    pub width: f32,
    /// From top to bottom
    pub height: f32,
}

/// Outputs that are not what the heads say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Misfit {}

/// A box by its corners, in pixels of the model's input.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    class: usize,
    score: f32,
    corners: [f32; 4],
}

impl Detector {
    /// What was found, the highest scores first; boxes are cut at the edges of the picture.
    pub fn detections(
        &self,
        outputs: &[Output],
        placement: Placement,
        picture: (usize, usize),
    ) -> Result<Vec<Detection>, Misfit> {
        let candidates = match self.heads {
            Heads::Yolo => self.yolo(outputs)?,
            Heads::PicoDet => self.picodet(outputs)?,
        };
        let mut found: Vec<Detection> = self
            .suppressed(candidates)
            .into_iter()
            .map(|candidate| placed(candidate, placement, picture))
            .collect();
        found.truncate(self.most);
        Ok(found)
    }

    fn yolo(&self, outputs: &[Output]) -> Result<Vec<Candidate>, Misfit> {
        let misfit = || {
            let shapes = shapes(outputs);
            Misfit(format!(
                "expects one output [1, 4 + classes, boxes], and the model gives {shapes}"
            ))
        };
        let [output] = outputs else {
            return Err(misfit());
        };
        let [1, a, b] = output.dims[..] else {
            return Err(misfit());
        };
        let (rows, columns) = (a as usize, b as usize);
        // There are more boxes than classes.
        let boxes_last = columns > rows;
        let (n_values, n_boxes) = if boxes_last {
            (rows, columns)
        } else {
            (columns, rows)
        };
        if n_values < 5 || output.values.len() != rows * columns {
            return Err(misfit());
        }
        let value = |value: usize, at: usize| match boxes_last {
            true => output.values[value * n_boxes + at],
            false => output.values[at * n_values + value],
        };
        let mut candidates = Vec::new();
        for at in 0..n_boxes {
            let (mut class, mut score) = (0, f32::NEG_INFINITY);
            for index in 0..n_values - 4 {
                if value(4 + index, at) > score {
                    (class, score) = (index, value(4 + index, at));
                }
            }
            if score > self.min_score {
                let [x, y, width, height] = [0, 1, 2, 3].map(|side| value(side, at));
                let (half_width, half_height) = (width / 2.0, height / 2.0);
                candidates.push(Candidate {
                    class,
                    score,
                    corners: [
                        x - half_width,
                        y - half_height,
                        x + half_width,
                        y + half_height,
                    ],
                });
            }
        }
        Ok(candidates)
    }

    fn picodet(&self, outputs: &[Output]) -> Result<Vec<Candidate>, Misfit> {
        let misfit = || {
            let shapes = shapes(outputs);
            Misfit(format!(
                "expects scores [1, cells, classes] and as many distributions [1, cells, 4 * bins], for an input of \
                 {} x {} pixels, and the model gives {shapes}",
                self.width, self.height
            ))
        };
        let (scores, distances) = outputs.split_at(outputs.len() / 2);
        if scores.is_empty() || scores.len() != distances.len() || scores.len() > 8 {
            return Err(misfit());
        }
        let mut candidates = Vec::new();
        for (level, (scores, distances)) in scores.iter().zip(distances).enumerate() {
            let stride = 8_usize << level;
            let columns = self.width.div_ceil(stride);
            let n_cells = columns * self.height.div_ceil(stride);
            let width_of = |output: &Output| match output.dims[..] {
                [1, cells, width]
                    if cells as usize == n_cells
                        && width > 0
                        && output.values.len() == n_cells * width as usize =>
                {
                    Some(width as usize)
                }
                _ => None,
            };
            let n_classes = width_of(scores).ok_or_else(misfit)?;
            let n_bins = match width_of(distances) {
                Some(width) if width % 4 == 0 => width / 4,
                _ => return Err(misfit()),
            };
            let cells = scores.values.chunks_exact(n_classes);
            let boxes = distances.values.chunks_exact(n_bins * 4);
            for (cell, (scores, bins)) in cells.zip(boxes).enumerate() {
                if !scores.iter().any(|score| *score > self.min_score) {
                    continue;
                }
                let corners = corners(cell % columns, cell / columns, stride as f32, bins);
                for (class, &score) in scores.iter().enumerate() {
                    if score > self.min_score {
                        candidates.push(Candidate {
                            class,
                            score,
                            corners,
                        });
                    }
                }
            }
        }
        Ok(candidates)
    }

    /// The candidates that no better one of their class overlaps too much, the highest scores first.
    fn suppressed(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        // Stable: equal scores stay in the model's order.
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut compared: BTreeMap<usize, usize> = BTreeMap::new();
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            let seen = compared.entry(candidate.class).or_insert(0);
            *seen += 1;
            let hidden = kept.iter().any(|better| {
                better.class == candidate.class
                    && overlap(&better.corners, &candidate.corners) > self.max_overlap
            });
            if *seen <= CANDIDATES && !hidden {
                kept.push(candidate);
            }
        }
        kept
    }
}

/// The corners of a cell's box: around the cell's middle, at the expected distances.
fn corners(column: usize, row: usize, stride: f32, bins: &[f32]) -> [f32; 4] {
    let middle = [column, row].map(|at| (at as f32 + 0.5) * stride);
    let distances: Vec<f32> = bins
        .chunks_exact(bins.len() / 4)
        .map(|side| {
            let shares = softmax(side);
            let expected: f32 = shares
                .iter()
                .enumerate()
                .map(|(bin, share)| share * bin as f32)
                .sum();
            expected * stride
        })
        .collect();
    [
        middle[0] - distances[0],
        middle[1] - distances[1],
        middle[0] + distances[2],
        middle[1] + distances[3],
    ]
}

/// Intersection over union.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |c: [f32; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let common = area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]);
    common / (area(*a) + area(*b) - common + 1e-5)
}

fn placed(candidate: Candidate, placement: Placement, picture: (usize, usize)) -> Detection {
    let [left, top, right, bottom] = candidate.corners;
    let x = |at: f32| ((at - placement.left) / placement.x_scale).clamp(0.0, picture.0 as f32);
    let y = |at: f32| ((at - placement.top) / placement.y_scale).clamp(0.0, picture.1 as f32);
    Detection {
        class: candidate.class,
        score: candidate.score,
        x: x(left),
        y: y(top),
        width: x(right) - x(left),
        height: y(bottom) - y(top),
    }
}

fn shapes(outputs: &[Output]) -> String {
    let shapes: Vec<String> = outputs
        .iter()
        .map(|output| format!("{:?}", output.dims))
        .collect();
    shapes.join(", ")
}
