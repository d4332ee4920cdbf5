//! Source text to tokens. Never fails: what it can't read becomes `Unknown` and a diagnostic.

use crate::token::{Comment, Token, TokenKind};
use rulestage_diagnostics::{Diagnostic, Span};

/// What the lexer made of a source.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    /// Ends with `TokenKind::End`
    pub(crate) tokens: Vec<Token>,
    /// In source order
    pub(crate) comments: Vec<Comment>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// The tokens and comments of `source`. Sources above 4 GiB are cut.
pub(crate) fn lex(source: &str) -> Lexed {
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        at: 0,
        line_is_blank: true,
        lexed: Lexed {
            tokens: Vec::new(),
            comments: Vec::new(),
            diagnostics: Vec::new(),
        },
    };
    if u32::try_from(source.len()).is_err() {
        lexer.error(
            "rule.parse.source-too-large",
            Span::new(0, 0),
            "the source is larger than 4 GiB",
        );
        lexer.at = source.len();
    }
    // Some editors begin a file with a byte order mark.
    if source.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    while lexer.at < lexer.bytes.len() {
        lexer.next_token();
    }
    let end = u32::try_from(source.len()).unwrap_or(0);
    lexer.lexed.tokens.push(Token {
        kind: TokenKind::End,
        span: Span::new(end, end),
    });
    lexer.lexed
}

struct Lexer<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Whether only blanks were seen since the last line break
    line_is_blank: bool,
    lexed: Lexed,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(start as u32, self.at as u32)
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.lexed
            .diagnostics
            .push(Diagnostic::error(code, span, message));
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let span = self.span_from(start);
        self.lexed.tokens.push(Token { kind, span });
        self.line_is_blank = false;
    }

    fn next_token(&mut self) {
        let start = self.at;
        match self.peek(0) {
            b'\n' | b'\r' => {
                self.at += 1;
                self.line_is_blank = true;
            }
            b' ' | b'\t' | 0x0c => self.at += 1,
            b'/' if self.peek(1) == b'/' => self.comment(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'"' | b'\'' => self.string(start, false, false),
            b'`' => self.backquoted(),
            byte => match operator(byte, self.peek(1)) {
                Some((kind, len)) => {
                    self.at += len;
                    self.push(kind, start);
                }
                None => self.unknown_character(),
            },
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'\n' | b'\r') {
            self.at += 1;
        }
        self.lexed.comments.push(Comment {
            span: self.span_from(start),
            own_line: self.line_is_blank,
        });
    }

    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
        if matches!(self.peek(0), b'"' | b'\'') {
            let (bytes, raw) = match &self.bytes[start..self.at] {
                b"r" | b"R" => (false, true),
                b"b" | b"B" => (true, false),
                b"br" | b"bR" | b"Br" | b"BR" => (true, true),
                _ => return self.push(TokenKind::Identifier, start),
            };
            return self.string(start, bytes, raw);
        }
        self.push(TokenKind::Identifier, start);
    }

    /// `12`, `0x1F`, each with `u`; `1.5`, `.5`, `1e3`, `1.5e-3`.
    fn number(&mut self) {
        let start = self.at;
        let mut kind = TokenKind::Int;
        if self.peek(0) == b'0'
            && matches!(self.peek(1), b'x' | b'X')
            && self.peek(2).is_ascii_hexdigit()
        {
            self.at += 2;
            while self.peek(0).is_ascii_hexdigit() {
                self.at += 1;
            }
        } else {
            self.digits();
            if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
                kind = TokenKind::Double;
                self.at += 1;
                self.digits();
            }
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
                kind = TokenKind::Double;
                self.at += 1 + sign;
                self.digits();
            }
        }
        if kind == TokenKind::Int && matches!(self.peek(0), b'u' | b'U') {
            kind = TokenKind::Uint;
            self.at += 1;
        }
        if self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
                self.at += 1;
            }
            let span = self.span_from(start);
            let text = span.text(self.source);
            let message = format!("`{text}` is not a number");
            let diagnostic = Diagnostic::error("rule.parse.invalid-number", span, message)
                .with_hint("numbers are written `12`, `0x1f`, `12u`, `1.5` or `1.5e-3`; names start with a letter");
            self.lexed.diagnostics.push(diagnostic);
            kind = TokenKind::Unknown;
        }
        self.push(kind, start);
    }

    fn digits(&mut self) {
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
    }

    /// A string or bytes literal whose quote is at the current place; `start` is where its prefix starts.
    fn string(&mut self, start: usize, bytes: bool, raw: bool) {
        let quote = self.peek(0);
        let triple = self.peek(1) == quote && self.peek(2) == quote;
        let kind = if bytes {
            TokenKind::Bytes
        } else {
            TokenKind::String
        };
        self.at += if triple { 3 } else { 1 };
        let opening = self.span_from(start);
        loop {
            if self.at >= self.bytes.len() || (!triple && self.peek(0) == b'\n') {
                let what = if bytes { "bytes literal" } else { "string" };
                let mut diagnostic = Diagnostic::error(
                    "rule.parse.unterminated-string",
                    opening,
                    format!("this {what} is never closed"),
                );
                if !triple {
                    diagnostic = diagnostic.with_hint(
                        "strings over several lines stand between triple quotes, `\"\"\"`",
                    );
                }
                self.lexed.diagnostics.push(diagnostic);
                // A carriage return before the line break belongs to the break.
                self.push(TokenKind::Unknown, start);
                return;
            }
            let byte = self.peek(0);
            if byte == b'\\' && !raw {
                // The next character, whatever it is, does not close the literal.
                self.at += 1;
                if self.peek(0) != b'\n' || triple {
                    self.at += usize::from(self.at < self.bytes.len());
                }
            } else if byte == quote && !triple {
                self.at += 1;
                return self.push(kind, start);
            } else if byte == quote && self.peek(1) == quote && self.peek(2) == quote {
                self.at += 3;
                return self.push(kind, start);
            } else {
                self.at += 1;
            }
        }
    }

    fn backquoted(&mut self) {
        let start = self.at;
        self.at += 1;
        while self.at < self.bytes.len() && !matches!(self.peek(0), b'`' | b'\n') {
            self.at += 1;
        }
        if self.peek(0) != b'`' {
            let span = self.span_from(start);
            self.error(
                "rule.parse.unterminated-name",
                span,
                "this quoted field name is never closed",
            );
            return self.push(TokenKind::Unknown, start);
        }
        self.at += 1;
        let span = self.span_from(start);
        let name = Span::new(span.start + 1, span.end - 1).text(self.source);
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ' ');
        if name.is_empty() || !name.chars().all(allowed) {
            let message = "quoted field names hold letters, digits, `_`, `.`, `-`, `/` and blanks";
            self.error("rule.parse.invalid-name", span, message);
        }
        self.push(TokenKind::Backquoted, start);
    }

    fn unknown_character(&mut self) {
        let start = self.at;
        let is_known = |c: char| {
            c.is_ascii() && (c as u32) > 0x20 && !matches!(c, '#' | '@' | '$' | '\\' | '^' | '~')
        };
        let rest = &self.source[start..];
        let len: usize = rest
            .chars()
            .take_while(|c| !c.is_whitespace() && !is_known(*c))
            .map(char::len_utf8)
            .sum();
        self.at += if len > 0 {
            len
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        let span = self.span_from(start);
        let text = span.text(self.source);
        let mut diagnostic = if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            let code = text.chars().next().map_or(0, u32::from);
            let message = format!("the character U+{code:04X} can't stand here");
            Diagnostic::error("rule.parse.unexpected-character", span, message)
        } else {
            let message = format!("`{text}` can't stand here");
            Diagnostic::error("rule.parse.unexpected-character", span, message)
        };
        let hint = match text.chars().next() {
            Some('#') => Some("comments start with `//`"),
            Some('\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}') => {
                Some("strings stand between straight quotes, `\"`")
            }
            Some('\u{2264}') => Some("write `<=`"),
            Some('\u{2265}') => Some("write `>=`"),
            Some('\u{2260}') => Some("write `!=`"),
            Some(c) if c.is_alphabetic() => {
                Some("names hold the letters a-z and A-Z, digits and `_`")
            }
            _ => None,
        };
        if let Some(hint) = hint {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.lexed.diagnostics.push(diagnostic);
        self.push(TokenKind::Unknown, start);
    }
}

fn operator(byte: u8, next: u8) -> Option<(TokenKind, usize)> {
    let two = match (byte, next) {
        (b'.', b'.') => Some(TokenKind::DotDot),
        (b'?', b'?') => Some(TokenKind::QuestionQuestion),
        (b'=', b'=') => Some(TokenKind::EqualEqual),
        (b'!', b'=') => Some(TokenKind::NotEqual),
        (b'<', b'=') => Some(TokenKind::LessEqual),
        (b'>', b'=') => Some(TokenKind::GreaterEqual),
        (b'&', b'&') => Some(TokenKind::And),
        (b'|', b'|') => Some(TokenKind::Or),
        (b'|', b'>') => Some(TokenKind::Pipe),
        _ => None,
    };
    if let Some(kind) = two {
        return Some((kind, 2));
    }
    let one = match byte {
        b'(' => TokenKind::LeftParen,
        b')' => TokenKind::RightParen,
        b'[' => TokenKind::LeftBracket,
        b']' => TokenKind::RightBracket,
        b'{' => TokenKind::LeftBrace,
        b'}' => TokenKind::RightBrace,
        b',' => TokenKind::Comma,
        b';' => TokenKind::Semicolon,
        b':' => TokenKind::Colon,
        b'.' => TokenKind::Dot,
        b'?' => TokenKind::Question,
        b'=' => TokenKind::Assign,
        b'<' => TokenKind::Less,
        b'>' => TokenKind::Greater,
        b'+' => TokenKind::Plus,
        b'-' => TokenKind::Minus,
        b'*' => TokenKind::Star,
        b'/' => TokenKind::Slash,
        b'%' => TokenKind::Percent,
        b'!' => TokenKind::Not,
        b'&' => TokenKind::Ampersand,
        b'|' => TokenKind::Bar,
        _ => return None,
    };
    Some((one, 1))
}
