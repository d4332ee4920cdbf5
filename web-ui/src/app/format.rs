//! Numbers, sizes and times as people read them.

/// `20000` as `20,000`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`.
pub(crate) fn rows(n: usize) -> String {
    format!("{} {}", count(n), if n == 1 { "row" } else { "rows" })
}

/// Bytes with a unit and three digits.
pub(crate) fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    if bytes < 1000.0 {
        format!("{bytes} B")
    } else if bytes < 1_000_000.0 {
        format!("{:.1} KB", bytes / 1000.0)
    } else {
        format!("{:.1} MB", bytes / 1_000_000.0)
    }
}

/// Milliseconds with a unit that fits.
pub(crate) fn time(ms: f64) -> String {
    if ms < 1.0 {
        format!("{:.2} ms", ms)
    } else if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

/// A number of a table or chart: separators before the point, at most four digits after it.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs();
    if magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-4) {
        return format!("{value:e}");
    }
    let text = format!("{magnitude:.4}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let whole = count(whole.parse().unwrap_or_default());
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

/// The text of a numeric cell, with separators where it is a number.
pub(crate) fn cell(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        let sign = if digits.len() < text.len() {
            "\u{2212}"
        } else {
            ""
        };
        return digits
            .parse()
            .map_or_else(|_| text.to_owned(), |n| format!("{sign}{}", count(n)));
    }
    // Doubles keep four digits in the table; the whole number is in the cell's title.
    text.parse().map_or_else(|_| text.to_owned(), number)
}
