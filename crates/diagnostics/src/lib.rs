//! Spans, diagnostics and source positions. Data only: programs render, libraries report.

/// A range of UTF-8 byte offsets in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte
    pub start: u32,
    /// One past the last byte
    pub end: u32,
}

impl Span {
    /// The span from `start` up to but not including `end`.
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The text it covers; empty where the source does not have it.
    pub fn text(self, source: &str) -> &str {
        source
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing
    Note,
    /// Probably wrong
    Warning,
    /// Nothing can be made of the source
    Error,
}

/// Something else in the source that the message speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where
    pub span: Span,
    /// What is there
    pub message: String,
}

/// One message about a source. Messages are lower case, without a final period, user text in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, dotted: `rule.check.no-overload`
    pub code: &'static str,
    /// How bad it is
    pub severity: Severity,
    /// The main place
    pub span: Span,
    /// What is wrong
    pub message: String,
    /// Other places
    pub labels: Vec<Label>,
    /// What to do about it
    pub hints: Vec<String>,
    /// A row that shows it
    pub example: Option<Example>,
}

/// A row of data that shows what a message says: names of columns, and their values as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// Inputs; those left out do not matter
    pub input: Vec<(String, String)>,
    /// What comes out, where that is part of the matter
    pub output: Vec<(String, String)>,
}

impl Diagnostic {
    /// An error without labels or hints.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            labels: Vec::new(),
            hints: Vec::new(),
            example: None,
        }
    }

    /// A note without labels or hints.
    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message)
        }
    }

    /// A warning without labels or hints.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// The same with another place.
    #[must_use]
    pub fn with_label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: message.into(),
        });
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1
    pub line: u32,
    /// Character in the line, from 1
    pub column: u32,
}

/// Finds lines and columns in one source.
#[derive(Debug, Clone)]
pub struct SourceMap<'a> {
    source: &'a str,
    line_starts: Vec<u32>,
}

impl<'a> SourceMap<'a> {
    /// Reads the line starts of `source`.
    pub fn new(source: &'a str) -> Self {
        let breaks = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at as u32 + 1);
        Self {
            source,
            line_starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// The place of a byte offset; offsets past the end give the end.
    pub fn position(&self, offset: u32) -> Position {
        let mut offset = (offset as usize).min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self
            .line_starts
            .partition_point(|start| *start as usize <= offset);
        let start = self.line_starts[line - 1] as usize;
        Position {
            line: line as u32,
            column: self.source[start..offset].chars().count() as u32 + 1,
        }
    }

    /// The text of a line (from 1), without its line break.
    pub fn line(&self, line: u32) -> &'a str {
        let index = line.saturating_sub(1) as usize;
        let Some(start) = self.line_starts.get(index) else {
            return "";
        };
        let end = self
            .line_starts
            .get(index + 1)
            .map_or(self.source.len(), |next| *next as usize);
        self.source[*start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_survive_any_offset() {
        let map = SourceMap::new("aé\nbc");
        assert_eq!(map.position(3), Position { line: 1, column: 3 });
        assert_eq!(map.position(2), Position { line: 1, column: 2 });
        assert_eq!(map.position(4), Position { line: 2, column: 1 });
        assert_eq!(map.position(99), Position { line: 2, column: 3 });
        assert_eq!(map.line(1), "aé");
        assert_eq!(map.line(9), "");
    }
}
