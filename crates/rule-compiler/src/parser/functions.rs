//! `func` declarations.

use super::Parser;
use crate::ast::{Function, ItemKind};
use crate::token::TokenKind;
use rulestage_diagnostics::Diagnostic;

impl Parser<'_> {
    pub(super) fn parse_function(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.expect_name("the name of the function")?;
        let opening = self.token().span;
        if !self.expect(TokenKind::LeftParen, "`(` and the parameters") {
            return None;
        }
        let mut params = Vec::new();
        self.parse_list(TokenKind::RightParen, ")", opening, |parser| {
            let Some(name) = parser.expect_name("the name of a parameter") else {
                return false;
            };
            if !parser.expect(TokenKind::Colon, "`:` and the type of the parameter") {
                return false;
            }
            params.push((name, parser.parse_type_expr()));
            true
        });
        if !self.eat_arrow() {
            return None;
        }
        let result = self.parse_type_expr();
        if self.is(TokenKind::LeftBrace) {
            let span = self.token().span;
            let diagnostic =
                Diagnostic::error("rule.parse.expected", span, "expected `=`, found `{`")
                    .with_hint("the body is an expression: `func f(x: int) -> int = x + 1`");
            self.report(diagnostic);
            return None;
        }
        if !self.expect(TokenKind::Assign, "`=` and the body") {
            return None;
        }
        let body = self.parse_expr();
        Some(ItemKind::Function(Box::new(Function {
            name,
            params,
            result,
            body,
        })))
    }

    /// `->`, which the lexer takes for two operators.
    fn eat_arrow(&mut self) -> bool {
        if self.is(TokenKind::Minus) && self.peek(1).kind == TokenKind::Greater {
            self.bump();
            self.bump();
            return true;
        }
        self.report_expected("`->` and the type of the result");
        false
    }
}
