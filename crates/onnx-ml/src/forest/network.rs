//! Trees as networks that choose: each split of a tree, from the leaves up, takes for many rows at a time the leaf of one
//! of its children. There are no steps from node to node, so that all comparisons are vector instructions over bytes.
//!
//! What is compared are ranks: that of a value is how many of the thresholds of its feature are below it, so that `x <=
//! threshold` holds exactly where the rank is at most the threshold's place among them. The thresholds of a group of trees
//! are at most 255 for each feature, which is what the histograms of LightGBM and XGBoost make; more trees become several
//! groups. NaN has the lowest or the highest rank, depending on where a split sends it.

use super::{BLOCK_ROWS, Leaves, Mode, Outline, RawNode, Real, Sink, Tree, below};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Leaves are numbered by a byte.
pub(super) const MAX_LEAVES: usize = 256;
/// Thresholds of one feature
const MAX_THRESHOLDS: usize = 255;
/// The values that a split can take: each leaf's number, and what the other splits took.
const N_SLOTS: usize = 2 * MAX_LEAVES;
/// A byte for each of as many rows as a vector instruction takes
type Vector = [i8; LANES];
const LANES: usize = 16;
/// Vectors of rows that go through a tree together, and those of small batches
const WIDE: usize = 4;
const NARROW: usize = 1;

/// What a row costs in instructions, about: a step of a walk, a split of a network, and a rank by the number of halvings.
const STEP_COST: f64 = 11.0;
const SPLIT_COST: f64 = 0.7;
const HALVING_COST: f64 = 5.0;
const RANK_COST: f64 = 8.0;

/// The rows whose ranks are in a byte as signed numbers, since those are what vector instructions compare.
const SIGN: u8 = 0x80;

/// A split: which column of ranks it compares with what, and the slots it takes one of.
#[derive(Clone, Copy)]
struct Choice {
    column: u16,
    /// The threshold's place, as signed number
    threshold: i8,
    /// Where the rank is at most the threshold's
    low: u16,
    high: u16,
}

/// A feature's thresholds in ascending order, with infinities behind them up to a power of two less one.
struct Thresholds<T> {
    feature: usize,
    n: u8,
    table: Box<[T; MAX_LEAVES]>,
    /// The columns of its ranks: with NaN lowest, with NaN highest
    columns: [Option<u16>; 2],
}

struct Member {
    tree: Tree,
    choices: std::ops::Range<usize>,
    /// The slot of its result
    result: u16,
}

/// Trees that are computed together.
pub(super) struct Network<T> {
    thresholds: Vec<Thresholds<T>>,
    n_columns: usize,
    choices: Vec<Choice>,
    members: Vec<Member>,
    /// The leaves of the largest tree
    n_leaves: usize,
}

/// A split as the network has it: where `x <= threshold` leads, where everything else does, and whether NaN goes with the
/// lower values.
struct Split<T> {
    feature: usize,
    threshold: T,
    nan_is_low: bool,
    low: usize,
    high: usize,
}

/// The split, if a rank can stand for its value.
fn split<T: Real>(node: &RawNode) -> Option<Split<T>> {
    let RawNode::Split {
        mode,
        feature,
        threshold,
        yes,
        no,
        nan_is_yes,
        ..
    } = node
    else {
        return None;
    };
    let given = T::from_f64(*threshold);
    let (threshold, yes_is_low) = match mode {
        Mode::LessOrEqual => (given, true),
        Mode::Less => (below(given), true),
        Mode::GreaterOrEqual => (below(given), false),
        Mode::Greater => (given, false),
        Mode::Equal | Mode::NotEqual | Mode::Member => return None,
    };
    // Nothing is below the lowest number, or in any order with NaN.
    threshold.partial_cmp(&threshold)?;
    let (low, high) = if yes_is_low { (*yes, *no) } else { (*no, *yes) };
    Some(Split {
        feature: *feature,
        threshold,
        nan_is_low: *nan_is_yes == yes_is_low,
        low,
        high,
    })
}

/// Whether a tree is one that a network can be, and faster than its walk.
pub(super) fn pays(raw: &[RawNode], outline: &Outline) -> bool {
    let n_splits = outline.splits.len();
    outline.leaves.len() <= MAX_LEAVES
        && n_splits as f64 * SPLIT_COST <= f64::from(outline.depth) * STEP_COST
        && outline.splits.iter().all(|&place| {
            split::<f64>(&raw[place]).is_some() && split::<f32>(&raw[place]).is_some()
        })
}

/// Trees that are becoming a network.
pub(super) struct Group<T> {
    trees: Vec<(usize, Outline)>,
    /// The thresholds of each feature, ascending
    thresholds: BTreeMap<usize, Vec<T>>,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self {
            trees: Vec::new(),
            thresholds: BTreeMap::new(),
        }
    }
}

impl<T: Real> Group<T> {
    /// Adds a tree; where it has too many thresholds to be in the same group as the others, gives these, and starts anew.
    pub(super) fn add(&mut self, raw: &[RawNode], root: usize, outline: Outline) -> Option<Self> {
        let mut full = None;
        if !self.add_thresholds(raw, &outline) {
            full = Some(std::mem::take(self));
            // A tree alone has no more thresholds than splits.
            self.add_thresholds(raw, &outline);
        }
        self.trees.push((root, outline));
        full
    }

    /// Adds a tree's thresholds, if they fit in.
    fn add_thresholds(&mut self, raw: &[RawNode], outline: &Outline) -> bool {
        let is_known = |split: &Split<T>| {
            let known = self.thresholds.get(&split.feature);
            known.is_some_and(|known| {
                let place = known.partition_point(|other| *other < split.threshold);
                known
                    .get(place)
                    .is_some_and(|other| *other == split.threshold)
            })
        };
        let splits = outline.splits.iter().filter_map(|&at| split(&raw[at]));
        let mut new: Vec<Split<T>> = splits.filter(|split| !is_known(split)).collect();
        new.sort_by(|a, b| {
            let by_threshold = a.threshold.partial_cmp(&b.threshold);
            (a.feature.cmp(&b.feature)).then(by_threshold.unwrap_or(Ordering::Equal))
        });
        new.dedup_by(|a, b| a.feature == b.feature && a.threshold == b.threshold);
        let fits = new
            .chunk_by(|a, b| a.feature == b.feature)
            .all(|of_feature| {
                let known = self.thresholds.get(&of_feature[0].feature);
                known.map_or(0, Vec::len) + of_feature.len() <= MAX_THRESHOLDS
            });
        if fits {
            for split in new {
                let known = self.thresholds.entry(split.feature).or_default();
                let place = known.partition_point(|other| *other < split.threshold);
                known.insert(place, split.threshold);
            }
        }
        fits
    }

    /// Whether ranks and choices cost less than walking.
    pub(super) fn pays(&self) -> bool {
        let ranks = self.thresholds.values().map(|all| {
            let halvings = (all.len() + 1).next_power_of_two().ilog2();
            f64::from(halvings) * HALVING_COST + RANK_COST
        });
        let cost = |tree: &(usize, Outline)| {
            f64::from(tree.1.depth) * STEP_COST - tree.1.splits.len() as f64 * SPLIT_COST
        };
        ranks.sum::<f64>() < self.trees.iter().map(cost).sum()
    }

    /// The trees, to be walked.
    pub(super) fn into_trees(self) -> Vec<(usize, Outline)> {
        self.trees
    }

    pub(super) fn network(self, raw: &[RawNode], leaves: &mut Leaves<T>) -> Network<T> {
        let mut network = Network {
            thresholds: Vec::with_capacity(self.thresholds.len()),
            n_columns: 0,
            choices: Vec::new(),
            members: Vec::with_capacity(self.trees.len()),
            n_leaves: 0,
        };
        let mut place_of_feature = BTreeMap::new();
        for (feature, all) in &self.thresholds {
            let mut table = Box::new([T::from_f64(f64::INFINITY); MAX_LEAVES]);
            table[..all.len()].copy_from_slice(all);
            place_of_feature.insert(*feature, network.thresholds.len());
            network.thresholds.push(Thresholds {
                feature: *feature,
                n: all.len() as u8,
                table,
                columns: [None; 2],
            });
        }
        // The slots of all nodes; those of the tree at hand are written before they are read.
        let mut slots = vec![0; raw.len()];
        for (root, outline) in &self.trees {
            network.n_leaves = network.n_leaves.max(outline.leaves.len());
            for (leaf, &place) in outline.leaves.iter().enumerate() {
                slots[place] = leaf as u16;
            }
            let first = network.choices.len();
            // Children come before their parents.
            for (number, &place) in outline.splits.iter().rev().enumerate() {
                let Some(split) = split::<T>(&raw[place]) else {
                    continue;
                };
                let thresholds = &mut network.thresholds[place_of_feature[&split.feature]];
                let rank = thresholds.table[..usize::from(thresholds.n)]
                    .partition_point(|other| *other < split.threshold);
                let column = &mut thresholds.columns[usize::from(!split.nan_is_low)];
                let column = *column.get_or_insert_with(|| {
                    network.n_columns += 1;
                    (network.n_columns - 1) as u16
                });
                network.choices.push(Choice {
                    column,
                    threshold: (rank as u8 ^ SIGN).cast_signed(),
                    low: slots[split.low],
                    high: slots[split.high],
                });
                slots[place] = (MAX_LEAVES + number) as u16;
            }
            let of_leaf: Vec<&[(usize, f64)]> = outline
                .leaves
                .iter()
                .map(|&place| match &raw[place] {
                    RawNode::Leaf(weights) => weights.as_slice(),
                    RawNode::Split { .. } => &[],
                })
                .collect();
            let places: Vec<usize> = (0..of_leaf.len()).collect();
            network.members.push(Member {
                tree: leaves.add(&of_leaf, &places),
                choices: first..network.choices.len(),
                result: slots[*root],
            });
        }
        network
    }
}

/// Memory of a computation.
#[derive(Default)]
pub(super) struct Ranks {
    wide: Option<Memory<WIDE>>,
    narrow: Option<Memory<NARROW>>,
}

struct Memory<const N: usize> {
    columns: Vec<[Vector; N]>,
    slots: Box<[[Vector; N]; N_SLOTS]>,
    /// The leaves whose slots hold their number
    n_leaves: usize,
}

impl<const N: usize> Memory<N> {
    fn new() -> Self {
        Self {
            columns: Vec::new(),
            slots: Box::new([[[0; LANES]; N]; N_SLOTS]),
            n_leaves: 0,
        }
    }
}

impl<T: Real> Network<T> {
    /// Hands the leaves of a block of rows, at most [`BLOCK_ROWS`], to the sink.
    pub(super) fn reach(&self, x: &[T], width: usize, ranks: &mut Ranks, sink: &mut impl Sink) {
        let n_rows = (x.len() / width.max(1)).min(BLOCK_ROWS);
        let mut start = 0;
        while start < n_rows {
            let rest = &x[start * width..];
            if n_rows - start > NARROW * LANES {
                let memory = ranks.wide.get_or_insert_with(Memory::new);
                let n_rows = (n_rows - start).min(WIDE * LANES);
                self.reach_rows::<WIDE>(rest, width, start, n_rows, memory, sink);
                start += WIDE * LANES;
            } else {
                let memory = ranks.narrow.get_or_insert_with(Memory::new);
                self.reach_rows::<NARROW>(rest, width, start, n_rows - start, memory, sink);
                start += NARROW * LANES;
            }
        }
    }

    fn reach_rows<const N: usize>(
        &self,
        x: &[T],
        width: usize,
        first_row: usize,
        n_rows: usize,
        memory: &mut Memory<N>,
        sink: &mut impl Sink,
    ) {
        for leaf in memory.n_leaves..self.n_leaves {
            memory.slots[leaf] = [[(leaf as u8).cast_signed(); LANES]; N];
        }
        memory.n_leaves = memory.n_leaves.max(self.n_leaves);
        if memory.columns.len() < self.n_columns {
            memory.columns.resize(self.n_columns, [[0; LANES]; N]);
        }
        for thresholds in &self.thresholds {
            thresholds.rank(x, width, n_rows, &mut memory.columns);
        }
        for member in &self.members {
            choose(
                &self.choices[member.choices.clone()],
                &memory.columns,
                &mut memory.slots,
            );
            let leaves = memory.slots[usize::from(member.result) % N_SLOTS].as_flattened();
            sink.take_narrow(&member.tree, first_row, &leaves[..n_rows]);
        }
    }
}

/// Takes one of two slots for each choice and row.
#[inline]
fn choose<const N: usize>(
    choices: &[Choice],
    columns: &[[Vector; N]],
    slots: &mut [[Vector; N]; N_SLOTS],
) {
    for (number, choice) in choices.iter().enumerate() {
        let ranks = &columns[usize::from(choice.column)];
        let low = usize::from(choice.low) % N_SLOTS;
        let high = usize::from(choice.high) % N_SLOTS;
        let taken = (MAX_LEAVES + number) % N_SLOTS;
        for part in 0..N {
            // Without branches, and of the size of a vector, so that compilers make a comparison and a choice of it.
            let (ranks, low, high) = (ranks[part], slots[low][part], slots[high][part]);
            let mut chosen = [0; LANES];
            for lane in 0..LANES {
                let is_high = -i8::from(ranks[lane] > choice.threshold);
                chosen[lane] = low[lane] ^ ((low[lane] ^ high[lane]) & is_high);
            }
            slots[taken][part] = chosen;
        }
    }
}

impl<T: Real> Thresholds<T> {
    /// Writes the ranks of some rows' values.
    fn rank<const N: usize>(
        &self,
        x: &[T],
        width: usize,
        n_rows: usize,
        columns: &mut [[Vector; N]],
    ) {
        const TOGETHER: usize = 8;
        let half = (usize::from(self.n) + 1).next_power_of_two() / 2;
        let mut rows = x[self.feature..].iter().step_by(width);
        for start in (0..n_rows).step_by(TOGETHER) {
            let mut values = [T::default(); TOGETHER];
            for (value, given) in values.iter_mut().zip(&mut rows) {
                *value = *given;
            }
            let mut ranks = [0usize; TOGETHER];
            let mut step = half;
            while step > 0 {
                for (rank, value) in ranks.iter_mut().zip(&values) {
                    let is_above = self.table[(*rank + step - 1) % MAX_LEAVES] < *value;
                    *rank += if is_above { step } else { 0 };
                }
                step /= 2;
            }
            for (nan_is_high, column) in self.columns.iter().enumerate() {
                let Some(column) = column else { continue };
                let column =
                    &mut columns[usize::from(*column)].as_flattened_mut()[start..][..TOGETHER];
                for ((slot, rank), value) in column.iter_mut().zip(ranks).zip(&values) {
                    // NaN is above nothing.
                    let is_nan = value.partial_cmp(value).is_none();
                    let rank = if nan_is_high == 1 && is_nan {
                        self.n
                    } else {
                        rank as u8
                    };
                    *slot = (rank ^ SIGN).cast_signed();
                }
            }
        }
    }
}
