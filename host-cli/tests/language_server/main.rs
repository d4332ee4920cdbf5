//! `rulestage lsp` as an editor meets it: the program is started and spoken to over its standard streams.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod client;
mod findings;

use client::{Client, at, range};
use serde_json::{Value, json};

const URI: &str = "file:///parcels.rules";

/// With text before the names, so that columns in bytes and in UTF-16 differ.
const SOURCE: &str = "ruleset parcels {
  input { weight: double  nm: string }
  output { note: string = \"\" merge first }
  let heavy = weight > 30.0
  rule r { when \"žluť 😀\" != nm && heavy then { note = \"x\" } }
}
";

fn labels(completions: &Value) -> Vec<&str> {
    let items = completions["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["label"].as_str().unwrap())
        .collect()
}

#[test]
fn a_session_with_edits() {
    let capabilities = json!({ "textDocument": {
        "publishDiagnostics": { "relatedInformation": true },
        "completion": { "completionItem": { "snippetSupport": true } },
    } });
    let (mut client, initialized) = Client::initialized(capabilities);
    assert_eq!(initialized["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(initialized["serverInfo"]["name"], "rulestage");
    let opened = client.open(URI, SOURCE);
    assert_eq!(
        (&opened["diagnostics"], &opened["version"]),
        (&json!([]), &json!(1))
    );

    // A misspelling, typed behind characters of one and two UTF-16 units.
    let broken = json!([{ "range": range(4, 35, 40), "text": "haevy" }]);
    let changed = client.change(URI, 2, broken);
    let diagnostic = &changed["diagnostics"][0];
    assert_eq!(changed["version"], 2);
    assert_eq!(diagnostic["code"], "rule.check.unknown-name");
    assert_eq!(
        diagnostic["message"],
        "unknown name `haevy`\nhelp: did you mean `heavy`?"
    );
    assert_eq!(diagnostic["range"], range(4, 35, 40));
    assert_eq!(diagnostic["severity"], 1);
    let params = json!({ "textDocument": { "uri": URI }, "range": range(4, 35, 35), "context": { "diagnostics": [] } });
    let actions = client.ask("textDocument/codeAction", params);
    let edit = json!({ "range": range(4, 35, 40), "newText": "heavy" });
    assert_eq!(actions[0]["edit"]["changes"][URI], json!([edit]));
    assert_eq!(actions[0]["kind"], "quickfix");

    // Two changes in one notification: each sees the text that the one before it left.
    let repaired = json!([
        { "range": range(4, 35, 40), "text": "" },
        { "range": range(4, 35, 35), "text": "heavy" },
    ]);
    assert_eq!(client.change(URI, 3, repaired)["diagnostics"], json!([]));

    // A second declaration points at the first one.
    let twice = json!([{ "range": range(3, 2, 2), "text": "let weight = 1\n  " }]);
    let found = client.change(URI, 4, twice);
    let related = &found["diagnostics"][0]["relatedInformation"][0];
    assert_eq!(
        related["location"],
        json!({ "uri": URI, "range": range(1, 10, 16) })
    );
    client.change(URI, 5, json!([{ "text": SOURCE }]));

    let hover = client.ask_at("textDocument/hover", 4, 35);
    assert_eq!(hover["contents"]["value"], "```rules\nlet heavy: bool\n```");
    assert_eq!(hover["range"], range(4, 35, 40));
    assert_eq!(client.ask_at("textDocument/hover", 99, 0), Value::Null);
    let definition = client.ask_at("textDocument/definition", 4, 35);
    assert_eq!(definition["range"], range(3, 6, 11));
    let mut params = at(3, 7);
    params["context"] = json!({ "includeDeclaration": true });
    let references = client.ask("textDocument/references", params);
    let places: Vec<&Value> = references
        .as_array()
        .unwrap()
        .iter()
        .map(|each| &each["range"])
        .collect();
    assert_eq!(places, [&range(3, 6, 11), &range(4, 35, 40)]);
    let highlights = client.ask_at("textDocument/documentHighlight", 3, 7);
    assert_eq!(highlights.as_array().unwrap().len(), 2);

    let prepared = client.ask_at("textDocument/prepareRename", 4, 36);
    assert_eq!(
        prepared,
        json!({ "range": range(4, 35, 40), "placeholder": "heavy" })
    );
    let mut params = at(4, 36);
    params["newName"] = json!("bulky");
    let renamed = client.ask("textDocument/rename", params.clone());
    let edits = [range(3, 6, 11), range(4, 35, 40)]
        .map(|range| json!({ "range": range, "newText": "bulky" }));
    assert_eq!(renamed["changes"][URI], json!(edits));
    params["newName"] = json!("weight");
    let refused = client.ask_any("textDocument/rename", params);
    assert_eq!(refused["error"]["code"], -32803);
    assert_eq!(
        refused["error"]["message"],
        "the name `weight` is taken by the input `weight`"
    );

    let symbols = client.ask(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": URI } }),
    );
    assert_eq!(symbols[0]["name"], "parcels");
    assert_eq!(symbols[0]["children"][3]["name"], "heavy");
    assert_eq!(symbols[0]["children"][3]["detail"], "bool");

    client.change(
        URI,
        6,
        json!([{ "range": range(3, 14, 27), "text": "size(\"a\")." }]),
    );
    let members = client.ask_at("textDocument/completion", 3, 24);
    assert!(!labels(&members).contains(&"contains"), "of an int");
    client.change(
        URI,
        7,
        json!([{ "range": range(3, 14, 24), "text": "\"a\".con" }]),
    );
    let members = client.ask_at("textDocument/completion", 3, 21);
    let contains = members["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["label"] == "contains")
        .unwrap();
    assert_eq!(
        contains["textEdit"],
        json!({ "range": range(3, 18, 21), "newText": "contains($0)" })
    );
    assert_eq!(contains["insertTextFormat"], 2);
    client.change(
        URI,
        8,
        json!([{ "range": range(3, 18, 21), "text": "contains(" }]),
    );
    let help = client.ask_at("textDocument/signatureHelp", 3, 27);
    assert_eq!(
        help["signatures"][0]["label"],
        "string.contains(string) -> bool"
    );

    assert_eq!(
        client.ask_any("shutdown", Value::Null)["result"],
        Value::Null
    );
    assert_eq!(
        client.ask_any("textDocument/hover", at(0, 0))["error"]["code"],
        -32600
    );
    client.tell("exit", Value::Null);
    assert_eq!(client.finish(), (Some(0), String::new()));
}

/// Tables, functions, types beside names and folds, over the protocol.
#[test]
fn tables_and_functions() {
    const TABLE: &str = "ruleset refunds {
  input { late: int  far: bool }
  output { refund: double = 0.0 merge sum }
  let minutes = late * 1
  func half(x: double) -> double = x / 2.0
  table paid hit first {
    | minutes | far  || refund     |
    | > 60    | true || half(90.0) |
    | > 30    | -    || 10.0       |
  }
}
";
    let (mut client, initialized) = Client::initialized(json!({}));
    let capabilities = &initialized["capabilities"];
    assert_eq!(capabilities["foldingRangeProvider"], true);
    assert_eq!(capabilities["inlayHintProvider"], true);
    assert_eq!(client.open(URI, TABLE)["diagnostics"], json!([]));

    let document = json!({ "textDocument": { "uri": URI } });
    let symbols = client.ask("textDocument/documentSymbol", document.clone());
    let children: Vec<(&str, &str)> = symbols[0]["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            (
                each["name"].as_str().unwrap(),
                each["detail"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(children[4], ("half", "(x: double) -> double"));
    assert_eq!(children[5], ("paid", "hit first"));

    let hover = client.ask_at("textDocument/hover", 7, 8);
    assert_eq!(hover["contents"]["value"], "```rules\nminutes: int\n```");
    let definition = client.ask_at("textDocument/definition", 7, 25);
    assert_eq!(definition["range"], range(4, 7, 11));
    let mut params = at(4, 8);
    params["newName"] = json!("halved");
    let renamed = client.ask("textDocument/rename", params);
    let edits = [range(4, 7, 11), range(7, 24, 28)]
        .map(|range| json!({ "range": range, "newText": "halved" }));
    assert_eq!(renamed["changes"][URI], json!(edits));

    let whole = json!({ "textDocument": { "uri": URI }, "range": { "start": at(0, 0)["position"], "end": at(11, 0)["position"] } });
    let hints = client.ask("textDocument/inlayHint", whole);
    let hint = json!([{ "position": { "line": 3, "character": 13 }, "label": ": int", "kind": 1 }]);
    assert_eq!(hints, hint);
    let folds = client.ask("textDocument/foldingRange", document);
    let expected = json!([{ "startLine": 0, "endLine": 10 }, { "startLine": 5, "endLine": 9 }]);
    assert_eq!(folds, expected);

    let policies = client.ask_at("textDocument/completion", 5, 17);
    assert!(labels(&policies).contains(&"rule order"));
    client.change(URI, 2, json!([{ "range": range(8, 24, 28), "text": "ha" }]));
    let found = client.ask_at("textDocument/completion", 8, 26);
    assert!(labels(&found).contains(&"half"));
    client.tell("exit", Value::Null);
    client.finish();
}

#[test]
fn utf8_is_preferred_where_the_client_has_it() {
    let capabilities = json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } });
    let (mut client, initialized) = Client::initialized(capabilities);
    assert_eq!(initialized["capabilities"]["positionEncoding"], "utf-8");
    client.open(URI, SOURCE);
    // Two letters of two bytes and one of four before it.
    let hover = client.ask_at("textDocument/hover", 4, 39);
    assert_eq!(hover["range"], range(4, 39, 44));
}

#[test]
fn semantic_tokens_are_relative_and_stay_on_their_lines() {
    let (mut client, initialized) = Client::initialized(json!({}));
    let legend = &initialized["capabilities"]["semanticTokensProvider"]["legend"]["tokenTypes"];
    client.open(URI, "// é😀\nruleset a { let b = \"\"\"x\ny\"\"\" }");
    let tokens = client.ask(
        "textDocument/semanticTokens/full",
        json!({ "textDocument": { "uri": URI } }),
    );
    let data: Vec<u64> = tokens["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each.as_u64().unwrap())
        .collect();
    let found: Vec<(u64, u64, u64, &str)> = data
        .chunks(5)
        .map(|each| {
            (
                each[0],
                each[1],
                each[2],
                legend[each[3] as usize].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (0, 0, 6, "comment"),
        (1, 0, 7, "keyword"),
        (0, 8, 1, "variable"),
        (0, 4, 3, "keyword"),
        (0, 4, 1, "variable"),
        (0, 2, 1, "operator"),
        (0, 2, 4, "string"),
        (1, 0, 4, "string"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn formatting_changes_what_differs() {
    let (mut client, _) = Client::initialized(json!({}));
    let params = json!({ "textDocument": { "uri": URI }, "options": { "tabSize": 4, "insertSpaces": true } });
    client.open(URI, "ruleset a {\n  let é   = 1\n}\n");
    let broken = client.ask("textDocument/formatting", params.clone());
    assert_eq!(broken, Value::Null, "what can't be read is left alone");
    client.change(
        URI,
        2,
        json!([{ "text": "ruleset a {\n  let b   = \"é\"\n}\n" }]),
    );
    let edits = client.ask("textDocument/formatting", params.clone());
    assert_eq!(edits, json!([{ "range": range(1, 8, 10), "newText": "" }]));
    client.change(URI, 3, json!([{ "range": range(1, 8, 10), "text": "" }]));
    assert_eq!(client.ask("textDocument/formatting", params), json!([]));
}

#[test]
fn documents_are_apart() {
    let (mut client, _) = Client::initialized(json!({}));
    let other = "untitled:Untitled-1";
    assert_eq!(client.open(URI, SOURCE)["diagnostics"], json!([]));
    let found = client.open(other, "ruleset b { let c = d }");
    assert_eq!(found["diagnostics"][0]["code"], "rule.check.unknown-name");
    assert!(found["diagnostics"][0].get("relatedInformation").is_none());
    assert_eq!(
        client.ask_at("textDocument/hover", 0, 9)["contents"]["value"],
        "```rules\nruleset parcels\n```"
    );
    client.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": other } }),
    );
    assert_eq!(client.diagnostics(other)["diagnostics"], json!([]));
    let params =
        json!({ "textDocument": { "uri": other }, "position": { "line": 0, "character": 0 } });
    let closed = client.ask_any("textDocument/hover", params);
    assert_eq!(closed["error"]["code"], -32602);
    assert_eq!(
        closed["error"]["message"],
        "`untitled:Untitled-1` is not open"
    );
}

#[test]
fn broken_messages_are_answered_and_the_session_goes_on() {
    let mut client = Client::start();
    let early = client.ask_any("textDocument/hover", at(0, 0));
    assert_eq!(early["error"]["code"], -32002);
    client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(
        client.ask_any("initialize", json!({ "capabilities": {} }))["error"]["code"],
        -32600
    );
    let cases = [
        ("{\"jsonrpc\": \"2.0\", \"id\": 1,", json!(null), -32700),
        ("\u{feff}", json!(null), -32700),
        ("[]", json!(null), -32600),
        ("42", json!(null), -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":7}", json!(7), -32600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":5}",
            json!(7),
            -32600,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"shutdown\"}",
            json!(null),
            -32600,
        ),
        ("{\"id\":\"a\",\"method\":\"shutdown\"}", json!("a"), -32600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"no/such\"}",
            json!("a"),
            -32601,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"textDocument/hover\"}",
            json!(8),
            -32602,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"textDocument/hover\",\"params\":[1]}",
            json!(8),
            -32602,
        ),
    ];
    for (body, id, code) in cases {
        client.send_text(body);
        let answer = client.receive();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&id, &json!(code)),
            "{body}"
        );
    }
    // Nothing of this is answered.
    client.tell("no/such", json!({}));
    client.tell("$/cancelRequest", json!({ "id": 1 }));
    client.tell("textDocument/didOpen", json!({ "textDocument": 5 }));
    client.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": "a:b", "version": 2 }, "contentChanges": [] }),
    );
    client.send_text("{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":null}");
    // Headers in any case and order.
    let body = "{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"shutdown\"}";
    let message = format!(
        "content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:{}\r\n\r\n{body}",
        body.len()
    );
    client.send_raw(message.as_bytes());
    assert_eq!(client.receive()["id"], "last");
    assert_eq!(
        client.finish().0,
        Some(0),
        "the end of the input after a shutdown"
    );
}

#[test]
fn exits() {
    let (mut client, _) = Client::initialized(json!({}));
    client.tell("exit", Value::Null);
    assert_eq!(client.finish().0, Some(1), "no shutdown before");

    let mut client = Client::start();
    client.tell("exit", Value::Null);
    assert_eq!(client.finish().0, Some(1), "not even initialized");

    let (client, _) = Client::initialized(json!({}));
    assert_eq!(
        client.finish(),
        (Some(1), String::new()),
        "the client went away"
    );

    for bytes in [
        "Content-Length: x\r\n\r\n{}",
        "hello\r\n\r\n",
        "Content-Type: a\r\n\r\n",
        "Content-Length: 9\r\n\r\n{}",
    ] {
        let (mut client, _) = Client::initialized(json!({}));
        client.send_raw(bytes.as_bytes());
        let (status, rest) = client.finish();
        assert_eq!(status, Some(3), "{bytes:?}");
        assert!(rest.contains("-32700"), "{rest}");
    }
}
