//! Timestamps and durations as text, and the parts of a date in UTC (proleptic Gregorian calendar).

use crate::bytes;
use crate::convert::write_digits;
use crate::status::{CONVERSION_SYNTAX, DURATION_RANGE, OK, TIMESTAMP_RANGE};

/// 0001-01-01T00:00:00Z
pub const MIN_SECONDS: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
pub const MAX_SECONDS: i64 = 253_402_300_799;

const SECONDS_OF_DAY: i64 = 86_400;
const NANOS_OF_SECOND: i64 = 1_000_000_000;

/// Days since the epoch of a date; the algorithm counts years from March, in eras of 400 years.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month (1..=12) and day (1..=31) of days since the epoch.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A part of a timestamp in UTC: 0 year, 1 month from 0, 2 day of month from 1, 3 day of week from Sunday,
/// 4 day of year from 0.
#[unsafe(no_mangle)]
pub extern "C" fn timestamp_part(seconds: i64, part: i32) -> i64 {
    let days = seconds.div_euclid(SECONDS_OF_DAY);
    if part == 3 {
        return (days + 4).rem_euclid(7);
    }
    let (year, month, day) = civil_from_days(days);
    match part {
        0 => year,
        1 => month - 1,
        2 => day,
        _ => days - days_from_civil(year, 1, 1),
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.rest.split_first()?;
        if !first.is_ascii_digit() {
            return None;
        }
        self.rest = rest;
        Some(i64::from(first - b'0'))
    }

    fn number(&mut self, n_digits: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..n_digits {
            value = value * 10 + self.digit()?;
        }
        Some(value)
    }

    /// Digits behind a point as billionths; more than nine are cut.
    fn billionths(&mut self) -> Option<i64> {
        let mut value = self.digit()? * 100_000_000;
        let mut weight = 10_000_000;
        while let Some(digit) = self.digit() {
            value += digit * weight;
            weight /= 10;
        }
        Some(value)
    }
}

/// Seconds and nanoseconds of an RFC 3339 text.
fn parse_timestamp(text: &[u8]) -> Option<(i64, i64)> {
    let mut cursor = Cursor { rest: text };
    let year = cursor.number(4)?;
    let month = cursor.eat(b'-').then(|| cursor.number(2))??;
    let day = cursor.eat(b'-').then(|| cursor.number(2))??;
    if !(cursor.eat(b'T') || cursor.eat(b't') || cursor.eat(b' ')) {
        return None;
    }
    let hour = cursor.number(2)?;
    let minute = cursor.eat(b':').then(|| cursor.number(2))??;
    let second = cursor.eat(b':').then(|| cursor.number(2))??;
    let nanos = if cursor.eat(b'.') {
        cursor.billionths()?
    } else {
        0
    };
    let offset = if cursor.eat(b'Z') || cursor.eat(b'z') {
        0
    } else {
        let sign = if cursor.eat(b'+') {
            1
        } else if cursor.eat(b'-') {
            -1
        } else {
            return None;
        };
        let hours = cursor.number(2)?;
        let minutes = cursor.eat(b':').then(|| cursor.number(2))??;
        if hours > 23 || minutes > 59 {
            return None;
        }
        sign * (hours * 60 + minutes) * 60
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last_day = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !cursor.rest.is_empty()
        || !(1..=last_day).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let seconds =
        days_from_civil(year, month, day) * SECONDS_OF_DAY + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset, nanos))
}

/// Reads RFC 3339; writes seconds and nanoseconds, two `i64`, to `out`.
///
/// # Safety
/// The text must be readable and `out` writable for two values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timestamp_from_string(
    text: *const u8,
    length: usize,
    out: *mut i64,
) -> i32 {
    // SAFETY: as the caller promises.
    match parse_timestamp(unsafe { bytes(text, length) }) {
        None => CONVERSION_SYNTAX,
        Some((seconds, _)) if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) => TIMESTAMP_RANGE,
        Some((seconds, nanos)) => {
            // SAFETY: as the caller promises.
            unsafe {
                out.write(seconds);
                out.add(1).write(nanos);
            }
            OK
        }
    }
}

/// Nanoseconds of a text such as `1h30m`, `-1.5s`, `250ms`.
fn parse_duration(text: &[u8]) -> Result<i64, i32> {
    let mut cursor = Cursor { rest: text };
    let negative = cursor.eat(b'-');
    if !negative {
        cursor.eat(b'+');
    }
    if cursor.rest == b"0" {
        return Ok(0);
    }
    // Counted downwards, because the least value has no positive counterpart.
    let mut total: i64 = 0;
    let mut n_units = 0;
    while !cursor.rest.is_empty() {
        // A number that is too large is reported as such only if it has a unit.
        let mut whole: Option<i64> = Some(0);
        let mut n_digits = 0;
        while let Some(digit) = cursor.digit() {
            whole = whole
                .and_then(|value| value.checked_mul(10))
                .and_then(|value| value.checked_sub(digit));
            n_digits += 1;
        }
        let mut billionths = 0;
        if cursor.eat(b'.') {
            match cursor.billionths() {
                Some(value) => billionths = value,
                None if n_digits > 0 => {}
                None => return Err(CONVERSION_SYNTAX),
            }
        } else if n_digits == 0 {
            return Err(CONVERSION_SYNTAX);
        }
        let unit = if cursor.eat(b'h') {
            3_600 * NANOS_OF_SECOND
        } else if cursor.eat(b'm') {
            if cursor.eat(b's') {
                1_000_000
            } else {
                60 * NANOS_OF_SECOND
            }
        } else if cursor.eat(b's') {
            NANOS_OF_SECOND
        } else if cursor.eat(b'u') && cursor.eat(b's')
            || cursor.rest.starts_with("µs".as_bytes())
                && cursor.eat(0xC2)
                && cursor.eat(0xB5)
                && cursor.eat(b's')
        {
            1_000
        } else if cursor.eat(b'n') && cursor.eat(b's') {
            1
        } else {
            return Err(CONVERSION_SYNTAX);
        };
        // billionths < 1e9 and unit <= 3.6e12: split the product so that it stays in 64 bits
        let fraction = if unit >= NANOS_OF_SECOND {
            billionths * (unit / NANOS_OF_SECOND)
        } else {
            billionths * unit / NANOS_OF_SECOND
        };
        let part = whole
            .and_then(|value| value.checked_mul(unit))
            .and_then(|value| value.checked_sub(fraction))
            .ok_or(DURATION_RANGE)?;
        total = total.checked_add(part).ok_or(DURATION_RANGE)?;
        n_units += 1;
    }
    if n_units == 0 {
        return Err(CONVERSION_SYNTAX);
    }
    if negative {
        Ok(total)
    } else {
        total.checked_neg().ok_or(DURATION_RANGE)
    }
}

/// Reads a duration; writes nanoseconds to `out`.
///
/// # Safety
/// The text must be readable and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn duration_from_string(
    text: *const u8,
    length: usize,
    out: *mut i64,
) -> i32 {
    // SAFETY: as the caller promises.
    match parse_duration(unsafe { bytes(text, length) }) {
        Ok(nanos) => {
            // SAFETY: as the caller promises.
            unsafe { out.write(nanos) };
            OK
        }
        Err(status) => status,
    }
}

fn push(out: &mut [u8], at: usize, byte: u8) -> usize {
    if let Some(slot) = out.get_mut(at) {
        *slot = byte;
    }
    at + 1
}

fn push_padded(out: &mut [u8], at: usize, value: i64, n_digits: usize) -> usize {
    let mut weight = 1;
    for _ in 1..n_digits {
        weight *= 10;
    }
    let mut at = at;
    while weight > 0 {
        at = push(out, at, b'0' + ((value / weight) % 10) as u8);
        weight /= 10;
    }
    at
}

/// Fraction digits, without trailing zeros, and the point before them.
fn push_fraction(out: &mut [u8], at: usize, nanos: i64) -> usize {
    if nanos == 0 {
        return at;
    }
    let at = push(out, at, b'.');
    let mut end = push_padded(out, at, nanos, 9);
    while end > at && out.get(end - 1) == Some(&b'0') {
        end -= 1;
    }
    end
}

/// Writes RFC 3339 with `Z` (at most 35 bytes) to `out`; gives its length.
///
/// # Safety
/// `out` must be writable for 40 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timestamp_to_string(seconds: i64, nanos: i32, out: *mut u8) -> usize {
    // SAFETY: as the caller promises.
    let out = unsafe { core::slice::from_raw_parts_mut(out, 40) };
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_OF_DAY));
    let time = seconds.rem_euclid(SECONDS_OF_DAY);
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (time / 3_600, 2, b':'),
        (time / 60 % 60, 2, b':'),
    ];
    let mut at = 0;
    for (value, n_digits, separator) in parts {
        at = push_padded(out, at, value, n_digits);
        at = push(out, at, separator);
    }
    at = push_padded(out, at, time % 60, 2);
    at = push_fraction(out, at, i64::from(nanos));
    push(out, at, b'Z')
}

/// Writes seconds with an `s` (at most 22 bytes) to `out`; gives its length.
///
/// # Safety
/// `out` must be writable for 40 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn duration_to_string(nanos: i64, out: *mut u8) -> usize {
    // SAFETY: as the caller promises.
    let out = unsafe { core::slice::from_raw_parts_mut(out, 40) };
    let magnitude = nanos.unsigned_abs();
    let mut at = 0;
    if nanos < 0 {
        at = push(out, at, b'-');
    }
    at += write_digits(magnitude / NANOS_OF_SECOND as u64, &mut out[at..]);
    at = push_fraction(out, at, (magnitude % NANOS_OF_SECOND as u64) as i64);
    push(out, at, b's')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp_text(seconds: i64, nanos: i32) -> String {
        let mut out = [0; 40];
        // SAFETY: the buffer has 40 bytes.
        let length = unsafe { timestamp_to_string(seconds, nanos, out.as_mut_ptr()) };
        String::from_utf8_lossy(&out[..length]).into_owned()
    }

    fn duration_text(nanos: i64) -> String {
        let mut out = [0; 40];
        // SAFETY: the buffer has 40 bytes.
        let length = unsafe { duration_to_string(nanos, out.as_mut_ptr()) };
        String::from_utf8_lossy(&out[..length]).into_owned()
    }

    #[test]
    fn timestamps_read_and_write_the_whole_range() {
        for text in [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01T00:00:00Z",
            "2024-02-29T12:34:56.000000789Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            let (seconds, nanos) = parse_timestamp(text.as_bytes()).expect(text);
            assert_eq!(timestamp_text(seconds, nanos as i32), text);
        }
        assert_eq!(
            parse_timestamp(b"2009-02-13T23:31:30Z"),
            Some((1_234_567_890, 0))
        );
        assert_eq!(
            parse_timestamp(b"2009-02-14T00:31:30+01:00"),
            Some((1_234_567_890, 0))
        );
        for text in [
            "",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01T00:00:00Zx",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_range_has_its_place() {
        let mut expected = (1, 1, 1);
        for day in MIN_SECONDS / SECONDS_OF_DAY..=MAX_SECONDS / SECONDS_OF_DAY {
            assert_eq!(civil_from_days(day), expected);
            assert_eq!(days_from_civil(expected.0, expected.1, expected.2), day);
            let (year, month, date) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [
                31,
                if leap { 29 } else { 28 },
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ][month as usize - 1];
            expected = if date < length {
                (year, month, date + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }

    #[test]
    fn durations_read_and_write() {
        for (text, nanos) in [
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            ("250ms", 250_000_000),
            ("0", 0),
            ("1.000000001s", 1_000_000_001),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("1.5h", 5_400_000_000_000),
        ] {
            assert_eq!(parse_duration(text.as_bytes()), Ok(nanos), "{text}");
        }
        for text in ["", "-", "1", "s", "1x", ".s", "1h 2m"] {
            assert_eq!(
                parse_duration(text.as_bytes()),
                Err(CONVERSION_SYNTAX),
                "{text}"
            );
        }
        assert_eq!(parse_duration(b"10000000000s"), Err(DURATION_RANGE));
        assert_eq!(parse_duration(b"-9223372036854775808ns"), Ok(i64::MIN));
        assert_eq!(
            parse_duration(b"-9223372036854775809ns"),
            Err(DURATION_RANGE)
        );
        assert_eq!(duration_text(-1_500_000_000), "-1.5s");
        assert_eq!(duration_text(i64::MIN), "-9223372036.854775808s");
        assert_eq!(duration_text(0), "0s");
    }
}
