//! A module in two, each part of it valid, and together what the whole was.

use rulestage_module_parts::{FIRST, split};
use wasmparser::{Parser, Payload, Validator};

/// `shared` is called from both sides, `own` from behind the door alone, `held` may be called through the table.
const WHOLE: &str = r#"(module
    (import "host" "told" (func $told (param i32)))
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 64))
    (table 2 2 funcref)
    (elem (i32.const 1) $held)
    (func $shared (param i32) (result i32) (i32.add (local.get 0) (global.get $top)))
    (func $own (param i32) (result i32) (call $told (local.get 0)) (call $shared (local.get 0)))
    (func $held (result i32) (i32.const 3))
    (func $work (export "later:work") (param i32) (result i32) (call $own (local.get 0)))
    (func (export "run") (result i32) (drop (call $shared (i32.const 1))) (call $work (i32.const 2))))"#;

fn imports_of(module: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload.expect("a module") {
            for import in section.into_imports() {
                let import = import.expect("an import");
                found.push((import.module.to_owned(), import.name.to_owned()));
            }
        }
    }
    found
}

#[test]
fn both_parts_are_valid_and_the_second_takes_the_rest_from_the_first() {
    let whole = wat::parse_str(WHOLE).expect("a module");
    let parts = split(&whole).expect("it has a door");
    for part in [&parts.first, &parts.later] {
        Validator::new().validate_all(part).expect("a valid part");
    }
    assert_eq!(imports_of(&parts.first), imports_of(&whole));
    let imports = imports_of(&parts.later);
    assert!(
        imports.iter().all(|(module, _)| module == FIRST),
        "{imports:?}"
    );
    // Told, shared, memory, table and global.
    assert_eq!(imports.len(), 5, "{imports:?}");
}

#[test]
fn parts_of_different_modules_do_not_link() {
    let memory_of = |text: &str| {
        let parts = split(&wat::parse_str(text).expect("a module")).expect("it has a door");
        let imports = imports_of(&parts.later);
        let memory = imports.into_iter().find(|(_, name)| name.starts_with('m'));
        memory.expect("a memory").1
    };
    let other = WHOLE.replace("i32.const 3", "i32.const 4");
    assert_ne!(memory_of(WHOLE), memory_of(&other));
}

#[test]
fn a_module_without_doors_is_refused() {
    let module = wat::parse_str("(module)").expect("a module");
    let error = split(&module).expect_err("there is no door");
    assert_eq!(error.to_string(), "no export starts with `later:`");
}
