//! The ways in which an evaluation fails. The rule compiler holds the same list with the messages.

/// Success.
pub(crate) const OK: i32 = 0;
/// An integer result is out of range.
pub(crate) const INTEGER_OVERFLOW: i32 = 1;
/// Division by zero.
pub(crate) const DIVIDE_BY_ZERO: i32 = 2;
/// Remainder by zero.
pub(crate) const MODULUS_BY_ZERO: i32 = 3;
/// An operation on null, or on a value of another type.
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
/// A key that a map doesn't have.
pub(crate) const NO_SUCH_KEY: i32 = 10;
/// A position outside of a list or string.
pub(crate) const INDEX_OUT_OF_BOUNDS: i32 = 11;
/// Lists, maps and optionals inside of each other beyond the limit.
pub(crate) const TOO_DEEP: i32 = 12;
/// A value that would take too much memory.
pub(crate) const TOO_LARGE: i32 = 13;
/// An argument that a function can't take.
pub(crate) const INVALID_ARGUMENT: i32 = 14;
/// A format string that is not one, or doesn't fit its arguments.
pub(crate) const INVALID_FORMAT: i32 = 15;
/// Text that is not base64.
pub(crate) const INVALID_BASE64: i32 = 16;
/// A pattern that is not a regular expression, or a replacement that doesn't fit it.
pub(crate) const INVALID_REGEX: i32 = 17;
/// A regular expression whose program would be too large.
pub(crate) const REGEX_TOO_LARGE: i32 = 18;
/// A name that no time zone has.
pub(crate) const UNKNOWN_ZONE: i32 = 19;
/// Text that is no IP address.
pub(crate) const INVALID_IP: i32 = 20;
/// Text that is no CIDR block.
pub(crate) const INVALID_CIDR: i32 = 21;
/// Elements without an order among them.
pub(crate) const NOT_ORDERED: i32 = 22;
/// Two entries of a map have the same key.
pub(crate) const DUPLICATE_KEY: i32 = 23;
/// A key that is no bool, int, uint or string.
pub(crate) const UNSUPPORTED_KEY: i32 = 24;
/// The value of an optional that has none.
pub(crate) const EMPTY_OPTIONAL: i32 = 25;
/// Text that is not the JSON of a value.
pub(crate) const INVALID_JSON: i32 = 26;
/// Rows of a table that do not go together.
pub(crate) const CONFLICT: i32 = 27;
/// A decimal with more digits than there is room for.
pub(crate) const DECIMAL_OVERFLOW: i32 = 28;
/// Text that is no decimal.
pub(crate) const INVALID_DECIMAL: i32 = 29;
/// A number of places that decimals don't have.
pub(crate) const INVALID_PLACES: i32 = 30;
/// The least or greatest element of a list without elements.
pub(crate) const EMPTY_LIST: i32 = 31;
