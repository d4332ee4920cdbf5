//! Numbers with units, for people.

use std::time::Duration;

/// `1,234,567`
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `312 ns`, `4.2 us`, `1.23 ms`, `5.00 s`
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else if seconds >= 1e-6 {
        format!("{:.1} us", seconds * 1e6)
    } else {
        format!("{} ns", time.as_nanos())
    }
}

/// `9,511 bytes`, and from 64 KiB on with the rounded size: `3,100,000 bytes (3.0 MiB)`
pub(crate) fn bytes(n: u64) -> String {
    let exact = counted(n, "byte");
    match n {
        0..0x1_0000 => exact,
        0x1_0000..0x10_0000 => format!("{exact} ({:.1} KiB)", n as f64 / 1024.0),
        _ => format!("{exact} ({:.1} MiB)", n as f64 / (1024.0 * 1024.0)),
    }
}

/// Rows per second; 0 where no time passed.
pub(crate) fn rate(n: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        (n as f64 / seconds) as u64
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn durations_take_the_fitting_unit() {
        assert_eq!(duration(Duration::from_nanos(312)), "312 ns");
        assert_eq!(duration(Duration::from_nanos(4_200)), "4.2 us");
        assert_eq!(duration(Duration::from_micros(1_230)), "1.23 ms");
        assert_eq!(duration(Duration::from_secs(5)), "5.00 s");
    }
}
