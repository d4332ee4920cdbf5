//! Escape sequences and character classes.

use super::Parser;
use crate::class::Class;
use crate::program::assert;
use crate::properties::Properties;
use crate::{Error, ErrorKind};

const DIGIT: &[[u8; 2]] = &[[b'0', b'9']];
const WORD: &[[u8; 2]] = &[[b'0', b'9'], [b'A', b'Z'], [b'_', b'_'], [b'a', b'z']];
const SPACE: &[[u8; 2]] = &[[b'\t', b'\n'], [0x0C, b'\r'], [b' ', b' ']];

/// `[:name:]`
fn posix_class(name: &[u8]) -> Option<&'static [[u8; 2]]> {
    Some(match name {
        b"alnum" => &[[b'0', b'9'], [b'A', b'Z'], [b'a', b'z']],
        b"alpha" => &[[b'A', b'Z'], [b'a', b'z']],
        b"ascii" => &[[0, 0x7F]],
        b"blank" => &[[b'\t', b'\t'], [b' ', b' ']],
        b"cntrl" => &[[0, 0x1F], [0x7F, 0x7F]],
        b"digit" => DIGIT,
        b"graph" => &[[b'!', b'~']],
        b"lower" => &[[b'a', b'z']],
        b"print" => &[[b' ', b'~']],
        b"punct" => &[[b'!', b'/'], [b':', b'@'], [b'[', b'`'], [b'{', b'~']],
        b"space" => &[[b'\t', b'\r'], [b' ', b' ']],
        b"upper" => &[[b'A', b'Z']],
        b"word" => WORD,
        b"xdigit" => &[[b'0', b'9'], [b'A', b'F'], [b'a', b'f']],
        _ => return None,
    })
}

/// The ranges, or all the others.
fn add_ascii(class: &mut Class<'_>, ranges: &[[u8; 2]], is_negated: bool, ignore_case: bool) {
    let add = |class: &mut Class<'_>| {
        for [first, last] in ranges {
            class.add(u32::from(*first), u32::from(*last));
        }
    };
    if is_negated {
        class.add_others(ignore_case, add);
    } else {
        add(class);
    }
}

/// A set that stands for itself within brackets too.
enum Set<'a> {
    Ascii(&'static [[u8; 2]], bool),
    Property(&'a [u8], bool),
}

impl<'a, P: Properties> Parser<'a, '_, P> {
    /// Emits a class: what `fill` adds, folded and negated as asked for.
    pub(super) fn class(
        &mut self,
        is_negated: bool,
        fill: impl FnOnce(&mut Reader<'a, P>, &mut Class<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.begin_atom(false);
        let mut reader = Reader {
            pattern: self.pattern,
            at: self.at,
            properties: self.properties,
            ignore_case: self.flags.ignore_case,
        };
        let mut class = self.code.class_room();
        fill(&mut reader, &mut class)?;
        if self.flags.ignore_case {
            class.fold();
        } else {
            class.normalize();
        }
        if is_negated {
            class.negate();
        }
        let n_words = class.finish();
        self.at = reader.at;
        self.code.emit_class(n_words);
        Ok(())
    }

    pub(super) fn parse_bracket(&mut self, start: usize) -> Result<(), Error> {
        let is_negated = self.eat(b"^");
        self.class(is_negated, |reader, class| {
            reader.fill_bracket(start, class)
        })
    }

    /// What follows a backslash outside of brackets.
    pub(super) fn parse_escape(&mut self, start: usize) -> Result<(), Error> {
        let condition = match self.peek() {
            None => return Err(self.error(ErrorKind::TrailingBackslash, start)),
            Some(b'A') => Some(assert::TEXT_START),
            Some(b'z') => Some(assert::TEXT_END),
            Some(b'b') => Some(assert::WORD_BOUNDARY),
            Some(b'B') => Some(assert::NOT_WORD_BOUNDARY),
            Some(b'Q') => {
                self.at += 1;
                while self.at < self.pattern.len() && !self.eat(b"\\E") {
                    if let Some(char) = self.next_char() {
                        self.literal(char);
                    }
                }
                return Ok(());
            }
            Some(_) => None,
        };
        if let Some(condition) = condition {
            self.at += 1;
            self.assertion(condition);
            return Ok(());
        }
        let mut reader = Reader {
            pattern: self.pattern,
            at: self.at,
            properties: self.properties,
            ignore_case: self.flags.ignore_case,
        };
        if let Some(set) = reader.parse_set(start)? {
            self.at = reader.at;
            return self.class(false, |reader, class| reader.add_set(&set, start, class));
        }
        let char = reader.parse_char_escape(start)?;
        self.at = reader.at;
        self.literal(char);
        Ok(())
    }
}

/// Reads the inside of a class, while the program's buffer holds the class under construction.
pub(super) struct Reader<'a, P> {
    pattern: &'a [u8],
    at: usize,
    properties: &'a P,
    ignore_case: bool,
}

impl<'a, P: Properties> Reader<'a, P> {
    fn rest(&self) -> &'a [u8] {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn next_char(&mut self) -> Option<u32> {
        let (char, length) = crate::machine::decode(self.rest(), 0)?;
        self.at += length;
        Some(char)
    }

    fn fill_bracket(&mut self, start: usize, class: &mut Class<'_>) -> Result<(), Error> {
        let missing = Error {
            kind: ErrorKind::MissingBracket,
            offset: start,
        };
        let mut is_first = true;
        loop {
            let item_start = self.at;
            if !is_first && self.eat(b"]") {
                return Ok(());
            }
            is_first = false;
            if let Some(name_length) = self.posix_name_length() {
                let (is_negated, name) = match self.rest().get(2..2 + name_length) {
                    Some([b'^', name @ ..]) => (true, name),
                    Some(name) => (false, name),
                    None => return Err(missing),
                };
                let Some(ranges) = posix_class(name) else {
                    return Err(Error {
                        kind: ErrorKind::UnknownClass,
                        offset: item_start,
                    });
                };
                add_ascii(class, ranges, is_negated, self.ignore_case);
                self.at += name_length + 4;
                continue;
            }
            if self.rest().starts_with(b"\\") {
                self.at += 1;
                if let Some(set) = self.parse_set(item_start)? {
                    self.add_set(&set, item_start, class)?;
                    continue;
                }
                self.at = item_start;
            }
            let first = self.parse_class_char(item_start, missing)?;
            let mut last = first;
            if let [b'-', next, ..] = self.rest()
                && *next != b']'
            {
                self.at += 1;
                last = self.parse_class_char(item_start, missing)?;
            }
            if last < first {
                return Err(Error {
                    kind: ErrorKind::InvalidClassRange,
                    offset: item_start,
                });
            }
            class.add(first, last);
        }
    }

    /// The length of the name in `[:name:]`, where there is one.
    fn posix_name_length(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix(b"[:")?;
        let length = rest.windows(2).position(|window| window == b":]")?;
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'^';
        rest.get(..length)?.iter().all(is_name).then_some(length)
    }

    fn parse_class_char(&mut self, item_start: usize, missing: Error) -> Result<u32, Error> {
        if self.eat(b"\\") {
            return self.parse_char_escape(item_start);
        }
        self.next_char().ok_or(missing)
    }

    /// `\d`, `\pL`, … behind the backslash.
    fn parse_set(&mut self, start: usize) -> Result<Option<Set<'a>>, Error> {
        let Some(byte) = self.rest().first().copied() else {
            return Ok(None);
        };
        let set = match byte {
            b'd' | b'D' => Set::Ascii(DIGIT, byte == b'D'),
            b'w' | b'W' => Set::Ascii(WORD, byte == b'W'),
            b's' | b'S' => Set::Ascii(SPACE, byte == b'S'),
            b'p' | b'P' => {
                let unknown = Error {
                    kind: ErrorKind::UnknownClass,
                    offset: start,
                };
                let body = self.rest().get(1..).unwrap_or_default();
                let (name, n_bytes) = match body {
                    [b'{', body @ ..] => {
                        let length = body.iter().position(|byte| *byte == b'}').ok_or(unknown)?;
                        (body.get(..length).ok_or(unknown)?, length + 2)
                    }
                    _ => (body.get(..1).ok_or(unknown)?, 1),
                };
                self.at += 1 + n_bytes;
                let stripped = name.strip_prefix(b"^");
                let is_negated = (byte == b'P') != stripped.is_some();
                return Ok(Some(Set::Property(stripped.unwrap_or(name), is_negated)));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(set))
    }

    fn add_set(&self, set: &Set<'_>, start: usize, class: &mut Class<'_>) -> Result<(), Error> {
        let (name, is_negated) = match set {
            Set::Ascii(ranges, is_negated) => {
                add_ascii(class, ranges, *is_negated, self.ignore_case);
                return Ok(());
            }
            Set::Property(name, is_negated) => (*name, *is_negated),
        };
        let mut is_known = false;
        let mut add = |class: &mut Class<'_>| {
            is_known = self
                .properties
                .add(name, |first, last| class.add(first, last));
        };
        if is_negated {
            class.add_others(self.ignore_case, &mut add);
        } else {
            add(class);
        }
        if !is_known {
            return Err(Error {
                kind: ErrorKind::UnknownClass,
                offset: start,
            });
        }
        Ok(())
    }

    /// The character that an escape sequence stands for, behind the backslash.
    fn parse_char_escape(&mut self, start: usize) -> Result<u32, Error> {
        let error = |kind| Error {
            kind,
            offset: start,
        };
        let char = self
            .next_char()
            .ok_or(error(ErrorKind::TrailingBackslash))?;
        let byte = u8::try_from(char)
            .ok()
            .filter(u8::is_ascii)
            .ok_or(error(ErrorKind::InvalidEscape))?;
        let digit = |reader: &Self, radix| {
            let byte = reader.rest().first()?;
            char::from(*byte).to_digit(radix)
        };
        Ok(match byte {
            b'a' => 7,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'v' => 11,
            b'0'..=b'7' => {
                // A single digit but zero would be a back reference.
                if byte != b'0' && digit(self, 8).is_none() {
                    return Err(error(ErrorKind::InvalidEscape));
                }
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    if let Some(next) = digit(self, 8) {
                        value = value * 8 + next;
                        self.at += 1;
                    }
                }
                value
            }
            b'x' => {
                let has_braces = self.eat(b"{");
                let (mut value, mut n_digits) = (0, 0);
                while let Some(next) = digit(self, 16) {
                    if n_digits == if has_braces { 6 } else { 2 } {
                        break;
                    }
                    value = value * 16 + next;
                    n_digits += 1;
                    self.at += 1;
                }
                let is_complete = if has_braces {
                    n_digits > 0 && self.eat(b"}")
                } else {
                    n_digits == 2
                };
                if !is_complete || value > crate::class::MAX {
                    return Err(error(ErrorKind::InvalidEscape));
                }
                value
            }
            _ if byte.is_ascii_punctuation() => char,
            _ => return Err(error(ErrorKind::InvalidEscape)),
        })
    }
}
