//! What the command-line tests share.

#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The folder that the program under test lies in.
pub(crate) fn program_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rulestage")).parent().unwrap()
}

/// A folder of its own for one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with copies of the files of another and of the folders in it.
    pub(crate) fn copy_of(original: &Path) -> Self {
        let folder = Self::new();
        folder.add(original, folder.path());
        folder
    }

    /// Copies what is in `original` to `target`, which lies in this folder.
    pub(crate) fn add(&self, original: &Path, target: &Path) {
        fs::create_dir_all(target).unwrap();
        for entry in fs::read_dir(original).unwrap() {
            let entry = entry.unwrap();
            let target = target.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => self.add(&entry.path(), &target),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.join(name), content).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap()
    }

    /// The names of the files in it, hidden ones too, without the cache.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name != ".cache");
        names.sort();
        names
    }

    /// The program, about to run in this folder with a cache of its own.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rulestage"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", self.join(".cache"));
        command
    }

    /// Runs the program in this folder; the arguments are separated by blanks.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        Ran::from(self.command(arguments.split_whitespace()).output().unwrap())
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self {
            status: output.status.code(),
            stdout: output.stdout,
            stderr,
        }
    }
}

impl Ran {
    /// Asserts that it ended well.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self
    }

    /// Asserts the exit status and that standard error holds all of `messages`.
    #[track_caller]
    pub(crate) fn fails(self, status: i32, messages: &[&str]) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        for message in messages {
            assert!(
                self.stderr.contains(message),
                "`{message}` is not in:\n{}",
                self.stderr
            );
        }
        self
    }
}
