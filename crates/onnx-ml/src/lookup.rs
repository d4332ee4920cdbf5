//! Tables from keys to places, for categories and vocabularies.
//!
//! Keys come from the model alone; what rows hold is only looked up. The hash is a fixed one, so that nothing differs from
//! run to run.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table with the fixed hash.
pub type Table<K, V = usize> = HashMap<K, V, BuildHasherDefault<Multiply>>;

/// Multiplies and folds eight bytes at a time.
#[derive(Default)]
pub struct Multiply(u64);

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

#[cfg(test)]
mod tests {
    use super::Table;

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
