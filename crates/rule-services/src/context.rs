//! What may stand at the cursor, judged by the tokens before it. What comes after may be missing or broken.

use rulestage_diagnostics::Span;
use rulestage_rule_compiler::{TokenClass, highlight};

/// The tokens of a source, without comments.
#[derive(Debug)]
pub(crate) struct Tokens<'s> {
    source: &'s str,
    pieces: Vec<(Span, TokenClass)>,
}

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Context {
    /// A new name, or nothing that is known
    Nothing,
    /// Only these words
    Words(&'static [&'static str]),
    /// A type
    Type,
    /// A field or method; the tokens before the dot end with this one
    Member { receiver_idx: usize },
    /// A function behind `|>`
    Pipe,
    /// An operand of an expression
    Operand,
    /// A literal, or what makes one
    Constant,
    /// An output that a rule assigns
    Output,
    /// A name in a part of an example: `given`, `params` or `expect`
    Value(&'static str),
    /// A hit policy of a table
    Policy,
    /// The start of a test in a cell of a table
    Test,
}

pub(crate) const ITEMS: &[&str] = &[
    "input",
    "param",
    "output",
    "let",
    "func",
    "rule",
    "table",
    "invariant",
    "example",
];
const MERGES: &[&str] = &["first", "last", "sum", "min", "max", "collect", "unique"];
const PARTS: [&str; 3] = ["given", "params", "expect"];

/// What an open bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    RuleSet,
    Inputs,
    Outputs,
    Rule { has_then: bool, has_else: bool },
    Assignments { is_else: bool },
    Invariant { has_assert: bool },
    Example,
    Values(&'static str),
    Table,
    Expression,
    Skipped,
}

impl<'s> Tokens<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        let mut pieces = highlight(source);
        pieces.retain(|(_, class)| *class != TokenClass::Comment);
        Self { source, pieces }
    }

    pub(crate) fn span(&self, idx: usize) -> Span {
        self.pieces
            .get(idx)
            .map_or(Span::default(), |(span, _)| *span)
    }

    /// Empty outside of the source.
    pub(crate) fn text(&self, idx: usize) -> &'s str {
        self.span(idx).text(self.source)
    }

    /// The text of the token that is `back` before `idx`; empty where there is none.
    pub(crate) fn text_before(&self, idx: usize, back: usize) -> &'s str {
        idx.checked_sub(back).map_or("", |idx| self.text(idx))
    }

    fn class(&self, idx: usize) -> Option<TokenClass> {
        self.pieces.get(idx).map(|(_, class)| *class)
    }

    /// The token in which the offset lies or with which it ends.
    pub(crate) fn idx_at(&self, offset: u32) -> Option<usize> {
        let is_at = |(span, _): &(Span, TokenClass)| span.start < offset && offset <= span.end;
        self.pieces.iter().position(is_at)
    }

    fn is_word(&self, idx: usize) -> bool {
        use TokenClass as C;
        matches!(
            self.class(idx),
            Some(C::Name | C::Keyword | C::Function | C::Type)
        )
    }

    /// The name before the parenthesis that is open at the offset, and the commas since.
    pub(crate) fn enclosing_call(&self, offset: u32) -> Option<(usize, u32)> {
        let end = self.pieces.partition_point(|(span, _)| span.end <= offset);
        let mut n_commas = 0;
        let mut depth = 0usize;
        for idx in (0..end).rev() {
            match self.text(idx) {
                ")" | "]" | "}" => depth += 1,
                "(" if depth == 0 => {
                    let name = idx.checked_sub(1)?;
                    return self.is_word(name).then_some((name, n_commas));
                }
                "{" | "[" if depth == 0 => return None,
                "(" | "[" | "{" => depth -= 1,
                "," if depth == 0 => n_commas += 1,
                _ => {}
            }
        }
        None
    }

    /// Whether an item starts here, whatever came before; the parser recovers at the same places.
    fn starts_item(&self, idx: usize) -> bool {
        let next = idx + 1;
        if self.text_before(idx, 1) == "hit" {
            return false;
        }
        match self.text(idx) {
            "input" | "output" => self.text(next) == "{",
            "param" | "let" | "rule" | "table" | "func" => self.is_word(next),
            "example" | "invariant" => {
                self.text(next) == "{" || self.class(next) == Some(TokenClass::String)
            }
            "ruleset" => self.is_word(next),
            _ => false,
        }
    }

    fn is_on_new_line(&self, idx: usize) -> bool {
        let before = idx.checked_sub(1).map_or(0, |before| self.span(before).end);
        Span::new(before, self.span(idx).start)
            .text(self.source)
            .contains('\n')
    }

    /// What may stand in the place of the token.
    pub(crate) fn context(&self, cursor: usize) -> Context {
        let mut blocks: Vec<Block> = Vec::new();
        // The item that is being read: the token of its keyword.
        let mut item: Option<usize> = None;
        for idx in 0..cursor {
            if self.starts_item(idx) {
                let is_ruleset = self.text(idx) == "ruleset";
                let keep = blocks
                    .iter()
                    .position(|each| *each == Block::RuleSet)
                    .map_or(0, |at| at + 1);
                blocks.truncate(if is_ruleset { 0 } else { keep });
                item = Some(idx);
                continue;
            }
            match self.text(idx) {
                "{" => blocks.push(self.block_at(idx, blocks.last().copied(), item)),
                "(" | "[" => blocks.push(Block::Expression),
                "assert" => {
                    if let Some(Block::Invariant { has_assert }) = blocks.last_mut() {
                        *has_assert = true;
                    }
                }
                "}" | ")" | "]" => {
                    let closed = blocks.pop();
                    match (closed, blocks.last_mut()) {
                        (
                            Some(Block::Assignments { is_else }),
                            Some(Block::Rule { has_then, has_else }),
                        ) => {
                            *has_then = true;
                            *has_else |= is_else;
                        }
                        (Some(Block::Expression), Some(Block::RuleSet)) => {}
                        (_, Some(Block::RuleSet)) => item = None,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        self.context_in(cursor, blocks.last().copied(), item)
    }

    fn block_at(&self, idx: usize, around: Option<Block>, item: Option<usize>) -> Block {
        let before = self.text_before(idx, 1);
        match around {
            None => Block::RuleSet,
            Some(Block::RuleSet) => match item.map(|item| self.text(item)) {
                Some("input") => Block::Inputs,
                Some("output") => Block::Outputs,
                Some("rule") => Block::Rule {
                    has_then: false,
                    has_else: false,
                },
                Some("example") => Block::Example,
                Some("invariant") => Block::Invariant { has_assert: false },
                Some("table") => Block::Table,
                Some("let" | "param" | "func") => Block::Expression,
                _ => Block::Skipped,
            },
            Some(Block::Rule { has_then, .. }) => match before {
                "then" => Block::Assignments { is_else: false },
                "else" if has_then => Block::Assignments { is_else: true },
                _ => Block::Expression,
            },
            Some(Block::Example) => PARTS
                .into_iter()
                .find(|part| *part == before)
                .map_or(Block::Skipped, Block::Values),
            Some(_) => Block::Expression,
        }
    }

    fn context_in(&self, cursor: usize, block: Option<Block>, item: Option<usize>) -> Context {
        let before = self.text_before(cursor, 1);
        let is_new_line = self.is_on_new_line(cursor);
        let Some(block) = block else {
            return match (before, self.text_before(cursor, 2)) {
                ("ruleset", _) => Context::Nothing,
                (_, "ruleset") => Context::Words(&["version"]),
                ("", _) => Context::Words(&["ruleset"]),
                _ => Context::Nothing,
            };
        };
        match block {
            Block::RuleSet => self.context_of_item(cursor, item, is_new_line),
            Block::Inputs if self.is_in_type(cursor) => Context::Type,
            Block::Inputs | Block::Skipped => Context::Nothing,
            Block::Outputs => match before {
                "merge" => Context::Words(MERGES),
                "{" | "," | ";" => Context::Nothing,
                _ if self.is_in_type(cursor) => Context::Type,
                _ if self.expects_operand(cursor) => Context::Constant,
                _ if is_new_line => Context::Nothing,
                _ if self.text_before(cursor, 2) == "merge" => Context::Nothing,
                _ => Context::Words(&["merge"]),
            },
            Block::Invariant { has_assert } => match before {
                "{" => Context::Words(&["when", "assert"]),
                _ if has_assert => self.context_in_expression(cursor, &["in"]),
                _ => self.context_in_expression(cursor, &["assert", "in"]),
            },
            Block::Rule {
                has_then: false, ..
            } => match before {
                "{" => Context::Words(&["when"]),
                "then" => Context::Nothing,
                _ => self.context_in_expression(cursor, &["then", "in"]),
            },
            Block::Rule {
                has_else: false, ..
            } if before == "}" => Context::Words(&["else"]),
            Block::Rule { .. } => Context::Nothing,
            Block::Assignments { .. } => {
                self.context_of_entry(cursor, is_new_line, Context::Output)
            }
            Block::Example => match before {
                "{" | "}" => Context::Words(&["given", "params", "expect"]),
                _ => Context::Nothing,
            },
            Block::Values(part) => {
                match self.context_of_entry(cursor, is_new_line, Context::Value(part)) {
                    Context::Operand => Context::Constant,
                    other => other,
                }
            }
            Block::Table => self.context_in_table(cursor),
            Block::Expression => match item.filter(|item| self.is_before_body(*item, cursor)) {
                Some(_) if self.is_in_type(cursor) => Context::Type,
                Some(_) => Context::Nothing,
                None => self.context_in_expression(cursor, &["in"]),
            },
        }
    }

    /// Whether the cursor is among the parameters or the result type of a `func`.
    fn is_before_body(&self, item: usize, cursor: usize) -> bool {
        self.text(item) == "func" && !(item..cursor).any(|idx| self.text(idx) == "=")
    }

    /// In the header or a row of a table, outside of brackets.
    fn context_in_table(&self, cursor: usize) -> Context {
        let before = self.text_before(cursor, 1);
        if self.is_on_new_line(cursor) {
            return Context::Nothing;
        }
        let starts_row =
            |idx: &usize| matches!(self.text(*idx), "|" | "||") && self.is_on_new_line(*idx);
        let Some(row) = (0..cursor).rev().find(starts_row) else {
            return Context::Nothing;
        };
        let is_header = self.text_before(row, 1) == "{";
        let is_behind = (row..cursor).any(|idx| self.text(idx) == "||");
        match (is_header, is_behind, before) {
            (true, true, "|" | "||") => Context::Output,
            (true, true, "in") => Context::Nothing,
            (true, true, _) => Context::Words(&["in"]),
            (false, false, "|" | ",") => Context::Test,
            _ => self.context_in_expression(cursor, &["in"]),
        }
    }

    fn context_of_item(&self, cursor: usize, item: Option<usize>, is_new_line: bool) -> Context {
        let Some(item) = item.filter(|item| self.text(*item) != "ruleset") else {
            return Context::Words(ITEMS);
        };
        let n_read = cursor - item - 1;
        let is_constant = self.text(item) == "param";
        let before = self.text_before(cursor, 1);
        let has_value = (item..cursor).any(|idx| self.text(idx) == "=");
        match self.text(item) {
            "let" | "param" | "func" if has_value => {
                if is_new_line && !self.expects_operand(cursor) {
                    return Context::Words(ITEMS);
                }
                match self.context_in_expression(cursor, &["in"]) {
                    Context::Operand if is_constant => Context::Constant,
                    other => other,
                }
            }
            "param" if self.is_in_type(cursor) => Context::Type,
            "func" if self.is_in_result_type(cursor) => Context::Type,
            "rule" if n_read == 1 => Context::Words(&["priority"]),
            "table" if before == "hit" => Context::Policy,
            "table" if self.text_before(cursor, 2) == "hit" && before == "collect" => {
                Context::Words(&["count"])
            }
            "table"
                if self.text_before(cursor, 2) == "hit" && matches!(before, "rule" | "output") =>
            {
                Context::Words(&["order"])
            }
            "table" if n_read > 0 && before != "priority" => {
                let has = |word| (item..cursor).any(|idx| self.text(idx) == word);
                match (has("priority"), has("hit")) {
                    (false, false) => Context::Words(&["hit", "priority"]),
                    (true, false) => Context::Words(&["hit"]),
                    (false, true) => Context::Words(&["priority"]),
                    (true, true) => Context::Nothing,
                }
            }
            _ => Context::Nothing,
        }
    }

    /// `name = expression`, `name: expression`: the name, or what the expression needs.
    fn context_of_entry(&self, cursor: usize, is_new_line: bool, name: Context) -> Context {
        let before = self.text_before(cursor, 1);
        if matches!(before, "{" | "," | ";") || (is_new_line && !self.expects_operand(cursor)) {
            return name;
        }
        self.context_in_expression(cursor, &["in"])
    }

    fn context_in_expression(&self, cursor: usize, behind: &'static [&'static str]) -> Context {
        match self.text_before(cursor, 1) {
            "." if cursor >= 2 => Context::Member {
                receiver_idx: cursor - 2,
            },
            "?" if self.text_before(cursor, 2) == "." && cursor >= 3 => Context::Member {
                receiver_idx: cursor - 3,
            },
            "|>" => Context::Pipe,
            _ if self.expects_operand(cursor) => Context::Operand,
            _ => Context::Words(behind),
        }
    }

    /// Whether the token before needs something behind it.
    fn expects_operand(&self, cursor: usize) -> bool {
        let Some(before) = cursor.checked_sub(1) else {
            return false;
        };
        let text = self.text(before);
        matches!(
            text,
            "(" | "[" | "{" | "," | ":" | "." | "when" | "assert" | "if" | "in"
        ) || self.class(before) == Some(TokenClass::Operator)
    }

    /// Whether the cursor is behind `->` or inside `<…>` after it.
    fn is_in_result_type(&self, cursor: usize) -> bool {
        let is_arrow = |idx: &usize| self.text(*idx) == ">" && self.text_before(*idx, 1) == "-";
        let Some(arrow) = (0..cursor).rev().find(is_arrow) else {
            return false;
        };
        arrow + 1 == cursor || matches!(self.text_before(cursor, 1), "<" | ",")
    }

    /// Whether the cursor is behind `:` or inside `<…>` after one.
    fn is_in_type(&self, cursor: usize) -> bool {
        let mut open = 0;
        for idx in (0..cursor).rev() {
            match self.text(idx) {
                "<" => open += 1,
                ">" => open -= 1,
                ":" => return open > 0 || idx + 1 == cursor,
                "," if open > 0 || idx + 1 == cursor => {}
                _ if idx + 1 == cursor => return false,
                _ if self.is_word(idx) || matches!(self.text(idx), "," | "?") => {}
                _ => return false,
            }
            // `list<|`, `map<string, |`
            if idx + 1 == cursor && !matches!(self.text(idx), "<" | ",") {
                return false;
            }
        }
        false
    }
}
