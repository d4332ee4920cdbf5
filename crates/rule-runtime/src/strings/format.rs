//! `text.format(list)`.

use crate::abi::{Outcome, helpers};
use crate::calendar::{duration_to_string, timestamp_to_string};
use crate::convert::{DOUBLE_TEXT_BYTES, double_to_string, write_digits};
use crate::digits::{push_fixed, push_scientific};
use crate::memory::{Buffer, Values};
use crate::sorting::sort;
use crate::status::{INVALID_FORMAT, INVALID_UTF8, TOO_LARGE};
use crate::value::{Entry, Value, tag};
use rulestage_decimal::Rounding;

/// More digits behind the point than any double has.
const MAX_PRECISION: i32 = 1_100;
const DEFAULT_PRECISION: i32 = 6;

helpers! {
    /// `text.format(list)`
    string_format(text, value) = format;
}

fn format<'a>(text: &[u8], arguments: &Value) -> Outcome<&'a [u8]> {
    let mut out = Buffer::new();
    let mut arguments = arguments.elements().iter();
    let mut rest = text;
    while let Some((byte, others)) = rest.split_first() {
        rest = others;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        if let [b'%', others @ ..] = rest {
            out.push(b'%');
            rest = others;
            continue;
        }
        let precision = parse_precision(&mut rest)?;
        let (verb, others) = rest.split_first().ok_or(INVALID_FORMAT)?;
        rest = others;
        let argument = arguments.next().ok_or(INVALID_FORMAT)?;
        match verb {
            b's' => push_value(argument, &mut out)?,
            b'd' => push_decimal(argument, &mut out)?,
            b'f' | b'e' => push_double(argument, *verb, precision, &mut out)?,
            b'b' if argument.tag == tag::BOOL => out.push(b'0' + u8::from(argument.as_bool())),
            b'b' => push_radix(argument, 2, b'a', &mut out)?,
            b'o' => push_radix(argument, 8, b'a', &mut out)?,
            b'x' => push_hexadecimal(argument, b'a', &mut out)?,
            b'X' => push_hexadecimal(argument, b'A', &mut out)?,
            _ => return Err(INVALID_FORMAT),
        }
    }
    out.finish().ok_or(TOO_LARGE)
}

/// Digits behind a point.
fn parse_precision(rest: &mut &[u8]) -> Outcome<i32> {
    let [b'.', digits @ ..] = *rest else {
        return Ok(DEFAULT_PRECISION);
    };
    let mut digits = digits;
    let mut precision = None;
    while let [digit @ b'0'..=b'9', others @ ..] = digits {
        digits = others;
        let next = precision.unwrap_or(0) * 10 + i32::from(digit - b'0');
        if next > MAX_PRECISION {
            return Err(INVALID_FORMAT);
        }
        precision = Some(next);
    }
    *rest = digits;
    precision.ok_or(INVALID_FORMAT)
}

fn push_uint(value: u64, out: &mut Buffer) {
    let mut digits = [0; 20];
    let length = write_digits(value, &mut digits);
    out.extend(digits.get(..length).unwrap_or_default());
}

fn push_int(value: i64, out: &mut Buffer) {
    if value < 0 {
        out.push(b'-');
    }
    push_uint(value.unsigned_abs(), out);
}

/// NaN and the infinities; whether the number was one of them.
fn push_unusual(value: f64, out: &mut Buffer) -> bool {
    if value.is_finite() {
        return false;
    }
    out.extend(if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    });
    true
}

fn push_decimal(argument: &Value, out: &mut Buffer) -> Outcome<()> {
    match argument.tag {
        tag::INT => push_int(argument.as_int(), out),
        tag::UINT => push_uint(argument.as_uint(), out),
        tag::DOUBLE if push_unusual(argument.as_double(), out) => {}
        _ => return Err(INVALID_FORMAT),
    }
    Ok(())
}

fn push_double(argument: &Value, verb: u8, precision: i32, out: &mut Buffer) -> Outcome<()> {
    let value = match argument.tag {
        tag::DOUBLE => argument.as_double(),
        tag::INT => argument.as_int() as f64,
        tag::UINT => argument.as_uint() as f64,
        tag::DECIMAL if verb == b'f' => {
            let places = i64::from(precision);
            let rounded = argument.as_decimal().round(places, Rounding::HalfEven);
            let rounded = rounded.map_err(|_| INVALID_FORMAT)?;
            out.extend(rounded.text().as_bytes());
            return Ok(());
        }
        tag::DECIMAL => crate::decimal::to_double(*argument)?,
        _ => return Err(INVALID_FORMAT),
    };
    if push_unusual(value, out) {
        return Ok(());
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = f64::from_bits(value.to_bits() & !(1 << 63));
    if verb == b'f' {
        push_fixed(magnitude, precision, out);
    } else {
        push_scientific(magnitude, precision, out);
    }
    Ok(())
}

fn push_radix(argument: &Value, radix: u64, ten: u8, out: &mut Buffer) -> Outcome<()> {
    let magnitude = match argument.tag {
        tag::INT => {
            if argument.as_int() < 0 {
                out.push(b'-');
            }
            argument.as_int().unsigned_abs()
        }
        tag::UINT => argument.as_uint(),
        _ => return Err(INVALID_FORMAT),
    };
    let mut weight = 1;
    while magnitude / weight >= radix {
        weight *= radix;
    }
    while weight > 0 {
        push_digit((magnitude / weight % radix) as u8, ten, out);
        weight /= radix;
    }
    Ok(())
}

fn push_digit(digit: u8, ten: u8, out: &mut Buffer) {
    out.push(if digit < 10 {
        b'0' + digit
    } else {
        ten + digit - 10
    });
}

fn push_hexadecimal(argument: &Value, ten: u8, out: &mut Buffer) -> Outcome<()> {
    if !matches!(argument.tag, tag::STRING | tag::BYTES) {
        return push_radix(argument, 16, ten, out);
    }
    for byte in argument.as_bytes() {
        push_digit(byte >> 4, ten, out);
        push_digit(byte & 15, ten, out);
    }
    Ok(())
}

/// A value without others in it, as `string(value)` has it.
fn push_scalar(value: &Value, out: &mut Buffer) -> Outcome<()> {
    let mut text = [0; DOUBLE_TEXT_BYTES];
    let length = match value.tag {
        tag::NULL => {
            out.extend(b"null");
            0
        }
        tag::BOOL => {
            out.extend(if value.as_bool() { b"true" } else { b"false" });
            0
        }
        tag::INT => {
            push_int(value.as_int(), out);
            0
        }
        tag::UINT => {
            push_uint(value.as_uint(), out);
            0
        }
        // SAFETY: the buffer is as long as these three may need.
        tag::DOUBLE => unsafe { double_to_string(value.as_double(), text.as_mut_ptr()) },
        tag::TIMESTAMP => unsafe {
            timestamp_to_string(value.as_int(), value.extra as i32, text.as_mut_ptr())
        },
        tag::DURATION => unsafe { duration_to_string(value.as_int(), text.as_mut_ptr()) },
        tag::DECIMAL => {
            out.extend(value.as_decimal().text().as_bytes());
            0
        }
        tag::STRING | tag::TYPE => {
            out.extend(value.as_bytes());
            0
        }
        tag::BYTES => {
            let bytes = value.as_bytes();
            if core::str::from_utf8(bytes).is_err() {
                return Err(INVALID_UTF8);
            }
            out.extend(bytes);
            0
        }
        _ => return Err(INVALID_FORMAT),
    };
    out.extend(text.get(..length).unwrap_or_default());
    Ok(())
}

/// `%s`. Without recursion: `open` holds the lists and maps on the way, and behind each how many elements were written.
fn push_value(value: &Value, out: &mut Buffer) -> Outcome<()> {
    let mut open = Values::new();
    push_or_open(value, &mut open, out)?;
    while let [.., container, n_written] = open.values_mut() {
        let at = n_written.as_uint() as usize;
        *n_written = Value::uint(at as u64 + 1);
        let is_map = container.tag == tag::MAP;
        let next = if is_map {
            container.entries().get(at).map(|entry| &entry.value)
        } else {
            container.elements().get(at)
        };
        if next.is_some() && at > 0 {
            out.extend(b", ");
        }
        let Some(next) = next else {
            out.push(if is_map { b'}' } else { b']' });
            open.drop_last(2);
            continue;
        };
        if is_map && let Some(entry) = container.entries().get(at) {
            out.extend(entry.key.as_bytes());
            out.extend(b": ");
        }
        push_or_open(next, &mut open, out)?;
    }
    Ok(())
}

fn push_or_open(value: &Value, open: &mut Values, out: &mut Buffer) -> Outcome<()> {
    match value.tag {
        tag::LIST => {
            out.push(b'[');
            open.extend(&[*value, Value::uint(0)]);
        }
        tag::MAP => {
            out.push(b'{');
            open.extend(&[sorted_by_text(value)?, Value::uint(0)]);
        }
        _ => push_scalar(value, out)?,
    }
    Ok(())
}

/// The map with the texts of its keys as keys, in their order.
fn sorted_by_text(map: &Value) -> Outcome<Value> {
    let mut entries = Values::with_capacity(map.entries().len() * 2);
    for entry in map.entries() {
        let mut key = Buffer::new();
        push_scalar(&entry.key, &mut key)?;
        entries.push(Value::string(key.finish().ok_or(TOO_LARGE)?));
        entries.push(entry.value);
    }
    let entries = entries.entries_mut();
    let is_less = |a: &Entry, b: &Entry| a.key.as_bytes() < b.key.as_bytes();
    if !sort(entries, is_less) {
        return Err(TOO_LARGE);
    }
    Ok(Value::map(entries))
}

#[cfg(test)]
mod tests;
