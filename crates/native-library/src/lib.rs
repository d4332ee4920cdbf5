//! Where engines that are shared libraries are found: where the user says, or where they are usually installed.
//!
//! Deliberately absent: loading them, and downloading anything.

use std::path::{Path, PathBuf};
use std::{env, fs};

use rulestage_inference::{InferenceError, InferenceErrorKind};

/// Where package managers and the archives of projects put libraries.
pub const FOLDERS: [&str; 5] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
];

/// A library that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct NativeLibrary<'a> {
    /// What people call it, such as `ONNX Runtime`
    pub name: &'a str,
    /// Its file without prefix, suffix and version, such as `onnxruntime`
    pub stem: &'a str,
    /// Folders that it may lie in beside [`FOLDERS`]
    pub folders: &'a [&'a str],
    /// How to get it, for people
    pub getting: &'a str,
}

impl NativeLibrary<'_> {
    /// The library's file: `named`, or in the folder `named`, or without a name where it is installed: beside the
    /// program, on `LD_LIBRARY_PATH`, in [`FOLDERS`]. Fails with
    /// [`Unavailable`](InferenceErrorKind::Unavailable) and how to get it.
    pub fn find(&self, named: Option<&Path>) -> Result<PathBuf, InferenceError> {
        match named {
            Some(named) => self.find_named(named),
            None => self.find_installed(),
        }
    }

    fn find_named(&self, named: &Path) -> Result<PathBuf, InferenceError> {
        if named.is_file() {
            return Ok(named.to_owned());
        }
        self.file_in(named).ok_or_else(|| {
            let message = match named.is_dir() {
                true => format!("that folder holds no {} library", self.name),
                false => "there is no such file".to_owned(),
            };
            unavailable(format!(
                "no {} at `{}`: {message}",
                self.name,
                named.display()
            ))
        })
    }

    fn find_installed(&self) -> Result<PathBuf, InferenceError> {
        let beside = env::current_exe().ok();
        let beside = beside.as_deref().and_then(Path::parent).map(Path::to_owned);
        let loader = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = beside
            .into_iter()
            .chain(env::split_paths(&loader).filter(|path| path.is_absolute()))
            .chain(FOLDERS.iter().chain(self.folders).map(PathBuf::from));
        folders
            .filter_map(|folder| self.file_in(&folder))
            .next()
            .ok_or_else(|| {
                let (name, getting, folder) = (self.name, self.getting, FOLDERS[0]);
                unavailable(format!(
                    "{name} is not installed: {getting}, or install its library in {folder}"
                ))
            })
    }

    /// The library in a folder: `libonnxruntime.so`, with a version behind it or not.
    fn file_in(&self, folder: &Path) -> Option<PathBuf> {
        let (start, end) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let plain = format!("{start}{}{end}", self.stem);
        let versioned = |name: &str| {
            // `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`
            name.strip_prefix(&plain)
                .or_else(|| {
                    name.strip_prefix(&format!("{start}{}", self.stem))?
                        .strip_suffix(end)
                })
                .is_some_and(|version| {
                    version.is_empty()
                        || version.starts_with('.')
                            && version.bytes().all(|b| b == b'.' || b.is_ascii_digit())
                })
        };
        let mut names: Vec<String> = fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| versioned(name))
            .collect();
        // The order of a folder is anything.
        names.sort();
        Some(folder.join(names.first()?))
    }
}

fn unavailable(message: String) -> InferenceError {
    InferenceError::new(InferenceErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: NativeLibrary<'_> = NativeLibrary {
        name: "ONNX Runtime",
        stem: "onnxruntime",
        folders: &[],
        getting: "get it",
    };

    #[test]
    fn what_is_not_there_is_named() {
        let find = |path: &str| {
            LIBRARY
                .find(Some(Path::new(path)))
                .expect_err("there is none")
        };
        let error = find("/no/such/libonnxruntime.so");
        assert_eq!(error.kind(), InferenceErrorKind::Unavailable);
        assert_eq!(
            error.to_string(),
            "no ONNX Runtime at `/no/such/libonnxruntime.so`: there is no such file"
        );
        let error = find(env!("CARGO_MANIFEST_DIR"));
        assert!(
            error.to_string().ends_with("holds no ONNX Runtime library"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_installed_can_be_got() {
        let library = NativeLibrary {
            name: "Nobody's Engine",
            stem: "rulestage-test-engine-of-nobody",
            ..LIBRARY
        };
        let error = library.find(None).expect_err("nobody installs it");
        assert_eq!(
            error.to_string(),
            "Nobody's Engine is not installed: get it, or install its library in /usr/local/lib"
        );
    }
}
