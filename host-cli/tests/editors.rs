//! The settings of editors under `editors/`: they are read, they start what there is, and they know the language's words.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: what fails is a failure"
)]

use rulestage_rule_compiler::{TokenClass, highlight};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toml::de::DeTable;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join("editors").join(path)).unwrap()
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What Helix starts is a language server.
#[test]
fn helix_starts_the_server_for_rules() {
    let text = read("helix.toml");
    let settings = DeTable::parse(&text).unwrap();
    let settings = settings.get_ref();
    let language = &settings["language"].get_ref()[0];
    assert_eq!(
        language.get_ref()["file-types"].get_ref()[0]
            .get_ref()
            .as_str(),
        Some("rules")
    );
    let server = &language.get_ref()["language-servers"].get_ref()[0];
    let server = &settings["language-server"].get_ref()[server.get_ref().as_str().unwrap()];
    assert_eq!(
        server.get_ref()["command"].get_ref().as_str(),
        Some("rulestage")
    );
    let args = server.get_ref()["args"].get_ref().as_array().unwrap();
    let args: Vec<&str> = args
        .iter()
        .map(|each| each.get_ref().as_str().unwrap())
        .collect();

    let mut child = Command::new(env!("CARGO_BIN_EXE_rulestage"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let params = json!({ "processId": null, "rootUri": null, "capabilities": {} });
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let body = request.to_string();
    let mut input = child.stdin.take().unwrap();
    write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    drop(input);
    let mut answer = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut answer)
        .unwrap();
    assert!(answer.contains("\"name\":\"rulestage\""), "{answer}");
    child.wait().unwrap();
}

/// The parts of the extension are there and fit together; it starts what the others start.
#[test]
fn the_extension_for_vs_code_is_whole() {
    let package = read_json("vscode/package.json");
    for field in ["name", "version", "publisher", "engines", "license"] {
        assert!(!package[field].is_null(), "`{field}` is missing");
    }
    let is_there = |path: &Value| {
        let path = path.as_str().unwrap();
        let file = repository().join("editors/vscode").join(path);
        assert!(file.is_file(), "{path}");
        path.trim_start_matches("./").to_owned()
    };
    let parts = &package["contributes"];
    let language = &parts["languages"][0];
    assert_eq!(language["extensions"], json!([".rules"]));
    let configuration = read_json(&format!("vscode/{}", is_there(&language["configuration"])));
    assert_eq!(configuration["comments"]["lineComment"], "//");
    let grammar = &parts["grammars"][0];
    assert_eq!(grammar["language"], language["id"]);
    let rules = read_json(&format!("vscode/{}", is_there(&grammar["path"])));
    assert_eq!(rules["scopeName"], grammar["scopeName"]);
    let setting = &parts["configuration"]["properties"]["rulestage.path"];
    assert_eq!(setting["default"], "rulestage");

    let extension = read(&format!("vscode/{}", is_there(&package["main"])));
    assert!(extension.contains(r#"getConfiguration("rulestage").get("path")"#));
    assert!(extension.contains(r#"args: ["lsp"]"#));
    assert!(extension.contains(r#"language: "rules""#));
    for module in extension.split("require(\"").skip(1) {
        let module = module.split('"').next().unwrap();
        let package_name = module.split('/').next().unwrap();
        let is_known = package_name == "vscode" || !package["dependencies"][package_name].is_null();
        assert!(is_known, "`{module}` is no dependency");
    }
}

#[test]
fn neovim_starts_the_server_for_rules() {
    let settings = read("neovim.lua");
    assert!(settings.contains(r#"cmd = { "rulestage", "lsp" }"#));
    assert!(settings.contains(r#"extension = { rules = "rules" }"#));
    assert!(settings.contains(r#"filetypes = { "rules" }"#));
    assert!(settings.contains(r#"vim.lsp.enable("rulestage")"#));
}

/// Each word that the language has a meaning for, in the examples and the documentation, has its colour in VS Code.
#[test]
fn the_grammar_knows_the_words_of_the_language() {
    let grammar = read("vscode/rules.tmLanguage.json");
    let known: BTreeSet<&str> = grammar
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let mut sources = vec![fs::read_to_string(repository().join("docs/language.md")).unwrap()];
    for folder in fs::read_dir(repository().join("examples")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).into_iter().flatten() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "rules")
            {
                sources.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut words = BTreeSet::new();
    for source in &sources {
        // Of the documentation, what stands between fences.
        let parts = source.split("```").enumerate();
        let has_fences = source.contains("```");
        for (_, part) in parts.filter(|(index, _)| !has_fences || index % 2 == 1) {
            for (span, class) in highlight(part) {
                if matches!(class, TokenClass::Keyword | TokenClass::Type) {
                    words.insert(span.text(part).to_owned());
                }
            }
        }
    }
    assert!(words.len() > 25, "{words:?}");
    let unknown: Vec<&String> = words
        .iter()
        .filter(|word| !known.contains(word.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
