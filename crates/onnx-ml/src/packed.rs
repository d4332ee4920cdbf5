//! What a compiled stage carries: the model's file and how its columns are called.
//!
//! The file travels as it is, and the stage reads it with the loader that checked it when it was compiled: one format,
//! one reader.

use crate::model::Options;

/// The parts, each behind its length as four bytes, least significant first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed<'a> {
    /// The stage's name
    pub name: &'a str,
    /// What the stage is, for people
    pub doc: &'a str,
    /// Names of input columns, one on each line; empty: the model's
    features: &'a str,
    /// Names of output columns, one on each line; empty: the model's
    outputs: &'a str,
    /// The ONNX file
    pub file: &'a [u8],
}

/// The bytes that [`Packed::read`] reads. Names hold no line breaks.
pub fn write(name: &str, doc: &str, options: &Options, file: &[u8]) -> Vec<u8> {
    let (features, outputs) = (options.features.join("\n"), options.outputs.join("\n"));
    let mut packed = Vec::new();
    for part in [
        name.as_bytes(),
        doc.as_bytes(),
        features.as_bytes(),
        outputs.as_bytes(),
        file,
    ] {
        packed.extend((part.len() as u32).to_le_bytes());
        packed.extend(part);
    }
    packed
}

impl<'a> Packed<'a> {
    /// The parts, or `None` if these are not the bytes of [`write()`].
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut part = || {
            let (length, rest) = bytes.split_first_chunk()?;
            let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            bytes = rest;
            Some(part)
        };
        let mut text = || std::str::from_utf8(part()?).ok();
        Some(Self {
            name: text()?,
            doc: text()?,
            features: text()?,
            outputs: text()?,
            file: part()?,
        })
    }

    /// The names of columns.
    pub fn options(&self) -> Options {
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Options {
            features: lines(self.features),
            outputs: lines(self.outputs),
        }
    }
}
