//! The core module's side of world `rules`: what it imports and exports. All parameters and results are `i32`.
//!
//! A component without explanations is one of a world that exports `stage` alone, and the module has the functions of
//! `explain` only in name.

/// Module, name, number of parameters and of results of the one import.
pub(crate) const IMPORT: (&str, &str, usize, usize) = (
    "[export]rulestage:stage/stage@0.1.0",
    "[resource-new]session",
    1,
    1,
);

/// Name, number of parameters and of results of each exported function, in the order of their indices.
pub(crate) const EXPORTS: [(&str, usize, usize); 13] = [
    ("cabi_realloc", 4, 1),
    ("rulestage:stage/stage@0.1.0#describe", 0, 1),
    ("rulestage:stage/stage@0.1.0#[static]session.open", 2, 1),
    (
        "cabi_post_rulestage:stage/stage@0.1.0#[static]session.open",
        1,
        0,
    ),
    ("rulestage:stage/stage@0.1.0#[method]session.schema", 1, 1),
    ("rulestage:stage/stage@0.1.0#[method]session.process", 4, 1),
    (
        "cabi_post_rulestage:stage/stage@0.1.0#[method]session.process",
        1,
        0,
    ),
    ("rulestage:stage/stage@0.1.0#[dtor]session", 1, 0),
    ("rulestage:stage/explain@0.1.0#describe-rules", 0, 1),
    ("rulestage:stage/explain@0.1.0#explain-row", 5, 1),
    ("cabi_post_rulestage:stage/explain@0.1.0#explain-row", 1, 0),
    ("rulestage:stage/explain@0.1.0#process-with-reasons", 4, 1),
    (
        "cabi_post_rulestage:stage/explain@0.1.0#process-with-reasons",
        1,
        0,
    ),
];

/// Whether an exported function is one of `explain`.
pub(crate) fn is_of_explain(name: &str) -> bool {
    name.contains("/explain@")
}
