//! Files that the user names.

use crate::failure::{Failure, Result, Status};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| cannot_read(path, &error))
}

/// The text of a file, or of standard input for `-`.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    text(path, read(path)?)
}

/// The bytes of a file as text.
pub(crate) fn text(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let name = name(path);
        Failure::new(
            Status::File,
            format!("can't read `{name}`: line {line} is not valid UTF-8"),
        )
    })
}

/// How messages call the file.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".into()
    } else {
        path.display().to_string()
    }
}

/// Says what is wrong with a file, and for a missing one which file may have been meant.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let message = format!("can't read `{}`: {}", name(path), reason(error));
    let failure = Failure::new(Status::File, message);
    match nearest_file(path).filter(|_| error.kind() == io::ErrorKind::NotFound) {
        Some(nearest) => failure.with_hint(format!("did you mean `{nearest}`?")),
        None => failure,
    }
}

/// Why a file can't be read, for people.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

/// The file in the same folder whose name is closest to what was asked for, if one is close.
pub(crate) fn nearest_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let nearest = nearest_name(wanted, names.iter().map(String::as_str))?;
    Some(folder.map_or(nearest.into(), |folder| {
        folder.join(nearest).display().to_string()
    }))
}

/// The candidate closest to `wanted`, if at most a third of its characters differ.
pub(crate) fn nearest_name<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_names_are_suggested() {
        let files = ["flight_desk.rules", "pipeline.toml"];
        assert_eq!(
            nearest_name("flight-desk.rules", files),
            Some("flight_desk.rules")
        );
        assert_eq!(nearest_name("pipline.toml", files), Some("pipeline.toml"));
        assert_eq!(nearest_name("credit.rules", files), None);
    }
}
