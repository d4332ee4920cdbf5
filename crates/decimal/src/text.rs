//! Numbers from and to text.

use crate::{Decimal, Error, LIMIT, MAX_DIGITS};
use core::fmt;
use core::str::FromStr;

/// The longest text: a sign, a zero, the point and the digits.
pub const MAX_TEXT_BYTES: usize = 41;

/// The text of a number: all of its places, never an exponent.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    bytes: [u8; MAX_TEXT_BYTES],
    start: usize,
}

impl Text {
    /// The characters, which are ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn push_before(&mut self, byte: u8) {
        let start = self.start.saturating_sub(1);
        if let Some(slot) = self.bytes.get_mut(start) {
            *slot = byte;
        }
        self.start = start;
    }
}

impl Decimal {
    /// The text, such as `-12.10`.
    pub fn text(self) -> Text {
        let mut text = Text {
            bytes: [0; MAX_TEXT_BYTES],
            start: MAX_TEXT_BYTES,
        };
        let mut rest = self.magnitude();
        let mut n_digits = 0;
        while rest != 0 || n_digits <= self.scale {
            if n_digits == self.scale && n_digits > 0 {
                text.push_before(b'.');
            }
            // Small numbers are divided much faster.
            let digit = match u64::try_from(rest) {
                Ok(small) => {
                    rest = u128::from(small / 10);
                    small % 10
                }
                Err(_) => {
                    let digit = rest % 10;
                    rest /= 10;
                    digit as u64
                }
            };
            text.push_before(b'0' + digit as u8);
            n_digits += 1;
        }
        if self.is_negative() {
            text.push_before(b'-');
        }
        text
    }

    /// Reads digits with an optional sign, point and exponent: `12.10`, `-.5`, `1e-3`. Places are kept as written.
    ///
    /// # Errors
    /// `Syntax`; `Overflow` where the value takes more than 38 digits or places.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (is_negative, mut rest) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, text),
        };
        let mut digits = Digits::default();
        let mut n_digits = 0_usize;
        let mut has_point = false;
        while let Some((byte, tail)) = rest.split_first() {
            match byte {
                b'0'..=b'9' => {
                    digits.push(byte - b'0', has_point);
                    n_digits += 1;
                }
                b'.' if !has_point => has_point = true,
                b'e' | b'E' => break,
                _ => return Err(Error::Syntax),
            }
            rest = tail;
        }
        if n_digits == 0 {
            return Err(Error::Syntax);
        }
        let exponent = match rest.split_first() {
            Some((_, exponent)) => parse_exponent(exponent)?,
            None => 0,
        };
        digits.finish(is_negative, exponent)
    }
}

/// Digits of a number as they come.
#[derive(Default)]
struct Digits {
    /// The ones up to the last that is not zero
    magnitude: u128,
    is_too_long: bool,
    /// Zeros behind them
    n_zeros: i64,
    /// Places, those zeros included
    scale: i64,
}

impl Digits {
    fn push(&mut self, digit: u8, is_place: bool) {
        self.scale += i64::from(is_place);
        if digit == 0 {
            self.n_zeros += 1;
            return;
        }
        self.append_zeros(self.n_zeros + 1);
        self.n_zeros = 0;
        self.magnitude = self.magnitude.saturating_add(u128::from(digit));
        self.is_too_long |= self.magnitude >= LIMIT;
    }

    fn append_zeros(&mut self, n: i64) {
        if self.magnitude == 0 {
            return;
        }
        for _ in 0..n {
            self.magnitude = self.magnitude.saturating_mul(10);
            if self.magnitude >= LIMIT {
                self.is_too_long = true;
                return;
            }
        }
    }

    fn finish(mut self, is_negative: bool, exponent: i64) -> Result<Decimal, Error> {
        if self.is_too_long {
            return Err(Error::Overflow);
        }
        let limit = i64::from(MAX_DIGITS);
        let scale = self.scale.saturating_sub(exponent);
        if self.magnitude == 0 {
            let scale = scale.clamp(0, limit) as u32;
            return Decimal::signed(false, 0, scale);
        }
        // The last zeros count where there is room for them, and in front of the point.
        let mut n_zeros = self.n_zeros;
        let mut places = scale;
        while n_zeros > 0 && places > 0 && (places > limit || !self.has_room(n_zeros)) {
            n_zeros -= 1;
            places -= 1;
        }
        let n_missing = (-places).max(0);
        self.append_zeros(n_zeros.saturating_add(n_missing));
        let places = places.max(0);
        if self.is_too_long || places > limit {
            return Err(Error::Overflow);
        }
        Decimal::signed(is_negative, self.magnitude, places as u32)
    }

    fn has_room(&self, n_zeros: i64) -> bool {
        u32::try_from(n_zeros)
            .ok()
            .and_then(|n| 10_u128.checked_pow(n))
            .and_then(|factor| self.magnitude.checked_mul(factor))
            .is_some_and(|magnitude| magnitude < LIMIT)
    }
}

/// An exponent so large that it says nothing but "too large" is cut.
fn parse_exponent(text: &[u8]) -> Result<i64, Error> {
    const LARGE: i64 = 1 << 40;
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Err(Error::Syntax);
    }
    let mut exponent = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(Error::Syntax);
        }
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(LARGE);
    }
    Ok(if is_negative { -exponent } else { exponent })
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.text().as_bytes()).unwrap_or_default())
    }
}

impl FromStr for Decimal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text.as_bytes())
    }
}
