//! Tokens and comments: what the lexer hands to the parser, the formatter and the highlighter.

use rulestage_diagnostics::Span;

/// What a token is. Literals keep their text in the source; `literal` decodes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An identifier, reserved words included
    Identifier,
    /// `` `any text` ``, as a field name
    Backquoted,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Comma,
    Semicolon,
    Colon,
    Dot,
    DotDot,
    Question,
    QuestionQuestion,
    Assign,
    EqualEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Not,
    And,
    Or,
    /// `&`: never valid, named so that the message can help
    Ampersand,
    /// `|`: separates table cells
    Bar,
    /// `|>`
    Pipe,
    /// A character or literal that the lexer already reported
    Unknown,
    /// The end of the source
    End,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// `// …` up to the end of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// With the slashes, without the line break
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line
    pub own_line: bool,
}

impl Comment {
    /// What it says: without slashes and one leading blank.
    pub(crate) fn text(self, source: &str) -> &str {
        let text = self.span.text(source).trim_start_matches('/').trim_end();
        text.strip_prefix(' ').unwrap_or(text)
    }
}

/// Words that CEL keeps for itself: never variable names.
pub(crate) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Words that stand for themselves: `true`, `false`, `null` and `in`.
pub(crate) const KEYWORDS: [&str; 4] = ["true", "false", "null", "in"];

/// Whether a word can't be a name.
pub fn is_reserved_word(word: &str) -> bool {
    RESERVED.contains(&word) || KEYWORDS.contains(&word)
}
