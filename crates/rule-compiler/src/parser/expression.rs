//! The expressions of the CEL language definition, and `|>`, `??` and `if` on top.
//!
//! From loose to tight: `c ? a : b`; `??` (to the right); `||`; `&&`; `== != < <= > >= in`; `|>`; `+ -`;
//! `* / %`; `! -`; `.f  .f()  [i]`. `if` is closed by its braces and can stand anywhere.

use super::Parser;
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, LogicalOp, MAX_DEPTH, Name, UnaryOp};
use crate::token::{KEYWORDS, TokenKind};
use rulestage_diagnostics::{Diagnostic, Span};

const COALESCE: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const RELATION: u8 = 4;
const PIPE: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;

#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Logical(LogicalOp),
    Pipe,
}

impl Parser<'_> {
    pub(super) fn parse_expr(&mut self) -> Expr {
        let start = self.token().span.start;
        if self.depth >= MAX_DEPTH {
            self.report_too_deep(self.token().span);
            self.skip_balanced();
            return Expr::new(ExprKind::Error, self.span_from(start));
        }
        self.depth += 1;
        let expr = self.parse_conditional(start);
        self.depth -= 1;
        expr
    }

    fn parse_conditional(&mut self, start: u32) -> Expr {
        let condition = self.parse_infix(COALESCE);
        if !self.eat(TokenKind::Question) {
            return condition;
        }
        let then = self.parse_infix(COALESCE);
        if !self.expect(TokenKind::Colon, "`:` and the value for the other case") {
            return Expr::new(ExprKind::Error, self.span_from(start));
        }
        let otherwise = self.parse_expr();
        let span = self.span_from(start);
        self.make(
            ExprKind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise)),
            span,
        )
    }

    /// An expression whose operators all bind at least as tightly as `level`.
    fn parse_infix(&mut self, level: u8) -> Expr {
        let start = self.token().span.start;
        let mut left = self.parse_unary();
        while let Some((infix, its_level)) = self.infix() {
            if its_level < level {
                break;
            }
            self.bump();
            left = match infix {
                Infix::Pipe => self.parse_pipe_target(left, start),
                // `a ?? b ?? c` is `a ?? (b ?? c)`; the others group to the left.
                Infix::Binary(BinaryOp::Coalesce) => {
                    self.depth += 1;
                    let right = if self.depth >= MAX_DEPTH {
                        self.parse_expr()
                    } else {
                        self.parse_infix(COALESCE)
                    };
                    self.depth -= 1;
                    self.combine(infix, left, right)
                }
                _ => {
                    let right = self.parse_infix(its_level + 1);
                    self.combine(infix, left, right)
                }
            };
        }
        left
    }

    /// The operator at the current token. Look-alikes are reported and taken for what is meant.
    #[inline(never)]
    fn infix(&mut self) -> Option<(Infix, u8)> {
        use TokenKind as T;
        let binary = |op| Infix::Binary(op);
        Some(match self.kind() {
            T::QuestionQuestion => (binary(BinaryOp::Coalesce), COALESCE),
            T::Or | T::Bar if self.in_table => return None,
            T::Or => (Infix::Logical(LogicalOp::Or), OR),
            T::And => (Infix::Logical(LogicalOp::And), AND),
            T::EqualEqual => (binary(BinaryOp::Equal), RELATION),
            T::NotEqual => (binary(BinaryOp::NotEqual), RELATION),
            T::Less => (binary(BinaryOp::Less), RELATION),
            T::LessEqual => (binary(BinaryOp::LessEqual), RELATION),
            T::Greater => (binary(BinaryOp::Greater), RELATION),
            T::GreaterEqual => (binary(BinaryOp::GreaterEqual), RELATION),
            T::Pipe => (Infix::Pipe, PIPE),
            T::Plus => (binary(BinaryOp::Add), SUM),
            T::Minus => (binary(BinaryOp::Subtract), SUM),
            T::Star => (binary(BinaryOp::Multiply), PRODUCT),
            T::Slash => (binary(BinaryOp::Divide), PRODUCT),
            T::Percent => (binary(BinaryOp::Remainder), PRODUCT),
            T::Assign => {
                self.report_look_alike(
                    "`=` assigns and can't stand here",
                    "to compare, write `==`",
                );
                (binary(BinaryOp::Equal), RELATION)
            }
            T::Ampersand => {
                self.report_look_alike("`&` is not an operator", "write `&&`");
                (Infix::Logical(LogicalOp::And), AND)
            }
            T::Bar => {
                self.report_look_alike("`|` is not an operator", "write `||`");
                (Infix::Logical(LogicalOp::Or), OR)
            }
            T::Identifier => match self.text(self.token()) {
                "in" => (binary(BinaryOp::In), RELATION),
                word @ ("and" | "or")
                    if !matches!(self.peek(1).kind, T::Colon | T::Assign)
                        && !self.is_on_new_line() =>
                {
                    let (op, level, hint) = match word {
                        "and" => (LogicalOp::And, AND, "write `&&`"),
                        _ => (LogicalOp::Or, OR, "write `||`"),
                    };
                    self.report_look_alike(&format!("`{word}` is not an operator"), hint);
                    (Infix::Logical(op), level)
                }
                _ => return None,
            },
            _ => return None,
        })
    }

    #[inline(never)]
    fn report_look_alike(&mut self, message: &str, hint: &str) {
        let span = self.token().span;
        self.report(Diagnostic::error("rule.parse.operator", span, message).with_hint(hint));
    }

    #[inline(never)]
    fn combine(&mut self, infix: Infix, left: Expr, right: Expr) -> Expr {
        let span = left.span.to(right.span);
        match (infix, left) {
            (
                Infix::Logical(op),
                Expr {
                    kind: ExprKind::Logical(left_op, mut operands),
                    depth,
                    ..
                },
            ) if op == left_op => {
                let depth = depth.max(right.depth.saturating_add(1));
                operands.push(right);
                let expr = Expr {
                    kind: ExprKind::Logical(op, operands),
                    span,
                    depth,
                };
                if depth > MAX_DEPTH {
                    self.report_too_deep(span);
                    return Expr::new(ExprKind::Error, span);
                }
                expr
            }
            (Infix::Logical(op), left) => self.make(ExprKind::Logical(op, vec![left, right]), span),
            (Infix::Binary(op), left) => {
                self.make(ExprKind::Binary(op, Box::new(left), Box::new(right)), span)
            }
            (Infix::Pipe, left) => left,
        }
    }

    /// `f`, `f(y)`, `a.b.f(y)` after `|>`.
    #[inline(never)]
    fn parse_pipe_target(&mut self, value: Expr, start: u32) -> Expr {
        let Some(mut function) = self.expect_name("the name of a function") else {
            return Expr::new(ExprKind::Error, self.span_from(start));
        };
        while self.is(TokenKind::Dot) && self.peek(1).kind == TokenKind::Identifier {
            self.bump();
            let part = self.bump();
            function.text.push('.');
            function.text.push_str(self.text(part));
            function.span = function.span.to(part.span);
        }
        let args = self.is(TokenKind::LeftParen).then(|| self.parse_args());
        let span = self.span_from(start);
        self.make(
            ExprKind::Pipe {
                value: Box::new(value),
                function,
                args,
            },
            span,
        )
    }

    fn parse_unary(&mut self) -> Expr {
        let mut operators: Vec<(UnaryOp, u32)> = Vec::new();
        loop {
            let start = self.token().span.start;
            let op = match self.kind() {
                TokenKind::Minus => UnaryOp::Negate,
                TokenKind::Not => UnaryOp::Not,
                TokenKind::Identifier
                    if self.is_word("not")
                        && self.starts_operand(1)
                        && !self.peek_is_word(1, "in") =>
                {
                    self.report_look_alike("`not` is not an operator", "write `!`");
                    UnaryOp::Not
                }
                _ => break,
            };
            // A sign directly before a number belongs to it: -9223372036854775808 is an int, its negation is not.
            let is_sign = op == UnaryOp::Negate
                && matches!(self.peek(1).kind, TokenKind::Int | TokenKind::Double);
            if is_sign {
                break;
            }
            self.bump();
            operators.push((op, start));
        }
        let mut expr = self.parse_postfix();
        while let Some((op, start)) = operators.pop() {
            let span = Span::new(start, expr.span.end);
            expr = self.make(ExprKind::Unary(op, Box::new(expr)), span);
        }
        expr
    }

    fn starts_operand(&self, ahead: usize) -> bool {
        use TokenKind as T;
        let kind = self.peek(ahead).kind;
        matches!(
            kind,
            T::Identifier | T::Int | T::Uint | T::Double | T::String | T::Bytes
        )
    }

    fn parse_postfix(&mut self) -> Expr {
        let start = self.token().span.start;
        let mut expr = self.parse_primary();
        loop {
            match self.kind() {
                TokenKind::Dot => {
                    self.bump();
                    let optional = self.eat(TokenKind::Question);
                    let Some(field) = self.parse_field_name() else {
                        return Expr::new(ExprKind::Error, self.span_from(start));
                    };
                    let is_call = self.is(TokenKind::LeftParen) && !optional;
                    let kind = if is_call {
                        let args = self.parse_args();
                        ExprKind::Method {
                            receiver: Box::new(expr),
                            function: field,
                            args,
                        }
                    } else {
                        ExprKind::Select {
                            operand: Box::new(expr),
                            field,
                            optional,
                        }
                    };
                    let span = self.span_from(start);
                    expr = self.make(kind, span);
                }
                TokenKind::LeftBracket => {
                    let opening = self.bump().span;
                    let optional = self.eat(TokenKind::Question);
                    let index = self.with_structs(Self::parse_expr);
                    self.expect_closing(TokenKind::RightBracket, "]", opening);
                    let span = self.span_from(start);
                    let kind = ExprKind::Index {
                        operand: Box::new(expr),
                        index: Box::new(index),
                        optional,
                    };
                    expr = self.make(kind, span);
                }
                TokenKind::LeftBrace => match qualified_name(&expr) {
                    Some((name, absolute)) if self.starts_struct() => {
                        expr = self.parse_struct(name, absolute, start)
                    }
                    _ => return expr,
                },
                _ => return expr,
            }
        }
    }

    /// The name after a dot: any word but `true`, `false`, `null` and `in`, or one in back quotes.
    #[inline(never)]
    fn parse_field_name(&mut self) -> Option<Name> {
        let token = self.token();
        let text = self.text(token);
        match token.kind {
            TokenKind::Backquoted => {
                self.bump();
                Some(Name {
                    text: text.trim_matches('`').to_owned(),
                    span: token.span,
                })
            }
            TokenKind::Identifier if !KEYWORDS.contains(&text) => {
                self.bump();
                Some(Name {
                    text: text.to_owned(),
                    span: token.span,
                })
            }
            _ => {
                self.error_here(
                    "rule.parse.expected",
                    format!("expected a field name, found {}", self.found()),
                );
                None
            }
        }
    }

    /// Whether the brace at the current token starts the fields of a message rather than a block.
    fn starts_struct(&self) -> bool {
        let (first, second) = (self.peek(1).kind, self.peek(2).kind);
        let is_name = matches!(first, TokenKind::Identifier | TokenKind::Backquoted);
        match first {
            TokenKind::RightBrace => !self.no_struct,
            TokenKind::Question => true,
            _ => is_name && second == TokenKind::Colon,
        }
    }

    #[inline(never)]
    fn parse_struct(&mut self, name: Name, absolute: bool, start: u32) -> Expr {
        let opening = self.bump().span;
        let mut fields = Vec::new();
        self.parse_list(TokenKind::RightBrace, "}", opening, |parser| {
            let optional = parser.eat(TokenKind::Question);
            let Some(name) = parser.parse_field_name() else {
                return false;
            };
            if !parser.expect(TokenKind::Colon, "`:`") {
                return false;
            }
            let value = parser.parse_expr();
            fields.push(FieldValue {
                optional,
                name,
                value,
            });
            true
        });
        let span = self.span_from(start);
        self.make(
            ExprKind::Struct {
                name,
                absolute,
                fields,
            },
            span,
        )
    }

    pub(super) fn parse_args(&mut self) -> Vec<Expr> {
        let opening = self.bump().span;
        let mut args = Vec::new();
        self.parse_list(TokenKind::RightParen, ")", opening, |parser| {
            args.push(parser.parse_expr());
            true
        });
        args
    }

    /// Comma-separated entries up to the closing bracket; a comma may follow the last one.
    pub(super) fn parse_list(
        &mut self,
        closing: TokenKind,
        symbol: &str,
        opening: Span,
        mut entry: impl FnMut(&mut Self) -> bool,
    ) {
        let no_struct = std::mem::replace(&mut self.no_struct, false);
        let in_table = std::mem::replace(&mut self.in_table, false);
        while !self.is(closing) && !self.is(TokenKind::End) {
            let before = self.at;
            let is_read = entry(self);
            if self.eat(TokenKind::Comma) {
                continue;
            }
            if is_read && self.starts_operand(0) && !self.is_on_new_line() && self.at > before {
                self.report_missing_comma(symbol, opening);
                if !self.is_word("then") && !self.is_word("merge") {
                    continue;
                }
            }
            break;
        }
        self.no_struct = no_struct;
        self.in_table = in_table;
        self.expect_closing(closing, symbol, opening);
    }

    /// `[1 2]`
    #[cold]
    #[inline(never)]
    fn report_missing_comma(&mut self, symbol: &str, opening: Span) {
        let message = format!("expected `,` or `{symbol}`, found {}", self.found());
        let span = self.token().span;
        let diagnostic = Diagnostic::error("rule.parse.missing-comma", span, message);
        self.report(diagnostic.with_label(opening, "opened here"));
    }

    pub(super) fn with_structs<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> T {
        let no_struct = std::mem::replace(&mut self.no_struct, false);
        let in_table = std::mem::replace(&mut self.in_table, false);
        let result = parse(self);
        self.no_struct = no_struct;
        self.in_table = in_table;
        result
    }

    /// An operand in a cell of a table: nothing looser than `+`, so that `..` and commas are the cell's.
    pub(super) fn parse_cell_operand(&mut self) -> Expr {
        self.in_cells(|parser| parser.parse_infix(SUM))
    }

    /// An expression in a cell of a table, up to `|` or `||`.
    pub(super) fn parse_cell_expr(&mut self) -> Expr {
        self.in_cells(Self::parse_expr)
    }

    fn in_cells(&mut self, parse: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let in_table = std::mem::replace(&mut self.in_table, true);
        let expr = parse(self);
        self.in_table = in_table;
        expr
    }

    /// An expression before a block: `if CONDITION {`, `when CONDITION then {`.
    pub(super) fn parse_condition(&mut self) -> Expr {
        let no_struct = std::mem::replace(&mut self.no_struct, true);
        let condition = self.parse_expr();
        self.no_struct = no_struct;
        condition
    }

    /// Skips to the bracket that closes the current level.
    fn skip_balanced(&mut self) {
        use TokenKind as T;
        let mut open = 0usize;
        loop {
            match self.kind() {
                T::LeftParen | T::LeftBracket | T::LeftBrace => open += 1,
                T::RightParen | T::RightBracket | T::RightBrace if open == 0 => return,
                T::RightParen | T::RightBracket | T::RightBrace => open -= 1,
                T::End => return,
                _ => {}
            }
            self.bump();
        }
    }
}

/// `a.b.c` as one name; `None` for anything else.
fn qualified_name(expr: &Expr) -> Option<(Name, bool)> {
    match &expr.kind {
        ExprKind::Identifier { name, absolute } => Some((name.clone(), *absolute)),
        ExprKind::Select {
            operand,
            field,
            optional: false,
        } => {
            let (mut name, absolute) = qualified_name(operand)?;
            name.text.push('.');
            name.text.push_str(&field.text);
            name.span = name.span.to(field.span);
            Some((name, absolute))
        }
        _ => None,
    }
}
