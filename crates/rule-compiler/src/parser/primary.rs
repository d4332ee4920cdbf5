//! What expressions are made of: literals, names, `if`, lists, maps.

use super::Parser;
use crate::ast::{Element, Entry, Expr, ExprKind, MAX_DEPTH, Name};
use crate::literal::{parse_bytes, parse_magnitude, parse_string};
use crate::token::{RESERVED, Token, TokenKind};
use rulestage_diagnostics::{Diagnostic, Span};

impl Parser<'_> {
    pub(super) fn parse_primary(&mut self) -> Expr {
        match self.kind() {
            TokenKind::Identifier if self.is_word("if") => self.parse_if(),
            TokenKind::Identifier => self.parse_word(),
            TokenKind::Dot => self.parse_absolute_name(),
            TokenKind::LeftParen => self.parse_paren(),
            TokenKind::LeftBracket => self.parse_list_literal(),
            TokenKind::LeftBrace => self.parse_map_literal(),
            _ => self.parse_literal(),
        }
    }

    #[inline(never)]
    fn parse_paren(&mut self) -> Expr {
        let opening = self.bump().span;
        let inner = Box::new(self.with_structs(Self::parse_expr));
        self.expect_closing(TokenKind::RightParen, ")", opening);
        let span = self.span_from(opening.start);
        self.make(ExprKind::Paren(inner), span)
    }

    #[inline(never)]
    fn parse_absolute_name(&mut self) -> Expr {
        let start = self.bump().span.start;
        match self.expect_name("a name") {
            Some(name) => self.parse_name(name, true, start),
            None => Expr::new(ExprKind::Error, self.span_from(start)),
        }
    }

    #[inline(never)]
    fn parse_literal(&mut self) -> Expr {
        let token = self.token();
        let span = token.span;
        let text = self.text(token);
        let kind = match token.kind {
            TokenKind::Minus => {
                self.bump();
                let number = self.bump();
                let span = span.to(number.span);
                let kind = self.number(number, true, span);
                return Expr::new(kind, span);
            }
            TokenKind::Int | TokenKind::Uint | TokenKind::Double => self.number(token, false, span),
            TokenKind::String => {
                ExprKind::String(parse_string(text, span.start, &mut self.diagnostics))
            }
            TokenKind::Bytes => {
                ExprKind::Bytes(parse_bytes(text, span.start, &mut self.diagnostics))
            }
            TokenKind::Unknown => ExprKind::Error,
            _ => {
                let message = format!("expected an expression, found {}", self.found());
                let diagnostic = Diagnostic::error("rule.parse.expected-expression", span, message);
                self.report(match token.kind {
                    TokenKind::Plus => diagnostic.with_hint("numbers have no `+` sign"),
                    _ => diagnostic,
                });
                return Expr::new(ExprKind::Error, Span::new(span.start, span.start));
            }
        };
        self.bump();
        Expr::new(kind, span)
    }

    #[inline(never)]
    fn parse_word(&mut self) -> Expr {
        let token = self.token();
        let text = self.text(token);
        let literal = match text {
            "true" => Some(ExprKind::Bool(true)),
            "false" => Some(ExprKind::Bool(false)),
            "null" => Some(ExprKind::Null),
            _ => None,
        };
        if let Some(kind) = literal {
            self.bump();
            return Expr::new(kind, token.span);
        }
        let is_block_word = text == "then" && self.peek(1).kind == TokenKind::LeftBrace;
        if text == "in" || text == "else" || is_block_word {
            let message = format!("expected an expression, found `{text}`");
            self.error_here("rule.parse.expected-expression", message);
            return Expr::new(
                ExprKind::Error,
                Span::new(token.span.start, token.span.start),
            );
        }
        self.bump();
        if RESERVED.contains(&text) {
            let message = format!("`{text}` is a reserved word and can't be a name");
            self.at -= 1;
            self.error_here("rule.parse.reserved-word", message);
            self.at += 1;
            return Expr::new(ExprKind::Error, token.span);
        }
        self.parse_name(
            Name {
                text: text.to_owned(),
                span: token.span,
            },
            false,
            token.span.start,
        )
    }

    #[inline(never)]
    fn parse_name(&mut self, name: Name, absolute: bool, start: u32) -> Expr {
        let kind = if self.is(TokenKind::LeftParen) {
            ExprKind::Call {
                function: name,
                absolute,
                args: self.parse_args(),
            }
        } else {
            ExprKind::Identifier { name, absolute }
        };
        let span = self.span_from(start);
        self.make(kind, span)
    }

    /// `if c { a } else if d { b } else { c }`.
    #[inline(never)]
    fn parse_if(&mut self) -> Expr {
        let start = self.bump().span.start;
        let condition = Box::new(self.parse_condition());
        let then = Box::new(self.parse_branch());
        if !self.eat_word("else") {
            self.report_missing_else();
            return Expr::new(ExprKind::Error, self.span_from(start));
        }
        let otherwise = Box::new(if self.is_word("if") {
            self.parse_expr_at_if()
        } else {
            self.parse_branch()
        });
        let span = self.span_from(start);
        self.make(ExprKind::If(condition, then, otherwise), span)
    }

    #[cold]
    #[inline(never)]
    fn report_missing_else(&mut self) {
        let message = format!("expected `else`, found {}", self.found());
        let span = self.token().span;
        let diagnostic = Diagnostic::error("rule.parse.missing-else", span, message);
        self.report(diagnostic.with_hint("an `if` expression has a value in every case"));
    }

    fn parse_expr_at_if(&mut self) -> Expr {
        if self.depth >= MAX_DEPTH {
            return self.parse_expr();
        }
        self.depth += 1;
        let expr = self.parse_if();
        self.depth -= 1;
        expr
    }

    fn parse_branch(&mut self) -> Expr {
        let opening = self.token().span;
        if !self.expect(TokenKind::LeftBrace, "`{`") {
            return Expr::new(ExprKind::Error, Span::new(opening.start, opening.start));
        }
        let value = self.with_structs(Self::parse_expr);
        self.expect_closing(TokenKind::RightBrace, "}", opening);
        value
    }

    #[inline(never)]
    fn parse_list_literal(&mut self) -> Expr {
        let opening = self.bump().span;
        let mut elements = Vec::new();
        self.parse_list(TokenKind::RightBracket, "]", opening, |parser| {
            let optional = parser.eat(TokenKind::Question);
            let value = parser.parse_expr();
            elements.push(Element { optional, value });
            true
        });
        let span = self.span_from(opening.start);
        self.make(ExprKind::List(elements), span)
    }

    #[inline(never)]
    fn parse_map_literal(&mut self) -> Expr {
        let opening = self.bump().span;
        let mut entries = Vec::new();
        self.parse_list(TokenKind::RightBrace, "}", opening, |parser| {
            let optional = parser.eat(TokenKind::Question);
            let key = parser.parse_expr();
            if !parser.expect(TokenKind::Colon, "`:` and a value") {
                return false;
            }
            let value = parser.parse_expr();
            entries.push(Entry {
                optional,
                key,
                value,
            });
            true
        });
        let span = self.span_from(opening.start);
        self.make(ExprKind::Map(entries), span)
    }

    #[inline(never)]
    fn number(&mut self, token: Token, negative: bool, span: Span) -> ExprKind {
        let text = self.text(token);
        if token.kind == TokenKind::Double {
            let value: f64 = text.parse().unwrap_or(f64::NAN);
            if value.is_finite() {
                return ExprKind::Double(if negative { -value } else { value });
            }
            return self.out_of_range(span, "double", None);
        }
        let magnitude = parse_magnitude(text);
        let kind = match (token.kind, magnitude) {
            (TokenKind::Uint, Some(value)) => Some(ExprKind::Uint(value)),
            (_, Some(value)) if negative => 0i64.checked_sub_unsigned(value).map(ExprKind::Int),
            (_, Some(value)) => i64::try_from(value).ok().map(ExprKind::Int),
            (_, None) => None,
        };
        kind.unwrap_or_else(|| {
            let ty = if token.kind == TokenKind::Uint {
                "uint"
            } else {
                "int"
            };
            let fits_uint = token.kind == TokenKind::Int && magnitude.is_some() && !negative;
            let hint = |text: &str| format!("as a `uint` it is written `{text}u`");
            let hint = fits_uint.then(|| hint(span.text(self.source)));
            self.out_of_range(span, ty, hint)
        })
    }

    fn out_of_range(&mut self, span: Span, ty: &str, hint: Option<String>) -> ExprKind {
        let text = span.text(self.source);
        let mut diagnostic = Diagnostic::error(
            "rule.parse.number-out-of-range",
            span,
            format!("`{text}` does not fit into `{ty}`"),
        );
        if let Some(hint) = hint {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.diagnostics.push(diagnostic);
        ExprKind::Error
    }
}
