//! How texts become tokens, as the operator Tokenizer of ONNX Runtime (com.microsoft) makes them.

use crate::error::{Error, Result};
use crate::node::{Node, index};
use rulestage_regex::{ErrorKind, Properties, compile, scratch_words, search};
use std::cell::RefCell;

/// What a Tokenizer's attributes say. Tokens are not padded: what follows a text's last token is nothing, so that they do
/// not depend on the other texts of a batch.
pub(crate) struct Tokenizer {
    rule: Rule,
    /// Tokens with fewer characters are left out
    least_chars: usize,
    /// Whether U+0002 and U+0003 stand around the tokens
    has_marks: bool,
}

enum Rule {
    /// Runs of ASCII letters, digits and `_`, which is what exporters write for words
    Words,
    /// All characters, but line feeds where a pattern of one dot takes them
    Chars { line_feeds: bool },
    /// What stands between these
    Separators(Vec<String>),
    /// Each match of a program of `rulestage-regex`
    Pattern {
        program: Vec<u32>,
        scratch: RefCell<Vec<u32>>,
    },
}

/// ONNX Runtime takes POSIX patterns, which have no `\p{Lu}`; so the tables of Unicode stay out of stages.
struct NoProperties;

impl Properties for NoProperties {
    fn add(&self, _: &[u8], _: impl FnMut(u32, u32)) -> bool {
        false
    }
}

/// No pattern for tokens is longer once compiled.
const MAX_PROGRAM_WORDS: usize = 1 << 15;

impl Tokenizer {
    pub(crate) fn new(node: &Node<'_>) -> Result<Self> {
        let separators = node.texts("separators");
        let rule = match (node.text("tokenexp", ""), separators.as_slice()) {
            ("", []) => return Err(Error::invalid("it has neither `separators` nor `tokenexp`")),
            ("", [""]) => Rule::Chars { line_feeds: true },
            ("", separators) => Rule::Separators(literals(separators)?),
            (".", []) => Rule::Chars { line_feeds: false },
            ("[a-zA-Z0-9_]+", []) => Rule::Words,
            (pattern, []) => compiled(pattern)?,
            _ => return Err(Error::invalid("it has both `separators` and `tokenexp`")),
        };
        let least_chars = index(node.int("mincharnum", 1), "`mincharnum`")?;
        if least_chars > 1 && matches!(rule, Rule::Separators(_)) {
            return Err(Error::unsupported(
                "`mincharnum` beside `separators` is not supported",
            ));
        }
        Ok(Self {
            rule,
            least_chars: least_chars.max(1),
            has_marks: node.int("mark", 0) != 0,
        })
    }

    /// Calls `found` with each token of a text.
    pub(crate) fn for_each<'t>(&self, text: &'t str, mut found: impl FnMut(&'t str)) {
        if self.has_marks {
            found("\u{2}");
        }
        let mut keep = |token: &'t str| {
            if self.least_chars <= 1 || token.chars().nth(self.least_chars - 1).is_some() {
                found(token);
            }
        };
        match &self.rule {
            Rule::Words => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let bytes = text.as_bytes();
                let mut at = 0;
                while let Some(start) = bytes[at..].iter().position(is_word) {
                    let start = at + start;
                    let length = bytes[start..].iter().position(|byte| !is_word(byte));
                    at = length.map_or(bytes.len(), |length| start + length);
                    keep(&text[start..at]);
                }
            }
            Rule::Chars { line_feeds } => {
                for (start, char) in text.char_indices() {
                    if *line_feeds || char != '\n' {
                        keep(&text[start..start + char.len_utf8()]);
                    }
                }
            }
            Rule::Separators(separators) => {
                let mut rest = text;
                while !rest.is_empty() {
                    // The first one that comes; of several at one place the one that is named first.
                    let next = separators
                        .iter()
                        .filter_map(|separator| Some((rest.find(&**separator)?, separator.len())))
                        .min_by_key(|(start, _)| *start);
                    let (start, length) = next.unwrap_or((rest.len(), 0));
                    if start > 0 {
                        keep(&rest[..start]);
                    }
                    rest = &rest[start + length..];
                }
            }
            Rule::Pattern { program, scratch } => {
                let (mut slots, mut at) = ([0; 2], 0);
                let scratch = &mut scratch.borrow_mut();
                while at < text.len() && search(program, text.as_bytes(), at, &mut slots, scratch) {
                    let [start, end] = slots.map(|slot| slot as usize);
                    if start < end {
                        keep(&text[start..end]);
                        at = end;
                    } else {
                        at = end + text[end..].chars().next().map_or(1, char::len_utf8);
                    }
                }
            }
        }
        if self.has_marks {
            found("\u{3}");
        }
    }
}

/// Separators are regular expressions to ONNX Runtime; those that are plain texts are supported.
fn literals(separators: &[&str]) -> Result<Vec<String>> {
    for separator in separators {
        if separator.is_empty() || separator.contains(|char| r"\^$.|?*+()[]{}".contains(char)) {
            return Err(Error::unsupported(format!(
                "the separator `{separator}` is a pattern, and plain texts alone are supported"
            )));
        }
    }
    Ok(separators
        .iter()
        .map(|&separator| separator.to_owned())
        .collect())
}

/// ONNX Runtime takes the longest match, where other engines take the first of alternatives; patterns for which that may be
/// another one are refused.
fn compiled(pattern: &str) -> Result<Rule> {
    let has_choices = [")?", ")*", ")+", "){", "|"];
    if has_choices.iter().any(|choice| pattern.contains(choice)) {
        return Err(Error::unsupported(format!(
            "`tokenexp` is `{pattern}`; alternatives and repeated groups are not supported"
        )));
    }
    let mut program = vec![0; MAX_PROGRAM_WORDS];
    let length = compile(pattern.as_bytes(), &NoProperties, &mut program).map_err(|error| {
        let reason = match error.kind {
            ErrorKind::TooLarge => "it is too large",
            kind => kind.message(),
        };
        Error::invalid(format!("`tokenexp` is `{pattern}`: {reason}"))
    })?;
    program.truncate(length);
    program.shrink_to_fit();
    let scratch = RefCell::new(vec![0; scratch_words(&program, 2)]);
    Ok(Rule::Pattern { program, scratch })
}
