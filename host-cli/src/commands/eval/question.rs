//! One expression with its variables, and what came of it.

use crate::cel_value;
use crate::failure::Failure;
use crate::host::{self, Host};
use crate::render::value::code_name;
use arrow_schema::Schema;
use rulestage_diagnostics::{Diagnostic, Severity};
use rulestage_pipeline::cells;
use rulestage_pipeline::runtime::{Outcome, Runtime, StageFailure};
use rulestage_rule_compiler::ir::{Const, ExprKind, RuleSet};
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{Artifact, check_expression, compile_expression, parse_type};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) expression: String,
    pub(super) bindings: BTreeMap<String, Const>,
    /// Of variables whose values don't tell, or that have none
    pub(super) types: BTreeMap<String, String>,
    /// The namespace that names are looked up in first
    pub(super) container: String,
    /// Whether only the type is wanted
    pub(super) check_only: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    Value(Const),
    Type(String),
    /// The evaluation failed, as CEL has it, or the question makes no sense
    Error {
        code: String,
        message: String,
    },
    /// The expression, or a type, does not compile
    Invalid {
        /// What messages call the source
        name: &'static str,
        source: String,
        diagnostics: Vec<Diagnostic>,
    },
    /// The host could not run it
    Broken(Failure),
}

impl Answer {
    /// The answer as one line of JSON has it.
    pub(super) fn to_json(&self) -> Value {
        let error =
            |code: &str, message: &str| json!({ "error": { "code": code, "message": message } });
        match self {
            Self::Value(value) => cel_value::encode(value),
            Self::Type(ty) => json!({ "type": ty }),
            Self::Error { code, message } => error(code, message),
            Self::Invalid { diagnostics, .. } => {
                let errors = || {
                    let errors = diagnostics.iter();
                    errors.filter(|each| each.severity == Severity::Error)
                };
                // What does not parse is no expression: anything else follows from that.
                let syntax = errors().find(|each| each.code.starts_with("rule.parse."));
                let first = syntax.or_else(|| errors().next());
                first.map_or_else(
                    || error("invalid", ""),
                    |first| error(first.code, &first.message),
                )
            }
            Self::Broken(failure) => error("failed", &format!("{:#}", failure.error)),
        }
    }
}

impl From<StageFailure> for Answer {
    fn from(failure: StageFailure) -> Self {
        Self::Broken(host::stage_failure(
            "can't evaluate the expression",
            failure,
        ))
    }
}

impl Question {
    pub(super) fn new(expression: String) -> Self {
        Self {
            expression,
            bindings: BTreeMap::new(),
            types: BTreeMap::new(),
            container: String::new(),
            check_only: false,
        }
    }

    /// Checks, compiles and runs the expression.
    pub(super) fn answer(&self, host: &Host) -> Answer {
        self.try_answer(host).unwrap_or_else(|answer| answer)
    }

    fn try_answer(&self, host: &Host) -> Result<Answer, Answer> {
        let variables = self.variables()?;
        let invalid = |diagnostics| Answer::Invalid {
            name: "expression",
            source: self.expression.clone(),
            diagnostics,
        };
        if self.check_only {
            let checked = check_expression(&self.expression, &variables, &self.container);
            let ruleset = checked
                .ruleset
                .ok_or_else(|| invalid(checked.diagnostics))?;
            return Ok(Answer::Type(type_of_result(&ruleset)));
        }
        let compilation = compile_expression(&self.expression, &variables, &self.container);
        let Artifact { component, ruleset } = compilation
            .artifact
            .ok_or_else(|| invalid(compilation.diagnostics))?;
        let component = host.load(&component)?;
        let mut session = host.open(&component, &[], host::LIMITS)?;
        let values = self.values(&ruleset)?;
        let batch = cells::one_row(&host.schema(&session).inputs, |index| values[index].clone());
        let outcome = host.process(&mut session, &batch.map_err(invalid_binding)?)?;
        let ty = ruleset
            .outputs
            .first()
            .map_or(&Type::Dyn, |output| &output.ty);
        Ok(result(&outcome, &host.schema(&session).outputs, ty))
    }

    /// Every name that has a value or a type, with its type.
    fn variables(&self) -> Result<Vec<(String, Type)>, Answer> {
        let names: BTreeSet<&String> = self.bindings.keys().chain(self.types.keys()).collect();
        let typed = names.into_iter().map(|name| {
            let ty = match self.types.get(name) {
                None => cel_value::type_of(&self.bindings[name]),
                Some(source) => parse_type(source).map_err(|diagnostics| Answer::Invalid {
                    name: "type",
                    source: source.clone(),
                    diagnostics,
                })?,
            };
            Ok((name.clone(), ty))
        });
        typed.collect()
    }

    /// The values of the inputs. A nullable one that has no value is null.
    fn values(&self, ruleset: &RuleSet) -> Result<Vec<Const>, Answer> {
        let value = |name: &str, ty: &Type| match self.bindings.get(name) {
            Some(value) => cel_value::coerce(value.clone(), ty).ok_or_else(|| {
                invalid_binding(format!("`{name}` is {}, not {ty}", cel_value::text(value)))
            }),
            None if matches!(ty, Type::Nullable(_) | Type::Null) => Ok(Const::Null),
            None => Err(invalid_binding(format!("`{name}` has no value"))),
        };
        ruleset
            .inputs
            .iter()
            .map(|input| value(&input.name, &input.ty))
            .collect()
    }
}

fn invalid_binding(message: String) -> Answer {
    Answer::Error {
        code: "invalid-binding".into(),
        message,
    }
}

/// The type of the expression, before it became that of an output.
fn type_of_result(ruleset: &RuleSet) -> String {
    let value = ruleset
        .rules
        .first()
        .and_then(|rule| rule.then.first())
        .map(|part| &part.value.kind);
    let is_null = match value {
        Some(ExprKind::Const(Const::Null)) => true,
        Some(ExprKind::Wrap(inner)) => inner.ty == Type::Null,
        _ => false,
    };
    match ruleset.outputs.first() {
        Some(output) if !is_null => output.ty.to_string(),
        _ => Type::Null.to_string(),
    }
}

fn result(outcome: &Outcome, outputs: &Schema, ty: &Type) -> Answer {
    if let Some(error) = outcome.errors.first() {
        return Answer::Error {
            code: code_name(error.code).into(),
            message: error.message.clone(),
        };
    }
    match outcome
        .columns
        .first()
        .and_then(|column| cells::output_value(column, outputs.fields().first()?, 0, ty))
    {
        Some(value) => Answer::Value(value),
        None => Answer::Error {
            code: "failed".into(),
            message: "the expression has no value".into(),
        },
    }
}
