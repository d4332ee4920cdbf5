//! Where results go: a file that appears whole or not at all, or a stream.

use crate::failure::{Failure, Result, Status};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tempfile::TempPath;

/// A result that is being written.
///
/// A file is written beside its target under another name and takes its place when [`Output::commit`] is called;
/// dropped before, it leaves nothing behind. Standard output, pipes and devices are written as they come.
#[derive(Debug)]
pub(crate) struct Output {
    name: String,
    target: Target,
    failed: Arc<OnceLock<(io::ErrorKind, String)>>,
}

#[derive(Debug)]
enum Target {
    Stdout,
    Stream(File),
    File {
        file: File,
        temporary: TempPath,
        path: PathBuf,
    },
}

/// The writing end of an [`Output`].
#[derive(Debug)]
pub(crate) struct Sink {
    file: Option<File>,
    failed: Arc<OnceLock<(io::ErrorKind, String)>>,
}

impl Output {
    /// Prepares to write to `path`, or to standard output for `-`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = Arc::default();
        if path == Path::new("-") {
            return Ok(Self {
                name: "standard output".into(),
                target: Target::Stdout,
                failed,
            });
        }
        let name = path.display().to_string();
        let target = Target::create(path).map_err(|error| cannot_write(&name, &reason(&error)))?;
        Ok(Self {
            name,
            target,
            failed,
        })
    }

    /// The writer for it. Errors are remembered for [`Output::failure`].
    pub(crate) fn sink(&self) -> Result<Sink> {
        let file = match &self.target {
            Target::Stdout => None,
            Target::Stream(file) | Target::File { file, .. } => {
                let file = file.try_clone();
                Some(file.map_err(|error| cannot_write(&self.name, &error.to_string()))?)
            }
        };
        Ok(Sink {
            file,
            failed: self.failed.clone(),
        })
    }

    /// Why writing failed, if the system refused a write: the cause of whatever a writer reported.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let (kind, message) = self.failed.get()?;
        Some(match kind {
            io::ErrorKind::BrokenPipe => Failure::new(Status::OutputClosed, message),
            io::ErrorKind::StorageFull => cannot_write(&self.name, message)
                .with_hint("free some space, or write to another disk; nothing was left behind"),
            _ => cannot_write(&self.name, message),
        })
    }

    /// Puts a file in its place.
    pub(crate) fn commit(self) -> Result<()> {
        let Target::File {
            file,
            temporary,
            path,
        } = self.target
        else {
            return Ok(());
        };
        let mut unfinished = unfinished();
        drop(file);
        unfinished.remove(&*temporary);
        temporary
            .persist(&path)
            .map_err(|error| cannot_write(&self.name, &error.error.to_string()))
    }
}

impl Target {
    fn create(path: &Path) -> io::Result<Self> {
        // A link stays a link: its target is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(Self::Stream(File::options().write(true).open(&path)?));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut unfinished = unfinished();
        let (file, temporary) = new_file(&path, folder.unwrap_or(Path::new(".")))?.into_parts();
        unfinished.insert(temporary.to_path_buf());
        Ok(Self::File {
            file,
            temporary,
            path,
        })
    }
}

fn new_file(path: &Path, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file; the umask takes away what the user doesn't want.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes),
            None => io::stdout().lock().write(bytes),
        };
        written.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                let _ = self.failed.set((error.kind(), error.to_string()));
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.file {
            Some(file) => file.flush(),
            None => io::stdout().lock().flush(),
        };
        flushed.inspect_err(|error| {
            let _ = self.failed.set((error.kind(), error.to_string()));
        })
    }
}

/// Writes `bytes` to `path` whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let output = Output::create(path)?;
    let mut sink = output.sink()?;
    if let Err(error) = sink.write_all(bytes).and_then(|()| sink.flush()) {
        return Err(output
            .failure()
            .unwrap_or_else(|| cannot_write(&output.name, &error.to_string())));
    }
    output.commit()
}

/// Removes unfinished files and ends the program when it is interrupted.
pub(crate) fn clean_up_on_interrupt() {
    // Without a handler the program still stops, and leaves its temporary file.
    let _ = ctrlc::set_handler(|| {
        let unfinished = unfinished();
        for path in unfinished.iter() {
            let _ = fs::remove_file(path);
        }
        std::process::exit(Status::Interrupted as i32);
    });
}

/// Files that are not in their place yet. Whoever holds the lock may create or place one.
fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a file can't be made, without the name that it has in the meantime.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such folder".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

fn cannot_write(name: &str, reason: &str) -> Failure {
    Failure::new(Status::File, format!("can't write `{name}`: {reason}"))
}
