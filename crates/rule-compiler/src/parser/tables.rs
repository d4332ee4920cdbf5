//! `table` blocks. A row ends with the `|` behind which the line ends.

use super::Parser;
use crate::ast::{
    BinaryOp, Cell, Expr, ExprKind, HitPolicy, ItemKind, Table, TableOutput, TableRow, Test,
    TestKind,
};
use crate::suggest::nearest;
use crate::token::TokenKind;
use rulestage_diagnostics::{Diagnostic, Span};

const POLICIES: [(&str, HitPolicy); 7] = [
    ("unique", HitPolicy::Unique),
    ("any", HitPolicy::Any),
    ("first", HitPolicy::First),
    ("priority", HitPolicy::Priority),
    ("collect", HitPolicy::Collect),
    ("rule", HitPolicy::RuleOrder),
    ("output", HitPolicy::OutputOrder),
];

/// One half of a row, read by the function that reads its cells.
type ReadCell<'p, T> = dyn FnMut(&mut Parser<'p>) -> Option<T>;

impl<'p> Parser<'p> {
    pub(super) fn parse_table(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.expect_name("the name of the table")?;
        let mut priority = None;
        let mut hit = None;
        loop {
            if self.eat_word("priority") {
                priority = self.parse_priority();
            } else if self.eat_word("hit") {
                hit = self.parse_policy();
            } else {
                break;
            }
        }
        let mut table = Table {
            name,
            priority,
            hit,
            inputs: Vec::new(),
            outputs: Vec::new(),
            header: Span::default(),
            rows: Vec::new(),
        };
        let mut has_header = false;
        self.parse_braced("the rows of the table", |parser| {
            let start = parser.token().span.start;
            if has_header {
                table.rows.extend(parser.parse_row());
            } else {
                has_header = true;
                if parser.parse_header(&mut table) {
                    table.header = parser.span_from(start);
                }
            }
            // What can't be read was skipped up to the next row.
            true
        });
        if table.header == Span::default() {
            // Without a header, rows mean nothing.
            table.rows.clear();
        }
        if !has_header {
            let diagnostic = Diagnostic::error(
                "rule.parse.expected",
                table.name.span,
                "the table has no header",
            )
            .with_hint(
                "the first row says what is tested and what is assigned: `| input || output |`",
            );
            self.diagnostics.push(diagnostic);
        }
        Some(ItemKind::Table(Box::new(table)))
    }

    fn parse_policy(&mut self) -> Option<(HitPolicy, Span)> {
        let token = self.token();
        let word = self.text(token);
        let Some((_, policy)) = POLICIES
            .iter()
            .find(|(name, _)| token.kind == TokenKind::Identifier && *name == word)
        else {
            let diagnostic = Diagnostic::error(
                "rule.parse.unknown-policy",
                token.span,
                format!("expected a hit policy, found {}", self.found()),
            );
            let known = "`unique`, `any`, `first`, `priority`, `collect`, `collect count`, `rule order` and `output order`";
            let diagnostic = match nearest(word, POLICIES.map(|(name, _)| name)) {
                Some(meant) => diagnostic.with_hint(format!("did you mean `{meant}`?")),
                None => diagnostic.with_hint(format!("there are {known}")),
            };
            self.report(diagnostic);
            if token.kind == TokenKind::Identifier {
                self.bump();
            }
            return None;
        };
        let mut policy = *policy;
        self.bump();
        match policy {
            HitPolicy::Collect if self.eat_word("count") => policy = HitPolicy::CollectCount,
            HitPolicy::Collect => {
                if let word @ ("sum" | "min" | "max") = self.text(self.token()) {
                    let diagnostic = Diagnostic::error(
                        "rule.parse.unknown-policy",
                        self.token().span,
                        format!("`collect {word}` is a matter of the output"),
                    )
                    .with_hint(format!(
                        "write `hit collect`, and `merge {word}` at the output"
                    ));
                    self.report(diagnostic);
                    self.bump();
                }
            }
            HitPolicy::RuleOrder | HitPolicy::OutputOrder if !self.eat_word("order") => {
                self.report_expected("`order`");
            }
            _ => {}
        }
        Some((policy, self.span_from(token.span.start)))
    }

    /// `| EXPRESSION | … || OUTPUT | … |`
    fn parse_header(&mut self, table: &mut Table) -> bool {
        let halves = self.parse_halves(
            &mut Self::parse_header_input,
            &mut Self::parse_header_output,
        );
        let is_read = halves.is_some();
        (table.inputs, table.outputs) = halves.unwrap_or_default();
        is_read
    }

    fn parse_header_input(&mut self) -> Option<Expr> {
        let expr = self.parse_cell_expr();
        (expr.kind != ExprKind::Error).then_some(expr)
    }

    fn parse_header_output(&mut self) -> Option<TableOutput> {
        let name = self.expect_name("the name of an output")?;
        let mut order = None;
        if self.eat_word("in") {
            let list = self.parse_cell_operand();
            let ExprKind::List(elements) = list.kind else {
                let diagnostic = Diagnostic::error(
                    "rule.parse.expected",
                    list.span,
                    "expected the output's values in brackets, the highest priority first",
                )
                .with_hint(format!("write `{} in [\"high\", \"low\"]`", name.text));
                self.report(diagnostic);
                return None;
            };
            order = Some(elements.into_iter().map(|each| each.value).collect());
        }
        let span = self.span_from(name.span.start);
        Some(TableOutput { name, order, span })
    }

    fn parse_row(&mut self) -> Option<TableRow> {
        let start = self.token().span.start;
        let (cells, values) =
            self.parse_halves(&mut Self::parse_cell, &mut Self::parse_value_cell)?;
        Some(TableRow {
            cells,
            values,
            span: self.span_from(start),
        })
    }

    /// The cells before and behind `||`.
    fn parse_halves<A, B>(
        &mut self,
        before: &mut ReadCell<'p, A>,
        behind: &mut ReadCell<'p, B>,
    ) -> Option<(Vec<A>, Vec<B>)> {
        let mut left = Vec::new();
        let mut right = Vec::new();
        // A table without tests begins with `||`.
        if !self.is(TokenKind::Or) && !self.expect(TokenKind::Bar, "a row: `| … || … |`") {
            self.skip_row();
            return None;
        }
        let mut is_behind = self.eat(TokenKind::Or);
        loop {
            let is_read = if is_behind {
                behind(self).map(|cell| right.push(cell))
            } else {
                before(self).map(|cell| left.push(cell))
            };
            if is_read.is_none() {
                self.skip_row();
                return None;
            }
            match self.kind() {
                TokenKind::Bar => {
                    self.bump();
                    if self.is_on_new_line() || self.is(TokenKind::RightBrace) {
                        return Some((left, right));
                    }
                }
                TokenKind::Or if !is_behind => {
                    self.bump();
                    is_behind = true;
                    if self.is_on_new_line() || self.is(TokenKind::RightBrace) {
                        return Some((left, right));
                    }
                }
                _ => {
                    let wanted = if is_behind {
                        "`|` behind the cell"
                    } else {
                        "`|` or `||` behind the cell"
                    };
                    self.report_cell_end(wanted);
                    self.skip_row();
                    return None;
                }
            }
        }
    }

    #[cold]
    fn report_cell_end(&mut self, wanted: &str) {
        let message = format!("expected {wanted}, found {}", self.found());
        let diagnostic = Diagnostic::error("rule.parse.expected", self.token().span, message);
        self.report(if self.is(TokenKind::Pipe) {
            diagnostic.with_hint("in a table, write `| >` with a blank")
        } else {
            diagnostic
        });
    }

    /// On to the next line that begins with a bar, the closing brace or the next item.
    fn skip_row(&mut self) {
        let mut is_first = true;
        while !self.is(TokenKind::End) && !self.is(TokenKind::RightBrace) {
            let is_row = matches!(self.kind(), TokenKind::Bar | TokenKind::Or);
            if !is_first && is_row && self.is_on_new_line() || self.at_item_start() {
                return;
            }
            is_first = false;
            self.bump();
        }
    }

    /// Whether the cell ends here.
    fn at_cell_end(&self, ahead: usize) -> bool {
        matches!(
            self.peek(ahead).kind,
            TokenKind::Bar | TokenKind::Or | TokenKind::RightBrace | TokenKind::End
        )
    }

    fn parse_value_cell(&mut self) -> Option<(Option<Expr>, Span)> {
        let start = self.token().span.start;
        if self.is(TokenKind::Minus) && self.at_cell_end(1) {
            self.bump();
            return Some((None, self.span_from(start)));
        }
        let value = self.parse_cell_expr();
        let span = self.span_from(start);
        (value.kind != ExprKind::Error).then_some((Some(value), span))
    }

    fn parse_cell(&mut self) -> Option<Cell> {
        let start = self.token().span.start;
        if self.is(TokenKind::Minus) && self.at_cell_end(1) {
            self.bump();
            let span = self.span_from(start);
            return Some(Cell {
                tests: Vec::new(),
                span,
            });
        }
        let tests = self.parse_tests()?;
        let span = self.span_from(start);
        Some(Cell { tests, span })
    }

    fn parse_tests(&mut self) -> Option<Vec<Test>> {
        let mut tests = Vec::new();
        loop {
            let test = self.parse_test();
            if test.kind == TestKind::Error {
                return None;
            }
            tests.push(test);
            if !self.eat(TokenKind::Comma) {
                return Some(tests);
            }
        }
    }

    fn parse_test(&mut self) -> Test {
        let start = self.token().span.start;
        let kind = self.parse_test_kind();
        Test {
            kind,
            span: self.span_from(start),
        }
    }

    fn parse_test_kind(&mut self) -> TestKind {
        use TokenKind as T;
        let op = match self.kind() {
            T::Less => Some(BinaryOp::Less),
            T::LessEqual => Some(BinaryOp::LessEqual),
            T::Greater => Some(BinaryOp::Greater),
            T::GreaterEqual => Some(BinaryOp::GreaterEqual),
            T::NotEqual => Some(BinaryOp::NotEqual),
            T::EqualEqual => Some(BinaryOp::Equal),
            _ => None,
        };
        if let Some(op) = op {
            self.bump();
            return compare(op, self.parse_cell_operand());
        }
        if self.is_word("not") && self.peek(1).kind == T::LeftParen {
            self.bump();
            return self.parse_not();
        }
        if matches!(self.kind(), T::LeftParen | T::LeftBracket) && self.at_interval() {
            return self.parse_bracketed_interval();
        }
        let low = self.parse_cell_operand();
        if !self.eat(T::DotDot) {
            return compare(BinaryOp::Equal, low);
        }
        let high = self.parse_cell_operand();
        interval(low, true, high, true)
    }

    fn parse_not(&mut self) -> TestKind {
        if self.depth >= crate::ast::MAX_DEPTH {
            self.report_too_deep(self.token().span);
            return TestKind::Error;
        }
        // As a condition, it is several levels deep.
        const LEVELS: u16 = 8;
        self.depth += LEVELS;
        let opening = self.bump().span;
        let tests = self.parse_tests();
        self.depth -= LEVELS;
        match tests {
            Some(tests) if self.expect_closing(TokenKind::RightParen, ")", opening) => {
                TestKind::Not(tests)
            }
            _ => TestKind::Error,
        }
    }

    /// Whether the bracket here is the end of an interval rather than of an expression.
    fn at_interval(&self) -> bool {
        use TokenKind as T;
        let mut open = 0usize;
        let mut ahead = 0;
        loop {
            match self.peek(ahead).kind {
                T::LeftParen | T::LeftBracket | T::LeftBrace => open += 1,
                T::RightParen | T::RightBracket | T::RightBrace => open -= 1,
                T::DotDot if open == 1 => return true,
                T::Bar | T::End => return false,
                _ => {}
            }
            if open == 0 {
                return false;
            }
            ahead += 1;
        }
    }

    fn parse_bracketed_interval(&mut self) -> TestKind {
        let opening = self.bump();
        let low = self.parse_cell_operand();
        if !self.expect(TokenKind::DotDot, "`..`") {
            return TestKind::Error;
        }
        let high = self.parse_cell_operand();
        let closing = self.token();
        if !matches!(
            closing.kind,
            TokenKind::RightParen | TokenKind::RightBracket
        ) {
            self.report_unclosed("]", opening.span);
            return TestKind::Error;
        }
        self.bump();
        interval(
            low,
            opening.kind == TokenKind::LeftBracket,
            high,
            closing.kind == TokenKind::RightBracket,
        )
    }
}

fn compare(op: BinaryOp, operand: Expr) -> TestKind {
    match operand.kind {
        ExprKind::Error => TestKind::Error,
        _ => TestKind::Compare(op, operand),
    }
}

fn interval(low: Expr, low_included: bool, high: Expr, high_included: bool) -> TestKind {
    if low.kind == ExprKind::Error || high.kind == ExprKind::Error {
        return TestKind::Error;
    }
    TestKind::Interval {
        low,
        low_included,
        high,
        high_included,
    }
}
