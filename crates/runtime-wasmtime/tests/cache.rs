//! The cache of compiled code: used, replaced when damaged, and not trusted when others could have written it.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use common::guest::{Guest, LIMITS};
use common::rows;
use rulestage_pipeline::runtime::Runtime;
use rulestage_runtime_wasmtime::{Config, WasmtimeRuntime};

/// An empty folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cache-{}-{}",
            process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Loads and runs the good guest in a new runtime; says whether its code came from the cache.
fn was_cached(folder: &Path) -> bool {
    let config = Config {
        cache_dir: Some(folder.to_owned()),
        ..Config::default()
    };
    let runtime = WasmtimeRuntime::new(config).expect("wasmtime starts");
    let component = runtime.load(&Guest::good().component()).expect("it loads");
    let mut session = runtime.open(&component, &[], LIMITS).expect("it opens");
    runtime.process(&mut session, &rows(2)).expect("it runs");
    component.compile_stats().cached
}

fn entry(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("the folder is there");
    let entry = entries.next().expect("an entry").expect("an entry").path();
    assert!(entries.next().is_none(), "one component, one entry");
    entry
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn the_second_start_finds_the_code() {
    let parent = Folder::new();
    let folder = parent.0.join("made/on/demand");
    assert!(!was_cached(&folder));
    assert!(was_cached(&folder));
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&entry(&folder)), 0o600);
}

#[test]
fn a_damaged_entry_is_replaced() {
    let parent = Folder::new();
    let folder = parent.0.join("compiled");
    assert!(!was_cached(&folder));
    let entry = entry(&folder);
    let whole = fs::read(&entry).expect("an entry");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [
        &flipped[..],
        &whole[..whole.len() / 2],
        b"",
        b"something else entirely",
    ] {
        fs::write(&entry, damaged).expect("it is ours");
        assert!(!was_cached(&folder));
        assert_eq!(fs::read(&entry).expect("an entry"), whole);
        assert!(was_cached(&folder));
    }
}

#[test]
fn what_others_can_write_is_not_loaded() {
    let parent = Folder::new();
    let folder = parent.0.join("compiled");
    assert!(!was_cached(&folder));
    set_mode(&entry(&folder), 0o622);
    assert!(!was_cached(&folder));
    assert!(
        was_cached(&folder),
        "it was replaced by an entry of our own"
    );
    set_mode(&folder, 0o777);
    assert!(!was_cached(&folder));
    assert!(!was_cached(&folder), "nothing is written there either");
    set_mode(&folder, 0o700);
    assert!(was_cached(&folder));
}

#[test]
fn a_link_is_not_followed() {
    let parent = Folder::new();
    let folder = parent.0.join("compiled");
    assert!(!was_cached(&folder));
    let entry = entry(&folder);
    let elsewhere = parent.0.join("elsewhere");
    fs::rename(&entry, &elsewhere).expect("it is ours");
    std::os::unix::fs::symlink(&elsewhere, &entry).expect("a link");
    assert!(!was_cached(&folder));
    assert!(!entry.is_symlink(), "the link was replaced");
}

#[test]
fn a_folder_that_cannot_be_made_costs_only_time() {
    let parent = Folder::new();
    let file = parent.0.join("a file");
    fs::write(&file, "").expect("it is ours");
    assert!(!was_cached(&file.join("compiled")));
}
