//! The tree kernel. Trees whose leaves are few for their depth are computed as networks over ranks ([`network`]), the others
//! are walked ([`walk`]); both find the same leaf, and weights are summed in the order of the trees, so that the result is
//! the same in every bit.

mod network;
mod walk;

use crate::error::{Error, Result};
use network::{Group, Network};
use walk::Walk;

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

/// Rows that go through a tree while it is in the cache
const BLOCK_ROWS: usize = 256;
/// A tree is as deep as it is unbalanced; no library makes deeper ones.
const MAX_DEPTH: u32 = 4096;

/// What both ways to a leaf have in common.
struct Tree {
    /// The place of its leaf 0 in [`Leaves`]
    first_leaf: usize,
    /// The target of all its leaves, where they have one weight each
    target: Option<usize>,
}

/// The weights of all trees' leaves.
struct Leaves<T> {
    /// Where the weights of a leaf start; one more entry than leaves
    starts: Vec<u32>,
    weights: Vec<(u32, T)>,
    /// The weight of each leaf that has one, and as many zeros behind the last tree's as a network can name
    single: Vec<T>,
}

impl<T: Real> Leaves<T> {
    /// Adds a tree, each of whose places has these weights.
    fn add(&mut self, of_place: &[&[(usize, f64)]], leaf_places: &[usize]) -> Tree {
        let first_leaf = self.starts.len() - 1;
        self.single.truncate(first_leaf);
        for weights in of_place {
            self.single.push(match weights {
                [(_, weight)] => T::from_f64(*weight),
                _ => T::default(),
            });
            let weights = weights
                .iter()
                .map(|&(target, weight)| (target as u32, T::from_f64(weight)));
            self.weights.extend(weights);
            self.starts.push(self.weights.len() as u32);
        }
        self.single
            .resize(self.single.len() + network::MAX_LEAVES, T::default());
        let mut targets = leaf_places.iter().map(|&place| match of_place[place] {
            [(target, _)] => Some(*target),
            _ => None,
        });
        let first = targets.next().flatten();
        Tree {
            first_leaf,
            target: first.filter(|_| targets.all(|target| target == first)),
        }
    }

    fn of(&self, leaf: usize) -> &[(u32, T)] {
        &self.weights[self.starts[leaf] as usize..self.starts[leaf + 1] as usize]
    }
}

/// Consecutive trees that are computed the same way.
enum Segment<T> {
    Walk(Walk<T>),
    Network(Network<T>),
}

/// Trees whose every index was checked.
pub(crate) struct Forest<T> {
    segments: Vec<Segment<T>>,
    leaves: Leaves<T>,
    n_features: usize,
    n_targets: usize,
}

/// A tree in an order in which parents come before their children.
struct Outline {
    /// Places in the list of all nodes
    splits: Vec<usize>,
    leaves: Vec<usize>,
    depth: u32,
}

/// What takes the leaves that rows of a block reach, tree by tree.
trait Sink {
    /// Leaves of a network, by the bits of their numbers; `row` is that of the first one in the block.
    fn take_narrow(&mut self, tree: &Tree, row: usize, leaves: &[i8]);
    /// Leaves of a walk
    fn take_wide(&mut self, tree: &Tree, row: usize, leaves: &[u32]);
    /// The block is done, which has these rows.
    fn end_block(&mut self, rows: std::ops::Range<usize>);
}

impl<T: Real> Forest<T> {
    /// Checks that each root is that of a tree, and lays it out. Targets are below `n_targets`.
    pub(crate) fn pack(raw: &[RawNode], roots: &[usize], n_targets: usize) -> Result<Self> {
        let mut forest = Self {
            segments: Vec::new(),
            leaves: Leaves {
                starts: vec![0],
                weights: Vec::new(),
                single: Vec::new(),
            },
            n_features: 0,
            n_targets,
        };
        let mut seen = vec![false; raw.len()];
        let mut group = Group::default();
        for &root in roots {
            let outline = forest.outline(raw, root, &mut seen)?;
            if !network::pays(raw, &outline) {
                forest.end_group(raw, std::mem::take(&mut group));
                forest.walk_tree(raw, root, &outline);
            } else if let Some(full) = group.add(raw, root, outline) {
                forest.end_group(raw, full);
            }
        }
        forest.end_group(raw, group);
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

    /// The nodes of a tree, each of which must be reached once.
    fn outline(&mut self, raw: &[RawNode], root: usize, seen: &mut [bool]) -> Result<Outline> {
        let mut outline = Outline {
            splits: Vec::new(),
            leaves: Vec::new(),
            depth: 0,
        };
        let mut open = vec![(root, 0)];
        while let Some((place, level)) = open.pop() {
            if level > MAX_DEPTH {
                return Err(Error::unsupported(format!(
                    "a tree is deeper than {MAX_DEPTH} splits"
                )));
            }
            outline.depth = outline.depth.max(level);
            let was_seen = std::mem::replace(&mut seen[place], true);
            match &raw[place] {
                RawNode::Leaf(_) => outline.leaves.push(place),
                RawNode::Split { .. } if was_seen => {
                    return Err(Error::invalid(
                        "a node of a tree is reached twice: the tree has a cycle",
                    ));
                }
                RawNode::Split {
                    feature, yes, no, ..
                } => {
                    if *feature >= 1 << 24 {
                        return Err(Error::invalid(format!(
                            "a split tests feature number {feature}"
                        )));
                    }
                    self.n_features = self.n_features.max(feature + 1);
                    outline.splits.push(place);
                    open.push((*no, level + 1));
                    open.push((*yes, level + 1));
                }
            }
        }
        Ok(outline)
    }

    fn walk_tree(&mut self, raw: &[RawNode], root: usize, outline: &Outline) {
        if !matches!(self.segments.last(), Some(Segment::Walk(_))) {
            self.segments.push(Segment::Walk(Walk::default()));
        }
        if let Some(Segment::Walk(walk)) = self.segments.last_mut() {
            walk.add_tree(raw, root, outline, &mut self.leaves);
        }
    }

    /// The trees of a group become a network, unless ranks for them alone take longer than walking them.
    fn end_group(&mut self, raw: &[RawNode], group: Group<T>) {
        if group.pays() {
            let network = group.network(raw, &mut self.leaves);
            self.segments.push(Segment::Network(network));
        } else {
            for (root, outline) in group.into_trees() {
                self.walk_tree(raw, root, &outline);
            }
        }
    }

    /// The sum of the reached leaves' weights: `n_targets` for each row. `x` has `width` columns, at least
    /// [`Self::n_features`].
    pub(crate) fn sums(&self, x: &[T], width: usize, rows: usize) -> Vec<T> {
        let mut sums = Sums {
            leaves: &self.leaves,
            block: vec![T::default(); BLOCK_ROWS * self.n_targets],
            n_targets: self.n_targets,
            all: vec![T::default(); rows * self.n_targets],
        };
        self.reach(x, width, rows, &mut sums);
        sums.all
    }

    /// The smallest or largest weight of the reached leaves; 0 where no leaf has one.
    pub(crate) fn extremes(
        &self,
        x: &[T],
        width: usize,
        rows: usize,
        replaces: impl Fn(T, T) -> bool,
    ) -> Vec<T> {
        let mut extremes = Extremes {
            leaves: &self.leaves,
            block: vec![None; BLOCK_ROWS * self.n_targets],
            n_targets: self.n_targets,
            replaces,
            all: Vec::with_capacity(rows * self.n_targets),
        };
        self.reach(x, width, rows, &mut extremes);
        extremes.all
    }

    /// Hands every tree's leaf for every row to the sink; for one row in the order of the trees.
    fn reach(&self, x: &[T], width: usize, rows: usize, sink: &mut impl Sink) {
        assert!(
            width >= self.n_features && x.len() >= rows * width,
            "rows have all features"
        );
        let mut lanes = walk::Lanes::new(self.n_features);
        let mut ranks = network::Ranks::default();
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let end = (start + BLOCK_ROWS).min(rows);
            let x = &x[start * width..end * width];
            lanes.forget();
            for segment in &self.segments {
                match segment {
                    Segment::Walk(walk) => walk.reach(x, width, &mut lanes, sink),
                    Segment::Network(network) => network.reach(x, width, &mut ranks, sink),
                }
            }
            sink.end_block(start..end);
        }
    }
}

/// Sums of weights; those of a block stand target by target.
struct Sums<'a, T> {
    leaves: &'a Leaves<T>,
    block: Vec<T>,
    n_targets: usize,
    all: Vec<T>,
}

impl<T: Real> Sums<'_, T> {
    fn add(&mut self, leaf: usize, row: usize) {
        for &(target, weight) in self.leaves.of(leaf) {
            self.block[target as usize * BLOCK_ROWS + row] += weight;
        }
    }
}

impl<T: Real> Sink for Sums<'_, T> {
    fn take_narrow(&mut self, tree: &Tree, row: usize, leaves: &[i8]) {
        let weights =
            self.leaves.single[tree.first_leaf..].first_chunk::<{ network::MAX_LEAVES }>();
        match (tree.target, weights) {
            (Some(target), Some(weights)) => {
                let sums = &mut self.block[target * BLOCK_ROWS + row..][..leaves.len()];
                for (sum, &leaf) in sums.iter_mut().zip(leaves) {
                    *sum += weights[usize::from(leaf.cast_unsigned())];
                }
            }
            _ => {
                for (lane, &leaf) in leaves.iter().enumerate() {
                    self.add(
                        tree.first_leaf + usize::from(leaf.cast_unsigned()),
                        row + lane,
                    );
                }
            }
        }
    }

    fn take_wide(&mut self, tree: &Tree, row: usize, leaves: &[u32]) {
        match tree.target {
            Some(target) => {
                let weights = &self.leaves.single[tree.first_leaf..];
                let sums = &mut self.block[target * BLOCK_ROWS + row..][..leaves.len()];
                for (sum, &leaf) in sums.iter_mut().zip(leaves) {
                    *sum += weights[leaf as usize];
                }
            }
            None => {
                for (lane, &leaf) in leaves.iter().enumerate() {
                    self.add(tree.first_leaf + leaf as usize, row + lane);
                }
            }
        }
    }

    fn end_block(&mut self, rows: std::ops::Range<usize>) {
        let cells = rows.start * self.n_targets..rows.end * self.n_targets;
        for (row, sums) in self.all[cells].chunks_exact_mut(self.n_targets).enumerate() {
            for (target, sum) in sums.iter_mut().enumerate() {
                *sum = self.block[target * BLOCK_ROWS + row];
            }
        }
        self.block.fill(T::default());
    }
}

/// The smallest or largest weights of a block, row by row.
struct Extremes<'a, T, F> {
    leaves: &'a Leaves<T>,
    block: Vec<Option<T>>,
    n_targets: usize,
    replaces: F,
    all: Vec<T>,
}

impl<T: Real, F: Fn(T, T) -> bool> Extremes<'_, T, F> {
    fn add(&mut self, leaf: usize, row: usize) {
        for &(target, weight) in self.leaves.of(leaf) {
            let slot = &mut self.block[row * self.n_targets + target as usize];
            if slot.is_none_or(|old| (self.replaces)(weight, old)) {
                *slot = Some(weight);
            }
        }
    }
}

impl<T: Real, F: Fn(T, T) -> bool> Sink for Extremes<'_, T, F> {
    fn take_narrow(&mut self, tree: &Tree, row: usize, leaves: &[i8]) {
        for (lane, &leaf) in leaves.iter().enumerate() {
            self.add(
                tree.first_leaf + usize::from(leaf.cast_unsigned()),
                row + lane,
            );
        }
    }

    fn take_wide(&mut self, tree: &Tree, row: usize, leaves: &[u32]) {
        for (lane, &leaf) in leaves.iter().enumerate() {
            self.add(tree.first_leaf + leaf as usize, row + lane);
        }
    }

    fn end_block(&mut self, rows: std::ops::Range<usize>) {
        let found = self.block[..rows.len() * self.n_targets].iter();
        self.all
            .extend(found.map(|found| found.unwrap_or_default()));
        self.block.fill(None);
    }
}

/// The largest number below this one; NaN, which no number reaches, where there is none.
pub(super) fn below<T: Real>(value: T) -> T {
    let below = value.next_down();
    if below < value {
        below
    } else {
        T::from_f64(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::{Forest, Mode, RawNode, Real};

    /// Knuth's generator: any fixed sequence will do.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % n
        }

        /// Few different values, so that many equal a threshold
        fn value(&mut self) -> f64 {
            match self.below(40) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => f64::NEG_INFINITY,
                3 => -0.0,
                number => (number as f64 - 20.0) / 8.0,
            }
        }
    }

    const FEATURES: usize = 4;

    /// A tree with `n_splits`; more than one weight for a leaf where `is_wide`.
    fn add_tree(
        raw: &mut Vec<RawNode>,
        random: &mut Random,
        n_splits: usize,
        is_wide: bool,
    ) -> usize {
        let place = raw.len();
        if n_splits == 0 {
            let weight = random.below(1000) as f64 / 7.0;
            let more = is_wide && random.below(2) == 0;
            let weights = [(0, weight), (1, -weight)];
            raw.push(RawNode::Leaf(weights[..1 + usize::from(more)].to_vec()));
            return place;
        }
        raw.push(RawNode::Leaf(Vec::new()));
        let n_yes = random.below(n_splits);
        let yes = add_tree(raw, random, n_yes, is_wide);
        let no = add_tree(raw, random, n_splits - 1 - n_yes, is_wide);
        let modes = [
            Mode::LessOrEqual,
            Mode::Less,
            Mode::GreaterOrEqual,
            Mode::Greater,
        ];
        raw[place] = RawNode::Split {
            mode: modes[random.below(4)],
            feature: random.below(FEATURES),
            // Others than NaN and the lowest, which only walks know
            threshold: random.below(600) as f64 / 200.0 - 1.5,
            yes,
            no,
            nan_is_yes: random.below(2) == 0,
            members: Vec::new(),
        };
        place
    }

    fn walked<T: Real>(raw: &[RawNode], roots: &[usize]) -> Forest<T> {
        let mut forest = Forest::pack(&[], &[], 2).expect("no trees");
        let mut seen = vec![false; raw.len()];
        for &root in roots {
            let outline = forest.outline(raw, root, &mut seen).expect("a tree");
            forest.walk_tree(raw, root, &outline);
        }
        forest
    }

    fn check<T: Real + std::fmt::Debug>(raw: &[RawNode], roots: &[usize], random: &mut Random) {
        let forest = Forest::<T>::pack(raw, roots, 2).expect("a forest");
        let walked = walked::<T>(raw, roots);
        assert!(
            forest
                .segments
                .iter()
                .any(|s| matches!(s, super::Segment::Network(_)))
        );
        for rows in [1, 2, 15, 16, 17, 63, 64, 81, 300] {
            let x: Vec<T> = (0..rows * FEATURES)
                .map(|_| T::from_f64(random.value()))
                .collect();
            let (found, expected) = (
                forest.sums(&x, FEATURES, rows),
                walked.sums(&x, FEATURES, rows),
            );
            assert!(
                found == expected,
                "{rows} rows: {found:?} instead of {expected:?}"
            );
            let most =
                |forest: &Forest<T>| forest.extremes(&x, FEATURES, rows, |new, old| new > old);
            assert!(most(&forest) == most(&walked));
        }
    }

    #[test]
    fn networks_give_what_walks_give() {
        let mut random = Random(7);
        for is_wide in [false, true] {
            for n_trees in [60, 300] {
                let mut raw = Vec::new();
                let roots: Vec<usize> = (0..n_trees)
                    .map(|tree| {
                        let n_splits = 1 + random.below(if tree % 10 == 0 { 300 } else { 30 });
                        add_tree(&mut raw, &mut random, n_splits, is_wide)
                    })
                    .collect();
                check::<f32>(&raw, &roots, &mut random);
                check::<f64>(&raw, &roots, &mut random);
            }
        }
    }
}
