//! Pipelines of compiled rules in wasmtime: gates, defaults, parameters and explanations of real components.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use rulestage_pipeline::bind::BindOptions;
use rulestage_pipeline::load::{LoadError, ModelRefusal, Pipeline, Source, load};
use rulestage_pipeline::manifest::{Manifest, ModelSource};
use rulestage_pipeline::runtime::{Limits, Verdict};
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};
use std::sync::Arc;

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    deadline_ms: 10_000,
};

const SCORE: &str = "ruleset score {
  input { age: int  income: double }
  output { score: double = 0.25 }
  rule old { when age >= 40 then { score = income / 1000.0 } }
  rule broken { when age == 13 then { score = double(1 / (age - 13)) } }
}";

const DESK: &str = "ruleset desk {
  input { score: double  country: string }
  param least: double = 0.75
  output { eligible: bool = false  reason: string = \"default\" }
  rule good { when score > least && country in [\"CZ\", \"DE\"] then { eligible = true, reason = \"good\" } else { reason = \"poor\" } }
}";

struct Files;

impl Source for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "score.rules" => Ok(SCORE.into()),
            "desk.rules" => Ok(DESK.into()),
            "bad.rules" => Ok("ruleset bad { input { a: int } output { b: int = c } }".into()),
            _ => Err("there is no such file".into()),
        }
    }

    fn compile_model(&self, model: &ModelSource, _file: &[u8]) -> Result<Vec<u8>, ModelRefusal> {
        Err(ModelRefusal {
            message: format!("`{}` is not of these tests", model.path),
            hint: None,
        })
    }
}

const MANIFEST: &str = "
[[stage]]
name = \"desk\"
rules = \"desk.rules\"
params = { least = 0.5 }
when = \"score > 0.3 || country == 'DE'\"

[[stage]]
name = \"score\"
rules = \"score.rules\"
on_error = \"dead-letter\"
";

fn runtime() -> WasmtimeRuntime {
    WasmtimeRuntime::new(Config {
        cache_dir: None,
        ..Config::default()
    })
    .expect("an engine")
}

fn open(
    manifest: &str,
    runtime: &WasmtimeRuntime,
) -> Result<Arc<Pipeline<WasmtimeRuntime>>, LoadError> {
    let manifest = Manifest::parse(manifest).expect("a good manifest");
    load(manifest, &Files, runtime, LIMITS).map(Arc::new)
}

fn people() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("age", Arc::new(Int64Array::from(vec![50, 20, 13, 45, 30]))),
        (
            "income",
            Arc::new(Float64Array::from(vec![900.0, 100.0, 0.0, 400.0, 5.0])),
        ),
        (
            "country",
            Arc::new(StringArray::from(vec!["CZ", "CZ", "CZ", "FR", "DE"])),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("a batch")
}

#[test]
fn rules_gates_and_defaults_work_together() {
    let runtime = runtime();
    let pipeline = open(MANIFEST, &runtime).expect("a pipeline");
    let names: Vec<&str> = pipeline
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(names, ["score", "desk"]);
    let batch = people();
    let binding = pipeline
        .bind(&batch.schema(), BindOptions::default())
        .expect("columns that fit");
    let mut executor = pipeline.open(&runtime).expect("sessions");
    let outcome = executor
        .process(&runtime, &binding, &batch, &mut ())
        .expect("a result");
    assert_eq!(outcome.dead.len(), 1);
    assert_eq!(
        (outcome.dead[0].row_in_batch, outcome.dead[0].stage.as_str()),
        (2, "score")
    );
    assert_eq!(
        outcome.stage_rows,
        [5, 3],
        "0.25 does not pass the gate, but for Germany"
    );
    let column = |name: &str| {
        outcome
            .output
            .column_by_name(name)
            .expect("a field")
            .clone()
    };
    let scores = column("score")
        .as_primitive::<Float64Type>()
        .values()
        .to_vec();
    assert_eq!(scores, [0.9, 0.25, 0.4, 0.25]);
    let reasons = column("reason");
    let reasons: Vec<_> = reasons.as_string::<i32>().iter().flatten().collect();
    assert_eq!(reasons, ["good", "default", "poor", "poor"]);
    assert!(
        !binding
            .output
            .field_with_name("reason")
            .expect("a field")
            .is_nullable()
    );
    for batch_rows in 1..5 {
        let mut parts = Vec::new();
        for start in (0..5).step_by(batch_rows) {
            let part = batch.slice(start, batch_rows.min(5 - start));
            parts.push(
                executor
                    .process(&runtime, &binding, &part, &mut ())
                    .expect("a result")
                    .output,
            );
        }
        let whole =
            rulestage_pipeline::rows::concat_batches(&binding.output, &parts).expect("one schema");
        assert_eq!(whole, outcome.output);
    }
}

#[test]
fn a_row_is_explained_in_every_stage_that_it_reaches() {
    let runtime = runtime();
    let pipeline = open(MANIFEST, &runtime).expect("a pipeline");
    let batch = people();
    let binding = pipeline
        .bind(&batch.schema(), BindOptions::default())
        .expect("columns that fit");
    let mut executor = pipeline.open(&runtime).expect("sessions");
    let stages = executor
        .explain(&runtime, &binding, &batch, 0)
        .expect("an explanation");
    assert_eq!(stages.len(), 2);
    let verdicts = &stages[0]
        .explanation
        .as_ref()
        .expect("rules explain")
        .verdicts;
    assert_eq!(verdicts, &[Verdict::Fired, Verdict::NotFired]);
    assert_eq!(stages[1].gate_passed, Some(true));
    let stages = executor
        .explain(&runtime, &binding, &batch, 1)
        .expect("an explanation");
    assert_eq!(
        (stages[1].gate_passed, stages[1].explanation.is_none()),
        (Some(false), true)
    );
    let stages = executor
        .explain(&runtime, &binding, &batch, 2)
        .expect("an explanation");
    assert_eq!(stages.len(), 1, "the row is dead");
    assert!(stages[0].failure.is_some());
}

#[test]
fn mistakes_in_rules_and_conditions_have_their_places() {
    let runtime = runtime();
    let error = open("[[stage]]\nname = \"a\"\nrules = \"bad.rules\"\n", &runtime)
        .err()
        .expect("bad rules");
    let LoadError::Rules {
        path, diagnostics, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (path.as_str(), diagnostics.is_empty()),
        ("bad.rules", false)
    );
    let manifest = MANIFEST.replace("score > 0.3", "scoer > 0.3");
    let error = open(&manifest, &runtime).err().expect("a bad condition");
    let LoadError::Manifest(diagnostics) = error else {
        panic!("{error}")
    };
    assert_eq!(diagnostics[0].span.text(&manifest), "scoer");
}
