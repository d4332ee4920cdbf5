//! The ways in which an expression fails, as the numbers that generated code passes around.

#[path = "../../../rule-runtime/src/status.rs"]
#[allow(dead_code, reason = "some are for the helpers alone")]
mod status;

pub(super) use status::*;

/// `row-error-code` and message of each status, from 1 on.
pub(super) const FAILURES: [(u8, &str); 31] = [
    (0, "integer overflow"),
    (1, "divide by zero"),
    (2, "modulus by zero"),
    (
        5,
        "no such overload: the operand is null or of another type",
    ),
    (
        0,
        "the number is out of the range of the type it is converted to",
    ),
    (3, "the text can't be converted"),
    (0, "the timestamp is outside of the years 1 to 9999"),
    (0, "the duration is out of range"),
    (3, "the bytes are not valid UTF-8"),
    (4, "no such key"),
    (6, "index out of bounds"),
    (8, "the value is nested too deeply"),
    (8, "the value is too large"),
    (3, "invalid argument"),
    (3, "the format doesn't fit its arguments"),
    (3, "the text is not base64"),
    (3, "invalid regular expression"),
    (8, "the regular expression is too large"),
    (3, "unknown time zone"),
    (3, "the text is not an IP address"),
    (3, "the text is not a CIDR block"),
    (5, "no such overload: the elements have no order"),
    (3, "two entries of a map have the same key"),
    (3, "a key must be a bool, an int, a uint or a string"),
    (3, "the optional has no value"),
    (3, "the text is not the JSON of a value"),
    (7, "rows of the table that match do not go together"),
    (0, "decimal overflow: the result has more than 38 digits"),
    (3, "the text is not a decimal of up to 38 digits"),
    (3, "decimals are rounded to -38 to 38 places"),
    (3, "the list has no elements"),
];
