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

/// The operator's function, and the number and form of an output that has one.
pub(crate) fn build(node: &Node<'_>) -> Result<(Kernel, Option<(usize, Form)>)> {
    let operator = (node.proto.domain.as_str(), node.proto.op_type.as_str());
    Ok(match (operator, node.form.clone()) {
        (("com.microsoft", "Tokenizer"), None) => {
            let (kernel, form) = text::tokenizer(node)?;
            (kernel, Some((0, form)))
        }
        (("", "Scan"), None) => (matrix::scan(node)?, Some((1, Form::Transposed))),
        (("", "Identity" | "Flatten"), Some(form @ Form::Tokens(_))) => {
            (plain(node)?, Some((0, form)))
        }
        (("", "TfIdfVectorizer"), Some(Form::Tokens(_))) => (plain(node)?, None),
        (("", "Transpose"), Some(Form::Transposed)) if node.ints("perm") == [1, 0] => {
            (shape::identity(node)?, None)
        }
        (_, Some(form)) => return Err(form.refused()),
        (_, None) => (plain(node)?, None),
    })
}

/// The function of an operator that gives what its results hold.
fn plain(node: &Node<'_>) -> Result<Kernel> {
    match (node.proto.domain.as_str(), node.proto.op_type.as_str()) {
        ("ai.onnx.ml", "TreeEnsembleClassifier") => trees::classifier(node),
        ("ai.onnx.ml", "TreeEnsembleRegressor") => trees::regressor(node),
        ("ai.onnx.ml", "TreeEnsemble") => trees::ensemble(node),
        ("ai.onnx.ml", "LinearClassifier") => linear::classifier(node),
        ("ai.onnx.ml", "LinearRegressor") => linear::regressor(node),
        ("ai.onnx.ml", "SVMClassifier") => linear::svm_classifier(node),
        ("ai.onnx.ml", "SVMRegressor") => linear::svm_regressor(node),
        ("ai.onnx.ml", "Scaler") => features::scaler(node),
        ("ai.onnx.ml", "Normalizer") => features::normalizer(node),
        ("ai.onnx.ml", "Imputer") => features::imputer(node),
        ("ai.onnx.ml", "Binarizer") => features::binarizer(node),
        ("ai.onnx.ml", "OneHotEncoder") => features::one_hot(node),
        ("ai.onnx.ml", "LabelEncoder") => features::label_encoder(node),
        ("ai.onnx.ml", "CategoryMapper") => {
            features::category_mapper(node, "cats_strings", "cats_int64s")
        }
        ("ai.onnx.ml", "ArrayFeatureExtractor") => features::feature_extractor(node),
        ("ai.onnx.ml", "FeatureVectorizer") => features::feature_vectorizer(node),
        ("ai.onnx.ml", "ZipMap") => features::zip_map(node),
        ("ai.onnx.ml", "DictVectorizer") => features::dict_vectorizer(node),
        ("", "StringNormalizer") => text::normalizer(node),
        ("", "TfIdfVectorizer") => text::tf_idf(node),
        ("", "StringConcat") => text::concat(node),
        ("com.microsoft", "CDist") => matrix::distances(node),
        ("", "Identity" | "Dropout") => shape::identity(node),
        ("", "Constant") => shape::constant(node),
        ("", "ConstantOfShape") => shape::constant_of_shape(node),
        ("", "Shape") => shape::shape(node),
        ("", "Reshape") => shape::reshape(node),
        ("", "Flatten") => shape::flatten(node),
        ("", "Squeeze") => shape::squeeze(node),
        ("", "Unsqueeze") => shape::unsqueeze(node),
        ("", "Transpose") => shape::transpose(node),
        ("", "Concat") => shape::concat(node),
        ("", "Gather") => shape::gather(node),
        ("", "Slice") => shape::slice(node),
        ("", "Split") => shape::split(node),
        ("", "SequenceConstruct") => shape::sequence(node),
        ("", "GatherElements") => shape::gather_elements(node),
        ("", "Cast") => elementwise::cast(node),
        ("", "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum") => {
            elementwise::arithmetic(node)
        }
        ("", "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual") => {
            elementwise::comparison(node)
        }
        ("", "And" | "Or" | "Xor") => elementwise::logic(node),
        ("", "Where") => elementwise::choose(node),
        (
            "",
            "Abs" | "Neg" | "Sqrt" | "Exp" | "Log" | "Sigmoid" | "Tanh" | "Relu" | "Floor" | "Ceil"
            | "Round" | "Sign" | "Reciprocal" | "Not" | "IsNaN",
        ) => elementwise::unary(node),
        ("", "Clip") => elementwise::clip(node),
        ("", "Softmax") => reduce::softmax_operator(node),
        ("", "MatMul" | "Gemm") => matrix::matmul(node),
        (
            "",
            "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceSumSquare"
            | "ReduceProd" | "ReduceLogSumExp" | "ReduceL1" | "ReduceL2" | "ArgMax" | "ArgMin",
        ) => reduce::reduce(node),
        ("", "CumSum") => reduce::cumulative_sum(node),
        ("", "LpNormalization") => reduce::lp_normalization(node),
        ("", "TopK") => reduce::top_k(node),
        (domain, operator) => {
            let domain = if domain.is_empty() { "ai.onnx" } else { domain };
            Err(Error::unsupported(format!(
                "the operator {operator} of {domain} is none that compiles into a stage"
            )))
        }
    }
}
