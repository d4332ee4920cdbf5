//! The operators: each checks its node's attributes once, and becomes a function of its inputs.

mod elementwise;
mod features;
mod linear;
mod matrix;
mod reduce;
mod shape;
mod text;
mod trees;

use crate::error::{Error, Result};
use crate::node::{Form, Kernel, Node};
use crate::proto::NodeProto;

/// An operator's function, and the number and form of an output that has one.
type Made = (Kernel, Option<(usize, Form)>);

/// A domain, the operators of it, and what makes their function.
type Entry = (
    &'static str,
    &'static [&'static str],
    fn(&Node<'_>) -> Result<Made>,
);

/// All operators. The build of the stage finds this table by its name and follows each function in it, so that compiled
/// models have the code of their own operators alone: nothing else may call these.
static OPERATORS: [Entry; 52] = [
    ("ai.onnx.ml", &["TreeEnsembleClassifier"], |node| {
        only(trees::classifier(node))
    }),
    ("ai.onnx.ml", &["TreeEnsembleRegressor"], |node| {
        only(trees::regressor(node))
    }),
    ("ai.onnx.ml", &["TreeEnsemble"], |node| {
        only(trees::ensemble(node))
    }),
    ("ai.onnx.ml", &["LinearClassifier"], |node| {
        only(linear::classifier(node))
    }),
    ("ai.onnx.ml", &["LinearRegressor"], |node| {
        only(linear::regressor(node))
    }),
    ("ai.onnx.ml", &["SVMClassifier"], |node| {
        only(linear::svm_classifier(node))
    }),
    ("ai.onnx.ml", &["SVMRegressor"], |node| {
        only(linear::svm_regressor(node))
    }),
    ("ai.onnx.ml", &["Scaler"], |node| {
        only(features::scaler(node))
    }),
    ("ai.onnx.ml", &["Normalizer"], |node| {
        only(features::normalizer(node))
    }),
    ("ai.onnx.ml", &["Imputer"], |node| {
        only(features::imputer(node))
    }),
    ("ai.onnx.ml", &["Binarizer"], |node| {
        only(features::binarizer(node))
    }),
    ("ai.onnx.ml", &["OneHotEncoder"], |node| {
        only(features::one_hot(node))
    }),
    ("ai.onnx.ml", &["LabelEncoder"], |node| {
        only(features::label_encoder(node))
    }),
    ("ai.onnx.ml", &["CategoryMapper"], |node| {
        only(features::category_mapper(
            node,
            "cats_strings",
            "cats_int64s",
        ))
    }),
    ("ai.onnx.ml", &["ArrayFeatureExtractor"], |node| {
        only(features::feature_extractor(node))
    }),
    ("ai.onnx.ml", &["FeatureVectorizer"], |node| {
        only(features::feature_vectorizer(node))
    }),
    ("ai.onnx.ml", &["ZipMap"], |node| {
        only(features::zip_map(node))
    }),
    ("ai.onnx.ml", &["DictVectorizer"], |node| {
        only(features::dict_vectorizer(node))
    }),
    ("", &["StringNormalizer"], |node| {
        only(text::normalizer(node))
    }),
    ("", &["TfIdfVectorizer"], |node| only(text::tf_idf(node))),
    ("", &["StringConcat"], |node| only(text::concat(node))),
    ("com.microsoft", &["CDist"], |node| {
        only(matrix::distances(node))
    }),
    ("", &["Identity", "Dropout"], |node| {
        only(shape::identity(node))
    }),
    ("", &["Constant"], |node| only(shape::constant(node))),
    ("", &["ConstantOfShape"], |node| {
        only(shape::constant_of_shape(node))
    }),
    ("", &["Shape"], |node| only(shape::shape(node))),
    ("", &["Reshape"], |node| only(shape::reshape(node))),
    ("", &["Flatten"], |node| only(shape::flatten(node))),
    ("", &["Squeeze"], |node| only(shape::squeeze(node))),
    ("", &["Unsqueeze"], |node| only(shape::unsqueeze(node))),
    ("", &["Transpose"], |node| only(shape::transpose(node))),
    ("", &["Concat"], |node| only(shape::concat(node))),
    ("", &["Gather"], |node| only(shape::gather(node))),
    ("", &["Slice"], |node| only(shape::slice(node))),
    ("", &["Split"], |node| only(shape::split(node))),
    ("", &["SequenceConstruct"], |node| {
        only(shape::sequence(node))
    }),
    ("", &["GatherElements"], |node| {
        only(shape::gather_elements(node))
    }),
    ("", &["Cast"], |node| only(elementwise::cast(node))),
    (
        "",
        &["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum"],
        |node| only(elementwise::arithmetic(node)),
    ),
    (
        "",
        &["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"],
        |node| only(elementwise::comparison(node)),
    ),
    ("", &["And", "Or", "Xor"], |node| {
        only(elementwise::logic(node))
    }),
    ("", &["Where"], |node| only(elementwise::choose(node))),
    (
        "",
        &[
            "Abs",
            "Neg",
            "Sqrt",
            "Exp",
            "Log",
            "Sigmoid",
            "Tanh",
            "Relu",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Reciprocal",
            "Not",
            "IsNaN",
        ],
        |node| only(elementwise::unary(node)),
    ),
    ("", &["Clip"], |node| only(elementwise::clip(node))),
    ("", &["Softmax"], |node| {
        only(reduce::softmax_operator(node))
    }),
    ("", &["MatMul", "Gemm"], |node| only(matrix::matmul(node))),
    (
        "",
        &[
            "ReduceSum",
            "ReduceMean",
            "ReduceMax",
            "ReduceMin",
            "ReduceSumSquare",
            "ReduceProd",
            "ReduceLogSumExp",
            "ReduceL1",
            "ReduceL2",
            "ArgMax",
            "ArgMin",
        ],
        |node| only(reduce::reduce(node)),
    ),
    ("", &["CumSum"], |node| only(reduce::cumulative_sum(node))),
    ("", &["LpNormalization"], |node| {
        only(reduce::lp_normalization(node))
    }),
    ("", &["TopK"], |node| only(reduce::top_k(node))),
    ("com.microsoft", &["Tokenizer"], |node| {
        let (kernel, form) = text::tokenizer(node)?;
        Ok((kernel, Some((0, form))))
    }),
    ("", &["Scan"], |node| {
        Ok((matrix::scan(node)?, Some((1, Form::Transposed))))
    }),
];

fn only(kernel: Result<Kernel>) -> Result<Made> {
    Ok((kernel?, None))
}

/// The place of an operator in the table.
pub(crate) fn number(node: &NodeProto) -> Option<usize> {
    OPERATORS.iter().position(|(domain, names, _)| {
        node.domain == *domain && names.contains(&node.op_type.as_str())
    })
}

/// What a node becomes.
pub(crate) fn build(node: &Node<'_>) -> Result<Made> {
    let operator = (node.proto.domain.as_str(), node.proto.op_type.as_str());
    match (operator, &node.form) {
        (("", "Identity" | "Flatten"), Some(form @ Form::Tokens(_))) => {
            Ok((made(node)?.0, Some((0, form.clone()))))
        }
        (("", "TfIdfVectorizer"), Some(Form::Tokens(_))) => made(node),
        (("", "Transpose"), Some(Form::Transposed)) if node.ints("perm") == [1, 0] => {
            only(shape::identity(node))
        }
        (_, Some(form)) => Err(form.refused()),
        (_, None) => made(node),
    }
}

fn made(node: &Node<'_>) -> Result<Made> {
    match number(node.proto) {
        Some(number) => (OPERATORS[number].2)(node),
        None => {
            let (domain, operator) = (&node.proto.domain, &node.proto.op_type);
            let domain = if domain.is_empty() { "ai.onnx" } else { domain };
            Err(Error::unsupported(format!(
                "the operator {operator} of {domain} is none that compiles into a stage"
            )))
        }
    }
}
