//! The strings extension, but for `format`. Positions are code points.

pub mod format;

use crate::abi::{Outcome, helpers};
use crate::first_bytes;
use crate::memory::{Buffer, Values};
use crate::status::{INDEX_OUT_OF_BOUNDS, INVALID_ARGUMENT, NO_SUCH_OVERLOAD, TOO_LARGE};
use crate::text::{find, with_other_case};
use crate::value::{Value, tag};

helpers! {
    /// `text.charAt(position)`: the character there, nothing at the end.
    string_char_at(text, int) = char_at;
    /// `text.indexOf(needle)`
    string_index_of(text, text) = |text, needle| index_of(text, needle, 0);
    /// `text.indexOf(needle, start)`
    string_index_of_from(text, text, int) = index_of;
    /// `text.lastIndexOf(needle)`
    string_last_index_of(text, text) = |text: &[u8], needle| last_index_of(text, needle, text.len());
    /// `text.lastIndexOf(needle, start)`
    string_last_index_of_from(text, text, int) = last_index_of_from;
    /// `list.join(separator)`
    string_join(value, text) = join;
    /// `text.lowerAscii()`
    string_lower_ascii(text) = |text| change_case(text, b'A');
    /// `text.upperAscii()`
    string_upper_ascii(text) = |text| change_case(text, b'a');
    /// `text.replace(old, new)`
    string_replace(text, text, text) = |text, old, new| replace(text, old, new, -1);
    /// `text.replace(old, new, limit)`; a negative limit is none.
    string_replace_limited(text, text, text, int) = replace;
    /// `text.split(separator)`
    string_split(text, text) = |text, separator| split(text, separator, -1);
    /// `text.split(separator, limit)`: at most so many parts; a negative limit is none.
    string_split_limited(text, text, int) = split;
    /// `text.substring(start)`
    string_substring_from(text, int) = substring_from;
    /// `text.substring(start, end)`
    string_substring(text, int, int) = substring;
    /// `text.trim()`: without Unicode white space at both ends.
    string_trim(text) = trim;
    /// `text.reverse()`
    string_reverse(text) = reverse;
    /// `strings.quote(text)`
    string_quote(text) = quote;
}

/// The number of bytes of the character that starts with this one.
pub(crate) const fn char_length(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

const fn is_start(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// The first character and the rest.
pub(crate) fn split_char(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = char_length(*text.first()?).min(text.len());
    text.split_at_checked(length)
}

/// The number of characters.
pub(crate) fn count_chars(text: &[u8]) -> usize {
    text.iter().filter(|byte| is_start(**byte)).count()
}

/// Where the character at a position starts; the end of the text for the position behind the last one.
fn byte_position(text: &[u8], position: i64) -> Outcome<usize> {
    let mut rest = usize::try_from(position).map_err(|_| INDEX_OUT_OF_BOUNDS)?;
    for (at, byte) in text.iter().enumerate() {
        if is_start(*byte) {
            if rest == 0 {
                return Ok(at);
            }
            rest -= 1;
        }
    }
    if rest == 0 {
        Ok(text.len())
    } else {
        Err(INDEX_OUT_OF_BOUNDS)
    }
}

fn tail(text: &[u8], start: usize) -> &[u8] {
    text.get(start..).unwrap_or_default()
}

fn head(text: &[u8], end: usize) -> &[u8] {
    text.get(..end).unwrap_or(text)
}

fn char_at(text: &[u8], position: i64) -> Outcome<&[u8]> {
    let rest = tail(text, byte_position(text, position)?);
    Ok(split_char(rest).map_or(&[], |(first, _)| first))
}

fn index_of(text: &[u8], needle: &[u8], start: i64) -> Outcome<i64> {
    let start_byte = byte_position(text, start)?;
    let rest = tail(text, start_byte);
    Ok(match find(rest, needle) {
        Some(found) => start + count_chars(head(rest, found)) as i64,
        None => -1,
    })
}

fn last_index_of(text: &[u8], needle: &[u8], last_start: usize) -> Outcome<i64> {
    let Some(fitting) = text.len().checked_sub(needle.len()) else {
        return Ok(-1);
    };
    let found = (0..=last_start.min(fitting))
        .rev()
        .find(|start| tail(text, *start).starts_with(needle));
    Ok(found.map_or(-1, |found| count_chars(head(text, found)) as i64))
}

fn last_index_of_from(text: &[u8], needle: &[u8], start: i64) -> Outcome<i64> {
    last_index_of(text, needle, byte_position(text, start)?)
}

fn join<'a>(list: &Value, separator: &[u8]) -> Outcome<&'a [u8]> {
    let mut joined = Buffer::new();
    for (index, element) in list.elements().iter().enumerate() {
        if element.tag != tag::STRING {
            return Err(NO_SUCH_OVERLOAD);
        }
        if index > 0 {
            joined.extend(separator);
        }
        joined.extend(element.as_bytes());
    }
    joined.finish().ok_or(TOO_LARGE)
}

/// Changes the case of ASCII letters from `first` on.
fn change_case<'a>(text: &[u8], first: u8) -> Outcome<&'a [u8]> {
    let mut changed = Buffer::with_capacity(text.len().saturating_add(8));
    match text.last_chunk() {
        // The last eight bytes overlap those before.
        Some(last) => {
            for word in text.as_chunks().0 {
                changed.push_word(with_other_case(*word, first));
            }
            changed.truncate(text.len() - 8);
            changed.push_word(with_other_case(*last, first));
        }
        None => {
            changed.push_word(with_other_case(first_bytes(text).to_le_bytes(), first));
            changed.truncate(text.len());
        }
    }
    changed.finish().ok_or(TOO_LARGE)
}

fn replace<'a>(text: &'a [u8], old: &[u8], new: &[u8], limit: i64) -> Outcome<&'a [u8]> {
    let mut n_left = if limit < 0 { u64::MAX } else { limit as u64 };
    let mut replaced = Buffer::new();
    let mut rest = text;
    while n_left > 0 {
        let Some(found) = find(rest, old) else {
            break;
        };
        n_left -= 1;
        replaced.extend(head(rest, found));
        replaced.extend(new);
        rest = tail(rest, found + old.len());
        if old.is_empty() {
            // Nothing stands before each character and at the end.
            let Some((first, others)) = split_char(rest) else {
                break;
            };
            replaced.extend(first);
            rest = others;
        }
    }
    replaced.extend(rest);
    replaced.finish().ok_or(TOO_LARGE)
}

fn split(text: &[u8], separator: &[u8], limit: i64) -> Outcome<Value> {
    let mut n_left = if limit < 0 { u64::MAX } else { limit as u64 };
    let mut parts = Values::new();
    let mut rest = text;
    while n_left > 0 {
        let next = if n_left == 1 {
            None
        } else if separator.is_empty() {
            split_char(rest).filter(|(_, others)| !others.is_empty())
        } else {
            find(rest, separator)
                .map(|found| (head(rest, found), tail(rest, found + separator.len())))
        };
        n_left -= 1;
        let Some((part, others)) = next else {
            if !(rest.is_empty() && separator.is_empty()) {
                parts.push(Value::string(rest));
            }
            break;
        };
        parts.push(Value::string(part));
        rest = others;
    }
    parts.finish().map(Value::list).ok_or(TOO_LARGE)
}

fn substring_from(text: &[u8], start: i64) -> Outcome<&[u8]> {
    Ok(tail(text, byte_position(text, start)?))
}

fn substring(text: &[u8], start: i64, end: i64) -> Outcome<&[u8]> {
    let (start_byte, end_byte) = (byte_position(text, start)?, byte_position(text, end)?);
    text.get(start_byte..end_byte).ok_or(INVALID_ARGUMENT)
}

/// How many bytes of white space a text starts with: the property White_Space.
fn space_length(text: &[u8]) -> usize {
    match text {
        [b'\t'..=b'\r' | b' ', ..] => 1,
        [0xC2, 0x85 | 0xA0, ..] => 2,
        [0xE1, 0x9A, 0x80, ..]
        | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
        | [0xE2, 0x81, 0x9F, ..]
        | [0xE3, 0x80, 0x80, ..] => 3,
        _ => 0,
    }
}

fn trim(text: &[u8]) -> Outcome<&[u8]> {
    let mut rest = text;
    loop {
        match space_length(rest) {
            0 => break,
            length => rest = tail(rest, length),
        }
    }
    'shorter: loop {
        for length in 1..=3 {
            if let Some(end) = rest.len().checked_sub(length)
                && space_length(tail(rest, end)) == length
            {
                rest = head(rest, end);
                continue 'shorter;
            }
        }
        return Ok(rest);
    }
}

fn reverse<'a>(text: &[u8]) -> Outcome<&'a [u8]> {
    let mut reversed = Buffer::with_capacity(text.len());
    let mut end = text.len();
    for start in (0..text.len()).rev() {
        if text.get(start).is_some_and(|byte| is_start(*byte)) {
            reversed.extend(text.get(start..end).unwrap_or_default());
            end = start;
        }
    }
    reversed.finish().ok_or(TOO_LARGE)
}

fn quote<'a>(text: &[u8]) -> Outcome<&'a [u8]> {
    let mut quoted = Buffer::with_capacity(text.len() + 2);
    quoted.push(b'"');
    for byte in text {
        let escaped = match byte {
            0x07 => b'a',
            0x08 => b'b',
            0x0C => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0B => b'v',
            b'\\' => b'\\',
            b'"' => b'"',
            other => {
                quoted.push(*other);
                continue;
            }
        };
        quoted.push(b'\\');
        quoted.push(escaped);
    }
    quoted.push(b'"');
    quoted.finish().ok_or(TOO_LARGE)
}

#[cfg(test)]
mod tests;
