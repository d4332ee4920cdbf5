//! Guests that misbehave: each fails with its own kind and message, and takes nothing else down.

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use common::guest::{F64, Guest, LIMITS, at};
use common::{rows, runtime};
use rulestage_pipeline::runtime::{Limits, Runtime, StageFailure, StageFailureKind};
use rulestage_runtime_wasmtime::WasmtimeRuntime;

const SHORT: Limits = Limits {
    deadline_ms: 50,
    ..LIMITS
};
const SMALL: Limits = Limits {
    memory_bytes: 1 << 20,
    ..LIMITS
};

fn process(
    runtime: &WasmtimeRuntime,
    guest: &Guest,
    limits: Limits,
) -> Result<Vec<i64>, StageFailure> {
    let component = runtime.load(&guest.component())?;
    let mut session = runtime.open(&component, &[], limits)?;
    let first = runtime.process(&mut session, &rows(2));
    if let Err(failure) = &first {
        // The session goes on with a fresh instance, and meets the same end.
        let second = runtime.process(&mut session, &rows(2));
        assert_eq!(second.expect_err("it fails again"), *failure);
    }
    let outcome = first?;
    Ok(outcome.columns[0]
        .as_primitive::<Int64Type>()
        .values()
        .to_vec())
}

/// The guest fails so, and the same runtime still runs a good stage.
#[track_caller]
fn fails(guest: &Guest, limits: Limits, kind: StageFailureKind, message: &str) {
    let runtime = runtime();
    let failure = process(&runtime, guest, limits).expect_err("it fails");
    assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    assert_eq!(
        process(&runtime, &Guest::good(), LIMITS).expect("a good stage runs"),
        [1, 2]
    );
}

#[test]
fn a_good_guest() {
    assert_eq!(
        process(&runtime(), &Guest::good(), LIMITS).expect("it runs"),
        [1, 2]
    );
}

#[test]
fn a_good_guest_with_text() {
    let runtime = runtime();
    let component = runtime.load(&Guest::text().component()).expect("it loads");
    let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
    let outcome = runtime.process(&mut session, &rows(2)).expect("it runs");
    let texts: Vec<_> = outcome.columns[0]
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(texts, ["h\u{e9}", "llo"]);
    assert!(
        runtime.outline(&mut session).expect("it answers").is_none(),
        "it has no `explain`"
    );
    let refused = runtime
        .explain(&mut session, &rows(2), 0)
        .expect_err("it has no `explain`");
    assert_eq!(refused.message, "this stage doesn't explain itself");
}

#[test]
fn loops_without_end() {
    let guest = Guest::running("(loop $again (br $again))");
    fails(
        &guest,
        SHORT,
        StageFailureKind::Deadline,
        "stage passed its deadline of 50 ms",
    );
}

#[test]
fn loops_while_it_opens() {
    let guest = Guest::opening("(loop $again (br $again))");
    fails(
        &guest,
        SHORT,
        StageFailureKind::Deadline,
        "stage passed its deadline of 50 ms",
    );
}

#[test]
fn allocates_without_end() {
    let guest = Guest::running(
        "(loop $again
            (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then (unreachable)))
            (br $again))",
    );
    fails(
        &guest,
        SMALL,
        StageFailureKind::Memory,
        "stage wanted more than its 1 MiB of memory",
    );
}

#[test]
fn starts_with_more_memory_than_its_limit() {
    let guest = Guest::good().pages(32);
    fails(
        &guest,
        SMALL,
        StageFailureKind::Memory,
        "stage wanted more than its 1 MiB of memory",
    );
}

#[test]
fn recurses_without_end() {
    let guest = Guest::running("(drop (call $recurse (i32.const 0)))");
    let message = "stage recursed without end (stack overflow)";
    fails(&guest, LIMITS, StageFailureKind::Trap, message);
}

#[test]
fn panics() {
    let message = "stage gave up (it ran into `unreachable`, as a panic does)";
    fails(
        &Guest::running("(unreachable)"),
        LIMITS,
        StageFailureKind::Trap,
        message,
    );
}

#[test]
fn divides_by_zero() {
    let guest = Guest::running("(drop (i32.div_u (i32.const 1) (i32.const 0)))");
    fails(
        &guest,
        LIMITS,
        StageFailureKind::Trap,
        "stage trapped: integer divide by zero",
    );
}

#[test]
fn reads_outside_its_memory() {
    let guest = Guest::running("(drop (i32.load (i32.const -4)))");
    fails(
        &guest,
        LIMITS,
        StageFailureKind::Trap,
        "stage trapped: out of bounds memory access",
    );
}

/// A guest that answers with a malformed outcome.
#[track_caller]
fn breaks_the_contract(change: impl FnOnce(&mut Guest) -> &mut Guest, message: &str) {
    let mut guest = Guest::good();
    change(&mut guest);
    fails(&guest, LIMITS, StageFailureKind::Contract, message);
}

#[test]
fn columns_outside_its_memory() {
    breaks_the_contract(
        |guest| guest.word(at::COLUMNS_PTR, 0xffff_fff0),
        "stage returned malformed data: list pointer/length out of bounds of memory",
    );
    breaks_the_contract(
        |guest| guest.word(at::VALUES_PTR, 0xffff_fff0),
        "stage returned malformed data: list pointer/length out of bounds of memory",
    );
}

#[test]
fn columns_that_are_not_aligned() {
    breaks_the_contract(
        |guest| guest.word(at::VALUES_PTR, at::DATA as u32 + 1),
        "stage returned malformed data: list pointer is not aligned",
    );
}

#[test]
fn a_column_of_another_type() {
    breaks_the_contract(
        |guest| guest.byte(at::BUFFER, F64),
        "column `x` of the component's result has a buffer `f64` where its type is int",
    );
    breaks_the_contract(
        |guest| guest.byte(at::BUFFER, 77),
        "stage returned malformed data: unexpected discriminant: 77",
    );
}

#[test]
fn too_few_and_too_many_values() {
    breaks_the_contract(
        |guest| guest.word(at::LENGTH, 3).word(at::VALUES_LEN, 3),
        "column `x` of the component's result has 3 values, and the batch has 2 rows",
    );
    breaks_the_contract(
        |guest| guest.word(at::COLUMNS_LEN, 0),
        "column `x` of the component's result is missing",
    );
}

#[test]
fn nulls_where_there_are_none() {
    breaks_the_contract(
        |guest| {
            guest
                .byte(at::HAS_VALIDITY, 1)
                .word(at::VALIDITY_PTR, 0)
                .word(at::VALIDITY_LEN, 1)
        },
        "column `x` of the component's result has 2 nulls where its type int has none",
    );
}

#[test]
fn failed_rows_that_are_none() {
    breaks_the_contract(
        |guest| guest.row_error(0, 2),
        "stage reported row 2 as failed, of a batch of 2 rows",
    );
    breaks_the_contract(
        |guest| guest.row_error(0, 1).row_error(1, 1),
        "stage reported failed rows out of order: 1 and then 1",
    );
}

#[test]
fn more_than_it_could_hold() {
    // Thousands of columns that are all the same 60 KiB: small in the guest, large on the host.
    let mut guest = Guest::running(
        "(local.set 2 (i32.const 8192))
         (loop $again
            (memory.copy (local.get 2) (i32.const 576) (i32.const 36))
            (local.set 2 (i32.add (local.get 2) (i32.const 36)))
            (br_if $again (i32.lt_u (local.get 2) (i32.const 60000))))
         (i32.store (i32.const 516) (i32.const 8192))",
    )
    .pages(2);
    guest
        .byte(at::BUFFER, 6)
        .word(at::VALUES_PTR, 0)
        .word(at::VALUES_LEN, 61440);
    guest.word(at::COLUMNS_LEN, 1400);
    let runtime = runtime();
    let failure = process(&runtime, &guest, SMALL).expect_err("it fails");
    assert_eq!(failure.kind, StageFailureKind::Contract, "{failure}");
    assert_eq!(
        process(&runtime, &Guest::good(), LIMITS).expect("a good stage runs"),
        [1, 2]
    );
}

/// Text whose offsets or bytes are malformed.
#[track_caller]
fn malformed_text(change: impl FnOnce(&mut Guest) -> &mut Guest, message: &str) {
    let runtime = runtime();
    let mut guest = Guest::text();
    change(&mut guest);
    let component = runtime.load(&guest.component()).expect("it loads");
    let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
    let failure = runtime
        .process(&mut session, &rows(2))
        .expect_err("it fails");
    assert_eq!(failure.kind, StageFailureKind::Contract);
    assert!(failure.message.starts_with(message), "{failure}");
}

#[test]
fn text_that_is_malformed() {
    let column = "column `x` of the component's result";
    malformed_text(
        |guest| guest.word(at::DATA + 4, 7),
        &format!("{column} has offsets that descend: 7 and then 6"),
    );
    malformed_text(
        |guest| guest.word(at::DATA + 8, 7),
        &format!("{column} has offsets from 0 to 7"),
    );
    malformed_text(
        |guest| guest.word(at::DATA, u32::MAX),
        &format!("{column} has offsets from -1"),
    );
    malformed_text(
        |guest| guest.byte(at::DATA + 64, 0xff),
        &format!("{column} is malformed: "),
    );
    // Cut in the middle of a character.
    malformed_text(
        |guest| guest.word(at::DATA + 4, 2),
        &format!("{column} is malformed: "),
    );
}

#[track_caller]
fn refused(bytes: &[u8], kind: StageFailureKind, message: &str) {
    let runtime = runtime();
    let Err(failure) = runtime.load(bytes) else {
        panic!("it loads")
    };
    assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    assert_eq!(
        process(&runtime, &Guest::good(), LIMITS).expect("a good stage runs"),
        [1, 2]
    );
}

#[test]
fn bytes_that_are_no_component() {
    let malformed = StageFailureKind::Malformed;
    let core = wat::parse_str("(module)").expect("a module");
    refused(
        &core,
        malformed,
        "a core WebAssembly module, not a component; `wasm-tools component new` makes one of it",
    );
    refused(b"", malformed, "the file is empty, not a component");
    refused(
        b"name,age\n",
        malformed,
        "not a WebAssembly component: it doesn't start with the bytes `\\0asm`",
    );
    refused(
        b"\0asm\x0d",
        malformed,
        "a truncated component, or one of an unknown version of WebAssembly",
    );
}

#[test]
fn components_that_are_cut_short() {
    let whole = Guest::good().component();
    let runtime = runtime();
    for length in (0..whole.len()).step_by(97) {
        let Err(failure) = runtime.load(&whole[..length]) else {
            panic!("{length} bytes load")
        };
        let expected = match length {
            // All sections but none of the exports: well-formed, and no stage.
            _ if failure.kind == StageFailureKind::WrongWorld => "the component",
            0 => "the file is empty",
            1..8 => "a truncated component",
            _ => "a malformed or truncated component: ",
        };
        assert!(
            failure.message.starts_with(expected),
            "{length} bytes: {failure}"
        );
    }
}

#[test]
fn components_of_another_world() {
    let component = wat::parse_str(
        r#"(component
            (import "wasi:cli/environment@0.2.0" (instance))
            (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#,
    );
    refused(
        &component.expect("a component"),
        StageFailureKind::WrongWorld,
        "the component wants `wasi:cli/environment@0.2.0`, `wasi:clocks/wall-clock@0.2.0`, which is not \
         granted; granted are `wasi:nn/errors@0.2.0-rc-2024-10-28`, \
         `wasi:nn/graph@0.2.0-rc-2024-10-28`, `wasi:nn/inference@0.2.0-rc-2024-10-28`, \
         `wasi:nn/tensor@0.2.0-rc-2024-10-28`",
    );
    refused(
        &wat::parse_str("(component)").expect("a component"),
        StageFailureKind::WrongWorld,
        "the component is no stage: it doesn't export `rulestage:stage/stage@0.1.0`, but nothing",
    );
}

/// Which rules fired and where others stopped has to be said of the rows that were asked for.
#[test]
fn reasons_of_other_rows_are_refused() {
    let runtime = runtime();
    let reasons = |guest: &Guest| {
        let component = runtime.load(&guest.component()).expect("it loads");
        let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
        let given = runtime.process_with_reasons(&mut session, &rows(2));
        given.map(|(_, reasons)| reasons)
    };
    let sound = reasons(&Guest::explaining()).expect("it is well-behaved");
    assert_eq!((sound.fired_in(0), sound.fired_in(1)), (vec![], vec![0, 3]));
    assert_eq!(sound.stops.of_rule(0).collect::<Vec<_>>(), [1, 0]);
    let refused = |change: &dyn Fn(&mut Guest)| {
        let mut guest = Guest::explaining();
        change(&mut guest);
        let failure = reasons(&guest).expect_err("it is not said of these rows");
        assert_eq!(failure.kind, StageFailureKind::Contract);
        failure.message
    };
    let fired = "the stage's fired rules are not those of 2 rows";
    let stops = "where the stage's conditions stopped is not said for 2 rows";
    let word = |place: usize, word: u32| {
        refused(&|guest| {
            guest.word(place, word);
        })
    };
    assert_eq!(word(at::FIRED_OFFSETS + 8, 2), fired);
    assert_eq!(word(at::EXPLAINED + 40, 2), fired);
    // A byte more, a byte less, rules without bytes, and bytes without rules
    assert_eq!(word(at::EXPLAINED + 32, 3), stops);
    assert_eq!(word(at::EXPLAINED + 32, 1), stops);
    assert_eq!(word(at::EXPLAINED + 32, 0), stops);
    assert_eq!(word(at::EXPLAINED + 24, 0), stops);
    // 254 has no meaning.
    assert_eq!(word(at::STOPS, 254), stops);
    let descending = refused(&|guest| {
        guest.word(at::EXPLAINED + 20, at::FIRED_OFFSETS as u32 + 4);
        guest
            .word(at::EXPLAINED + 24, 2)
            .word(at::FIRED_OFFSETS + 4, 1)
            .word(at::FIRED_OFFSETS + 8, 1);
        guest.word(at::EXPLAINED + 32, 4);
    });
    assert_eq!(descending, stops);
    let outside = word(at::EXPLAINED + 28, 65_535);
    assert!(outside.contains("out of bounds"), "{outside}");
}
