//! Arguments of helpers that are made ready when they are literals: regular expressions and time zones. What is wrong with
//! them is then known before any row is.

use crate::ir::{Const, Expr, ExprKind};
use crate::zones;
use rulestage_diagnostics::{Diagnostic, Span};
use rulestage_regex::{CommonProperties, Error, ErrorKind, determinize, positions};

/// The most words that a program may have: what `rulestage_regex` allows.
const MAX_PROGRAM_WORDS: usize = 1 << 15;

/// A helper that takes static data in the place of an argument.
pub(crate) struct Prepared {
    /// Its name
    pub(crate) helper: &'static str,
    /// The data, to be aligned to 8
    pub(crate) data: Vec<u8>,
    /// Which argument the address of the data stands for; behind the last one, it is added to them
    pub(crate) index: usize,
}

/// Needs no positions, so that an automaton can answer it.
const MATCHES: &str = "regex_matches";

/// For helpers that take a pattern as their second argument: those that take its program.
const OF_PATTERNS: [(&str, &str); 5] = [
    (MATCHES, "regex_matches_program"),
    ("regex_extract", "regex_extract_program"),
    ("regex_extract_all", "regex_extract_all_program"),
    ("regex_replace", "regex_replace_program"),
    ("regex_replace_limited", "regex_replace_limited_program"),
];

const IN_ZONE: &str = "timestamp_in_zone";

/// What stands at each position of a text, where this helper matches a text with a literal pattern that says so: the
/// first and the last character.
pub(crate) fn text_of_positions(helper: &str, args: &[Expr]) -> Option<Vec<[u8; 2]>> {
    let pattern = literal(args.get(1)?).filter(|_| helper == MATCHES)?;
    positions(&determinize(&compile(pattern).ok()?)?)
}

/// What an argument of this helper is made ready as, if it can be.
pub(crate) fn prepare(helper: &str, args: &[Expr]) -> Option<Prepared> {
    if helper == IN_ZONE {
        let prepared = match literal(args.get(1)?) {
            Some(name) => Prepared {
                helper: "timestamp_in_zone_data",
                data: zones::zone(name)?,
                index: 1,
            },
            None => Prepared {
                helper: IN_ZONE,
                data: zones::database(),
                index: 2,
            },
        };
        return Some(prepared);
    }
    let (_, with_program) = OF_PATTERNS.iter().find(|(name, _)| *name == helper)?;
    let program = compile(literal(args.get(1)?)?).ok()?;
    let automaton = if helper == MATCHES {
        determinize(&program)
    } else {
        None
    };
    let (helper, words) = match automaton {
        Some(automaton) => ("regex_matches_automaton", automaton),
        None => (*with_program, program),
    };
    Some(Prepared {
        helper,
        data: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        index: 1,
    })
}

/// What is wrong with a literal argument of this helper.
pub(crate) fn check(helper: &str, args: &[Expr]) -> Option<Diagnostic> {
    let arg = args.get(1)?;
    let text = literal(arg)?;
    if helper == IN_ZONE {
        if zones::zone(text).is_some() {
            return None;
        }
        let message = format!("there is no time zone `{text}`");
        let hint = "zones have the names of the IANA database, such as `Europe/Prague`, or are written `+02:00`";
        return Some(
            Diagnostic::error("rule.check.unknown-time-zone", arg.span, message).with_hint(hint),
        );
    }
    if !OF_PATTERNS.iter().any(|(name, _)| *name == helper) {
        return None;
    }
    let error = compile(text).err()?;
    let message = format!("not a regular expression: {}", error.kind.message());
    let span = span_within(arg.span, text, error.offset);
    Some(Diagnostic::error("rule.check.invalid-regex", span, message))
}

/// The text of a string literal.
fn literal(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Const(Const::String(text)) => Some(text),
        _ => None,
    }
}

fn compile(pattern: &str) -> Result<Vec<u32>, Error> {
    let mut buffer = vec![0; 1 << 10];
    loop {
        match rulestage_regex::compile(pattern.as_bytes(), &CommonProperties, &mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if error.kind == ErrorKind::TooLarge && buffer.len() < MAX_PROGRAM_WORDS => {
                buffer.resize(buffer.len() * 2, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

/// From a position of the text to the end of its literal; the whole literal where escape sequences make the position in
/// the source another one.
fn span_within(literal: Span, text: &str, offset: usize) -> Span {
    let has_escapes = (literal.end - literal.start) as usize != text.len() + 2;
    let start = literal.start + 1 + offset as u32;
    if !has_escapes && start + 1 < literal.end {
        Span::new(start, literal.end - 1)
    } else {
        literal
    }
}
