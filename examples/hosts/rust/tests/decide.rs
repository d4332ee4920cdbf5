//! The program decides the example's orders.

use std::path::Path;
use std::process::Command;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[test]
fn orders_are_decided() -> Result {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = std::fs::read_to_string(example.join("discount.rules"))?;
    let compiled = rulestage_rule_compiler::compile(&source);
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("discount.wasm");
    std::fs::write(
        &component,
        compiled.artifact.ok_or("it does not compile")?.component,
    )?;
    let output = Command::new(env!("CARGO_BIN_EXE_rulestage-host-example"))
        .arg(&component)
        .arg(example.join("orders.ndjson"))
        .output()?;
    assert_eq!(String::from_utf8(output.stderr)?, "");
    assert_eq!(
        String::from_utf8(output.stdout)?,
        std::fs::read_to_string(example.join("decisions.ndjson"))?
    );
    Ok(())
}
