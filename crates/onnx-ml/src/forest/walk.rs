//! Trees as flat arrays, walked by eight rows at a time.
//!
//! Every split is reduced to `x <= threshold`, and its children stand beside each other, so that a step has no branches:
//! the next node is the left child, or the one behind it. Other comparisons become one or several such splits. A threshold
//! that is NaN always leads to the right: so leaves lead to themselves, and a tree is walked as many steps as it is deep.
//! Trees are the outer loop over blocks of rows, so that a tree stays in the cache while the block's rows go through it.

use super::{BLOCK_ROWS, Leaves, Mode, Outline, RawNode, Real, Sink, Tree, below};

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
/// Rows that take their steps together
const LANES: usize = 8;

/// A tree and where its walk starts.
struct Path {
    tree: Tree,
    root: u32,
    n_steps: u32,
}

/// Trees that are walked.
pub(super) struct Walk<T> {
    nodes: Vec<Packed<T>>,
    paths: Vec<Path>,
    n_features: usize,
    has_mirrored: bool,
}

impl<T> Default for Walk<T> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            paths: Vec::new(),
            n_features: 0,
            has_mirrored: false,
        }
    }
}

/// The features of a block of rows: the values of eight rows stand beside each other, feature by feature.
pub(super) struct Lanes<T> {
    n_features: usize,
    groups: Vec<[T; LANES]>,
    is_filled: bool,
}

impl<T: Real> Lanes<T> {
    pub(super) fn new(n_features: usize) -> Self {
        Self {
            n_features,
            groups: Vec::new(),
            is_filled: false,
        }
    }

    /// Another block follows.
    pub(super) fn forget(&mut self) {
        self.is_filled = false;
    }

    fn fill(&mut self, x: &[T], width: usize) {
        if std::mem::replace(&mut self.is_filled, true) {
            return;
        }
        let n_rows = x.len() / width.max(1);
        let n_groups = n_rows.div_ceil(LANES);
        self.groups
            .resize(n_groups * self.n_features, [T::default(); LANES]);
        for (row, values) in x.chunks_exact(width.max(1)).enumerate() {
            let group = &mut self.groups[row / LANES * self.n_features..][..self.n_features];
            for (slot, value) in group.iter_mut().zip(values) {
                slot[row % LANES] = *value;
            }
        }
    }
}

impl<T: Real> Walk<T> {
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

    pub(super) fn add_tree(
        &mut self,
        raw: &[RawNode],
        root: usize,
        outline: &Outline,
        leaves: &mut Leaves<T>,
    ) {
        let first = self.push();
        let mut n_steps = 0;
        let mut open = vec![(root, first, 0u32)];
        let mut reached: Vec<(usize, &[(usize, f64)])> = Vec::with_capacity(outline.leaves.len());
        while let Some((from, place, level)) = open.pop() {
            n_steps = n_steps.max(level);
            match &raw[from] {
                RawNode::Leaf(weights) => reached.push(((place - first) as usize, weights)),
                RawNode::Split {
                    mode,
                    feature,
                    threshold,
                    yes,
                    no,
                    nan_is_yes,
                    members,
                } => {
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
        let mut of_place: Vec<&[(usize, f64)]> = vec![&[]; self.nodes.len() - first as usize];
        let mut leaf_places = Vec::with_capacity(reached.len());
        for (place, weights) in reached {
            of_place[place] = weights;
            leaf_places.push(place);
        }
        self.paths.push(Path {
            tree: leaves.add(&of_place, &leaf_places),
            root: first,
            n_steps,
        });
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

    /// Hands the leaves of a block of rows, at most [`BLOCK_ROWS`], to the sink.
    pub(super) fn reach(&self, x: &[T], width: usize, lanes: &mut Lanes<T>, sink: &mut impl Sink) {
        lanes.fill(x, width);
        let n_rows = (x.len() / width.max(1)).min(BLOCK_ROWS);
        for path in &self.paths {
            for start in (0..n_rows).step_by(LANES) {
                let group = &lanes.groups[start / LANES * lanes.n_features..][..lanes.n_features];
                let leaves = if self.has_mirrored {
                    self.walk::<true>(path, group)
                } else {
                    self.walk::<false>(path, group)
                };
                // Lanes without a row hold those of another block, or zeros.
                let leaves = leaves.map(|leaf| leaf - path.root);
                sink.take_wide(&path.tree, start, &leaves[..(n_rows - start).min(LANES)]);
            }
        }
    }

    /// The leaves that eight rows reach; `group` has at least `n_features` entries.
    #[inline]
    #[allow(
        unsafe_code,
        reason = "the bounds of this innermost loop were checked once, for all rows and nodes"
    )]
    fn walk<const MIRROR: bool>(&self, path: &Path, group: &[[T; LANES]]) -> [u32; LANES] {
        assert!(group.len() >= self.n_features, "a group has all features");
        let mut places = [path.root; LANES];
        for _ in 0..path.n_steps {
            for (lane, place) in places.iter_mut().enumerate() {
                // SAFETY: `add_tree` makes every node a split, whose left child and the node behind it are in `nodes`, or
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
