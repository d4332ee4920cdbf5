//! Exact decimal numbers: up to [`MAX_DIGITS`] digits, of which up to as many are behind the point.
//!
//! A number keeps the places it was written with (`12.10`), and is equal and ordered by value (`1.10 == 1.1`). The
//! arithmetic is on integers throughout; a result is exact, rounded where the function says so, or an [`Error`]. The
//! same code runs inside of compiled rules and where their constants are read, so there is no allocator.
//!
//! Deliberately absent: floats, NaN, infinities, a sign of zero.

#![no_std]

mod divide;
mod round;
mod text;
mod wide;

pub use round::Rounding;
pub use text::{MAX_TEXT_BYTES, Text};

use core::cmp::Ordering;
use wide::Wide;

/// How many digits a number has at most, and how many places.
pub const MAX_DIGITS: u32 = 38;

/// What every coefficient is below.
const LIMIT: u128 = power(MAX_DIGITS);

/// A number: `coefficient` / 10^`scale`. Equality and order are by value.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    coefficient: i128,
    scale: u32,
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The text is not that of a number
    Syntax,
    /// The result has more than [`MAX_DIGITS`] digits or places
    Overflow,
    /// Division or remainder by zero
    DivideByZero,
    /// The places to round to are not within -[`MAX_DIGITS`]..=[`MAX_DIGITS`]
    Places,
}

/// 10^`exponent`, for exponents up to 38.
const fn power(exponent: u32) -> u128 {
    10_u128.pow(exponent)
}

impl Decimal {
    /// 0
    pub const ZERO: Self = Self {
        coefficient: 0,
        scale: 0,
    };

    /// `coefficient` / 10^`scale`; nothing where one of them is out of range.
    pub const fn new(coefficient: i128, scale: u32) -> Option<Self> {
        if coefficient.unsigned_abs() >= LIMIT || scale > MAX_DIGITS {
            return None;
        }
        Some(Self { coefficient, scale })
    }

    /// The digits as a whole number.
    pub const fn coefficient(self) -> i128 {
        self.coefficient
    }

    /// How many of the digits are behind the point.
    pub const fn scale(self) -> u32 {
        self.scale
    }

    const fn magnitude(self) -> u128 {
        self.coefficient.unsigned_abs()
    }

    const fn is_negative(self) -> bool {
        self.coefficient < 0
    }

    /// With a sign, from a magnitude; `Overflow` where that is too large.
    const fn signed(is_negative: bool, magnitude: u128, scale: u32) -> Result<Self, Error> {
        if magnitude >= LIMIT || scale > MAX_DIGITS {
            return Err(Error::Overflow);
        }
        let coefficient = magnitude as i128;
        Ok(Self {
            coefficient: if is_negative {
                -coefficient
            } else {
                coefficient
            },
            scale,
        })
    }

    /// The same from a wide magnitude: zeros behind the point go as far as digits or places are too many.
    fn fitted(is_negative: bool, mut magnitude: Wide, mut scale: u32) -> Result<Self, Error> {
        loop {
            if let Some(narrow) = magnitude.narrow()
                && narrow < LIMIT
                && scale <= MAX_DIGITS
            {
                return Self::signed(is_negative, narrow, scale);
            }
            let (tenth, digit) = magnitude.divide_by_ten();
            if digit != 0 || scale == 0 {
                return Err(Error::Overflow);
            }
            magnitude = tenth;
            scale -= 1;
        }
    }

    /// -1, 0 or 1.
    pub const fn signum(self) -> i64 {
        self.coefficient.signum() as i64
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self {
            coefficient: self.coefficient.abs(),
            scale: self.scale,
        }
    }

    /// With the other sign.
    #[must_use]
    pub const fn negate(self) -> Self {
        Self {
            coefficient: -self.coefficient,
            scale: self.scale,
        }
    }

    /// The same number with other places; nothing where digits would be lost or too many.
    #[must_use]
    pub fn with_scale(self, scale: u32) -> Option<Self> {
        if scale >= self.scale {
            let factor = 10_i128.checked_pow(scale - self.scale)?;
            return Self::new(self.coefficient.checked_mul(factor)?, scale);
        }
        let factor = power(self.scale - scale) as i128;
        let is_exact = self.coefficient % factor == 0;
        is_exact.then_some(Self {
            coefficient: self.coefficient / factor,
            scale,
        })
    }

    /// The sum, with as many places as the operand that has more.
    ///
    /// # Errors
    /// `Overflow`
    #[allow(
        clippy::should_implement_trait,
        reason = "unlike the operator, it may fail"
    )]
    pub fn add(self, other: Self) -> Result<Self, Error> {
        let scale = self.scale.max(other.scale);
        let narrow = |number: Self| {
            let factor = power(scale - number.scale) as i128;
            number.coefficient.checked_mul(factor)
        };
        if let (Some(a), Some(b)) = (narrow(self), narrow(other))
            && let Some(sum) = a.checked_add(b)
            && let Some(result) = Self::new(sum, scale)
        {
            return Ok(result);
        }
        let a = Wide::product(self.magnitude(), power(scale - self.scale));
        let b = Wide::product(other.magnitude(), power(scale - other.scale));
        if self.is_negative() == other.is_negative() {
            return Self::fitted(self.is_negative(), a.add(b), scale);
        }
        match a.cmp(&b) {
            Ordering::Less => Self::fitted(other.is_negative(), b.subtract(a), scale),
            _ => Self::fitted(self.is_negative(), a.subtract(b), scale),
        }
    }

    /// The difference, likewise.
    ///
    /// # Errors
    /// `Overflow`
    pub fn subtract(self, other: Self) -> Result<Self, Error> {
        self.add(other.negate())
    }

    /// The product, with the places of both operands together.
    ///
    /// # Errors
    /// `Overflow`
    pub fn multiply(self, other: Self) -> Result<Self, Error> {
        let is_negative = self.is_negative() != other.is_negative();
        let scale = self.scale + other.scale;
        let product = Wide::product(self.magnitude(), other.magnitude());
        Self::fitted(is_negative, product, scale)
    }

    /// What whole division leaves, with the sign of `self` and as many places as the operand that has more.
    ///
    /// # Errors
    /// `DivideByZero`
    pub fn remainder(self, other: Self) -> Result<Self, Error> {
        let divisor = other.magnitude();
        if divisor == 0 {
            return Err(Error::DivideByZero);
        }
        let scale = self.scale.max(other.scale);
        let rest = if self.scale < other.scale {
            let mut rest = self.magnitude() % divisor;
            for _ in self.scale..scale {
                rest = divide::next_digit(rest, divisor).1;
            }
            rest
        } else {
            // A divisor too large to be written is larger than any number.
            match divisor.checked_mul(power(scale - other.scale)) {
                Some(divisor) => self.magnitude() % divisor,
                None => self.magnitude(),
            }
        };
        Self::signed(self.is_negative(), rest, scale)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self {
            coefficient: i128::from(value),
            scale: 0,
        }
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self {
            coefficient: i128::from(value),
            scale: 0,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.coefficient.cmp(&other.coefficient);
        }
        let signs = self.signum().cmp(&other.signum());
        if signs != Ordering::Equal {
            return signs;
        }
        let scale = self.scale.max(other.scale);
        let a = Wide::product(self.magnitude(), power(scale - self.scale));
        let b = Wide::product(other.magnitude(), power(scale - other.scale));
        if self.is_negative() {
            b.cmp(&a)
        } else {
            a.cmp(&b)
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}
