//! Exact decimal digits of doubles, for `%f` and `%e`: rounded half to even on the exact value, as Go and C do.

use crate::memory::Buffer;

/// Nine digits each, from the most significant; 35 words hold the largest whole part, 120 the smallest fraction.
const N_WHOLE: usize = 36;
const N_WORDS: usize = N_WHOLE + 121;
const BASE: u32 = 1_000_000_000;

/// The digits of a finite magnitude, without leading zeros; empty for zero.
struct Digits {
    digits: Buffer,
    /// How many of them stand before the point; negative where zeros stand behind it
    point: i32,
}

impl Digits {
    fn exact(magnitude: f64) -> Self {
        let bits = magnitude.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, mut shift) = if exponent == 0 {
            (fraction, -1074)
        } else {
            (fraction | 1 << 52, exponent - 1075)
        };
        let mut words = [0u32; N_WORDS];
        let mut rest = mantissa;
        for word in words[..N_WHOLE].iter_mut().rev().take(2) {
            *word = (rest % u64::from(BASE)) as u32;
            rest /= u64::from(BASE);
        }
        while shift > 0 {
            let step = shift.min(29);
            let mut carry = 0;
            for word in words[..N_WHOLE].iter_mut().rev() {
                let product = (u64::from(*word) << step) + carry;
                *word = (product % u64::from(BASE)) as u32;
                carry = product / u64::from(BASE);
            }
            shift -= step;
        }
        while shift < 0 {
            let step = (-shift).min(9);
            let mut carry = 0;
            for word in &mut words {
                let remainder = *word & ((1 << step) - 1);
                *word = (*word >> step) + carry;
                carry = (BASE >> step) * remainder;
            }
            shift += step;
        }
        let mut digits = Buffer::with_capacity(N_WORDS * 9);
        let mut point = (N_WHOLE * 9) as i32;
        for word in words {
            let mut weight = BASE / 10;
            while weight > 0 {
                let digit = (word / weight % 10) as u8;
                if digit > 0 || digits.len() > 0 {
                    digits.push(digit);
                } else {
                    point -= 1;
                }
                weight /= 10;
            }
        }
        while let [.., 0] = digits.bytes() {
            digits.truncate(digits.len() - 1);
        }
        Self { digits, point }
    }

    fn get(&self, index: i32) -> u8 {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.digits.bytes().get(index))
            .copied()
            .unwrap_or(0)
    }

    /// Keeps so many digits (all where they are fewer), rounded half to even.
    fn round(&mut self, n_kept: i32) {
        if n_kept >= self.digits.len() as i32 {
            return;
        }
        let next = self.get(n_kept);
        let is_exact_half = next == 5 && self.digits.len() as i32 == n_kept + 1;
        let is_up = n_kept >= 0
            && (next > 5 || next == 5 && (!is_exact_half || self.get(n_kept - 1) % 2 == 1));
        self.digits.truncate(usize::try_from(n_kept).unwrap_or(0));
        if !is_up {
            return;
        }
        for digit in self.digits.bytes_mut().iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        // Nothing but nines became a one with zeros.
        self.digits.truncate(0);
        self.digits.push(1);
        self.point += 1;
    }
}

/// Appends a finite magnitude with so many digits behind the point.
pub(crate) fn push_fixed(magnitude: f64, precision: i32, out: &mut Buffer) {
    let mut number = Digits::exact(magnitude);
    number.round(number.point + precision);
    // From the digit before the point where the number is less than one.
    let start = (number.point - 1).min(0);
    let end = number.point + precision;
    let mut index = start;
    while index < end.max(start + 1) {
        if index == number.point {
            out.push(b'.');
        }
        out.push(b'0' + number.get(index));
        index += 1;
    }
}

/// Appends a finite magnitude as `d.ddde+dd` with so many digits behind the point.
pub(crate) fn push_scientific(magnitude: f64, precision: i32, out: &mut Buffer) {
    let mut number = Digits::exact(magnitude);
    number.round(precision + 1);
    for index in 0..=precision {
        if index == 1 {
            out.push(b'.');
        }
        out.push(b'0' + number.get(index));
    }
    let exponent = if number.digits.len() == 0 {
        0
    } else {
        number.point - 1
    };
    out.push(b'e');
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let exponent = exponent.unsigned_abs();
    if exponent >= 100 {
        out.push(b'0' + (exponent / 100) as u8);
    }
    out.push(b'0' + (exponent / 10 % 10) as u8);
    out.push(b'0' + (exponent % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(f64, i32, &mut Buffer), value: f64, precision: i32) -> String {
        let mut out = Buffer::new();
        push(value, precision, &mut out);
        String::from_utf8_lossy(out.bytes()).into_owned()
    }

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let mut values = vec![
            0.0,
            0.5,
            1.5,
            2.5,
            0.05,
            9.995,
            99.5,
            0.999_999,
            1e-7,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            1e21,
            1.2345,
            1_052.032_911_275,
            123.4999,
            1e15 + 0.5,
        ];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..2_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = f64::from_bits(state >> 1);
            if value.is_finite() {
                values.push(value);
            }
            values.push((state >> 40) as f64 / 1024.0);
        }
        for value in values {
            for precision in [0, 1, 2, 3, 6, 20, 400] {
                assert_eq!(
                    text(push_fixed, value, precision),
                    format!("{value:.0$}", precision as usize)
                );
                let expected = format!("{value:.0$e}", precision as usize);
                let (mantissa, exponent) = expected.split_once('e').expect("an exponent");
                let exponent: i32 = exponent.parse().expect("a number");
                let sign = if exponent < 0 { '-' } else { '+' };
                assert_eq!(
                    text(push_scientific, value, precision),
                    format!("{mantissa}e{sign}{:02}", exponent.abs())
                );
            }
        }
    }
}
