//! `x in [1..5]`, `x not in (1..5]`, `x in (< 5, > 10)`: tests behind `in`, where CEL knows lists only.

use super::{Names, Token, closing, is_name, operand_start};
use crate::unary;

impl Names {
    /// The tokens with a condition in the place of every value that is tested like this.
    pub(super) fn without_ranges(
        &self,
        tokens: &[Token],
        subject: Option<&str>,
        depth: usize,
    ) -> Result<Vec<Token>, String> {
        let mut tokens = tokens.to_vec();
        let mut before = tokens.len();
        while let Some(at) = tokens[..before]
            .iter()
            .rposition(|token| is_name(token, "in"))
        {
            before = at;
            let Some(end) = tests_end(&tokens, at + 1) else {
                continue;
            };
            let is_negated = at > 0 && is_name(&tokens[at - 1], "not");
            let value_end = at - usize::from(is_negated);
            let start = operand_start(&tokens[..value_end]);
            let value = &tokens[start..value_end];
            // The element of a closure has no name before the closure is looked at.
            let is_open = |part: &[Token]| part.contains(&Token::Symbol("#"));
            if value.is_empty() || is_open(value) || is_open(&tokens[at + 1..end]) {
                continue;
            }
            let value = format!("({})", self.convert(value, subject, depth + 1)?.trim_end());
            let tests = unary::parse_tokens(&tokens[at + 1..end], &value, self)?;
            let condition = unary::condition(&tests, &value);
            let negation = if is_negated { "!" } else { "" };
            tokens.splice(start..end, [Token::Cel(format!("{negation}({condition})"))]);
            before = start;
        }
        Ok(tokens)
    }
}

/// Where the tests end that begin at `start`, if these are any: a range, or comparisons in brackets.
fn tests_end(tokens: &[Token], start: usize) -> Option<usize> {
    if let Some(end) = range_end(tokens, start) {
        return Some(end);
    }
    if tokens.get(start) != Some(&Token::Symbol("(")) {
        return None;
    }
    let end = closing(tokens, start).ok()?;
    let mut inner = tokens[start + 1..end].iter();
    let is_test = |token: &Token| {
        matches!(token, Token::Symbol("<" | "<=" | ">" | ">=" | "..")) || is_name(token, "not")
    };
    inner.any(is_test).then_some(end + 1)
}

/// `[1..5]`, `(1..5]` or `]1..5[`.
fn range_end(tokens: &[Token], start: usize) -> Option<usize> {
    let Some(Token::Symbol("[" | "(" | "]")) = tokens.get(start) else {
        return None;
    };
    let mut at = start + 1;
    let mut is_behind_dots = false;
    loop {
        match tokens.get(at)? {
            Token::Symbol("..") => is_behind_dots = true,
            Token::Symbol("]" | ")" | "[") if is_behind_dots => return Some(at + 1),
            Token::Symbol("(" | "[" | "{") => at = closing(tokens, at).ok()?,
            Token::Symbol("]" | ")" | "}" | ",") => return None,
            _ => {}
        }
        at += 1;
    }
}
