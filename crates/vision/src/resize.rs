//! Resizing, row by row: only what is seen is computed, and only the rows at work are kept.

use std::collections::VecDeque;

use crate::Picture;
use crate::filter::{Filter, Taps};

/// The part of a resized picture that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its left edge
    pub left: usize,
    /// Its upper edge
    pub top: usize,
    /// Pixels of a row
    pub width: usize,
    /// Rows
    pub height: usize,
}

/// The window of the picture resized to `width` x `height`. The window must lie inside.
///
/// # Panics
/// If the picture has no pixels or its bytes are fewer than its size says.
pub fn resize(
    picture: &Picture,
    width: usize,
    height: usize,
    window: Window,
    filter: Filter,
) -> Picture {
    let taps = |from: usize, len: usize, to: usize, from_len: usize| -> Vec<Taps> {
        (from..from + len)
            .map(|at| filter.taps(at, to, from_len))
            .collect()
    };
    let columns = taps(window.left, window.width, width, picture.width);
    let rows = taps(window.top, window.height, height, picture.height);
    let mut rgb = Vec::with_capacity(window.width * window.height * 3);
    // The rows that the next one may need, made narrow already.
    let mut narrow: VecDeque<Vec<i32>> = VecDeque::new();
    let mut first = rows.first().map_or(0, |row| row.start);
    for row in &rows {
        while first < row.start && narrow.pop_front().is_some() {
            first += 1;
        }
        first = first.max(row.start);
        while first + narrow.len() < row.start + row.weights.len() {
            narrow.push_back(narrow_row(picture, first + narrow.len(), &columns, filter));
        }
        let used = || narrow.iter().zip(&row.weights);
        for at in 0..window.width * 3 {
            rgb.push(match filter {
                Filter::OpenCvLinear => linear_value(used().map(|(from, &w)| (from[at], w))),
                _ => weighted(used().map(|(from, &w)| (from[at], w)), filter),
            });
        }
    }
    Picture {
        width: window.width,
        height: window.height,
        rgb,
    }
}

/// The wanted columns of one row: bytes where the filter rounds between, else in fixed point.
fn narrow_row(picture: &Picture, row: usize, columns: &[Taps], filter: Filter) -> Vec<i32> {
    let start = row * picture.width * 3;
    let pixels = &picture.rgb[start..start + picture.width * 3];
    let mut values = Vec::with_capacity(columns.len() * 3);
    for column in columns {
        for channel in 0..3 {
            let used = column.weights.iter().enumerate();
            let mut sum = used.map(|(tap, weight)| {
                i32::from(pixels[(column.start + tap) * 3 + channel]) * weight
            });
            values.push(match filter.rounds_between() {
                true => {
                    let half = 1 << (filter.precision() - 1);
                    let sum = sum.fold(half, i32::wrapping_add);
                    (sum >> filter.precision()).clamp(0, 255)
                }
                false => sum.by_ref().sum(),
            });
        }
    }
    values
}

/// The sum in fixed point, rounded to a byte.
fn weighted(values: impl Iterator<Item = (i32, i32)>, filter: Filter) -> u8 {
    let shift = match filter.rounds_between() {
        true => filter.precision(),
        false => filter.precision() * 2,
    };
    let sum = values.fold(1_i32 << (shift - 1), |sum, (value, weight)| {
        sum.wrapping_add(value.wrapping_mul(weight))
    });
    (sum >> shift).clamp(0, 255) as u8
}

/// As OpenCV's vector instructions do it: each product loses its lower bits first.
fn linear_value(values: impl Iterator<Item = (i32, i32)>) -> u8 {
    let sum: i32 = values
        .map(|(value, weight)| ((value >> 4) * weight) >> 16)
        .sum();
    ((sum + 2) >> 2).clamp(0, 255) as u8
}
