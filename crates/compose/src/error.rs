use std::error::Error;
use std::fmt;

/// Why components can't be composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeError {
    kind: ComposeErrorKind,
    message: String,
}

/// The sorts of [`ComposeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComposeErrorKind {
    /// The bytes are no component, or are cut short
    Malformed,
    /// The component is no stage that an engine could serve
    NotAStage,
    /// The component is not the engine
    NotAnEngine,
    /// The models don't fit into the engine's memory
    TooLarge,
}

impl ComposeError {
    pub(crate) fn new(kind: ComposeErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The sort of failure.
    pub fn kind(&self) -> ComposeErrorKind {
        self.kind
    }
}

impl From<wasmparser::BinaryReaderError> for ComposeError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::new(
            ComposeErrorKind::Malformed,
            format!("not a whole WebAssembly component: {error}"),
        )
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ComposeError {}
