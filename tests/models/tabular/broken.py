"""Makes models that must be refused, each with a part of the message that refuses it.

    pip install -r requirements.txt && python broken.py
"""

import pathlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "broken"
FLOAT = TensorProto.FLOAT


def save(name, message, node, initializers=(), element=FLOAT, more=()):
    info = helper.make_tensor_value_info
    graph = helper.make_graph([node, *more], "broken", [info("x", element, [None, 2])], [info("y", FLOAT, [None, 1])], initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    (FOLDER / f"{name}.txt").write_text(message + "\n")


def trees(**changed):
    attributes = dict(
        n_targets=1, nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0], nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0],
    )
    return helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], name="trees", domain="ai.onnx.ml", **(attributes | changed))


save("child_out_of_range", "node TreeEnsembleRegressor (`trees`): `nodes_truenodeids` names node 9 of tree 0", trees(nodes_truenodeids=[9, 0, 0]))
save("own_child", "some nodes of the trees are reached from no root", trees(nodes_truenodeids=[0, 0, 0]))
save("cycle", "the tree has a cycle", trees(nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], nodes_truenodeids=[1, 1, 0], nodes_falsenodeids=[2, 2, 0]))
save("two_roots", "tree 0 has two roots", trees(nodes_modes=["LEAF", "LEAF", "LEAF"]))
save("short_column", "`nodes_values` has 2 entries instead of 3", trees(nodes_values=[0.5, 0.0]))
save("negative_feature", "an entry of `nodes_featureids` is -1", trees(nodes_featureids=[-1, 0, 0]))
save("far_feature", "the trees test feature number 7, and the input has 2 columns", trees(nodes_featureids=[7, 0, 0]))
save("many_targets", "`n_targets` is 1000000000000, and there are 2 weights", trees(n_targets=10**12))
save("target_out_of_range", "`target_ids` names number 3 of 1", trees(target_ids=[0, 3]))
save("unknown_mode", "`nodes_modes` has `BRANCH_XY`", trees(nodes_modes=["BRANCH_XY", "LEAF", "LEAF"]))
save("unknown_operator", "the operator Conv of ai.onnx is none that compiles into a stage", helper.make_node("Conv", ["x", "x"], ["y"]))
save("mixed_rows", "computes over several rows at once", helper.make_node("ReduceSum", ["x"], ["y"], keepdims=1))
save("huge_shape", "are too large", helper.make_node("Reshape", ["x", "shape"], ["y"]),
     [numpy_helper.from_array(np.array([1 << 40, 1 << 40]), "shape")])
save("undefined_value", "takes `z`, which nothing before it makes", helper.make_node("Add", ["x", "z"], ["y"]))
tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
tensor.dims[0] = 1 << 50
save("short_tensor", "has 4 elements, which is not what its dimensions say", helper.make_node("Add", ["x", "w"], ["y"]), [tensor])


def grams(**changed):
    attributes = dict(mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0, ngram_counts=[0, 2],
                      ngram_indexes=[0, 1, 2], pool_int64s=[1, 2, 1, 2])
    return helper.make_node("TfIdfVectorizer", ["x"], ["y"], name="grams", **(attributes | changed))


def save_grams(name, message, **changed):
    save(name, "node TfIdfVectorizer (`grams`): " + message, grams(**changed), element=TensorProto.INT64)


save_grams("grams_far_column", "`ngram_indexes` names column 1099511627776", ngram_indexes=[0, 1, 1 << 40])
save_grams("grams_negative_column", "an entry of `ngram_indexes` is -1", ngram_indexes=[0, 1, -1])
save_grams("grams_few_columns", "`ngram_indexes` has fewer entries than n-grams", ngram_indexes=[0, 1])
save_grams("grams_outside_of_the_pool", "`ngram_counts` has 0 to 9 for 4 tokens", ngram_counts=[0, 9])
save_grams("grams_half", "3 tokens make no n-grams of 2", ngram_counts=[0, 1])
save_grams("grams_twice", "an n-gram is in the pool twice", pool_int64s=[1, 1, 1, 2])
save_grams("grams_long", "n-grams of 1 to 4611686018427387904 tokens, and `ngram_counts` of 2", max_gram_length=1 << 62)
save_grams("grams_far_apart", "`max_skip_count` is 4611686018427387904, and 1024 at most", max_skip_count=1 << 62)
save_grams("grams_weights", "1 weights for 3 n-grams", weights=[1.0])


def tokens(output="y", **attributes):
    return helper.make_node("Tokenizer", ["x"], [output], name="tokens", domain="com.microsoft", mincharnum=1, pad_value="#", mark=0, **attributes)


TEXT = TensorProto.STRING
save("tokens_as_output", "the output `y` has no column of its own for each row", tokens(tokenexp="[a-z]+"), element=TEXT)
save("tokens_elsewhere", "takes tokens, which TfIdfVectorizer alone does", tokens("t", tokenexp="[a-z]+"), element=TEXT,
     more=[helper.make_node("Concat", ["t", "t"], ["y"], axis=1)])
save("tokens_by_choice", "alternatives and repeated groups are not supported", tokens(tokenexp="a|ab"), element=TEXT)
save("tokens_by_nothing", "`tokenexp` is `[a`: a character class is not closed", tokens(tokenexp="[a"), element=TEXT)
save("tokens_huge_pattern", "`tokenexp` is `", tokens(tokenexp="[a-z]{1000}" * 1000), element=TEXT)
save("turkish", "the locale `tr_TR` has other letters", helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER", locale="tr_TR"), element=TEXT)
body = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "body", [], [])
save("other_scan", "that of distances to constant rows alone does", helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1))
save("if", "the operator If of ai.onnx is none that compiles into a stage", helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body))
save("uneven_split", "can't split 2 columns into 1 parts of [5]", helper.make_node("Split", ["x", "sizes"], ["y"], axis=1),
     [numpy_helper.from_array(np.array([5]), "sizes")])
