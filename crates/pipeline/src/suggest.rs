//! The nearest known name for a misspelt one.

/// The candidate that `name` was probably meant to be. Ties go to the first.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| {
            let plain = candidate.to_ascii_lowercase().replace('-', "_");
            let is_part = wanted.len() >= 4
                && plain.len() >= 4
                && (plain.contains(&wanted) || wanted.contains(&plain));
            let distance = strsim::osa_distance(&wanted, &plain);
            (
                if is_part {
                    distance.min(most)
                } else {
                    distance
                },
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, where there is something to suggest.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, candidates).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// Names in backticks, the first dozen of them.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names
        .iter()
        .take(12)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(12) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_typos_and_longer_forms_but_nothing_else() {
        assert_eq!(
            nearest("dep_dealy", ["distance", "dep_delay"]),
            Some("dep_delay")
        );
        assert_eq!(nearest("dep_delay", ["distance", "delay"]), Some("delay"));
        assert_eq!(nearest("on-error", ["on_error"]), Some("on_error"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("color", ["weight"]), None);
    }
}
