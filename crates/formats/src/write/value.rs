//! Single values as text.

use chrono::{DateTime, SecondsFormat};
use std::io::Write;

/// Whether a CSV field with this byte needs quotes.
pub(super) fn is_special_in_csv(byte: u8) -> bool {
    (byte == b',') | (byte == b'"') | (byte == b'\n') | (byte == b'\r')
}

/// Whether a JSON string has another form of this byte.
pub(super) fn is_special_in_json(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Text as a CSV field, in quotes where it needs them.
pub(crate) fn push_csv(buffer: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().copied().any(is_special_in_csv) {
        buffer.extend_from_slice(text);
        return;
    }
    buffer.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        buffer.extend_from_slice(part);
        if part.ends_with(b"\"") {
            buffer.push(b'"');
        }
    }
    buffer.push(b'"');
}

/// Text as a JSON string.
pub(super) fn push_json_text(buffer: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(is_special_in_json) {
        buffer.push(b'"');
        buffer.extend_from_slice(text.as_bytes());
        buffer.push(b'"');
    } else {
        // Writing to a vector does not fail.
        let _ = serde_json::to_writer(buffer, text);
    }
}

/// A double that reads back as the same double.
pub(super) fn push_double(buffer: &mut Vec<u8>, value: f64) {
    match value.is_finite() {
        true => {
            let _ = serde_json::to_writer(buffer, &value);
        }
        false => buffer.extend_from_slice(not_finite(value).as_bytes()),
    }
}

/// A single-precision number that reads back as the same.
pub(super) fn push_float(buffer: &mut Vec<u8>, value: f32) {
    match value.is_finite() {
        true => {
            let _ = serde_json::to_writer(buffer, &value);
        }
        false => buffer.extend_from_slice(not_finite(value.into()).as_bytes()),
    }
}

/// As protocol buffers write it in JSON.
fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Units since the epoch in RFC 3339, in UTC; as a number of units where the calendar ends.
pub(super) fn push_timestamp(buffer: &mut Vec<u8>, units: i64, units_per_second: i64) {
    let seconds = units.div_euclid(units_per_second);
    let nanoseconds = units.rem_euclid(units_per_second) * (1_000_000_000 / units_per_second);
    match DateTime::from_timestamp(seconds, nanoseconds as u32) {
        Some(moment) => {
            buffer.extend_from_slice(
                moment
                    .to_rfc3339_opts(SecondsFormat::AutoSi, true)
                    .as_bytes(),
            );
        }
        None => {
            let _ = write!(buffer, "{units}");
        }
    }
}

/// Days since the epoch as `YYYY-MM-DD`.
pub(super) fn push_date(buffer: &mut Vec<u8>, days: i64) {
    match DateTime::from_timestamp(days.saturating_mul(86_400), 0) {
        Some(moment) => {
            let _ = write!(buffer, "{}", moment.date_naive());
        }
        None => {
            let _ = write!(buffer, "{days}");
        }
    }
}

/// A length of time in seconds, as protocol buffers write it in JSON: `1.500s`.
pub(super) fn push_duration(buffer: &mut Vec<u8>, units: i64, units_per_second: i64) {
    let per_unit = u64::try_from(1_000_000_000 / units_per_second).unwrap_or(1);
    let size = units.unsigned_abs();
    let per_second = units_per_second.unsigned_abs();
    let (seconds, nanoseconds) = (size / per_second, size % per_second * per_unit);
    let sign = if units < 0 { "-" } else { "" };
    let _ = match nanoseconds {
        0 => write!(buffer, "{sign}{seconds}s"),
        part if part % 1_000_000 == 0 => write!(buffer, "{sign}{seconds}.{:03}s", part / 1_000_000),
        part if part % 1_000 == 0 => write!(buffer, "{sign}{seconds}.{:06}s", part / 1_000),
        part => write!(buffer, "{sign}{seconds}.{part:09}s"),
    };
}

/// The time of a day as `HH:MM:SS` with a fraction where there is one.
pub(super) fn push_time(buffer: &mut Vec<u8>, units: i64, units_per_second: i64) {
    let seconds = units.div_euclid(units_per_second);
    let nanoseconds = units.rem_euclid(units_per_second) * (1_000_000_000 / units_per_second);
    let _ = write!(
        buffer,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if nanoseconds != 0 {
        let fraction = format!("{nanoseconds:09}");
        let _ = write!(buffer, ".{}", fraction.trim_end_matches('0'));
    }
}

/// A decimal from its digits.
pub(super) fn push_decimal(buffer: &mut Vec<u8>, digits: &str, scale: i8) {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |digits| ("-", digits));
    let scale = i32::from(scale);
    buffer.extend_from_slice(sign.as_bytes());
    if scale <= 0 {
        buffer.extend_from_slice(digits.as_bytes());
        let zeros = if digits == "0" {
            0
        } else {
            scale.unsigned_abs() as usize
        };
        buffer.resize(buffer.len() + zeros, b'0');
        return;
    }
    let padded = format!("{digits:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    let _ = write!(buffer, "{whole}.{fraction}");
}
