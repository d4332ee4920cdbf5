//! What is wrong with a file, and where.

#[cfg(not(feature = "parquet"))]
use crate::Format;
use arrow_schema::ArrowError;
use std::error::Error;
use std::fmt;
use std::io;

/// Why a file can't be read or written.
#[derive(Debug)]
pub struct FormatError {
    kind: FormatErrorKind,
    name: String,
    place: Option<Place>,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The sorts of [`FormatError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// The system refused to read or write
    Io,
    /// The bytes are not of the format
    Malformed,
    /// A value is not of its column's type
    Type,
    /// The format has no way to say it, or this program none to read it
    Unsupported,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1
    Line(u64),
    /// A row group of a Parquet file, from 0
    RowGroup(usize),
}

impl FormatError {
    /// Its sort.
    pub fn kind(&self) -> FormatErrorKind {
        self.kind
    }

    /// Where in the file, if that is known.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn new(kind: FormatErrorKind, name: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            place: None,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn malformed(name: &str, message: impl Into<String>) -> Self {
        Self::new(FormatErrorKind::Malformed, name, message)
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn io(name: &str, error: io::Error) -> Self {
        Self::new(FormatErrorKind::Io, name, error.to_string()).with_source(error)
    }

    pub(crate) fn arrow(name: &str, error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::io(name, error),
            error => Self::malformed(name, error.to_string()).with_source(error),
        }
    }

    #[cfg(not(feature = "parquet"))]
    pub(crate) fn not_built_in(format: Format, name: &str) -> Self {
        let message = format!("the format `{}` is not built in here", format.name());
        Self::new(FormatErrorKind::Unsupported, name, message)
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            None => write!(f, "{}: {}", self.name, self.message),
            Some(Place::Line(line)) => write!(f, "{}:{line}: {}", self.name, self.message),
            Some(Place::RowGroup(group)) => {
                write!(f, "{}: row group {group}: {}", self.name, self.message)
            }
        }
    }
}

impl Error for FormatError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
