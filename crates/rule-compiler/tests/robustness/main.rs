//! No source makes the front end panic, and formatting keeps what a source says: a fixed stream of broken sources.

mod exercise;

use exercise::assert_spans;
use rulestage_rule_compiler::{check, check_expression, format, parse_type};
use std::path::PathBuf;

/// Pseudo-random numbers (xorshift64*), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

const SNIPPETS: [&str; 54] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "\"",
    "'",
    "\"\"\"",
    "`",
    "\\",
    "\\u{",
    "??",
    "?",
    "?.",
    ".?",
    "..",
    "|>",
    "|",
    "&",
    "&&",
    "||",
    "=",
    "==",
    "-",
    "--",
    "!",
    "if",
    "else",
    "then",
    "when",
    "rule",
    "let",
    "table t {",
    "in",
    "null",
    "// c\n",
    "\n",
    "\r\n",
    "é",
    "\u{1f600}",
    "\u{0}",
    "0x",
    "1u",
    "1e9",
    "9223372036854775808",
    "-",
    "list<",
    "b\"\\xff\"",
    "r\"",
    ".",
    ",",
    ":",
];

fn sources() -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let corpus = "../../../../fuzz/corpus/rules";
    let mut sources = Vec::new();
    for folder in ["parse", "check", "ir", "format", "codegen", corpus] {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(root.join(folder))
            .expect("the folder of cases")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "rules")
            })
            .collect();
        paths.sort();
        sources.extend(
            paths
                .iter()
                .map(|path| std::fs::read_to_string(path).expect("a readable source")),
        );
    }
    sources
}

fn mutate(source: &str, random: &mut Random) -> String {
    let mut text: Vec<char> = source.chars().collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(text.len() + 1);
        let len = random.below(12).min(text.len() - at);
        match random.below(4) {
            0 => drop(text.drain(at..at + len)),
            1 => {
                let piece: Vec<char> = text[at..at + len].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, piece);
            }
            2 => text.truncate(at.max(1)),
            _ => drop(text.splice(at..at, SNIPPETS[random.below(SNIPPETS.len())].chars())),
        }
    }
    text.into_iter().collect()
}

fn exercise(source: &str) {
    exercise::checking(source);
    exercise::formatting(source);
    exercise::compiling(source);
}

#[test]
fn no_source_is_too_broken() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for source in sources() {
        exercise(&source);
        for _ in 0..100 {
            exercise(&mutate(&source, &mut random));
        }
    }
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let in_rule = |condition: &str| {
        format!(
            "ruleset r {{ input {{ a: int }} output {{ o: bool = false }} rule x {{ when {condition} then {{ o = true }} }} }}"
        )
    };
    let codes = |source: &str| -> Vec<&'static str> {
        check(source)
            .diagnostics
            .iter()
            .map(|each| each.code)
            .collect()
    };
    for deep in [
        format!("{}a == 1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}true", "!".repeat(100_000)),
        format!("0 == {}a", "- ".repeat(100_000)),
        format!("a{} == 1", " + 1".repeat(100_000)),
        format!("{}1{} == a", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a{}", ".b".repeat(100_000)),
        format!("{}true", "true ? true : ".repeat(100_000)),
        format!("{}true", "true ?? ".repeat(100_000)),
        format!("{}true", "if true { true } else ".repeat(100_000)),
        format!("{}true", "if ".repeat(100_000)),
        format!("a{} == 1", " |> int()".repeat(100_000)),
        format!("{}1", "f(".repeat(100_000)),
    ] {
        let source = in_rule(&deep);
        let codes = codes(&source);
        assert!(
            codes.contains(&"rule.parse.too-deep"),
            "{codes:?} for {}…",
            &deep[..20]
        );
        assert!(format(&source).is_err());
    }
    for chain in [" && a != 7", " || a == 7"] {
        let source = in_rule(&format!("a == 1{}", chain.repeat(10_000)));
        assert_eq!(codes(&source), Vec::<&str>::new());
        exercise(&source);
    }
    let lets: Vec<String> = (0..3000)
        .map(|index| format!("let x{index} = x{} + 1", index + 1))
        .collect();
    let source = format!(
        "ruleset r {{ input {{ a: int }} output {{ o: int = 0 }} {} let x3000 = a rule y {{ when a > 1 then {{ o = x0 }} }} }}",
        lets.join("\n")
    );
    assert_eq!(codes(&source), Vec::<&str>::new());
}

/// What editors and other systems leave in files, and what is too wide to be aligned.
#[test]
fn files_as_they_come() {
    let rule = "ruleset r {\n  input { a: int }\n  output { o: bool = false }\n\n  rule x {\n    when a > 1 // why\n    then { o = true }\n  }\n}\n";
    let formatted = format(rule).unwrap();
    let with_mark = format!("\u{feff}{rule}");
    for source in [
        with_mark,
        rule.replace('\n', "\r\n"),
        rule.replace('\n', "\r"),
    ] {
        assert!(check(&source).diagnostics.is_empty(), "{source:?}");
        assert_eq!(format(&source).unwrap(), formatted, "{source:?}");
    }
    let many: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    let table = format!(
        "ruleset r {{ input {{ a: int }} output {{ o: int = 0 }} table t hit first {{\n| a || o |\n| {} || 1 |\n| 5 || 2 |\n}} }}",
        many.join(", ")
    );
    let formatted = format(&table).unwrap();
    assert_eq!(format(&formatted).unwrap(), formatted);
    assert!(formatted.len() < 2 * table.len());
}

#[test]
fn single_expressions_and_types() {
    let mut random = Random(1);
    let expressions = [
        "a + -9223372036854775808 > 3 && [1, 2].exists(x, x in [a]) ? b'\\xff' : r'''\n'''",
        "size('\u{e9}') |> string() ?? if a > 1 { {1: 2}[1] } else { Msg{f: a}.g }",
    ];
    for expression in expressions {
        for _ in 0..2000 {
            let source = mutate(expression, &mut random);
            let variables = [("a".to_owned(), rulestage_rule_compiler::types::Type::Int)];
            assert_spans(
                &check_expression(&source, &variables, "x.y").diagnostics,
                &source,
            );
        }
    }
    for ty in [
        "map<string, list<google.protobuf.Timestamp?>>",
        "wrapper(int)",
        "optional_type(list<dyn>)",
    ] {
        assert!(parse_type(ty).is_ok());
        for _ in 0..300 {
            let source = mutate(ty, &mut random);
            if let Err(diagnostics) = parse_type(&source) {
                assert!(!diagnostics.is_empty());
                assert_spans(&diagnostics, &source);
            }
        }
    }
}
