//! Tables from keys to places, for categories and vocabularies.
//!
//! Keys come from the model alone; what rows hold is only looked up. The hash is a fixed one, so that nothing differs from
//! run to run.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::str::Utf8Error;

/// A table with the fixed hash.
pub(crate) type Table<K, V = usize> = HashMap<K, V, BuildHasherDefault<Multiply>>;

/// Multiplies and folds eight bytes at a time.
#[derive(Default)]
pub(crate) struct Multiply(u64);

impl Multiply {
    fn add(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_i64(&mut self, value: i64) {
        self.add(value.cast_unsigned());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How many texts are remembered
const N_KNOWN: usize = 256;

/// Texts met before, so that equal ones are one allocation. Columns of categories have few different texts; where there
/// are more, some are allocated again, and nothing grows.
pub struct KnownTexts {
    /// With their ends, at places that their bytes say
    texts: Vec<Option<([u64; 2], Rc<str>)>>,
}

impl Default for KnownTexts {
    fn default() -> Self {
        Self {
            texts: vec![None; N_KNOWN],
        }
    }
}

impl KnownTexts {
    /// The text of these bytes.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn text(&mut self, bytes: &[u8]) -> Result<Rc<str>, Utf8Error> {
        let ends = ends(bytes);
        let known = &mut self.texts[place(bytes, ends)];
        if let Some((known_ends, text)) = known
            && *known_ends == ends
            && is_same_between_ends(text.as_bytes(), bytes)
        {
            return Ok(text.clone());
        }
        let text: Rc<str> = std::str::from_utf8(bytes)?.into();
        *known = Some((ends, text.clone()));
        Ok(text)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn half_word(bytes: &[u8]) -> u64 {
    let bytes = bytes.first_chunk();
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes).into())
}

/// The first and the last eight bytes, which overlap in short texts.
fn ends(bytes: &[u8]) -> [u64; 2] {
    match bytes.len() {
        0 => [0; 2],
        // All of them: the first, the middle and the last
        n @ 1..=3 => [
            bytes[0].into(),
            u64::from(bytes[n / 2]) << 8 | u64::from(bytes[n - 1]),
        ],
        n @ 4..=7 => [half_word(bytes), half_word(&bytes[n - 4..])],
        n => [word(bytes), word(&bytes[n - 8..])],
    }
}

fn place(bytes: &[u8], [first, last]: [u64; 2]) -> usize {
    let mut hash = Multiply::default();
    hash.add(first);
    hash.add(last ^ bytes.len() as u64);
    if bytes.len() > 16 {
        hash.add(word(&bytes[bytes.len() / 2 - 4..]));
    }
    hash.finish() as usize % N_KNOWN
}

/// Whether bytes with the same ends are the same; `==` is a call and goes byte by byte in WebAssembly.
fn is_same_between_ends(a: &[u8], b: &[u8]) -> bool {
    let n_inner = a.len().saturating_sub(9) / 8;
    a.len() == b.len()
        && (1..=n_inner).all(|number| word(&a[8 * number..]) == word(&b[8 * number..]))
}

/// What `find` gives for each text; as a rule it is asked once for those that are one allocation.
pub(crate) fn for_each_text<V: Copy>(texts: &[Rc<str>], find: impl Fn(&str) -> V) -> Vec<V> {
    let mut found: [Option<(*const u8, V)>; 64] = [None; 64];
    let values = texts.iter().map(|text| {
        // All of them live as long as this, so that an address stands for one text.
        let address = text.as_ptr();
        let slot = &mut found[address.addr() / 8 % 64];
        match slot {
            Some((known, value)) if *known == address => *value,
            _ => slot.insert((address, find(text))).1,
        }
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::{KnownTexts, Table, for_each_text};
    use std::rc::Rc;

    #[test]
    fn texts_are_what_their_bytes_say_whatever_was_met_before() {
        // One byte changed, at any place of texts of any length; many more than are remembered
        let mut known = KnownTexts::default();
        let mut texts = Vec::new();
        for length in 0..70 {
            for at in 0..length.max(1) {
                let mut text = vec![b'x'; length];
                text.iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte = b'y');
                texts.push(String::from_utf8(text).expect("ASCII"));
            }
        }
        let given: Vec<Rc<str>> = (texts.iter().chain(&texts))
            .map(|text| known.text(text.as_bytes()).expect("ASCII"))
            .collect();
        for (given, text) in given.iter().zip(texts.iter().chain(&texts)) {
            assert_eq!(**given, **text);
        }
        let first = known.text(b"again").expect("ASCII");
        assert!(Rc::ptr_eq(&first, &known.text(b"again").expect("ASCII")));
        assert!(known.text(b"\xff").is_err());
        let lengths = for_each_text(&given, str::len);
        let expected: Vec<usize> = given.iter().map(|text| text.len()).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn finds_what_differs_in_any_byte() {
        let keys: Vec<String> = (0..2000).map(|n| format!("key number {n}")).collect();
        let table: Table<&str> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| (&**key, at))
            .collect();
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(table.get(&**key), Some(&at));
        }
        assert_eq!(table.get("key number"), None);
    }
}
