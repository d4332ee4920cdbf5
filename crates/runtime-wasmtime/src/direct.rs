//! Calls into the core module of a component, over the canonical ABI and past the component's bindings.
//!
//! Bindings are made for every interface there could be; these calls are for the contract alone, and cost a fraction. What
//! can be called so is what [`Shape`] recognises; everything else goes through [`crate::linked`]. The types of a
//! component's functions are checked by its bindings, once for each component.

mod instance;
mod shape;
mod staged;

pub(crate) use instance::{Handles, Instance, Modules, link};
pub(crate) use shape::{Shape, with_exported_modules};
pub(crate) use staged::{Plan, StagedLists, StagedRow, module as staged_module};

use crate::inspect::{EXPLAIN, STAGE};

/// The name that the core module has among the exports of what is compiled.
pub(crate) const EXPORT: &str = "rulestage-core-module";
/// The same of the module for small batches.
pub(crate) const STAGED_EXPORT: &str = "rulestage-staged-module";

const MEMORY: &str = "memory";
const REALLOC: &str = "cabi_realloc";
const RESOURCE_NEW: &str = "[resource-new]session";
const RESOURCE_REP: &str = "[resource-rep]session";

/// The functions of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Describe,
    Open,
    Schema,
    Process,
    DescribeRules,
    ExplainRow,
    ProcessWithReasons,
}

impl Function {
    const ALL: [Self; 7] = [
        Self::Describe,
        Self::Open,
        Self::Schema,
        Self::Process,
        Self::DescribeRules,
        Self::ExplainRow,
        Self::ProcessWithReasons,
    ];

    /// Interface and name.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Describe => (STAGE, "describe"),
            Self::Open => (STAGE, "[static]session.open"),
            Self::Schema => (STAGE, "[method]session.schema"),
            Self::Process => (STAGE, "[method]session.process"),
            Self::DescribeRules => (EXPLAIN, "describe-rules"),
            Self::ExplainRow => (EXPLAIN, "explain-row"),
            Self::ProcessWithReasons => (EXPLAIN, "process-with-reasons"),
        }
    }

    /// The name of the core function.
    fn core_name(self) -> String {
        let (interface, name) = self.names();
        format!("{interface}#{name}")
    }

    fn is_optional(self) -> bool {
        self.names().0 == EXPLAIN
    }
}
