//! Sizes and durations as people write them.

/// Bytes: `64MiB`, `1 GiB`, `500kB`, `4096`. `None` where it is no size or does not fit.
pub fn parse_size_bytes(text: &str) -> Option<u64> {
    let units: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
    ];
    parse(text, |unit| match unit {
        "GiB" => Some(1 << 30),
        _ => units
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, bytes)| *bytes),
    })
}

/// Milliseconds: `2s`, `250ms`, `1.5s`, `1m`, `1h`. `None` where it is no duration or does not fit.
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    parse(text, |unit| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    })
}

/// A decimal number times its unit, which must give a whole number.
fn parse(text: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    let factor = u128::from(unit(name.trim())?);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10u128.pow(fraction.len() as u32);
    let scaled = whole
        .parse::<u128>()
        .ok()?
        .checked_mul(scale)?
        .checked_add(fraction.parse().ok()?)?;
    let product = scaled.checked_mul(factor)?;
    if product % scale == 0 {
        u64::try_from(product / scale).ok()
    } else {
        None
    }
}
