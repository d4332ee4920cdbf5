//! JSON (RFC 8259) to a tree with lines, which serde_json's values do not have.

use crate::tree::{MAX_DEPTH, Node, Value};
use crate::{ImportError, Result};

pub(crate) fn parse(text: &str) -> Result<Node> {
    let mut parser = Parser {
        text,
        at: 0,
        line: 1,
    };
    let node = parser.value(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("there is something behind the end of the JSON text")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, message: impl Into<String>) -> ImportError {
        ImportError::new(self.line, message)
    }

    fn blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.line += u32::from(byte == b'\n');
            self.at += 1;
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.takes(byte) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{}`", char::from(byte))))
        }
    }

    fn unexpected(&self, wanted: &str) -> ImportError {
        let found = match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            Some(found) => format!("`{found}`"),
            None => "the end of the file".to_owned(),
        };
        self.error(format!("expected {wanted}, found {found}"))
    }

    fn value(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.blanks();
        let line = self.line;
        let value = match self.peek() {
            Some(b'{') => {
                self.at += 1;
                let mut entries = Vec::new();
                if !self.takes(b'}') {
                    loop {
                        self.blanks();
                        let key = Node::new(self.line, Value::Text(self.string()?));
                        self.expect(b':')?;
                        entries.push((key, self.value(depth + 1)?));
                        if !self.takes(b',') {
                            break;
                        }
                    }
                    self.expect(b'}')?;
                }
                Value::Map(entries)
            }
            Some(b'[') => {
                self.at += 1;
                let mut elements = Vec::new();
                if !self.takes(b']') {
                    loop {
                        elements.push(self.value(depth + 1)?);
                        if !self.takes(b',') {
                            break;
                        }
                    }
                    self.expect(b']')?;
                }
                Value::List(elements)
            }
            Some(b'"') => Value::Text(self.string()?),
            _ => Value::Plain(self.word()?),
        };
        Ok(Node::new(line, value))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<String> {
        let rest = &self.text[self.at..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && word.parse::<f64>().is_ok_and(f64::is_finite);
        if !is_number && !matches!(word, "true" | "false" | "null") {
            return Err(self.unexpected("a value"));
        }
        self.at += end;
        Ok(word.to_owned())
    }

    fn string(&mut self) -> Result<String> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("`\"`"));
        }
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return Err(self.error("a text has no closing quote"));
            };
            string.push_str(&rest[..end]);
            self.at += end + 1;
            match rest.as_bytes()[end] {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escape()?),
                _ => return Err(self.error("a text has a line break or control character in it")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let escape = self.peek();
        self.at += usize::from(escape.is_some_and(|byte| byte.is_ascii()));
        Ok(match escape {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                let is_pair =
                    (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u");
                let code = if is_pair {
                    self.at += 2;
                    let second = self.hex()?;
                    0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            _ => return Err(self.error("a text has an unknown escape")),
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| {
            ImportError::new(self.line, "`\\u` stands before four hexadecimal digits")
        })
    }
}
