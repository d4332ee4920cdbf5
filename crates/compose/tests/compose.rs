//! Small components in place of stage and engine; the command line's tests compose real ones.

use rulestage_compose::{ComposeErrorKind, INTERFACES, Parts, STAGE, join, with_models};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

fn component(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {body})")).expect("WebAssembly text")
}

fn empty_export(name: &str) -> String {
    format!(
        "(instance ${0}) (export \"{name}\" (instance ${0}))",
        name.replace(['/', ':', '@'], "-")
    )
}

fn import(name: &str) -> String {
    format!("(import \"{name}\" (instance))")
}

fn stage() -> Vec<u8> {
    component(&format!(
        "{}{}{}",
        import(INTERFACES[3]),
        import(INTERFACES[1]),
        empty_export(STAGE)
    ))
}

/// Two pages of memory, one segment, and the slot at 16.
const MODULE: &str = r#"(core module
    (memory (export "memory") 2)
    (global (export "RULESTAGE_MODELS") i32 (i32.const 16))
    (data (i32.const 0) "before"))"#;

fn engine() -> Vec<u8> {
    let exports: Vec<String> = INTERFACES.iter().map(|name| empty_export(name)).collect();
    component(&format!("(core module) {MODULE} {}", exports.concat()))
}

fn validate(bytes: &[u8]) {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    validator.validate_all(bytes).expect("a valid component");
}

fn refused(
    result: Result<Vec<u8>, rulestage_compose::ComposeError>,
    kind: ComposeErrorKind,
    message: &str,
) {
    let error = result.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn joined_components_are_valid_and_come_apart_again() {
    let (engine, stage) = (engine(), stage());
    let joined = join(&engine, &stage).expect("they fit");
    validate(&joined);
    let parts = Parts::of(&joined).expect("it was joined");
    assert_eq!(
        (parts.engine, parts.stage),
        (engine.as_slice(), stage.as_slice())
    );
    assert_eq!(Parts::of(&stage), None);
    assert_eq!(Parts::of(&joined[..joined.len() - 1]), None);
    // The same parts, put together in another way.
    let mut other = joined;
    other.extend_from_slice(&[0, 2, 1, b'x']);
    validate(&other);
    assert_eq!(Parts::of(&other), None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (engine, stage) = (engine(), stage());
    let not_a_stage = ComposeErrorKind::NotAStage;
    refused(
        join(&engine, &engine),
        not_a_stage,
        "it doesn't export `rulestage:stage/stage@0.1.0`",
    );
    refused(
        join(&engine, &component(&empty_export(STAGE))),
        not_a_stage,
        "imports nothing",
    );
    let clock = component(&format!(
        "{}{}",
        import("wasi:clocks/monotonic-clock@0.2.0"),
        empty_export(STAGE)
    ));
    refused(
        join(&engine, &clock),
        not_a_stage,
        "`wasi:clocks/monotonic-clock@0.2.0`",
    );
    refused(
        join(&stage, &stage),
        ComposeErrorKind::NotAnEngine,
        "no engine",
    );
    refused(
        join(&engine, b"\0asm"),
        ComposeErrorKind::Malformed,
        "not a WebAssembly component",
    );
    refused(
        with_models(&stage, &[]),
        ComposeErrorKind::NotAnEngine,
        "RULESTAGE_MODELS",
    );
    refused(
        with_models(&engine[..engine.len() - 3], &[]),
        ComposeErrorKind::Malformed,
        "not a whole",
    );
}

#[test]
fn models_are_data_past_the_end_of_the_memory() {
    let file = vec![7; 70_000];
    let engine = with_models(&engine(), &[("a", &file), ("b", b"xyz")]).expect("it takes them");
    validate(&engine);
    let (mut pages, mut segments) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(&engine) {
        match payload.expect("it parses") {
            Payload::MemorySection(section) => {
                pages = section
                    .into_iter()
                    .next()
                    .expect("one")
                    .expect("memory")
                    .initial;
            }
            Payload::DataSection(section) => {
                segments = section
                    .into_iter()
                    .map(|s| s.expect("data").data.to_vec())
                    .collect();
            }
            _ => {}
        }
    }
    let sizes = [1_u32, 70_000, 1, 3].map(u32::to_le_bytes);
    let archive = [
        &sizes[0][..],
        b"a",
        &sizes[1],
        &file,
        &sizes[2],
        b"b",
        &sizes[3],
        b"xyz",
    ]
    .concat();
    let place = [
        (2 * 65_536_u32).to_le_bytes(),
        (archive.len() as u32).to_le_bytes(),
    ]
    .concat();
    assert_eq!(segments, [b"before".to_vec(), archive, place]);
    assert_eq!(pages, 4);
}
