//! Every component that the compiler emits is valid, imports nothing, and stays small.

use rulestage_rule_compiler::{codegen, compile, compile_without_explain};
use std::path::PathBuf;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

fn sources() -> Vec<(PathBuf, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["tests/cases/codegen", "../../examples/flight-desk"] {
        for entry in std::fs::read_dir(root.join(folder)).expect(folder) {
            let path = entry.expect(folder).path();
            if path
                .extension()
                .is_some_and(|extension| extension == "rules")
            {
                sources.push((
                    path.clone(),
                    std::fs::read_to_string(&path).expect("a readable source"),
                ));
            }
        }
    }
    assert!(sources.len() >= 6, "the cases and the example are there");
    sources
}

#[test]
fn every_component_is_valid_and_imports_nothing() {
    for (path, source) in sources() {
        let compilation = compile(&source);
        let artifact = compilation
            .artifact
            .unwrap_or_else(|| panic!("{}: {:?}", path.display(), compilation.diagnostics));
        for bytes in [
            &artifact.component,
            &codegen::generate_core_module(&artifact.ruleset, &source, true),
        ] {
            let mut validator = Validator::new_with_features(WasmFeatures::default());
            validator
                .validate_all(bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(&artifact.component) {
            match payload.expect("valid, as just seen") {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    panic!("{} imports {} things", path.display(), imports.count())
                }
                _ => {}
            }
        }
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    for (path, source) in sources() {
        let bytes = || compile(&source).artifact.map(|artifact| artifact.component);
        assert_eq!(bytes(), bytes(), "{}", path.display());
    }
}

/// The code that reads and writes JSON is 65 kB.
#[test]
fn typed_lists_bring_no_json() {
    let artifact = compile(
        r#"ruleset typed {
          input { tags: list<string>  items: list<{price: double, qty: int?}> }
          output { ok: bool = false }
          rule one { when "x" in tags && items.exists(i, i.price > 1.0 && i.qty > 0) then { ok = true } }
        }"#,
    )
    .artifact
    .expect("it compiles");
    assert!(
        artifact.component.len() <= 20 * 1024,
        "{} bytes",
        artifact.component.len()
    );
}

#[test]
fn the_reference_rule_is_at_most_8_kilobytes() {
    let source = include_str!("cases/codegen/reference.rules");
    let explained = compile(source).artifact.expect("it compiles").component;
    assert!(explained.len() <= 8_000, "{} bytes", explained.len());
    let silent = compile_without_explain(source).artifact;
    let silent = silent.expect("it compiles").component;
    assert!(silent.len() <= 4 * 1024, "{} bytes", silent.len());
}

/// What explains 2,000 rules of the same form is data: some 150 bytes for each.
#[test]
fn large_rule_sets_are_small_for_each_rule() {
    const N_RULES: usize = 2_000;
    let mut source = "ruleset large { input { name: string  amount: double }\n\
                      output { points: int = 0 merge sum }\n"
        .to_owned();
    for rule in 0..N_RULES {
        source += &format!(
            "rule r{rule} {{ when name == \"m{rule}\" && amount > {rule}.0 then {{ points = {rule} }} }}\n"
        );
    }
    source += "}";
    let artifact = compile(&source).artifact.expect("it compiles");
    let silent = compile_without_explain(&source).artifact;
    let silent = silent.expect("it compiles").component.len() / N_RULES;
    let explained = artifact.component.len() / N_RULES - silent;
    assert!(silent <= 145, "{silent} bytes");
    assert!(explained <= 150, "{explained} bytes");
}
