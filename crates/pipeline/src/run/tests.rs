//! The logic between stages, with stages that are functions. The real runtimes have their own tests.

use super::*;
use crate::bind::BindOptions;
use crate::load::{LoadError, ModelRefusal, Source, load};
use crate::manifest::{Manifest, ModelSource};
use crate::runtime::*;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use std::collections::BTreeMap;

type Compute = fn(&RecordBatch) -> Result<Outcome, StageFailure>;

#[derive(Clone)]
struct Function {
    schema: StageSchema,
    parameters: Vec<Parameter>,
    compute: Compute,
}

/// Components are names of functions; whatever is compiled is the gate.
#[derive(Default)]
struct Functions {
    stages: BTreeMap<&'static str, Function>,
}

impl Functions {
    fn with(
        mut self,
        name: &'static str,
        inputs: Vec<Field>,
        outputs: Vec<Field>,
        compute: Compute,
    ) -> Self {
        let schema = StageSchema {
            reads: Vec::new(),
            inputs: Schema::new(inputs).into(),
            outputs: Schema::new(outputs).into(),
        };
        self.stages.insert(
            name,
            Function {
                schema,
                parameters: Vec::new(),
                compute,
            },
        );
        self
    }
}

impl Runtime for Functions {
    type Component = Function;
    type Session = Function;

    fn load(&self, component: &[u8]) -> Result<Function, StageFailure> {
        let name = if component.starts_with(b"\0asm") {
            "gate"
        } else {
            str::from_utf8(component).unwrap_or("")
        };
        let malformed = StageFailure {
            kind: StageFailureKind::Malformed,
            message: "no component".into(),
        };
        self.stages.get(name).cloned().ok_or(malformed)
    }

    fn describe(&self, component: &Function, _: Limits) -> Result<Description, StageFailure> {
        let parameters = component.parameters.clone();
        Ok(Description {
            name: String::new(),
            version: String::new(),
            doc: String::new(),
            parameters,
        })
    }

    fn open(&self, component: &Function, _: &[Value], _: Limits) -> Result<Function, StageFailure> {
        Ok(component.clone())
    }

    fn schema<'a>(&self, session: &'a Function) -> &'a StageSchema {
        &session.schema
    }

    fn process(
        &self,
        session: &mut Function,
        batch: &RecordBatch,
    ) -> Result<Outcome, StageFailure> {
        assert_eq!(batch.schema_ref(), &session.schema.inputs);
        (session.compute)(batch)
    }

    fn outline(&self, _: &mut Function) -> Result<Option<Outline>, StageFailure> {
        Ok(Some(Outline {
            rules: vec![],
            expressions: vec![],
            outputs: vec![],
        }))
    }

    fn explain(
        &self,
        _: &mut Function,
        batch: &RecordBatch,
        row: u32,
    ) -> Result<Explanation, StageFailure> {
        assert_eq!((batch.num_rows(), row), (1, 0));
        Ok(Explanation {
            verdicts: vec![],
            values: vec![],
        })
    }
}

struct Files;

impl Source for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path.strip_suffix(".wasm") {
            Some("lost") | None => Err("there is no such file".into()),
            Some(name) => Ok(name.as_bytes().to_vec()),
        }
    }

    fn compile_model(&self, model: &ModelSource, _file: &[u8]) -> Result<Vec<u8>, ModelRefusal> {
        Err(ModelRefusal {
            message: format!("`{}` is not of these tests", model.path),
            hint: None,
        })
    }
}

const LIMITS: Limits = Limits {
    memory_bytes: 1 << 20,
    deadline_ms: 1000,
};

fn double(name: &str) -> Field {
    Field::new(name, DataType::Float64, false)
}

/// `half = x / 2`; odd rows of negative numbers fail.
fn half(batch: &RecordBatch) -> Result<Outcome, StageFailure> {
    let x = batch.column(0).as_primitive::<Float64Type>();
    let errors = (0..x.len())
        .filter(|row| x.value(*row) < 0.0)
        .map(|row| RowError {
            row: row as u32,
            code: RowErrorCode::Overflow,
            origin: "half".into(),
            message: "it is negative".into(),
        });
    let halves: Float64Array = x
        .values()
        .iter()
        .map(|x| if *x < 0.0 { -1.0 } else { x / 2.0 })
        .collect();
    Ok(Outcome {
        columns: vec![Arc::new(halves)],
        errors: errors.collect(),
    })
}

/// `label = "big"` where half is above 10.
fn label(batch: &RecordBatch) -> Result<Outcome, StageFailure> {
    let half = batch.column(0).as_primitive::<Float64Type>();
    let labels: StringArray = half
        .values()
        .iter()
        .map(|half| Some(if *half > 10.0 { "big" } else { "small" }))
        .collect();
    Ok(Outcome {
        columns: vec![Arc::new(labels)],
        errors: vec![],
    })
}

fn even(batch: &RecordBatch) -> Result<Outcome, StageFailure> {
    let x = batch.column(0).as_primitive::<Float64Type>();
    let even: BooleanArray = x.values().iter().map(|x| Some(x % 2.0 == 0.0)).collect();
    Ok(Outcome {
        columns: vec![Arc::new(even)],
        errors: vec![],
    })
}

fn functions() -> Functions {
    Functions::default()
        .with("half", vec![double("x")], vec![double("half")], half)
        .with(
            "label",
            vec![double("half")],
            vec![Field::new("label", DataType::Utf8, false)],
            label,
        )
        .with(
            "gate",
            vec![double("x")],
            vec![Field::new("result", DataType::Boolean, false)],
            even,
        )
        .with("trap", vec![double("x")], vec![double("y")], |_| {
            Err(StageFailure {
                kind: StageFailureKind::Trap,
                message: "it trapped".into(),
            })
        })
        .with("liar", vec![double("x")], vec![double("y")], |_| {
            Ok(Outcome {
                columns: vec![Arc::new(Float64Array::from(vec![1.0; 3]))],
                errors: vec![],
            })
        })
}

fn pipeline(stages: &str) -> Arc<Pipeline<Functions>> {
    let manifest = Manifest::parse(stages).expect("a good manifest");
    Arc::new(load(manifest, &Files, &functions(), LIMITS).expect("a good pipeline"))
}

const CHAIN: &str = "[[stage]]\nname = \"label\"\ncomponent = \"label.wasm\"\n[[stage]]\nname = \"half\"\ncomponent = \"half.wasm\"\n";

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .expect("a batch")
}

fn xs(values: &[f64]) -> RecordBatch {
    batch(vec![("x", Arc::new(Float64Array::from(values.to_vec())))])
}

fn run_all(
    stages: &str,
    batch: &RecordBatch,
    batch_rows: usize,
    typed: bool,
) -> Result<(String, Vec<(usize, DeadRow)>), RunFailure> {
    let (pipeline, runtime) = (pipeline(stages), functions());
    let binding = pipeline
        .bind(&batch.schema(), BindOptions { typed })
        .expect("columns that fit");
    let mut executor = pipeline.open(&runtime).expect("sessions");
    let (mut rows, mut dead) = (String::new(), Vec::new());
    let mut start = 0;
    while start < batch.num_rows() || (start == 0 && batch.num_rows() == 0) {
        let part = batch.slice(start, batch_rows.min(batch.num_rows() - start));
        let outcome = executor.process(&runtime, &binding, &part, &mut ())?;
        assert_eq!(outcome.output.schema(), binding.output);
        assert_eq!(
            outcome.output.num_rows() + outcome.dead.len(),
            part.num_rows(),
            "no row is lost"
        );
        for row in 0..outcome.output.num_rows() {
            let in_batch = outcome
                .kept
                .as_ref()
                .map_or(row, |kept| kept.value(row) as usize);
            let cells: Vec<String> = outcome
                .output
                .columns()
                .iter()
                .map(|column| format!("{:?}", column.slice(row, 1)))
                .collect();
            rows += &format!(
                "{}: {}\n",
                start + in_batch,
                cells.join(" ").replace(['\n', ' '], "")
            );
        }
        dead.extend(
            outcome
                .dead
                .into_iter()
                .map(|row| (start + row.row_in_batch as usize, row)),
        );
        start += batch_rows.max(1);
    }
    Ok((rows, dead))
}

#[test]
fn stages_run_in_order_and_their_fields_follow_the_input() {
    let (pipeline, runtime) = (pipeline(CHAIN), functions());
    let names: Vec<&str> = pipeline
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(names, ["half", "label"]);
    let input = batch(vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("x", Arc::new(Int64Array::from(vec![2, 40]))),
    ]);
    let binding = pipeline
        .bind(&input.schema(), BindOptions::default())
        .expect("columns that fit");
    let mut executor = pipeline.open(&runtime).expect("sessions");
    let outcome = executor
        .process(&runtime, &binding, &input, &mut ())
        .expect("a result");
    let names: Vec<&str> = binding
        .output
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["id", "x", "half", "label"]);
    assert_eq!(
        outcome.output.column(1),
        input.column(1),
        "input columns stay as they are"
    );
    assert_eq!(
        outcome
            .output
            .column(3)
            .as_string::<i32>()
            .iter()
            .collect::<Vec<_>>(),
        [Some("small"), Some("big")]
    );
    assert_eq!(
        (outcome.stage_rows, outcome.dead.len(), outcome.kept),
        (vec![2, 2], 0, None)
    );
}

#[test]
fn results_do_not_depend_on_batches() {
    let values: Vec<f64> = (0..50)
        .map(|row| {
            if row % 7 == 3 {
                -f64::from(row)
            } else {
                f64::from(row)
            }
        })
        .collect();
    let policies = ["dead-letter", "default"];
    for policy in policies {
        let stages = CHAIN.to_owned() + &format!("on_error = \"{policy}\"\nwhen = \"x > 0.0\"\n");
        let stages = stages.replace(
            "component = \"label.wasm\"\n",
            "component = \"label.wasm\"\non_error = \"dead-letter\"\n",
        );
        let (whole, dead) = run_all(&stages, &xs(&values), 50, false).expect("a result");
        for batch_rows in [1, 3, 16] {
            let (rows, dead_rows) =
                run_all(&stages, &xs(&values), batch_rows, false).expect("a result");
            assert_eq!(rows, whole);
            let plain = |dead: &[(usize, DeadRow)]| -> Vec<String> {
                dead.iter()
                    .map(|(row, dead)| format!("{row} {dead}"))
                    .collect()
            };
            assert_eq!(plain(&dead_rows), plain(&dead));
        }
    }
}

#[test]
fn failed_rows_follow_the_policy() {
    let input = xs(&[2.0, -1.0, 4.0, -2.0]);
    let failure = run_all(CHAIN, &input, 4, false).expect_err("a failed row");
    let RunFailure::Row(row) = failure else {
        panic!("{failure}")
    };
    assert_eq!(
        (row.row_in_batch, row.stage.as_str(), row.code),
        (1, "half", RowErrorCode::Overflow)
    );
    let (rows, dead) = run_all(
        &(CHAIN.to_owned() + "on_error = \"dead-letter\"\n"),
        &input,
        4,
        false,
    )
    .expect("a result");
    assert_eq!(rows.lines().count(), 2);
    assert_eq!(dead.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(
        dead[0].1.to_string(),
        "stage `half`, `half`: it is negative"
    );
    let (rows, dead) = run_all(
        &(CHAIN.to_owned() + "on_error = \"default\"\n"),
        &input,
        4,
        false,
    )
    .expect("a result");
    assert_eq!((rows.lines().count(), dead.len()), (4, 0));
}

#[test]
fn a_gate_keeps_rows_from_a_stage_and_they_get_its_defaults() {
    let stages = "[[stage]]\nname = \"half\"\ncomponent = \"half.wasm\"\nwhen = \"x > 0.0\"\n";
    let (pipeline, runtime) = (pipeline(stages), functions());
    let input = xs(&[1.0, 2.0, 3.0, 4.0]);
    let binding = pipeline
        .bind(&input.schema(), BindOptions::default())
        .expect("columns that fit");
    assert!(
        binding.output.field(1).is_nullable(),
        "rows that do not pass hold null"
    );
    let mut executor = pipeline.open(&runtime).expect("sessions");
    let outcome = executor
        .process(&runtime, &binding, &input, &mut ())
        .expect("a result");
    let half = outcome.output.column(1).as_primitive::<Float64Type>();
    assert_eq!(
        half.iter().collect::<Vec<_>>(),
        [None, Some(1.0), None, Some(2.0)]
    );
    assert_eq!(outcome.stage_rows, [2]);
    let explained = executor
        .explain(&runtime, &binding, &input, 0)
        .expect("an explanation");
    assert_eq!(
        (explained[0].gate_passed, explained[0].explanation.is_some()),
        (Some(false), false)
    );
    let explained = executor
        .explain(&runtime, &binding, &input, 3)
        .expect("an explanation");
    assert_eq!(
        (explained[0].gate_passed, explained[0].explanation.is_some()),
        (Some(true), true)
    );
    assert_eq!(
        explained[0]
            .outputs
            .as_ref()
            .expect("outputs")
            .column(0)
            .as_primitive::<Float64Type>()
            .value(0),
        2.0
    );
}

#[test]
fn cells_that_do_not_convert_are_errors_of_their_rows() {
    let cells: ArrayRef = Arc::new(StringArray::from(vec![
        Some("4"),
        Some("four"),
        None,
        Some("8.50"),
    ]));
    let input = batch(vec![("x", cells)]);
    let failure = run_all(CHAIN, &input, 4, false).expect_err("a failed row");
    assert_eq!(
        failure.to_string(),
        "row 1 of the batch failed in stage `half`, `x`: column `x` can't be read as double: `four` is not a number of type double"
    );
    let stages = CHAIN.to_owned() + "on_error = \"dead-letter\"\n";
    let (rows, dead) = run_all(&stages, &input, 2, false).expect("a result");
    assert!(rows.contains("8.50"), "text stays as it is: {rows}");
    assert_eq!(
        dead[1].1.message,
        "column `x` can't be read as double: it is null"
    );
    let (rows, _) = run_all(&stages, &input, 2, true).expect("a result");
    assert!(
        rows.contains("8.5,") && !rows.contains("8.50"),
        "numbers have one form: {rows}"
    );
}

#[test]
fn zero_rows_run() {
    let (rows, dead) = run_all(CHAIN, &xs(&[]), 8, false).expect("a result");
    assert_eq!((rows.as_str(), dead.len()), ("", 0));
}

#[test]
fn a_stage_that_breaks_is_named() {
    for (name, message) in [
        ("trap", "it trapped"),
        ("liar", "its result does not have 2 rows"),
    ] {
        let stages = format!("[[stage]]\nname = \"bad\"\ncomponent = \"{name}.wasm\"\n");
        let failure = run_all(&stages, &xs(&[1.0, 2.0]), 2, false).expect_err("a broken stage");
        assert!(
            failure
                .to_string()
                .starts_with(&format!("stage `bad`: {message}")),
            "{failure}"
        );
    }
}

#[test]
fn inputs_that_do_not_fit_are_all_reported() {
    let pipeline = pipeline(CHAIN);
    let problems = |input: RecordBatch| {
        let problems = pipeline
            .bind(&input.schema(), BindOptions::default())
            .expect_err("an input that does not fit");
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect::<Vec<_>>()
    };
    let bools: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    assert_eq!(
        problems(batch(vec![("x", bools.clone()), ("label", bools.clone())])),
        [
            "stage `label` produces `label`, and the input already has that column",
            "column `x` is bool?, and stage `half` reads it as double",
        ]
    );
    assert_eq!(
        problems(batch(vec![("X", bools)])),
        ["the input has no column `x` (double), which stage `half` reads and no stage produces"]
    );
}

#[test]
fn what_can_not_be_loaded_is_named() {
    let fail = |stages: &str| {
        let manifest = Manifest::parse(stages).expect("a good manifest");
        load(manifest, &Files, &functions(), LIMITS)
            .err()
            .expect("a pipeline that can't be loaded")
    };
    let error = fail("[[stage]]\nname = \"a\"\ncomponent = \"lost.wasm\"\n");
    assert_eq!(error.to_string(), "`lost.wasm`: there is no such file");
    let error = fail("[[stage]]\nname = \"a\"\ncomponent = \"other.wasm\"\n");
    assert_eq!(error.to_string(), "stage `a`: no component");
    let digest = "0".repeat(64);
    let error = fail(&format!(
        "[[stage]]\nname = \"a\"\ncomponent = \"half.wasm\"\nsha256 = \"{digest}\"\n"
    ));
    assert!(
        error
            .to_string()
            .starts_with("`half.wasm`: its SHA-256 is "),
        "{error}"
    );
    let error = fail("[[stage]]\nname = \"a\"\ncomponent = \"half.wasm\"\nparams = { cut = 1 }\n");
    let LoadError::Manifest(diagnostics) = error else {
        panic!("{error}")
    };
    assert_eq!(diagnostics[0].message, "stage `a` has no parameter `cut`");
    let twice = "[[stage]]\nname = \"a\"\ncomponent = \"half.wasm\"\n[[stage]]\nname = \"b\"\ncomponent = \"half.wasm\"\n";
    assert_eq!(
        fail(twice).to_string(),
        "stages `a` and `b` both produce `half`"
    );
    let error = fail("[[stage]]\nname = \"a\"\ncomponent = \"half.wasm\"\nwhen = \"y > 1.0\"\n");
    let LoadError::Manifest(diagnostics) = error else {
        panic!("{error}")
    };
    assert!(diagnostics[0].message.contains("`y`"), "{diagnostics:?}");
}
