//! Rounding to a number of places.

use crate::{Decimal, Error, MAX_DIGITS, power};
use core::cmp::Ordering;

/// Which of its two neighbours a number is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// The nearer one; in the middle, the one away from zero
    HalfAway,
    /// The nearer one; in the middle, the one with an even last digit
    HalfEven,
    /// The lower one
    Floor,
    /// The upper one
    Ceil,
    /// The one towards zero
    Trunc,
}

/// Whether the magnitude becomes `kept` + 1, where what is dropped compares with a half like this.
pub(crate) fn is_rounded_up(
    rounding: Rounding,
    is_negative: bool,
    kept: u128,
    half: Ordering,
    is_inexact: bool,
) -> bool {
    match rounding {
        Rounding::HalfAway => half != Ordering::Less,
        Rounding::HalfEven => half == Ordering::Greater || half == Ordering::Equal && kept % 2 == 1,
        Rounding::Floor => is_inexact && is_negative,
        Rounding::Ceil => is_inexact && !is_negative,
        Rounding::Trunc => false,
    }
}

impl Decimal {
    /// The number with exactly this many places; a negative number of places rounds to tens, hundreds and so on.
    ///
    /// # Errors
    /// `Places`; `Overflow` where zeros to fill up with are too many.
    pub fn round(self, places: i64, rounding: Rounding) -> Result<Self, Error> {
        let limit = i64::from(MAX_DIGITS);
        if !(-limit..=limit).contains(&places) {
            return Err(Error::Places);
        }
        let n_dropped = i64::from(self.scale) - places;
        let is_negative = self.is_negative();
        let scale = places.max(0) as u32;
        if n_dropped <= 0 {
            let magnitude = self
                .magnitude()
                .checked_mul(power(n_dropped.unsigned_abs() as u32))
                .ok_or(Error::Overflow)?;
            return Self::signed(is_negative, magnitude, scale);
        }
        let magnitude = self.magnitude();
        let (kept, half, is_inexact) = if n_dropped > limit {
            // Less than half of what is rounded to.
            (0, Ordering::Less, magnitude != 0)
        } else {
            let unit = power(n_dropped as u32);
            let dropped = magnitude % unit;
            (magnitude / unit, dropped.cmp(&(unit / 2)), dropped != 0)
        };
        let is_up = is_rounded_up(rounding, is_negative, kept, half, is_inexact);
        let rounded = kept + u128::from(is_up);
        let zeros = power(places.min(0).unsigned_abs() as u32);
        let magnitude = rounded.checked_mul(zeros).ok_or(Error::Overflow)?;
        Self::signed(is_negative, magnitude, scale)
    }

    /// The whole number towards zero.
    pub fn to_whole(self) -> i128 {
        self.coefficient / power(self.scale) as i128
    }
}
