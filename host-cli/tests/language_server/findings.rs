//! What is found in rule sets that compile: the analysis, and invariants on generated rows.

use crate::URI;
use crate::client::{Client, range};
use serde_json::{Value, json};

const ODD: &str = "ruleset fares {
  input { fare: double  late: bool }
  output { refund: double = 0.0 }
  rule some { when fare > 5.0 && fare > 3.0 then { refund = fare } }
  rule never { when late && !late then { refund = 1.0 } }
  invariant \"bounded\" { assert refund <= 100.0 }
  invariant \"kept\" { assert refund == 0.0 || fare > 5.0 }
  invariant \"idle\" { when late && !late assert false }
}
";

fn codes(published: &Value) -> Vec<(&str, u64)> {
    let found = published["diagnostics"].as_array().unwrap().iter();
    found
        .map(|each| {
            let line = each["range"]["start"]["line"].as_u64().unwrap();
            (each["code"].as_str().unwrap(), line)
        })
        .collect()
}

#[test]
fn findings_stand_where_they_belong_with_a_counterexample() {
    let (mut client, _) = Client::initialized(json!({}));
    let published = client.open(URI, ODD);
    let expected = [
        ("rule.analysis.redundant-condition", 3),
        ("rule.analysis.never-fires", 4),
        ("rule.analysis.invariant-violated", 5),
        ("rule.analysis.invariant-idle", 7),
    ];
    assert_eq!(codes(&published), expected);
    let violated = &published["diagnostics"][2];
    assert_eq!(violated["severity"], 1);
    assert_eq!(violated["range"], range(5, 12, 21));
    let message = violated["message"].as_str().unwrap();
    assert!(message.contains("`refund` = 10"), "{message}");
    let idle = published["diagnostics"][3]["message"].as_str().unwrap();
    assert!(idle.contains("none of"), "{idle}");
    assert!(
        idle.contains("help: its `when` may never be true"),
        "{idle}"
    );

    // Errors are all there is to say of a rule set that does not compile.
    let broken = json!([{ "range": range(3, 19, 23), "text": "fore" }]);
    let published = client.change(URI, 2, broken);
    assert_eq!(codes(&published), [("rule.check.unknown-name", 3)]);

    let sound = json!([{ "text": ODD
        .replace("fare > 5.0 && fare > 3.0", "fare > 5.0 && fare <= 100.0")
        .replace("|| fare > 5.0 }", "|| fare > 5.0 || late }")
        .replace("late && !late then", "late then")
        .replace("late && !late assert false", "late assert refund > 0.0") }]);
    assert_eq!(codes(&client.change(URI, 3, sound)), []);
}

#[test]
fn an_answer_does_not_wait_for_the_check() {
    let (mut client, _) = Client::initialized(json!({}));
    let mut rules = String::from("ruleset many {\n  input { a: int }\n  output { o: int = 0 }\n");
    for rule in 0..4_000 {
        rules += &format!("  rule r{rule} {{ when a == {rule} then {{ o = {rule} }} }}\n");
    }
    rules += "}\n";
    let item = json!({ "uri": URI, "languageId": "rules", "version": 1, "text": rules });
    client.tell("textDocument/didOpen", json!({ "textDocument": item }));
    let small = "untitled:small";
    let item = json!({ "uri": small, "languageId": "rules", "version": 1, "text": "ruleset s {}" });
    client.tell("textDocument/didOpen", json!({ "textDocument": item }));
    // The first check takes far longer than reading one small text.
    let params = json!({ "textDocument": { "uri": small } });
    let symbols = client.ask("textDocument/documentSymbol", params);
    assert_eq!(symbols[0]["name"], "s");
    assert_eq!(client.diagnostics(URI)["version"], 1);
    assert_eq!(client.diagnostics(small)["version"], 1);
}

/// What was typed in the meantime is checked as it is at the end, and each version once at most.
#[test]
fn typing_ahead_of_the_checks() {
    let (mut client, _) = Client::initialized(json!({}));
    assert_eq!(
        client.open(URI, "ruleset a { output { o: int = 0 } }")["version"],
        1
    );
    const N_VERSIONS: i64 = 200;
    for version in 2..=N_VERSIONS {
        let document = json!({ "uri": URI, "version": version });
        let text = format!("ruleset a {{ output {{ o: int = {version} }} }}");
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        client.tell("textDocument/didChange", params);
    }
    let mut last = 1;
    while last < N_VERSIONS {
        let version = client.diagnostics(URI)["version"].as_i64().unwrap();
        assert!(version > last, "{version} after {last}");
        last = version;
    }
}
