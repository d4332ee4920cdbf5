//! DMN: decisions as tables and expressions in FEEL, which require each other.

use crate::cel::Expression;
use crate::foreign::{Dialect, Names, Token, split};
use crate::model::{Model, Output, Row, Step, Table};
use crate::unary;
use crate::writer::identifier;
use crate::{Import, ImportError, Result};
use roxmltree::{Document, Node, ParsingOptions};
use rulestage_rule_compiler::types::Type;

/// More elements than a model that people maintain has.
const MAX_NODES: u32 = 2_000_000;
const MAX_DEPTH: usize = 64;

pub(crate) fn import(text: &str) -> Result<Import> {
    check_depth(text)?;
    // Without a DTD there are no entities to expand.
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| ImportError::new(error.pos().row, error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "definitions" {
        let name = root.tag_name().name();
        let message = format!("this is no DMN model: its root is `{name}`, not `definitions`");
        return Err(ImportError::new(1, message));
    }
    let reader = Reader {
        document: &document,
        model: Model::default(),
        names: Names {
            dialect: Dialect::Feel,
            known: Vec::new(),
        },
        root,
    };
    reader.read()
}

/// Refuses what nests too deep before a parser follows it.
fn check_depth(text: &str) -> Result<()> {
    let mut depth = 0_usize;
    let mut line = 1;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        line += rest[..at].matches('\n').count() as u32;
        let tag = &rest[at + 1..];
        let end = tag.find('>').unwrap_or(tag.len());
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !tag.starts_with(['!', '?']) && !tag[..end].ends_with('/') {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            return Err(ImportError::new(line, message));
        }
        rest = tag;
    }
    Ok(())
}

struct Reader<'a, 'input> {
    document: &'a Document<'input>,
    model: Model,
    names: Names,
    root: Node<'a, 'input>,
}

/// The children with this name, whatever the version of DMN.
fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

/// What stands in `<text>` below.
fn text_of<'a>(node: Node<'a, '_>) -> &'a str {
    child(node, "text")
        .and_then(|text| text.text())
        .unwrap_or_default()
        .trim()
}

fn description<'a>(node: Node<'a, '_>) -> &'a str {
    child(node, "description")
        .and_then(|node| node.text())
        .unwrap_or_default()
}

impl<'a, 'input> Reader<'a, 'input> {
    fn line(&self, node: Node<'_, '_>) -> u32 {
        self.document.text_pos_at(node.range().start).row
    }

    fn lose(&mut self, node: Node<'_, '_>, message: String) {
        let line = self.line(node);
        self.model.writer.lose(line, message);
    }

    fn error(&self, node: Node<'_, '_>, message: impl Into<String>) -> ImportError {
        ImportError::new(self.line(node), message)
    }

    fn read(mut self) -> Result<Import> {
        let root = self.root;
        for data in children(root, "inputData") {
            self.input(data);
        }
        for kind in ["businessKnowledgeModel", "decisionService", "import"] {
            for node in children(root, kind) {
                let name = node.attribute("name").unwrap_or_default();
                self.lose(node, format!("the {kind} `{name}` is left out"));
            }
        }
        let decisions: Vec<Node<'a, 'input>> = children(root, "decision").collect();
        if decisions.is_empty() {
            return Err(self.error(root, "there is no decision in the model"));
        }
        for decision in self.ordered(&decisions)? {
            let is_read = decisions
                .iter()
                .any(|other| required(*other).any(|id| Some(id) == decision.attribute("id")));
            self.decision(decision, is_read)?;
        }
        let name = identifier(root.attribute("name").unwrap_or("decision"));
        self.model.finish(&name, description(root))
    }

    /// Each decision behind those that it requires.
    fn ordered(&self, decisions: &[Node<'a, 'input>]) -> Result<Vec<Node<'a, 'input>>> {
        let mut left = decisions.to_vec();
        let mut order = Vec::new();
        while !left.is_empty() {
            let next = left.iter().position(|decision| {
                !required(*decision)
                    .any(|id| left.iter().any(|other| other.attribute("id") == Some(id)))
            });
            let Some(next) = next else {
                return Err(self.error(left[0], "the decisions require each other in a circle"));
            };
            order.push(left.remove(next));
        }
        Ok(order)
    }

    fn input(&mut self, data: Node<'a, 'input>) {
        let name = data.attribute("name").unwrap_or("input");
        let own = self.model.writer.name(name);
        if own != name {
            self.lose(data, format!("the input `{name}` is called `{own}`"));
        }
        let type_ref = child(data, "variable").and_then(|variable| variable.attribute("typeRef"));
        let ty = type_ref.map_or(Type::Dyn, |name| self.ty(name, 0));
        let ty = match ty {
            Type::Dyn | Type::Struct(_) | Type::List(_) => ty,
            _ => Type::Nullable(Box::new(ty)),
        };
        self.names.known.push((name.to_owned(), own.clone()));
        self.model.inputs.push((own, ty));
    }

    /// The type of a `typeRef`, without null.
    fn ty(&self, name: &str, depth: usize) -> Type {
        let name = name.rsplit(':').next().unwrap_or(name).trim();
        match name {
            "string" => Type::String,
            "number" | "integer" | "long" | "double" => Type::Double,
            "boolean" => Type::Bool,
            "date" | "dateTime" | "date and time" => Type::Timestamp,
            "dayTimeDuration" | "days and time duration" => Type::Duration,
            _ => {
                let items = children(self.root, "itemDefinition");
                let mut items = items.filter(|item| item.attribute("name") == Some(name));
                match items.next() {
                    Some(item) if depth < 16 => self.item(item, depth + 1),
                    _ => Type::Dyn,
                }
            }
        }
    }

    fn item(&self, item: Node<'_, '_>, depth: usize) -> Type {
        let components: Vec<(String, Type)> = children(item, "itemComponent")
            .map(|component| {
                let name = component.attribute("name").unwrap_or("item");
                let ty = if depth < 16 {
                    self.item(component, depth + 1)
                } else {
                    Type::Dyn
                };
                let ty = match ty {
                    Type::Dyn | Type::Struct(_) | Type::List(_) => ty,
                    _ => Type::Nullable(Box::new(ty)),
                };
                (identifier(name), ty)
            })
            .collect();
        let ty = if components.is_empty() {
            let name = child(item, "typeRef").and_then(|node| node.text());
            name.map_or(Type::Dyn, |name| self.ty(name, depth))
        } else {
            Type::Struct(components)
        };
        if item.attribute("isCollection") == Some("true") {
            Type::List(Box::new(ty))
        } else {
            ty
        }
    }

    fn decision(&mut self, decision: Node<'a, 'input>, is_read: bool) -> Result<()> {
        let name = decision.attribute("name").unwrap_or("decision").to_owned();
        if let Some(table) = child(decision, "decisionTable") {
            return self.table(decision, table, &name, is_read);
        }
        let Some(literal) = child(decision, "literalExpression") else {
            let message = format!(
                "the decision `{name}` is left out: only tables and literal expressions can be imported"
            );
            self.lose(decision, message);
            return Ok(());
        };
        let Some(value) = self.value(literal, text_of(literal)) else {
            return Ok(());
        };
        let type_ref = child(decision, "variable").and_then(|node| node.attribute("typeRef"));
        let ty = type_ref.map(|name| self.ty(name, 0));
        let output = self.output(decision, &name, ty, is_read);
        self.learn(vec![(name, &output)]);
        self.model.steps.push(Step {
            line: self.line(decision),
            doc: description(decision).to_owned(),
            table: Table {
                name: String::new(),
                hit: "first",
                merge: "first",
                columns: Vec::new(),
                outputs: vec![output],
                rows: vec![Row {
                    note: String::new(),
                    tests: Vec::new(),
                    values: vec![Some(value)],
                }],
            },
        });
        Ok(())
    }

    fn output(
        &mut self,
        node: Node<'_, '_>,
        name: &str,
        ty: Option<Type>,
        is_read: bool,
    ) -> Output {
        let own = self.model.writer.name(name);
        if own != name {
            self.lose(node, format!("the output `{name}` is called `{own}`"));
        }
        let value = is_read.then(|| self.model.writer.name(&format!("{own}_value")));
        Output {
            doc: String::new(),
            name: Some(own),
            value,
            ty: ty.filter(|ty| *ty != Type::Dyn),
            order: Vec::new(),
            default: None,
        }
    }

    /// What later decisions call the outputs.
    fn learn(&mut self, outputs: Vec<(String, &Output)>) {
        for (name, output) in outputs {
            if let Some(value) = &output.value {
                self.names.known.push((name, value.clone()));
            }
        }
    }

    fn table(
        &mut self,
        decision: Node<'a, 'input>,
        table: Node<'a, 'input>,
        name: &str,
        is_read: bool,
    ) -> Result<()> {
        let (hit, merge) = self.policy(table)?;
        let mut columns = Vec::new();
        for input in children(table, "input") {
            let expression = child(input, "inputExpression")
                .ok_or_else(|| self.error(input, "an input needs `inputExpression`"))?;
            let text = text_of(expression);
            let tokens = self.names.tokens(text);
            let column = tokens
                .and_then(|tokens| self.names.cel(&tokens, None))
                .map_err(|reason| {
                    let message = format!("the column `{text}` can't be imported: {reason}");
                    self.error(input, message)
                })?;
            self.type_input(&column, expression);
            columns.push(column);
        }
        let output_nodes: Vec<Node<'a, 'input>> = children(table, "output").collect();
        if columns.is_empty() || output_nodes.is_empty() {
            return Err(self.error(table, "a decision table needs inputs and outputs"));
        }
        let is_single = output_nodes.len() == 1;
        let mut outputs = Vec::new();
        let mut learned = Vec::new();
        for node in &output_nodes {
            // A single output is the decision; of several, each is a part of it.
            let own = node.attribute("name").filter(|name| !name.is_empty());
            let own = own.filter(|_| !is_single).unwrap_or(name).to_owned();
            let mut ty = node.attribute("typeRef").map(|name| self.ty(name, 0));
            if hit == "collect count" {
                ty = Some(Type::Int);
            }
            let mut output = self.output(*node, &own, ty, is_read);
            if matches!(hit, "priority" | "output order") {
                let values = child(*node, "outputValues")
                    .map(text_of)
                    .unwrap_or_default();
                output.order = self.list(*node, values);
            }
            if let Some(default) = child(*node, "defaultOutputEntry") {
                output.default = self.value(default, text_of(default));
            }
            learned.push(if is_single {
                name.to_owned()
            } else {
                format!("{name}.{own}")
            });
            outputs.push(output);
        }
        let mut rows = Vec::new();
        for rule in children(table, "rule") {
            rows.push(self.row(rule, &columns, outputs.len())?);
        }
        self.learn(learned.into_iter().zip(&outputs).collect());
        let table = Table {
            name: self.model.writer.name(&format!("{name} table")),
            hit,
            merge,
            columns,
            outputs,
            rows,
        };
        self.model.steps.push(Step {
            line: self.line(decision),
            doc: description(decision).to_owned(),
            table,
        });
        Ok(())
    }

    /// The hit policy and the merge of the outputs.
    fn policy(&self, table: Node<'_, '_>) -> Result<(&'static str, &'static str)> {
        let policy = table.attribute("hitPolicy").unwrap_or("UNIQUE");
        let aggregation = table.attribute("aggregation").unwrap_or_default();
        Ok(match (policy, aggregation) {
            ("UNIQUE" | "U", "") => ("unique", "first"),
            ("ANY" | "A", "") => ("any", "first"),
            ("FIRST" | "F", "") => ("first", "first"),
            ("PRIORITY" | "P", "") => ("priority", "first"),
            ("RULE ORDER" | "R", "") => ("rule order", "collect"),
            ("OUTPUT ORDER" | "O", "") => ("output order", "collect"),
            ("COLLECT" | "C", "") => ("collect", "collect"),
            ("COLLECT", "SUM") | ("C+", "") => ("collect", "sum"),
            ("COLLECT", "MIN") | ("C<", "") => ("collect", "min"),
            ("COLLECT", "MAX") | ("C>", "") => ("collect", "max"),
            ("COLLECT", "COUNT") | ("C#", "") => ("collect count", "sum"),
            _ => {
                let message = format!("the hit policy `{policy}` `{aggregation}` is not known");
                return Err(self.error(table, message));
            }
        })
    }

    /// Gives an input the type that its column says, where nothing else did.
    fn type_input(&mut self, column: &Expression, expression: Node<'_, '_>) {
        let ty = expression.attribute("typeRef").map(|name| self.ty(name, 0));
        let Some(ty) = ty.filter(|ty| *ty != Type::Dyn) else {
            return;
        };
        if identifier(&column.text) != column.text || column.text == "true" {
            return;
        }
        let is_made = self.names.known.iter().any(|(_, own)| *own == column.text);
        match self
            .model
            .inputs
            .iter_mut()
            .find(|(name, _)| *name == column.text)
        {
            Some((_, known)) if *known == Type::Dyn => *known = Type::Nullable(Box::new(ty)),
            None if !is_made => self
                .model
                .inputs
                .push((column.text.clone(), Type::Nullable(Box::new(ty)))),
            _ => {}
        }
    }

    fn row(
        &mut self,
        rule: Node<'a, 'input>,
        columns: &[Expression],
        n_outputs: usize,
    ) -> Result<Row> {
        let entries: Vec<Node<'_, '_>> = children(rule, "inputEntry").collect();
        let results: Vec<Node<'_, '_>> = children(rule, "outputEntry").collect();
        if entries.len() != columns.len() || results.len() != n_outputs {
            return Err(self.error(rule, "a rule must have an entry for each input and output"));
        }
        let mut tests = Vec::new();
        for (entry, column) in entries.into_iter().zip(columns) {
            let text = text_of(entry);
            match unary::parse(text, &column.operand(), &self.names) {
                Ok(cell) => tests.push(cell),
                Err(reason) => {
                    let message = format!(
                        "a row never matches: its cell `{text}` can't be imported: {reason}"
                    );
                    self.lose(entry, message);
                    let never = Expression::parse("false");
                    let never = never.map_err(|reason| self.error(entry, reason))?;
                    tests.push(vec![unary::Test::Condition(never)]);
                }
            }
        }
        let values = results
            .into_iter()
            .map(|entry| match text_of(entry) {
                "" | "-" => None,
                text => self.value(entry, text),
            })
            .collect();
        let notes: Vec<&str> = children(rule, "annotationEntry").map(text_of).collect();
        let note = [description(rule)].into_iter().chain(notes);
        let note: Vec<&str> = note.filter(|note| !note.is_empty()).collect();
        Ok(Row {
            note: note.join("\n"),
            tests,
            values,
        })
    }

    /// Values with commas between them.
    fn list(&mut self, node: Node<'_, '_>, text: &str) -> Vec<Expression> {
        let Ok(tokens) = self.names.tokens(text) else {
            return Vec::new();
        };
        let parts = split(&tokens, &Token::Symbol(",")).unwrap_or_default();
        let values: Vec<_> = parts
            .into_iter()
            .filter_map(|part| self.names.cel(part, None).ok())
            .collect();
        if values.is_empty() {
            self.lose(
                node,
                "the output has no order: its `outputValues` are missing".to_owned(),
            );
        }
        values
    }

    fn value(&mut self, node: Node<'_, '_>, text: &str) -> Option<Expression> {
        let value = self.names.tokens(text);
        match value.and_then(|tokens| self.names.cel(&tokens, None)) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.lose(node, format!("the value `{text}` is left out: {reason}"));
                None
            }
        }
    }
}

/// The ids of the decisions that one requires.
fn required<'a>(decision: Node<'a, '_>) -> impl Iterator<Item = &'a str> {
    children(decision, "informationRequirement")
        .flat_map(|requirement| children(requirement, "requiredDecision"))
        .filter_map(|node| node.attribute("href")?.rsplit('#').next())
}
