//! `componentize CORE.wasm OUT.wasm`: wraps a core module as a component.
//!
//! The build runs it over the stages under `components/`: wit-bindgen leaves their world in a custom
//! section, and the component is made from that alone, without adapters and so without WASI.

use std::error::Error;
use std::path::Path;
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [core_path, component_path] = arguments.as_slice() else {
        return Err("usage: componentize CORE.wasm OUT.wasm".into());
    };
    let core_module =
        fs::read(core_path).map_err(|error| format!("cannot read `{core_path}`: {error}"))?;
    let component = componentize::componentize(&core_module)?;
    write_if_changed(Path::new(component_path), &component)
        .map_err(|error| format!("cannot write `{component_path}`: {error}"))?;
    Ok(())
}

/// Leaves a file that already has these bytes untouched, so that nothing that depends on it is rebuilt.
fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|current| current == bytes) {
        return Ok(());
    }
    fs::write(path, bytes)
}
