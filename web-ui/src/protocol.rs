//! The messages between the page and its worker, as JSON; files travel beside them as they are.

mod reports;

pub use reports::*;

use serde::{Deserialize, Serialize};

/// A text that people write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path relative to the project
    pub path: String,
    /// Content
    pub text: String,
}

/// What a run works on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Project {
    /// Folder under `examples/` where its binary files are
    pub example: String,
    /// `pipeline.toml` and the rules files
    pub files: Vec<SourceFile>,
    /// Parameter values that differ from their defaults
    pub params: Vec<ParamValue>,
}

/// A parameter set by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamValue {
    /// The stage that has it
    pub stage: String,
    /// Name
    pub name: String,
    /// As typed
    pub text: String,
}

/// Where rows come from. The bytes of files travel beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// Changes with the data, so that the worker reads it once
    pub id: u32,
    /// File name; its extension is its format
    pub name: String,
    /// Where to fetch it, for the rows of an example
    pub url: Option<String>,
    /// Whole files, each of which is a row; empty where the data is one file of rows
    #[serde(default)]
    pub files: Vec<DataFile>,
}

/// A file that is a row. Its bytes travel beside the message, in the order of the files, unless it is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// With `/`, relative to what was dropped
    pub path: String,
    /// Where to fetch it, for the files of an example
    pub url: Option<String>,
}

/// A model that the user brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReport {
    /// File name
    pub name: String,
    /// What it holds and what can run it: a name and lines for each
    pub facts: Vec<(String, Vec<String>)>,
    /// Does it become a stage without further names?
    pub compiles: bool,
}

/// What part of the result is shown, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct View {
    /// Column and whether descending
    pub sort: Option<(usize, bool)>,
    /// Column and the value its rows have
    pub filter: Option<(usize, String)>,
}

/// To the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Fetch the texts of an example.
    Open {
        /// Its folder; the first one where empty
        example: String,
    },
    /// Compile and run. `is_compile_only`: diagnostics without a run.
    Run {
        /// Comes back with every answer
        run: u32,
        /// What to run
        project: Project,
        /// Over what
        data: DataSource,
        /// Rows of one batch; 0: the default
        batch_rows: u32,
        /// Stop after compiling
        is_compile_only: bool,
    },
    /// A model that the user brought; its bytes travel beside the message.
    Model {
        /// File name
        name: String,
    },
    /// Some rows of the last result.
    Rows {
        /// Selection and order
        view: View,
        /// First row of the view
        start: usize,
        /// How many
        count: usize,
    },
    /// Why a row came out as it did.
    Explain {
        /// Row of the result
        row: usize,
    },
    /// The bytes of a stage's component.
    Artifact {
        /// Name of the stage
        stage: String,
    },
    /// A stage's component as WebAssembly text.
    Wat {
        /// Name of the stage
        stage: String,
    },
    /// How often each rule fires, over all rows of the last run.
    Firings,
    /// Something that the editor wants to know about a text of rules. It is answered before what waits.
    Ask {
        /// Comes back with the answer
        ask: u32,
        /// What
        question: Question,
        /// All of it
        text: String,
        /// The place, in UTF-16 units
        offset: u32,
    },
    /// The whole result, each value as its bits, for comparisons with other hosts.
    Bits,
}

/// What the editor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// What can be written here
    Complete,
    /// What this is
    Hover,
    /// How the function around is called
    Signature,
    /// Where it is declared
    Definition,
    /// How the text looks when it is formatted
    Format,
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// It takes requests.
    Ready,
    /// Something that people should know.
    Notice(String),
    /// The examples there are; the first is opened.
    Examples(Vec<String>),
    /// An example's texts and rows.
    Opened {
        /// Sources
        project: Project,
        /// Sample rows
        data: DataSource,
    },
    /// What it does now; what a message names when the deadline passes.
    Doing {
        /// The run
        run: u32,
        /// `compiling`, `stage \`desk\``, …
        what: String,
    },
    /// Compiled, with or without errors.
    Compiled {
        /// The run
        run: u32,
        /// What came out
        report: CompileReport,
    },
    /// Ran to the end.
    Ran {
        /// The run
        run: u32,
        /// What came out
        report: Box<RunReport>,
    },
    /// What came of looking at the rules and trying their invariants, after the run.
    Studied {
        /// The run
        run: u32,
        /// What was found
        report: StudyReport,
    },
    /// Could not run.
    Failed {
        /// The run; 0 where it belongs to none
        run: u32,
        /// What it did then
        during: String,
        /// For people
        message: String,
    },
    /// What a model is that the user brought.
    Model(Box<ModelReport>),
    /// Rows that were asked for.
    Rows(RowPage),
    /// Why.
    Explained(Box<WhyReport>),
    /// A component's bytes follow.
    Artifact {
        /// File name to save it under
        file_name: String,
    },
    /// A component as text.
    Wat {
        /// Name of the stage
        stage: String,
        /// The text, or why there is none
        wat: Result<String, String>,
    },
    /// How often each rule fires.
    Firings(FiringReport),
    /// What the editor asked for.
    Told {
        /// The question
        ask: u32,
        /// JSON for the editor
        answer: String,
    },
    /// The whole result.
    Bits {
        /// For each column its name and its values, `null` or text
        columns: Vec<(String, Vec<Option<String>>)>,
    },
}
