//! JSON text to values. No recursion: what is open is on a stack of its own.

use crate::abi::Outcome;
use crate::calendar::{duration_from_string, timestamp_from_string};
use crate::collect::check_keys;
use crate::memory::{Buffer, Values};
use crate::status::{INVALID_JSON, OK, TOO_DEEP, TOO_LARGE};
use crate::value::{Entry, MAX_DEPTH, Value, tag};
use rulestage_decimal::Decimal;

/// The lists and objects that are open.
struct Open {
    /// Where the elements of each start in the values read so far; for objects with the top bit
    starts: [u32; MAX_DEPTH as usize],
    depth: usize,
}

const IS_OBJECT: u32 = 1 << 31;

struct Reader<'a> {
    rest: &'a [u8],
    /// Whether numbers that are not whole become decimals
    is_exact: bool,
    values: Values,
}

/// The value of the whole text; with `is_exact`, numbers that are not whole are decimals, where they can be.
pub(super) fn parse(text: &[u8], is_exact: bool) -> Outcome<Value> {
    let mut reader = Reader {
        rest: text,
        is_exact,
        values: Values::new(),
    };
    let mut open = Open {
        starts: [0; MAX_DEPTH as usize],
        depth: 0,
    };
    let mut value = match reader.value_or_open(&mut open)? {
        Some(value) => value,
        None => reader.inside(&mut open)?,
    };
    // A value is known: it belongs to the innermost thing that is open.
    while let Some(start) = open.innermost() {
        reader.values.push(value);
        value = match (reader.next(), start & IS_OBJECT) {
            (Some(b','), 0) => match reader.value_or_open(&mut open)? {
                Some(value) => value,
                None => reader.inside(&mut open)?,
            },
            (Some(b','), _) => {
                reader.key()?;
                match reader.value_or_open(&mut open)? {
                    Some(value) => value,
                    None => reader.inside(&mut open)?,
                }
            }
            (Some(b']'), 0) | (Some(b'}'), IS_OBJECT) => reader.close(&mut open)?,
            _ => return Err(INVALID_JSON),
        };
    }
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(INVALID_JSON),
    }
}

impl Open {
    fn innermost(&self) -> Option<u32> {
        self.starts.get(self.depth.checked_sub(1)?).copied()
    }
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', tail @ ..] = self.rest {
            self.rest = tail;
        }
    }

    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let (byte, tail) = self.rest.split_first()?;
        self.rest = tail;
        Some(*byte)
    }

    /// A scalar; nothing where a list or object was opened.
    fn value_or_open(&mut self, open: &mut Open) -> Outcome<Option<Value>> {
        self.skip_space();
        let kind = match self.rest.first() {
            Some(b'[') => 0,
            Some(b'{') => IS_OBJECT,
            _ => return self.scalar().map(Some),
        };
        self.next();
        let start = self.values.len() as u32;
        let Some(slot) = open.starts.get_mut(open.depth) else {
            return Err(TOO_DEEP);
        };
        *slot = start | kind;
        open.depth += 1;
        Ok(None)
    }

    /// Goes into what was just opened, as far as the first value that is known.
    fn inside(&mut self, open: &mut Open) -> Outcome<Value> {
        loop {
            self.skip_space();
            let is_object = open.innermost().unwrap_or_default() & IS_OBJECT != 0;
            let closing = if is_object { b'}' } else { b']' };
            if self.rest.first() == Some(&closing) {
                self.next();
                return self.close(open);
            }
            if is_object {
                self.key()?;
            }
            if let Some(value) = self.value_or_open(open)? {
                return Ok(value);
            }
        }
    }

    /// `"key":`
    fn key(&mut self) -> Outcome<()> {
        if self.next() != Some(b'"') {
            return Err(INVALID_JSON);
        }
        let key = self.text()?;
        self.values.push(Value::string(key));
        if self.next() == Some(b':') {
            Ok(())
        } else {
            Err(INVALID_JSON)
        }
    }

    /// The innermost list or object as a value.
    fn close(&mut self, open: &mut Open) -> Outcome<Value> {
        let start = open.innermost().ok_or(INVALID_JSON)?;
        open.depth -= 1;
        let first = (start & !IS_OBJECT) as usize;
        let parts = self.values.values().get(first..).unwrap_or_default();
        let mut contents = Values::with_capacity(parts.len());
        contents.extend(parts);
        let contents = contents.finish().ok_or(TOO_LARGE)?;
        self.values.truncate(first);
        if start & IS_OBJECT == 0 {
            return Ok(Value::list(contents));
        }
        if let [name, content] = contents
            && let Some(value) = tagged(name.as_bytes(), content)
        {
            return value;
        }
        to_map(contents)
    }

    fn scalar(&mut self) -> Outcome<Value> {
        match self.rest.first() {
            Some(b'"') => {
                self.next();
                self.text().map(Value::string)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [
                    (&b"null"[..], Value::NULL),
                    (b"true", Value::bool(true)),
                    (b"false", Value::bool(false)),
                ] {
                    if let Some(tail) = self.rest.strip_prefix(word) {
                        self.rest = tail;
                        return Ok(value);
                    }
                }
                Err(INVALID_JSON)
            }
        }
    }

    fn digits(&mut self) -> usize {
        let n_digits = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.rest.len());
        self.rest = self.rest.get(n_digits..).unwrap_or_default();
        n_digits
    }

    fn number(&mut self) -> Outcome<Value> {
        let start = self.rest;
        let is_negative = self.rest.first() == Some(&b'-');
        if is_negative {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        let starts_with_zero = self.rest.first() == Some(&b'0');
        let n_digits = self.digits();
        let mut is_valid = n_digits > 0 && (n_digits == 1 || !starts_with_zero);
        let mut is_whole = true;
        if let [b'.', tail @ ..] = self.rest {
            self.rest = tail;
            is_valid &= self.digits() > 0;
            is_whole = false;
        }
        if let [b'e' | b'E', tail @ ..] = self.rest {
            self.rest = match tail {
                [b'+' | b'-', tail @ ..] => tail,
                tail => tail,
            };
            is_valid &= self.digits() > 0;
            is_whole = false;
        }
        if !is_valid {
            return Err(INVALID_JSON);
        }
        let text = start
            .get(..start.len() - self.rest.len())
            .unwrap_or_default();
        let text = core::str::from_utf8(text).map_err(|_| INVALID_JSON)?;
        if is_whole && text != "-0" {
            if let Ok(value) = text.parse::<i64>() {
                return Ok(Value::int(value));
            }
            if let Ok(value) = text.parse::<u64>() {
                return Ok(Value::uint(value));
            }
        }
        if self.is_exact
            && let Ok(value) = Decimal::parse(text.as_bytes())
        {
            return Ok(Value::decimal(value));
        }
        text.parse::<f64>()
            .map(Value::double)
            .map_err(|_| INVALID_JSON)
    }

    /// The text up to the closing quote.
    fn text(&mut self) -> Outcome<&'a [u8]> {
        let n_plain = self
            .rest
            .iter()
            .position(|byte| *byte == b'"' || *byte == b'\\' || *byte < b' ')
            .ok_or(INVALID_JSON)?;
        let (plain, tail) = self.rest.split_at(n_plain);
        if let [b'"', tail @ ..] = tail {
            self.rest = tail;
            return Ok(plain);
        }
        let mut out = Buffer::with_capacity(n_plain + 32);
        out.extend(plain);
        self.rest = tail;
        loop {
            let (byte, tail) = self.rest.split_first().ok_or(INVALID_JSON)?;
            self.rest = tail;
            match byte {
                b'"' => return out.finish().ok_or(TOO_LARGE),
                b'\\' => self.escape(&mut out)?,
                0..b' ' => return Err(INVALID_JSON),
                other => out.push(*other),
            }
        }
    }

    fn escape(&mut self, out: &mut Buffer) -> Outcome<()> {
        let (kind, tail) = self.rest.split_first().ok_or(INVALID_JSON)?;
        self.rest = tail;
        out.push(match kind {
            b'"' | b'\\' | b'/' => *kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.hexadecimal()?;
                if (0xD800..0xDC00).contains(&code) {
                    self.rest = self.rest.strip_prefix(b"\\u").ok_or(INVALID_JSON)?;
                    let low = self.hexadecimal()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return Err(INVALID_JSON);
                    }
                    code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                }
                let char = char::from_u32(code).ok_or(INVALID_JSON)?;
                out.extend(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(INVALID_JSON),
        });
        Ok(())
    }

    fn hexadecimal(&mut self) -> Outcome<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let (byte, tail) = self.rest.split_first().ok_or(INVALID_JSON)?;
            let digit = char::from(*byte).to_digit(16).ok_or(INVALID_JSON)?;
            code = code << 4 | digit;
            self.rest = tail;
        }
        Ok(code)
    }
}

/// Keys and values in turn as a map.
fn to_map(contents: &[Value]) -> Outcome<Value> {
    // SAFETY: an entry is two values.
    let entries = unsafe {
        core::slice::from_raw_parts(contents.as_ptr().cast::<Entry>(), contents.len() / 2)
    };
    match check_keys(entries) {
        OK => Ok(Value::map(entries)),
        _ => Err(INVALID_JSON),
    }
}

/// What `{"@name": content}` stands for; nothing where the name is none of ours.
fn tagged(name: &[u8], content: &Value) -> Option<Outcome<Value>> {
    let text = content.as_bytes();
    let is_text = content.tag == tag::STRING;
    Some(match name {
        b"@uint" | b"@bytes" | b"@timestamp" | b"@duration" | b"@double" | b"@decimal"
        | b"@type"
            if !is_text =>
        {
            Err(INVALID_JSON)
        }
        b"@uint" => parsed::<u64>(text).map(Value::uint),
        b"@double" => parsed::<f64>(text).map(Value::double),
        b"@decimal" => Decimal::parse(text)
            .map(Value::decimal)
            .map_err(|_| INVALID_JSON),
        b"@type" => Ok(Value::type_named(text)),
        b"@bytes" => crate::encoders::decode(text)
            .map(Value::bytes)
            .map_err(|_| INVALID_JSON),
        b"@timestamp" => timestamp(text),
        b"@duration" => duration(text),
        b"@optional" => match (content.tag, content.elements()) {
            (tag::LIST, []) => Ok(Value::none()),
            (tag::LIST, [value]) => Ok(Value::some(value)),
            _ => Err(INVALID_JSON),
        },
        b"@map" => pairs(content),
        _ => return None,
    })
}

fn pairs(content: &Value) -> Outcome<Value> {
    if content.tag != tag::LIST {
        return Err(INVALID_JSON);
    }
    let mut contents = Values::with_capacity(content.elements().len().saturating_mul(2));
    for pair in content.elements() {
        let [key, value] = pair.elements() else {
            return Err(INVALID_JSON);
        };
        contents.push(*key);
        contents.push(*value);
    }
    to_map(contents.finish().ok_or(TOO_LARGE)?)
}

fn parsed<T: core::str::FromStr>(text: &[u8]) -> Outcome<T> {
    core::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(INVALID_JSON)
}

/// A timestamp of RFC 3339.
pub(crate) fn timestamp(text: &[u8]) -> Outcome<Value> {
    let mut out = [0u64; 2];
    let start = out.as_mut_ptr();
    // SAFETY: there is room for seconds and nanoseconds.
    let status = unsafe { timestamp_from_string(text.as_ptr(), text.len(), start.cast()) };
    let [seconds, nanos] = out;
    if status == OK {
        Ok(Value::timestamp(seconds as i64, nanos as u32))
    } else {
        Err(INVALID_JSON)
    }
}

/// A duration such as `1h30m` or `1.5s`.
pub(crate) fn duration(text: &[u8]) -> Outcome<Value> {
    let mut nanos = 0;
    // SAFETY: there is room for the nanoseconds.
    let status = unsafe { duration_from_string(text.as_ptr(), text.len(), &raw mut nanos) };
    if status == OK {
        Ok(Value::duration(nanos))
    } else {
        Err(INVALID_JSON)
    }
}
