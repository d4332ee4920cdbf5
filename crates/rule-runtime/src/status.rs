//! The ways in which an evaluation fails. The rule compiler holds the same list with the messages.

/// Success.
pub(crate) const OK: i32 = 0;
/// An integer result is out of range.
pub(crate) const INTEGER_OVERFLOW: i32 = 1;
/// Division by zero.
pub(crate) const DIVIDE_BY_ZERO: i32 = 2;
/// Remainder by zero.
pub(crate) const MODULUS_BY_ZERO: i32 = 3;
/// An operation on null.
pub(crate) const NO_SUCH_OVERLOAD: i32 = 4;
/// A number does not fit the type it is converted to.
pub(crate) const CONVERSION_RANGE: i32 = 5;
/// A text is not what the conversion expects.
pub(crate) const CONVERSION_SYNTAX: i32 = 6;
/// A timestamp is outside of the years 1 to 9999.
pub(crate) const TIMESTAMP_RANGE: i32 = 7;
/// A duration does not fit.
pub(crate) const DURATION_RANGE: i32 = 8;
/// Bytes that are not UTF-8.
pub(crate) const INVALID_UTF8: i32 = 9;
