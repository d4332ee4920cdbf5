//! The tree kernel: trees as flat arrays, walked by eight rows at a time.
//!
//! Every split is reduced to `x <= threshold`, and its children stand beside each other, so that a step has no branches:
//! the next node is the left child, or the one behind it. Other comparisons become one or several such splits. A threshold
//! that is NaN always leads to the right: so leaves lead to themselves, and a tree is walked as many steps as it is deep.
//! Trees are the outer loop over blocks of rows, so that a tree stays in the cache while the block's rows go through it.

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
    /// The negative where the lowest bit of `flag` is set.
    fn mirrored(self, flag: u32) -> Self;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn next_down(self) -> Self {
        self.next_down()
    }
    fn mirrored(self, flag: u32) -> Self {
        Self::from_bits(self.to_bits() ^ (flag << 31))
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
    fn next_down(self) -> Self {
        self.next_down()
    }
    fn mirrored(self, flag: u32) -> Self {
        Self::from_bits(self.to_bits() ^ (u64::from(flag) << 63))
    }
}

/// A split in walking order. The right child is the node behind the left one.
#[derive(Clone, Copy)]
struct Packed<T> {
    /// NaN: always to the right
    threshold: T,
    /// The feature; with [`MIRRORED`] its negative is compared
    feature: u32,
    /// Where `x <= threshold` leads
    left: u32,
}

/// NaN goes to the right. Where it has to go with the smaller values, the split is turned round: `x <= t` or NaN is what
/// is left of `-x < -t`.
const MIRRORED_BIT: u32 = 31;
const MIRRORED: u32 = 1 << MIRRORED_BIT;
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
    /// The weight of each leaf that has one, by node
    leaf_weights: Vec<T>,
    n_features: usize,
    n_targets: usize,
    has_mirrored: bool,
}

impl<T: Real> Forest<T> {
    /// Checks that each root is that of a tree, and lays it out. Targets are below `n_targets`.
    pub(crate) fn pack(raw: &[RawNode], roots: &[usize], n_targets: usize) -> Result<Self> {
        let mut forest = Self {
            nodes: Vec::new(),
            trees: Vec::new(),
            weight_starts: vec![0],
            weights: Vec::new(),
            leaf_weights: Vec::new(),
            n_features: 0,
            n_targets,
            has_mirrored: false,
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

    /// A node that leads to itself.
    fn push(&mut self) -> u32 {
        let place = self.nodes.len() as u32;
        self.nodes.push(Packed {
            threshold: T::from_f64(f64::NAN),
            feature: 0,
            left: place.wrapping_sub(1),
        });
        place
    }

    /// Two of them; the place of the first.
    fn push_pair(&mut self) -> u32 {
        let first = self.push();
        self.push();
        first
    }

    /// Makes a node lead to another.
    fn jump(&mut self, from: u32, to: u32) {
        self.nodes[from as usize].left = to.wrapping_sub(1);
    }

    /// Makes a node a split with new children; the place of the left one.
    fn split(&mut self, place: u32, feature: u32, threshold: T) -> u32 {
        let left = self.push_pair();
        self.nodes[place as usize] = Packed {
            threshold,
            feature,
            left,
        };
        left
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
                    if *feature >= 1 << 24 {
                        return Err(Error::invalid(format!(
                            "a split tests feature number {feature}"
                        )));
                    }
                    self.n_features = self.n_features.max(feature + 1);
                    let threshold = T::from_f64(*threshold);
                    let (feature, nan_is_yes) = (*feature as u32, *nan_is_yes);
                    let (yes_place, no_place, levels) = match mode {
                        Mode::Equal | Mode::NotEqual => {
                            self.add_search(place, *mode, feature, nan_is_yes, &[threshold])
                        }
                        Mode::Member => {
                            let members: Vec<T> =
                                members.iter().map(|&member| T::from_f64(member)).collect();
                            self.add_search(place, *mode, feature, nan_is_yes, &members)
                        }
                        _ => self.add_split(place, *mode, feature, threshold, nan_is_yes),
                    };
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

    /// Writes the split at `place`: where yes and no lead, and how many steps away.
    fn add_split(
        &mut self,
        place: u32,
        mode: Mode,
        feature: u32,
        threshold: T,
        nan_is_yes: bool,
    ) -> (u32, u32, u32) {
        let mut yes_is_left = matches!(mode, Mode::LessOrEqual | Mode::Less);
        let mut threshold = match mode {
            Mode::Less | Mode::GreaterOrEqual => below(threshold),
            _ => threshold,
        };
        let mut feature = feature;
        if nan_is_yes == yes_is_left {
            // What is on the right is now on the left: `x > t`, which is `-x` below `-t`, and nothing where `t` is
            // infinite, and everything but NaN where nothing was on the left.
            threshold = if threshold.partial_cmp(&threshold).is_none() {
                T::from_f64(f64::INFINITY)
            } else {
                below(threshold.mirrored(1))
            };
            yes_is_left = !yes_is_left;
            feature |= MIRRORED;
            self.has_mirrored = true;
        }
        let left = self.split(place, feature, threshold);
        if yes_is_left {
            (left, left + 1, 1)
        } else {
            (left + 1, left, 1)
        }
    }

    /// Writes the search for the values at `place`: where yes and no lead, and how many steps away at most.
    fn add_search(
        &mut self,
        place: u32,
        mode: Mode,
        feature: u32,
        nan_is_yes: bool,
        values: &[T],
    ) -> (u32, u32, u32) {
        let (yes, no) = (self.push(), self.push());
        let (hit, miss) = if mode == Mode::NotEqual {
            (no, yes)
        } else {
            (yes, no)
        };
        let (mut at, mut levels) = (place, 1);
        // NaN differs from every value.
        if nan_is_yes && miss != yes {
            // Everything but NaN is at most infinity.
            let left = self.split(at, feature, T::from_f64(f64::INFINITY));
            self.jump(left + 1, yes);
            at = left;
            levels += 1;
        }
        for &value in values {
            // `x == v` is `x <= v` and not below `v`; both other ways go on to the next value.
            let at_most = self.split(at, feature, value);
            let less = self.split(at_most, feature, below(value));
            self.jump(less + 1, hit);
            let next = self.push();
            self.jump(less, next);
            self.jump(at_most + 1, next);
            at = next;
            levels += 3;
        }
        self.jump(at, miss);
        (yes, no, levels)
    }

    /// Weights of the tree's leaves; the target if all have one weight for the same one.
    fn add_leaves(&mut self, first: u32, leaves: &[(u32, &[(usize, f64)])]) -> Option<usize> {
        self.leaf_weights.resize(self.nodes.len(), T::default());
        let mut of_node: Vec<&[(usize, f64)]> = vec![&[]; self.nodes.len() - first as usize];
        for &(place, weights) in leaves {
            of_node[(place - first) as usize] = weights;
            if let [(_, weight)] = weights {
                self.leaf_weights[place as usize] = T::from_f64(*weight);
            }
        }
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
            Some(target) => sums[row * self.n_targets + target] += self.leaf_weights[leaf],
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
        // The values of eight rows stand beside each other, feature by feature.
        let mut groups =
            vec![[T::default(); LANES]; BLOCK_ROWS.min(rows).div_ceil(LANES) * self.n_features];
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let end = (start + BLOCK_ROWS).min(rows);
            for row in start..end {
                let (group, lane) = ((row - start) / LANES, (row - start) % LANES);
                let values = &x[row * width..][..self.n_features];
                let group = &mut groups[group * self.n_features..][..self.n_features];
                for (slot, value) in group.iter_mut().zip(values) {
                    slot[lane] = *value;
                }
            }
            for tree in &self.trees {
                for (number, lane_start) in (start..end).step_by(LANES).enumerate() {
                    let group = &groups[number * self.n_features..][..self.n_features];
                    let leaves = if self.has_mirrored {
                        self.walk::<true>(tree, group)
                    } else {
                        self.walk::<false>(tree, group)
                    };
                    // Lanes without a row hold those of another block, or zeros.
                    let n_rows = (end - lane_start).min(LANES);
                    for (lane, leaf) in leaves.into_iter().enumerate().take(n_rows) {
                        reached(tree, leaf as usize, lane_start + lane);
                    }
                }
            }
        }
    }

    /// The leaves that eight rows reach; `group` has [`Self::n_features`] entries.
    #[inline]
    #[allow(
        unsafe_code,
        reason = "the bounds of this innermost loop were checked once, for all rows and nodes"
    )]
    fn walk<const MIRROR: bool>(&self, tree: &Tree, group: &[[T; LANES]]) -> [u32; LANES] {
        let mut places = [tree.root; LANES];
        for _ in 0..tree.depth {
            for (lane, place) in places.iter_mut().enumerate() {
                // SAFETY: `pack` makes every node a split, whose left child and the node behind it are in `nodes`, or
                // one that leads to the node behind `left` alone, which is in `nodes` too. Features are below
                // `n_features`, as many as the group has; a tree with any depth has one.
                let (node, mut value) = unsafe {
                    let node = self.nodes.get_unchecked(*place as usize);
                    let feature = if MIRROR {
                        node.feature & !MIRRORED
                    } else {
                        node.feature
                    };
                    (node, group.get_unchecked(feature as usize)[lane])
                };
                if MIRROR {
                    value = value.mirrored(node.feature >> MIRRORED_BIT);
                }
                let is_left = value <= node.threshold;
                *place = node.left.wrapping_add(u32::from(!is_left));
            }
        }
        places
    }
}

/// The largest number below this one; NaN, which no number reaches, where there is none.
fn below<T: Real>(value: T) -> T {
    let below = value.next_down();
    if below < value {
        below
    } else {
        T::from_f64(f64::NAN)
    }
}
