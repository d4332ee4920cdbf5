//! What hit policies, passed-through fields and lists of other formats decide, row by row, through the real components.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use support::{Folder, Ran};

/// A DMN table over the number `n`, with its attributes, what is declared of its output, and its rows.
fn dmn(policy: &str, output: &str, rows: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('<', "&lt;").replace('>', "&gt;");
    let rows = rows.iter().map(|(test, value)| {
        let test = escaped(test);
        format!(
            "<rule><inputEntry><text>{test}</text></inputEntry><outputEntry><text>{value}</text></outputEntry></rule>\n"
        )
    });
    format!(
        r#"<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="hits">
<inputData name="n"><variable name="n" typeRef="number"/></inputData>
<decision name="o"><variable name="o" typeRef="number"/>
<decisionTable {policy}>
<input><inputExpression typeRef="number"><text>n</text></inputExpression></input>
<output typeRef="number">{output}</output>
{}</decisionTable></decision></definitions>"#,
        rows.collect::<String>()
    )
}

/// Imports the model and runs it over rows of NDJSON.
fn decide(format: &str, model: &str, rows: &str, columns: &str) -> Ran {
    let folder = Folder::new();
    folder
        .write(&format!("in.{format}"), model)
        .write("in.ndjson", rows);
    let command = format!("import in.{format} --strict -o out.rules");
    folder.run(&command).done();
    folder.run(&format!(
        "run out.rules --input in.ndjson --output - --columns {columns} --quiet"
    ))
}

const ROWS: [(&str, &str); 3] = [("< 6", "10"), ("> 3", "20"), ("[4..7]", "10")];
const NUMBERS: &str = "{\"n\":1}\n{\"n\":5}\n{\"n\":9}\n{\"n\":null}\n";
const ORDER: &str = "<outputValues><text>20,10</text></outputValues>";

/// DMN 1.3, section 8.2.10: what `n` of 1, 5 and 9 and without a value are decided to be.
#[test]
fn hit_policies_of_dmn() {
    let cases = [
        ("FIRST", "", ["10.0", "10.0", "20.0", "null"]),
        ("PRIORITY", ORDER, ["10.0", "20.0", "20.0", "null"]),
        (
            "COLLECT",
            "",
            ["[10.0]", "[10.0,20.0,10.0]", "[20.0]", "[]"],
        ),
        (
            "RULE ORDER",
            "",
            ["[10.0]", "[10.0,20.0,10.0]", "[20.0]", "[]"],
        ),
        (
            "OUTPUT ORDER",
            ORDER,
            ["[10.0]", "[20.0,10.0,10.0]", "[20.0]", "[]"],
        ),
        (
            "COLLECT\" aggregation=\"SUM",
            "",
            ["10.0", "40.0", "20.0", "0.0"],
        ),
        (
            "COLLECT\" aggregation=\"MIN",
            "",
            ["10.0", "10.0", "20.0", "0.0"],
        ),
        (
            "COLLECT\" aggregation=\"MAX",
            "",
            ["10.0", "20.0", "20.0", "0.0"],
        ),
        ("COLLECT\" aggregation=\"COUNT", "", ["1", "3", "1", "0"]),
    ];
    for (policy, output, expected) in cases {
        let model = dmn(&format!("hitPolicy=\"{policy}\""), output, &ROWS);
        let ran = decide("dmn", &model, NUMBERS, "o").done();
        let expected: String = expected
            .iter()
            .map(|value| format!("{{\"o\":{value}}}\n"))
            .collect();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected, "{policy}");
    }
}

/// Unique unless given; rows that match together are an error, with *any* only where they differ.
#[test]
fn hit_policies_of_dmn_that_may_fail() {
    let apart = [("< 6", "10"), ("[6..7]", "20")];
    for policy in ["", "hitPolicy=\"UNIQUE\""] {
        let ran = decide("dmn", &dmn(policy, "", &apart), NUMBERS, "o").done();
        let out = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(
            out,
            "{\"o\":10.0}\n{\"o\":10.0}\n{\"o\":null}\n{\"o\":null}\n"
        );
        decide("dmn", &dmn(policy, "", &ROWS), NUMBERS, "o").fails(1, &["do not go together"]);
    }
    let any = "hitPolicy=\"ANY\"";
    let agreeing = [ROWS[0], ROWS[2]];
    let ran = decide("dmn", &dmn(any, "", &agreeing), NUMBERS, "o").done();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        out,
        "{\"o\":10.0}\n{\"o\":10.0}\n{\"o\":null}\n{\"o\":null}\n"
    );
    decide("dmn", &dmn(any, "", &ROWS), NUMBERS, "o").fails(1, &["do not go together"]);
}

/// Fields that nodes pass through come out beside what the last one makes; a list is tested for its elements.
#[test]
fn passed_through_fields_and_lists_of_jdm() {
    let model = r#"{
  "nodes": [
    {"id": "in", "type": "inputNode", "name": "in"},
    {"id": "e", "type": "expressionNode", "name": "e", "content": {
      "passThrough": true,
      "expressions": [{"id": "1", "key": "double", "value": "x * 2"}]
    }},
    {"id": "t", "type": "decisionTableNode", "name": "t", "content": {
      "hitPolicy": "first", "passThrough": true,
      "inputs": [{"id": "i", "field": "double"}, {"id": "j", "field": "kind"}],
      "outputs": [{"id": "o", "field": "size"}],
      "rules": [
        {"_id": "1", "i": "> 10", "j": "'a', 'b'", "o": "'large'"},
        {"_id": "2", "i": "", "j": "", "o": "'small'"}
      ]
    }},
    {"id": "out", "type": "outputNode", "name": "out"}
  ],
  "edges": [
    {"id": "1", "sourceId": "in", "targetId": "e"},
    {"id": "2", "sourceId": "e", "targetId": "t"},
    {"id": "3", "sourceId": "t", "targetId": "out"}
  ]
}"#;
    let rows = "{\"x\":6,\"kind\":\"a\"}\n{\"x\":6,\"kind\":\"c\"}\n{\"x\":1,\"kind\":\"b\"}\n{\"x\":1,\"kind\":null}\n";
    let ran = decide("json", model, rows, "double,size").done();
    assert_eq!(
        String::from_utf8(ran.stdout).unwrap(),
        "{\"double\":12.0,\"size\":\"large\"}\n{\"double\":12.0,\"size\":\"small\"}\n{\"double\":2.0,\"size\":\"small\"}\n{\"double\":2.0,\"size\":\"small\"}\n"
    );
}
