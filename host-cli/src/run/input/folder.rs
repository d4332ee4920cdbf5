//! A folder as input: a row for each file, in batches bounded by their bytes.

use super::unreadable_row;
use crate::failure::{Failure, Result, Status};
use crate::input::{cannot_read, reason};
use crate::run::dead_letters::{DeadLetter, Place};
use arrow_array::RecordBatch;
use rulestage_formats::FileRows;
use serde_json::json;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A batch ends with the file that brings it to this size.
const BATCH_BYTES: u64 = 8 << 20;

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderOptions {
    /// Files of a batch at most
    pub(crate) batch_rows: usize,
    /// Larger files are no rows
    pub(crate) max_file_bytes: u64,
    /// Files that can't be read are reported instead of failing the run
    pub(crate) skip_unreadable: bool,
}

/// Files that go through the stages together.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) rows: RecordBatch,
    /// Files and folders that could not be read; they stood between the rows of this batch and the one before
    pub(crate) unread: Vec<DeadLetter>,
}

/// The files of a folder and of the folders in it, sorted by their paths as bytes. Folders are listed when their turn
/// comes, and a file is read when its batch is made. Links are not followed, and pipes, sockets and devices are no
/// files; hidden files are files like others.
#[derive(Debug)]
pub(crate) struct FolderReader {
    /// As the user named it
    root: PathBuf,
    options: FolderOptions,
    /// What is left to visit, the next one last; paths are relative to `root`, with `/`
    left: Vec<Entry>,
    is_over: bool,
}

#[derive(Debug)]
struct Entry {
    path: OsString,
    is_folder: bool,
}

/// A file that is no row.
struct Unread {
    code: &'static str,
    message: String,
    size_bytes: Option<u64>,
}

/// Lists the folder.
pub(crate) fn open(root: &Path, options: FolderOptions) -> Result<FolderReader> {
    let mut reader = FolderReader {
        root: root.to_owned(),
        options,
        left: Vec::new(),
        is_over: false,
    };
    reader
        .list(&OsString::new())
        .map_err(|error| cannot_read(root, &error))?;
    Ok(reader)
}

impl FolderReader {
    /// Adds the entries of a folder. Folders are sorted as their paths with `/` are, so that the paths of all files
    /// come out in order.
    fn list(&mut self, folder: &OsString) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if !kind.is_dir() && !kind.is_file() {
                continue;
            }
            let mut path = folder.clone();
            path.push(entry.file_name());
            if kind.is_dir() {
                path.push("/");
            }
            entries.push(Entry {
                path,
                is_folder: kind.is_dir(),
            });
        }
        entries.sort_by(|a, b| {
            let (a, b) = (a.path.as_encoded_bytes(), b.path.as_encoded_bytes());
            b.cmp(a)
        });
        self.left.append(&mut entries);
        Ok(())
    }

    /// The next batch; `None` after the last.
    fn batch(&mut self) -> Option<Result<Files>> {
        let mut rows = FileRows::default();
        let mut unread = Vec::new();
        while rows.n_rows() < self.options.batch_rows && rows.n_bytes() < BATCH_BYTES {
            let Some(entry) = self.left.pop() else { break };
            let read = match entry.is_folder {
                true => self.list(&entry.path).map(|()| None).map_err(no_file),
                false => self.read(&entry).map(Some),
            };
            match read {
                Ok(None) => {}
                Ok(Some((path, bytes))) => rows.push(&path, &bytes),
                Err(problem) if self.options.skip_unreadable => {
                    unread.push(self.letter(&entry, &problem));
                }
                Err(problem) => return Some(Err(self.failure(&entry, &problem))),
            }
        }
        if rows.n_rows() == 0 && unread.is_empty() {
            return None;
        }
        let rows = rows
            .finish()
            .map_err(|error| Failure::new(Status::File, error));
        Some(rows.map(|rows| Files { rows, unread }))
    }

    fn read(&self, entry: &Entry) -> Result<(String, Vec<u8>), Unread> {
        let path = entry.path.to_str().ok_or_else(|| Unread {
            code: "invalid-path",
            message: "its name is not valid UTF-8".into(),
            size_bytes: None,
        })?;
        let file = File::open(self.root.join(path)).map_err(no_file)?;
        let size_bytes = file.metadata().map_err(no_file)?.len();
        let max = self.options.max_file_bytes;
        let too_large = |size_bytes| Unread {
            code: "too-large",
            message: format!("it has more than {max} bytes, which `--max-file-size` sets"),
            size_bytes: Some(size_bytes),
        };
        if size_bytes > max {
            return Err(too_large(size_bytes));
        }
        // The file may grow meanwhile.
        let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
        file.take(max + 1)
            .read_to_end(&mut bytes)
            .map_err(no_file)?;
        match bytes.len() as u64 > max {
            true => Err(too_large(bytes.len() as u64)),
            false => Ok((path.to_owned(), bytes)),
        }
    }

    /// What messages call a file or folder.
    fn name(&self, entry: &Entry) -> String {
        self.root.join(&entry.path).display().to_string()
    }

    fn letter(&self, entry: &Entry, problem: &Unread) -> DeadLetter {
        let path = entry.path.to_string_lossy();
        let input = match problem.size_bytes {
            Some(size) => json!({ "path": path, "size": size }),
            None => json!({ "path": path }),
        };
        DeadLetter {
            place: Place::File {
                file: self.name(entry),
            },
            stage: String::new(),
            code: problem.code,
            origin: String::new(),
            message: problem.message.clone(),
            input: input.to_string(),
        }
    }

    fn failure(&self, entry: &Entry, problem: &Unread) -> Failure {
        let name = self.name(entry);
        unreadable_row(format!("can't read `{name}`: {}", problem.message))
    }
}

fn no_file(error: io::Error) -> Unread {
    Unread {
        code: "unreadable",
        message: reason(&error),
        size_bytes: None,
    }
}

impl Iterator for FolderReader {
    type Item = Result<Files>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.batch();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    fn options(batch_rows: usize, max_file_bytes: u64) -> FolderOptions {
        FolderOptions {
            batch_rows,
            max_file_bytes,
            skip_unreadable: true,
        }
    }

    fn write(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn paths(files: &Files) -> Vec<String> {
        let column = files.rows.column(0).as_string::<i32>();
        column.iter().flatten().map(str::to_owned).collect()
    }

    #[test]
    fn paths_are_sorted_as_text_whatever_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a/z/1", "a.txt", "a-b/c", "a/b", "é", ".hidden", "A"] {
            write(folder.path(), name, name.as_bytes());
        }
        for batch_rows in [1, 3, 100] {
            let reader = open(folder.path(), options(batch_rows, 100)).unwrap();
            let found: Vec<String> = reader.flat_map(|files| paths(&files.unwrap())).collect();
            assert_eq!(
                found,
                [".hidden", "A", "a-b/c", "a.txt", "a/b", "a/z/1", "b", "é"]
            );
        }
    }

    #[test]
    fn a_batch_ends_with_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let half = vec![7; (BATCH_BYTES / 2) as usize];
        for name in ["a", "b", "c"] {
            write(folder.path(), name, &half);
        }
        let batches: Vec<_> = open(folder.path(), options(100, 1 << 30))
            .unwrap()
            .map(|files| paths(&files.unwrap()))
            .collect();
        assert_eq!(batches, [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn a_file_that_is_removed_meanwhile_is_reported_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c/d", "e"] {
            write(folder.path(), name, b"x");
        }
        let mut reader = open(folder.path(), options(1, 100)).unwrap();
        assert_eq!(paths(&reader.next().unwrap().unwrap()), ["a"]);
        fs::remove_file(folder.path().join("b")).unwrap();
        fs::remove_dir_all(folder.path().join("c")).unwrap();
        let next = reader.next().unwrap().unwrap();
        assert_eq!(paths(&next), ["e"]);
        let told: Vec<String> = next.unread.iter().map(ToString::to_string).collect();
        let root = folder.path().display();
        assert_eq!(
            told,
            [
                format!("{root}/b: there is no such file"),
                format!("{root}/c/: there is no such file")
            ]
        );
        assert!(reader.next().is_none());
    }

    #[test]
    fn a_file_above_the_limit_is_no_row() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "just", &[1; 10]);
        write(folder.path(), "more", &[1; 11]);
        let files: Vec<Files> = open(folder.path(), options(10, 10))
            .unwrap()
            .map(|files| files.unwrap())
            .collect();
        assert_eq!(files.len(), 1);
        assert_eq!(paths(&files[0]), ["just"]);
        assert_eq!(files[0].unread[0].code, "too-large");
        assert_eq!(files[0].unread[0].input, r#"{"path":"more","size":11}"#);

        let strict = FolderOptions {
            skip_unreadable: false,
            ..options(10, 10)
        };
        let failure = open(folder.path(), strict).unwrap().next().unwrap();
        let message = failure.unwrap_err().error.to_string();
        assert!(message.contains("more`: it has more than 10 bytes"));
    }

    /// The system names a file there that even its owner can't read from the start.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_the_system_refuses_to_read() {
        let reader = |skip_unreadable| FolderReader {
            root: "/proc/self".into(),
            options: FolderOptions {
                skip_unreadable,
                ..options(10, 10)
            },
            left: vec![Entry {
                path: "mem".into(),
                is_folder: false,
            }],
            is_over: false,
        };
        let files = reader(true).next().unwrap().unwrap();
        assert_eq!((files.rows.num_rows(), files.unread.len()), (0, 1));
        let letter = &files.unread[0];
        assert_eq!(letter.code, "unreadable");
        assert!(letter.to_string().starts_with("/proc/self/mem: "));
        let failure = reader(false).next().unwrap().unwrap_err();
        assert!(failure.hint.unwrap().contains("--dead-letter"));
        assert!(
            failure
                .error
                .to_string()
                .starts_with("can't read `/proc/self/mem`: ")
        );
    }
}
