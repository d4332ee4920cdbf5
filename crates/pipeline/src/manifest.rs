//! `pipeline.toml`: which stages there are and how they run. [`Manifest::parse`] reports every mistake at once.

mod quantity;
mod read;
#[cfg(test)]
mod tests;

pub use quantity::{parse_duration_ms, parse_size_bytes};

use rulestage_diagnostics::{Diagnostic, Span};

/// A pipeline as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Name
    pub name: String,
    /// Version; may be empty
    pub version: String,
    /// In the order of the file, which says nothing about the order of the run
    pub stages: Vec<StageManifest>,
    /// Models that stages may ask for by name
    pub models: Vec<ModelManifest>,
}

/// `[[stage]]`
#[derive(Debug, Clone, PartialEq)]
pub struct StageManifest {
    /// Unique
    pub name: String,
    /// Where the name stands
    pub span: Span,
    /// What runs
    pub source: StageSource,
    /// Where the source's path stands
    pub source_span: Span,
    /// The expected digest of the source file, in lower-case hexadecimal
    pub sha256: Option<Spanned<String>>,
    /// Parameters by name
    pub params: Vec<ParamManifest>,
    /// Limits other than the host's
    pub limits: LimitsManifest,
    /// Only rows for which this CEL condition holds reach the stage
    pub when: Option<Spanned<String>>,
    /// What happens to rows that fail
    pub on_error: OnError,
}

/// What a stage runs, by its path relative to the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageSource {
    /// A component
    Component(String),
    /// A source of rules
    Rules(String),
    /// An ONNX model that becomes a stage of its own
    Model(ModelSource),
}

/// `model = "…"` of a stage, and what its columns are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelSource {
    /// The ONNX file
    pub path: String,
    /// `features`: the input columns in the model's order; empty takes the model's names
    pub features: Vec<String>,
    /// `outputs`: the output columns in the model's order; empty takes the model's names
    pub outputs: Vec<String>,
}

impl StageSource {
    /// The file.
    pub fn path(&self) -> &str {
        match self {
            Self::Component(path) | Self::Rules(path) => path,
            Self::Model(model) => &model.path,
        }
    }
}

/// Something and where it stands in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The thing
    pub value: T,
    /// Its place
    pub span: Span,
}

/// One entry of `params`.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamManifest {
    /// Name
    pub name: String,
    /// Where the name stands
    pub name_span: Span,
    /// The value
    pub value: ParamValue,
    /// Where the value stands
    pub span: Span,
}

/// A parameter's value as written; the stage says of which type it must be.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// `true`, `false`
    Boolean(bool),
    /// `1`
    Integer(i64),
    /// `1.0`
    Float(f64),
    /// `"…"`
    Text(String),
    /// `[…]`
    List(Vec<ParamValue>),
    /// `{ … }`
    Table(Vec<(String, ParamValue)>),
    /// From a command line: text that becomes whatever type the stage wants
    Argument(String),
}

/// `limits = { memory = "64MiB", deadline = "2s" }`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitsManifest {
    /// `memory`
    pub memory_bytes: Option<u64>,
    /// `deadline`
    pub deadline_ms: Option<u64>,
}

/// `on_error`: what happens to a row that a stage can't compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The run fails
    #[default]
    Fail,
    /// The row leaves the output and is reported with its error
    DeadLetter,
    /// The row gets the stage's defaults
    Default,
}

/// `[[model]]`
#[derive(Debug, Clone, PartialEq)]
pub struct ModelManifest {
    /// The name that stages load it by
    pub name: String,
    /// Where the name stands
    pub span: Span,
    /// Path relative to the manifest
    pub file: String,
    /// Where the path stands
    pub file_span: Span,
    /// `auto`, `rten`, `onnxruntime`, `openvino`
    pub backend: String,
    /// `cpu`, `gpu`, `auto`
    pub target: String,
    /// The threads of one computation; 1 where the manifest says nothing
    pub threads: u32,
    /// The largest file that is accepted
    pub max_size_bytes: Option<u64>,
    /// What the tensors of one computation may take at once; `u64::MAX` for `unlimited`
    pub max_memory_bytes: Option<u64>,
    /// The expected digest of the file
    pub sha256: Option<Spanned<String>>,
}

impl Manifest {
    /// Reads a `pipeline.toml`. Spans are byte offsets in `source`.
    pub fn parse(source: &str) -> Result<Self, Vec<Diagnostic>> {
        read::manifest(source)
    }

    /// The pipeline of one `.rules`, `.wasm` or `.onnx` file. `None` for other files.
    pub fn single(path: &str) -> Option<Self> {
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let (name, extension) = file.rsplit_once('.')?;
        let source = match extension {
            "rules" => StageSource::Rules(path.to_owned()),
            "wasm" => StageSource::Component(path.to_owned()),
            "onnx" => StageSource::Model(ModelSource {
                path: path.to_owned(),
                ..ModelSource::default()
            }),
            _ => return None,
        };
        let stage = StageManifest {
            name: name.to_owned(),
            span: Span::default(),
            source,
            source_span: Span::default(),
            sha256: None,
            params: Vec::new(),
            limits: LimitsManifest::default(),
            when: None,
            on_error: OnError::Fail,
        };
        Some(Self {
            name: name.to_owned(),
            version: String::new(),
            stages: vec![stage],
            models: Vec::new(),
        })
    }
}
