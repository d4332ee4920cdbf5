//! What is known of a file: titles and values, as text and as JSON.

use super::{Style, quantity};
use serde_json::{Map, Value};

/// A file and what is known of it, in the order added.
#[derive(Debug)]
pub(crate) struct Facts {
    name: String,
    facts: Vec<(String, Fact)>,
}

/// One thing known.
#[derive(Debug)]
pub(crate) enum Fact {
    Text(String),
    Number(u64),
    /// A size
    Bytes(u64),
    List(Vec<String>),
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Facts {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            facts: Vec::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Adds a fact; an empty text is none.
    pub(crate) fn add(&mut self, title: impl Into<String>, fact: impl Into<Fact>) {
        let fact = fact.into();
        if !matches!(&fact, Fact::Text(text) if text.is_empty()) {
            self.facts.push((title.into(), fact));
        }
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.emphasis(&self.name));
        let width = self
            .facts
            .iter()
            .map(|(title, _)| title.chars().count())
            .max()
            .unwrap_or(0);
        for (title, fact) in &self.facts {
            for (index, line) in fact.lines().iter().enumerate() {
                let title = if index == 0 { title.as_str() } else { "" };
                text += &format!("  {}  {line}\n", style.faint(&format!("{title:width$}")));
            }
        }
        text
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("file".into(), self.name.as_str().into());
        for (title, fact) in &self.facts {
            json.insert(title.clone(), fact.to_json());
        }
        json.into()
    }
}

impl Fact {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text.lines().map(String::from).collect(),
            Self::Number(number) => vec![quantity::count(*number)],
            Self::Bytes(size) => vec![quantity::bytes(*size)],
            Self::List(items) if items.is_empty() => vec!["none".into()],
            Self::List(items) => items.clone(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) | Self::Bytes(number) => (*number).into(),
            Self::List(items) => items.as_slice().into(),
        }
    }
}
