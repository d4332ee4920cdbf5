//! Tokens to syntax tree, with recovery: one run reports every error it can tell apart.
//!
//! The parser always returns a tree. Where something is missing it reports once, takes no token and goes on;
//! an expression that can't be read becomes `ExprKind::Error`, which later phases pass over silently.

mod blocks;
mod expression;
mod functions;
mod primary;
mod rules;
mod tables;
mod types;

pub(crate) use blocks::merge_name;
pub(crate) use types::plain_type;

use crate::ast::{Expr, ExprKind, MAX_DEPTH, Name, RuleSet, TypeExpr};
use crate::lexer::{Lexed, lex};
use crate::token::{Comment, Token, TokenKind};
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_sort::sort_by_key;

/// What the parser made of a source of rules.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// In source order
    pub diagnostics: Vec<Diagnostic>,
    /// What could be read; absent when there is no rule set at all
    pub ruleset: Option<RuleSet>,
    /// All comments, in source order
    pub comments: Vec<Comment>,
}

/// The syntax tree of a source of rules, as far as it can be read, and what is wrong with it.
pub fn parse(source: &str) -> Parsed {
    let mut parser = Parser::new(source);
    let ruleset = parser.parse_source();
    Parsed {
        ruleset,
        diagnostics: parser.take_diagnostics(),
        comments: parser.comments,
    }
}

/// The syntax tree of one expression, as far as it can be read, and what is wrong with it.
pub fn parse_expression(source: &str) -> (Expr, Vec<Diagnostic>) {
    let mut parser = Parser::new(source);
    let expr = parser.parse_expr();
    parser.expect_end("the expression");
    (expr, parser.take_diagnostics())
}

/// The type that `source` names.
pub(crate) fn parse_type(source: &str) -> (TypeExpr, Vec<Diagnostic>) {
    let mut parser = Parser::new(source);
    let ty = parser.parse_type_expr();
    parser.expect_end("the type");
    (ty, parser.take_diagnostics())
}

/// A cursor over the tokens, and the errors so far.
struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    /// The token at which the last error was reported: a second one there would only repeat it
    error_at: Option<usize>,
    depth: u16,
    is_too_deep: bool,
    /// Whether `{` after a name starts a block here, as in `if a { … }`
    no_struct: bool,
    /// Whether `|` and `||` part cells here
    in_table: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        let Lexed {
            tokens,
            comments,
            diagnostics,
        } = lex(source);
        Self {
            source,
            tokens,
            comments,
            at: 0,
            diagnostics,
            error_at: None,
            depth: 0,
            is_too_deep: false,
            no_struct: false,
            in_table: false,
        }
    }

    fn take_diagnostics(&mut self) -> Vec<Diagnostic> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        sort_by_key(&mut diagnostics, |diagnostic| diagnostic.span);
        diagnostics
    }

    // ------------------------------------------------------------------ looking

    fn token(&self) -> Token {
        self.peek(0)
    }

    fn peek(&self, ahead: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn text(&self, token: Token) -> &'a str {
        token.span.text(self.source)
    }

    fn is(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// Whether the current token is this word.
    fn is_word(&self, word: &str) -> bool {
        self.peek_is_word(0, word)
    }

    fn peek_is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek(ahead);
        token.kind == TokenKind::Identifier && self.text(token) == word
    }

    /// Where the last token that was taken ends.
    fn last_end(&self) -> u32 {
        self.at
            .checked_sub(1)
            .map_or(0, |last| self.tokens[last].span.end)
    }

    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.last_end().max(start))
    }

    /// Whether a line break lies between the last token and the current one.
    fn is_on_new_line(&self) -> bool {
        Span::new(self.last_end(), self.token().span.start)
            .text(self.source)
            .contains('\n')
    }

    /// How a message speaks of the current token.
    fn found(&self) -> String {
        match self.kind() {
            TokenKind::End => "the end of the source".to_owned(),
            _ => {
                let text = self.text(self.token());
                match text.char_indices().nth(30) {
                    Some((at, _)) => format!("`{}…`", &text[..at]),
                    None => format!("`{text}`"),
                }
            }
        }
    }

    // ------------------------------------------------------------------- taking

    fn bump(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.is(kind);
        if found {
            self.bump();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// Takes `kind`, or reports that `what` is missing.
    fn expect(&mut self, kind: TokenKind, what: &str) -> bool {
        let found = self.eat(kind);
        if !found {
            self.report_expected(what);
        }
        found
    }

    /// Takes the closing bracket of `opening`, or reports both places.
    fn expect_closing(&mut self, kind: TokenKind, symbol: &str, opening: Span) -> bool {
        let found = self.eat(kind);
        if !found {
            self.report_unclosed(symbol, opening);
        }
        found
    }

    // What builds messages stays out of the frames of what recurses: nesting must fit into small stacks.

    #[cold]
    #[inline(never)]
    fn report_expected(&mut self, what: &str) {
        let message = format!("expected {what}, found {}", self.found());
        self.error_here("rule.parse.expected", message);
    }

    #[cold]
    #[inline(never)]
    fn report_unclosed(&mut self, symbol: &str, opening: Span) {
        let message = format!("expected `{symbol}`, found {}", self.found());
        let span = self.token().span;
        self.report(
            Diagnostic::error("rule.parse.unclosed", span, message)
                .with_label(opening, "opened here"),
        );
    }

    fn expect_end(&mut self, what: &str) {
        if !self.is(TokenKind::End) {
            let message = format!("expected the end of {what}, found {}", self.found());
            self.error_here("rule.parse.expected", message);
        }
    }

    /// Takes a name; reports and gives an empty one when there is none.
    #[inline(never)]
    fn expect_name(&mut self, what: &str) -> Option<Name> {
        let token = self.token();
        if token.kind != TokenKind::Identifier {
            self.error_here(
                "rule.parse.expected",
                format!("expected {what}, found {}", self.found()),
            );
            return None;
        }
        let text = self.text(token);
        if crate::token::RESERVED.contains(&text) || crate::token::KEYWORDS.contains(&text) {
            let message = format!("`{text}` is a reserved word and can't be a name");
            self.error_here("rule.parse.reserved-word", message);
        }
        self.bump();
        Some(Name {
            text: text.to_owned(),
            span: token.span,
        })
    }

    // ---------------------------------------------------------------- reporting

    fn error_here(&mut self, code: &'static str, message: impl Into<String>) {
        let span = self.token().span;
        self.report(Diagnostic::error(code, span, message));
    }

    /// Adds a diagnostic about the current token, unless there is one already.
    fn report(&mut self, diagnostic: Diagnostic) {
        // What the lexer could not read, it has reported.
        let is_repeated = self.error_at == Some(self.at) || self.is(TokenKind::Unknown);
        self.error_at = Some(self.at);
        if !is_repeated {
            self.diagnostics.push(diagnostic);
        }
    }

    /// An expression of this kind, unless it nests too deeply.
    #[inline(never)]
    fn make(&mut self, kind: ExprKind, span: Span) -> Expr {
        let expr = Expr::new(kind, span);
        if expr.depth <= MAX_DEPTH {
            return expr;
        }
        self.report_too_deep(span);
        Expr::new(ExprKind::Error, span)
    }

    #[cold]
    #[inline(never)]
    fn report_too_deep(&mut self, span: Span) {
        if !self.is_too_deep {
            self.is_too_deep = true;
            let message = format!("this expression nests more than {MAX_DEPTH} levels deep");
            let diagnostic = Diagnostic::error("rule.parse.too-deep", span, message)
                .with_hint("give parts of it names with `let`");
            self.diagnostics.push(diagnostic);
        }
        self.error_at = Some(self.at);
    }

    // ---------------------------------------------------------------- comments

    /// The comments directly above `span`, or else the one behind it on its last line.
    fn doc(&self, span: Span) -> String {
        let above = self.doc_above(span.start);
        if !above.is_empty() {
            return above;
        }
        let next = self
            .comments
            .partition_point(|comment| comment.span.start < span.end);
        let Some(comment) = self.comments.get(next) else {
            return String::new();
        };
        let between = Span::new(span.end, comment.span.start).text(self.source);
        if between.chars().all(|c| matches!(c, ' ' | '\t' | ',' | ';')) {
            return comment.text(self.source).to_owned();
        }
        String::new()
    }

    fn doc_above(&self, start: u32) -> String {
        let mut next = self
            .comments
            .partition_point(|comment| comment.span.start < start);
        let mut below = start;
        let mut lines = Vec::new();
        while let Some(comment) = next.checked_sub(1).map(|last| self.comments[last]) {
            let between = Span::new(comment.span.end, below).text(self.source);
            let is_directly_above = between.trim().is_empty() && between.matches('\n').count() == 1;
            if !comment.own_line || !is_directly_above {
                break;
            }
            lines.push(comment.text(self.source));
            below = comment.span.start;
            next -= 1;
        }
        lines.reverse();
        lines.join("\n")
    }
}
