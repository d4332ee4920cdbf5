//! Literal texts to values, as the CEL language definition spells them.

use rulestage_diagnostics::{Diagnostic, Span};

/// The magnitude of `12`, `0x1F`, `12u`; `None` above 2^64 - 1.
pub(crate) fn parse_magnitude(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(['u', 'U']);
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The text of a string literal, quotes and prefix included in `text`. `at` is where the literal starts.
pub(crate) fn parse_string(text: &str, at: u32, diagnostics: &mut Vec<Diagnostic>) -> String {
    let bytes = decode(text, at, false, diagnostics);
    String::from_utf8(bytes).unwrap_or_default()
}

/// The bytes of a bytes literal.
pub(crate) fn parse_bytes(text: &str, at: u32, diagnostics: &mut Vec<Diagnostic>) -> Vec<u8> {
    decode(text, at, true, diagnostics)
}

fn decode(text: &str, at: u32, is_bytes: bool, diagnostics: &mut Vec<Diagnostic>) -> Vec<u8> {
    let prefix_len = text.find(['"', '\'']).unwrap_or(0);
    let raw = text[..prefix_len].contains(['r', 'R']);
    let quoted = &text[prefix_len..];
    let triple = quoted.len() >= 6 && (quoted.starts_with("\"\"\"") || quoted.starts_with("'''"));
    let quote_len = if triple { 3 } else { 1 };
    let body = quoted
        .get(quote_len..quoted.len().saturating_sub(quote_len))
        .unwrap_or_default();
    let body_at = at + (prefix_len + quote_len) as u32;

    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        let offset = (body.len() - rest.len()) as u32;
        if c == '\\' && !raw {
            let escape = read_escape(&rest[1..], is_bytes);
            let len = 1 + escape.len;
            match escape.value {
                Ok(Value::Char(c)) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Ok(Value::Byte(byte)) => out.push(byte),
                Err(message) => {
                    let span = Span::new(body_at + offset, body_at + offset + len as u32);
                    diagnostics.push(Diagnostic::error(
                        "rule.parse.invalid-escape",
                        span,
                        message,
                    ));
                }
            }
            rest = rest.get(len..).unwrap_or_default();
        } else if c == '\r' {
            // Line breaks are one line feed, however the file was saved.
            out.push(b'\n');
            rest = rest[1..].strip_prefix('\n').unwrap_or(&rest[1..]);
        } else {
            out.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

enum Value {
    Char(char),
    Byte(u8),
}

struct Escape {
    /// Bytes of source after the backslash
    len: usize,
    value: Result<Value, String>,
}

fn read_escape(rest: &str, is_bytes: bool) -> Escape {
    let Some(c) = rest.chars().next() else {
        return Escape {
            len: 0,
            value: Err("the escape is incomplete".to_owned()),
        };
    };
    let simple = match c {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' | '?' | '"' | '\'' | '`' => Some(c),
        _ => None,
    };
    if let Some(simple) = simple {
        return Escape {
            len: 1,
            value: Ok(Value::Char(simple)),
        };
    }
    let (skip, n_digits, radix) = match c {
        'x' | 'X' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='3' => (0, 3, 8),
        _ => {
            let message = format!("`\\{c}` is not an escape; a backslash itself is written `\\\\`");
            return Escape {
                len: c.len_utf8(),
                value: Err(message),
            };
        }
    };
    if is_bytes && matches!(c, 'u' | 'U') {
        return Escape {
            len: 1,
            value: Err(format!("`\\{c}` can't stand in a bytes literal; use `\\x`")),
        };
    }
    let n_found = rest[skip..]
        .chars()
        .take(n_digits)
        .take_while(|c| c.is_digit(radix))
        .count();
    let digits = &rest[skip..skip + n_found];
    let len = skip + n_found;
    if n_found < n_digits {
        let kind = if radix == 8 { "octal" } else { "hexadecimal" };
        return Escape {
            len,
            value: Err(format!("this escape needs {n_digits} {kind} digits")),
        };
    }
    let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    let value = match (is_bytes, u8::try_from(code), char::from_u32(code)) {
        (true, Ok(byte), _) => Ok(Value::Byte(byte)),
        (false, _, Some(c)) => Ok(Value::Char(c)),
        (false, _, None) if (0xd800..0xe000).contains(&code) => {
            Err(format!("U+{code:04X} is a surrogate, not a character"))
        }
        _ => Err(format!("U+{code:04X} is not a character")),
    };
    Escape { len, value }
}
