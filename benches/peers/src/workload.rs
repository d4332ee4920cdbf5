//! What the benchmark wrote: rows, the answers they must get, and the rules of large sets.

use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;

pub struct Workload {
    pub name: String,
    /// Objects
    pub rows: Vec<Json>,
    pub answers: Vec<Json>,
    pub rules: Option<Rules>,
}

#[derive(Clone)]
pub struct Rules {
    /// The values of all rules that fire, instead of the first one's
    pub all: bool,
    pub rules: Vec<Rule>,
}

#[derive(Clone)]
pub struct Rule {
    pub tests: Vec<Test>,
    pub value: Json,
}

#[derive(Clone)]
pub struct Test {
    pub input: String,
    pub operator: String,
    /// JSON
    pub constant: String,
}

impl Workload {
    pub fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().context("a folder")?.to_string_lossy();
        let rules = folder.join("rules.json");
        Ok(Self {
            name: name.into_owned(),
            rows: lines(&folder.join("rows.ndjson"))?,
            answers: lines(&folder.join("answers.ndjson"))?
                .into_iter()
                .map(|mut answer| answer["answer"].take())
                .collect(),
            rules: match rules.exists() {
                true => Some(Rules::read(&rules)?),
                false => None,
            },
        })
    }
}

impl Rules {
    fn read(path: &Path) -> Result<Self> {
        let mut file: Json = serde_json::from_slice(&fs::read(path)?)?;
        let rules = file["rules"].as_array_mut().context("no rules")?;
        Ok(Self {
            rules: rules.iter_mut().map(Rule::read).collect::<Result<_>>()?,
            all: file["hit"] == "all",
        })
    }

    /// The answer of a row: `fires` says of each rule whether it does.
    pub fn decide(
        &self,
        answer: Option<&mut Json>,
        mut fires: impl FnMut(usize) -> Result<bool>,
    ) -> Result<()> {
        let mut fired = Vec::new();
        for rule in 0..self.rules.len() {
            if fires(rule)? {
                fired.push(rule);
                if !self.all {
                    break;
                }
            }
        }
        let fired = std::hint::black_box(fired);
        if let Some(answer) = answer {
            let values = fired.iter().map(|&rule| self.rules[rule].value.clone());
            *answer = match self.all {
                true => values.collect(),
                false => values.last().unwrap_or_else(|| Json::from(0.0)),
            };
        }
        Ok(())
    }
}

impl Rule {
    fn read(rule: &mut Json) -> Result<Self> {
        let tests = rule["tests"].as_array().context("no tests")?;
        let text = |json: &Json| json.as_str().map(str::to_owned).context("no text");
        let tests = tests
            .iter()
            .map(|test| {
                Ok(Test {
                    input: text(&test[0])?,
                    operator: text(&test[1])?,
                    constant: test[2].to_string(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            tests,
            value: rule["value"].take(),
        })
    }

    /// The tests as `INPUT OPERATOR CONSTANT`, with this between them.
    pub fn condition(&self, before: &str, and: &str) -> String {
        let tests: Vec<String> = self
            .tests
            .iter()
            .map(|test| format!("{before}{} {} {}", test.input, test.operator, test.constant))
            .collect();
        tests.join(and)
    }
}

/// Are two answers the same value? Numbers go by their value, as JSON does not tell 1 from 1.0.
pub fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        _ => left == right,
    }
}

fn lines(path: &Path) -> Result<Vec<Json>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}
