//! `explain` of the contract: the rules of a component, and why one row came out as it did.

use rulestage_pipeline::runtime::{
    Explanation, Expression, FiredRules, Outline, Reasons, Role, RuleOutline, Stops, Verdict,
};
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Func, Instance, InstancePre, Lift, Lower, ResourceAny,
};
use wasmtime::{Result, Store};

use crate::bindings::rules::exports::rulestage::stage::explain as wit;
use crate::bindings::rules::exports::rulestage::stage::stage::{ArrayParam, StageError};
use crate::convert::value;
use crate::inspect::EXPLAIN;
use crate::store::Host;

/// Where the functions of `explain` are. Generated bindings want all of them; older components have only two.
pub(crate) struct Indices {
    describe_rules: ComponentExportIndex,
    explain_row: ComponentExportIndex,
    process_with_reasons: Option<ComponentExportIndex>,
}

/// The functions of `explain` in an instance.
pub(crate) struct Guest {
    describe_rules: Func,
    explain_row: Func,
    process_with_reasons: Option<Func>,
}

type Batch<'a> = (ResourceAny, u32, &'a [ArrayParam<'a>]);
type BatchRow<'a> = (ResourceAny, u32, &'a [ArrayParam<'a>], u32);
type Answer<T> = (std::result::Result<T, StageError>,);

impl Indices {
    /// `None` for components that don't explain.
    pub(crate) fn new(instance: &InstancePre<Host>) -> Option<Self> {
        let component = instance.component();
        let interface = component.get_export_index(None, EXPLAIN)?;
        let function = |name| component.get_export_index(Some(&interface), name);
        Some(Self {
            describe_rules: function("describe-rules")?,
            explain_row: function("explain-row")?,
            process_with_reasons: function("process-with-reasons"),
        })
    }

    /// Whether it can say which rules fired in a batch.
    pub(crate) fn gives_reasons(&self) -> bool {
        self.process_with_reasons.is_some()
    }

    /// The functions, once their types are known to be those of the contract.
    pub(crate) fn load(&self, store: &mut Store<Host>, instance: &Instance) -> Result<Guest> {
        let mut find = |index| {
            let function = instance.get_func(&mut *store, index);
            function.ok_or_else(|| wasmtime::format_err!("a function of `{EXPLAIN}` is missing"))
        };
        let guest = Guest {
            describe_rules: find(&self.describe_rules)?,
            explain_row: find(&self.explain_row)?,
            process_with_reasons: self.process_with_reasons.as_ref().map(find).transpose()?,
        };
        guest.describe_rules.typed::<(), (wit::Outline,)>(&*store)?;
        guest
            .explain_row
            .typed::<BatchRow<'_>, Answer<wit::Explanation>>(&*store)?;
        if let Some(function) = &guest.process_with_reasons {
            function.typed::<Batch<'_>, Answer<wit::ExplainedOutcome>>(&*store)?;
        }
        Ok(guest)
    }
}

impl Guest {
    pub(crate) fn describe_rules(&self, store: &mut Store<Host>) -> Result<wit::Outline> {
        call(&self.describe_rules, store, ())
    }

    pub(crate) fn explain_row(
        &self,
        store: &mut Store<Host>,
        session: ResourceAny,
        rows: u32,
        columns: &[ArrayParam<'_>],
        row: u32,
    ) -> Result<std::result::Result<wit::Explanation, StageError>> {
        call(&self.explain_row, store, (session, rows, columns, row))
    }

    /// `None` where [`Indices::gives_reasons`] is false.
    pub(crate) fn process_with_reasons(
        &self,
        store: &mut Store<Host>,
        session: ResourceAny,
        rows: u32,
        columns: &[ArrayParam<'_>],
    ) -> Option<Result<std::result::Result<wit::ExplainedOutcome, StageError>>> {
        let function = self.process_with_reasons.as_ref()?;
        Some(call(function, store, (session, rows, columns)))
    }
}

/// Types are checked again, which is little beside a batch.
fn call<P, R>(function: &Func, store: &mut Store<Host>, parameters: P) -> Result<R>
where
    P: ComponentNamedList + Lower,
    R: 'static,
    (R,): ComponentNamedList + Lift,
{
    let (result,) = function
        .typed::<P, (R,)>(&*store)?
        .call(store, parameters)?;
    Ok(result)
}

pub(crate) fn outline(outline: wit::Outline) -> Outline {
    let rule = |rule: wit::Rule| RuleOutline {
        name: rule.name,
        priority: rule.priority,
        doc: rule.doc,
    };
    let expression = |expression: wit::Expression| Expression {
        rule: expression.rule,
        role: match expression.role {
            wit::Role::Condition(operand) => Role::Condition(operand),
            wit::Role::ThenOutput(output) => Role::ThenOutput(output),
            wit::Role::ElseOutput(output) => Role::ElseOutput(output),
            wit::Role::Definition => Role::Definition,
        },
        depth: expression.depth,
        text: expression.text,
        offset: expression.offset,
    };
    Outline {
        rules: outline.rules.into_iter().map(rule).collect(),
        expressions: outline.expressions.into_iter().map(expression).collect(),
        outputs: outline.outputs,
    }
}

/// As the stage gave them.
pub(crate) fn reasons(fired: wit::FiredRules, stops: wit::Stops) -> Reasons {
    Reasons {
        fired: FiredRules {
            offsets: fired.offsets,
            rules: fired.rules,
        },
        stops: Stops {
            rules: stops.rules,
            operands: stops.operands,
        },
    }
}

pub(crate) fn explanation(explanation: wit::Explanation) -> Explanation {
    let verdict = |verdict| match verdict {
        wit::Verdict::Fired => Verdict::Fired,
        wit::Verdict::NotFired => Verdict::NotFired,
        wit::Verdict::Failed => Verdict::Failed,
    };
    Explanation {
        verdicts: explanation.verdicts.into_iter().map(verdict).collect(),
        values: explanation.values.into_iter().map(value).collect(),
    }
}
