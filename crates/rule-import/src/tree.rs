//! What YAML and JSON have in common: a tree whose nodes know their lines.

use crate::{ImportError, Result};

/// How deep a file may nest: more than any that is meant.
pub(crate) const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// From 1
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text, quoted or in a block
    Text(String),
    /// Without quotes: numbers, `true`, `null`, and in YAML whatever else
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn new(line: u32, value: Value) -> Self {
        Self { line, value }
    }

    /// The value of a key; `None` also for what is no map, and for null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        let (_, value) = entries.iter().find(|(name, _)| name.text() == Some(key))?;
        (!value.is_null()).then_some(value)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The text of a scalar, quoted or not.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(crate) fn expect_text(&self, what: &str) -> Result<&str> {
        self.text()
            .ok_or_else(|| ImportError::new(self.line, format!("{what} must be text")))
    }

    pub(crate) fn expect_list(&self, what: &str) -> Result<&[Self]> {
        match &self.value {
            Value::List(list) => Ok(list),
            _ => Err(ImportError::new(
                self.line,
                format!("{what} must be a list"),
            )),
        }
    }

    pub(crate) fn expect_map(&self, what: &str) -> Result<&[(Self, Self)]> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(ImportError::new(self.line, format!("{what} must be a map"))),
        }
    }

    /// The text of a key that may be missing.
    pub(crate) fn get_text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key)
            .map(|node| node.expect_text(&format!("`{key}`")))
            .transpose()
    }

    /// The elements of a key that may be missing.
    pub(crate) fn get_list(&self, key: &str) -> Result<&[Self]> {
        match self.get(key) {
            Some(node) => node.expect_list(&format!("`{key}`")),
            None => Ok(&[]),
        }
    }
}
