//! The core module's side of world `rules`: what it exports. It imports nothing; all parameters and results are `i32`.
//!
//! A component without explanations is one of a world that exports `stage` alone, and its module lacks the functions of
//! `explain`, which come last.

/// A function that the core module exports.
#[derive(Clone, Copy)]
pub struct Export {
    /// The name, which only the component around the module sees
    pub name: &'static str,
    /// How many parameters it has
    pub n_params: usize,
    /// How many results
    pub n_results: usize,
    /// The function of the contract that it is; empty for what serves the canonical ABI
    pub wit_name: &'static str,
    /// Whether what it returns is released by a call of [`RELEASE`]
    pub releases: bool,
}

const fn export(name: &'static str, n_params: usize, n_results: usize) -> Export {
    Export {
        name,
        n_params,
        n_results,
        wit_name: "",
        releases: false,
    }
}

const fn of_contract(
    name: &'static str,
    wit_name: &'static str,
    n_params: usize,
    releases: bool,
) -> Export {
    Export {
        name,
        n_params,
        n_results: 1,
        wit_name,
        releases,
    }
}

/// The name of the function that allocates what the host passes.
pub const REALLOC: &str = "realloc";
/// The name of the function that takes back what a call allocated.
pub const RELEASE: &str = "release";
/// The name of the function that frees a session.
pub const CLOSE: &str = "close";
/// The name of the function that opens a session. Where it returns `ok`, the word behind is the session itself, not a
/// handle of it.
pub const OPEN: &str = "open";

/// The exported functions, in the order of their indices.
pub const EXPORTS: [Export; 10] = [
    export(REALLOC, 4, 1),
    export(RELEASE, 1, 0),
    export(CLOSE, 1, 0),
    of_contract("describe", "describe", 0, false),
    of_contract(OPEN, "[static]session.open", 2, true),
    of_contract("schema", "[method]session.schema", 1, false),
    of_contract("process", "[method]session.process", 4, true),
    of_contract("describe-rules", "describe-rules", 0, true),
    of_contract("explain-row", "explain-row", 5, true),
    of_contract("process-with-reasons", "process-with-reasons", 4, true),
];

/// How many exports are those of `explain`, the last ones.
pub const N_OF_EXPLAIN: usize = 3;

/// The exported functions of a component that `explains`, or of one that doesn't.
pub fn exports(explains: bool) -> &'static [Export] {
    let n = if explains { 0 } else { N_OF_EXPLAIN };
    &EXPORTS[..EXPORTS.len() - n]
}
