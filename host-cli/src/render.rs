//! Everything that people see: diagnostics, values, explanations, summaries.

pub(crate) mod coverage;
pub(crate) mod diagnostics;
pub(crate) mod explanation;
pub(crate) mod facts;
pub(crate) mod first_failing;
pub(crate) mod funnel;
pub(crate) mod quantity;
pub(crate) mod summary;
pub(crate) mod value;

use crate::failure::{Failure, OrFail, Result, Status};
use std::io::{IsTerminal, Write};

/// Writes a command's result to standard output.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush())
        .or_fail(Status::File, || "can't write to standard output".into())
}

/// Writes for people, to standard error. A closed standard error is no reason to stop.
pub(crate) fn notify(text: impl AsRef<str>) {
    let _ = std::io::stderr().lock().write_all(text.as_ref().as_bytes());
}

/// Shows why the program ends, on standard error.
pub(crate) fn failure(failure: &Failure) {
    if failure.status == Status::OutputClosed {
        return;
    }
    let style = Style::for_stream(&std::io::stderr());
    notify(format!("{}: {:#}\n", style.error("error"), failure.error));
    if let Some(hint) = &failure.hint {
        notify(format!("{}: {hint}\n", style.emphasis("help")));
    }
}

/// Colours, where the reader is a person at a terminal who wants them (<https://no-color.org>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) coloured: bool,
}

impl Style {
    pub(crate) fn for_stream(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            coloured: stream.is_terminal() && !refused,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn emphasis(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}
