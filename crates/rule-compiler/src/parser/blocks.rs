//! The blocks around the expressions.

use super::Parser;
use crate::ast::{Expr, ExprKind, InputField, Item, ItemKind, Name, OutputField, RuleSet, Text};
use crate::ir::Merge;
use crate::literal::parse_string;
use crate::suggest::nearest;
use crate::token::TokenKind;
use rulestage_diagnostics::{Diagnostic, Span};

const ITEM_KEYWORDS: [&str; 9] = [
    "input",
    "param",
    "output",
    "let",
    "rule",
    "example",
    "table",
    "func",
    "invariant",
];

const MERGES: [(&str, Merge); 7] = [
    ("first", Merge::First),
    ("last", Merge::Last),
    ("sum", Merge::Sum),
    ("min", Merge::Min),
    ("max", Merge::Max),
    ("collect", Merge::Collect),
    ("unique", Merge::Unique),
];

/// The word that stands for a merge.
pub(crate) fn merge_name(merge: Merge) -> &'static str {
    MERGES
        .iter()
        .find(|(_, known)| *known == merge)
        .map_or("", |(name, _)| name)
}

impl Parser<'_> {
    pub(super) fn parse_source(&mut self) -> Option<RuleSet> {
        let mut ruleset = None;
        while !self.is(TokenKind::End) {
            if self.is_word("ruleset") {
                let next = self.parse_ruleset();
                match &ruleset {
                    None => ruleset = Some(next),
                    Some(first) => {
                        let message =
                            format!("a second rule set, `{}`, in one source", next.name.text);
                        let diagnostic =
                            Diagnostic::error("rule.parse.second-ruleset", next.name.span, message)
                                .with_label(first.name.span, "the first one");
                        self.diagnostics.push(diagnostic);
                    }
                }
                continue;
            }
            let found = self.found();
            let message = match &ruleset {
                None => format!("expected `ruleset`, found {found}"),
                Some(_) => format!("expected the end of the source, found {found}"),
            };
            let mut diagnostic =
                Diagnostic::error("rule.parse.expected-ruleset", self.token().span, message);
            if ruleset.is_none() {
                diagnostic = diagnostic.with_hint("a source of rules is `ruleset NAME { … }`");
            }
            self.report(diagnostic);
            if ruleset.is_none() && self.at_item_start() {
                let start = self.token().span.start;
                let name = Name {
                    text: String::new(),
                    span: Span::new(start, start),
                };
                let items = self.parse_items();
                ruleset = Some(RuleSet {
                    name,
                    version: None,
                    doc: String::new(),
                    items,
                    span: self.span_from(start),
                });
            }
            self.bump();
            while !self.is(TokenKind::End) && !self.is_word("ruleset") {
                self.bump();
            }
        }
        if ruleset.is_none() && self.diagnostics.is_empty() {
            let diagnostic = Diagnostic::error(
                "rule.parse.empty",
                Span::new(0, 0),
                "there is no rule set in this source",
            )
            .with_hint("a source of rules is `ruleset NAME { … }`");
            self.diagnostics.push(diagnostic);
        }
        ruleset
    }

    fn parse_ruleset(&mut self) -> RuleSet {
        let start = self.bump().span.start;
        let doc = self.doc_above(start);
        let name = self.parse_name_or_empty("the name of the rule set");
        let version = if self.eat_word("version") {
            self.parse_text("a version such as `\"1.0.0\"`")
        } else {
            None
        };
        // A header that can't be read does not hide what is in the braces.
        let brace = (0..4)
            .find(|ahead| self.peek(*ahead).kind == TokenKind::LeftBrace)
            .unwrap_or(0);
        if brace > 0 {
            self.error_here(
                "rule.parse.expected",
                format!("expected `{{`, found {}", self.found()),
            );
            self.at += brace;
        }
        let opening = self.token().span;
        let mut items = Vec::new();
        if self.expect(TokenKind::LeftBrace, "`{`") || self.at_item_start() {
            items = self.parse_items();
            self.expect_closing(TokenKind::RightBrace, "}", opening);
        }
        RuleSet {
            name,
            version,
            doc,
            items,
            span: self.span_from(start),
        }
    }

    fn parse_name_or_empty(&mut self, what: &str) -> Name {
        let at = self.token().span.start;
        self.expect_name(what).unwrap_or(Name {
            text: String::new(),
            span: Span::new(at, at),
        })
    }

    pub(super) fn parse_text(&mut self, what: &str) -> Option<Text> {
        let token = self.token();
        if !self.expect(TokenKind::String, what) {
            return None;
        }
        let value = parse_string(self.text(token), token.span.start, &mut self.diagnostics);
        Some(Text {
            value,
            span: token.span,
        })
    }

    // ------------------------------------------------------------------- items

    /// Items up to the closing brace, which is not taken.
    fn parse_items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            while matches!(self.kind(), TokenKind::Comma | TokenKind::Semicolon) {
                self.bump();
            }
            if matches!(self.kind(), TokenKind::RightBrace | TokenKind::End)
                || self.at_ruleset_start()
            {
                return items;
            }
            let start = self.token().span.start;
            let before = self.at;
            match self.parse_item() {
                Some(kind) => {
                    let span = self.span_from(start);
                    items.push(Item {
                        kind,
                        doc: self.doc(span),
                        span,
                    });
                }
                None => {
                    if self.at == before {
                        self.bump();
                    }
                    self.skip_to_item();
                }
            }
        }
    }

    fn at_ruleset_start(&self) -> bool {
        self.is_word("ruleset") && self.peek(1).kind == TokenKind::Identifier
    }

    /// Whether an item starts here, whatever came before: its keyword and what must follow it.
    pub(super) fn at_item_start(&self) -> bool {
        let token = self.token();
        if token.kind != TokenKind::Identifier {
            return false;
        }
        let next = self.peek(1).kind;
        match self.text(token) {
            "input" | "output" => next == TokenKind::LeftBrace,
            "param" | "let" | "rule" | "table" | "func" => next == TokenKind::Identifier,
            "example" | "invariant" => matches!(next, TokenKind::String | TokenKind::LeftBrace),
            _ => self.at_ruleset_start(),
        }
    }

    pub(super) fn skip_to_item(&mut self) {
        let mut open = 0usize;
        while !self.is(TokenKind::End) {
            match self.kind() {
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace if open == 0 => return,
                TokenKind::RightBrace => open -= 1,
                _ if self.at_item_start() => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn parse_item(&mut self) -> Option<ItemKind> {
        let token = self.token();
        if token.kind != TokenKind::Identifier {
            self.error_here(
                "rule.parse.expected-item",
                format!("expected a block such as `rule`, found {}", self.found()),
            );
            return None;
        }
        match self.text(token) {
            "input" => {
                self.bump();
                Some(ItemKind::Input(self.parse_inputs()))
            }
            "output" => {
                self.bump();
                Some(ItemKind::Output(self.parse_outputs()))
            }
            "param" => self.parse_param(),
            "let" => self.parse_let(),
            "rule" => self.parse_rule(),
            "example" => self.parse_example(),
            "table" => self.parse_table(),
            "func" => self.parse_function(),
            "invariant" => self.parse_invariant(),
            word => {
                let message = format!("`{word}` does not start a block");
                let mut diagnostic =
                    Diagnostic::error("rule.parse.unknown-block", token.span, message);
                let habit = match word {
                    "inputs" => Some("input"),
                    "outputs" => Some("output"),
                    "const" | "var" => Some("let"),
                    "parameter" => Some("param"),
                    "test" => Some("example"),
                    "fn" | "function" | "def" => Some("func"),
                    _ => None,
                };
                let known = ITEM_KEYWORDS.join("`, `");
                diagnostic = match habit.or_else(|| nearest(word, ITEM_KEYWORDS)) {
                    Some(meant) => diagnostic.with_hint(format!("did you mean `{meant}`?")),
                    None => diagnostic.with_hint(format!("blocks are `{known}`")),
                };
                self.report(diagnostic);
                None
            }
        }
    }

    // ----------------------------------------------------------------- entries

    /// `{ entry entry … }` with commas, semicolons or nothing between the entries; gives the span with braces.
    pub(super) fn parse_braced(
        &mut self,
        what: &str,
        mut entry: impl FnMut(&mut Self) -> bool,
    ) -> Span {
        let opening = self.token().span;
        if !self.expect(TokenKind::LeftBrace, &format!("`{{` and {what}")) {
            return Span::new(opening.start, opening.start);
        }
        loop {
            while matches!(self.kind(), TokenKind::Comma | TokenKind::Semicolon) {
                self.bump();
            }
            if self.eat(TokenKind::RightBrace) {
                return self.span_from(opening.start);
            }
            if self.is(TokenKind::End) || self.at_item_start() {
                let span = self.token().span;
                let message = format!("expected `}}`, found {}", self.found());
                let diagnostic = Diagnostic::error("rule.parse.unclosed", span, message)
                    .with_label(opening, "this brace is never closed");
                self.report(diagnostic);
                return self.span_from(opening.start);
            }
            let before = self.at;
            if !entry(self) {
                if self.at == before {
                    self.bump();
                }
                self.skip_to_entry();
            }
        }
    }

    /// Skips to what may be the next entry: after a separator, at a new `name =`, or at the closing brace.
    fn skip_to_entry(&mut self) {
        let mut open = 0usize;
        while !self.is(TokenKind::End) {
            use TokenKind as T;
            match self.kind() {
                T::LeftBrace | T::LeftParen | T::LeftBracket => open += 1,
                T::RightBrace if open == 0 => return,
                T::RightBrace | T::RightParen | T::RightBracket => open = open.saturating_sub(1),
                T::Comma | T::Semicolon if open == 0 => return,
                T::Identifier if open == 0 && (self.at_item_start() || self.is_on_new_line()) => {
                    return;
                }
                _ => {}
            }
            self.bump();
        }
    }

    fn parse_inputs(&mut self) -> Vec<InputField> {
        let mut fields = Vec::new();
        self.parse_braced("the inputs", |parser| {
            let start = parser.token().span.start;
            let Some(name) = parser.expect_name("the name of an input") else {
                return false;
            };
            if !parser.expect(TokenKind::Colon, "`:` and the type of the input") {
                return false;
            }
            let ty = parser.parse_type_expr();
            let is_complete = !parser.is(TokenKind::Assign);
            if !is_complete {
                let span = parser.token().span;
                let diagnostic = Diagnostic::error(
                    "rule.parse.input-default",
                    span,
                    "inputs have no defaults",
                )
                .with_hint(
                    "declare it nullable (`T?`) and write `input ?? default` where it is used",
                );
                parser.report(diagnostic);
            }
            let span = parser.span_from(start);
            fields.push(InputField {
                name,
                ty,
                doc: parser.doc(span),
                span,
            });
            is_complete
        });
        fields
    }

    fn parse_outputs(&mut self) -> Vec<OutputField> {
        let mut fields = Vec::new();
        self.parse_braced("the outputs", |parser| {
            let start = parser.token().span.start;
            let Some(name) = parser.expect_name("the name of an output") else {
                return false;
            };
            if !parser.expect(TokenKind::Colon, "`:` and the type of the output") {
                return false;
            }
            let ty = parser.parse_type_expr();
            let default = parser.eat(TokenKind::Assign).then(|| parser.parse_expr());
            let merge = if parser.is_word("merge") && parser.peek(1).kind != TokenKind::Colon {
                parser.bump();
                parser.parse_merge()
            } else {
                None
            };
            let span = parser.span_from(start);
            let is_read = !matches!(
                &default,
                Some(Expr {
                    kind: ExprKind::Error,
                    ..
                })
            );
            fields.push(OutputField {
                name,
                ty,
                default,
                merge,
                doc: parser.doc(span),
                span,
            });
            is_read
        });
        fields
    }

    fn parse_merge(&mut self) -> Option<(Merge, Span)> {
        let token = self.token();
        let word = self.text(token);
        if token.kind != TokenKind::Identifier {
            self.error_here(
                "rule.parse.expected",
                format!("expected a merge such as `first`, found {}", self.found()),
            );
            return None;
        }
        if let Some((_, merge)) = MERGES.iter().find(|(name, _)| *name == word) {
            self.bump();
            return Some((*merge, token.span));
        }
        let names = MERGES.map(|(name, _)| name);
        let diagnostic = Diagnostic::error(
            "rule.parse.unknown-merge",
            token.span,
            format!("unknown merge `{word}`"),
        );
        self.report(match nearest(word, names) {
            Some(meant) => diagnostic.with_hint(format!("did you mean `{meant}`?")),
            None => diagnostic.with_hint(format!("merges are `{}`", names.join("`, `"))),
        });
        self.bump();
        None
    }

    fn parse_param(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.expect_name("the name of the parameter")?;
        if !self.expect(TokenKind::Colon, "`:` and the type of the parameter") {
            return None;
        }
        let ty = self.parse_type_expr();
        if !self.expect(TokenKind::Assign, "`=` and the default of the parameter") {
            return None;
        }
        let default = self.parse_expr();
        Some(ItemKind::Param { name, ty, default })
    }

    fn parse_let(&mut self) -> Option<ItemKind> {
        self.bump();
        let name = self.expect_name("a name")?;
        if !self.expect(TokenKind::Assign, "`=` and a value") {
            return None;
        }
        let value = self.parse_expr();
        Some(ItemKind::Let { name, value })
    }
}
