//! Everything there is to say about a rule set: of the compiler, the analysis, and the invariants.

use crate::failure::{OrFail, Result, Status};
use crate::host::{self, Host};
use crate::render::diagnostics::has_errors;
use rulestage_diagnostics::Diagnostic;
use rulestage_rule_analysis::{Effort, analyse};
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_rule_compiler::{check, compile};
use rulestage_rule_tests::{invariant_findings, run_invariants};

/// Finds out about one source after the other; the host starts with the first one that has invariants.
#[derive(Default)]
pub(crate) struct Examiner {
    host: Option<Host>,
}

impl Examiner {
    /// What the compiler says of a source and, where it compiles, what is odd about it and whether its invariants hold.
    pub(crate) fn examine(&mut self, name: &str, source: &str) -> Result<Vec<Diagnostic>> {
        let checked = check(source);
        let mut found = checked.diagnostics;
        let Some(ruleset) = checked.ruleset.filter(|_| !has_errors(&found)) else {
            return Ok(found);
        };
        found.extend(analyse(&ruleset, source, Effort::THOROUGH));
        found.extend(self.invariants(name, source, &ruleset)?);
        Ok(found)
    }

    fn invariants(
        &mut self,
        name: &str,
        source: &str,
        ruleset: &RuleSet,
    ) -> Result<Vec<Diagnostic>> {
        // Components are for rule sets with invariants alone.
        if ruleset.invariants.is_empty() {
            return Ok(Vec::new());
        }
        let Some(artifact) = compile(source).artifact else {
            return Ok(Vec::new());
        };
        let host = match &mut self.host {
            Some(host) => host,
            none => none.insert(host::start(false)?),
        };
        let component = host::load(host, name, &artifact.component)?;
        let reports = run_invariants(host, &component, ruleset, source, host::LIMITS, || true)
            .or_fail(Status::Component, || "can't run the invariants".into())?;
        Ok(invariant_findings(ruleset, &reports))
    }
}
