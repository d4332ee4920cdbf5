//! Components that misbehave: the run fails with status 4 and says which stage did what; nothing is written.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the runtime, which use more of it"
)]
#[path = "../../crates/runtime-wasmtime/tests/common/guest.rs"]
mod guest;

use guest::{F64, Guest, at};
use support::{Folder, Ran};

/// Runs a pipeline of this one stage over two rows.
fn run(guest: &Guest, limits: &str) -> (Folder, Ran) {
    let folder = Folder::new();
    folder.write("guest.wasm", guest.component()).write("in.csv", "n\n1\n2\n").write(
        "pipeline.toml",
        format!(
            "[pipeline]\nname = \"p\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"odd\"\ncomponent = \"guest.wasm\"\nlimits = {{ {limits} }}\n"
        ),
    );
    let ran = folder.run("run pipeline.toml -i in.csv -o out.csv --dead-letter dead.ndjson");
    (folder, ran)
}

#[track_caller]
fn fails(guest: &Guest, limits: &str, messages: &[&str]) {
    let (folder, ran) = run(guest, limits);
    let ran = ran.fails(4, &["`odd`"]).fails(4, messages);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(folder.names(), ["guest.wasm", "in.csv", "pipeline.toml"]);
}

const ROOMY: &str = "memory = \"64MiB\", deadline = \"10s\"";

#[test]
fn a_good_guest_runs() {
    let (folder, ran) = run(&Guest::good(), ROOMY);
    ran.done();
    assert_eq!(folder.read("out.csv"), b"n,x\n1,1\n2,2\n");
    assert!(folder.join("dead.ndjson").exists());
}

#[test]
fn a_loop_meets_its_deadline() {
    let guest = Guest::running("(loop $again (br $again))");
    fails(
        &guest,
        "memory = \"64MiB\", deadline = \"50ms\"",
        &["deadline of 50 ms"],
    );
    let guest = Guest::opening("(loop $again (br $again))");
    fails(
        &guest,
        "memory = \"64MiB\", deadline = \"50ms\"",
        &["deadline of 50 ms"],
    );
}

#[test]
fn an_endless_allocation_meets_its_limit() {
    let guest = Guest::running(
        "(loop $again
            (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then (unreachable)))
            (br $again))",
    );
    fails(
        &guest,
        "memory = \"1MiB\", deadline = \"10s\"",
        &["1 MiB of memory"],
    );
}

#[test]
fn an_endless_recursion_is_stopped() {
    fails(
        &Guest::running("(drop (call $recurse (i32.const 0)))"),
        ROOMY,
        &["recursed", "stack"],
    );
}

#[test]
fn a_trap_is_told() {
    fails(&Guest::running("(unreachable)"), ROOMY, &["unreachable"]);
    fails(
        &Guest::running("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        ROOMY,
        &["divide by zero"],
    );
}

#[test]
fn malformed_results_are_told() {
    let mut guest = Guest::good();
    guest.byte(at::BUFFER, F64);
    fails(&guest, ROOMY, &["column `x`", "f64"]);
    let mut guest = Guest::good();
    guest.word(at::COLUMNS_PTR, 0xffff_fff0);
    fails(&guest, ROOMY, &["malformed"]);
    let mut guest = Guest::good();
    guest.row_error(0, 2);
    fails(&guest, ROOMY, &["row 2"]);
}
