//! The nearest known name for a misspelt one.

/// The candidate that is closest to `name`, if one is close enough to be meant. Ties go to the first.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = match name.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        6..=40 => 3,
        _ => return None,
    };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = distance(name, candidate);
        let is_unlike = distance >= candidate.chars().count().max(name.chars().count());
        if candidate != name
            && !is_unlike
            && distance <= limit
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The number of characters to insert, delete, replace or swap with their neighbour (Damerau, restricted);
/// case counts as a change only if nothing else differs.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 16 {
        return usize::MAX;
    }
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_typos_but_not_other_words() {
        assert_eq!(nearest("distnace", ["distance", "delay"]), Some("distance"));
        assert_eq!(nearest("Age", ["page", "age"]), Some("age"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("color", ["delay", "weight"]), None);
    }
}
