//! Exact decimals: the operators and functions of `rulestage_decimal` on cells.

use crate::abi::{Outcome, helpers};
use crate::convert::{DOUBLE_TEXT_BYTES, double_to_string};
use crate::memory::Buffer;
use crate::status::{
    CONVERSION_RANGE, DECIMAL_OVERFLOW, DIVIDE_BY_ZERO, INVALID_DECIMAL, INVALID_PLACES,
    MODULUS_BY_ZERO, OK, TOO_LARGE,
};
use crate::value::{Value, tag};
use rulestage_decimal::{Decimal, Error, Rounding};

helpers! {
    /// `decimal(text)`
    decimal_from_string(text) = |text: &[u8]| read(text);
    /// A decimal in a column, perhaps with blanks around it.
    decimal_from_column(text) = |text: &[u8]| read(text.trim_ascii());
    /// `decimal(int)`
    decimal_from_int(int) = |value: i64| Ok(Value::decimal(Decimal::from(value)));
    /// `decimal(uint)`
    decimal_from_uint(uint) = |value: u64| Ok(Value::decimal(Decimal::from(value)));
    /// `decimal(double)`
    decimal_from_double(double) = |value: f64| of_double(value).map(Value::decimal);
    /// `string(decimal)`
    decimal_to_string(value) = to_text;
    /// `double(decimal)`
    decimal_to_double(value) = |value: &Value| to_double(*value);
    /// `int(decimal)`
    decimal_to_int(value) = |value: &Value| {
        i64::try_from(value.as_decimal().to_whole()).map_err(|_| CONVERSION_RANGE)
    };
    /// `uint(decimal)`
    decimal_to_uint(value) = |value: &Value| {
        u64::try_from(value.as_decimal().to_whole()).map_err(|_| CONVERSION_RANGE)
    };
    /// `-decimal`
    decimal_negate(value) = |value: &Value| Ok(Value::decimal(value.as_decimal().negate()));
    /// `decimal + decimal`
    decimal_add(value, value) = add;
    /// `decimal - decimal`
    decimal_subtract(value, value) = |a: &Value, b: &Value| of(a.as_decimal().subtract(b.as_decimal()));
    /// `decimal * decimal`
    decimal_multiply(value, value) = |a: &Value, b: &Value| of(a.as_decimal().multiply(b.as_decimal()));
    /// `decimal / decimal`
    decimal_divide(value, value) = |a: &Value, b: &Value| of(a.as_decimal().divide(b.as_decimal()));
    /// `decimal % decimal`
    decimal_remainder(value, value) = |a: &Value, b: &Value| {
        match a.as_decimal().remainder(b.as_decimal()) {
            Err(Error::DivideByZero) => Err(MODULUS_BY_ZERO),
            result => of(result),
        }
    };
    /// `math.abs(decimal)`
    decimal_abs(value) = |value: &Value| Ok(Value::decimal(value.as_decimal().abs()));
    /// `math.sign(decimal)`
    decimal_sign(value) = |value: &Value| Ok(Value::decimal(Decimal::from(value.as_decimal().signum())));
    /// `math.round(decimal)`
    decimal_round(value) = |value: &Value| round(value, 0, Rounding::HalfAway);
    /// `math.round(decimal, places)`
    decimal_round_to(value, int) = |value: &Value, places| round(value, places, Rounding::HalfAway);
    /// `math.roundEven(decimal)`
    decimal_round_even(value) = |value: &Value| round(value, 0, Rounding::HalfEven);
    /// `math.roundEven(decimal, places)`
    decimal_round_even_to(value, int) = |value: &Value, places| round(value, places, Rounding::HalfEven);
    /// `math.floor(decimal)`
    decimal_floor(value) = |value: &Value| round(value, 0, Rounding::Floor);
    /// `math.floor(decimal, places)`
    decimal_floor_to(value, int) = |value: &Value, places| round(value, places, Rounding::Floor);
    /// `math.ceil(decimal)`
    decimal_ceil(value) = |value: &Value| round(value, 0, Rounding::Ceil);
    /// `math.ceil(decimal, places)`
    decimal_ceil_to(value, int) = |value: &Value, places| round(value, places, Rounding::Ceil);
    /// `math.trunc(decimal)`
    decimal_trunc(value) = |value: &Value| round(value, 0, Rounding::Trunc);
    /// `math.trunc(decimal, places)`
    decimal_trunc_to(value, int) = |value: &Value, places| round(value, places, Rounding::Trunc);
}

/// A text with too many digits is the text of no decimal.
fn read(text: &[u8]) -> Outcome<Value> {
    Decimal::parse(text)
        .map(Value::decimal)
        .map_err(|_| INVALID_DECIMAL)
}

pub(crate) fn add(a: &Value, b: &Value) -> Outcome<Value> {
    of(a.as_decimal().add(b.as_decimal()))
}

fn of(result: Result<Decimal, Error>) -> Outcome<Value> {
    match result {
        Ok(value) => Ok(Value::decimal(value)),
        Err(Error::Syntax) => Err(INVALID_DECIMAL),
        Err(Error::Overflow) => Err(DECIMAL_OVERFLOW),
        Err(Error::DivideByZero) => Err(DIVIDE_BY_ZERO),
        Err(Error::Places) => Err(INVALID_PLACES),
    }
}

fn round(value: &Value, places: i64, rounding: Rounding) -> Outcome<Value> {
    of(value.as_decimal().round(places, rounding))
}

/// The shortest decimal that reads back as the double.
pub(crate) fn of_double(value: f64) -> Outcome<Decimal> {
    if !value.is_finite() {
        return Err(CONVERSION_RANGE);
    }
    let mut text = [0; DOUBLE_TEXT_BYTES];
    // SAFETY: there is room for the text of a double.
    let length = unsafe { double_to_string(value, text.as_mut_ptr()) };
    Decimal::parse(text.get(..length).unwrap_or_default()).map_err(|_| CONVERSION_RANGE)
}

/// The nearest double.
pub(crate) fn to_double(value: Value) -> Outcome<f64> {
    let text = value.as_decimal().text();
    let mut result = 0.0;
    // SAFETY: the text is readable, and there is room for a double.
    let status = unsafe {
        let text = text.as_bytes();
        crate::convert::double_from_string(text.as_ptr(), text.len(), &raw mut result)
    };
    if status == OK {
        Ok(result)
    } else {
        Err(status)
    }
}

/// The text in the row's memory.
fn to_text<'a>(value: &Value) -> Outcome<&'a [u8]> {
    let mut out = Buffer::with_capacity(rulestage_decimal::MAX_TEXT_BYTES);
    out.extend(value.as_decimal().text().as_bytes());
    out.finish().ok_or(TOO_LARGE)
}

/// Keeps a decimal of a parameter behind the address: its cell, then its coefficient.
///
/// # Safety
/// The text must be readable, and there must be room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn decimal_keep(text: *const u8, length: usize, to: *mut u8) -> i32 {
    // SAFETY: as the caller promises, here and below.
    let text = unsafe { crate::bytes(text, length) };
    match Decimal::parse(text) {
        Ok(value) => unsafe {
            let coefficient = to.add(size_of::<Value>());
            coefficient
                .cast::<[u8; 16]>()
                .write(value.coefficient().to_le_bytes());
            to.cast::<Value>().write(Value {
                tag: tag::DECIMAL,
                extra: value.scale(),
                payload: coefficient.expose_provenance() as u64,
            });
            OK
        },
        Err(_) => INVALID_DECIMAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Value {
        of(Decimal::parse(text.as_bytes())).expect("a decimal")
    }

    fn text(value: &Value) -> &'static str {
        core::str::from_utf8(to_text(value).expect("text")).expect("ASCII")
    }

    #[test]
    fn cells_hold_what_was_put_in() {
        for digits in [
            "0",
            "-12.10",
            "0.00000000000000000000000000000000000001",
            "99999999999999999999999999999999999999",
        ] {
            assert_eq!(text(&decimal(digits)), digits);
        }
        assert_eq!(Value::int(7).as_decimal(), Decimal::ZERO);
    }

    #[test]
    fn doubles_become_their_shortest_decimals() {
        for (double, expected) in [
            (0.1, "0.1"),
            (-1.0, "-1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e22, "10000000000000000000000"),
            (5e-21, "0.000000000000000000005"),
            (-0.0, "0"),
        ] {
            assert_eq!(
                of_double(double).map(|value| text(&Value::decimal(value))),
                Ok(expected)
            );
        }
        for double in [f64::NAN, f64::INFINITY, 1e39, 1e-39, f64::MIN_POSITIVE] {
            assert_eq!(of_double(double), Err(CONVERSION_RANGE), "{double}");
        }
        assert_eq!(to_double(decimal("0.30000000000000004")), Ok(0.1 + 0.2));
        assert_eq!(
            to_double(decimal("12345678901234567890.123456789")),
            Ok(12345678901234567890.123456789)
        );
    }

    #[test]
    fn parameters_are_kept_with_their_coefficients() {
        let mut block = [0_u64; 4];
        // SAFETY: the block has 32 bytes.
        let status = unsafe { decimal_keep(b"-2.50".as_ptr(), 5, block.as_mut_ptr().cast()) };
        assert_eq!(status, OK);
        // SAFETY: the cell was just written.
        let value = unsafe { &*block.as_ptr().cast::<Value>() };
        assert_eq!(text(value), "-2.50");
        // SAFETY: the block has 32 bytes.
        let status = unsafe { decimal_keep(b"x".as_ptr(), 1, block.as_mut_ptr().cast()) };
        assert_eq!(status, INVALID_DECIMAL);
    }
}
