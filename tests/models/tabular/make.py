"""Makes tabular models with sklearn, LightGBM and XGBoost and by hand, and ONNX Runtime's answers over some rows.

    pip install -r requirements.txt && python make.py && python pipelines.py

Each NAME.onnx has a NAME.json: the columns that go in, and the columns that ONNX Runtime gives, in the order of the
model's outputs. null is NaN. The data is random; nothing here comes from elsewhere.
"""

import warnings

import lightgbm
import numpy as np
import onnx
import pandas
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn import discriminant_analysis, ensemble, impute, linear_model, naive_bayes, neural_network, pipeline
from sklearn import preprocessing, svm, tree

from reference import attempt, hand, info, ml, report

warnings.filterwarnings("ignore")
RNG = np.random.default_rng(20261121)
ROWS = 40


X = RNG.normal(size=(300, 5)).astype(np.float32)
TWO = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.int64)
THREE = np.digitize(X[:, 0] + 0.5 * X[:, 1], [-0.5, 0.6]).astype(np.int64)
NAMES = np.array(["low", "middle", "high"])[THREE]
NUMBER = (X[:, 0] * 3 + np.sin(X[:, 1] * 2)).astype(np.float32)
PAIR = np.c_[NUMBER, X[:, 2] - X[:, 3]]
TEST = RNG.normal(size=(ROWS, 5)).astype(np.float32)
GAPS = TEST.copy()
GAPS[RNG.random(GAPS.shape) < 0.25] = np.nan
GAPPY = X.copy()
GAPPY[RNG.random(GAPPY.shape) < 0.25] = np.nan


def sklearn(estimator, target, zipmap=False, train=X, test=TEST, dtype=FloatTensorType):
    def make():
        fitted = estimator.fit(train, target) if target is not None else estimator.fit(train)
        options = {} if not hasattr(fitted, "predict_proba") and not hasattr(fitted, "decision_function") else {id(fitted): {"zipmap": zipmap}}
        if isinstance(fitted, ensemble.IsolationForest) or getattr(fitted, "kernel", "") and isinstance(fitted, (svm.OneClassSVM,)):
            options = None
        model = to_onnx(fitted, initial_types=[("X", dtype([None, train.shape[1]]))], options=options or None, target_opset={"": 15, "ai.onnx.ml": 3})
        return model, {"X": test}
    return make


def lgbm(model, target, zipmap=False, train=X, test=TEST):
    def make():
        fitted = model.fit(train, target)
        return convert_lightgbm(fitted, initial_types=[("X", MlFloat([None, train.shape[1]]))], zipmap=zipmap, target_opset=15), {"X": test}
    return make


def xgb(model, target, train=X, test=TEST):
    def make():
        fitted = model.fit(train, target)
        return convert_xgboost(fitted, initial_types=[("X", MlFloat([None, train.shape[1]]))], target_opset=15), {"X": test}
    return make


SMALL = {"n_estimators": 8, "max_depth": 4, "random_state": 1}
LGBM = {"n_estimators": 8, "num_leaves": 7, "verbose": -1, "random_state": 1, "n_jobs": 1}
XGB = {"n_estimators": 8, "max_depth": 3, "random_state": 1, "n_jobs": 1}

attempt("lightgbm_binary", lgbm(lightgbm.LGBMClassifier(**LGBM), TWO))
attempt("lightgbm_binary_zipmap", lgbm(lightgbm.LGBMClassifier(**LGBM), TWO, zipmap=True))
attempt("lightgbm_three", lgbm(lightgbm.LGBMClassifier(**LGBM), THREE))
attempt("lightgbm_texts", lgbm(lightgbm.LGBMClassifier(**LGBM), NAMES))
attempt("lightgbm_number", lgbm(lightgbm.LGBMRegressor(**LGBM), NUMBER))
attempt("lightgbm_missing", lgbm(lightgbm.LGBMClassifier(**LGBM), TWO, train=GAPPY, test=GAPS))
attempt("lightgbm_missing_number", lgbm(lightgbm.LGBMRegressor(**LGBM), NUMBER, train=GAPPY, test=GAPS))
attempt("lightgbm_forest", lgbm(lightgbm.LGBMClassifier(**LGBM, boosting_type="rf", bagging_freq=1, bagging_fraction=0.7), TWO))
attempt("lightgbm_poisson", lgbm(lightgbm.LGBMRegressor(**LGBM, objective="poisson"), np.abs(NUMBER)))
attempt("xgboost_binary", xgb(xgboost.XGBClassifier(**XGB), TWO))
attempt("xgboost_three", xgb(xgboost.XGBClassifier(**XGB), THREE))
attempt("xgboost_number", xgb(xgboost.XGBRegressor(**XGB), NUMBER))
attempt("xgboost_missing", xgb(xgboost.XGBClassifier(**XGB), TWO, train=GAPPY, test=GAPS))
attempt("xgboost_poisson", xgb(xgboost.XGBRegressor(**XGB, objective="count:poisson"), np.abs(NUMBER)))
attempt("xgboost_base_score", xgb(xgboost.XGBClassifier(**XGB, base_score=0.3), TWO))
attempt("tree_binary", sklearn(tree.DecisionTreeClassifier(max_depth=4, random_state=1), TWO))
attempt("tree_texts_zipmap", sklearn(tree.DecisionTreeClassifier(max_depth=4, random_state=1), NAMES, zipmap=True))
attempt("tree_number", sklearn(tree.DecisionTreeRegressor(max_depth=4, random_state=1), NUMBER))
attempt("forest_binary", sklearn(ensemble.RandomForestClassifier(**SMALL), TWO))
attempt("forest_three", sklearn(ensemble.RandomForestClassifier(**SMALL), THREE, zipmap=True))
attempt("forest_number", sklearn(ensemble.RandomForestRegressor(**SMALL), NUMBER))
attempt("forest_pair", sklearn(ensemble.RandomForestRegressor(**SMALL), PAIR))
attempt("extra_trees", sklearn(ensemble.ExtraTreesClassifier(**SMALL), NAMES))
attempt("boosting_binary", sklearn(ensemble.GradientBoostingClassifier(**SMALL), TWO))
attempt("boosting_three", sklearn(ensemble.GradientBoostingClassifier(**SMALL), THREE))
attempt("boosting_number", sklearn(ensemble.GradientBoostingRegressor(**SMALL), NUMBER))
attempt("histogram_binary", sklearn(ensemble.HistGradientBoostingClassifier(max_iter=8, max_depth=3), TWO))
attempt("adaboost", sklearn(ensemble.AdaBoostClassifier(n_estimators=5, random_state=1), TWO))
attempt("logistic_binary", sklearn(linear_model.LogisticRegression(), TWO))
attempt("logistic_three", sklearn(linear_model.LogisticRegression(), NAMES, zipmap=True))
attempt("sgd", sklearn(linear_model.SGDClassifier(loss="log_loss", random_state=1), TWO))
attempt("linear_number", sklearn(linear_model.LinearRegression(), NUMBER))
attempt("linear_pair", sklearn(linear_model.LinearRegression(), PAIR))
attempt("ridge_integers", sklearn(linear_model.Ridge(), NUMBER, train=(X * 5).astype(np.int64), test=(TEST * 5).astype(np.int64), dtype=Int64TensorType))
attempt("svc_binary", sklearn(svm.SVC(probability=True, random_state=1), TWO))
attempt("svc_three", sklearn(svm.SVC(probability=True, random_state=1), THREE))
attempt("svc_scores", sklearn(svm.SVC(kernel="poly"), TWO))
attempt("svc_pairs", sklearn(svm.SVC(kernel="sigmoid"), NAMES))
attempt("linear_svc", sklearn(svm.LinearSVC(), TWO))
attempt("svr", sklearn(svm.SVR(), NUMBER))
attempt("svr_linear", sklearn(svm.SVR(kernel="linear"), NUMBER))
attempt("bayes", sklearn(naive_bayes.GaussianNB(), THREE))
attempt("discriminant", sklearn(discriminant_analysis.LinearDiscriminantAnalysis(), THREE))
attempt("perceptron", sklearn(neural_network.MLPClassifier((4,), max_iter=50, random_state=1), TWO))
for norm in ["l1", "l2", "max"]:
    attempt(f"normalizer_{norm}", sklearn(preprocessing.Normalizer(norm=norm), None))
attempt("scaler", sklearn(preprocessing.StandardScaler(), None))
attempt("min_max", sklearn(preprocessing.MinMaxScaler(), None))
attempt("robust", sklearn(preprocessing.RobustScaler(), None))
attempt("imputer", sklearn(impute.SimpleImputer(), None, train=GAPPY, test=GAPS))
attempt("binarizer", sklearn(preprocessing.Binarizer(threshold=0.3), None))
attempt("polynomial", sklearn(preprocessing.PolynomialFeatures(2), None))
attempt("scaled_logistic", sklearn(pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()), TWO))

# Named columns of several types, with text categories that were not seen in training.
COLOURS, CITIES = np.array(["red", "green", "blue"]), np.array(["Brno", "Olomouc", "Zlín"])
def frame(n, extra=()):
    return pandas.DataFrame({
        "age": RNG.integers(18, 80, n).astype(np.int64),
        "income": np.where(RNG.random(n) < 0.2, np.nan, RNG.normal(30, 9, n)).astype(np.float32),
        "colour": RNG.choice([*COLOURS, *extra], n),
        "city": RNG.choice([*CITIES, *extra], n),
    })
TRAIN, PEOPLE = frame(300), frame(ROWS, ["Praha"])
BUYS = ((TRAIN.age > 40) ^ (TRAIN.colour == "red")).astype(np.int64)
def mixed(last, target, encoder=None, zipmap=True):
    def make():
        encoder_ = encoder or preprocessing.OneHotEncoder(handle_unknown="ignore")
        parts = ColumnTransformer([
            ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ["income"]),
            ("age", preprocessing.StandardScaler(), ["age"]),
            ("texts", encoder_, ["colour", "city"]),
        ])
        fitted = pipeline.Pipeline([("columns", parts), ("last", last)]).fit(TRAIN, target)
        types = [("age", Int64TensorType([None, 1])), ("income", FloatTensorType([None, 1])),
                 ("colour", StringTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
        options = {id(last): {"zipmap": zipmap}} if hasattr(last, "predict_proba") else None
        model = to_onnx(fitted, initial_types=types, options=options, target_opset={"": 15, "ai.onnx.ml": 3})
        feeds = {name: PEOPLE[name].to_numpy().reshape(-1, 1) for name, _ in types}
        feeds = {k: v.astype(object) if v.dtype.kind in "OUT" else v for k, v in feeds.items()}
        return model, feeds
    return make
attempt("mixed_logistic", mixed(linear_model.LogisticRegression(), BUYS))
attempt("mixed_forest", mixed(ensemble.RandomForestClassifier(**SMALL), np.where(BUYS, "yes", "no"), zipmap=False))
attempt("mixed_number", mixed(ensemble.GradientBoostingRegressor(**SMALL), TRAIN.age * 0.5))
attempt("mixed_ordinal", mixed(ensemble.RandomForestClassifier(**SMALL), BUYS, preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)))


# By hand: what the converters do not write.
FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
NUMBERS = np.array([[-1], [0], [0.5], [1], [2], [np.nan]] * 3, np.float32)
for mode in ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]:
    for tracks in [0, 1]:
        attempt(f"mode_{mode.lower()}_{tracks}", lambda: (hand([ml(
            "TreeEnsembleRegressor", ["x"], ["y"], n_targets=1, nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2],
            nodes_featureids=[0, 0, 0], nodes_modes=[f"BRANCH_{mode}", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0],
            nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], nodes_missing_value_tracks_true=[tracks, 0, 0],
            target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[10.0, 20.0],
        )], [info("x", FLOAT, None, 1)], [info("y", FLOAT, None, 1)]), {"x": NUMBERS}))


def two_trees(op, **attributes):
    return ml(op, ["x"], ["y"], nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2] * 2, nodes_featureids=[0] * 3 + [1] * 3,
              nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * 2, nodes_values=[0.1, 0, 0, -0.2, 0, 0],
              nodes_truenodeids=[1, 0, 0] * 2, nodes_falsenodeids=[2, 0, 0] * 2, **attributes)


for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"]:
    attempt(f"aggregate_{aggregate.lower()}", lambda: (hand([two_trees(
        "TreeEnsembleRegressor", n_targets=2, aggregate_function=aggregate, base_values=[1.0, -1.0], target_treeids=[0, 0, 1, 1, 1, 1],
        target_nodeids=[1, 2, 1, 2, 2, 1], target_ids=[0, 0, 0, 1, 0, 1], target_weights=[1.0, 2.0, -3.0, 4.0, 0.5, 2.5],
    )], [info("x", FLOAT, None, 5)], [info("y", FLOAT, None, 2)]), {"x": TEST}))
for transform in ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]:
    for kind, weights in [("positive", [0.1, 0.3, 0.2, 0.4]), ("mixed", [-0.3, 0.3, 0.2, 0.4])]:
        node = two_trees("TreeEnsembleClassifier", classlabels_int64s=[0, 1], post_transform=transform, class_treeids=[0, 0, 1, 1],
                         class_nodeids=[1, 2, 1, 2], class_ids=[0, 0, 0, 0], class_weights=weights)
        node.output[:] = ["label", "scores"]
        if transform == "PROBIT":  # undefined: ONNX Runtime fills one of the two scores
            continue
        attempt(f"binary_{transform.lower()}_{kind}", lambda: (hand([node], [info("x", FLOAT, None, 5)],
                [info("label", INT, None), info("scores", FLOAT, None, 2)]), {"x": TEST}))
    node = two_trees("TreeEnsembleClassifier", classlabels_strings=["a", "b", "c"], post_transform=transform, class_treeids=[0, 0, 1, 1],
                     class_nodeids=[1, 2, 1, 2], class_ids=[0, 1, 2, 0], class_weights=[0.1, 0.3, 0.2, 0.4])
    node.output[:] = ["label", "scores"]
    if transform != "PROBIT":
        attempt(f"classes_{transform.lower()}", lambda: (hand([node], [info("x", FLOAT, None, 5)],
                [info("label", TEXT, None), info("scores", FLOAT, None, 3)]), {"x": TEST}))
attempt("doubles", lambda: (hand([ml(
    "TreeEnsembleRegressor", ["x"], ["y"], n_targets=1, nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0],
    nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values_as_tensor=numpy_helper.from_array(np.array([0.1, 0, 0])),
    nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0],
    target_weights_as_tensor=numpy_helper.from_array(np.array([10.0, 20.0])),
)], [info("x", TensorProto.DOUBLE, None, 1)], [info("y", FLOAT, None, 1)]),
    {"x": np.array([[0.1], [np.float64(np.float32(0.1))], [0.1 + 1e-12], [0.09]])}))
attempt("tree_ensemble_5", lambda: (hand([ml(
    "TreeEnsemble", ["x"], ["y"], n_targets=2, aggregate_function=1, post_transform=0, tree_roots=[0, 2],
    nodes_featureids=[0, 0, 1], nodes_modes=numpy_helper.from_array(np.array([0, 6, 4], np.uint8)),
    nodes_splits=numpy_helper.from_array(np.array([0.6, 0, 1], np.float32)), nodes_truenodeids=[1, 0, 3], nodes_trueleafs=[0, 1, 1],
    nodes_falsenodeids=[2, 1, 4], nodes_falseleafs=[1, 1, 1], membership_values=numpy_helper.from_array(np.array([1, 2, np.nan], np.float32)),
    leaf_targetids=[0, 1, 0, 1, 0], leaf_weights=numpy_helper.from_array(np.array([1, 2, 3, 4, 5], np.float32)),
)], [info("x", FLOAT, None, 2)], [info("y", FLOAT, None, 2)], ml=5), {"x": np.c_[NUMBERS, NUMBERS[::-1]]}))
for name, attributes, data, out in [
    ("2_texts", {"keys_strings": ["a", "b"], "values_int64s": [5, 6], "default_int64": 9}, np.array([["a"], ["b"], ["z"]], object), INT),
    ("2_ints", {"keys_int64s": [1, 2], "values_strings": ["one", "two"], "default_string": "many"}, np.array([[1], [2], [3]]), TEXT),
    ("2_floats", {"keys_floats": [0.5, float("nan")], "values_floats": [1.5, 2.5], "default_float": -1.0}, np.array([[0.5], [np.nan], [1]], np.float32), FLOAT),
    ("4_tensors", {"keys_tensor": numpy_helper.from_array(np.array([1, 2])), "values_tensor": numpy_helper.from_array(np.array([0.5, 0.25])),
                   "default_tensor": numpy_helper.from_array(np.array([7.0]))}, np.array([[1], [2], [3]]), TensorProto.DOUBLE),
]:
    kind = TEXT if data.dtype == object else helper.np_dtype_to_tensor_dtype(data.dtype)
    attempt(f"label_encoder_{name}", lambda: (hand([ml("LabelEncoder", ["x"], ["y"], **attributes)], [info("x", kind, None, 1)],
            [info("y", out, None, 1)], ml=int(name[0])), {"x": data}))
attempt("label_encoder_1", lambda: (hand([ml("LabelEncoder", ["x"], ["y"], classes_strings=["a", "b"], default_int64=7)],
        [info("x", TEXT, None, 1)], [info("y", INT, None, 1)], ml=1), {"x": np.array([["b"], ["a"], ["z"]], object)}))
attempt("category_mapper", lambda: (hand([ml("CategoryMapper", ["x"], ["y"], cats_strings=["a", "b"], cats_int64s=[3, 4])],
        [info("x", TEXT, None, 1)], [info("y", INT, None, 1)]), {"x": np.array([["b"], ["a"], ["z"]], object)}))
attempt("one_hot_ints", lambda: (hand([ml("OneHotEncoder", ["x"], ["y"], cats_int64s=[3, 1, 2])],
        [info("x", INT, None, 1)], [info("y", FLOAT, None, 1, 3)]), {"x": np.array([[1], [3], [9]])}))
attempt("vectorizer", lambda: (hand([ml("FeatureVectorizer", ["a", "b"], ["y"], inputdimensions=[1, 2])],
        [info("a", FLOAT, None, 1), info("b", FLOAT, None, 2)], [info("y", FLOAT, None, 3)]), {"a": TEST[:, :1], "b": TEST[:, 1:3]}))
attempt("extractor", lambda: (hand([ml("ArrayFeatureExtractor", ["x", "which"], ["y"])], [info("x", FLOAT, None, 5)],
        [info("y", FLOAT, None, 2)], [numpy_helper.from_array(np.array([4, 1]), "which")]), {"x": TEST}))
attempt("imputer_ints", lambda: (hand([ml("Imputer", ["x"], ["y"], imputed_value_int64s=[7], replaced_value_int64=-1)],
        [info("x", INT, None, 1)], [info("y", INT, None, 1)]), {"x": np.array([[-1], [3]])}))
for transform in ["NONE", "LOGISTIC"]:
    attempt(f"one_score_{transform.lower()}", lambda: (hand([ml("LinearClassifier", ["x"], ["label", "scores"], coefficients=[1.0, -1, 0.5, 0, 2],
            intercepts=[0.1], classlabels_strings=["no", "yes"], post_transform=transform)], [info("x", FLOAT, None, 5)],
            [info("label", TEXT, None), info("scores", FLOAT, None, 2)]), {"x": TEST}))

report()
