//! Open documents, and places in them: lines and columns outside, byte offsets inside.

use gen_lsp_types as lsp;
use rulestage_diagnostics::Span;

/// What columns count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// Bytes
    Utf8,
    /// UTF-16 code units: what every client understands
    #[default]
    Utf16,
}

impl Encoding {
    /// UTF-8 where the client has it: nothing is converted then.
    pub(super) fn best_of(offered: &[lsp::PositionEncodingKind]) -> Self {
        if offered.contains(&lsp::PositionEncodingKind::UTF8) {
            Self::Utf8
        } else {
            Self::Utf16
        }
    }

    pub(super) fn kind(self) -> lsp::PositionEncodingKind {
        match self {
            Self::Utf8 => lsp::PositionEncodingKind::UTF8,
            Self::Utf16 => lsp::PositionEncodingKind::UTF16,
        }
    }

    /// How long a text is.
    pub(super) fn length(self, text: &str) -> u32 {
        match self {
            Self::Utf8 => text.len() as u32,
            Self::Utf16 => text.chars().map(char::len_utf16).sum::<usize>() as u32,
        }
    }

    /// The bytes before a column; inside of a character before it, behind the text at its end.
    fn bytes_before(self, text: &str, column: u32) -> usize {
        let mut at = 0;
        for (offset, c) in text.char_indices() {
            at += match self {
                Self::Utf8 => c.len_utf8(),
                Self::Utf16 => c.len_utf16(),
            };
            if at > column as usize {
                return offset;
            }
        }
        text.len()
    }
}

/// A text that the client has open.
#[derive(Debug)]
pub(super) struct Document {
    text: String,
    /// As the client counts
    pub(super) version: i32,
    /// The byte offsets at which lines start
    line_starts: Vec<usize>,
}

impl Document {
    pub(super) fn new(text: String, version: i32) -> Self {
        let line_starts = line_starts(&text);
        Self {
            text,
            version,
            line_starts,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Takes over a change of a part or of all.
    pub(super) fn change(
        &mut self,
        change: lsp::TextDocumentContentChangeEvent,
        encoding: Encoding,
    ) {
        use lsp::TextDocumentContentChangeEvent as Change;
        match change {
            Change::TextDocumentContentChangePartial(part) => {
                let start = self.offset(part.range.start, encoding) as usize;
                let end = self.offset(part.range.end, encoding) as usize;
                self.text.replace_range(start..end.max(start), &part.text);
            }
            Change::TextDocumentContentChangeWholeDocument(whole) => self.text = whole.text,
        }
        self.line_starts = line_starts(&self.text);
    }

    /// The line without its end.
    fn line(&self, line: usize) -> &str {
        let Some(start) = self.line_starts.get(line) else {
            return "";
        };
        let end = self
            .line_starts
            .get(line + 1)
            .unwrap_or(&self.text.len())
            .to_owned();
        self.text[*start..end].trim_end_matches(['\n', '\r'])
    }

    /// The byte offset of a position. Columns behind the line's end mean its end, as the protocol says; so do lines
    /// behind the text's.
    pub(super) fn offset(&self, position: lsp::Position, encoding: Encoding) -> u32 {
        let line = position.line as usize;
        let Some(start) = self.line_starts.get(line) else {
            return self.text.len() as u32;
        };
        (start + encoding.bytes_before(self.line(line), position.character)) as u32
    }

    pub(super) fn position(&self, offset: u32, encoding: Encoding) -> lsp::Position {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1)
            - 1;
        let start = self.line_starts.get(line).copied().unwrap_or_default();
        lsp::Position {
            line: line as u32,
            character: encoding.length(&self.text[start..offset]),
        }
    }

    pub(super) fn range(&self, span: Span, encoding: Encoding) -> lsp::Range {
        lsp::Range {
            start: self.position(span.start, encoding),
            end: self.position(span.end, encoding),
        }
    }
}

/// Lines end with `\n`, `\r\n` or `\r`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(at + 1);
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_both_encodings() {
        let document = Document::new("a\r\nžluť 😀x\rb".to_owned(), 1);
        // Offset, line, column in bytes, column in UTF-16
        let cases = [
            (0, 0, 0, 0),
            (1, 0, 1, 1),
            (3, 1, 0, 0),
            (5, 1, 2, 1),
            (9, 1, 6, 4),
            (10, 1, 7, 5),
            (14, 1, 11, 7),
            (15, 1, 12, 8),
            (16, 2, 0, 0),
            (17, 2, 1, 1),
        ];
        for (offset, line, bytes, units) in cases {
            for (encoding, character) in [(Encoding::Utf8, bytes), (Encoding::Utf16, units)] {
                let position = lsp::Position { line, character };
                assert_eq!(document.position(offset, encoding), position, "{offset}");
                assert_eq!(document.offset(position, encoding), offset, "{position:?}");
            }
        }
        let behind = lsp::Position {
            line: 0,
            character: 99,
        };
        assert_eq!(document.offset(behind, Encoding::Utf16), 1);
        let below = lsp::Position {
            line: 9,
            character: 0,
        };
        assert_eq!(document.offset(below, Encoding::Utf16), 17);
        // In the middle of a character: before it.
        let inside = lsp::Position {
            line: 1,
            character: 6,
        };
        assert_eq!(document.offset(inside, Encoding::Utf16), 10);
    }
}
