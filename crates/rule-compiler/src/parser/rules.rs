//! `rule`, `example` and `invariant` blocks.

use super::Parser;
use crate::ast::{
    Assignment, Example, ExamplePart, ExamplePartKind, Expr, ExprKind, Invariant, ItemKind, Rule,
};
use crate::literal::parse_magnitude;
use crate::suggest::nearest;
use crate::token::TokenKind;
use rulestage_diagnostics::{Diagnostic, Span};

impl Parser<'_> {
    pub(super) fn parse_rule(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.expect_name("the name of the rule")?;
        let priority = if self.eat_word("priority") {
            self.parse_priority()
        } else {
            None
        };
        let opening = self.token().span;
        if !self.expect(TokenKind::LeftBrace, "`{`") {
            return None;
        }
        let condition = if self.eat_word("when") {
            self.parse_condition()
        } else {
            let found = self.found();
            self.error_here(
                "rule.parse.expected",
                format!("expected `when` and a condition, found {found}"),
            );
            Expr::new(ExprKind::Error, Span::new(opening.end, opening.end))
        };
        if !self.is_word("then") {
            let is_block = self.is(TokenKind::LeftBrace);
            let diagnostic = Diagnostic::error(
                "rule.parse.expected",
                self.token().span,
                format!("expected `then`, found {}", self.found()),
            );
            self.report(if is_block {
                diagnostic.with_hint("write `then` before the brace")
            } else {
                diagnostic
            });
            if !is_block {
                self.skip_to_then();
            }
        }
        let mut then = Vec::new();
        let mut then_span = Span::new(self.last_end(), self.last_end());
        let has_then = self.eat_word("then");
        if has_then || self.is(TokenKind::LeftBrace) {
            (then, then_span) = self.parse_assignments();
        }
        let mut otherwise = None;
        let mut otherwise_span = then_span;
        if self.eat_word("else") {
            let (assignments, span) = self.parse_assignments();
            otherwise = Some(assignments);
            otherwise_span = span;
        }
        if !self.is(TokenKind::RightBrace) && !self.at_item_start() && !self.is(TokenKind::End) {
            let message = format!(
                "expected `}}` at the end of the rule, found {}",
                self.found()
            );
            let span = self.token().span;
            self.report(
                Diagnostic::error("rule.parse.unclosed", span, message)
                    .with_label(opening, "opened here"),
            );
            self.skip_to_item();
        }
        self.expect_closing(TokenKind::RightBrace, "}", opening);
        Some(ItemKind::Rule(Box::new(Rule {
            name,
            priority,
            condition,
            then,
            otherwise,
            then_span,
            otherwise_span,
        })))
    }

    /// After an unreadable condition: on to `then`, the end of the rule or the next item.
    fn skip_to_then(&mut self) {
        let mut open = 0usize;
        while !self.is(TokenKind::End) && !self.at_item_start() {
            match self.kind() {
                _ if open == 0 && self.is_word("then") => return,
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace if open == 0 => return,
                TokenKind::RightBrace => open -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    pub(super) fn parse_priority(&mut self) -> Option<(i64, Span)> {
        let start = self.token().span.start;
        let negative = self.eat(TokenKind::Minus);
        let token = self.token();
        if !self.expect(TokenKind::Int, "an integer, the priority") {
            return None;
        }
        let span = self.span_from(start);
        let value = parse_magnitude(self.text(token)).and_then(|magnitude| {
            if negative {
                0i64.checked_sub_unsigned(magnitude)
            } else {
                i64::try_from(magnitude).ok()
            }
        });
        if value.is_none() {
            let message = "the priority does not fit into 64 bits";
            self.diagnostics.push(Diagnostic::error(
                "rule.parse.number-out-of-range",
                span,
                message,
            ));
        }
        value.map(|value| (value, span))
    }

    fn parse_assignments(&mut self) -> (Vec<Assignment>, Span) {
        let mut assignments = Vec::new();
        let span = self.parse_braced("the assignments", |parser| {
            let start = parser.token().span.start;
            let Some(name) = parser.expect_name("the name of an output") else {
                return false;
            };
            if parser.is(TokenKind::Colon) {
                let span = parser.token().span;
                let diagnostic =
                    Diagnostic::error("rule.parse.expected", span, "expected `=`, found `:`")
                        .with_hint("a rule assigns: `output = value`");
                parser.report(diagnostic);
                parser.bump();
            } else if !parser.expect(TokenKind::Assign, "`=` and a value") {
                return false;
            }
            let value = parser.parse_expr();
            let is_read = value.kind != ExprKind::Error;
            assignments.push(Assignment {
                name,
                value,
                span: parser.span_from(start),
            });
            is_read
        });
        (assignments, span)
    }

    // ---------------------------------------------------------------- examples

    pub(super) fn parse_example(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.parse_text("the name of the example, in quotes")?;
        let mut parts = Vec::new();
        self.parse_braced("`given` and `expect`", |parser| {
            let token = parser.token();
            let kind = match parser.text(token) {
                "given" => ExamplePartKind::Given,
                "params" => ExamplePartKind::Params,
                "expect" => ExamplePartKind::Expect,
                word => {
                    let message = format!(
                        "expected `given`, `params` or `expect`, found {}",
                        parser.found()
                    );
                    let mut diagnostic =
                        Diagnostic::error("rule.parse.expected", token.span, message);
                    if let Some(meant) = nearest(word, ["given", "params", "expect"]) {
                        diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
                    }
                    parser.report(diagnostic);
                    return false;
                }
            };
            parser.bump();
            let entries = parser.parse_values();
            parts.push(ExamplePart {
                kind,
                entries,
                span: parser.span_from(token.span.start),
            });
            true
        });
        Some(ItemKind::Example(Box::new(Example { name, parts })))
    }

    fn parse_values(&mut self) -> Vec<Assignment> {
        let mut entries = Vec::new();
        self.parse_braced("the values", |parser| {
            let start = parser.token().span.start;
            let Some(name) = parser.expect_name("a name") else {
                return false;
            };
            if parser.is(TokenKind::Assign) {
                let span = parser.token().span;
                let diagnostic =
                    Diagnostic::error("rule.parse.expected", span, "expected `:`, found `=`")
                        .with_hint("an example states values: `name: value`");
                parser.report(diagnostic);
                parser.bump();
            } else if !parser.expect(TokenKind::Colon, "`:` and a value") {
                return false;
            }
            let value = parser.parse_expr();
            let is_read = value.kind != ExprKind::Error;
            entries.push(Assignment {
                name,
                value,
                span: parser.span_from(start),
            });
            is_read
        });
        entries
    }

    // -------------------------------------------------------------- invariants

    pub(super) fn parse_invariant(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.parse_text("the name of the invariant, in quotes")?;
        let opening = self.token().span;
        if !self.expect(TokenKind::LeftBrace, "`{`") {
            return None;
        }
        let condition = self.eat_word("when").then(|| self.parse_condition());
        let assertion = if self.eat_word("assert") {
            self.parse_condition()
        } else {
            let message = format!("expected `assert` and a condition, found {}", self.found());
            let span = self.token().span;
            let diagnostic = Diagnostic::error("rule.parse.expected", span, message).with_hint(
                "an invariant is `invariant \"NAME\" { when CONDITION assert CONDITION }`",
            );
            self.report(diagnostic);
            Expr::new(ExprKind::Error, Span::new(span.start, span.start))
        };
        if !self.is(TokenKind::RightBrace) && !self.at_item_start() {
            self.report_unclosed("}", opening);
            self.skip_to_item();
        }
        self.expect_closing(TokenKind::RightBrace, "}", opening);
        Some(ItemKind::Invariant(Box::new(Invariant {
            name,
            condition,
            assertion,
        })))
    }
}
