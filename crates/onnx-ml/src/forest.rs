//! The tree kernel: trees as flat arrays, walked by eight rows at a time.
//!
//! Every split is reduced to `x <= threshold`, so that a walk has no branches: other comparisons become one or two such
//! splits. Leaves lead to themselves, and a tree is walked as many steps as it is deep. Trees are the outer loop over
//! blocks of rows, so that a tree stays in the cache while the block's rows go through it.

use crate::error::{Error, Result};

/// How a split compares the feature with its threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    Member,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "BRANCH_LEQ" => Self::LessOrEqual,
            "BRANCH_LT" => Self::Less,
            "BRANCH_GTE" => Self::GreaterOrEqual,
            "BRANCH_GT" => Self::Greater,
            "BRANCH_EQ" => Self::Equal,
            "BRANCH_NEQ" => Self::NotEqual,
            _ => {
                return Err(Error::invalid(format!(
                    "`nodes_modes` has `{name}`, which is no mode"
                )));
            }
        })
    }

    pub(crate) fn numbered(number: i64) -> Result<Self> {
        Ok(match number {
            0 => Self::LessOrEqual,
            1 => Self::Less,
            2 => Self::GreaterOrEqual,
            3 => Self::Greater,
            4 => Self::Equal,
            5 => Self::NotEqual,
            6 => Self::Member,
            _ => {
                return Err(Error::invalid(format!(
                    "`nodes_modes` has {number}, which is no mode"
                )));
            }
        })
    }
}

/// A node as files have it; children are places in the list of all nodes.
pub(crate) enum RawNode {
    /// Targets and what the leaf adds to them
    Leaf(Vec<(usize, f64)>),
    Split {
        mode: Mode,
        feature: usize,
        threshold: f64,
        yes: usize,
        no: usize,
        /// Where NaN goes; it compares false otherwise
        nan_is_yes: bool,
        /// The values of [`Mode::Member`]
        members: Vec<f64>,
    },
}

/// The precision of features and thresholds.
pub(crate) trait Real: Copy + PartialOrd + std::ops::AddAssign + Default {
    fn from_f64(value: f64) -> Self;
    fn next_down(self) -> Self;
    fn is_nan(self) -> bool;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn next_down(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
    fn next_down(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

/// A split in walking order. A leaf leads to itself, and its `threshold` is the weight where it has one.
#[derive(Clone, Copy)]
struct Packed<T> {
    threshold: T,
    /// The feature, and [`NAN_GOES_LEFT`]
    feature: u32,
    /// Left if `x <= threshold`, and right
    children: [u32; 2],
}

const NAN_GOES_LEFT: u32 = 1 << 31;
/// Rows that go through a tree while it is in the cache
const BLOCK_ROWS: usize = 256;
/// Rows that take their steps together
const LANES: usize = 8;
/// A tree is as deep as it is unbalanced; no library makes deeper ones.
const MAX_DEPTH: u32 = 4096;

struct Tree {
    root: u32,
    depth: u32,
    /// The target of all its leaves, where they have one weight each
    target: Option<usize>,
}

/// Trees whose every index was checked.
pub(crate) struct Forest<T> {
    nodes: Vec<Packed<T>>,
    trees: Vec<Tree>,
    /// Where the weights of a node start; one more entry than nodes. Empty for splits.
    weight_starts: Vec<u32>,
    weights: Vec<(u32, T)>,
    n_features: usize,
    n_targets: usize,
    has_nan_left: bool,
}

impl<T: Real> Forest<T> {
    /// Checks that each root is that of a tree, and lays it out. Targets are below `n_targets`.
    pub(crate) fn pack(raw: &[RawNode], roots: &[usize], n_targets: usize) -> Result<Self> {
        let mut forest = Self {
            nodes: Vec::new(),
            trees: Vec::new(),
            weight_starts: vec![0],
            weights: Vec::new(),
            n_features: 0,
            n_targets,
            has_nan_left: false,
        };
        let mut seen = vec![false; raw.len()];
        for &root in roots {
            forest.add_tree(raw, root, &mut seen)?;
        }
        if seen.contains(&false)
            && raw
                .iter()
                .zip(&seen)
                .any(|(node, seen)| !seen && matches!(node, RawNode::Split { .. }))
        {
            return Err(Error::invalid(
                "some nodes of the trees are reached from no root",
            ));
        }
        Ok(forest)
    }

    /// The number of columns that rows must have.
    pub(crate) fn n_features(&self) -> usize {
        self.n_features
    }

    pub(crate) fn n_targets(&self) -> usize {
        self.n_targets
    }

    fn push(&mut self) -> u32 {
        let place = self.nodes.len() as u32;
        self.nodes.push(Packed {
            threshold: T::default(),
            feature: 0,
            children: [place; 2],
        });
        self.weight_starts.push(self.weights.len() as u32);
        place
    }

    fn add_tree(&mut self, raw: &[RawNode], root: usize, seen: &mut [bool]) -> Result<()> {
        let first = self.push();
        let mut depth = 0;
        let mut open = vec![(root, first, 0u32)];
        let mut leaves: Vec<(u32, &[(usize, f64)])> = Vec::new();
        while let Some((from, place, level)) = open.pop() {
            depth = depth.max(level);
            if level > MAX_DEPTH {
                return Err(Error::unsupported(format!(
                    "a tree is deeper than {MAX_DEPTH} splits"
                )));
            }
            let node = &raw[from];
            let is_shared_leaf = matches!(node, RawNode::Leaf(_));
            if std::mem::replace(&mut seen[from], true) && !is_shared_leaf {
                return Err(Error::invalid(
                    "a node of a tree is reached twice: the tree has a cycle",
                ));
            }
            match node {
                RawNode::Leaf(weights) => leaves.push((place, weights)),
                RawNode::Split {
                    mode,
                    feature,
                    threshold,
                    yes,
                    no,
                    nan_is_yes,
                    members,
                } => {
                    if *feature >= NAN_GOES_LEFT as usize || *feature >= 1 << 24 {
                        return Err(Error::invalid(format!(
                            "a split tests feature number {feature}"
                        )));
                    }
                    self.n_features = self.n_features.max(feature + 1);
                    let threshold = T::from_f64(*threshold);
                    let (yes_place, no_place) = (self.push(), self.push());
                    let levels = self.add_split(
                        place,
                        *mode,
                        *feature as u32,
                        threshold,
                        [yes_place, no_place],
                        *nan_is_yes,
                        members,
                    );
                    open.push((*no, no_place, level.saturating_add(levels)));
                    open.push((*yes, yes_place, level.saturating_add(levels)));
                }
            }
        }
        let target = self.add_leaves(first, &leaves);
        self.trees.push(Tree {
            root: first,
            depth,
            target,
        });
        Ok(())
    }

    /// Writes the split at `place`; the number of steps that it takes at most.
    #[allow(clippy::too_many_arguments, reason = "the fields of one node")]
    fn add_split(
        &mut self,
        place: u32,
        mode: Mode,
        feature: u32,
        threshold: T,
        [yes, no]: [u32; 2],
        nan_is_yes: bool,
        members: &[f64],
    ) -> u32 {
        let below = threshold.next_down();
        let never = T::from_f64(f64::NAN);
        let below = if below < threshold { below } else { never };
        let write = |forest: &mut Self, place: u32, threshold: T, left: u32, right: u32| {
            let nan_goes_left = (if nan_is_yes { yes } else { no }) == left;
            forest.has_nan_left |= nan_goes_left;
            forest.nodes[place as usize] = Packed {
                threshold,
                feature: feature | if nan_goes_left { NAN_GOES_LEFT } else { 0 },
                children: [left, right],
            };
        };
        match mode {
            Mode::LessOrEqual => write(self, place, threshold, yes, no),
            Mode::Less => write(self, place, below, yes, no),
            Mode::Greater => write(self, place, threshold, no, yes),
            Mode::GreaterOrEqual => write(self, place, below, no, yes),
            Mode::Equal | Mode::NotEqual | Mode::Member => {
                let one = [threshold];
                let many: Vec<T> = members.iter().map(|&member| T::from_f64(member)).collect();
                let values = if mode == Mode::Member {
                    &many[..]
                } else {
                    &one[..]
                };
                let (hit, miss) = if mode == Mode::NotEqual {
                    (no, yes)
                } else {
                    (yes, no)
                };
                // `x == v` is `x <= v` and not `x <= below v`; each miss goes on to the next value.
                let mut at = place;
                for (left, &value) in (0..values.len()).rev().zip(values) {
                    let next = if left == 0 { miss } else { self.push() };
                    let below = value.next_down();
                    let second = self.push();
                    self.nodes[at as usize] = Packed {
                        threshold: value,
                        feature,
                        children: [second, next],
                    };
                    self.nodes[second as usize] = Packed {
                        threshold: below,
                        feature,
                        children: [next, hit],
                    };
                    at = next;
                }
                // NaN differs from every value.
                if (nan_is_yes && mode != Mode::NotEqual) || values.is_empty() {
                    return self.decide_nan(
                        place,
                        feature,
                        miss,
                        if nan_is_yes { yes } else { miss },
                        values.len(),
                    );
                }
                return 2 * values.len() as u32;
            }
        }
        1
    }

    /// Puts a split before a chain of equalities that sends NaN elsewhere than other values.
    fn decide_nan(
        &mut self,
        place: u32,
        feature: u32,
        miss: u32,
        nan_to: u32,
        n_values: usize,
    ) -> u32 {
        let first = self.nodes[place as usize];
        let rest = if n_values == 0 { miss } else { self.push() };
        if n_values > 0 {
            self.nodes[rest as usize] = first;
        }
        // Everything but NaN is at most infinity.
        self.nodes[place as usize] = Packed {
            threshold: T::from_f64(f64::INFINITY),
            feature,
            children: [rest, nan_to],
        };
        2 * n_values as u32 + 1
    }

    /// Weights of the tree's leaves; the target if all have one weight for the same one.
    fn add_leaves(&mut self, first: u32, leaves: &[(u32, &[(usize, f64)])]) -> Option<usize> {
        let mut of_node: Vec<&[(usize, f64)]> = vec![&[]; self.nodes.len() - first as usize];
        for &(place, weights) in leaves {
            of_node[(place - first) as usize] = weights;
            if let [(_, weight)] = weights {
                self.nodes[place as usize].threshold = T::from_f64(*weight);
            }
        }
        self.weight_starts.truncate(first as usize + 1);
        for weights in of_node {
            let weights = weights
                .iter()
                .map(|&(target, weight)| (target as u32, T::from_f64(weight)));
            self.weights.extend(weights);
            self.weight_starts.push(self.weights.len() as u32);
        }
        let target = leaves.first()?.1.first()?.0;
        leaves
            .iter()
            .all(|(_, weights)| matches!(weights, [(other, _)] if *other == target))
            .then_some(target)
    }

    /// The sum of the reached leaves' weights: `n_targets` for each row. `x` has `width` columns, at least
    /// [`Self::n_features`].
    pub(crate) fn sums(&self, x: &[T], width: usize, rows: usize) -> Vec<T> {
        let mut sums = vec![T::default(); rows * self.n_targets];
        self.walk_all(x, width, rows, |tree, leaf, row| match tree.target {
            Some(target) => sums[row * self.n_targets + target] += self.nodes[leaf].threshold,
            None => {
                for &(target, weight) in self.weights_of(leaf) {
                    sums[row * self.n_targets + target as usize] += weight;
                }
            }
        });
        sums
    }

    /// The smallest or largest weight of the reached leaves; 0 where no leaf has one.
    pub(crate) fn extremes(
        &self,
        x: &[T],
        width: usize,
        rows: usize,
        replaces: impl Fn(T, T) -> bool,
    ) -> Vec<T> {
        let mut found = vec![None; rows * self.n_targets];
        self.walk_all(x, width, rows, |_, leaf, row| {
            for &(target, weight) in self.weights_of(leaf) {
                let slot = &mut found[row * self.n_targets + target as usize];
                if slot.is_none_or(|old| replaces(weight, old)) {
                    *slot = Some(weight);
                }
            }
        });
        found.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn weights_of(&self, leaf: usize) -> &[(u32, T)] {
        &self.weights[self.weight_starts[leaf] as usize..self.weight_starts[leaf + 1] as usize]
    }

    /// Calls `reached` with every tree's leaf for every row; for one row in the order of the trees.
    fn walk_all(
        &self,
        x: &[T],
        width: usize,
        rows: usize,
        mut reached: impl FnMut(&Tree, usize, usize),
    ) {
        assert!(
            width >= self.n_features && x.len() >= rows * width,
            "rows have all features"
        );
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let end = (start + BLOCK_ROWS).min(rows);
            for tree in &self.trees {
                for lane_start in (start..end).step_by(LANES) {
                    let last = end - lane_start - 1;
                    // The last rows of a block are walked several times where they are fewer than the lanes.
                    let offsets: [usize; LANES] =
                        std::array::from_fn(|lane| (lane_start + lane.min(last)) * width);
                    let leaves = if self.has_nan_left {
                        self.walk::<true>(tree, x, offsets)
                    } else {
                        self.walk::<false>(tree, x, offsets)
                    };
                    for (lane, leaf) in leaves.into_iter().enumerate().take(last + 1) {
                        reached(tree, leaf as usize, lane_start + lane);
                    }
                }
            }
        }
    }

    /// The leaves that the rows at these offsets reach.
    #[inline]
    #[allow(
        unsafe_code,
        reason = "the bounds of this innermost loop were checked once, for all rows and nodes"
    )]
    fn walk<const NAN: bool>(&self, tree: &Tree, x: &[T], offsets: [usize; LANES]) -> [u32; LANES] {
        let mut places = [tree.root; LANES];
        for _ in 0..tree.depth {
            for lane in 0..LANES {
                // SAFETY: `pack` sets roots and children to places in `nodes` and features below `n_features`;
                // `walk_all` checks that a row of `n_features` values starts at each offset.
                let (node, value) = unsafe {
                    let node = self.nodes.get_unchecked(places[lane] as usize);
                    let feature = (node.feature & !NAN_GOES_LEFT) as usize;
                    (node, *x.get_unchecked(offsets[lane] + feature))
                };
                let mut left = value <= node.threshold;
                if NAN {
                    left |= node.feature & NAN_GOES_LEFT != 0 && value.is_nan();
                }
                places[lane] = node.children[usize::from(!left)];
            }
        }
        places
    }
}
