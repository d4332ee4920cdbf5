//! The encoders extension: base64.

use crate::abi::{Outcome, helpers};
use crate::memory::Buffer;
use crate::status::{INVALID_BASE64, TOO_LARGE};

helpers! {
    /// `base64.encode(bytes)`, with padding
    base64_encode(text) = encode;
    /// `base64.decode(text)`; padding may be absent, line breaks are skipped
    base64_decode(text) = decode;
}

const fn letter(value: u32) -> u8 {
    let value = (value & 63) as u8;
    match value {
        0..26 => b'A' + value,
        26..52 => b'a' + value - 26,
        52..62 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    }
}

const fn value_of(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value as u32)
}

fn encode<'a>(bytes: &[u8]) -> Outcome<&'a [u8]> {
    let mut out = Buffer::with_capacity(bytes.len().div_ceil(3) * 4);
    push_base64(bytes, &mut out);
    out.finish().ok_or(TOO_LARGE)
}

/// Appends bytes as base64, with padding.
pub(crate) fn push_base64(bytes: &[u8], out: &mut Buffer) {
    for group in bytes.chunks(3) {
        let mut bits = 0;
        for index in 0..3 {
            bits = bits << 8 | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            out.push(if index <= group.len() {
                letter(bits >> (18 - 6 * index))
            } else {
                b'='
            });
        }
    }
}

/// The bytes of base64 text; padding may be absent, line breaks are skipped.
pub(crate) fn decode<'a>(text: &[u8]) -> Outcome<&'a [u8]> {
    let mut out = Buffer::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut n_letters, mut n_pads) = (0, 0_usize, 0_usize);
    for byte in text {
        match byte {
            b'\r' | b'\n' => {}
            b'=' => n_pads += 1,
            letter => {
                let value = value_of(*letter).filter(|_| n_pads == 0);
                bits = bits << 6 | value.ok_or(INVALID_BASE64)?;
                n_letters += 1;
                if n_letters % 4 > 1 || n_letters.is_multiple_of(4) {
                    // 12, 18 and 24 bits hold the first, second and third byte.
                    let n_extra = (4 - n_letters % 4) % 4 * 2;
                    out.push((bits >> n_extra) as u8);
                }
            }
        }
    }
    let n_missing = (4 - n_letters % 4) % 4;
    if n_missing == 3 || n_pads > 0 && n_pads != n_missing {
        return Err(INVALID_BASE64);
    }
    out.finish().ok_or(TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, test vectors.
    #[test]
    fn texts_go_there_and_back() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("hello", "aGVsbG8="),
            ("Hello World!", "SGVsbG8gV29ybGQh"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), Ok(text.as_bytes()));
            assert_eq!(decode(text.as_bytes()), Ok(bytes.as_bytes()), "{text}");
            let unpadded = text.trim_end_matches('=');
            assert_eq!(decode(unpadded.as_bytes()), Ok(bytes.as_bytes()));
        }
        assert_eq!(encode(&[0xff, 0xfe, 0xfd]), Ok(b"//79" as &[u8]));
        assert_eq!(decode(b"//79"), Ok(b"\xff\xfe\xfd" as &[u8]));
        assert_eq!(decode(b"Zm9v\r\nYmFy"), Ok(b"foobar" as &[u8]));
        for text in [
            "Z", "Zg=", "Zg===", "Zm8==", "Zg==Zg==", "=", "Z m9v", "Zm9_", "Zm9v=",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(INVALID_BASE64), "{text}");
        }
    }
}
