//! Operators of `ai.onnx.ml`: a row in, a row of labels or scores out.

use super::super::extent::{Dim, Extent, Kind};
use super::{Call, Effect};

pub(super) fn effect(call: &Call<'_>) -> Option<Effect> {
    let data = call.at(0);
    let operator = call.operator().strip_prefix("ai.onnx.ml.")?;
    let rows = match data.dims.as_deref() {
        Some([_]) => Dim::ONE,
        Some([rows, ..]) => *rows,
        _ => Dim::at_most(data.count),
    };
    let scores = |n: u64| Extent::new(Kind::Float, vec![rows, Dim::exactly(n)]);
    let n_classes = || {
        let lists = [
            "classlabels_int64s",
            "classlabels_strings",
            "classlabels_ints",
            "cats_int64s",
            "cats_strings",
        ];
        let n = lists.iter().map(|list| call.n_entries(list)).max();
        // Two scores also where one class is named.
        n.unwrap_or(0).max(2)
    };
    let n_targets = || {
        let said = ["n_targets", "targets"].map(|name| call.number_or(name, 1));
        let said = said.iter().map(|n| u64::try_from(*n).unwrap_or(0)).max();
        said.unwrap_or(1).max(call.n_entries("intercepts"))
    };
    Some(match operator {
        "Scaler" | "Normalizer" | "Imputer" | "Binarizer" => {
            let kind = data.kind.max(Kind::Float);
            // A scaler has a factor for each column, also where the data has one.
            data.shape_of().of_kind(kind).into()
        }
        "LabelEncoder" | "CategoryMapper" => data.shape_of().of_kind(Kind::Other).into(),
        "TreeEnsembleClassifier" | "LinearClassifier" | "SVMClassifier" => {
            let label = Extent::new(Kind::Other, vec![rows]);
            // Votes between each pair of classes come before the scores.
            let n = n_classes();
            let votes = scores(n.saturating_mul(n)).size_bytes();
            let scratch = match operator {
                "SVMClassifier" => {
                    votes.saturating_add(scores(call.n_entries("coefficients")).size_bytes())
                }
                _ => 0,
            };
            let given = match operator {
                "SVMClassifier" => scores(n.saturating_mul(n)),
                _ => scores(n),
            };
            Effect::from(vec![label, given]).and_scratch(scratch)
        }
        "TreeEnsembleRegressor" | "TreeEnsemble" | "LinearRegressor" | "SVMRegressor" => {
            scores(n_targets()).into()
        }
        "OneHotEncoder" => {
            let n = Dim::exactly(n_classes());
            match &data.dims {
                Some(dims) => Extent::new(Kind::Float, [dims.as_slice(), &[n]].concat()).into(),
                None => Extent::shapeless(Kind::Float, data.count.saturating_mul(n.hi)).into(),
            }
        }
        "ZipMap" => data.shape_of().of_kind(Kind::Other).into(),
        "ArrayFeatureExtractor" => {
            let n = Dim::at_most(call.at(1).count);
            let outer = data.dims.as_ref().and_then(|dims| dims.split_last());
            let outer = outer.map_or(vec![rows], |(_, outer)| outer.to_vec());
            let outer = if outer.is_empty() {
                vec![Dim::ONE]
            } else {
                outer
            };
            Extent::new(data.kind, [outer.as_slice(), &[n]].concat()).into()
        }
        "FeatureVectorizer" => {
            let inputs = call.inputs.iter().flatten();
            let count = inputs.fold(0_u64, |n, input| n.saturating_add(input.count));
            let width = (0..call.inputs.len())
                .map(|at| u64::try_from(call.integer("inputdimensions", at, 0)).unwrap_or(0))
                .fold(0_u64, u64::saturating_add);
            let dims = vec![rows, Dim::at_most(width.max(count))];
            Extent::new(Kind::Float, dims).into()
        }
        _ => return None,
    })
}
