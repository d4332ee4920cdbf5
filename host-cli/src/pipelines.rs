//! Pipelines from files: manifests, single rule sets and single components.

use crate::failure::{Failure, Result, Status};
use crate::host::{self, Host};
use crate::input;
use crate::render::diagnostics::{self, Source as Text};
use crate::render::{self, Style};
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_pipeline::load::{self, LoadError};
use rulestage_pipeline::manifest::{
    Manifest, ModelSource, OnError, ParamManifest, ParamValue, StageSource,
};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stages of this program's host.
pub(crate) type Pipeline = load::Pipeline<Host>;

/// A pipeline and the host that runs it.
pub(crate) struct Loaded {
    pub(crate) host: Host,
    pub(crate) pipeline: Arc<Pipeline>,
}

/// A manifest and where it came from.
pub(crate) struct Opened {
    pub(crate) manifest: Manifest,
    /// What messages call it
    pub(crate) name: String,
    /// Empty where one file stands for the pipeline
    text: String,
    folder: PathBuf,
}

/// What is wrong with a pipeline: diagnostics of a text, or a failure to read, load or open something.
pub(crate) enum Problem {
    Diagnostics {
        name: String,
        text: String,
        diagnostics: Vec<Diagnostic>,
        status: Status,
    },
    Failure(Failure),
}

/// Reads, compiles and opens everything that a pipeline names. `arguments` are `STAGE.NAME=VALUE`.
pub(crate) fn load(path: &Path, arguments: &[String], cached: bool) -> Result<Loaded> {
    load_with(path, arguments, None, cached)
}

/// The same, with another policy for failed rows than the pipeline's.
pub(crate) fn load_with(
    path: &Path,
    arguments: &[String],
    on_error: Option<OnError>,
    cached: bool,
) -> Result<Loaded> {
    let mut opened = open(path).map_err(shown)?;
    for argument in arguments {
        opened.set_parameter(argument)?;
    }
    if let Some(policy) = on_error {
        for stage in &mut opened.manifest.stages {
            stage.on_error = policy;
        }
    }
    let host = host::start(cached)?;
    opened.load(host).map_err(shown)
}

/// Reads a manifest, or makes one for a single file.
pub(crate) fn open(path: &Path) -> Result<Opened, Problem> {
    let name = input::name(path);
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(manifest) = Manifest::single(&file) {
        return Ok(Opened {
            manifest,
            name,
            text: String::new(),
            folder,
        });
    }
    if !is_manifest(path) {
        let message = format!("`{name}` is no pipeline");
        return Err(Problem::Failure(
            Failure::new(Status::Usage, message).with_hint(
                "a pipeline is a `.toml` manifest, or a single `.rules`, `.wasm` or `.onnx` file",
            ),
        ));
    }
    let text = input::read_text(path).map_err(Problem::Failure)?;
    match Manifest::parse(&text) {
        Ok(manifest) => Ok(Opened {
            manifest,
            name,
            text,
            folder,
        }),
        Err(diagnostics) => Err(Problem::Diagnostics {
            name,
            text,
            diagnostics,
            status: Status::Usage,
        }),
    }
}

/// Whether it is a `pipeline.toml`, and no single file that stands for one.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "toml")
}

/// The rule sets among what the user names: a pipeline stands for those of its stages, in its order.
pub(crate) fn rule_sets(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in files {
        match file.extension().and_then(OsStr::to_str) {
            Some("toml") => {
                let opened = open(file).map_err(shown)?;
                let stages = opened.manifest.stages.iter();
                let rules = stages.filter_map(|stage| match &stage.source {
                    StageSource::Rules(path) => Some(opened.folder.join(path)),
                    _ => None,
                });
                paths.extend(rules);
            }
            Some("onnx") => {
                let message = format!("`{}` is a model, not a rule set", file.display());
                return Err(Failure::new(Status::Usage, message));
            }
            Some("wasm") => {
                let message = format!("`{}` is a component, not a rule set", file.display());
                return Err(Failure::new(Status::Usage, message)
                    .with_hint("name the `.rules` file that it was compiled from"));
            }
            _ => paths.push(file.clone()),
        }
    }
    let mut seen = BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Ok(paths)
}

/// Shows diagnostics; what is left is the failure to end with.
pub(crate) fn shown(problem: Problem) -> Failure {
    match problem {
        Problem::Failure(failure) => failure,
        Problem::Diagnostics {
            name,
            text,
            diagnostics,
            status,
        } => {
            let source = Text {
                name: &name,
                text: &text,
            };
            let style = Style::for_stream(&std::io::stderr());
            render::notify(diagnostics::render(source, &diagnostics, style));
            let counted = diagnostics::count(&diagnostics);
            Failure::new(status, format!("`{name}` can't be used: {counted}"))
        }
    }
}

/// Where a value stands that was given on the command line: past the end of any manifest.
const ON_THE_COMMAND_LINE: Span = Span {
    start: u32::MAX,
    end: u32::MAX,
};

impl Opened {
    /// Applies one `STAGE.NAME=VALUE`.
    fn set_parameter(&mut self, argument: &str) -> Result<()> {
        let refuse = |message: String| {
            Failure::new(Status::Usage, format!("`--param {argument}`: {message}"))
        };
        let Some((path, value)) = argument.split_once('=') else {
            return Err(refuse("it is not of the form STAGE.NAME=VALUE".into()));
        };
        let stages = &mut self.manifest.stages;
        let (stage, name) = match path.rsplit_once('.') {
            Some((stage, name)) => (stages.iter_mut().position(|each| each.name == stage), name),
            None if stages.len() == 1 => (Some(0), path),
            None => {
                return Err(refuse(format!(
                    "say which stage has it, as in `{}.{path}`",
                    stages[0].name
                )));
            }
        };
        let Some(stage) = stage else {
            let wanted = path.rsplit_once('.').map_or(path, |(stage, _)| stage);
            let failure = refuse(format!("there is no stage `{wanted}`"));
            let nearest = input::nearest_name(wanted, stages.iter().map(|each| each.name.as_str()));
            return Err(match nearest {
                Some(nearest) => failure.with_hint(format!("did you mean `{nearest}`?")),
                None => failure,
            });
        };
        let params = &mut stages[stage].params;
        params.retain(|param| param.name != name);
        params.push(ParamManifest {
            name: name.into(),
            name_span: ON_THE_COMMAND_LINE,
            value: ParamValue::Argument(value.into()),
            span: ON_THE_COMMAND_LINE,
        });
        Ok(())
    }

    /// Reads the models and loads the stages.
    pub(crate) fn load(self, host: Host) -> Result<Loaded, Problem> {
        let files = Files {
            folder: self.folder.clone(),
        };
        let mut models = Vec::new();
        for model in &self.manifest.models {
            let file = load::read_model(&files, model);
            let file = file.map_err(|error| self.problem(error))?;
            models.push(host::model(model, file));
        }
        let host = if models.is_empty() {
            host
        } else {
            host.with_models(models)
        };
        let pipeline = load::load(self.manifest.clone(), &files, &host, host::LIMITS);
        let pipeline = Arc::new(pipeline.map_err(|error| self.problem(error))?);
        Ok(Loaded { host, pipeline })
    }

    fn problem(&self, error: LoadError) -> Problem {
        let place = |path: &str| self.folder.join(path);
        match error {
            LoadError::Manifest(diagnostics) => Problem::Diagnostics {
                name: self.name.clone(),
                text: self.text.clone(),
                diagnostics,
                status: Status::Usage,
            },
            LoadError::Rules {
                path,
                source,
                diagnostics,
            } => Problem::Diagnostics {
                name: place(&path).display().to_string(),
                text: source,
                diagnostics,
                status: Status::Refused,
            },
            LoadError::File { path, message } => {
                let path = place(&path);
                let failure = format!("can't use `{}`: {message}", path.display());
                let failure = Failure::new(Status::File, failure);
                Problem::Failure(match input::nearest_file(&path) {
                    Some(nearest) if !path.exists() => {
                        failure.with_hint(format!("did you mean `{nearest}`?"))
                    }
                    _ => failure,
                })
            }
            LoadError::Model {
                path,
                span,
                refusal,
            } => {
                let path = place(&path).display().to_string();
                let message = format!("can't compile `{path}`: {}", refusal.message);
                if self.text.is_empty() {
                    let mut failure = Failure::new(Status::File, message);
                    failure.hint = refusal.hint;
                    return Problem::Failure(failure);
                }
                let mut diagnostic = Diagnostic::error("pipeline.model.refused", span, message);
                diagnostic.hints.extend(refusal.hint);
                Problem::Diagnostics {
                    name: self.name.clone(),
                    text: self.text.clone(),
                    diagnostics: vec![diagnostic],
                    status: Status::File,
                }
            }
            LoadError::Stage {
                stage,
                path,
                failure,
            } => {
                let path = place(&path).display().to_string();
                Problem::Failure(host::stage_failure(
                    &format!("stage `{stage}` (`{path}`)"),
                    failure,
                ))
            }
            other => Problem::Failure(Failure::new(Status::Usage, other)),
        }
    }
}

/// Files beside the manifest.
struct Files {
    folder: PathBuf,
}

impl load::Source for Files {
    fn compile_model(
        &self,
        model: &ModelSource,
        file: &[u8],
    ) -> Result<Vec<u8>, load::ModelRefusal> {
        crate::model_stage::compile(model, file)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(path)).map_err(|error| input::reason(&error))
    }
}
