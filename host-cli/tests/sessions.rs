//! Sessions at a shell, as data: each folder under `sessions/` holds files and a `session` that says what a user
//! types and what the program answers. `BLESS=1` rewrites the answers.
//!
//! In a session, a line that starts with `$ ` is a command for `sh`, run in a copy of the folder. What follows is
//! its standard output, then its standard error with `2| ` before each line, then its exit status in brackets
//! unless it is 0. Times and rates are replaced by `TIME` and `RATE`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Folder, program_folder};

/// Runs the commands of a session and compares the answers.
fn check(name: &str) {
    let case = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sessions")
        .join(name);
    let path = case.join("session");
    let expected = fs::read_to_string(&path).unwrap();
    let folder = Folder::copy_of(&case);
    let mut actual = String::new();
    for command in expected.lines().filter_map(|line| line.strip_prefix("$ ")) {
        writeln!(actual, "$ {command}").unwrap();
        actual += &answer(command, folder.path());
    }
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, actual).unwrap();
    } else {
        assert_eq!(
            actual, expected,
            "the session {name} went differently; BLESS=1 accepts it"
        );
    }
}

fn answer(command: &str, folder: &Path) -> String {
    let path = format!(
        "{}:{}",
        program_folder().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .env("XDG_CACHE_HOME", folder.join(".cache"))
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text += "\\\n";
    }
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        writeln!(text, "{}", format!("2| {line}").trim_end()).unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "[{code}]").unwrap(),
        None => writeln!(text, "[{}]", output.status).unwrap(),
    }
    without_times(&text)
}

/// Replaces what differs from run to run: `1.25 ms` by `TIME`, `1,234 rows/s` by `RATE rows/s`.
fn without_times(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(String::from).collect();
    for index in 1..words.len() {
        let (number, unit) = words.split_at_mut(index);
        let (number, unit) = (&mut number[index - 1], &mut unit[0]);
        let is_number = number
            .trim_start_matches('(')
            .starts_with(|c: char| c.is_ascii_digit())
            && number
                .trim_start_matches('(')
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == ',');
        let bare = unit
            .split_once(|c: char| !c.is_ascii_alphabetic())
            .map_or(unit.as_str(), |(bare, _)| bare);
        let opening = if number.starts_with('(') { "(" } else { "" };
        if is_number && unit.starts_with("rows/s") {
            *number = format!("{opening}RATE");
        } else if is_number && ["s", "ms", "us", "ns"].contains(&bare) {
            *unit = format!("TIME{}", &unit[bare.len()..]);
            *number = format!("{opening}\0");
        }
    }
    words.join(" ").replace("\0 ", "")
}

macro_rules! sessions {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_session_is_tested() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions");
            let mut names: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

sessions! {
    check_errors
    check_odd
    compile
    eval
    explain
    fmt
    help
    inspect
    test
}
