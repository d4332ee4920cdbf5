use std::error::Error;
use std::fmt;

/// Why a model could not be loaded or did not compute.
#[derive(Debug)]
pub struct InferenceError {
    kind: InferenceErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The sorts of [`InferenceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InferenceErrorKind {
    /// The bytes are not an ONNX model, or are cut short
    InvalidModel,
    /// The model uses an operator or element type that the engine lacks
    UnsupportedModel,
    /// An input is missing, unknown, or of another type or shape than the model's
    InvalidInput,
    /// The model or a tensor exceeds its limit
    TooLarge,
    /// A computation may take more memory than its limit, or can't be held to it
    MemoryLimit,
    /// This machine lacks the engine or the processor that was asked for
    Unavailable,
    /// The engine failed while computing
    Failed,
}

impl InferenceError {
    /// A failure without a cause of its own.
    pub fn new(kind: InferenceErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same failure with its cause.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> InferenceErrorKind {
        self.kind
    }
}

impl fmt::Display for InferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for InferenceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
