//! Files that can't be used: each is refused with a message that names the file, the place and what to do, the
//! fitting exit status, and no output.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

mod support;

use std::fs;
use std::path::Path;
use support::Folder;

const RULES: &str = r#"
ruleset reference {
  input { age: int  country: string  score: double }
  output { eligible: bool = false }
  rule ok { when age >= 18 && country == "CZ" && score > 0.75 then { eligible = true } }
}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("reference.rules", RULES);
    folder
}

/// Runs the rules over a file and expects a refusal without any output.
#[track_caller]
fn refuses(name: &str, content: impl AsRef<[u8]>, status: i32, messages: &[&str]) {
    let folder = folder();
    folder.write(name, content);
    folder
        .run(&format!("run reference.rules -i {name} -o out.ndjson"))
        .fails(status, messages);
    assert!(!folder.join("out.ndjson").exists());
    assert_eq!(folder.names().len(), 2, "{:?}", folder.names());
}

#[test]
fn a_missing_file_is_named_with_the_nearest() {
    let folder = folder();
    folder.write("people.csv", "age,country,score\n1,CZ,1\n");
    folder
        .run("run reference.rules -i peple.csv -o out.csv")
        .fails(
            3,
            &["peple.csv", "no such file", "did you mean `people.csv`"],
        );
    folder
        .run("run referenc.rules -i people.csv -o out.csv")
        .fails(
            3,
            &[
                "referenc.rules",
                "no such file",
                "did you mean `reference.rules`",
            ],
        );
    folder
        .run("run reference.rules -i people.csv -o no/such/out.csv")
        .fails(3, &["no/such/out.csv"]);
    assert_eq!(folder.names(), ["people.csv", "reference.rules"]);
}

#[test]
fn a_folder_is_no_file() {
    let folder = folder();
    folder
        .run("run reference.rules -i . -o out.csv --format csv")
        .fails(3, &["`.`"]);
}

#[test]
fn a_missing_column_is_named_with_the_nearest() {
    refuses(
        "in.csv",
        "age,contry,score\n33,CZ,0.9\n",
        3,
        &["in.csv", "`country`", "`contry`", "reference"],
    );
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_row() {
    let good = "{\"age\":33,\"country\":\"CZ\",\"score\":0.9}\n";
    let bad = "{\"age\":\"x\",\"country\":\"CZ\",\"score\":0.9}\n";
    refuses(
        "in.ndjson",
        format!("{good}{bad}"),
        1,
        &["row 1", "`age`", "int"],
    );
    refuses(
        "in.csv",
        "age,country,score\n33,CZ,0.9\n34,CZ,high\n",
        1,
        &["row 1", "`score`", "double", "high"],
    );
    refuses(
        "in.csv",
        "age,country,score\n,CZ,0.9\n",
        1,
        &["row 0", "`age`"],
    );
}

#[test]
fn a_column_of_the_wrong_type_is_named() {
    let folder = folder();
    folder.write("in.csv", "age,country,score\n33,CZ,0.9\n").write(
        "other.rules",
        "ruleset other {\n  input { country: int  age: bool }\n  output { x: bool = false }\n  rule r { when country > 1 && age then { x = true } }\n}\n",
    );
    folder
        .run("run reference.rules -i in.csv -o typed.parquet --columns age,country,score")
        .done();
    folder
        .run("run other.rules -i typed.parquet -o out.csv")
        .fails(3, &["typed.parquet", "`age` is int", "bool", "other"]);
    assert!(!folder.join("out.csv").exists());
}

#[test]
fn an_unknown_extension_asks_for_the_format() {
    refuses("in.xls", "age\n", 2, &["in.xls", "--format"]);
}

#[test]
fn malformed_csv_is_told_by_line() {
    refuses(
        "in.csv",
        "age,country,score\n33,CZ,0.9\n34,CZ\n",
        3,
        &["in.csv:3:"],
    );
    refuses(
        "in.csv",
        "age,country,score\n33,CZ,0.9\n34,CZ,0.9,1\n",
        3,
        &["in.csv:3:"],
    );
    refuses(
        "in.csv",
        b"age,country,score\n33,\xff,0.9\n",
        3,
        &["in.csv", "UTF-8"],
    );
}

#[test]
fn malformed_ndjson_is_told_by_line() {
    let good = "{\"age\":33,\"country\":\"CZ\",\"score\":0.9}\n";
    refuses(
        "in.ndjson",
        format!("{good}{good}{{\"age\":\n"),
        3,
        &["in.ndjson:3:"],
    );
    refuses("in.ndjson", format!("{good}[1]\n"), 3, &["in.ndjson:2:"]);
}

#[test]
fn a_bad_line_far_down_is_told_by_line() {
    let good = "{\"age\":33,\"country\":\"CZ\",\"score\":0.9}\n";
    refuses(
        "in.ndjson",
        format!("{}{{\n", good.repeat(20_000)),
        3,
        &["in.ndjson:20001:"],
    );
    let csv = format!("age,country,score\n{}34,CZ\n", "33,CZ,0.9\n".repeat(20_000));
    refuses("in.csv", csv, 3, &["in.csv:20002:"]);
}

#[test]
fn malformed_json_is_told() {
    refuses("in.json", "[{\"age\":33,", 3, &["in.json"]);
    refuses("in.json", "{\"age\":33}", 3, &["in.json"]);
}

#[test]
fn malformed_parquet_and_arrow_are_told() {
    refuses("in.parquet", "PAR1 not really", 3, &["in.parquet"]);
    refuses("in.parquet", "", 3, &["in.parquet"]);
    refuses("in.arrow", "ARROW1 not really", 3, &["in.arrow"]);
    let folder = folder();
    folder.write(
        "in.csv",
        format!("age,country,score\n{}", "33,CZ,0.9\n".repeat(1_000)),
    );
    folder
        .run("run reference.rules -i in.csv -o whole.parquet --columns age,country,score")
        .done();
    let whole = folder.read("whole.parquet");
    refuses("in.parquet", &whole[..whole.len() - 20], 3, &["in.parquet"]);
    // Pages of the first row group overwritten, the footer intact.
    let mut torn = whole.clone();
    torn[8..120].fill(0xff);
    refuses("in.parquet", torn, 3, &["in.parquet", "row group 0"]);
}

#[test]
fn a_manifest_is_checked_as_a_whole() {
    let folder = folder();
    folder.write("in.csv", "age,country,score\n33,CZ,0.9\n").write(
        "pipeline.toml",
        "[pipeline]\nname = \"p\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"a\"\nrules = \"referenc.rules\"\n",
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv")
        .fails(3, &["referenc.rules", "did you mean `reference.rules`"]);
    folder.write(
        "pipeline.toml",
        "[pipeline]\nname = \"p\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"a\"\nrules = \"reference.rules\"\nonerror = \"default\"\n",
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv")
        .fails(2, &["pipeline.toml:8:1", "onerror", "on_error"]);
    folder.write("pipeline.toml", "[pipeline\n");
    folder
        .run("check pipeline.toml")
        .fails(1, &["pipeline.toml:1"]);
    folder.write(
        "pipeline.toml",
        format!(
            "[pipeline]\nname = \"p\"\nversion = \"1.0.0\"\n\n[[stage]]\nname = \"a\"\nrules = \"reference.rules\"\nsha256 = \"{}\"\n",
            "0".repeat(64)
        ),
    );
    folder
        .run("run pipeline.toml -i in.csv -o out.csv")
        .fails(3, &["reference.rules", "SHA-256", &"0".repeat(64)]);
    assert!(!folder.join("out.csv").exists());
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let folder = folder();
    folder.write("in.csv", "age,country,score\n33,CZ,0.9\n");
    folder.run("compile reference.rules -o good.wasm").done();
    let good = folder.read("good.wasm");
    folder.write("truncated.wasm", &good[..good.len() / 2]);
    folder.write("core.wasm", wat::parse_str("(module)").unwrap());
    folder.write("text.wasm", "hello");
    folder.write("empty.wasm", wat::parse_str("(component)").unwrap());
    for (name, messages) in [
        ("truncated.wasm", ["truncated.wasm", "component"]),
        ("core.wasm", ["core.wasm", "component"]),
        ("text.wasm", ["text.wasm", "component"]),
        ("empty.wasm", ["empty.wasm", "rulestage:stage"]),
    ] {
        folder
            .run(&format!("run {name} -i in.csv -o out.csv"))
            .fails(3, &messages);
        assert!(!folder.join("out.csv").exists());
    }
}

#[test]
fn a_model_that_does_not_fit_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let stage = root.join("target/components/tabular.wasm");
    let stage = fs::read(&stage)
        .unwrap_or_else(|_| panic!("{} is missing: run `just components`", stage.display()));
    let folder = folder();
    folder
        .write("tabular.wasm", stage)
        .write(
            "codes.onnx",
            fs::read(root.join("tests/models/codes.onnx")).unwrap(),
        )
        .write("in.csv", "a,b,c\n1,2,3\n");
    let manifest = |model: &str, columns: &str| {
        format!(
            "[pipeline]\nname = \"p\"\nversion = \"1.0.0\"\n\n[[model]]\nname = \"codes\"\nfile = \"codes.onnx\"\n\n[[stage]]\nname = \"guess\"\ncomponent = \"tabular.wasm\"\nparams = {{ model = \"{model}\", columns = [{columns}], input = \"codes\" }}\n"
        )
    };
    let run = "run pipeline.toml -i in.csv -o out.csv";
    folder.write("pipeline.toml", manifest("codes", "\"a\", \"b\", \"c\""));
    folder
        .run(run)
        .fails(2, &["`guess`", "i64[batch, 2]", "f32[2, 3]"]);
    folder.write("pipeline.toml", manifest("code", "\"a\", \"b\""));
    folder
        .run(run)
        .fails(2, &["`guess`", "no model `code`", "`codes`"]);
    folder
        .write("pipeline.toml", manifest("codes", "\"a\", \"b\""))
        .write("codes.onnx", "no");
    folder.run(run).fails(2, &["`guess`", "not an ONNX model"]);
    assert!(!folder.join("out.csv").exists());
}
