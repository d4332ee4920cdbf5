//! TreeEnsembleClassifier, TreeEnsembleRegressor (ai.onnx.ml 1 and 3) and TreeEnsemble (5).

use crate::error::{Error, Result};
use crate::forest::{Forest, Mode, RawNode, Real};
use crate::node::{Kernel, Node, index};
use crate::scores::{PostTransform, both_classes, class_names};
use crate::tensor::{Data, Tensor, n_cells};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// `aggregate_function`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// A forest in the precision of its input: doubles are compared as doubles, everything else as floats. Which one that
/// is shows when a model is tried, which is when it is loaded; the other is never made.
struct Trees {
    nodes: Vec<RawNode>,
    roots: Vec<usize>,
    n_targets: usize,
    singles: OnceCell<Forest<f32>>,
    doubles: OnceCell<Forest<f64>>,
}

impl Trees {
    fn new(nodes: Vec<RawNode>, roots: Vec<usize>, n_targets: usize) -> Self {
        Self {
            nodes,
            roots,
            n_targets,
            singles: OnceCell::new(),
            doubles: OnceCell::new(),
        }
    }

    fn forest<'a, T: Real>(&self, cell: &'a OnceCell<Forest<T>>) -> Result<&'a Forest<T>> {
        if let Some(forest) = cell.get() {
            return Ok(forest);
        }
        let forest = Forest::pack(&self.nodes, &self.roots, self.n_targets)?;
        Ok(cell.get_or_init(|| forest))
    }

    /// The aggregated weights: `n_targets` for each row.
    fn scores(&self, x: &Tensor, aggregate: Aggregate) -> Result<(usize, Vec<f32>)> {
        let (rows, width) = x.matrix_dims()?;
        n_cells(&[rows, self.n_targets], rows)?;
        let scores = match &x.data {
            Data::F64(values) => {
                let forest = self.forest(&self.doubles)?;
                let scores = aggregated(forest, values, width, rows, aggregate)?;
                scores.into_iter().map(|score| score as f32).collect()
            }
            Data::F32(values) => {
                aggregated(self.forest(&self.singles)?, values, width, rows, aggregate)?
            }
            _ => {
                let forest = self.forest(&self.singles)?;
                aggregated(forest, &x.to_f32()?, width, rows, aggregate)?
            }
        };
        Ok((rows, scores))
    }
}

fn aggregated<T: Real>(
    forest: &Forest<T>,
    x: &[T],
    width: usize,
    rows: usize,
    aggregate: Aggregate,
) -> Result<Vec<T>> {
    let needed = forest.n_features();
    if width < needed {
        return Err(Error::invalid(format!(
            "the trees test feature number {}, and the input has {width} columns",
            needed.saturating_sub(1)
        )));
    }
    Ok(match aggregate {
        Aggregate::Sum | Aggregate::Average => forest.sums(x, width, rows),
        Aggregate::Min => forest.extremes(x, width, rows, |new, old| new < old),
        Aggregate::Max => forest.extremes(x, width, rows, |new, old| new > old),
    })
}

/// Where a tree's nodes are in the list of all.
struct Places<'a> {
    trees: &'a [i64],
    nodes: &'a [i64],
    /// All places, by tree and node
    order: Vec<u32>,
}

impl<'a> Places<'a> {
    fn new(trees: &'a [i64], nodes: &'a [i64]) -> Result<Self> {
        let mut order: Vec<u32> = (0..trees.len() as u32).collect();
        let id = |place: u32| (trees[place as usize], nodes[place as usize]);
        // Exporters write them in this order.
        if !order.is_sorted_by_key(|&place| id(place)) {
            order.sort_by_key(|&place| id(place));
        }
        if let Some(same) = order.windows(2).find(|two| id(two[0]) == id(two[1])) {
            let (tree, node) = id(same[0]);
            return Err(Error::invalid(format!("tree {tree} has node {node} twice")));
        }
        Ok(Self {
            trees,
            nodes,
            order,
        })
    }

    /// `near` is the place of another node of the tree, from which it may be as far as their numbers are.
    fn find(&self, tree: i64, node: i64, near: usize) -> Option<usize> {
        let guess = self.nodes.get(near).and_then(|other| {
            let distance = isize::try_from(node.checked_sub(*other)?).ok()?;
            near.checked_add_signed(distance)
        });
        if let Some(guess) = guess
            && self.trees.get(guess) == Some(&tree)
            && self.nodes[guess] == node
        {
            return Some(guess);
        }
        let id = |place: u32| (self.trees[place as usize], self.nodes[place as usize]);
        let found = self
            .order
            .binary_search_by_key(&(tree, node), |&place| id(place));
        found.ok().map(|at| self.order[at] as usize)
    }
}

/// The nodes of versions 1 and 3: columns of equal length, a tree and a number for each node.
fn columns_to_nodes(
    node: &Node<'_>,
    weights: &str,
    n_targets: usize,
) -> Result<(Vec<RawNode>, Vec<usize>)> {
    let tree_ids = node.ints("nodes_treeids");
    let n_nodes = tree_ids.len();
    let column = |name: &str| -> Result<&[i64]> {
        let values = node.ints(name);
        check_length(name, values.len(), n_nodes)?;
        Ok(values)
    };
    let node_ids = column("nodes_nodeids")?;
    let features = column("nodes_featureids")?;
    let yes_ids = column("nodes_truenodeids")?;
    let no_ids = column("nodes_falsenodeids")?;
    let modes = node.texts("nodes_modes");
    check_length("nodes_modes", modes.len(), n_nodes)?;
    let thresholds = node.doubles("nodes_values")?;
    check_length("nodes_values", thresholds.len(), n_nodes)?;
    let missing = node.ints("nodes_missing_value_tracks_true");
    if !missing.is_empty() {
        check_length("nodes_missing_value_tracks_true", missing.len(), n_nodes)?;
    }

    let places = Places::new(tree_ids, node_ids)?;
    let find = |tree: &i64, id: &i64, near: usize, what: &str| {
        places.find(*tree, *id, near).ok_or_else(|| {
            Error::invalid(format!(
                "`{what}` names node {id} of tree {tree}, which is not there"
            ))
        })
    };
    let mut nodes = Vec::with_capacity(n_nodes);
    for place in 0..n_nodes {
        let tree = &tree_ids[place];
        nodes.push(match modes[place] {
            "LEAF" => RawNode::Leaf(Vec::new()),
            mode => RawNode::Split {
                mode: Mode::named(mode)?,
                feature: index(features[place], "an entry of `nodes_featureids`")?,
                threshold: thresholds[place],
                yes: find(tree, &yes_ids[place], place, "nodes_truenodeids")?,
                no: find(tree, &no_ids[place], place, "nodes_falsenodeids")?,
                nan_is_yes: missing.get(place).is_some_and(|&tracks| tracks != 0),
                members: Vec::new(),
            },
        });
    }

    let name = |suffix: &str| format!("{weights}_{suffix}");
    let values = node.doubles(&name("weights"))?;
    let (trees, ids, targets) = (
        node.ints(&name("treeids")),
        node.ints(&name("nodeids")),
        node.ints(&name("ids")),
    );
    for (suffix, length) in [
        ("treeids", trees.len()),
        ("nodeids", ids.len()),
        ("ids", targets.len()),
    ] {
        check_length(&name(suffix), length, values.len())?;
    }
    let (name_of_nodes, name_of_targets) = (name("nodeids"), name("ids"));
    let mut place = 0;
    for (at, &value) in values.iter().enumerate() {
        place = find(&trees[at], &ids[at], place, &name_of_nodes)?;
        let target = index(targets[at], &name_of_targets)?;
        if target >= n_targets {
            return Err(Error::invalid(format!(
                "`{name_of_targets}` names number {target} of {n_targets}"
            )));
        }
        // Weights of nodes that are no leaves say nothing about any row.
        if let RawNode::Leaf(weights) = &mut nodes[place] {
            weights.push((target, value));
        }
    }

    let mut is_child = vec![false; n_nodes];
    for node in &nodes {
        if let RawNode::Split { yes, no, .. } = node {
            is_child[*yes] = true;
            is_child[*no] = true;
        }
    }
    let mut root_of_tree = BTreeMap::new();
    let mut roots = Vec::new();
    for place in 0..n_nodes {
        let root = root_of_tree.entry(tree_ids[place]).or_insert(None);
        if !is_child[place] {
            if root.replace(place).is_some() {
                return Err(Error::invalid(format!(
                    "tree {} has two roots",
                    tree_ids[place]
                )));
            }
            roots.push(place);
        }
    }
    if let Some((tree, _)) = root_of_tree.iter().find(|(_, root)| root.is_none()) {
        return Err(Error::invalid(format!(
            "the nodes of tree {tree} form a cycle"
        )));
    }
    Ok((nodes, roots))
}

fn check_length(name: &str, length: usize, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{name}` has {length} entries instead of {expected}"
    )))
}

fn base_values(node: &Node<'_>, n_targets: usize, allowed: &[usize]) -> Result<Vec<f32>> {
    let values: Vec<f32> = node
        .doubles("base_values")?
        .into_iter()
        .map(|v| v as f32)
        .collect();
    if values.is_empty() || values.len() == n_targets || allowed.contains(&values.len()) {
        return Ok(values);
    }
    Err(Error::invalid(format!(
        "`base_values` has {} entries for {n_targets}",
        values.len()
    )))
}

/// TreeEnsembleClassifier
pub(crate) fn classifier(node: &Node<'_>) -> Result<Kernel> {
    let labels = node.labels("classlabels_strings", "classlabels_int64s");
    let n_classes = labels.len();
    if n_classes == 0 {
        return Err(Error::invalid("it has no class labels"));
    }
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    let base_values = base_values(node, n_classes, &[1])?;
    let (mut nodes, roots) = columns_to_nodes(node, "class", n_classes)?;
    let weights = || {
        nodes.iter().flat_map(|node| match node {
            RawNode::Leaf(weights) => weights.as_slice(),
            RawNode::Split { .. } => &[],
        })
    };
    let mut has_score = vec![false; n_classes.max(2)];
    weights().for_each(|&(target, _)| has_score[target] = true);
    let all_positive = weights().all(|&(_, weight)| weight >= 0.0);
    // Two classes and weights for one of them: the score is that of the second class, whichever the weights name.
    let is_binary = n_classes == 2 && has_score.iter().filter(|&&has| has).count() <= 1;
    if is_binary && transform == PostTransform::Probit {
        return Err(Error::unsupported(
            "PROBIT of one score for two classes has no defined result",
        ));
    }
    if is_binary {
        for node in &mut nodes {
            if let RawNode::Leaf(weights) = node {
                weights.iter_mut().for_each(|weight| weight.0 = 0);
            }
        }
        has_score = vec![true, false];
    }
    let trees = Trees::new(nodes, roots, n_classes);
    let names = class_names(&labels);
    Ok(Box::new(move |arguments| {
        let (rows, mut scores) = trees.scores(arguments.need(0)?, Aggregate::Sum)?;
        let mut places = Vec::with_capacity(rows);
        for row in scores.chunks_exact_mut(n_classes) {
            if is_binary {
                let base = match base_values.as_slice() {
                    [] => 0.0,
                    [base] | [_, base] => *base,
                    _ => 0.0,
                };
                let score = row[0] + base;
                let limit = if all_positive { 0.5 } else { 0.0 };
                places.push(usize::from(score > limit));
                row.copy_from_slice(&both_classes(score, all_positive, transform));
                continue;
            }
            if base_values.len() == row.len() {
                row.iter_mut()
                    .zip(&base_values)
                    .for_each(|(score, base)| *score += base);
            }
            let mut best = None;
            for (class, &score) in row.iter().enumerate() {
                let counts = has_score[class] || !base_values.is_empty();
                if counts && best.is_none_or(|best: usize| score > row[best]) {
                    best = Some(class);
                }
            }
            places.push(best.unwrap_or(0));
            transform.apply(row);
        }
        let mut scores = Tensor::rows(vec![rows, n_classes], Data::F32(scores));
        scores.classes = Some(names.clone());
        let mut label = Tensor::rows(vec![rows], labels.pick(&places));
        label.classes = Some(names.clone());
        Ok(vec![label, scores])
    }))
}

/// TreeEnsembleRegressor
pub(crate) fn regressor(node: &Node<'_>) -> Result<Kernel> {
    let n_targets = index(node.int("n_targets", 1), "`n_targets`")?;
    let aggregate = match node.text("aggregate_function", "SUM") {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => {
            return Err(Error::invalid(format!(
                "`aggregate_function` is `{other}`, which is none of SUM, AVERAGE, MIN and MAX"
            )));
        }
    };
    let transform = PostTransform::named(node.text("post_transform", "NONE"))?;
    let base_values = base_values(node, n_targets, &[])?;
    check_targets(n_targets, node.doubles("target_weights")?.len())?;
    let (nodes, roots) = columns_to_nodes(node, "target", n_targets)?;
    regression(nodes, roots, n_targets, aggregate, transform, base_values)
}

/// More targets than weights would only be zeros, and a way to ask for much memory.
fn check_targets(n_targets: usize, n_weights: usize) -> Result<()> {
    if n_targets == 0 || n_targets > n_weights.max(1) {
        return Err(Error::invalid(format!(
            "`n_targets` is {n_targets}, and there are {n_weights} weights"
        )));
    }
    Ok(())
}

fn regression(
    nodes: Vec<RawNode>,
    roots: Vec<usize>,
    n_targets: usize,
    aggregate: Aggregate,
    transform: PostTransform,
    base_values: Vec<f32>,
) -> Result<Kernel> {
    let n_trees = roots.len().max(1) as f32;
    let trees = Trees::new(nodes, roots, n_targets);
    Ok(Box::new(move |arguments| {
        let x = arguments.need(0)?;
        let (rows, mut scores) = trees.scores(x, aggregate)?;
        for row in scores.chunks_exact_mut(n_targets) {
            for (target, score) in row.iter_mut().enumerate() {
                if aggregate == Aggregate::Average {
                    *score /= n_trees;
                }
                *score += base_values.get(target).copied().unwrap_or(0.0);
            }
            // ONNX Runtime leaves a single score as it is, but for PROBIT.
            if n_targets > 1 || transform == PostTransform::Probit {
                transform.apply(row);
            }
        }
        let dims = vec![rows, n_targets];
        Ok(vec![Tensor::rows(dims, Data::F32(scores))])
    }))
}

/// TreeEnsemble
pub(crate) fn ensemble(node: &Node<'_>) -> Result<Kernel> {
    let features = node.ints("nodes_featureids");
    let n_splits = features.len();
    let column = |name: &str| -> Result<&[i64]> {
        let values = node.ints(name);
        check_length(name, values.len(), n_splits)?;
        Ok(values)
    };
    let (yes, yes_is_leaf) = (column("nodes_truenodeids")?, column("nodes_trueleafs")?);
    let (no, no_is_leaf) = (column("nodes_falsenodeids")?, column("nodes_falseleafs")?);
    let need = |name: &str| {
        node.tensor(name)
            .ok_or_else(|| Error::invalid(format!("the attribute `{name}` is missing")))
    };
    let modes = need("nodes_modes")?.ints()?;
    check_length("nodes_modes", modes.len(), n_splits)?;
    let is_double = matches!(need("nodes_splits")?.data, Data::F64(_));
    let thresholds = need("nodes_splits")?.to_f64()?;
    check_length("nodes_splits", thresholds.len(), n_splits)?;
    let missing = node.ints("nodes_missing_value_tracks_true");
    if !missing.is_empty() {
        check_length("nodes_missing_value_tracks_true", missing.len(), n_splits)?;
    }
    let weights = need("leaf_weights")?.to_f64()?;
    let targets = node.ints("leaf_targetids");
    check_length("leaf_targetids", targets.len(), weights.len())?;
    let n_targets = index(node.int("n_targets", 1), "`n_targets`")?;
    check_targets(n_targets, weights.len())?;

    // Leaves follow the splits.
    let child = |value: i64, is_leaf: i64| {
        let (offset, limit) = if is_leaf != 0 {
            (n_splits, weights.len())
        } else {
            (0, n_splits)
        };
        let place = index(value, "a child")?;
        if place >= limit {
            return Err(Error::invalid(format!(
                "a split leads to number {place} of {limit}"
            )));
        }
        Ok(offset + place)
    };
    let members = node
        .tensor("membership_values")
        .map(Tensor::to_f64)
        .transpose()?;
    let mut sets = members
        .as_deref()
        .unwrap_or_default()
        .split(|value| value.is_nan());
    let mut nodes = Vec::new();
    for place in 0..n_splits {
        let mode = Mode::numbered(modes[place])?;
        nodes.push(RawNode::Split {
            members: match mode {
                Mode::Member => sets.next().unwrap_or_default().to_vec(),
                _ => Vec::new(),
            },
            mode,
            feature: index(features[place], "an entry of `nodes_featureids`")?,
            threshold: thresholds[place],
            yes: child(yes[place], yes_is_leaf[place])?,
            no: child(no[place], no_is_leaf[place])?,
            nan_is_yes: missing.get(place).is_some_and(|&tracks| tracks != 0),
        });
    }
    for (&target, &weight) in targets.iter().zip(&weights) {
        let target = index(target, "an entry of `leaf_targetids`")?;
        if target >= n_targets {
            return Err(Error::invalid(format!(
                "`leaf_targetids` names number {target} of {n_targets}"
            )));
        }
        nodes.push(RawNode::Leaf(vec![(target, weight)]));
    }
    let roots: Vec<usize> = node
        .ints("tree_roots")
        .iter()
        .map(|&root| child(root, 0))
        .collect::<Result<_>>()?;
    let aggregate = match node.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(Error::invalid(format!("`aggregate_function` is {other}"))),
    };
    let transform = PostTransform::numbered(node.int("post_transform", 0))?;
    let kernel = regression(nodes, roots, n_targets, aggregate, transform, Vec::new())?;
    Ok(Box::new(move |arguments| {
        let mut outputs = kernel(arguments)?;
        if is_double {
            for output in &mut outputs {
                output.data = Data::F64(output.to_f64()?);
            }
        }
        Ok(outputs)
    }))
}
