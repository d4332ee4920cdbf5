//! Sources that are not whole.

use crate::with;
use rulestage_diagnostics::Span;
use rulestage_rule_services::{
    completions, document_symbols, hover, references, rename, signature_help,
};

/// Every prefix and every gap of a source is answered somehow: nothing panics, all spans lie in the source.
#[test]
fn any_place_in_any_broken_source() {
    let (whole, _) =
        with("rule é { when tags.all(t, t == \"žluť\") then { carrier = country } } }<|>");
    let is_inside =
        |source: &str, span: Span| source.get(span.start as usize..span.end as usize).is_some();
    for end in (0..=whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let source = &whole[..end];
        let offset = end as u32;
        assert!(is_inside(source, completions(source, offset).span));
        assert!(hover(source, offset).is_none_or(|hover| is_inside(source, hover.span)));
        assert!(
            references(source, offset, true)
                .iter()
                .all(|span| is_inside(source, *span))
        );
        let _ = rename(source, offset, "renamed");
        let _ = signature_help(source, offset);
        document_symbols(source);
    }
    for offset in 0..whole.len() as u32 + 3 {
        completions(&whole, offset);
        hover(&whole, offset);
        let _ = rename(&whole, offset, "renamed");
    }
}
