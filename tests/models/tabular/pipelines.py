"""Makes models of sklearn pipelines with texts and of estimators that export as operators of ONNX, of CatBoost, and ONNX
Runtime's answers over some rows; `make.py` makes the others and says what the files hold.

    pip install -r requirements.txt && python pipelines.py
"""

import pathlib
import tempfile
import warnings

import catboost
import lightgbm
import numpy as np
import onnx
import onnxruntime
import pandas
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DictionaryType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import calibration, cluster, compose, decomposition, discriminant_analysis, ensemble, feature_extraction
from sklearn import feature_selection, gaussian_process, impute, linear_model, mixture, multiclass, multioutput, naive_bayes
from sklearn import neighbors, neural_network, pipeline, preprocessing, svm, tree
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import reference
from reference import attempt, hand, info, report

warnings.filterwarnings("ignore")
onnxruntime.set_default_logger_severity(3)
RNG = np.random.default_rng(20261122)
OPSET = {"": 18, "ai.onnx.ml": 3, "com.microsoft": 1}
X, TEST = RNG.normal(size=(300, 5)).astype(np.float32), RNG.normal(size=(24, 5)).astype(np.float32)
TWO = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.int64)
THREE = np.digitize(X[:, 0] + 0.5 * X[:, 1], [-0.5, 0.6]).astype(np.int64)
NUMBER = (X[:, 0] * 3 + np.sin(X[:, 1] * 2)).astype(np.float32)
PAIR = np.c_[NUMBER, X[:, 2] - X[:, 3]]
SMALL = {"n_estimators": 6, "max_depth": 3, "random_state": 1}


def sklearn(estimator, target=None, train=X, test=TEST, types=None, options=None):
    """`test` is a matrix, or a dictionary of columns by name."""
    def make():
        fitted = estimator.fit(train, target) if target is not None else estimator.fit(train)
        feeds = test if isinstance(test, dict) else {"X": test}
        kinds = {"f": FloatTensorType, "i": Int64TensorType}
        initial = types or [("X", kinds[test.dtype.kind]([None, test.shape[1]]))]
        wanted = {} if options is None else options
        if options is None and hasattr(fitted, "predict_proba"):
            wanted = {id(fitted): {"zipmap": False}}
        return to_onnx(fitted, initial_types=initial, options=wanted or None, target_opset=OPSET), feeds
    return make


# Texts. Vocabularies come from these words; the rows that are tried have some that were never seen.
WORDS = ["Good", "bad", "the", "film", "Žluťoučký", "kůň", "very", "not", "plot-twist", "42", "it's", "GOOD"]
def sentences(n, extra=()):
    return np.array([" ".join(RNG.choice([*WORDS, *extra], RNG.integers(0, 9))) for _ in range(n)], dtype=object)
TEXTS, NEW = sentences(200), sentences(24, ["unseen", "ÉTÉ", "a  b", "tail\n"])
PRAISES = np.array(["good" in text.lower() for text in TEXTS]).astype(np.int64)
COLUMN = [("text", StringTensorType([None, 1]))]
def text(vectorizer, last=None):
    """The locale is one that every machine has, where ONNX Runtime's default is not installed everywhere."""
    def make():
        steps = pipeline.make_pipeline(vectorizer, last) if last else pipeline.make_pipeline(vectorizer)
        wanted = {id(vectorizer): {"locale": "C.UTF-8"}}
        if last:
            wanted[id(last)] = {"zipmap": False}
        return sklearn(steps, PRAISES, TEXTS, {"text": NEW.reshape(-1, 1)}, COLUMN, wanted)()
    return make
attempt("text_count", text(CountVectorizer()))
attempt("text_tfidf", text(TfidfVectorizer()))
attempt("text_bigrams", text(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)))
attempt("text_bigrams_alone", text(CountVectorizer(ngram_range=(2, 2), binary=True)))
attempt("text_characters", text(CountVectorizer(analyzer="char", ngram_range=(2, 3), max_features=60)))
attempt("text_case", text(CountVectorizer(lowercase=False)))
attempt("text_pattern", text(CountVectorizer(token_pattern="[a-zA-Z]+")))
attempt("text_pattern_any", text(CountVectorizer(token_pattern="[^ ]+")))
attempt("text_stop_words", text(CountVectorizer(stop_words=["the", "very"])))
attempt("text_logistic", text(TfidfVectorizer(), linear_model.LogisticRegression()))
attempt("text_bayes", text(CountVectorizer(), naive_bayes.MultinomialNB()))
def beside_numbers():
    rows = pandas.DataFrame({"text": TEXTS, "title": TEXTS[::-1], "age": X[:200, 0]})
    words, titles = TfidfVectorizer(), CountVectorizer(ngram_range=(1, 2), max_features=20)
    last = linear_model.LogisticRegression()
    parts = compose.ColumnTransformer([("t", words, "text"), ("o", titles, "title"), ("n", preprocessing.StandardScaler(), ["age"])])
    types = [("text", StringTensorType([None, 1])), ("title", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))]
    feeds = {"text": NEW.reshape(-1, 1), "title": NEW[::-1].reshape(-1, 1).copy(), "age": TEST[:, :1].copy()}
    options = {id(last): {"zipmap": False}, TfidfVectorizer: {"locale": "C.UTF-8"}, CountVectorizer: {"locale": "C.UTF-8"}}
    return sklearn(pipeline.make_pipeline(parts, last), PRAISES, rows, feeds, types, options)()
attempt("text_and_numbers", beside_numbers)

# By hand: what these converters do not write.
FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
def grams(mode, **changed):
    attributes = dict(mode=mode, min_gram_length=1, max_gram_length=2, max_skip_count=1, ngram_counts=[0, 3],
                      ngram_indexes=[4, 1, 0, 2, 3], pool_int64s=[1, 2, 3, 1, 2, 3, 1], weights=[0.5, 2, 3, 4, 5])
    node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], **(attributes | changed))
    numbers = RNG.integers(0, 4, (24, 6))
    return lambda: (hand([node], [info("x", INT, None, 6)], [info("y", FLOAT, None, 5)]), {"x": numbers})
for mode in ["TF", "IDF", "TFIDF"]:
    attempt(f"grams_{mode.lower()}", grams(mode))
attempt("grams_skipping", grams("TF", min_gram_length=2, max_skip_count=3))
def changed_case(action, **attributes):
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action=action, locale="C.UTF-8", **attributes)
    return lambda: (hand([node], [info("x", TEXT, None)], [info("y", TEXT, None)]), {"x": np.array(["Aß", "ŽluŤ", "ÉTÉ ı", "plain", "ſΣς"], object)})
attempt("case_lower", changed_case("LOWER"))
attempt("case_upper", changed_case("UPPER"))
def tokens(texts, pool, **attributes):
    """Tokens and pairs of two of them, counted."""
    pieces = [helper.make_node("Tokenizer", ["x"], ["t"], domain="com.microsoft", mincharnum=1, pad_value="~", **attributes),
              helper.make_node("TfIdfVectorizer", ["t"], ["y"], mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0,
                               ngram_counts=[0, 3], ngram_indexes=[0, 1, 2, 3, 4], pool_strings=pool)]
    model = hand(pieces, [info("x", TEXT, None)], [info("y", FLOAT, None, 5)])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return lambda: (model, {"x": np.array(texts, object)})
attempt("characters_with_marks", tokens(["abab", "", "éa", "b\na", "a"], ["a", "é", "\x02", "\x02", "a", "a", "b"], mark=1, separators=[""]))
attempt("text_separators", tokens(["a b,c", "", ", ,", "b  c", "a,,b"], ["a", "b", "c", "a", "b", "b", "c"], mark=0, separators=[" ", ","]))
attempt("text_two_letters", tokens(["a b2 c", "bb cc", "abc", "b bb  cc"], ["bb", "cc", "ab", "ab", "c", "bb", "cc"], mark=0, tokenexp="[a-z][a-z0-9]"))
def dictionary():
    """One map a call, as ONNX Runtime takes it: each is a row here."""
    rows = [{"a": 1.0, "b": 2.0}, {"a": 3.5}, {"other": 1.0}, {"b": -1.0, "other": 2.0}]
    fitted = feature_extraction.DictVectorizer(sparse=False).fit(rows[:2])
    model = to_onnx(fitted, initial_types=[("d", DictionaryType(StringTensorType([1]), FloatTensorType([1])))], target_opset=OPSET)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = np.vstack([session.run(None, {"d": row})[0] for row in rows])
    columns = [[row.get(key) for row in rows] for key in ["a", "b"]]
    reference.keep("dictionary", model, columns, [[float(x) for x in column] for column in answers.T])
dictionary()

# Categories, bins and other features
CATEGORIES = pandas.DataFrame({"a": RNG.choice(["x", "y", "z"], 300), "b": RNG.choice(["p", "q"], 300)})
KNOWN = {name: RNG.choice(values, (24, 1)).astype(object) for name, values in {"a": ["x", "y", "z"], "b": ["p", "q"]}.items()}
GAPS = {"X": RNG.choice(["x", "y", "", "w"], (24, 2)).astype(object)}
C = [("a", StringTensorType([None, 1])), ("b", StringTensorType([None, 1]))]
PAIRS = [("X", StringTensorType([None, 2]))]
attempt("imputed_texts", sklearn(pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent", missing_values=""), preprocessing.OneHotEncoder(handle_unknown="ignore")), None, CATEGORIES.to_numpy(object), GAPS, PAIRS))
attempt("one_hot_dropped", sklearn(preprocessing.OneHotEncoder(drop="first"), None, CATEGORIES, KNOWN, C))
attempt("one_hot_infrequent", sklearn(preprocessing.OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist"), None, CATEGORIES, KNOWN, C))
attempt("target_encoder", sklearn(preprocessing.TargetEncoder(random_state=1), TWO, CATEGORIES, KNOWN, C))
for encode in ["onehot-dense", "ordinal"]:
    attempt(f"bins_{encode.split('-')[0]}", sklearn(preprocessing.KBinsDiscretizer(4, encode=encode, strategy="quantile")))
attempt("quantiles", sklearn(preprocessing.QuantileTransformer(n_quantiles=20)))
attempt("power", sklearn(preprocessing.PowerTransformer()))
attempt("components", sklearn(decomposition.PCA(3, whiten=True)))
attempt("singular_values", sklearn(decomposition.TruncatedSVD(3)))
attempt("kernel_components", sklearn(decomposition.KernelPCA(3, kernel="rbf"), None, X[:50]))
attempt("selected", sklearn(feature_selection.SelectKBest(k=2), TWO))
attempt("union", sklearn(pipeline.make_union(decomposition.PCA(2), preprocessing.StandardScaler())))

# Classifiers, regressors and others that are made of operators of ONNX
EACH = [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=1)), ("c", naive_bayes.GaussianNB())]
NUMBERS = [("a", linear_model.LinearRegression()), ("b", tree.DecisionTreeRegressor(max_depth=3, random_state=1))]
attempt("bayes_multinomial", sklearn(naive_bayes.MultinomialNB(), THREE, np.abs(X), np.abs(TEST)))
attempt("bayes_bernoulli", sklearn(naive_bayes.BernoulliNB(), THREE))
attempt("bayes_complement", sklearn(naive_bayes.ComplementNB(), THREE, np.abs(X), np.abs(TEST)))
attempt("bayes_categories", sklearn(naive_bayes.CategoricalNB(min_categories=12), TWO, np.abs(X * 2).astype(np.int64), np.abs(TEST * 2).astype(np.int64)))
attempt("perceptron_three", sklearn(neural_network.MLPClassifier((6, 4), max_iter=30, random_state=1), THREE))
attempt("perceptron_number", sklearn(neural_network.MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=30, random_state=1), NUMBER))
attempt("k_means", sklearn(cluster.KMeans(3, random_state=1, n_init=1)))
attempt("votes", sklearn(ensemble.VotingClassifier(EACH, voting="soft", flatten_transform=False), THREE))
attempt("votes_number", sklearn(ensemble.VotingRegressor(NUMBERS), NUMBER))
attempt("stacked", sklearn(ensemble.StackingClassifier(EACH), THREE))
attempt("stacked_number", sklearn(ensemble.StackingRegressor(NUMBERS), NUMBER))
attempt("calibrated", sklearn(calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(**SMALL), cv=2), TWO))
attempt("calibrated_isotonic", sklearn(calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(**SMALL), cv=2, method="isotonic"), TWO))
attempt("isolation_forest", sklearn(ensemble.IsolationForest(n_estimators=5, random_state=1)))
attempt("outliers", sklearn(neighbors.LocalOutlierFactor(novelty=True, n_neighbors=5), None, X[:60]))
attempt("one_class", sklearn(svm.OneClassSVM()))
attempt("gaussian_process", sklearn(gaussian_process.GaussianProcessRegressor(), NUMBER[:40], X[:40]))
attempt("neighbors", sklearn(neighbors.KNeighborsClassifier(3), THREE[:60], X[:60]))
attempt("neighbors_number", sklearn(neighbors.KNeighborsRegressor(3, weights="distance"), NUMBER[:60], X[:60]))
optimised = neighbors.KNeighborsClassifier(3)
attempt("neighbors_cdist", sklearn(optimised, THREE[:60], X[:60], options={id(optimised): {"zipmap": False, "optim": "cdist"}}))
attempt("adaboost_number", sklearn(ensemble.AdaBoostRegressor(n_estimators=5, random_state=1), NUMBER))
attempt("bagging", sklearn(ensemble.BaggingClassifier(n_estimators=4, random_state=1), THREE))
attempt("one_to_rest", sklearn(multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), THREE))
attempt("one_to_one", sklearn(multiclass.OneVsOneClassifier(linear_model.LogisticRegression()), THREE))
attempt("several_labels", sklearn(multioutput.MultiOutputClassifier(linear_model.LogisticRegression()), np.c_[TWO, THREE]))
attempt("several_numbers", sklearn(multioutput.MultiOutputRegressor(ensemble.GradientBoostingRegressor(**SMALL)), PAIR))
attempt("discriminant_quadratic", sklearn(discriminant_analysis.QuadraticDiscriminantAnalysis(), THREE))
attempt("mixture", sklearn(mixture.GaussianMixture(2, random_state=1), options={}))
attempt("gamma", sklearn(linear_model.GammaRegressor(), np.abs(NUMBER) + 0.1))

# Ranking, and CatBoost, which writes ONNX itself
RANKER = lightgbm.LGBMRanker(n_estimators=8, num_leaves=7, verbose=-1, n_jobs=1)
attempt("lightgbm_ranking", lambda: (convert_lightgbm(RANKER.fit(X, np.digitize(NUMBER, [-2, 0, 2]), group=np.full(30, 10)),
        initial_types=[("X", MlFloat([None, 5]))], target_opset=15), {"X": TEST}))
def cat(model, target):
    def make():
        model.fit(X, target)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "cat.onnx"
            model.save_model(str(path), format="onnx")
            return onnx.load(path), {"features": TEST}
    return make
CAT = {"iterations": 8, "depth": 3, "verbose": False, "thread_count": 1, "random_seed": 1, "allow_writing_files": False}
attempt("catboost_binary", cat(catboost.CatBoostClassifier(**CAT), TWO))
attempt("catboost_three", cat(catboost.CatBoostClassifier(**CAT), THREE))
attempt("catboost_number", cat(catboost.CatBoostRegressor(**CAT), NUMBER))
report()
