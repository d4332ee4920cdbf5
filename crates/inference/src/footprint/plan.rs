//! How many bytes a graph's tensors take at once, in whatever order an engine computes them.
//!
//! Engines choose the order of nodes that do not depend on each other. So a buffer is used again here only by what must
//! come after its last reader: when a node is done, what it has freed goes along one of the edges that leave it, with all
//! that came to it so. A tensor with several readers is free where their parts of it meet. A buffer is used again as it is:
//! engines keep buffers and look for one that is large enough.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::mem;

/// Engines take smaller tensors from elsewhere than from the buffers that they keep.
const LEAST_KEPT: u64 = 128;

/// The buffers of a computation that are asked for, and how many are used at the same time.
///
/// An engine that keeps buffers until the end allocates one of a size only while all of that size, and larger, are in
/// use. So of each size there are no more than are used at once, whatever takes which, in any order.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// By size, how often it is asked for
    asked: BTreeMap<u64, u64>,
    at_once: u64,
}

impl Buffers {
    pub(super) fn of(steps: &[Step], kept: &[usize], n_values: usize) -> Self {
        let mut asked: BTreeMap<u64, u64> = BTreeMap::new();
        let sizes = steps.iter().flat_map(|step| {
            let outputs = step.outputs.iter().map(|(_, size)| *size);
            outputs.chain([step.scratch])
        });
        for size in sizes.filter(|size| *size >= LEAST_KEPT) {
            *asked.entry(size).or_default() += 1;
        }
        let one = |size: u64| u64::from(size >= LEAST_KEPT);
        let ones = steps.iter().map(|step| Step {
            inputs: step.inputs.clone(),
            outputs: step
                .outputs
                .iter()
                .map(|(value, size)| (*value, one(*size)))
                .collect(),
            scratch: one(step.scratch),
        });
        let ones: Vec<Step> = ones.collect();
        let at_once = bytes_at_once(&ones, kept, n_values);
        Self { asked, at_once }
    }

    /// Takes in the buffers of a graph inside of a node, which may be asked for in every round.
    pub(super) fn add(&mut self, inside: &Self) {
        for size in inside.asked.keys() {
            self.asked.insert(*size, u64::MAX);
        }
        self.at_once = self.at_once.saturating_add(inside.at_once);
    }

    /// The bytes of all that an engine may keep.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.asked.iter().map(|(size, asked)| {
            let n = (*asked).min(self.at_once);
            size.saturating_mul(n)
        });
        bytes.fold(0, u64::saturating_add)
    }
}

/// One node: values are numbers from 0.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// What it reads, also in the graphs inside of it
    pub(super) inputs: Vec<usize>,
    /// What it makes, with the bytes
    pub(super) outputs: Vec<(usize, u64)>,
    /// Bytes that it takes beside these while it runs
    pub(super) scratch: u64,
}

/// What nodes before have left.
#[derive(Default)]
struct Freed {
    /// Buffers by size, and how many
    buffers: BTreeMap<u64, u32>,
    /// Values and how many of their readers are done
    parts: BTreeMap<usize, u32>,
}

impl Freed {
    fn len(&self) -> usize {
        self.buffers.len() + self.parts.len()
    }

    fn put(&mut self, size: u64) {
        *self.buffers.entry(size).or_default() += 1;
    }

    /// The smallest buffer that is large enough.
    fn take(&mut self, size: u64) -> Option<u64> {
        let (&found, n) = self.buffers.range_mut(size..).next()?;
        *n -= 1;
        if *n == 0 {
            self.buffers.remove(&found);
        }
        Some(found)
    }

    /// Takes in what came along another edge; `whole` gives the buffer of a value with so many readers done, if that
    /// is all of them.
    fn merge(&mut self, mut other: Self, whole: impl Fn(usize, u32) -> Option<u64>) {
        if other.len() > self.len() {
            mem::swap(self, &mut other);
        }
        for (size, n) in other.buffers {
            *self.buffers.entry(size).or_default() += n;
        }
        for (value, n) in other.parts {
            let part = self.parts.entry(value).or_default();
            *part += n;
            if let Some(size) = whole(value, *part) {
                self.parts.remove(&value);
                self.put(size);
            }
        }
    }
}

/// The bytes that the outputs and scratch of `steps` take at once, at most. `steps` are in an order in which they can
/// run; `kept` are values that stay.
pub(super) fn bytes_at_once(steps: &[Step], kept: &[usize], n_values: usize) -> u64 {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); n_values];
    for (index, step) in steps.iter().enumerate() {
        for &value in &step.inputs {
            // A step that reads a value twice is one reader.
            if readers[value].last() != Some(&index) {
                readers[value].push(index);
            }
        }
    }
    let mut stays = vec![false; n_values];
    for &value in kept {
        stays[value] = true;
    }
    let wanted: Vec<u64> = steps
        .iter()
        .map(|step| {
            let outputs = step.outputs.iter().map(|(_, size)| *size);
            outputs.fold(step.scratch, u64::saturating_add)
        })
        .collect();
    let mut total = 0_u64;
    // 0 also for what no step makes
    let mut buffers = vec![0_u64; n_values];
    let mut arriving: Vec<Freed> = Vec::new();
    arriving.resize_with(steps.len(), Freed::default);
    for (index, step) in steps.iter().enumerate() {
        let mut freed = mem::take(&mut arriving[index]);
        let mut take = |size: u64, freed: &mut Freed| match size {
            0 => 0,
            size => freed.take(size).unwrap_or_else(|| {
                total = total.saturating_add(size);
                size
            }),
        };
        let mut done: Vec<u64> = Vec::new();
        // Scratch first: where it is there, it is large, and a buffer of that size is not for an output.
        let scratch = take(step.scratch, &mut freed);
        done.push(scratch);
        for &(value, size) in &step.outputs {
            buffers[value] = take(size, &mut freed);
            if readers[value].is_empty() && !stays[value] {
                done.push(buffers[value]);
            }
        }
        let whole =
            |value: usize, n: u32| (n as usize == readers[value].len()).then_some(buffers[value]);
        let mut inputs = step.inputs.clone();
        inputs.sort_unstable();
        inputs.dedup();
        for value in inputs {
            if buffers[value] == 0 || stays[value] {
                continue;
            }
            let part = freed.parts.entry(value).or_default();
            *part += 1;
            if let Some(size) = whole(value, *part) {
                freed.parts.remove(&value);
                done.push(size);
            }
        }
        for size in done.into_iter().filter(|size| *size > 0) {
            freed.put(size);
        }
        // To where the most memory is wanted.
        let next = step
            .outputs
            .iter()
            .flat_map(|(value, _)| readers[*value].iter().copied())
            .max_by_key(|&reader| (wanted[reader], Reverse(reader)));
        if let Some(next) = next {
            arriving[next].merge(freed, whole);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(inputs: &[usize], outputs: &[(usize, u64)]) -> Step {
        Step {
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            scratch: 0,
        }
    }

    /// Value 0 is the graph's input.
    #[test]
    fn a_chain_takes_two_buffers() {
        let steps: Vec<Step> = (0..50).map(|at| step(&[at], &[(at + 1, 10)])).collect();
        assert_eq!(bytes_at_once(&steps, &[50], 51), 20);
        // None is large enough for the next.
        let growing: Vec<Step> = (0..50)
            .map(|at| step(&[at], &[(at + 1, 10 + at as u64)]))
            .collect();
        assert_eq!(bytes_at_once(&growing, &[50], 51), 50 * 10 + 49 * 25);
    }

    #[test]
    fn branches_may_be_there_at_the_same_time() {
        // 1 to 50 from the input, each made small at once; then all together.
        let mut steps: Vec<Step> = Vec::new();
        for at in 0..50 {
            steps.push(step(&[0], &[(1 + at, 1000)]));
            steps.push(step(&[1 + at], &[(51 + at, 1)]));
        }
        let smalls: Vec<usize> = (51..101).collect();
        steps.push(step(&smalls, &[(101, 1)]));
        assert_eq!(bytes_at_once(&steps, &[101], 102), 50 * 1001);
    }

    /// Small tensors that stay may sit in large buffers.
    #[test]
    fn buffers_that_are_taken_by_small_tensors() {
        let mut steps = vec![step(&[0], &[(1, 1000)])];
        for at in 0..50 {
            let [big, small, next] = [1, 2, 3].map(|offset| at * 2 + offset);
            steps.push(step(&[big], &[(small, 200)]));
            steps.push(step(&[small], &[(next, 1000)]));
        }
        let mut all: Vec<usize> = (0..50).map(|at| at * 2 + 2).collect();
        all.push(101);
        steps.push(step(&all, &[(102, 1)]));
        let buffers = Buffers::of(&steps, &[102], 103);
        assert!(bytes_at_once(&steps, &[102], 103) < 60 * 1000);
        assert!(buffers.bytes() >= 51 * 1000 + 50 * 200);
    }

    #[test]
    fn what_is_read_later_stays() {
        // 1 is read at once and at the end, as around a residual block.
        let steps = [
            step(&[0], &[(1, 100)]),
            step(&[1], &[(2, 10)]),
            step(&[2], &[(3, 10)]),
            step(&[3], &[(4, 10)]),
            step(&[4, 1], &[(5, 100)]),
            step(&[5], &[(6, 100)]),
            step(&[6], &[(7, 100)]),
        ];
        assert_eq!(bytes_at_once(&steps, &[7], 8), 100 + 20 + 100);
    }

    #[test]
    fn scratch_is_used_again() {
        let steps: Vec<Step> = (0..9)
            .map(|at| Step {
                scratch: 500,
                ..step(&[at], &[(at + 1, 10)])
            })
            .collect();
        assert_eq!(bytes_at_once(&steps, &[9], 10), 500 + 20);
    }
}
