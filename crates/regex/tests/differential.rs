//! Generated patterns and texts: the `regex` crate, told to take RE2's ASCII classes, says what is right.

use rulestage_regex::{
    CommonProperties, ErrorKind, compile, determinize, n_groups, positions, scratch_words, search,
};

fn compiled(pattern: &str) -> Result<Vec<u32>, rulestage_regex::Error> {
    let mut buffer = vec![0xA5A5_A5A5; 1 << 15];
    let length = compile(pattern.as_bytes(), &CommonProperties, &mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// The whole match and the groups.
fn find(program: &[u32], text: &str, start: usize) -> Option<Vec<Option<(usize, usize)>>> {
    let mut slots = vec![0; 2 * (n_groups(program) + 1)];
    let mut scratch = vec![0xA5A5_A5A5; scratch_words(program, slots.len())];
    search(program, text.as_bytes(), start, &mut slots, &mut scratch).then(|| {
        let pair =
            |pair: &[u32]| (pair[0] != u32::MAX).then_some((pair[0] as usize, pair[1] as usize));
        slots.chunks(2).map(pair).collect()
    })
}

fn is_match(program: &[u32], text: &str) -> bool {
    let mut scratch = vec![0xA5A5_A5A5; scratch_words(program, 0)];
    search(program, text.as_bytes(), 0, &mut [], &mut scratch)
}

/// Classes that mean ASCII here and Unicode there.
fn for_the_other(pattern: &str) -> String {
    pattern
        .replace(r"\d", "[0-9]")
        .replace(r"\D", "[^0-9]")
        .replace(r"\w", "[0-9A-Za-z_]")
        .replace(r"\W", "[^0-9A-Za-z_]")
        .replace(r"\s", r"[\t\n\f\r ]")
        .replace(r"\S", r"[^\t\n\f\r ]")
        .replace(r"\b", r"(?-u:\b)")
        .replace(r"\B", r"(?-u:\B)")
}

/// Whether the pattern has an automaton.
fn check(pattern: &str, texts: &[String]) -> bool {
    // `\B` without Unicode may match within a character, which strings don't allow there.
    let Ok(expected) = regex::Regex::new(&for_the_other(pattern)) else {
        return false;
    };
    let program = compiled(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
    assert_eq!(n_groups(&program) + 1, expected.captures_len(), "{pattern}");
    let automaton = determinize(&program);
    for text in texts {
        let found = find(&program, text, 0);
        let captures = expected.captures(text).map(|captures| {
            captures
                .iter()
                .map(|group| group.map(|group| (group.start(), group.end())))
                .collect::<Vec<_>>()
        });
        assert_eq!(found, captures, "{pattern} on {text:?}");
        assert_eq!(
            is_match(&program, text),
            captures.is_some(),
            "{pattern} on {text:?}"
        );
        if let Some(automaton) = &automaton {
            assert_eq!(
                rulestage_regex::is_match(automaton, text.as_bytes()),
                captures.is_some(),
                "the automaton of {pattern} on {text:?}"
            );
            if let Some(positions) = positions(automaton) {
                let has_length = positions.len() == text.len();
                let mut pairs = positions.iter().zip(text.bytes());
                let fits = pairs.all(|([low, high], byte)| (*low..=*high).contains(&byte));
                assert_eq!(
                    has_length && fits,
                    captures.is_some(),
                    "the positions of {pattern} on {text:?}"
                );
            }
        }
        if let Some((start, _)) = text.char_indices().nth(2) {
            let found = find(&program, text, start).map(|groups| groups[0]);
            let later = expected
                .find_at(text, start)
                .map(|found| Some((found.start(), found.end())));
            assert_eq!(found, later, "{pattern} on {text:?} from {start}");
        }
    }
    automaton.is_some()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn pattern(&mut self, depth: usize) -> String {
        let mut pattern = String::new();
        for branch in 0..1 + self.below(3) / 2 {
            if branch > 0 {
                pattern.push('|');
            }
            for _ in 0..self.below(4) {
                pattern += &self.atom(depth);
                if self.below(3) == 0 {
                    pattern += self.pick(&[
                        "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{2,3}?", "{0,}",
                    ]);
                }
            }
        }
        pattern
    }

    fn atom(&mut self, depth: usize) -> String {
        if depth > 0 && self.below(3) == 0 {
            let open = self.pick(&[
                "(",
                "(",
                "(?:",
                "(?P<name>",
                "(?i:",
                "(?s:",
                "(?m:",
                "(?U:",
                "(?-s:",
                "(?i-m:",
            ]);
            let open = if open == "(?P<name>" {
                format!("(?P<n{}>", self.below(1 << 30))
            } else {
                open.to_owned()
            };
            return format!("{open}{})", self.pattern(depth - 1));
        }
        self.pick(&[
            "a",
            "b",
            "c",
            "ab",
            "A",
            "š",
            "Š",
            "ſ",
            "k",
            "ß",
            "🦀",
            ".",
            "\\d",
            "\\w",
            "\\W",
            "\\s",
            "\\D",
            "\\S",
            "\\b",
            "^",
            "$",
            "\\A",
            "\\z",
            "[ab]",
            "[^a]",
            "[a-c\\d]",
            "[^\\w]",
            "[š-ž]",
            "[[:alpha:]]",
            "[[:^digit:]x]",
            "[]a]",
            "[a-]",
            "[^-a]",
            "\\n",
            "\\x41",
            "\\x{161}",
            "\\.",
            "\\pL",
            "\\p{Lu}",
            "\\P{Ll}",
            "\\p{Greek}",
            "[\\p{Nd}_]",
            "[^\\PL]",
            "\\Qa.b\\E",
            "1",
            "_",
            " ",
            "\\t",
        ])
        .to_owned()
    }

    fn text(&mut self) -> String {
        (0..self.below(9))
            .map(|_| {
                self.pick(&[
                    "a", "b", "c", "A", "B", "š", "Š", "s", "S", "ſ", "k", "\u{212A}", "ß", "ẞ",
                    "🦀", "1", "_", " ", "\n", "-", "]", ".", "λ", "Ω",
                ])
            })
            .collect()
    }
}

#[test]
fn matches_are_those_of_the_regex_crate() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut n_automata = 0;
    for _ in 0..20_000 {
        let pattern = random.pattern(3);
        let texts: Vec<String> = (0..8).map(|_| random.text()).collect();
        n_automata += usize::from(check(&pattern, &texts));
    }
    assert!(n_automata > 15_000, "{n_automata} automata");
}

#[test]
fn case_is_folded_for_every_character() {
    for start in (0..0x1_F000_u32).step_by(8) {
        let chars: String = (start..start + 8)
            .filter_map(char::from_u32)
            .filter(|char| char.is_alphabetic())
            .collect();
        if chars.is_empty() {
            continue;
        }
        let pattern = format!("(?i)^[{chars}]+$");
        let expected = regex::Regex::new(&pattern).expect("a pattern");
        let program = compiled(&pattern).expect("a pattern");
        let cased = chars.chars().flat_map(|char| {
            [char]
                .into_iter()
                .chain(char.to_lowercase())
                .chain(char.to_uppercase())
        });
        for char in cased.chain("kKſsåÅ\u{212A}\u{212B}".chars()) {
            let text = char.to_string();
            assert_eq!(
                is_match(&program, &text),
                expected.is_match(&text),
                "{pattern} {char}"
            );
        }
    }
}

#[test]
fn properties_are_those_of_unicode() {
    for name in [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "P",
        "S",
        "Sc",
        "Sm",
        "Z",
        "Zs",
        "Cc",
        "Latin",
        "Greek",
        "Cyrillic",
        "Arabic",
        "Hebrew",
        "Han",
        "Hiragana",
        "Katakana",
        "Hangul",
        "Thai",
        "Devanagari",
    ] {
        let pattern = format!(r"^\p{{{name}}}$");
        let expected = regex::Regex::new(&pattern).expect("a pattern");
        let program = compiled(&pattern).expect("a pattern");
        let automaton = determinize(&program).expect("an automaton of few states");
        for char in '\0'..=char::MAX {
            let mut bytes = [0; 4];
            let text = char.encode_utf8(&mut bytes);
            assert_eq!(
                rulestage_regex::is_match(&automaton, text.as_bytes()),
                expected.is_match(text),
                "the automaton of {name} {char:?}"
            );
            assert_eq!(
                is_match(&program, text),
                expected.is_match(text),
                "{name} {char:?}"
            );
        }
    }
}

#[test]
fn wrong_patterns_are_refused_where_they_are_wrong() {
    for (pattern, kind, offset) in [
        ("a(b", ErrorKind::MissingParenthesis, 1),
        ("ab)", ErrorKind::UnexpectedParenthesis, 2),
        ("x[abc", ErrorKind::MissingBracket, 1),
        ("[]", ErrorKind::MissingBracket, 0),
        ("[z-a]", ErrorKind::InvalidClassRange, 1),
        ("[a-\\d]", ErrorKind::InvalidEscape, 1),
        ("[[:nothing:]]", ErrorKind::UnknownClass, 1),
        (r"ab\p{Nothing}", ErrorKind::UnknownClass, 2),
        (r"\p{Greek", ErrorKind::UnknownClass, 0),
        (r"a\y", ErrorKind::InvalidEscape, 1),
        (r"(a)\1", ErrorKind::InvalidEscape, 3),
        (r"\x{110000}", ErrorKind::InvalidEscape, 0),
        ("a\\", ErrorKind::TrailingBackslash, 1),
        ("*a", ErrorKind::MissingRepeatArgument, 0),
        ("a|+", ErrorKind::MissingRepeatArgument, 2),
        ("(*)", ErrorKind::MissingRepeatArgument, 1),
        ("a**", ErrorKind::RepeatedRepeat, 2),
        ("a{2}{3}", ErrorKind::RepeatedRepeat, 4),
        ("a{1001}", ErrorKind::InvalidRepeatSize, 1),
        ("a{2,1}", ErrorKind::InvalidRepeatSize, 1),
        ("(?=a)", ErrorKind::InvalidFlags, 0),
        ("(?<!a)", ErrorKind::InvalidFlags, 0),
        ("(?x)a", ErrorKind::InvalidFlags, 0),
        ("(?i", ErrorKind::MissingParenthesis, 0),
        ("(?P<a b>c)", ErrorKind::InvalidGroupName, 4),
        ("(?P<>c)", ErrorKind::InvalidGroupName, 4),
    ] {
        let error = compiled(pattern).expect_err(pattern);
        assert_eq!((error.kind, error.offset), (kind, offset), "{pattern}");
    }
    assert_eq!(
        compiled(&"(".repeat(200)).map_err(|error| error.kind),
        Err(ErrorKind::TooDeep)
    );
    let large = "((a{100}){100}){100}";
    assert_eq!(
        compiled(large).map_err(|error| error.kind),
        Err(ErrorKind::TooLarge)
    );
    // Braces that bound nothing are themselves.
    for literal in ["a{", "a{,2}", "a{x}", "{", "a{1"] {
        assert!(
            is_match(&compiled(literal).expect(literal), literal),
            "{literal}"
        );
    }
}

#[test]
fn no_pattern_breaks_the_compiler() {
    let mut random = Random(42);
    for _ in 0..50_000 {
        let pattern: String = (0..random.below(12))
            .map(|_| {
                random.pick(&[
                    "(", ")", "[", "]", "{", "}", "?", "*", "+", "|", "\\", "^", "$", ".", "-",
                    ":", "P", "<", ">", "i", "a", "1", ",", "š", "p", "x", "Q", "E", "[:",
                ])
            })
            .collect();
        let buffer = &mut vec![0; random.below(300)];
        if let Ok(length) = compile(pattern.as_bytes(), &CommonProperties, buffer) {
            let program = &buffer[..length];
            assert!(!is_match(program, "aaa1-") || find(program, "aaa1-", 0).is_some());
        }
        // The other crate has more syntax within brackets and behind backslashes.
        if compiled(&pattern).is_ok() && !pattern.contains(['[', '\\']) {
            check(&pattern, &[random.text(), random.text()]);
        }
    }
}

#[test]
fn time_is_linear() {
    let text = "a".repeat(20_000);
    for pattern in [
        "(a*)*b",
        "(a|aa)+$b",
        "(a?){500}a{500}b",
        "(.*)(.*)(.*)(.*)(.*)x",
    ] {
        assert!(
            !is_match(&compiled(pattern).expect(pattern), &text),
            "{pattern}"
        );
    }
}

#[test]
fn codes_of_one_length_have_positions() {
    let texts = [
        "",
        "a",
        "ab",
        "AB",
        "aB",
        "abc",
        "a\n",
        "ab\n",
        "\nab",
        "cd",
        "ad",
        "ä",
        "aä",
        "12345678",
        "1234567",
        "123456789",
        "ORD-1234-X",
        "ORD-1234-[",
        "ORD-12:4-X",
        "ORD-123-X",
        "\0\u{7f}",
        "\0\u{80}",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    texts.extend([31, 32, 33].map(|length| "x".repeat(length)));
    let count = |pattern: &str| {
        check(pattern, &texts);
        let program = compiled(pattern).expect("it compiles");
        let automaton = determinize(&program).expect("it is small");
        positions(&automaton).map(|positions| positions.len())
    };
    for (pattern, length) in [
        (r"^ORD-[0-9]{4}-[A-Z]$", 10),
        (r"^\d{8}$", 8),
        (r"^[!-/][a-d]$", 2),
        (r"\Aab\z", 2),
        (r"^(ab|ac)$", 2),
        (r"^a\n$", 2),
        (r"^[\x00-\x7f]b$", 2),
        (r"^x{32}$", 32),
    ] {
        assert_eq!(count(pattern), Some(length), "{pattern}");
    }
    for pattern in [
        r"[0-9]{8}",
        r"^ab",
        r"ab$",
        r"^ab?$",
        r"^(ab|cd)$",
        r"^a.$",
        r"^[^b]b$",
        r"^(?i)ab$",
        r"^$",
        r"^ä$",
        r"(?m)^ab$",
        r"^x{33}$",
        r"^[A-Za-z]$",
    ] {
        assert_eq!(count(pattern), None, "{pattern}");
    }
}
