//! Magnitudes of 256 bits, for products of two numbers.

/// `high` * 2^128 + `low`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wide {
    high: u128,
    low: u128,
}

const HALF: u32 = 64;
const LOW_HALF: u128 = u64::MAX as u128;

impl Wide {
    pub(crate) const fn product(a: u128, b: u128) -> Self {
        if let Some(low) = a.checked_mul(b) {
            return Self { high: 0, low };
        }
        let (a_high, a_low) = (a >> HALF, a & LOW_HALF);
        let (b_high, b_low) = (b >> HALF, b & LOW_HALF);
        let lowest = a_low * b_low;
        let cross = a_high * b_low + (lowest >> HALF);
        let middle = a_low * b_high + (cross & LOW_HALF);
        Self {
            high: a_high * b_high + (cross >> HALF) + (middle >> HALF),
            low: middle << HALF | lowest & LOW_HALF,
        }
    }

    /// Where it has no more than 128 bits.
    pub(crate) const fn narrow(self) -> Option<u128> {
        if self.high == 0 { Some(self.low) } else { None }
    }

    /// The sum, which the caller knows to fit.
    pub(crate) const fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self {
            high: self
                .high
                .wrapping_add(other.high)
                .wrapping_add(carry as u128),
            low,
        }
    }

    /// The difference to a smaller one.
    pub(crate) const fn subtract(self, smaller: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(smaller.low);
        Self {
            high: self
                .high
                .wrapping_sub(smaller.high)
                .wrapping_sub(borrow as u128),
            low,
        }
    }

    /// The quotient by ten, and the digit that is left.
    pub(crate) const fn divide_by_ten(self) -> (Self, u32) {
        let high = self.high / 10;
        let upper = (self.high % 10) << HALF | self.low >> HALF;
        let lower = (upper % 10) << HALF | self.low & LOW_HALF;
        let low = ((upper / 10) << HALF) | (lower / 10);
        (Self { high, low }, (lower % 10) as u32)
    }
}
