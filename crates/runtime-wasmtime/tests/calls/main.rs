//! Calls into a component's core module give what calls through the component give, to the last word of an error.

#[path = "../common/mod.rs"]
mod common;
mod single_rows;
mod values;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use common::guest::{BYTES, F64, Guest, LIMITS, S64, TEXT, at};
use common::{built_component, rows};
use rulestage_pipeline::runtime::{
    Limits, Outcome, Runtime, StageFailure, StageFailureKind, StageSchema, Value,
};
use rulestage_runtime_wasmtime::{Calls, Config, StageComponent, WasmtimeRuntime};
use values::{same, values};

fn runtime(calls: Calls) -> WasmtimeRuntime {
    let config = Config {
        calls,
        ..Config::default()
    };
    WasmtimeRuntime::new(config).expect("wasmtime starts")
}

/// Loads the component for both ways of calling, and checks which way the first one takes.
#[track_caller]
fn both(component: &[u8], is_direct: bool) -> [(WasmtimeRuntime, StageComponent); 2] {
    [Calls::Direct, Calls::Linked].map(|calls| {
        let runtime = runtime(calls);
        let loaded = runtime.load(component).expect("it loads");
        assert_eq!(
            loaded.is_called_directly(),
            is_direct && calls == Calls::Direct
        );
        (runtime, loaded)
    })
}

/// All that a stage says of itself and of a batch, twice, or where it fails.
fn answers(
    runtime: &WasmtimeRuntime,
    component: &StageComponent,
    parameters: &[Value],
    limits: Limits,
    batch: impl Fn(&StageSchema) -> RecordBatch,
) -> Vec<Result<String, StageFailure>> {
    let mut answers = Vec::new();
    let describe = runtime.describe(component, limits);
    answers.push(describe.map(|description| format!("{description:?}")));
    let mut session = match runtime.open(component, parameters, limits) {
        Ok(session) => session,
        Err(failure) => {
            answers.push(Err(failure));
            return answers;
        }
    };
    let schema = runtime.schema(&session).clone();
    answers.push(Ok(format!("{schema:?}")));
    let batch = batch(&schema);
    let text = |outcome: Outcome| format!("{outcome:?}");
    for _ in 0..2 {
        let outcome = runtime.process(&mut session, &batch);
        answers.push(outcome.map(text));
        let outcome = runtime.process_with_reasons(&mut session, &batch);
        answers.push(outcome.map(|(outcome, reasons)| format!("{} {reasons:?}", text(outcome))));
        for row in 0..batch.num_rows() {
            let outcome = session.process_row(&values(&batch, row));
            let alone = outcome.cloned();
            if let Ok(alone) = &alone
                && batch.num_columns() > 0
            {
                let batch = batch.slice(row, 1);
                let outcome = runtime.process(&mut session, &batch);
                same(alone, &outcome.expect("a row that runs alone"));
            }
            answers.push(alone.map(|outcome| format!("{outcome:?}")));
        }
        let outline = runtime.outline(&mut session);
        answers.push(outline.map(|outline| format!("{outline:?}")));
        let explanation = runtime.explain(&mut session, &batch, 1);
        answers.push(explanation.map(|explanation| format!("{explanation:?}")));
    }
    answers
}

/// A guest that changes one word of its memory when it opens: the address and the value are parameters.
const CHANGE: &str =
    "(i32.store (i32.load offset=8 (local.get 0)) (i32.load offset=32 (local.get 0)))";

/// Numbers that are cases, lengths, addresses, or far from all of them.
const WORDS: [u32; 22] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    13,
    77,
    0x0101,
    at::DATA as u32,
    at::DATA as u32 + 1,
    at::DATA as u32 + 4,
    4000,
    65_500,
    65_535,
    65_536,
    65_540,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
];

/// What a guest without rules answers.
const OF_STAGE: [(usize, usize); 9] = [
    (at::SCHEMA, 16),
    (at::FIELD, 24),
    (at::NODE, 16),
    (at::NAME, 4),
    (at::OPENED, 20),
    (at::OUTCOME, 20),
    (at::ARRAY, 36),
    (at::DATA, 12),
    (at::ROW_ERRORS, 48),
];

/// What it answers of rules.
const OF_EXPLAIN: [(usize, usize); 10] = [
    (at::EXPLAINED, 52),
    (at::FIRED_OFFSETS, 12),
    (at::FIRED, 4),
    (at::STOPPED, 4),
    (at::STOPS, 4),
    (at::OUTLINE, 24),
    (at::RULE, 24),
    (at::EXPRESSION, 28),
    (at::EXPLANATION, 20),
    (at::VERDICT, 32),
];

/// Every word of these parts of what the guest answers, changed to anything.
#[track_caller]
fn every_word_changed(mut guest: Guest, parts: &[(usize, usize)]) {
    let explains = parts == OF_EXPLAIN;
    // Room for two failed rows, which changes of the length bring to light.
    guest.row_error(0, 0).row_error(1, 1);
    guest.word(at::ERRORS_LEN, 1);
    let ways = both(&guest.component(), true);
    let (mut n_failed, mut n_answered) = (0, 0);
    for (start, len) in parts.iter().copied() {
        for (address, word) in (start..start + len)
            .step_by(4)
            .flat_map(|address| WORDS.map(|word| (address, word)))
        {
            let parameters = [address as i64, i64::from(word)].map(Value::Int);
            let [direct, linked] = ways.each_ref().map(|(runtime, component)| {
                answers(runtime, component, &parameters, LIMITS, |_| rows(2))
            });
            assert_eq!(direct, linked, "{word} at {address}");
            let mut of_batch = direct.iter().skip(2);
            let is_answered = match explains {
                // What `process-with-reasons`, `describe-rules` and `explain-row` give
                true => [3, 6, 7]
                    .map(|at| direct.get(at))
                    .iter()
                    .all(|answer| matches!(answer, Some(Ok(_)))),
                false => of_batch.any(|answer| answer.as_ref().is_ok_and(|text| text != "None")),
            };
            match is_answered {
                true => n_answered += 1,
                false => n_failed += 1,
            }
        }
    }
    assert!(
        n_failed > 100 && n_answered > 100,
        "{n_failed} failed, {n_answered} answered"
    );
}

#[test]
fn every_word_of_numbers_changed() {
    every_word_changed(Guest::opening(CHANGE), &OF_STAGE);
}

#[test]
fn every_word_of_text_changed() {
    let mut guest = Guest::text();
    guest.open(CHANGE);
    every_word_changed(guest, &OF_STAGE);
}

#[test]
fn every_word_of_explanations_changed() {
    let mut guest = Guest::explaining();
    guest.open(CHANGE);
    every_word_changed(guest, &OF_EXPLAIN);
}

#[test]
fn guests_that_misbehave() {
    let short = Limits {
        deadline_ms: 50,
        ..LIMITS
    };
    let small = Limits {
        memory_bytes: 1 << 20,
        ..LIMITS
    };
    let grow = "(loop $again
        (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then (unreachable)))
        (br $again))";
    let refused = "(drop (memory.grow (i32.const 4096)))";
    let mut malformed = Guest::running(refused);
    malformed.byte(at::BUFFER, 77);
    let mut wrong_type = Guest::running(refused);
    wrong_type.byte(at::BUFFER, F64);
    let mut text = Guest::good();
    text.byte(at::NODE, TEXT).byte(at::BUFFER, BYTES);
    let mut flags = Guest::good();
    flags.byte(at::BUFFER, S64).byte(at::HAS_VALIDITY, 2);
    let handle = |handle: u32| {
        Guest::opening(&format!(
            "(drop (call $new (i32.const 7))) (i32.const {opened}) (i32.store (i32.const {place}) (i32.const {handle})) (return)",
            opened = at::OPENED,
            place = at::OPENED + 4
        ))
    };
    let cases = [
        (Guest::running("(loop $again (br $again))"), short),
        (Guest::opening("(loop $again (br $again))"), short),
        (Guest::running(grow), small),
        (Guest::opening(grow), small),
        (Guest::good().pages(32), small),
        (malformed, small),
        (wrong_type, small),
        (
            Guest::running("(drop (call $recurse (i32.const 0)))"),
            LIMITS,
        ),
        (Guest::running("(unreachable)"), LIMITS),
        (Guest::running("(drop (i32.load (i32.const -4)))"), LIMITS),
        (
            Guest::running("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
            LIMITS,
        ),
        (Guest::running("(drop (call $new (i32.const 3)))"), LIMITS),
        (handle(0), LIMITS),
        (handle(1), LIMITS),
        (handle(2), LIMITS),
        (Guest::allocating("(i32.const 2)"), LIMITS),
        (Guest::allocating("(i32.const 65536)"), LIMITS),
        (Guest::allocating("(i32.const -8)"), LIMITS),
        (Guest::allocating("(unreachable)"), LIMITS),
        (Guest::allocating("(call $new (i32.const 3))"), LIMITS),
        (
            Guest::allocating("(loop $again (br $again)) (unreachable)"),
            short,
        ),
        (Guest::releasing(""), LIMITS),
        (Guest::releasing("(unreachable)"), LIMITS),
        (Guest::releasing("(drop (call $new (i32.const 3)))"), LIMITS),
        (Guest::releasing("(loop $again (br $again))"), short),
        (text, LIMITS),
        (flags, LIMITS),
    ];
    for (index, (guest, limits)) in cases.into_iter().enumerate() {
        let ways = both(&guest.component(), true);
        let [direct, linked] = ways.each_ref().map(|(runtime, component)| {
            answers(runtime, component, &[Value::Int(1)], limits, |_| rows(2))
        });
        assert_eq!(direct, linked, "case {index}");
    }
}

/// Rules of all sorts: parameters, nulls, texts, lists, maps, failed rows.
const RULES: [&str; 3] = [
    r#"ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok {
    when age >= 18 && country in ["CZ", "DE", "FR"] && score > 0.75
    then { eligible = true }
  }
}"#,
    r#"ruleset sorts {
  input { age: int  country: string  score: double? }
  param limit: double = 0.5
  param name: string = "CZ"
  output {
    texts: list<string> = [] merge collect
    share: double? merge first
    kind: string = "none"
  }
  let ratio = 100 / age
  rule texts { when country == name then { texts = [country + "-" + string(age), "é"], kind = country } }
  rule shares { when score > limit then { share = score / double(ratio), texts = "share" } else { texts = "less" } }
}"#,
    r#"ruleset refused {
  input { age: int  country: string  score: double }
  param limit: int = 3
  output { high: bool = false }
  rule high { when age > limit then { high = true } }
}"#,
];

fn people(schema: &StageSchema) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![18, 0, i64::MAX, -3, 40])),
        Arc::new(StringArray::from(vec!["CZ", "", "Česko", "DE", "FR"])),
        Arc::new(Float64Array::from_iter_values([
            0.8,
            f64::NAN,
            1e300,
            0.1,
            0.9,
        ])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema.inputs), columns);
    batch.expect("columns of the session's schema").slice(1, 4)
}

#[test]
fn rules() {
    for source in RULES {
        let compilation = rulestage_rule_compiler::compile(source);
        let artifact = compilation.artifact;
        let component = artifact
            .unwrap_or_else(|| panic!("{:?}", compilation.diagnostics))
            .component;
        let ways = both(&component, true);
        let given = [
            vec![],
            vec![Value::Absent],
            vec![Value::Int(17)],
            vec![
                Value::Double(0.2),
                Value::Texts(vec!["DE".into(), "Č".into()]),
            ],
            vec![Value::Text("x".into()), Value::Absent],
        ];
        for parameters in given {
            let [direct, linked] = ways.each_ref().map(|(runtime, component)| {
                answers(runtime, component, &parameters, LIMITS, people)
            });
            assert_eq!(direct, linked, "{parameters:?}");
        }
    }
}

#[test]
fn what_is_not_only_a_core_module_is_called_through_its_component() {
    let has_imports = built_component("tabular");
    both(&has_imports, false);
    // The same stage, but with a function under another name in its core module.
    let good = Guest::good().component();
    let renamed = replaced(&good, b"@0.1.0#describe", b"@0.1.0#descrybe");
    let ways = both(&renamed, false);
    let [first, second] = ways
        .each_ref()
        .map(|(runtime, component)| answers(runtime, component, &[], LIMITS, |_| rows(2)));
    assert_eq!(first, second);
    assert!(first[2].is_ok(), "it is a stage nevertheless");
    // An allocator of another name.
    let renamed = replaced(&good, b"cabi_realloc", b"other_reallo");
    both(&renamed, false);
    let failure = runtime(Calls::Direct).load(&good[..good.len() - 1]).err();
    assert_eq!(
        failure.map(|failure| failure.kind),
        Some(StageFailureKind::Malformed)
    );
}

/// All places changed, of which there must be more than one: where it is exported and where it is used.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let mut n = 0;
    for start in 0..=bytes.len() - from.len() {
        if bytes[start..].starts_with(from) {
            changed[start..start + to.len()].copy_from_slice(to);
            n += 1;
        }
    }
    assert!(n > 1 && from.len() == to.len());
    changed
}
