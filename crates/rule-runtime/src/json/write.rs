//! Values to JSON text.

use crate::abi::Outcome;
use crate::calendar::{duration_to_string, timestamp_to_string};
use crate::convert::write_digits;
use crate::memory::Buffer;
use crate::status::{TOO_DEEP, TOO_LARGE};
use crate::value::{Entry, MAX_DEPTH, Value, tag};

/// The text of a value.
pub(super) fn text<'a>(value: &Value) -> Outcome<&'a [u8]> {
    let mut out = Buffer::with_capacity(64);
    push(value, MAX_DEPTH, &mut out)?;
    out.finish().ok_or(TOO_LARGE)
}

fn push(value: &Value, levels: u32, out: &mut Buffer) -> Outcome<()> {
    if levels == 0 {
        return Err(TOO_DEEP);
    }
    match value.tag {
        tag::LIST => {
            out.push(b'[');
            for (index, element) in value.elements().iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push(element, levels - 1, out)?;
            }
            out.push(b']');
        }
        tag::MAP => {
            let entries = value.entries();
            let is_object = entries.iter().all(is_plain);
            out.extend(if is_object { b"{" } else { b"{\"@map\":[" });
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if !is_object {
                    out.push(b'[');
                }
                push_scalar(&entry.key, out);
                out.push(if is_object { b':' } else { b',' });
                push(&entry.value, levels - 1, out)?;
                if !is_object {
                    out.push(b']');
                }
            }
            out.extend(if is_object { b"}" } else { b"]}" });
        }
        tag::OPTIONAL => {
            out.extend(b"{\"@optional\":[");
            if let Some(content) = value.content() {
                push(content, levels - 1, out)?;
            }
            out.extend(b"]}");
        }
        _ => push_scalar(value, out),
    }
    Ok(())
}

fn is_plain(entry: &Entry) -> bool {
    entry.key.tag == tag::STRING && entry.key.as_bytes().first() != Some(&b'@')
}

fn push_uint(value: u64, out: &mut Buffer) {
    let mut digits = [0; 20];
    let n_digits = write_digits(value, &mut digits);
    out.extend(digits.get(..n_digits).unwrap_or_default());
}

/// `{"@name":`, then what `content` writes, then `}`.
fn push_tagged(name: &[u8], out: &mut Buffer, content: impl FnOnce(&mut Buffer)) {
    out.extend(b"{\"@");
    out.extend(name);
    out.extend(b"\":\"");
    content(out);
    out.extend(b"\"}");
}

#[inline(never)]
fn push_scalar(value: &Value, out: &mut Buffer) {
    match value.tag {
        tag::BOOL => out.extend(if value.as_bool() { b"true" } else { b"false" }),
        tag::INT => {
            if value.as_int() < 0 {
                out.push(b'-');
            }
            push_uint(value.as_int().unsigned_abs(), out);
        }
        tag::UINT => push_tagged(b"uint", out, |out| push_uint(value.as_uint(), out)),
        tag::DOUBLE => push_double(value.as_double(), out),
        tag::STRING => push_text(value.as_bytes(), out),
        tag::BYTES => push_tagged(b"bytes", out, |out| {
            crate::encoders::push_base64(value.as_bytes(), out);
        }),
        tag::TYPE => push_tagged(b"type", out, |out| out.extend(value.as_bytes())),
        tag::TIMESTAMP => push_tagged(b"timestamp", out, |out| {
            let mut text = [0; 48];
            // SAFETY: a timestamp takes less than 48 bytes.
            let length = unsafe {
                timestamp_to_string(value.as_int(), value.extra as i32, text.as_mut_ptr())
            };
            out.extend(text.get(..length).unwrap_or_default());
        }),
        tag::DURATION => push_tagged(b"duration", out, |out| {
            let mut text = [0; 48];
            // SAFETY: a duration takes less than 48 bytes.
            let length = unsafe { duration_to_string(value.as_int(), text.as_mut_ptr()) };
            out.extend(text.get(..length).unwrap_or_default());
        }),
        tag::IP => push_tagged(b"ip", out, |out| crate::network::push_text(value, out)),
        tag::CIDR => push_tagged(b"cidr", out, |out| crate::network::push_text(value, out)),
        tag::DECIMAL => push_tagged(b"decimal", out, |out| {
            out.extend(value.as_decimal().text().as_bytes());
        }),
        _ => out.extend(b"null"),
    }
}

/// Always with a fraction or an exponent.
fn push_double(value: f64, out: &mut Buffer) {
    if value.is_finite() {
        let mut buffer = ryu::Buffer::new();
        return out.extend(buffer.format_finite(value).as_bytes());
    }
    push_tagged(b"double", out, |out| {
        out.extend(if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        });
    });
}

fn push_text(text: &[u8], out: &mut Buffer) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    loop {
        let n_plain = rest
            .iter()
            .position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')
            .unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(n_plain.min(rest.len()));
        out.extend(plain);
        let Some((byte, tail)) = tail.split_first() else {
            break;
        };
        match byte {
            b'"' | b'\\' => {
                out.push(b'\\');
                out.push(*byte);
            }
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            _ => {
                out.extend(b"\\u00");
                for digit in [byte >> 4, byte & 15] {
                    out.push(HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
                }
            }
        }
        rest = tail;
    }
    out.push(b'"');
}
