//! `matches` and the regex extension. Helpers with `_program` and `_automaton` take what the rule compiler made of a
//! literal pattern; the others compile the pattern for each call.

use crate::abi::{Outcome, helpers};
use crate::memory::{Buffer, MAX_VALUE_BYTES, Values, allocate};
use crate::status::{INVALID_ARGUMENT, INVALID_REGEX, REGEX_TOO_LARGE, TOO_LARGE};
use crate::value::Value;
use rulestage_regex::{
    CommonProperties, ErrorKind, SCRATCH_IS_SMALL, compile, is_match, n_groups, scratch_words,
    search,
};

helpers! {
    /// `text.matches(pattern)`: somewhere
    regex_matches(text, text) = |text, pattern| matches(text, program(pattern)?);
    /// As [`regex_matches`]
    regex_matches_program(text, program) = matches;
    /// As [`regex_matches`], with the automaton of a literal pattern
    regex_matches_automaton(text, program) = |text, automaton| Ok(is_match(automaton, text));
    /// `regex.extract(text, pattern)`
    regex_extract(text, text) = |text, pattern| extract(text, program(pattern)?);
    /// As [`regex_extract`]
    regex_extract_program(text, program) = extract;
    /// `regex.extractAll(text, pattern)`
    regex_extract_all(text, text) = |text, pattern| extract_all(text, program(pattern)?);
    /// As [`regex_extract_all`]
    regex_extract_all_program(text, program) = extract_all;
    /// `regex.replace(text, pattern, replacement)`
    regex_replace(text, text, text) =
        |text, pattern, replacement| replace(text, program(pattern)?, replacement, -1);
    /// As [`regex_replace`]
    regex_replace_program(text, program, text) =
        |text, program, replacement| replace(text, program, replacement, -1);
    /// `regex.replace(text, pattern, replacement, count)`; a negative count is none.
    regex_replace_limited(text, text, text, int) =
        |text, pattern, replacement, limit| replace(text, program(pattern)?, replacement, limit);
    /// As [`regex_replace_limited`]
    regex_replace_limited_program(text, program, text, int) = replace;
}

fn allocate_words<'a>(n_words: usize) -> &'a mut [u32] {
    let words = allocate(n_words * size_of::<u32>()).cast::<u32>();
    // SAFETY: fresh memory, aligned to 8, which outlives the row.
    unsafe { core::slice::from_raw_parts_mut(words, n_words) }
}

/// Compiles a pattern; with more room where the first guess doesn't suffice.
fn program<'a>(pattern: &[u8]) -> Outcome<&'a [u32]> {
    const MAX_WORDS: usize = 1 << 15;
    let mut n_words = (pattern.len().min(MAX_WORDS) * 4 + 64).min(MAX_WORDS);
    loop {
        let buffer = allocate_words(n_words);
        match compile(pattern, &CommonProperties, buffer) {
            Ok(length) => return buffer.get(..length).ok_or(REGEX_TOO_LARGE),
            Err(error) if error.kind != ErrorKind::TooLarge => return Err(INVALID_REGEX),
            Err(_) if n_words >= MAX_WORDS => return Err(REGEX_TOO_LARGE),
            Err(_) => n_words = (n_words * 4).min(MAX_WORDS),
        }
    }
}

fn matches(text: &[u8], program: &[u32]) -> Outcome<bool> {
    let n_words = scratch_words(program, 0);
    let mut small = [0; SCRATCH_IS_SMALL];
    Ok(if n_words <= small.len() {
        search(program, text, 0, &mut [], &mut small)
    } else {
        search(program, text, 0, &mut [], allocate_words(n_words))
    })
}

/// The matches one after another: positions of the whole and of the groups.
struct Matches<'a> {
    program: &'a [u32],
    text: &'a [u8],
    slots: &'a mut [u32],
    scratch: &'a mut [u32],
    at: usize,
    /// Where the last match ended
    last_end: Option<usize>,
}

impl<'a> Matches<'a> {
    fn new(text: &'a [u8], program: &'a [u32], n_groups: usize) -> Self {
        let n_slots = 2 * (n_groups + 1);
        Self {
            program,
            text,
            slots: allocate_words(n_slots),
            scratch: allocate_words(scratch_words(program, n_slots)),
            at: 0,
            last_end: None,
        }
    }

    /// Whether there is one more; none is empty right behind the one before.
    fn advance(&mut self) -> bool {
        while self.at <= self.text.len()
            && search(self.program, self.text, self.at, self.slots, self.scratch)
        {
            let (start, end) = self.range(0).unwrap_or_default();
            self.at = end;
            if start == end {
                let next = self.text.get(end).copied().unwrap_or(0);
                self.at += crate::strings::char_length(next);
                if self.last_end == Some(end) {
                    continue;
                }
            }
            self.last_end = Some(end);
            return true;
        }
        false
    }

    fn range(&self, group: usize) -> Option<(usize, usize)> {
        match self.slots.get(2 * group..2 * group + 2) {
            Some([start, end]) if *start != u32::MAX => Some((*start as usize, *end as usize)),
            _ => None,
        }
    }

    /// The text of a group; nothing where it took no part.
    fn group(&self, group: usize) -> &'a [u8] {
        self.range(group)
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }
}

/// The group that `extract` and `extractAll` give: the only one, or the whole match.
fn extracted_group(program: &[u32]) -> Outcome<usize> {
    match n_groups(program) {
        group @ 0..=1 => Ok(group),
        _ => Err(INVALID_ARGUMENT),
    }
}

fn extract(text: &[u8], program: &[u32]) -> Outcome<Value> {
    let group = extracted_group(program)?;
    let mut matches = Matches::new(text, program, group);
    if !matches.advance() {
        return Ok(Value::none());
    }
    let found = matches.group(group);
    if group > 0 && found.is_empty() {
        return Ok(Value::none());
    }
    Ok(Value::some(Value::string(found).store()))
}

fn extract_all(text: &[u8], program: &[u32]) -> Outcome<Value> {
    let group = extracted_group(program)?;
    let mut matches = Matches::new(text, program, group);
    let mut all = Values::new();
    while matches.advance() {
        let found = matches.group(group);
        if group == 0 || !found.is_empty() {
            all.push(Value::string(found));
        }
    }
    all.finish().map(Value::list).ok_or(TOO_LARGE)
}

fn replace<'a>(
    text: &'a [u8],
    program: &[u32],
    replacement: &[u8],
    limit: i64,
) -> Outcome<&'a [u8]> {
    let n_groups = n_groups(program);
    check_replacement(replacement, n_groups)?;
    let mut n_left = if limit < 0 { u64::MAX } else { limit as u64 };
    let mut matches = Matches::new(text, program, n_groups);
    let mut replaced = Buffer::new();
    let mut copied = 0;
    while n_left > 0 && replaced.len() <= MAX_VALUE_BYTES && matches.advance() {
        n_left -= 1;
        let (start, end) = matches.range(0).unwrap_or_default();
        replaced.extend(text.get(copied..start).unwrap_or_default());
        copied = end;
        let mut rest = replacement;
        while let Some((byte, others)) = rest.split_first() {
            rest = others;
            match (byte, rest) {
                (b'\\', [b'\\', others @ ..]) => {
                    replaced.push(b'\\');
                    rest = others;
                }
                (b'\\', [digit, others @ ..]) => {
                    replaced.extend(matches.group(usize::from(digit.wrapping_sub(b'0'))));
                    rest = others;
                }
                _ => replaced.push(*byte),
            }
        }
    }
    replaced.extend(text.get(copied..).unwrap_or_default());
    replaced.finish().ok_or(TOO_LARGE)
}

/// A backslash stands before another one, or before the number of a group.
fn check_replacement(replacement: &[u8], n_groups: usize) -> Outcome<()> {
    let mut rest = replacement;
    while let Some((byte, others)) = rest.split_first() {
        rest = others;
        if *byte != b'\\' {
            continue;
        }
        match rest.split_first() {
            Some((b'\\', others)) => rest = others,
            Some((digit @ b'0'..=b'9', others)) if usize::from(digit - b'0') <= n_groups => {
                rest = others;
            }
            _ => return Err(INVALID_REGEX),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: Outcome<Value>) -> Result<Vec<String>, i32> {
        let text = |value: &Value| String::from_utf8_lossy(value.as_bytes()).into_owned();
        list.map(|list| list.elements().iter().map(text).collect())
    }

    /// From cel-spec's tests/simple/testdata/string.textproto, matches, and cel-go's ext/regex_test.go.
    #[test]
    fn matches_anywhere() {
        for (text, pattern, expected) in [
            ("hubba", "ubb", Ok(true)),
            ("abcd", "bc|xy", Ok(true)),
            ("cows", "[a-z]+", Ok(true)),
            ("xañb", ".*ñ.*", Ok(true)),
            ("", "", Ok(true)),
            ("abc", "", Ok(true)),
            ("", "x", Ok(false)),
            ("cows", "^ow", Ok(false)),
            ("mañana", r"a+ñ+a+n+a+$", Ok(true)),
            ("🐱😀😀", r"(a|😀){2}", Ok(true)),
            ("x", "(", Err(INVALID_REGEX)),
            ("x", "((a{100}){100}){100}", Err(REGEX_TOO_LARGE)),
        ] {
            let found =
                program(pattern.as_bytes()).and_then(|program| matches(text.as_bytes(), program));
            assert_eq!(found, expected, "{text} {pattern}");
        }
    }

    #[test]
    fn extracts_the_group_or_the_whole() {
        for (text, pattern, expected) in [
            ("hello world", "hello (.*)", Ok(Some("world"))),
            ("item-A, item-B", r"item-(\w+)", Ok(Some("A"))),
            ("The color is red", r"The color is (\w+)", Ok(Some("red"))),
            ("brand", "brand", Ok(Some("brand"))),
            ("HELLO", "hello", Ok(None)),
            (
                "phone: 415-5551212",
                r"phone: (?:\d{3}-)?(\d+)",
                Ok(Some("5551212")),
            ),
            ("ac", "a(b)?c", Ok(None)),
            ("testuser@", r"(\w+)@(\w+)", Err(INVALID_ARGUMENT)),
        ] {
            let found =
                program(pattern.as_bytes()).and_then(|program| extract(text.as_bytes(), program));
            let found = found.map(|optional| optional.content().map(Value::as_bytes));
            assert_eq!(
                found,
                expected.map(|text| text.map(str::as_bytes)),
                "{text} {pattern}"
            );
        }
        for (text, pattern, expected) in [
            (
                "id:123, id:456",
                r"id:\d+",
                Ok(&["id:123", "id:456"] as &[&str]),
            ),
            ("id:123, id:456", r"id:(\d+)", Ok(&["123", "456"])),
            (
                "testuser@testdomain",
                r"(.*)@([^.]*)",
                Err(INVALID_ARGUMENT),
            ),
            ("abc", "x", Ok(&[])),
            ("banana", "an?", Ok(&["an", "an", "a"])),
        ] {
            let found = program(pattern.as_bytes())
                .and_then(|program| extract_all(text.as_bytes(), program));
            let expected = expected.map(|all| all.iter().map(|text| text.to_string()).collect());
            assert_eq!(strings(found), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn replaces_with_groups() {
        for (text, pattern, replacement, limit, expected) in [
            ("banana", "a", "x", -1, Ok("bxnxnx")),
            ("abc", "$", "", -1, Ok("abc")),
            ("a-b", r"(\w)-(\w)", r"\2-\1", -1, Ok("b-a")),
            ("foo bar", "(fo)o (ba)r", r"\2 \1", -1, Ok("ba fo")),
            ("foofoo", "foo", "bar", 0, Ok("foofoo")),
            ("banana", "ana", "x", -1, Ok("bxna")),
            ("banana", "a", "x", 1, Ok("bxnana")),
            ("banana", "a", "x", 100, Ok("bxnxnx")),
            ("banana", "(.)", r"[\0]", 2, Ok("[b][a]nana")),
            ("abc", "", "-", -1, Ok("-a-b-c-")),
            ("aš", "", "-", -1, Ok("-a-š-")),
            ("abc", "b*", "-", -1, Ok("-a-c-")),
            ("a.b", r"\.", r"\\", -1, Ok(r"a\b")),
            ("banana", "(a)", r"\2", -1, Err(INVALID_REGEX)),
            ("banana", "(a)", r"x\", -1, Err(INVALID_REGEX)),
            ("banana", "(a)", r"\n", -1, Err(INVALID_REGEX)),
        ] {
            let found = program(pattern.as_bytes()).and_then(|program| {
                replace(text.as_bytes(), program, replacement.as_bytes(), limit)
            });
            assert_eq!(found, expected.map(str::as_bytes), "{text} {pattern}");
        }
    }
}
