//! What to paint in which colour: an editor's view of a source.

use crate::lexer::lex;
use crate::token::{KEYWORDS, RESERVED, Token, TokenKind};
use rulestage_diagnostics::Span;
use rulestage_sort::sort_by_key;

/// What a piece of source is, to an editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// `rule`, `when`, `if`, `in` …
    Keyword,
    /// `int`, `list` … where a type stands
    Type,
    /// `true`, `false`, `null`
    Constant,
    /// A number
    Number,
    /// A string or bytes literal
    String,
    /// `// …`
    Comment,
    /// The name of a function that is called
    Function,
    /// Any other name
    Name,
    /// `&&`, `+`, `?` …
    Operator,
    /// Brackets, commas, colons
    Punctuation,
    /// What can't be read
    Error,
}

const BLOCK_WORDS: [&str; 21] = [
    "ruleset",
    "version",
    "input",
    "param",
    "output",
    "merge",
    "rule",
    "priority",
    "when",
    "then",
    "else",
    "example",
    "given",
    "params",
    "expect",
    "table",
    "hit",
    "func",
    "invariant",
    "assert",
    "let",
];

const TYPE_WORDS: [&str; 13] = [
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "timestamp",
    "duration",
    "decimal",
    "list",
    "map",
    "optional",
    "dyn",
];

/// The pieces of a source and their classes, in source order; blanks are left out.
pub fn highlight(source: &str) -> Vec<(Span, TokenClass)> {
    let lexed = lex(source);
    let mut pieces: Vec<(Span, TokenClass)> = lexed
        .comments
        .iter()
        .map(|comment| (comment.span, TokenClass::Comment))
        .collect();
    for (index, token) in lexed.tokens.iter().enumerate() {
        let next = lexed
            .tokens
            .get(index + 1)
            .map_or(TokenKind::End, |next| next.kind);
        let previous = index
            .checked_sub(1)
            .map(|previous| lexed.tokens[previous].kind);
        let class = match token.kind {
            TokenKind::End => continue,
            TokenKind::Identifier if is_policy(&lexed.tokens[..=index], source) => {
                TokenClass::Keyword
            }
            TokenKind::Identifier => word_class(token.span.text(source), previous, next),
            TokenKind::Backquoted => TokenClass::Name,
            TokenKind::Int | TokenKind::Uint | TokenKind::Double => TokenClass::Number,
            TokenKind::String | TokenKind::Bytes => TokenClass::String,
            TokenKind::Unknown | TokenKind::Ampersand => TokenClass::Error,
            TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::Comma
            | TokenKind::Semicolon
            | TokenKind::Colon
            | TokenKind::Dot => TokenClass::Punctuation,
            _ => TokenClass::Operator,
        };
        pieces.push((token.span, class));
    }
    sort_by_key(&mut pieces, |(span, _)| *span);
    pieces
}

/// Whether the last of the tokens is `first` in `hit first`, or `order` in `hit rule order`.
fn is_policy(tokens: &[Token], source: &str) -> bool {
    let word = |back: usize| {
        let index = tokens.len().checked_sub(back + 1);
        index.map_or("", |index| tokens[index].span.text(source))
    };
    let is_second = matches!(
        (word(1), word(0)),
        ("rule" | "output", "order") | ("collect", "count")
    );
    word(1) == "hit" && word(2) != "," || is_second && word(2) == "hit"
}

fn word_class(word: &str, previous: Option<TokenKind>, next: TokenKind) -> TokenClass {
    if previous == Some(TokenKind::Dot) {
        return if next == TokenKind::LeftParen {
            TokenClass::Function
        } else {
            TokenClass::Name
        };
    }
    let is_declared = matches!(next, TokenKind::Colon | TokenKind::Assign);
    match word {
        "true" | "false" | "null" => TokenClass::Constant,
        _ if KEYWORDS.contains(&word) || RESERVED.contains(&word) => TokenClass::Keyword,
        _ if next == TokenKind::LeftParen => TokenClass::Function,
        _ if BLOCK_WORDS.contains(&word) && !is_declared => TokenClass::Keyword,
        _ if TYPE_WORDS.contains(&word)
            && !is_declared
            && matches!(
                previous,
                Some(TokenKind::Colon | TokenKind::Less | TokenKind::Comma)
            ) =>
        {
            TokenClass::Type
        }
        _ => TokenClass::Name,
    }
}
