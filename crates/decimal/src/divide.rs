//! Division: digit by digit, as on paper.

use crate::round::is_rounded_up;
use crate::{Decimal, Error, LIMIT, MAX_DIGITS, Rounding, power};
use core::cmp::Ordering;

/// How many places a quotient without an end has at least.
const PLACES: u32 = 18;

/// The next digit of a quotient, and what is left then: `10 * rest / divisor`, for a rest below the divisor.
pub(crate) const fn next_digit(rest: u128, divisor: u128) -> (u128, u128) {
    if let Some(ten_times) = rest.checked_mul(10) {
        return (ten_times / divisor, ten_times % divisor);
    }
    let (mut digit, mut sum) = (0, 0);
    let mut n = 0;
    while n < 10 {
        // Both are below 10^38, which is less than half of what there is room for.
        sum += rest;
        if sum >= divisor {
            sum -= divisor;
            digit += 1;
        }
        n += 1;
    }
    (digit, sum)
}

impl Decimal {
    /// The quotient: exact where it ends within 38 digits and places; else rounded, half to even, to 18 places, or to
    /// those of the operand with more, or to as many as 38 digits leave.
    ///
    /// # Errors
    /// `DivideByZero`, `Overflow`
    pub fn divide(self, other: Self) -> Result<Self, Error> {
        let divisor = other.magnitude();
        if divisor == 0 {
            return Err(Error::DivideByZero);
        }
        let is_negative = self.is_negative() != other.is_negative();
        let mut quotient = self.magnitude() / divisor;
        let mut rest = self.magnitude() % divisor;
        let mut scale = i64::from(self.scale) - i64::from(other.scale);
        while scale < 0 || rest != 0 && scale < i64::from(MAX_DIGITS) {
            if quotient >= LIMIT / 10 {
                break;
            }
            let (digit, left) = next_digit(rest, divisor);
            quotient = quotient * 10 + digit;
            rest = left;
            scale += 1;
        }
        let mut scale = u32::try_from(scale).map_err(|_| Error::Overflow)?;
        if rest == 0 {
            return Self::signed(is_negative, quotient, scale);
        }
        let wanted = PLACES.max(self.scale).max(other.scale);
        let n_dropped = scale.saturating_sub(wanted);
        let unit = power(n_dropped);
        let (kept, dropped) = (quotient / unit, quotient % unit);
        let half = if n_dropped == 0 {
            // Half of the divisor, without halving it.
            rest.cmp(&(divisor - rest))
        } else {
            match dropped.cmp(&(unit / 2)) {
                Ordering::Equal => Ordering::Greater,
                other => other,
            }
        };
        scale -= n_dropped;
        let is_up = is_rounded_up(Rounding::HalfEven, is_negative, kept, half, true);
        let rounded = kept + u128::from(is_up);
        if rounded == LIMIT && scale > 0 {
            return Self::signed(is_negative, rounded / 10, scale - 1);
        }
        Self::signed(is_negative, rounded, scale)
    }
}
