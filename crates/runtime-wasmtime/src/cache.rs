//! Compiled code on disk, so that a component is compiled once for each machine.
//!
//! Compiled code is as powerful as this program, so only files that this user alone could have written are
//! loaded: the folder and each file belong to the user and are writable by nobody else, and each file starts
//! with the SHA-256 of what follows. Whatever does not fit is compiled anew and replaced.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::direct;

/// SHA-256.
pub(crate) type Sha256Bytes = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Sha256Bytes {
    Sha256::digest(bytes).into()
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// What must be equal for compiled code to be good: the version and settings of the compiler, the
    /// features of the processor, and what of a component is compiled
    engine_hash: u64,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, engine: &Engine) -> Self {
        let mut hasher = StableHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // What is compiled: components with core modules among their exports, one of them ours.
        [direct::EXPORT, direct::STAGED_EXPORT].hash(&mut hasher);
        direct::staged_module().hash(&mut hasher);
        Self {
            folder,
            engine_hash: hasher.finish(),
        }
    }

    fn path(&self, digest: &Sha256Bytes) -> PathBuf {
        self.folder
            .join(format!("{}-{:016x}.cwasm", hex(digest), self.engine_hash))
    }

    /// The compiled component, or `None` where there is none that can be trusted.
    pub(crate) fn load(&self, engine: &Engine, digest: &Sha256Bytes) -> Option<Component> {
        if !is_private(&fs::symlink_metadata(&self.folder).ok()?, FileType::Folder) {
            return None;
        }
        let file = open_no_follow(&self.path(digest)).ok()?;
        if !is_private(&file.metadata().ok()?, FileType::File) {
            return None;
        }
        let code = read_verified(file)?;
        #[allow(
            unsafe_code,
            reason = "compiled code is trusted by the file's owner, mode and digest"
        )]
        let component = unsafe { Component::deserialize(engine, code) };
        component.ok()
    }

    /// Keeps a compiled component. Without a cache the next start compiles again, so a failure is no error.
    pub(crate) fn store(&self, digest: &Sha256Bytes, component: &Component) {
        if let Ok(code) = component.serialize() {
            let _ = self.write(&self.path(digest), &code);
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        create_private_folder(&self.folder)?;
        if !is_private(&fs::symlink_metadata(&self.folder)?, FileType::Folder) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Complete or not there at all, whoever else writes the same at this time.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{unique}.tmp", process::id()));
        let written = create_private_file(&temporary).and_then(|mut file| {
            file.write_all(&sha256(code))?;
            file.write_all(code)
        });
        let renamed = written.and_then(|()| fs::rename(&temporary, path));
        if renamed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        renamed
    }
}

/// The code in the file, if it is whole.
fn read_verified(mut file: File) -> Option<Vec<u8>> {
    let mut digest = Sha256Bytes::default();
    file.read_exact(&mut digest).ok()?;
    let mut code = Vec::new();
    file.read_to_end(&mut code).ok()?;
    (sha256(&code) == digest).then_some(code)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileType {
    File,
    Folder,
}

/// Whether this user alone can change what is there.
#[cfg(unix)]
fn is_private(metadata: &fs::Metadata, expected: FileType) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of_type = match expected {
        FileType::File => metadata.is_file(),
        FileType::Folder => metadata.is_dir(),
    };
    of_type && metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(unix)]
fn open_no_follow(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(unix)]
fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(unix)]
fn create_private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Elsewhere the folder lies in the user's profile, which the system protects.
#[cfg(not(unix))]
fn is_private(metadata: &fs::Metadata, expected: FileType) -> bool {
    match expected {
        FileType::File => metadata.is_file(),
        FileType::Folder => metadata.is_dir(),
    }
}

#[cfg(not(unix))]
fn open_no_follow(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(not(unix))]
fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn create_private_file(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// `$XDG_CACHE_HOME/rulestage/compiled`, or `~/.cache/rulestage/compiled`; `None` where neither is known.
pub fn default_cache_dir() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("rulestage").join("compiled"))
}

/// A hash that is the same in every process, unlike the standard library's own promise.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: Sha256Bytes = self.0.clone().finalize().into();
        u64::from_le_bytes(digest[..8].try_into().unwrap_or_default())
    }
}
