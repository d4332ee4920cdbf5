//! Rule sets from the formats of other rule engines: CEL Policy (YAML), GoRules' JDM (JSON) and DMN (XML); and to CEL Policy.
//!
//! Text in, text out; pure. What a format says and the rule language can't is a [`Loss`] with its line, never left out in
//! silence. `docs/import.md` has the mapping.

mod cel;
mod cel_policy;
mod dmn;
mod export;
mod foreign;
mod jdm;
mod json;
mod model;
mod tree;
mod unary;
mod writer;
mod yaml;

pub use export::{Export, export_cel_policy};

use std::fmt;

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CEL Policy, <https://github.com/google/cel-go/tree/master/policy>
    CelPolicy,
    /// GoRules' JSON Decision Model
    Jdm,
    /// Decision Model and Notation 1.1 to 1.5, <https://www.omg.org/dmn/>
    Dmn,
}

/// A rule set made of something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A formatted source of rules. It compiles unless a loss says why not
    pub source: String,
    /// What the source does not say, by line
    pub losses: Vec<Loss>,
}

/// Something that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// Where it stands, from 1
    pub line: u32,
    /// What was lost and why
    pub message: String,
}

/// Why a file can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// Where, from 1
    pub line: u32,
    /// What is wrong
    pub message: String,
}

impl ImportError {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ImportError {}

type Result<T, E = ImportError> = std::result::Result<T, E>;

/// What goes with a CEL Policy in files of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Companions<'a> {
    /// The environment, with the types of variables (`config.yaml`); without it, they are `dyn`
    pub environment: Option<&'a str>,
    /// Tests (`tests.yaml`), which become examples
    pub tests: Option<&'a str>,
}

/// Makes a rule set of `text`.
///
/// # Errors
///
/// Where the text is not in this format, or not well-formed.
pub fn import(text: &str, format: Format, companions: Companions<'_>) -> Result<Import> {
    // A line number fits, and so do the offsets of a parser.
    if u32::try_from(text.len()).is_err() {
        return Err(ImportError::new(1, "the file has more than 4 GiB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::CelPolicy => cel_policy::import(text, companions),
        Format::Jdm => jdm::import(text),
        Format::Dmn => dmn::import(text),
    }
}

/// The format of a file: by its extension, or by what it starts with.
pub fn detect(name: &str, text: &str) -> Option<Format> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("dmn") => return Some(Format::Dmn),
        Some("yaml" | "yml" | "celpolicy") => return Some(Format::CelPolicy),
        Some("jdm" | "json") => return Some(Format::Jdm),
        _ => {}
    }
    match text.trim_start_matches('\u{feff}').trim_start().as_bytes() {
        [b'<', ..] => Some(Format::Dmn),
        [b'{', ..] => Some(Format::Jdm),
        _ if text.lines().any(|line| line.starts_with("rule:")) => Some(Format::CelPolicy),
        _ => None,
    }
}
