//! Unary tests: the cells of ZEN's and FEEL's decision tables.

use crate::cel::Expression;
use crate::foreign::{Dialect, Names, Token, split};

/// What a cell asks of its column's value.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// `== v`, `< v` and so on, by the operator's symbol
    Compare(&'static str, Expression),
    Interval {
        low: Expression,
        low_included: bool,
        high: Expression,
        high_included: bool,
    },
    Not(Vec<Test>),
    /// A condition of its own, which no cell can say
    Condition(Expression),
}

/// The tests of a cell, one of which must hold; none of them for a cell that holds for everything.
pub(crate) fn parse(text: &str, subject: &str, names: &Names) -> Result<Vec<Test>, String> {
    if matches!(text.trim(), "" | "-") {
        return Ok(Vec::new());
    }
    let tokens = names.tokens(text)?;
    tests(&tokens, subject, names, 0)
}

/// The same of tokens; brackets around several tests may stand there.
pub(crate) fn parse_tokens(
    tokens: &[Token],
    subject: &str,
    names: &Names,
) -> Result<Vec<Test>, String> {
    let is_range = |inner: &[Token]| {
        split(inner, &Token::Symbol("..")).is_ok_and(|ends| ends.len() == 2)
            && split(inner, &Token::Symbol(",")).is_ok_and(|parts| parts.len() == 1)
    };
    match tokens {
        [Token::Symbol("("), inner @ .., Token::Symbol(")")] if !is_range(inner) => {
            tests(inner, subject, names, 0)
        }
        _ => tests(tokens, subject, names, 0),
    }
}

/// The tests as a condition.
pub(crate) fn condition(tests: &[Test], subject: &str) -> String {
    if tests.is_empty() {
        return "true".to_owned();
    }
    let parts: Vec<String> = tests.iter().map(|test| test.condition(subject)).collect();
    if let [part] = parts.as_slice() {
        return part.clone();
    }
    format!("({})", parts.join(" || "))
}

impl Test {
    /// As it is written in a cell of a table; `None` where no cell can say it.
    pub(crate) fn cell(&self) -> Option<String> {
        Some(match self {
            Self::Compare("==", value) => value.operand(),
            Self::Compare(operator, value) => format!("{operator} {}", value.operand()),
            Self::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let (open, close) = (
                    if *low_included { '[' } else { '(' },
                    if *high_included { ']' } else { ')' },
                );
                format!("{open}{}..{}{close}", low.operand(), high.operand())
            }
            Self::Not(tests) => {
                let cells: Option<Vec<String>> = tests.iter().map(Self::cell).collect();
                format!("not({})", cells?.join(", "))
            }
            Self::Condition(_) => return None,
        })
    }

    /// As a condition, which a null passes only where the cell would.
    pub(crate) fn condition(&self, subject: &str) -> String {
        match self {
            Self::Compare(operator @ ("==" | "!="), value) => {
                format!("{subject} {operator} {}", value.operand())
            }
            Self::Compare(operator, value) => {
                format!(
                    "({subject} != null && {subject} {operator} {})",
                    value.operand()
                )
            }
            Self::Interval {
                low,
                low_included,
                high,
                high_included,
            } => {
                let (above, below) = (
                    if *low_included { ">=" } else { ">" },
                    if *high_included { "<=" } else { "<" },
                );
                let (low, high) = (low.operand(), high.operand());
                format!(
                    "({subject} != null && {subject} {above} {low} && {subject} {below} {high})"
                )
            }
            Self::Not(tests) => format!("!({})", condition(tests, subject)),
            Self::Condition(expression) => expression.operand(),
        }
    }
}

fn tests(
    tokens: &[Token],
    subject: &str,
    names: &Names,
    depth: usize,
) -> Result<Vec<Test>, String> {
    if depth > 20 {
        return Err("nested too deep".to_owned());
    }
    let parts = split(tokens, &Token::Symbol(","))?;
    let mut all = Vec::new();
    for part in parts {
        for part in split(part, &Token::Name("or".to_owned()))? {
            test(part, subject, names, depth, &mut all)?;
        }
    }
    Ok(all)
}

/// Adds the tests that `tokens` are: some, where it is a list of values.
fn test(
    tokens: &[Token],
    subject: &str,
    names: &Names,
    depth: usize,
    all: &mut Vec<Test>,
) -> Result<(), String> {
    use Token::{Name, Symbol};
    let expression = |tokens: &[Token]| names.cel(tokens, Some(subject));
    let own_subject = match names.dialect {
        Dialect::Zen => Symbol("$"),
        Dialect::Feel => Symbol("?"),
    };
    let both = split(tokens, &Name("and".to_owned()))?;
    if both.len() > 1 && !tokens.contains(&own_subject) {
        let mut parts = Vec::new();
        for part in both {
            parts.push(condition(&tests(part, subject, names, depth + 1)?, subject));
        }
        all.push(Test::Condition(Expression::parse(&parts.join(" && "))?));
        return Ok(());
    }
    match tokens {
        [] => return Err("a test is missing".to_owned()),
        [Name(not), Name(is_in), rest @ ..] if not == "not" && is_in == "in" => {
            all.push(Test::Not(listed(rest, subject, names, depth)?));
        }
        [Name(is_in), rest @ ..] if is_in == "in" => {
            all.extend(listed(rest, subject, names, depth)?);
        }
        [Name(not), Symbol("("), inner @ .., Symbol(")")] if not == "not" => {
            all.push(Test::Not(tests(inner, subject, names, depth + 1)?));
        }
        _ if tokens.contains(&own_subject) => all.push(Test::Condition(expression(tokens)?)),
        [
            Symbol(operator @ ("<" | "<=" | ">" | ">=" | "!=" | "==")),
            rest @ ..,
        ] => {
            all.push(Test::Compare(operator, expression(rest)?));
        }
        [Symbol("="), rest @ ..] => all.push(Test::Compare("==", expression(rest)?)),
        [
            Symbol(open @ ("[" | "(" | "]")),
            inner @ ..,
            Symbol(close @ ("]" | ")" | "[")),
        ] if split(inner, &Symbol("..")).is_ok_and(|ends| ends.len() == 2) => {
            let ends = split(inner, &Symbol(".."))?;
            all.push(Test::Interval {
                low: expression(ends[0])?,
                low_included: *open == "[",
                high: expression(ends[1])?,
                high_included: *close == "]",
            });
        }
        _ => all.push(Test::Compare("==", expression(tokens)?)),
    }
    Ok(())
}

/// `[1, 2, 3]` or `[1..5]` behind `in`.
fn listed(
    tokens: &[Token],
    subject: &str,
    names: &Names,
    depth: usize,
) -> Result<Vec<Test>, String> {
    use Token::Symbol;
    match tokens {
        [Symbol("["), inner @ .., Symbol("]")]
            if split(inner, &Symbol("..")).is_ok_and(|ends| ends.len() == 1) =>
        {
            tests(inner, subject, names, depth + 1)
        }
        _ => tests(tokens, subject, names, depth + 1),
    }
}
