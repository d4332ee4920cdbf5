//! GoRules' JSON Decision Model: a graph of decision tables and expressions.

use crate::cel::Expression;
use crate::foreign::{Dialect, Names};
use crate::model::{Model, Output, Row, Step, Table};
use crate::tree::Node;
use crate::unary;
use crate::writer::{identifier, quoted};
use crate::{Import, ImportError, Result, json};
use rulestage_rule_compiler::types::Type;
use std::collections::BTreeMap;

pub(crate) fn import(text: &str) -> Result<Import> {
    let root = json::parse(text)?;
    root.expect_map("a JDM file")?;
    let nodes = root
        .get("nodes")
        .ok_or_else(|| ImportError::new(root.line, "this is no JDM file: there is no `nodes`"))?
        .expect_list("`nodes`")?;
    let graph = Graph::read(nodes, root.get_list("edges")?)?;
    let mut reader = Reader {
        model: Model::default(),
        names: Names {
            dialect: Dialect::Zen,
            known: Vec::new(),
        },
        graph: &graph,
    };
    for index in graph.order()? {
        reader.node(index)?;
    }
    reader.model.finish("decision", "")
}

/// Nodes and what feeds what, by index.
struct Graph<'a> {
    nodes: &'a [Node],
    edges: Vec<(usize, usize)>,
}

impl<'a> Graph<'a> {
    fn read(nodes: &'a [Node], edges: &[Node]) -> Result<Self> {
        let mut by_id = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate() {
            node.expect_map("a node")?;
            let id = node
                .get_text("id")?
                .ok_or_else(|| ImportError::new(node.line, "a node needs `id`"))?;
            if by_id.insert(id, index).is_some() {
                let message = format!("there are two nodes with the id `{id}`");
                return Err(ImportError::new(node.line, message));
            }
        }
        let mut pairs = Vec::new();
        for edge in edges {
            let end = |key: &str| {
                let id = edge.get_text(key)?.unwrap_or_default();
                by_id.get(id).copied().ok_or_else(|| {
                    ImportError::new(edge.line, format!("an edge's `{key}` is no node: `{id}`"))
                })
            };
            pairs.push((end("sourceId")?, end("targetId")?));
        }
        Ok(Self {
            nodes,
            edges: pairs,
        })
    }

    /// Each node behind those that feed it.
    fn order(&self) -> Result<Vec<usize>> {
        let mut left: Vec<usize> = (0..self.nodes.len()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let next = left.iter().position(|node| {
                let feeds = |(from, to): &(usize, usize)| to == node && left.contains(from);
                !self.edges.iter().any(feeds)
            });
            let Some(next) = next else {
                let line = self.nodes[left[0]].line;
                return Err(ImportError::new(
                    line,
                    "the nodes feed each other in a circle",
                ));
            };
            order.push(left.remove(next));
        }
        Ok(order)
    }

    fn is(&self, node: usize, kind: &str) -> bool {
        self.nodes[node].get("type").and_then(Node::text) == Some(kind)
    }

    /// Whether what the node makes is part of the result: it feeds an output node, also through nodes that pass on what
    /// they get, or nothing at all.
    fn is_visible(&self, node: usize, depth: usize) -> bool {
        let mut targets = self
            .edges
            .iter()
            .filter(|(from, _)| *from == node)
            .peekable();
        if targets.peek().is_none() {
            return true;
        }
        depth < 64
            && targets.any(|(_, to)| {
                let content = self.nodes[*to].get("content");
                let passes = content
                    .and_then(|content| content.get("passThrough"))
                    .and_then(Node::text);
                self.is(*to, "outputNode")
                    || passes == Some("true") && self.is_visible(*to, depth + 1)
            })
    }

    /// Whether another node reads what the node makes.
    fn is_read(&self, node: usize) -> bool {
        let mut edges = self.edges.iter();
        edges.any(|(from, to)| *from == node && !self.is(*to, "outputNode"))
    }
}

struct Reader<'a> {
    model: Model,
    names: Names,
    graph: &'a Graph<'a>,
}

impl Reader<'_> {
    fn node(&mut self, index: usize) -> Result<()> {
        let node = &self.graph.nodes[index];
        let kind = node.get_text("type")?.unwrap_or_default();
        let name = node.get_text("name")?.unwrap_or("decision");
        match kind {
            "inputNode" | "outputNode" => Ok(()),
            "decisionTableNode" => self.table(index, name),
            "expressionNode" => self.expressions(index),
            _ => {
                let message =
                    format!("the node `{name}` is left out: a `{kind}` can't be imported");
                self.model.writer.lose(node.line, message);
                Ok(())
            }
        }
    }

    fn output(&mut self, node: usize, field: &Node, name: &str, doc: &str) -> Output {
        let plain = identifier(name);
        if plain != name {
            let message = format!("the output `{name}` is called `{plain}`");
            self.model.writer.lose(field.line, message);
        }
        let is_visible = self.graph.is_visible(node, 0);
        let is_read = self.graph.is_read(node);
        let output = is_visible.then(|| self.model.writer.name(&plain));
        let value = is_read.then(|| {
            let suffix = if is_visible { "_value" } else { "" };
            self.model.writer.name(&format!("{plain}{suffix}"))
        });
        Output {
            doc: doc.to_owned(),
            name: output,
            value,
            ty: None,
            order: Vec::new(),
            default: None,
        }
    }

    /// What later nodes call the outputs.
    fn learn(&mut self, names: &[String], outputs: &[Output]) {
        for (name, output) in names.iter().zip(outputs) {
            if let Some(value) = &output.value {
                self.names.known.retain(|(known, _)| known != name);
                self.names.known.push((name.clone(), value.clone()));
            }
        }
    }

    fn table(&mut self, index: usize, name: &str) -> Result<()> {
        let node = &self.graph.nodes[index];
        let content = node
            .get("content")
            .ok_or_else(|| ImportError::new(node.line, "a decision table needs `content`"))?;
        // What is read later are values of their own.
        let is_list = content.get_text("hitPolicy")? == Some("collect")
            && self.graph.is_visible(index, 0)
            && !self.graph.is_read(index);
        let path = content.get_text("outputPath")?.unwrap_or_default();
        for key in ["inputField", "outputPath", "executionMode"] {
            let value = content.get_text(key)?.unwrap_or_default();
            let is_said = is_list && key == "outputPath";
            if !value.is_empty() && value != "single" && !is_said {
                let message = format!("the table `{name}` ignores its `{key}` `{value}`");
                self.model.writer.lose(content.line, message);
            }
        }
        let (hit, merge) = match content.get_text("hitPolicy")?.unwrap_or("first") {
            "first" => ("first", "first"),
            "collect" if is_list => ("collect", "collect"),
            "collect" => {
                let message = format!(
                    "the table `{name}` collects objects: each output becomes a list of its own"
                );
                self.model.writer.lose(content.line, message);
                ("collect", "collect")
            }
            other => {
                let message = format!("the hit policy `{other}` is not known");
                return Err(ImportError::new(content.line, message));
            }
        };
        let id = |column: &Node| {
            let id = column.get_text("id")?;
            let id = id.ok_or_else(|| ImportError::new(column.line, "a column needs `id`"))?;
            Ok(id.to_owned())
        };
        let mut columns = Vec::new();
        for column in content.get_list("inputs")? {
            let field = column.get_text("field")?.unwrap_or_default();
            // A column without a field holds conditions.
            let field = if field.trim().is_empty() {
                "true"
            } else {
                field
            };
            columns.push((id(column)?, self.expression(column, field)?));
        }
        if columns.is_empty() {
            return Err(ImportError::new(content.line, "a table needs `inputs`"));
        }
        let (mut ids, mut names, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for column in content.get_list("outputs")? {
            let field = column.get_text("field")?.unwrap_or_default().to_owned();
            let doc = column.get_text("name")?.filter(|doc| *doc != field);
            if is_list && field.contains('.') {
                let message = format!("`{field}` is one key of the objects of `{name}`");
                self.model.writer.lose(column.line, message);
            }
            if !is_list {
                outputs.push(self.output(index, column, &field, doc.unwrap_or_default()));
            }
            names.push(field);
            ids.push(id(column)?);
        }
        let mut rows = Vec::new();
        for row in content.get_list("rules")? {
            rows.push(self.row(row, &columns, &ids)?);
        }
        if is_list {
            let called = if path.is_empty() { name } else { path };
            let mut list = self.output(index, content, &identifier(called), "");
            list.ty = Some(Type::Map(Box::new(Type::String), Box::new(Type::Dyn)));
            outputs.push(list);
            for row in &mut rows {
                row.values = vec![Some(object(&names, &row.values, content.line)?)];
            }
            if path.is_empty() {
                let message =
                    format!("the list of the table `{name}`, which has no name, is an output");
                self.model.writer.lose(content.line, message);
            }
        } else {
            self.learn(&names, &outputs);
        }
        let table = Table {
            name: self.model.writer.name(name),
            hit,
            merge,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            outputs,
            rows,
        };
        self.model.steps.push(Step {
            line: node.line,
            doc: node.get_text("description")?.unwrap_or_default().to_owned(),
            table,
        });
        Ok(())
    }

    fn row(
        &mut self,
        row: &Node,
        columns: &[(String, Expression)],
        outputs: &[String],
    ) -> Result<Row> {
        row.expect_map("a rule")?;
        let mut tests = Vec::new();
        for (id, column) in columns {
            let text = row.get_text(id)?.unwrap_or_default();
            let subject = column.operand();
            let cell = if column.is_true() && !text.trim().is_empty() {
                let tokens = self.names.tokens(text);
                tokens
                    .and_then(|tokens| self.names.cel(&tokens, None))
                    .map(|condition| vec![unary::Test::Condition(condition)])
            } else {
                unary::parse(text, &subject, &self.names)
            };
            match cell {
                Ok(cell) => tests.push(cell),
                Err(reason) => {
                    let message = format!(
                        "a row never matches: its cell `{text}` can't be imported: {reason}"
                    );
                    self.model.writer.lose(row.line, message);
                    let never = Expression::parse("false").map_err(|_| row.line);
                    let never = never.map_err(|line| ImportError::new(line, "no expression"))?;
                    tests.push(vec![unary::Test::Condition(never)]);
                }
            }
        }
        let mut values = Vec::new();
        for id in outputs {
            let text = row.get_text(id)?.unwrap_or_default();
            values.push(if text.trim().is_empty() {
                None
            } else {
                self.value(row, text)
            });
        }
        Ok(Row {
            note: row.get_text("_description")?.unwrap_or_default().to_owned(),
            tests,
            values,
        })
    }

    fn expressions(&mut self, index: usize) -> Result<()> {
        let node = &self.graph.nodes[index];
        let Some(content) = node.get("content") else {
            return Ok(());
        };
        for entry in content.get_list("expressions")? {
            let key = entry.get_text("key")?.unwrap_or_default().to_owned();
            let text = entry.get_text("value")?.unwrap_or_default();
            if key.is_empty() || text.trim().is_empty() {
                continue;
            }
            let Some(value) = self.value(entry, text) else {
                continue;
            };
            let mut output = self.output(index, entry, &key, "");
            // The expressions of a node may read those above them.
            if output.value.is_none() {
                output.value = Some(
                    self.model
                        .writer
                        .name(&format!("{}_value", identifier(&key))),
                );
            }
            let outputs = vec![output];
            self.learn(&[key], &outputs);
            self.model.steps.push(Step {
                line: entry.line,
                doc: String::new(),
                table: Table {
                    name: String::new(),
                    hit: "first",
                    merge: "first",
                    columns: Vec::new(),
                    outputs,
                    rows: vec![Row {
                        note: String::new(),
                        tests: Vec::new(),
                        values: vec![Some(value)],
                    }],
                },
            });
        }
        Ok(())
    }

    fn value(&mut self, node: &Node, text: &str) -> Option<Expression> {
        let value = self.names.tokens(text);
        match value.and_then(|tokens| self.names.cel(&tokens, None)) {
            Ok(value) => Some(value),
            Err(reason) => {
                let message = format!("the value `{text}` is left out: {reason}");
                self.model.writer.lose(node.line, message);
                None
            }
        }
    }

    fn expression(&self, node: &Node, text: &str) -> Result<Expression> {
        let tokens = self.names.tokens(text);
        tokens
            .and_then(|tokens| self.names.cel(&tokens, None))
            .map_err(|reason| {
                ImportError::new(
                    node.line,
                    format!("the column `{text}` can't be imported: {reason}"),
                )
            })
    }
}

/// The outputs of a row as an object; a cell without a value is none of its fields.
fn object(names: &[String], values: &[Option<Expression>], line: u32) -> Result<Expression> {
    let fields = names.iter().zip(values).filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!("{}: {}", quoted(name), value.text))
    });
    let text = format!("{{{}}}", fields.collect::<Vec<_>>().join(", "));
    Expression::parse(&text).map_err(|reason| ImportError::new(line, reason))
}
