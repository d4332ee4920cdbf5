//! The ranks of decimals.
//!
//! A constant is 24 bytes: the coefficient, 16 of them, and the number of places, 4 of 8. Where they have the same number
//! of places, as almost always, a value with these places is compared as integers are.

use super::rank_numbers::{FIRST, hash_decimal, n_slots};
use super::{Words, rank};
use crate::value::Value;
use rulestage_decimal::Decimal;

const BYTES: usize = 24;

/// A constant by its number.
///
/// # Safety
/// `bounds` must have that constant.
unsafe fn constant(bounds: *const u8, index: usize) -> Decimal {
    // SAFETY: as the caller promises.
    let (coefficient, scale) = unsafe {
        let bound = bounds.add(index * BYTES);
        (
            bound.cast::<i128>().read_unaligned(),
            bound.add(16).cast::<u32>().read_unaligned(),
        )
    };
    Decimal::new(coefficient, scale).unwrap_or(Decimal::ZERO)
}

/// The rank of a decimal among constants in ascending order.
///
/// # Safety
/// `bounds` must point to `n` constants, `value` to a decimal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_rank_decimal(
    bounds: *const u8,
    n: usize,
    value: *const Value,
) -> u32 {
    if n == 0 {
        return FIRST;
    }
    // SAFETY: as the caller promises.
    let (value, first) = unsafe { ((*value).as_decimal(), constant(bounds, 0)) };
    let value = value.with_scale(first.scale()).unwrap_or(value);
    rank(n, |index| {
        // SAFETY: `rank` asks for constants below `n`.
        unsafe { constant(bounds, index) }.cmp(&value)
    })
}

/// The same of a decimal that is only compared for equality: `FIRST` where it is no constant. The constants, at least
/// one, have the same number of places, and behind them is their hash table: see `n_slots`.
///
/// # Safety
/// `bounds` must point to `n` constants and their hash table, `value` to a decimal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_find_decimal(
    bounds: *const u8,
    n: usize,
    value: *const Value,
) -> u32 {
    // SAFETY: as the caller promises.
    let (value, first) = unsafe { ((*value).as_decimal(), constant(bounds, 0)) };
    let Some(value) = value.with_scale(first.scale()) else {
        return FIRST;
    };
    let slots = Words(bounds.wrapping_add(n * BYTES).cast());
    let last = n_slots(n as u32) - 1;
    let mut slot = hash_decimal(value.coefficient()) & last;
    loop {
        match slots.get(slot) {
            0 => return FIRST,
            // SAFETY: slots have places of constants, from 1 on.
            place
                if unsafe { constant(bounds, place as usize - 1) }.coefficient()
                    == value.coefficient() =>
            {
                return FIRST + 2 * place - 1;
            }
            _ => slot = (slot + 1) & last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(constants: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in constants {
            let constant: Decimal = text.parse().expect("a decimal");
            bytes.extend(constant.coefficient().to_le_bytes());
            bytes.extend(constant.scale().to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn ranks(constants: &[&str], values: &[&str]) -> Vec<u32> {
        let bounds = bounds(constants);
        let rank = |text: &&str| {
            let value = Value::decimal(text.parse().expect("a decimal"));
            // SAFETY: these are the constants.
            unsafe { table_rank_decimal(bounds.as_ptr(), constants.len(), &raw const value) }
        };
        values.iter().map(|text| rank(text) - FIRST).collect()
    }

    #[test]
    fn decimals_are_ranked_by_value_whatever_their_places() {
        let values = [
            "-2",
            "-1.5",
            "-1.5000000000000000001",
            "0.1000",
            "0.10001",
            "7",
        ];
        assert_eq!(
            ranks(&["-1.50", "0.10", "7.00"], &values),
            [0, 1, 0, 3, 4, 5]
        );
        assert_eq!(ranks(&["-1.5", "0.1", "7"], &values), [0, 1, 0, 3, 4, 5]);
        // Their places have no room for each other.
        let far = ["-1e37", "0.00000000000000000000000000000000000001", "9e37"];
        let values = ["-1e37", "-1", "0", "1e-38", "1", "9e37", "9.1e37"];
        assert_eq!(ranks(&far, &values), [1, 2, 2, 3, 4, 5, 6]);
        assert_eq!(ranks(&[], &["1"]), [0]);
    }

    #[test]
    fn equal_decimals_are_found_by_their_hash() {
        let constants = ["-5.00", "0.00", "12.10", "99999999999999999999.99"];
        let mut bytes = bounds(&constants);
        let n_slots = n_slots(4);
        let mut slots = vec![0_u32; n_slots as usize];
        for (place, text) in (1..).zip(constants) {
            let constant: Decimal = text.parse().expect("a decimal");
            let mut slot = hash_decimal(constant.coefficient()) & (n_slots - 1);
            while slots[slot as usize] != 0 {
                slot = (slot + 1) & (n_slots - 1);
            }
            slots[slot as usize] = place;
        }
        bytes.extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        // Read as words
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(word)
            })
            .collect();
        let find = |text: &str| {
            let value = Value::decimal(text.parse().expect("a decimal"));
            // SAFETY: the constants and their hash table.
            unsafe { table_find_decimal(words.as_ptr().cast(), 4, &raw const value) - FIRST }
        };
        assert_eq!(
            ["-5", "0", "12.100", "99999999999999999999.99"].map(find),
            [1, 3, 5, 7]
        );
        assert_eq!(["-5.001", "1", "12.11", "1e37"].map(find), [0; 4]);
    }
}
