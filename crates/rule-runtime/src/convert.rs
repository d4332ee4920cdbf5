//! Conversions between numbers and text.

use crate::bytes;
use crate::status::{CONVERSION_RANGE, CONVERSION_SYNTAX, OK};

/// The longest text of [`double_to_string`]: sign, 309 digits or `0.` and 340 places.
pub const DOUBLE_TEXT_BYTES: usize = 352;

/// Writes a number in decimal; gives the number of digits.
pub(crate) fn write_digits(value: u64, out: &mut [u8]) -> usize {
    let mut n_digits = 1;
    let mut rest = value / 10;
    while rest > 0 {
        n_digits += 1;
        rest /= 10;
    }
    let mut rest = value;
    for slot in out.iter_mut().take(n_digits).rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    n_digits
}

fn parse_magnitude(digits: &[u8]) -> Result<u64, i32> {
    if digits.is_empty() {
        return Err(CONVERSION_SYNTAX);
    }
    let mut value: u64 = 0;
    let mut too_large = false;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(CONVERSION_SYNTAX);
        }
        match value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(byte - b'0')))
        {
            Some(next) => value = next,
            None => too_large = true,
        }
    }
    if too_large {
        Err(CONVERSION_RANGE)
    } else {
        Ok(value)
    }
}

fn parse_int(text: &[u8]) -> Result<i64, i32> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let magnitude = parse_magnitude(digits)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude).ok_or(CONVERSION_RANGE)
    } else {
        i64::try_from(magnitude).map_err(|_| CONVERSION_RANGE)
    }
}

/// Reads decimal digits with an optional sign.
///
/// # Safety
/// The text must be readable and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn int_from_string(text: *const u8, length: usize, out: *mut i64) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { store(parse_int(bytes(text, length)), out) }
}

/// Reads decimal digits with an optional `+`.
///
/// # Safety
/// The text must be readable and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uint_from_string(text: *const u8, length: usize, out: *mut u64) -> i32 {
    // SAFETY: as the caller promises.
    let text = unsafe { bytes(text, length) };
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    // SAFETY: as the caller promises.
    unsafe { store(parse_magnitude(digits), out) }
}

/// Reads a decimal number, `NaN`, `Infinity`, `inf`, with an optional sign.
///
/// # Safety
/// The text must be readable and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_from_string(text: *const u8, length: usize, out: *mut f64) -> i32 {
    // SAFETY: as the caller promises.
    let text = core::str::from_utf8(unsafe { bytes(text, length) });
    let value = text
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .ok_or(CONVERSION_SYNTAX);
    // SAFETY: as the caller promises.
    unsafe { store(value, out) }
}

/// Reads `true`, `True`, `TRUE`, `t`, `1` and their opposites.
///
/// # Safety
/// The text must be readable and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bool_from_string(text: *const u8, length: usize, out: *mut i32) -> i32 {
    // SAFETY: as the caller promises.
    let value = match unsafe { bytes(text, length) } {
        b"true" | b"True" | b"TRUE" | b"t" | b"1" => Ok(1),
        b"false" | b"False" | b"FALSE" | b"f" | b"0" => Ok(0),
        _ => Err(CONVERSION_SYNTAX),
    };
    // SAFETY: as the caller promises.
    unsafe { store(value, out) }
}

/// # Safety
/// `out` must be writable.
unsafe fn store<T>(value: Result<T, i32>, out: *mut T) -> i32 {
    match value {
        Ok(value) => {
            // SAFETY: as the caller promises.
            unsafe { out.write(value) };
            OK
        }
        Err(status) => status,
    }
}

/// Writes decimal digits with a `-` where negative (at most 20 bytes); gives the length.
///
/// # Safety
/// `out` must be writable for 24 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn int_to_string(value: i64, out: *mut u8) -> usize {
    // SAFETY: as the caller promises.
    let out = unsafe { core::slice::from_raw_parts_mut(out, 24) };
    let sign = usize::from(value < 0);
    out[0] = b'-';
    sign + write_digits(value.unsigned_abs(), &mut out[sign..])
}

/// Writes decimal digits (at most 20 bytes); gives the length.
///
/// # Safety
/// `out` must be writable for 24 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uint_to_string(value: u64, out: *mut u8) -> usize {
    // SAFETY: as the caller promises.
    write_digits(value, unsafe { core::slice::from_raw_parts_mut(out, 24) })
}

struct Output<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Output<'_> {
    fn push(&mut self, text: &[u8]) {
        for byte in text {
            if let Some(slot) = self.bytes.get_mut(self.length) {
                *slot = *byte;
                self.length += 1;
            }
        }
    }

    fn push_zeros(&mut self, n_zeros: i32) {
        for _ in 0..n_zeros {
            self.push(b"0");
        }
    }
}

/// Writes the shortest digits that read back as the same number, never with an exponent; gives the length.
///
/// # Safety
/// `out` must be writable for [`DOUBLE_TEXT_BYTES`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_to_string(value: f64, out: *mut u8) -> usize {
    // SAFETY: as the caller promises.
    let bytes = unsafe { core::slice::from_raw_parts_mut(out, DOUBLE_TEXT_BYTES) };
    let mut output = Output { bytes, length: 0 };
    if value.is_nan() {
        output.push(b"NaN");
        return output.length;
    }
    if value.is_sign_negative() {
        output.push(b"-");
    }
    let magnitude = f64::from_bits(value.to_bits() & !(1 << 63));
    if magnitude == f64::INFINITY {
        output.push(b"Infinity");
        return output.length;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(magnitude).as_bytes();
    push_without_exponent(text, &mut output);
    output.length
}

/// `text` is `digits[.digits][e[-]digits]`.
fn push_without_exponent(text: &[u8], output: &mut Output<'_>) {
    let mut digits = [0u8; 24];
    let mut n_digits = 0usize;
    let mut n_whole: i32 = 0;
    let mut exponent: i32 = 0;
    let mut in_fraction = false;
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'.' => in_fraction = true,
            b'e' => {
                exponent = parse_int(rest).unwrap_or(0) as i32;
                break;
            }
            digit => {
                if let Some(slot) = digits.get_mut(n_digits) {
                    *slot = *digit;
                    n_digits += 1;
                }
                n_whole += i32::from(!in_fraction);
            }
        }
    }
    let digits = digits.get(..n_digits).unwrap_or(&[]);
    let point = n_whole + exponent;
    if point <= 0 {
        output.push(b"0.");
        output.push_zeros(-point);
        push_trimmed(digits, output);
    } else {
        let (whole, fraction) = digits.split_at((point as usize).min(digits.len()));
        output.push(whole);
        output.push_zeros(point - digits.len() as i32);
        if fraction.iter().any(|digit| *digit != b'0') {
            output.push(b".");
            push_trimmed(fraction, output);
        }
    }
}

fn push_trimmed(digits: &[u8], output: &mut Output<'_>) {
    let n_kept = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last + 1);
    output.push(digits.get(..n_kept).unwrap_or(&[]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double_text(value: f64) -> String {
        let mut out = [0; DOUBLE_TEXT_BYTES];
        // SAFETY: the buffer is as long as stated.
        let length = unsafe { double_to_string(value, out.as_mut_ptr()) };
        String::from_utf8_lossy(&out[..length]).into_owned()
    }

    #[test]
    fn doubles_are_written_as_the_standard_library_does() {
        for value in [
            0.0,
            -0.0,
            1.0,
            123.456,
            -0.0045,
            1e21,
            1e22,
            1.5e300,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            0.1 + 0.2,
            100.0,
            1e-7,
            12345678901234567890.0,
        ] {
            assert_eq!(double_text(value), format!("{value}"));
        }
        assert_eq!(double_text(f64::NAN), "NaN");
        assert_eq!(double_text(f64::NEG_INFINITY), "-Infinity");
    }

    #[test]
    fn integers_read_to_the_ends_of_their_range() {
        for (text, expected) in [
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(CONVERSION_RANGE)),
            ("+7", Ok(7)),
            ("", Err(CONVERSION_SYNTAX)),
            ("1e3", Err(CONVERSION_SYNTAX)),
            ("99999999999999999999999x", Err(CONVERSION_SYNTAX)),
        ] {
            assert_eq!(parse_int(text.as_bytes()), expected, "{text}");
        }
    }
}
