//! Regular expressions with RE2's syntax, matched in time linear in the text.
//!
//! A pattern is compiled to a program of 32-bit words ([`compile`]), which may be kept as static data, and run on
//! UTF-8 ([`search`]); whether it matches at all, its automaton may say faster ([`is_match`]). Memory comes from the caller: the crate has no allocator, so that it also works inside of
//! compiled rules. Perl classes and `\b` are those of ASCII, as in RE2; the rest is Unicode.
//!
//! Deliberately absent: back references, look-around (neither is possible in linear time), recursion.

#![no_std]

mod automaton;
mod class;
mod folds;
mod machine;
mod parser;
mod program;
mod properties;

pub use automaton::is_match;
#[cfg(feature = "determinize")]
pub use automaton::{determinize, positions};
pub use machine::{SCRATCH_IS_SMALL, scratch_words, search};
pub use parser::compile;
pub use program::n_groups;
pub use properties::{CommonProperties, Properties};

/// Why a pattern is not a regular expression, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// What is wrong
    pub kind: ErrorKind,
    /// Byte position in the pattern
    pub offset: usize,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `(` without `)`
    MissingParenthesis,
    /// `)` without `(`
    UnexpectedParenthesis,
    /// `[` without `]`
    MissingBracket,
    /// `[z-a]`
    InvalidClassRange,
    /// `[[:nothing:]]`, `\p{Nothing}`
    UnknownClass,
    /// `\y`
    InvalidEscape,
    /// `\` at the end
    TrailingBackslash,
    /// `*` with nothing before it
    MissingRepeatArgument,
    /// `**`
    RepeatedRepeat,
    /// `{1001}`, `{2,1}`
    InvalidRepeatSize,
    /// `(?x)`, `(?=…)`
    InvalidFlags,
    /// `(?P<1>…)`
    InvalidGroupName,
    /// Too many parentheses inside of each other
    TooDeep,
    /// The program would be longer than the buffer for it
    TooLarge,
}

impl ErrorKind {
    /// For people: lower case, no final period.
    pub const fn message(self) -> &'static str {
        match self {
            Self::MissingParenthesis => "a group is not closed",
            Self::UnexpectedParenthesis => "there is no group to close",
            Self::MissingBracket => "a character class is not closed",
            Self::InvalidClassRange => "a range of characters ends before it starts",
            Self::UnknownClass => "there is no such character class",
            Self::InvalidEscape => "there is no such escape sequence",
            Self::TrailingBackslash => "nothing follows the backslash",
            Self::MissingRepeatArgument => "there is nothing to repeat",
            Self::RepeatedRepeat => "a repetition can't be repeated without parentheses",
            Self::InvalidRepeatSize => {
                "repetitions go up to 1000, from the smaller number to the larger"
            }
            Self::InvalidFlags => {
                "groups start with `(`, `(?:`, `(?P<name>`, `(?<name>` or flags from `imsU`"
            }
            Self::InvalidGroupName => "the name of a group consists of letters, digits and `_`",
            Self::TooDeep => "groups are nested too deeply",
            Self::TooLarge => "the expression is too large",
        }
    }
}
