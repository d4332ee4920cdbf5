//! A manifest's files to a pipeline that is ready to run.

use crate::defaults::defaults;
use crate::graph::{self, External, Node};
use crate::manifest::{
    Manifest, ModelManifest, ModelSource, OnError, Spanned, StageManifest, StageSource,
};
use crate::runtime::{
    Description, Limits, Runtime, StageFailure, StageFailureKind, StageSchema, Value,
};
use crate::{gate, params};
use arrow_array::ArrayRef;
use arrow_schema::{Field, FieldRef, Schema};
use rulestage_diagnostics::{Diagnostic, Severity, Span};
use rulestage_rule_compiler::ir::RuleSet;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Where a manifest's files come from.
pub trait Source {
    /// The bytes of a file, by its path relative to the manifest; a message for people where there are none.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The component for the model of a stage: `file` is what [`Source::read`] gave for its path.
    ///
    /// Hosts bring the compiler, because the browser fetches it only when there is a model.
    fn compile_model(&self, model: &ModelSource, file: &[u8]) -> Result<Vec<u8>, ModelRefusal>;
}

/// Why a model did not become a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRefusal {
    /// For people, with the node concerned
    pub message: String,
    /// What to do about it
    pub hint: Option<String>,
}

/// Stages in the order of the run, loaded and checked. Shared by the workers of a run, each with an
/// [`Executor`](crate::run::Executor) of its own.
pub struct Pipeline<R: Runtime> {
    /// As written
    pub manifest: Manifest,
    /// In the order of the run
    pub stages: Vec<Stage<R>>,
    /// What the input must bring
    pub externals: Vec<External>,
}

/// One stage, ready to be opened.
pub struct Stage<R: Runtime> {
    /// Name
    pub name: String,
    /// The file
    pub path: String,
    /// The component's bytes: what every host runs
    pub bytes: Vec<u8>,
    /// The loaded component
    pub component: R::Component,
    /// What it says of itself
    pub description: Description,
    /// In the order of the description
    pub parameters: Vec<Value>,
    /// For every call
    pub limits: Limits,
    /// What it reads and produces
    pub schema: StageSchema,
    /// For stages that are compiled from rules: the source and what the compiler made of it
    pub rules: Option<Rules>,
    /// What happens to rows that fail
    pub on_error: OnError,
    /// The condition for rows to reach the stage
    pub gate: Option<Gate<R>>,
    /// What a row holds that the stage did not compute: one value for each output
    pub defaults: Vec<ArrayRef>,
    /// The produced fields; nullable also where rows without a result hold null
    pub outputs: Vec<FieldRef>,
}

/// What a stage was compiled from.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The text
    pub source: String,
    /// The checked rules
    pub ruleset: RuleSet,
    /// Warnings and notes
    pub diagnostics: Vec<Diagnostic>,
}

/// A compiled `when`.
pub struct Gate<R: Runtime> {
    /// As written
    pub condition: String,
    /// Its component
    pub component: R::Component,
    /// The fields it names, and `result`
    pub schema: StageSchema,
}

/// Why a manifest did not become a pipeline.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// The manifest says what can't be; spans are in its source
    Manifest(Vec<Diagnostic>),
    /// Rules don't compile; spans are in `source`
    Rules {
        /// The file
        path: String,
        /// Its text
        source: String,
        /// Errors and what else there is to say
        diagnostics: Vec<Diagnostic>,
    },
    /// A file can't be read, is no text, or has another digest
    File {
        /// The file
        path: String,
        /// What is wrong
        message: String,
    },
    /// A model does not become a stage
    Model {
        /// The file
        path: String,
        /// Where the manifest names it
        span: Span,
        /// Why
        refusal: ModelRefusal,
    },
    /// A component can't be used
    Stage {
        /// The stage
        stage: String,
        /// The file
        path: String,
        /// Why
        failure: StageFailure,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |diagnostics: &[Diagnostic]| match diagnostics.first() {
            Some(first) => first.message.clone(),
            None => "it has errors".to_owned(),
        };
        match self {
            Self::Manifest(diagnostics) => f.write_str(&first(diagnostics)),
            Self::Rules {
                path, diagnostics, ..
            } => write!(f, "`{path}`: {}", first(diagnostics)),
            Self::File { path, message } => write!(f, "`{path}`: {message}"),
            Self::Model { path, refusal, .. } => write!(f, "`{path}`: {}", refusal.message),
            Self::Stage { stage, failure, .. } => write!(f, "stage `{stage}`: {failure}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads, compiles, opens and orders the stages of a manifest. `limits` hold where the manifest has none.
pub fn load<R: Runtime>(
    manifest: Manifest,
    source: &dyn Source,
    runtime: &R,
    limits: Limits,
) -> Result<Pipeline<R>, LoadError> {
    let mut stages = Vec::with_capacity(manifest.stages.len());
    for stage in &manifest.stages {
        stages.push(load_stage(stage, source, runtime, limits)?);
    }
    add_gates(&manifest.stages, &mut stages, runtime)?;
    let nodes: Vec<Node<'_>> = manifest
        .stages
        .iter()
        .zip(&stages)
        .map(|(manifest, stage)| node(manifest, stage))
        .collect();
    let order = graph::order(&nodes).map_err(LoadError::Manifest)?;
    let externals = graph::externals(&order.iter().map(|index| &nodes[*index]).collect::<Vec<_>>());
    drop(nodes);
    let mut unordered: Vec<Option<Stage<R>>> = stages.into_iter().map(Some).collect();
    let stages = order
        .into_iter()
        .filter_map(|index| unordered[index].take())
        .collect();
    Ok(Pipeline {
        manifest,
        stages,
        externals,
    })
}

fn load_stage<R: Runtime>(
    manifest: &StageManifest,
    source: &dyn Source,
    runtime: &R,
    limits: Limits,
) -> Result<Stage<R>, LoadError> {
    let path = manifest.source.path().to_owned();
    let file = read(source, &path, manifest.sha256.as_ref())?;
    let (bytes, rules) = match &manifest.source {
        StageSource::Component(_) => (file, None),
        StageSource::Rules(_) => compile(&path, file)?,
        StageSource::Model(model) => {
            let compiled = source.compile_model(model, &file);
            let refused = |refusal| LoadError::Model {
                path: path.clone(),
                span: manifest.source_span,
                refusal,
            };
            (compiled.map_err(refused)?, None)
        }
    };
    let limits = Limits {
        memory_bytes: manifest.limits.memory_bytes.unwrap_or(limits.memory_bytes),
        deadline_ms: manifest.limits.deadline_ms.unwrap_or(limits.deadline_ms),
    };
    let failed = |failure| LoadError::Stage {
        stage: manifest.name.clone(),
        path: path.clone(),
        failure,
    };
    let component = runtime.load(&bytes).map_err(failed)?;
    let description = runtime.describe(&component, limits).map_err(failed)?;
    let parameters = params::resolve(
        &manifest.name,
        manifest.span,
        &manifest.params,
        &description,
    )
    .map_err(LoadError::Manifest)?;
    let session = runtime
        .open(&component, &parameters, limits)
        .map_err(failed)?;
    let schema = runtime.schema(&session).clone();
    check_names(&schema.inputs, "inputs").map_err(failed)?;
    check_names(&schema.outputs, "outputs").map_err(failed)?;
    let ruleset = rules.as_ref().map(|rules: &Rules| &rules.ruleset);
    let defaults = defaults(&schema.outputs, ruleset);
    // Rows without a result hold the defaults, which may be null where results never are.
    let may_skip = manifest.when.is_some() || manifest.on_error == OnError::Default;
    let outputs = schema
        .outputs
        .fields()
        .iter()
        .zip(&defaults)
        .map(|(field, default)| {
            let nullable = field.is_nullable() || (may_skip && default.null_count() > 0);
            FieldRef::new(field.as_ref().clone().with_nullable(nullable))
        });
    Ok(Stage {
        name: manifest.name.clone(),
        outputs: outputs.collect(),
        path,
        bytes,
        component,
        description,
        parameters,
        limits,
        schema,
        rules,
        on_error: manifest.on_error,
        gate: None,
        defaults,
    })
}

/// A file with the digest that the manifest states, if it states one.
pub fn read(
    source: &dyn Source,
    path: &str,
    sha256: Option<&Spanned<String>>,
) -> Result<Vec<u8>, LoadError> {
    let bytes = source.read(path).map_err(|message| LoadError::File {
        path: path.to_owned(),
        message,
    })?;
    let Some(expected) = sha256 else {
        return Ok(bytes);
    };
    let found = sha256_hex(&bytes);
    if found == expected.value {
        return Ok(bytes);
    }
    let message = format!(
        "its SHA-256 is {found}, and the manifest has {}",
        expected.value
    );
    Err(LoadError::File {
        path: path.to_owned(),
        message,
    })
}

/// The file of a model, with the size and digest that the manifest states.
pub fn read_model(source: &dyn Source, model: &ModelManifest) -> Result<Vec<u8>, LoadError> {
    let bytes = read(source, &model.file, model.sha256.as_ref())?;
    let size = bytes.len() as u64;
    match model.max_size_bytes {
        Some(most) if size > most => Err(LoadError::File {
            path: model.file.clone(),
            message: format!(
                "it has {size} bytes, and the manifest's `max_size` for model `{}` is {most}",
                model.name
            ),
        }),
        _ => Ok(bytes),
    }
}

/// The digest of some bytes in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn compile(path: &str, file: Vec<u8>) -> Result<(Vec<u8>, Option<Rules>), LoadError> {
    let source = String::from_utf8(file).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        LoadError::File {
            path: path.to_owned(),
            message: format!("line {line} is not valid UTF-8"),
        }
    })?;
    let compilation = rulestage_rule_compiler::compile(&source);
    let diagnostics = compilation.diagnostics;
    match compilation.artifact {
        Some(artifact) => Ok((
            artifact.component,
            Some(Rules {
                source,
                ruleset: artifact.ruleset,
                diagnostics,
            }),
        )),
        None => Err(LoadError::Rules {
            path: path.to_owned(),
            source,
            diagnostics,
        }),
    }
}

fn check_names(schema: &Schema, what: &str) -> Result<(), StageFailure> {
    for (index, field) in schema.fields().iter().enumerate() {
        if schema.fields()[..index]
            .iter()
            .any(|earlier| earlier.name() == field.name())
        {
            let message = format!("the component has two {what} called `{}`", field.name());
            return Err(StageFailure {
                kind: StageFailureKind::Contract,
                message,
            });
        }
    }
    Ok(())
}

/// Compiles the conditions, once the types of all fields are known.
fn add_gates<R: Runtime>(
    manifests: &[StageManifest],
    stages: &mut [Stage<R>],
    runtime: &R,
) -> Result<(), LoadError> {
    if manifests.iter().all(|manifest| manifest.when.is_none()) {
        return Ok(());
    }
    let fields = known_fields(stages);
    let fields: Vec<&Field> = fields.iter().map(|field| &**field).collect();
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for (manifest, stage) in manifests.iter().zip(stages) {
        let Some(condition) = &manifest.when else {
            continue;
        };
        let own: Vec<&Field> = fields
            .iter()
            .filter(|field| stage.schema.outputs.field_with_name(field.name()).is_err())
            .copied()
            .collect();
        let bytes = match gate::compile(condition, &own) {
            Ok(bytes) => bytes,
            Err(found) => {
                diagnostics.extend(
                    found
                        .into_iter()
                        .filter(|each| each.severity == Severity::Error),
                );
                continue;
            }
        };
        let failed = |failure| LoadError::Stage {
            stage: manifest.name.clone(),
            path: "when".to_owned(),
            failure,
        };
        let component = runtime.load(&bytes).map_err(failed)?;
        let session = runtime
            .open(&component, &[], stage.limits)
            .map_err(failed)?;
        let schema = runtime.schema(&session).clone();
        stage.gate = Some(Gate {
            condition: condition.value.clone(),
            component,
            schema,
        });
    }
    if diagnostics.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Manifest(diagnostics))
    }
}

/// Every field that a stage produces, and every other that one reads.
fn known_fields<R: Runtime>(stages: &[Stage<R>]) -> Vec<FieldRef> {
    let produced = stages.iter().flat_map(|stage| &stage.outputs).cloned();
    let read = stages
        .iter()
        .flat_map(|stage| stage.schema.inputs.fields())
        .cloned();
    let mut known: Vec<FieldRef> = Vec::new();
    for field in produced.chain(read) {
        if !known.iter().any(|earlier| earlier.name() == field.name()) {
            known.push(field);
        }
    }
    known
}

fn node<'a, R: Runtime>(manifest: &'a StageManifest, stage: &'a Stage<R>) -> Node<'a> {
    let mut inputs: Vec<FieldRef> = stage.schema.inputs.fields().to_vec();
    for field in stage
        .gate
        .iter()
        .flat_map(|gate| gate.schema.inputs.fields())
    {
        if !inputs.iter().any(|input| input.name() == field.name()) {
            inputs.push(field.clone());
        }
    }
    Node {
        name: &manifest.name,
        span: manifest.span,
        inputs,
        outputs: stage.schema.outputs.fields(),
    }
}

/// A pipeline for the workers of a run.
pub type SharedPipeline<R> = Arc<Pipeline<R>>;
