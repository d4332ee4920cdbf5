//! One module for each subcommand; each has one function that reads as a summary of it.

pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod compose;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod lsp;
pub(crate) mod model;
pub(crate) mod run;
pub(crate) mod test;
