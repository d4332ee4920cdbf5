//! YAML to a tree.

use crate::tree::{MAX_DEPTH, Node, Value};
use crate::{ImportError, Result};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The only document of a YAML file. Anchors and aliases are refused: nothing that is meant needs them, and they are how a
/// small file becomes a large one.
pub(crate) fn parse(text: &str) -> Result<Node> {
    let mut open: Vec<Node> = Vec::new();
    let mut keys: Vec<Option<Node>> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            ImportError::new(error.marker().line() as u32, error.info().to_owned())
        })?;
        let line = span.start.line() as u32;
        let done = match event {
            Event::Scalar(text, style, _, _) => {
                let text = text.into_owned();
                Node::new(
                    line,
                    if style == ScalarStyle::Plain {
                        Value::Plain(text)
                    } else {
                        Value::Text(text)
                    },
                )
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_DEPTH {
                    let message = format!("nested more than {MAX_DEPTH} deep");
                    return Err(ImportError::new(line, message));
                }
                let is_list = matches!(event, Event::SequenceStart(..));
                let value = if is_list {
                    Value::List(Vec::new())
                } else {
                    Value::Map(Vec::new())
                };
                open.push(Node::new(line, value));
                keys.push(None);
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                keys.pop();
                match open.pop() {
                    Some(node) => node,
                    None => continue,
                }
            }
            Event::Alias(_) => {
                return Err(ImportError::new(
                    line,
                    "aliases (`*name`) are not read: write the value again",
                ));
            }
            Event::DocumentStart(_) if root.is_some() => {
                return Err(ImportError::new(line, "only one document is read"));
            }
            _ => continue,
        };
        match (open.last_mut(), keys.last_mut()) {
            (Some(parent), Some(key)) => match &mut parent.value {
                Value::List(list) => list.push(done),
                Value::Map(entries) => match key.take() {
                    None => *key = Some(done),
                    Some(name) => {
                        let is_double = entries.iter().any(|(other, _)| other.value == name.value);
                        if is_double {
                            let text = name.text().unwrap_or_default();
                            let message = format!("`{text}` is there twice");
                            return Err(ImportError::new(name.line, message));
                        }
                        entries.push((name, done));
                    }
                },
                Value::Text(_) | Value::Plain(_) => {}
            },
            _ => root = Some(done),
        }
    }
    root.ok_or_else(|| ImportError::new(1, "the file is empty"))
}
