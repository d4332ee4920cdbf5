//! Protocol Buffers: the wire format, borrowed from the file and checked at every step.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use crate::error::{Error, ErrorKind, Result};

/// The value of one field.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// The fields of one message, in their order in the file.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

fn malformed(message: &str) -> Error {
    Error::new(
        ErrorKind::Malformed,
        format!("not a readable ONNX file: {message}"),
    )
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Number and value of the next field.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(self.array()?),
            2 => {
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(self.array()?),
            _ => return Err(malformed("a field has an unknown wire type")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).ok();
        let parts = length.and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = parts.ok_or_else(|| malformed("it ends inside a field"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| malformed("it ends inside a field"))?;
        self.rest = rest;
        Ok(*array)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Err(malformed("it ends inside a number"));
        };
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(malformed("a number is too long"))
}

impl<'a> Value<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(malformed("a number where a message or text belongs")),
        }
    }

    pub(crate) fn text(self) -> Result<String> {
        Ok(self.str()?.to_owned())
    }

    pub(crate) fn str(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| malformed("a text is not UTF-8"))
    }

    pub(crate) fn int(self) -> Result<i64> {
        match self {
            Self::Varint(value) => Ok(value.cast_signed()),
            _ => Err(malformed("no whole number where one belongs")),
        }
    }

    pub(crate) fn float(self) -> Result<f32> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(malformed("no float where one belongs")),
        }
    }

    /// Repeated whole numbers, packed or one by one.
    pub(crate) fn push_ints(self, into: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Varint(value) => into.push(value.cast_signed()),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    into.push(varint(&mut bytes)?.cast_signed());
                }
            }
            _ => return Err(malformed("no whole number where one belongs")),
        }
        Ok(())
    }

    /// Repeated floats, packed or one by one.
    pub(crate) fn push_floats(self, into: &mut Vec<f32>) -> Result<()> {
        match self {
            Self::Fixed32(bytes) => into.push(f32::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks();
                if !rest.is_empty() {
                    return Err(malformed("it ends inside a list of floats"));
                }
                into.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
            }
            _ => return Err(malformed("no float where one belongs")),
        }
        Ok(())
    }

    /// Repeated doubles, packed or one by one.
    pub(crate) fn push_doubles(self, into: &mut Vec<f64>) -> Result<()> {
        match self {
            Self::Fixed64(bytes) => into.push(f64::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks();
                if !rest.is_empty() {
                    return Err(malformed("it ends inside a list of doubles"));
                }
                into.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
            }
            _ => return Err(malformed("no double where one belongs")),
        }
        Ok(())
    }
}
