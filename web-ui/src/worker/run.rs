//! A run from texts and rows to decisions.

mod batches;
mod params;

use super::modeler::Compiled;
use super::models::Models;
use super::study::Study;
use super::table::{Table, summarise};
use super::{Worker, cells, firings, project, rows, tests};
use crate::protocol::{
    ColumnReport, CompileReport, DataSource, FiringReport, Problem, Project, Response, RunReport,
};
use arrow_array::RecordBatch;
use arrow_schema::{Field, FieldRef};
use batches::{Watch, run_batches};
use params::{set_params, stage_report};
use rulestage_diagnostics::Diagnostic;
use rulestage_formats::FILE_BYTES;
use rulestage_pipeline::bind::{BindOptions, BindProblem, Binding};
use rulestage_pipeline::load::{LoadError, ModelRefusal, Pipeline, Source, load};
use rulestage_pipeline::manifest::{Manifest, ModelSource, StageSource};
use rulestage_pipeline::run::Executor;
use rulestage_pipeline::runtime::Limits;
use rulestage_pipeline::wire::type_name;
use rulestage_runtime_web::WebRuntime;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use web_sys::Blob;

const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    deadline_ms: 10_000,
};
const BATCH_ROWS: usize = 8192;
/// One at a time, so that each has the whole deadline and memory of a stage.
const BATCH_FILES: usize = 1;
/// Rows without a decision that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// What the page asks for.
pub(crate) struct Order {
    pub(crate) run: u32,
    pub(crate) project: Project,
    pub(crate) data: DataSource,
    /// The bytes of the data, where they are not fetched
    pub(crate) blobs: Vec<Blob>,
    pub(crate) batch_rows: u32,
    pub(crate) is_compile_only: bool,
}

/// Why there are no decisions.
pub(crate) struct Failure {
    pub(crate) during: String,
    pub(crate) message: String,
}

impl Failure {
    fn new(during: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            during: during.into(),
            message: message.into(),
        }
    }
}

/// Rows that have been read.
pub(crate) struct Data {
    id: u32,
    wanted: Vec<FieldRef>,
    rows: RecordBatch,
    /// Lines of the file that are no rows
    problems: Vec<Problem>,
}

/// The last run that came to its end, for tables and reasons.
pub(crate) struct Finished {
    pub(crate) runtime: Rc<WebRuntime>,
    pub(crate) executor: Executor<WebRuntime>,
    pub(crate) pipeline: Arc<Pipeline<WebRuntime>>,
    pub(crate) binding: Binding,
    pub(crate) input: RecordBatch,
    /// For each row of the table its row in the input
    pub(crate) input_rows: Vec<u32>,
    pub(crate) table: Table,
    pub(crate) firings: FiringReport,
}

/// Compiles, loads, reads and runs; each step is told before it begins.
#[expect(
    clippy::arc_with_non_send_sync,
    reason = "pipelines are shared as the trait has it; a worker has one thread"
)]
pub(crate) async fn run(worker: &Worker, order: Order) -> Result<(), Failure> {
    let run = order.run;
    worker.doing(run, "compiling");
    let project::Prepared {
        manifest,
        mut report,
    } = project::prepare(worker, &order.project);
    let Some(manifest) = manifest.filter(|_| report.is_ok) else {
        worker.send(&Response::Compiled { run, report });
        return Ok(());
    };
    let files = fetch_files(worker, run, &order.project, &manifest).await?;
    start_models(worker, run, &files, &manifest).await?;
    let runtime = Rc::new(WebRuntime::with_models(worker.models.clone()));

    worker.doing(run, "loading the stages");
    let pipeline = match load(manifest, &files, &*runtime, LIMITS) {
        Ok(pipeline) => pipeline,
        Err(error) => return refuse(worker, run, report, &order.project, error),
    };
    let pipeline = Arc::new(set_params(pipeline, &order.project.params)?);
    report.stages = pipeline.stages.iter().map(stage_report).collect();
    worker.compiled.keep_components(
        pipeline
            .stages
            .iter()
            .map(|stage| (stage.name.clone(), Rc::new(stage.bytes.clone())))
            .collect(),
    );
    worker.send(&Response::Compiled { run, report });
    if order.is_compile_only {
        worker.doing(run, "");
        worker
            .study
            .replace(Some(Study::new(run, runtime, pipeline)));
        return Ok(());
    }

    let wanted = pipeline
        .externals
        .iter()
        .map(|external| external.field.clone())
        .collect();
    let (input, bad_lines) = read_data(worker, &order, wanted).await?;
    let start = worker.now_ms();
    let binding = pipeline
        .bind(&input.schema(), BindOptions { typed: true })
        .map_err(|problems| {
            Failure::new("joining the rows to the rules", bind_message(&problems))
        })?;
    let mut executor = pipeline
        .open(&*runtime)
        .map_err(|error| Failure::new("opening the stages", error.to_string()))?;
    let reasons = executor
        .keep_reasons(&runtime)
        .map_err(|failure| Failure::new("opening the stages", failure.to_string()))?;
    let has_files = !order.data.files.is_empty();
    let batch_rows = match order.batch_rows {
        0 if has_files => BATCH_FILES,
        0 => BATCH_ROWS,
        stated => stated as usize,
    };
    let mut watch = Watch::new(worker, run, &pipeline);
    let mut ran = run_batches(
        &runtime,
        &mut executor,
        &binding,
        &input,
        batch_rows,
        &reasons,
        &mut watch,
    )?;
    if has_files {
        ran.output = without_files(&ran.output)?;
    }
    let elapsed_ms = worker.now_ms() - start;
    ran.problems
        .extend(bad_lines.iter().take(MOST_PROBLEMS).cloned());
    let stage_ms = watch.stage_ms;

    worker.doing(run, "running the examples");
    let (tests, coverage) = tests::run(&runtime, &pipeline);
    worker.doing(run, "counting");
    let report = RunReport {
        n_rows: ran.output.num_rows(),
        n_failed: ran.n_dead + bad_lines.len(),
        data_name: order.data.name.clone(),
        elapsed_ms,
        stage_ms,
        columns: columns(&pipeline, &ran.output),
        row_problems: ran.problems,
        tests,
        coverage,
    };
    worker.study.replace(Some(Study::new(
        run,
        Rc::clone(&runtime),
        Arc::clone(&pipeline),
    )));
    let table = Table::new(ran.output);
    worker.finished.replace(Some(Finished {
        runtime,
        executor,
        firings: firings::report(&pipeline, &reasons, &ran.funnels, input.num_rows()),
        pipeline,
        binding,
        input,
        input_rows: ran.input_rows,
        table,
    }));
    worker.send(&Response::Ran {
        run,
        report: Box::new(report),
    });
    Ok(())
}

/// The result without the column of whole files, as the program writes it.
fn without_files(rows: &RecordBatch) -> Result<RecordBatch, Failure> {
    let fields = rows.schema();
    let kept = fields.fields().iter().enumerate();
    let kept = kept.filter(|(_, field)| field.name() != FILE_BYTES);
    let kept: Vec<usize> = kept.map(|(index, _)| index).collect();
    rows.project(&kept)
        .map_err(|error| Failure::new("putting the batches together", error.to_string()))
}

/// The files that a manifest names: the project's texts, and what was fetched.
struct Files {
    files: BTreeMap<String, Rc<Vec<u8>>>,
    /// What models of stages became
    compiled: Vec<(ModelSource, Compiled)>,
}

impl Source for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .map(|bytes| bytes.to_vec())
            .ok_or_else(|| "there is no such file in this project".to_owned())
    }

    fn compile_model(&self, model: &ModelSource, _file: &[u8]) -> Result<Vec<u8>, ModelRefusal> {
        let compiled = self.compiled.iter().find(|(known, _)| known == model);
        match compiled {
            Some((_, compiled)) => compiled.clone().map(|component| component.to_vec()),
            None => Err(ModelRefusal {
                message: "it was not compiled".to_owned(),
                hint: None,
            }),
        }
    }
}

async fn fetch_files(
    worker: &Worker,
    run: u32,
    project: &Project,
    manifest: &Manifest,
) -> Result<Files, Failure> {
    let mut files: BTreeMap<String, Rc<Vec<u8>>> = project
        .files
        .iter()
        .map(|file| (file.path.clone(), Rc::new(file.text.clone().into_bytes())))
        .collect();
    let stages = manifest
        .stages
        .iter()
        .filter_map(|stage| match &stage.source {
            StageSource::Component(path) => Some(path),
            StageSource::Model(model) => Some(&model.path),
            StageSource::Rules(_) => None,
        });
    for path in stages.chain(manifest.models.iter().map(|model| &model.file)) {
        worker.doing(run, &format!("fetching {path}"));
        let bytes = worker
            .file(project, path)
            .await
            .map_err(|message| Failure::new(format!("fetching {path}"), message))?;
        files.insert(path.clone(), bytes);
    }
    let mut compiled = Vec::new();
    for stage in &manifest.stages {
        if let StageSource::Model(model) = &stage.source
            && let Some(file) = files.get(&model.path)
        {
            worker.doing(run, "fetching the compiler of models");
            compiled.push((model.clone(), worker.modeler.compile(model, file).await));
        }
    }
    Ok(Files { files, compiled })
}

async fn start_models(
    worker: &Worker,
    run: u32,
    files: &Files,
    manifest: &Manifest,
) -> Result<(), Failure> {
    if manifest.models.is_empty() {
        return Ok(());
    }
    worker.doing(run, "fetching the inference engine");
    let models: &Models = &worker.models;
    models
        .start()
        .await
        .map_err(|message| Failure::new("fetching the inference engine", message))?;
    for model in &manifest.models {
        let during = format!("loading model `{}`", model.name);
        worker.doing(run, &during);
        let failed = |message: String| Failure::new(during.clone(), message);
        let bytes = rulestage_pipeline::load::read_model(files, model)
            .map_err(|error| failed(error.to_string()))?;
        models.load(&model.name, &bytes).map_err(failed)?;
    }
    Ok(())
}

/// What the manifest or a component is refused for goes to the editor where it has a place there.
fn refuse(
    worker: &Worker,
    run: u32,
    mut report: CompileReport,
    project: &Project,
    error: LoadError,
) -> Result<(), Failure> {
    let text = |path: &str| {
        project
            .files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    };
    let refused;
    let (path, diagnostics) = match &error {
        LoadError::Manifest(diagnostics) => ("pipeline.toml", diagnostics),
        LoadError::Model { span, refusal, .. } => {
            let message = format!("can't compile {error}");
            let mut diagnostic = Diagnostic::error("pipeline.model.refused", *span, message);
            diagnostic.hints.extend(refusal.hint.clone());
            refused = vec![diagnostic];
            ("pipeline.toml", &refused)
        }
        LoadError::Rules {
            path, diagnostics, ..
        } => (path.as_str(), diagnostics),
        _ => return Err(Failure::new("loading the stages", error.to_string())),
    };
    let Some(source) = text(path) else {
        return Err(Failure::new("loading the stages", error.to_string()));
    };
    report.files.retain(|file| file.path != path);
    report
        .files
        .push(project::file_report(path, source, diagnostics));
    report.is_ok = false;
    worker.send(&Response::Compiled { run, report });
    Ok(())
}

/// The rows, read once for as long as the stages want the same columns of them.
async fn read_data(
    worker: &Worker,
    order: &Order,
    wanted: Vec<FieldRef>,
) -> Result<(RecordBatch, Vec<Problem>), Failure> {
    let Order {
        run, data, blobs, ..
    } = order;
    if let Some(known) = &*worker.data.borrow()
        && known.id == data.id
        && known.wanted == wanted
    {
        return Ok((known.rows.clone(), known.problems.clone()));
    }
    let run = *run;
    let during = format!("fetching {}", data.name);
    worker.doing(run, &during);
    let read = if !data.files.is_empty() {
        rows::read_files(worker, &data.files, blobs)
            .await
            .map_err(|message| Failure::new(during, message))?
    } else {
        let bytes = match (&data.url, blobs.first()) {
            (Some(url), _) => worker.fetched.get(url).await,
            (None, Some(blob)) => super::fetch::read_blob(blob).await.map(Rc::new),
            (None, None) => Err("the file is gone".to_owned()),
        };
        let bytes = bytes.map_err(|message| Failure::new(during, message))?;
        let during = format!("reading {}", data.name);
        worker.doing(run, &during);
        rows::read(&data.name, &bytes, wanted.clone())
            .map_err(|message| Failure::new(during, message))?
    };
    worker.data.replace(Some(Data {
        id: data.id,
        wanted,
        rows: read.0.clone(),
        problems: read.1.clone(),
    }));
    Ok(read)
}

fn bind_message(problems: &[BindProblem]) -> String {
    let lines = problems.iter().map(|problem| {
        let hints: Vec<String> = problem
            .hints
            .iter()
            .map(|hint| format!("hint: {hint}"))
            .collect();
        [vec![problem.message.clone()], hints]
            .concat()
            .join("\n    ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn columns(pipeline: &Pipeline<WebRuntime>, rows: &RecordBatch) -> Vec<ColumnReport> {
    let made_by = |field: &Field| {
        let stages = pipeline.stages.iter();
        stages
            .filter(|stage| {
                stage
                    .outputs
                    .iter()
                    .any(|output| output.name() == field.name())
            })
            .map(|stage| stage.name.clone())
            .next()
    };
    let schema = rows.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, array)| {
            let stage = made_by(field);
            ColumnReport {
                name: field.name().clone(),
                type_name: type_name(field),
                is_numeric: cells::is_numeric(field.data_type()),
                summary: stage.as_ref().and_then(|_| summarise(array)),
                stage,
            }
        });
    columns.collect()
}
