//! Any expression, run: no trap, the same results whatever the size of the batches, and the results of the independent
//! evaluator where that knows every function. Fuzzing calls `exercise` (`fuzz/fuzz_targets/run.rs`); the test below does
//! with the kept corpus and a fixed stream of mutations of it.

use crate::evaluate::{Value, evaluate_row};
use crate::generate::{Random, value, variables};
use crate::stage::{agree, as_stored, run};
use rulestage_rule_compiler::compile_expression;
use rulestage_rule_compiler::ir::RuleSet;
use rulestage_rule_compiler::types::Column;
use rulestage_runtime_wasmtime::WasmtimeRuntime;

const N_ROWS: usize = 12;

/// Panics where something is wrong; otherwise whether the expression compiles.
pub(crate) fn exercise(runtime: &WasmtimeRuntime, source: &str) -> bool {
    let Some(artifact) = compile_expression(source, &variables(), "").artifact else {
        return false;
    };
    let ruleset = &artifact.ruleset;
    let mut random = Random::new(0x5eed_0000_0000_0001);
    let row = |random: &mut Random| {
        let inputs = ruleset.inputs.iter();
        inputs.map(|input| value(random, &input.ty)).collect()
    };
    let rows: Vec<Vec<Value>> = (0..N_ROWS).map(|_| row(&mut random)).collect();
    let results = |batch_len| {
        run(runtime, &artifact.component, ruleset, &rows, batch_len)
            .unwrap_or_else(|error| panic!("{error}: {source}"))
    };
    let together = results(N_ROWS);
    for (row, (a, b)) in together.iter().zip(&results(1)).enumerate() {
        assert!(
            agree(a, b),
            "row {row} depends on the batch: {source}\n  {a:?}\n  {b:?}"
        );
    }
    if !is_known(ruleset) {
        return true;
    }
    for (row, actual) in rows.iter().zip(&together) {
        let expected = evaluate_row(ruleset, row).map(|values| {
            let stored = values.into_iter().zip(&ruleset.outputs);
            stored
                .map(|(value, output)| match output.ty.column() {
                    Column::Dynamic => value,
                    _ => as_stored(value),
                })
                .collect()
        });
        assert!(
            agree(&expected, actual),
            "{source}\n  with     {row:?}\n  expected {expected:?}\n  got      {actual:?}"
        );
    }
    true
}

/// What the independent evaluator has not: bits and rounding.
const UNKNOWN: [&str; 14] = [
    "Abs",
    "Ceil",
    "Floor",
    "Round",
    "Trunc",
    "Sqrt",
    "RoundToFloat",
    "IsNan",
    "IsInf",
    "IsFinite",
    "BitAnd",
    "BitOr",
    "BitXor",
    "BitNot",
];

/// Whether the independent evaluator has all functions that are called. Of the helpers it has one, and those of decimals.
fn is_known(ruleset: &RuleSet) -> bool {
    let text = format!("{ruleset:?}");
    let mut helpers = text.split("Helper(\"").skip(1);
    let mut functions = text.split("Call(").skip(1);
    helpers.all(|rest| rest.starts_with("list_concat\"") || rest.starts_with("decimal_"))
        && functions.all(|rest| {
            let name = rest.split(',').next().unwrap_or_default();
            !UNKNOWN.contains(&name)
        })
}

#[cfg(test)]
mod tests {
    use super::{Random, WasmtimeRuntime, exercise};
    use rulestage_runtime_wasmtime::Config;
    use std::path::PathBuf;

    const N_MUTATIONS: usize = 600;

    fn corpus() -> Vec<String> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/run");
        let mut paths: Vec<PathBuf> = std::fs::read_dir(path)
            .expect("the corpus")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        let texts = paths.iter().map(std::fs::read_to_string);
        texts.map(|text| text.expect("UTF-8")).collect()
    }

    /// The places of what stands between brackets, and of words.
    fn pieces(source: &str) -> Vec<(usize, usize)> {
        let mut pieces = Vec::new();
        let mut open = Vec::new();
        let mut word = None;
        for (at, each) in source.char_indices() {
            let is_word = each.is_alphanumeric() || each == '_' || each == '\'';
            match (word, is_word) {
                (None, true) => word = Some(at),
                (Some(start), false) => {
                    pieces.push((start, at));
                    word = None;
                }
                _ => {}
            }
            match each {
                '(' | '[' | '{' => open.push(at),
                ')' | ']' | '}' => {
                    if let Some(start) = open.pop() {
                        pieces.push((start + 1, at));
                        pieces.push((start, at + 1));
                    }
                }
                _ => {}
            }
        }
        pieces
    }

    /// The source with a piece of it replaced by one of another.
    fn cross(source: &str, other: &str, random: &mut Random) -> String {
        let (to, from) = (pieces(source), pieces(other));
        if to.is_empty() || from.is_empty() {
            return other.to_owned();
        }
        let (start, end) = to[random.below(to.len())];
        let (from_start, from_end) = from[random.below(from.len())];
        [
            &source[..start],
            &other[from_start..from_end],
            &source[end..],
        ]
        .concat()
    }

    #[test]
    fn the_corpus_and_its_mutations_run() {
        let runtime = WasmtimeRuntime::new(Config::default()).expect("wasmtime starts");
        let mut random = Random::new(0x00c0_ffee_0000_0001);
        let mut pool = corpus();
        for source in &pool {
            assert!(exercise(&runtime, source), "does not compile: {source}");
        }
        let mut n_run = 0;
        for _ in 0..N_MUTATIONS {
            let (a, b) = (random.below(pool.len()), random.below(pool.len()));
            let source = cross(&pool[a], &pool[b], &mut random);
            if source.len() < 400 && exercise(&runtime, &source) {
                n_run += 1;
                pool.push(source);
            }
        }
        assert!(n_run > N_MUTATIONS / 10, "{n_run} mutations compile");
    }
}
