//! `split-module MODULE.wasm LATER.wasm`: moves what only doors reach from a module into a second one.

use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [module_path, later_path] = arguments.as_slice() else {
        return Err("usage: split-module MODULE.wasm LATER.wasm".into());
    };
    let module =
        fs::read(module_path).map_err(|error| format!("cannot read `{module_path}`: {error}"))?;
    let parts = rulestage_module_parts::split(&module)
        .map_err(|error| format!("cannot split `{module_path}`: {error}"))?;
    for (path, bytes) in [(later_path, parts.later), (module_path, parts.first)] {
        fs::write(path, bytes).map_err(|error| format!("cannot write `{path}`: {error}"))?;
    }
    Ok(())
}
