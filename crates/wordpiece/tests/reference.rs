//! The tokens of texts, against Hugging Face's own implementation.

#![allow(clippy::unwrap_used, reason = "a test: what fails is a failure")]

use rulestage_wordpiece::Tokenizer;
use serde_json::Value;

#[test]
fn tokens_are_those_of_the_reference() {
    let reference: Vec<Value> = serde_json::from_str(include_str!("reference.json")).unwrap();
    assert!(reference.len() > 20);
    let tokenizer = Tokenizer::new();
    for case in &reference {
        let text = case["text"].as_str().unwrap();
        let ids = case["ids"].as_array().unwrap().iter();
        let ids: Vec<u64> = ids.map(|id| id.as_u64().unwrap()).collect();
        let found: Vec<u64> = tokenizer
            .encode(text, 256)
            .into_iter()
            .map(u64::from)
            .collect();
        assert_eq!(found, ids, "{text:?}");
    }
}

#[test]
fn a_text_is_cut_where_there_is_no_room() {
    let tokenizer = Tokenizer::new();
    let whole = tokenizer.encode("the boat is back in the harbour", 100);
    for most in 0..12 {
        let cut = tokenizer.encode("the boat is back in the harbour", most);
        let wanted = whole.len().min(most.max(2));
        assert_eq!(cut.len(), wanted);
        assert_eq!(cut[..wanted - 1], whole[..wanted - 1]);
        assert_eq!(cut.last(), whole.last());
    }
    assert_eq!(tokenizer.encode("[SEP]", 10).len(), 5);
}
