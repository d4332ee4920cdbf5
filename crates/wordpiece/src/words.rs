//! A text cleaned and cut into words.

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

/// The words of a text in lower case and without accents; each punctuation mark is one.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    let plain = text
        .chars()
        .filter(|c| !is_dropped(*c))
        .nfd()
        .filter(|c| get_general_category(*c) != GeneralCategory::NonspacingMark)
        .flat_map(char::to_lowercase);
    let mut plain = plain.collect::<Vec<char>>().into_iter().peekable();
    std::iter::from_fn(move || {
        while plain.next_if(|c| is_blank(*c)).is_some() {}
        let first = plain.next()?;
        let mut word = String::from(first);
        if !stands_alone(first) {
            while let Some(c) = plain.next_if(|c| !is_blank(*c) && !stands_alone(*c)) {
                word.push(c);
            }
        }
        Some(word)
    })
}

fn is_blank(c: char) -> bool {
    c.is_whitespace()
}

/// Control characters, and what is no character.
fn is_dropped(c: char) -> bool {
    use GeneralCategory::*;
    match c {
        '\t' | '\n' | '\r' => false,
        '\0' | '\u{fffd}' => true,
        _ => matches!(
            get_general_category(c),
            Control | Format | PrivateUse | Surrogate | Unassigned
        ),
    }
}

fn stands_alone(c: char) -> bool {
    c.is_ascii_punctuation() || is_punctuation(c) || is_chinese(c)
}

fn is_punctuation(c: char) -> bool {
    use GeneralCategory::*;
    matches!(
        get_general_category(c),
        ConnectorPunctuation
            | DashPunctuation
            | OpenPunctuation
            | ClosePunctuation
            | InitialPunctuation
            | FinalPunctuation
            | OtherPunctuation
    )
}

/// The blocks of CJK ideographs that BERT lists; others are cut like letters.
fn is_chinese(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}
