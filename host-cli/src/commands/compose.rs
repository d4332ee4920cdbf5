//! `rulestage compose`

use crate::args::Compose;
use crate::failure::{Failure, Result, Status};
use crate::{input, output, render};
use rulestage_compose::{ComposeError, join, with_models};
use rulestage_inference::{Limits, Model};
use std::env;
use std::path::{Path, PathBuf};

const ENGINE: &str = "nn-engine.wasm";

/// Puts the models into the engine, joins it with the stage and writes the component.
pub(crate) fn compose(args: &Compose) -> Result<Status> {
    let stage = input::read(&args.stage)?;
    let engine_path = match args.with_engine.clone().flatten() {
        Some(path) => path,
        None => built_engine()?,
    };
    let engine = input::read(&engine_path)?;
    let models = args
        .model
        .iter()
        .map(|model| read_model(model))
        .collect::<Result<Vec<_>>>()?;
    for (index, (name, _)) in models.iter().enumerate() {
        if models[..index].iter().any(|(other, _)| other == name) {
            let message = format!("there are two models called `{name}`");
            let hint = "name them, as in `--model other=FILE`";
            return Err(Failure::new(Status::Usage, message).with_hint(hint));
        }
    }
    let models: Vec<(&str, &[u8])> = models
        .iter()
        .map(|(name, file)| (name.as_str(), file.as_slice()))
        .collect();
    let engine = with_models(&engine, &models).map_err(|error| refused(&engine_path, &error))?;
    let component = join(&engine, &stage).map_err(|error| refused(&args.stage, &error))?;
    if args.output == Path::new("-") {
        render::print(component)?;
    } else {
        output::write_file(&args.output, &component)?;
    }
    Ok(Status::Done)
}

fn refused(path: &Path, error: &ComposeError) -> Failure {
    let name = input::name(path);
    Failure::new(Status::File, format!("can't compose `{name}`: {error}"))
}

/// The name and the file of `[NAME=]FILE`, if the embedded engine can run it.
fn read_model(argument: &str) -> Result<(String, Vec<u8>)> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => {
            let path = PathBuf::from(argument);
            let stem = path.file_stem().unwrap_or_default();
            (stem.to_string_lossy().into_owned(), path)
        }
    };
    let file = input::read(&path)?;
    Model::load(&file, Limits::default()).map_err(|error| {
        let path = input::name(&path);
        Failure::new(
            Status::File,
            format!("can't use the model `{path}`: {error}"),
        )
    })?;
    Ok((name, file))
}

/// The engine beside the program, where installed programs keep their data, or where the build puts it.
fn built_engine() -> Result<PathBuf> {
    let program = env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new("."));
    let places = ["", "../share/rulestage", "../components"];
    let found = places.map(|place| folder.join(place).join(ENGINE));
    found
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::new(
                Status::File,
                format!("the engine `{ENGINE}` is not beside the program"),
            )
            .with_hint("build it with `./dev components`, or say where it is: `--with-engine=FILE`")
        })
}
