//! What holds for every source. Fuzzing calls these too (`fuzz/fuzz_targets`).

use rulestage_diagnostics::Diagnostic;
use rulestage_rule_compiler::{check, compile, dump, format, highlight, parse};
use wasmparser::{Validator, WasmFeatures};

/// The places of diagnostics are parts of the source.
pub(crate) fn assert_spans(diagnostics: &[Diagnostic], source: &str) {
    for each in diagnostics {
        for span in std::iter::once(each.span).chain(each.labels.iter().map(|label| label.span)) {
            let range = span.start as usize..span.end as usize;
            assert!(
                source.get(range).is_some(),
                "{span:?} of {} is not a part of {source:?}",
                each.code
            );
        }
    }
}

/// Checking a source ends, and what it reports lies in the source.
pub(crate) fn checking(source: &str) {
    let checked = check(source);
    assert_spans(&checked.diagnostics, source);
    let parsed = parse(source);
    assert!(
        parsed.ruleset.is_some() || !parsed.diagnostics.is_empty(),
        "nothing and no reason: {source:?}"
    );
    let mut end = 0;
    for (span, _) in highlight(source) {
        assert!(
            span.start >= end && source.get(span.start as usize..span.end as usize).is_some(),
            "{source:?}"
        );
        end = span.end;
    }
}

/// The formatted source formats to itself and says the same.
pub(crate) fn formatting(source: &str) {
    let Ok(formatted) = format(source) else {
        return;
    };
    assert_eq!(
        format(&formatted).as_ref(),
        Ok(&formatted),
        "formatting twice changes nothing: {source:?}"
    );
    assert_eq!(
        parse(&formatted).comments.len(),
        parse(source).comments.len(),
        "comments stay: {source:?}\n{formatted}"
    );
    let meaning = |source: &str| check(source).ruleset.map(|ruleset| dump(&ruleset));
    assert_eq!(
        meaning(&formatted),
        meaning(source),
        "the meaning stays: {source:?}\n{formatted}"
    );
}

/// What compiles is a valid component.
pub(crate) fn compiling(source: &str) {
    if let Some(artifact) = compile(source).artifact {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        if let Err(error) = validator.validate_all(&artifact.component) {
            panic!("{error}: {source}");
        }
    }
}
