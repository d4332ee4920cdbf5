//! The expressions of ZEN (GoRules) and FEEL (DMN) in CEL, as far as they mean the same.
//!
//! Both have one type of numbers, which become `double`.

mod functions;
mod ranges;

use crate::cel::Expression;
use crate::writer::quoted;
use functions::{call, operator};
use std::fmt::Write;

/// How brackets and expressions may nest.
const MAX_DEPTH: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Zen,
    Feel,
}

/// What is known of the names in an expression: as they are written there, and as they are in rules.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) dialect: Dialect,
    pub(crate) known: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Text(String),
    Number(String),
    Name(String),
    Symbol(&'static str),
    /// CEL already
    Cel(String),
}

const SYMBOLS: [&str; 31] = [
    "..", "==", "!=", "<=", ">=", "&&", "||", "??", "**", "=", "<", ">", "(", ")", "[", "]", "{",
    "}", ",", ":", "?", "+", "-", "*", "/", "%", "^", "!", ".", "$", "#",
];

/// What ZEN calls `#`, as the variable of a macro. No input has this name.
pub(crate) const ELEMENT: &str = "element_";

/// Functions with a closure, and the macros that they are.
const CLOSURES: [(&str, &str); 7] = [
    ("some", "exists"),
    ("all", "all"),
    ("none", "exists"),
    ("one", "exists_one"),
    ("filter", "filter"),
    ("map", "map"),
    ("count", "filter"),
];

impl Names {
    pub(crate) fn tokens(&self, text: &str) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let after = |at: usize| rest[at..].trim_start();
            if let Some((foreign, own)) = self.known_name(rest) {
                tokens.push(Token::Name(own.to_owned()));
                rest = after(foreign.len());
            } else if first == '"' || first == '\'' {
                let (text, end) = text_literal(rest, first)?;
                tokens.push(Token::Text(text));
                rest = after(end);
            } else if first.is_ascii_digit() {
                let mut end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                let fraction = rest[end..].strip_prefix('.');
                if let Some(fraction) =
                    fraction.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                {
                    let digits = fraction.find(|c: char| !c.is_ascii_digit());
                    end += 1 + digits.unwrap_or(fraction.len());
                }
                tokens.push(Token::Number(rest[..end].to_owned()));
                rest = after(end);
            } else if is_word(first) {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Name(rest[..end].to_owned()));
                rest = after(end);
            } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                tokens.push(Token::Symbol(symbol));
                rest = after(symbol.len());
            } else {
                return Err(format!("`{first}` is not known"));
            }
        }
        Ok(tokens)
    }

    /// The longest known name at the start of `rest`.
    fn known_name(&self, rest: &str) -> Option<(&str, &str)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.known
            .iter()
            .filter(|(foreign, _)| {
                !foreign.is_empty()
                    && rest
                        .strip_prefix(foreign.as_str())
                        .is_some_and(|after| !after.starts_with(is_word))
            })
            .max_by_key(|(foreign, _)| foreign.len())
            .map(|(foreign, own)| (foreign.as_str(), own.as_str()))
    }

    /// The expression in CEL, with `subject` for `$` (ZEN) and `?` (FEEL) where there is one.
    pub(crate) fn cel(
        &self,
        tokens: &[Token],
        subject: Option<&str>,
    ) -> Result<Expression, String> {
        let tokens = match self.dialect {
            Dialect::Zen => tokens.to_vec(),
            Dialect::Feel => without_between(&joined_names(tokens))?,
        };
        let text = self.convert(&tokens, subject, 0)?;
        Expression::parse(&text).map_err(|reason| format!("not an expression: {reason}"))
    }

    fn convert(
        &self,
        tokens: &[Token],
        subject: Option<&str>,
        depth: usize,
    ) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err("nested too deep".to_owned());
        }
        let tokens = &self.without_ranges(tokens, subject, depth)?;
        let mut text = String::new();
        // For each open bracket, how many `if` end with it.
        let mut open: Vec<usize> = vec![0];
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1);
            at += 1;
            let is_call = next == Some(&Token::Symbol("("));
            match token {
                Token::Text(value) => text.push_str(&quoted(value)),
                Token::Cel(cel) => text.push_str(cel),
                Token::Number(number) if number.contains('.') => text.push_str(number),
                Token::Number(number) => {
                    let _ = write!(text, "{number}.0");
                }
                Token::Name(name) => match name.as_str() {
                    "and" => text.push_str("&&"),
                    "or" => text.push_str("||"),
                    "not" if matches!(next, Some(Token::Name(name)) if name == "in") => {
                        let end = operand_end(tokens, at + 1)?;
                        let list = self.convert(&tokens[at + 1..end], subject, depth + 1)?;
                        let _ = write!(text, "in ({list}) == false");
                        at = end;
                    }
                    "not" => text.push('!'),
                    "true" | "false" | "null" | "in" => text.push_str(name),
                    "if" => {
                        text.push_str("((");
                        *open.last_mut().ok_or("a bracket too many")? += 1;
                    }
                    "then" => text.push_str(") ? ("),
                    "else" => text.push_str(") : ("),
                    _ if is_call && text.ends_with('.') && self.dialect == Dialect::Zen => {
                        let end = closing(tokens, at)?;
                        let args = split(&tokens[at + 1..end], &Token::Symbol(","))?
                            .into_iter()
                            .map(|arg| self.convert(arg, subject, depth + 1))
                            .collect::<Result<Vec<_>, _>>()?;
                        text.pop();
                        text.push_str(&operator(name, &args)?);
                        at = end + 1;
                    }
                    _ if is_call && !text.ends_with('.') => {
                        let end = closing(tokens, at)?;
                        let args = split(&tokens[at + 1..end], &Token::Symbol(","))?;
                        if let Some(closure) = self.closure(name, &args, subject, depth)? {
                            text.push_str(&closure);
                            text.push(' ');
                            at = end + 1;
                            continue;
                        }
                        let args = args
                            .into_iter()
                            .map(|arg| self.convert(arg, subject, depth + 1))
                            .collect::<Result<Vec<_>, _>>()?;
                        text.push_str(&call(self.dialect, name, &args)?);
                        at = end + 1;
                    }
                    _ => text.push_str(name),
                },
                Token::Symbol(symbol) => match (*symbol, subject) {
                    ("=", _) if self.dialect == Dialect::Feel => text.push_str("=="),
                    ("$", Some(subject)) if self.dialect == Dialect::Zen => text.push_str(subject),
                    ("?", Some(subject)) if self.dialect == Dialect::Feel => text.push_str(subject),
                    ("%", _) => {
                        return Err("`%` is for whole numbers only in CEL".to_owned());
                    }
                    ("=" | "$" | "#" | "^" | "**" | "..", _) => {
                        return Err(format!("`{symbol}` has nothing like it in CEL"));
                    }
                    ("(" | "[" | "{", _) => {
                        open.push(0);
                        text.push_str(symbol);
                    }
                    (")" | "]" | "}", _) => {
                        let n_ifs = open.pop().ok_or("a bracket too many")?;
                        text.push_str(&"))".repeat(n_ifs));
                        text.push_str(symbol);
                    }
                    (",", _) => {
                        let n_ifs = open.last_mut().ok_or("a bracket too many")?;
                        text.push_str(&"))".repeat(std::mem::take(n_ifs)));
                        text.push(',');
                    }
                    (".", _) => {
                        text.truncate(text.trim_end().len());
                        text.push('.');
                        continue;
                    }
                    _ => text.push_str(symbol),
                },
            }
            if !matches!(next, Some(Token::Symbol("." | "(" | ")"))) {
                text.push(' ');
            }
        }
        let n_ifs: usize = open.iter().sum();
        text.push_str(&"))".repeat(n_ifs));
        Ok(text)
    }

    /// `some(list, # > 5)` and its kin as a macro.
    fn closure(
        &self,
        name: &str,
        args: &[&[Token]],
        subject: Option<&str>,
        depth: usize,
    ) -> Result<Option<String>, String> {
        let found = CLOSURES.iter().find(|(zen, _)| *zen == name);
        let (Some((_, method)), [list, body], Dialect::Zen) = (found, args, self.dialect) else {
            return Ok(None);
        };
        let body = with_element(body)?;
        let [list, body] = [*list, &body].map(|part| self.convert(part, subject, depth + 1));
        let call = format!("({}).{method}({ELEMENT}, {})", list?, body?);
        Ok(Some(match name {
            "none" => format!("!{call}"),
            "count" => format!("double(size({call}))"),
            _ => call,
        }))
    }
}

/// The body of a closure with a name for `#`; what is in a closure within belongs to that one, but for its list.
fn with_element(body: &[Token]) -> Result<Vec<Token>, String> {
    let mut bound = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(token) = body.get(at) {
        let is_closure = matches!(token, Token::Name(name) if CLOSURES.iter().any(|(zen, _)| zen == name))
            && body.get(at + 1) == Some(&Token::Symbol("("));
        if is_closure {
            let end = closing(body, at + 1)?;
            let args = &body[at + 2..end];
            let n_list = split(args, &Token::Symbol(","))?
                .first()
                .map_or(0, |list| list.len());
            bound.extend_from_slice(&body[at..at + 2]);
            bound.extend(with_element(&args[..n_list])?);
            bound.extend_from_slice(&args[n_list..]);
            at = end;
            continue;
        }
        at += 1;
        if *token != Token::Symbol("#") {
            bound.push(token.clone());
            continue;
        }
        let mut path = ELEMENT.to_owned();
        let is_number =
            |token: Option<&Token>| matches!(token, Some(Token::Symbol("*" | "/" | "-")));
        let mut end = at;
        while let [Token::Symbol("."), Token::Name(field), ..] = &body[end..] {
            path = format!("{path}.{field}");
            end += 2;
        }
        // Elements are of any type: whole numbers among them must become doubles, as those of the expression are.
        if is_number(bound.last()) || is_number(body.get(end)) {
            bound.push(Token::Cel(format!("double({path})")));
            at = end;
        } else {
            bound.push(Token::Name(ELEMENT.to_owned()));
        }
    }
    Ok(bound)
}

/// FEEL's `x between a and b` as two comparisons; `x` and `b` are names, constants, calls or stand in brackets.
fn without_between(tokens: &[Token]) -> Result<Vec<Token>, String> {
    let is = |token: &Token, word: &str| matches!(token, Token::Name(name) if name == word);
    let Some(between) = tokens.iter().rposition(|token| is(token, "between")) else {
        return Ok(tokens.to_vec());
    };
    let start = operand_start(&tokens[..between]);
    let mut and = between + 1;
    while tokens.get(and).is_some_and(|token| !is(token, "and")) {
        if matches!(tokens[and], Token::Symbol("(" | "[" | "{")) {
            and = closing(tokens, and)?;
        }
        and += 1;
    }
    if start == between || and >= tokens.len() {
        return Err("`between` needs a value before it, and `and` behind it".to_owned());
    }
    let end = operand_end(tokens, and + 1)?;
    let value = &tokens[start..between];
    let symbol = |symbol| [Token::Symbol(symbol)];
    let parts: [&[Token]; 11] = [
        &tokens[..start],
        &symbol("("),
        &tokens[between + 1..and],
        &symbol("<="),
        value,
        &symbol("&&"),
        value,
        &symbol("<="),
        &tokens[and + 1..end],
        &symbol(")"),
        &tokens[end..],
    ];
    without_between(&parts.concat())
}

/// Where the operand that ends with the tokens begins.
fn operand_start(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let mut start = tokens.len();
    for (index, token) in tokens.iter().enumerate().rev() {
        match token {
            Token::Symbol(")" | "]" | "}") => depth += 1,
            Token::Symbol("(" | "[" | "{") if depth > 0 => depth -= 1,
            Token::Symbol(".") => {}
            Token::Symbol(_) if depth == 0 => break,
            Token::Name(name)
                if depth == 0
                    && ["and", "or", "not", "if", "then", "else", "in"].contains(&&**name) =>
            {
                break;
            }
            _ => {}
        }
        start = index;
    }
    start
}

/// FEEL's names of functions have blanks.
fn joined_names(tokens: &[Token]) -> Vec<Token> {
    const NAMES: [&[&str]; 17] = [
        &["starts", "with"],
        &["ends", "with"],
        &["upper", "case"],
        &["lower", "case"],
        &["string", "length"],
        &["string", "join"],
        &["substring", "before"],
        &["substring", "after"],
        &["list", "contains"],
        &["distinct", "values"],
        &["date", "and", "time"],
        &["round", "up"],
        &["round", "down"],
        &["round", "half", "up"],
        &["round", "half", "down"],
        &["day", "of", "year"],
        &["month", "of", "year"],
    ];
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let stands_here = |name: &&&[&str]| {
            let words = tokens[at..].iter().zip(**name);
            let mut found = words.filter(|(token, word)| is_name(token, word));
            found.by_ref().count() == name.len()
                && tokens.get(at + name.len()) == Some(&Token::Symbol("("))
        };
        match NAMES.iter().find(stands_here) {
            Some(name) => {
                joined.push(Token::Name(name.join(" ")));
                at += name.len();
            }
            None => {
                joined.push(token.clone());
                at += 1;
            }
        }
    }
    joined
}

fn is_name(token: &Token, word: &str) -> bool {
    matches!(token, Token::Name(name) if name == word)
}

/// Where the right operand of `in` at `start` ends.
fn operand_end(tokens: &[Token], start: usize) -> Result<usize, String> {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Symbol("(" | "[" | "{") => at = closing(tokens, at)?,
            Token::Symbol(".") => {}
            Token::Symbol(_) => break,
            Token::Name(name) if ["and", "or", "then", "else", "in", "not"].contains(&&**name) => {
                break;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(at)
}

/// The text of a literal, and where it ends.
fn text_literal(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            _ if c == quote => return Ok((text, at + 1)),
            _ => text.push(c),
        }
    }
    Err("a text has no closing quote".to_owned())
}

/// The index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> Result<usize, String> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Symbol("(" | "[" | "{") => depth += 1,
            Token::Symbol(")" | "]" | "}") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(index);
                }
            }
            _ => {}
        }
    }
    Err("a bracket is not closed".to_owned())
}

/// The parts between `separator`s that stand in no bracket. Nothing has no parts.
pub(crate) fn split<'a>(
    tokens: &'a [Token],
    separator: &Token,
) -> Result<Vec<&'a [Token]>, String> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(token) = tokens.get(at) {
        // `[1..5[` and `]1..5]` are FEEL's other brackets of ranges, which only stand at the ends of tests.
        let is_open = matches!(token, Token::Symbol("(" | "{"))
            || *token == Token::Symbol("[") && closing(tokens, at).is_ok();
        if is_open {
            at = closing(tokens, at)?;
        } else if token == separator {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    parts.push(&tokens[start..]);
    Ok(parts)
}
