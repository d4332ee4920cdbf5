//! Messages on a stream: headers, a blank line, JSON (LSP specification, "base protocol").
//!
//! Written here because crates for this end at the first message that is no JSON, which the protocol wants answered.

use serde_json::Value;
use std::io::{self, BufRead, Read, Write};

/// The longest header line and the longest message, in bytes.
const MAX_HEADER: u64 = 4096;
const MAX_MESSAGE: u64 = 256 << 20;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Value),
    /// A message that is no JSON, and why; the next one can be read
    NotJson(String),
    /// Headers that can't be understood, and why
    NotFramed(String),
}

/// The next message; `None` at the end of the stream.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length: Option<u64> = None;
    let mut is_first = true;
    loop {
        let mut line = Vec::new();
        let n_read = input
            .by_ref()
            .take(MAX_HEADER)
            .read_until(b'\n', &mut line)?;
        if n_read == 0 {
            let reason = "the stream ends in the headers".to_owned();
            return Ok((!is_first).then_some(Incoming::NotFramed(reason)));
        }
        is_first = false;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some(Incoming::NotFramed(format!("not a header: `{line}`"))));
        };
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            length = value
                .trim()
                .parse()
                .ok()
                .filter(|length| *length <= MAX_MESSAGE);
            if length.is_none() {
                return Ok(Some(Incoming::NotFramed(format!(
                    "not a length: `{}`",
                    value.trim()
                ))));
            }
        }
    }
    let Some(length) = length else {
        return Ok(Some(Incoming::NotFramed("no `Content-Length`".to_owned())));
    };
    let mut body = Vec::new();
    input.by_ref().take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        let reason = "the stream ends in a message".to_owned();
        return Ok(Some(Incoming::NotFramed(reason)));
    }
    Ok(Some(match serde_json::from_slice(&body) {
        Ok(message) => Incoming::Message(message),
        Err(error) => Incoming::NotJson(error.to_string()),
    }))
}

/// Sends a message.
pub(super) fn write(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    output.flush()
}
