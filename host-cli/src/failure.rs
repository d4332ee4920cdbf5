//! How the program ends: the exit status and the error behind it.

use anyhow::Error;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// The exit status, documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything was done
    Done = 0,
    /// A check, a test, an expression or the policy for failed rows said no
    Refused = 1,
    /// The command line or the pipeline asks for something impossible
    Usage = 2,
    /// A file can't be read, written or understood
    File = 3,
    /// A component misbehaved
    Component = 4,
    /// Interrupted from the keyboard or told to stop
    Interrupted = 130,
    /// Whoever read the output closed it: the status that a shell gives for SIGPIPE
    OutputClosed = 141,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command could not do its work, and the status to exit with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) error: Error,
    /// What to do about it
    pub(crate) hint: Option<String>,
}

/// What commands return.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with a message of its own.
    pub(crate) fn new(status: Status, message: impl Display) -> Self {
        Self {
            status,
            error: Error::msg(message.to_string()),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Gives errors their exit status and says what was being done.
pub(crate) trait OrFail<T> {
    /// The value, or a failure with `status` that starts with `doing`.
    fn or_fail(self, status: Status, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, status: Status, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| {
            let error: Error = error.into();
            let status = if is_closed_pipe(&error) {
                Status::OutputClosed
            } else {
                status
            };
            Failure {
                status,
                error: error.context(doing()),
                hint: None,
            }
        })
    }
}

/// Whether the error comes from a pipe whose reader went away.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
