//! Unicode properties by name: `\p{Lu}`, `\p{Greek}`.

mod tables;

/// Where classes such as `\p{Greek}` come from.
pub trait Properties {
    /// Adds the ranges (first, last) of a general category or script; `false` where there is none of that name.
    fn add(&self, name: &[u8], add: impl FnMut(u32, u32)) -> bool;
}

/// The general categories and scripts that are used most: what expressions known only at run time can have.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommonProperties;

impl Properties for CommonProperties {
    fn add(&self, name: &[u8], mut add: impl FnMut(u32, u32)) -> bool {
        if name == b"Any" {
            add(0, crate::class::MAX);
            return true;
        }
        let mut rest = tables::TABLE;
        // Name and a zero byte, two bytes of length, the ranges.
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            let (found, [_, low, high, body @ ..]) = rest.split_at(end) else {
                return false;
            };
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let Some((ranges, others)) = body.split_at_checked(length) else {
                return false;
            };
            if found == name {
                decode(ranges, add);
                return true;
            }
            rest = others;
        }
        false
    }
}

/// Ranges as distances, 7 bits to a byte: from the end of the one before to the start, from the start to the end.
fn decode(bytes: &[u8], mut add: impl FnMut(u32, u32)) {
    let (mut at, mut value, mut first) = (0, 0, None);
    for byte in bytes {
        value = value << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        at += value;
        value = 0;
        match first.take() {
            None => first = Some(at),
            Some(first) => add(first, at),
        }
    }
}
