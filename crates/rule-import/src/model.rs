//! Decision tables and expressions that feed each other, as one rule set.

use crate::cel::Expression;
use crate::unary::{Test, condition};
use crate::writer::{Writer, comment};
use crate::{Import, Result};
use rulestage_rule_compiler::types::Type;
use std::fmt::Write;

/// Longer tables don't fit into one expression.
const MAX_ROWS_OF_LET: usize = 100;

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) writer: Writer,
    /// Inputs of known types, by name
    pub(crate) inputs: Vec<(String, Type)>,
    /// Each names only inputs and steps before it
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: u32,
    pub(crate) doc: String,
    pub(crate) table: Table,
}

/// A decision table, or an expression: a table without columns and with one row.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// `hit` as rules write it
    pub(crate) hit: &'static str,
    /// `first`, `sum`, `collect` …
    pub(crate) merge: &'static str,
    /// CEL
    pub(crate) columns: Vec<Expression>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) doc: String,
    /// The output of the rule set; `None` where it is not asked for
    pub(crate) name: Option<String>,
    /// The let that later steps read
    pub(crate) value: Option<String>,
    pub(crate) ty: Option<Type>,
    /// Highest first, for the policies that have an order
    pub(crate) order: Vec<Expression>,
    pub(crate) default: Option<Expression>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) note: String,
    pub(crate) tests: Vec<Vec<Test>>,
    pub(crate) values: Vec<Option<Expression>>,
}

impl Model {
    /// The rule set.
    pub(crate) fn finish(mut self, name: &str, doc: &str) -> Result<Import> {
        self.find_inputs();
        let mut variables = self.inputs.clone();
        let (mut outputs, mut body) = (String::new(), String::new());
        for step in std::mem::take(&mut self.steps) {
            let types: Vec<Type> = (0..step.table.outputs.len())
                .map(|index| output_type(&step.table, index, &variables))
                .collect();
            for (output, ty) in step.table.outputs.iter().zip(&types) {
                if let Some(name) = &output.name {
                    let _ = write!(outputs, "{}{name}: ", comment(&output.doc));
                    let _ = writeln!(outputs, "{}", declaration(output, ty, &step.table));
                }
                if let Some(value) = &output.value {
                    variables.push((value.clone(), nullable(ty)));
                }
            }
            body.push_str(&comment(&step.doc));
            body.push_str(&self.step(&step));
        }
        let mut source = comment(doc);
        let _ = writeln!(source, "ruleset {name} {{\ninput {{");
        for (name, ty) in &self.inputs {
            let _ = writeln!(source, "{name}: {ty}");
        }
        let _ = writeln!(source, "}}\noutput {{\n{outputs}}}\n{body}}}");
        self.writer.finish(&source)
    }

    /// The lets of a step that is read later, and the rules or the table behind it.
    fn step(&mut self, step: &Step) -> String {
        let table = &step.table;
        let is_read = table.outputs.iter().any(|output| output.value.is_some());
        if !is_read && !table.columns.is_empty() {
            return table.block();
        }
        let is_single = matches!(table.hit, "first" | "unique" | "any");
        if !is_single {
            let message = format!(
                "`{}` can't be read by what comes behind it: it has several results (`hit {}`)",
                table.name, table.hit
            );
            self.writer.lose(step.line, message);
        } else if !table.columns.is_empty() && table.hit != "first" {
            let message = format!(
                "`{}` is read by what comes behind it, as its first row that matches: `hit {}` is not checked",
                table.name, table.hit
            );
            self.writer.lose(step.line, message);
        }
        if table.rows.len() > MAX_ROWS_OF_LET {
            let message = format!(
                "`{}` is read by what comes behind it, which takes tables of at most {MAX_ROWS_OF_LET} rows: those behind them are left out",
                table.name
            );
            self.writer.lose(step.line, message);
        }
        let mut text = String::new();
        for (index, output) in table.outputs.iter().enumerate() {
            let chain = table.chain(index);
            let value = match &output.value {
                Some(value) => {
                    let _ = writeln!(text, "let {value} = {chain}");
                    value.clone()
                }
                None => chain,
            };
            if let Some(name) = &output.name {
                let rule = self.writer.name(&format!("decide_{name}"));
                let _ = writeln!(
                    text,
                    "rule {rule} {{ when true then {{ {name} = {value} }} }}"
                );
            }
        }
        text
    }

    /// Every name that is read and not made by a step is an input. What it is compared with tells its type.
    fn find_inputs(&mut self) {
        let mut shapes: Vec<(String, Shape)> = Vec::new();
        let mut made: Vec<String> = Vec::new();
        for Step { table, .. } in &self.steps {
            let row = |row: &Row| {
                let mut all: Vec<Expression> = row.values.iter().flatten().cloned().collect();
                for (column, tests) in table.columns.iter().zip(&row.tests) {
                    let condition = condition(tests, &column.operand());
                    all.extend(Expression::parse(&condition));
                }
                all
            };
            let defaults = table
                .outputs
                .iter()
                .filter_map(|output| output.default.clone());
            let all = table.columns.iter().cloned();
            let all = all.chain(table.rows.iter().flat_map(row)).chain(defaults);
            for (path, ty) in all.flat_map(|expression| expression.uses()) {
                let is_made = made.contains(&path[0]);
                let is_declared = self.inputs.iter().any(|(name, _)| *name == path[0]);
                if !is_made && !is_declared && !crate::cel::is_namespace(&path[0]) {
                    note(&mut shapes, &path, ty.as_ref());
                }
            }
            made.extend(
                table
                    .outputs
                    .iter()
                    .filter_map(|output| output.value.clone()),
            );
        }
        for (name, shape) in shapes {
            self.inputs.push((name, shape.ty()));
        }
    }
}

impl Table {
    /// The table as rules write it. What no cell can say is a column of conditions.
    fn block(&self) -> String {
        let mut headers: Vec<String> = self.columns.iter().map(Expression::operand).collect();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let n_columns = headers.len();
        for row in &self.rows {
            let mut cells = vec!["-".to_owned(); headers.len()];
            for (index, tests) in row.tests.iter().enumerate().take(n_columns) {
                if tests.is_empty() {
                    continue;
                }
                let own: Option<Vec<String>> = tests.iter().map(Test::cell).collect();
                match own {
                    Some(own) => cells[index] = own.join(", "),
                    None => {
                        let header =
                            format!("({})", condition(tests, &self.columns[index].operand()));
                        let at = headers.iter().position(|known| *known == header);
                        let at = at.unwrap_or_else(|| {
                            headers.push(header);
                            cells.push(String::new());
                            headers.len() - 1
                        });
                        cells.resize(headers.len(), "-".to_owned());
                        cells[at] = "true".to_owned();
                    }
                }
            }
            rows.push(cells);
        }
        let mut text = format!("table {} hit {} {{\n", self.name, self.hit);
        let outputs: Vec<String> = self
            .outputs
            .iter()
            .filter_map(|output| {
                let name = output.name.clone()?;
                let order: Vec<&str> = output.order.iter().map(|value| &*value.text).collect();
                Some(if order.is_empty() {
                    name
                } else {
                    format!("{name} in [{}]", order.join(", "))
                })
            })
            .collect();
        let _ = writeln!(
            text,
            "| {} || {} |",
            headers.join(" | "),
            outputs.join(" | ")
        );
        for (row, mut cells) in self.rows.iter().zip(rows) {
            cells.resize(headers.len(), "-".to_owned());
            let values: Vec<String> = self
                .outputs
                .iter()
                .zip(&row.values)
                .filter(|(output, _)| output.name.is_some())
                .map(|(_, value)| value.as_ref().map_or("-".to_owned(), Expression::operand))
                .collect();
            text.push_str(&comment(&row.note));
            let cells = cells.join(" | ");
            // Rows that are counted assign nothing.
            let _ = if self.hit == "collect count" {
                writeln!(text, "| {cells} |")
            } else {
                writeln!(text, "| {cells} || {} |", values.join(" | "))
            };
        }
        text.push_str("}\n");
        text
    }

    /// The output of the first row that matches, as an expression.
    fn chain(&self, output: usize) -> String {
        let default = &self.outputs[output].default;
        let mut chain = default
            .as_ref()
            .map_or("null".to_owned(), |value| value.text.clone());
        for row in self.rows.iter().take(MAX_ROWS_OF_LET).rev() {
            let conditions: Vec<String> = self
                .columns
                .iter()
                .zip(&row.tests)
                .filter(|(_, tests)| !tests.is_empty())
                .map(|(column, tests)| condition(tests, &column.operand()))
                .collect();
            let value = row.values.get(output).and_then(Option::as_ref);
            let value = value.map_or("null", |value| &value.text);
            chain = if conditions.is_empty() {
                value.to_owned()
            } else {
                format!(
                    "if {} {{ {value} }} else {{ {chain} }}",
                    conditions.join(" && ")
                )
            };
        }
        chain
    }
}

/// The declared type, or that of the values.
fn output_type(table: &Table, index: usize, variables: &[(String, Type)]) -> Type {
    let output = &table.outputs[index];
    if let Some(ty) = &output.ty {
        return ty.clone();
    }
    let values = table
        .rows
        .iter()
        .filter_map(|row| row.values.get(index)?.as_ref());
    let mut joined: Option<Type> = None;
    for value in values.chain(&output.default) {
        let ty = match value.type_of(variables) {
            _ if value.text == "null" => continue,
            Ok(Type::Nullable(inner)) => *inner,
            Ok(ty) => ty,
            Err(_) => Type::Dyn,
        };
        if joined.as_ref().is_some_and(|before| *before != ty) {
            return Type::Dyn;
        }
        joined = Some(ty);
    }
    joined.unwrap_or(Type::Dyn)
}

fn declaration(output: &Output, ty: &Type, table: &Table) -> String {
    let merge = table.merge;
    if table.hit == "collect count" {
        return "int = 0 merge sum".to_owned();
    }
    match (merge, &output.default) {
        ("collect", _) => format!("list<{ty}> = [] merge collect"),
        ("sum", None) => format!(
            "{ty} = {} merge sum",
            if *ty == Type::Int { "0" } else { "0.0" }
        ),
        (_, Some(default)) => format!("{ty} = {} merge {merge}", default.text),
        ("min" | "max", None) => format!("{ty} = 0.0 merge {merge}"),
        _ => nullable(ty).to_string(),
    }
}

fn nullable(ty: &Type) -> Type {
    match ty {
        Type::Dyn | Type::Nullable(_) => ty.clone(),
        _ => Type::Nullable(Box::new(ty.clone())),
    }
}

/// What is known of an input.
#[derive(Debug)]
enum Shape {
    /// `None` for anything
    Leaf(Option<Type>),
    Fields(Vec<(String, Shape)>),
}

fn note(shapes: &mut Vec<(String, Shape)>, path: &[String], ty: Option<&Type>) {
    let [name, rest @ ..] = path else {
        return;
    };
    let index = shapes.iter().position(|(known, _)| known == name);
    let index = index.unwrap_or_else(|| {
        let shape = if rest.is_empty() {
            Shape::Leaf(ty.cloned())
        } else {
            Shape::Fields(Vec::new())
        };
        shapes.push((name.clone(), shape));
        shapes.len() - 1
    });
    let shape = &mut shapes[index].1;
    match (&mut *shape, rest) {
        (Shape::Fields(fields), [_, ..]) => note(fields, rest, ty),
        (Shape::Leaf(known), []) => match (&known, ty) {
            (None, Some(_)) => *known = ty.cloned(),
            (Some(before), Some(ty)) if before != ty => *known = Some(Type::Dyn),
            _ => {}
        },
        // Read as a whole and by its fields.
        _ => *shape = Shape::Leaf(Some(Type::Dyn)),
    }
}

impl Shape {
    fn ty(self) -> Type {
        match self {
            Self::Leaf(ty) => nullable(&ty.unwrap_or(Type::Dyn)),
            Self::Fields(fields) => Type::Struct(
                fields
                    .into_iter()
                    .map(|(name, shape)| (name, shape.ty()))
                    .collect(),
            ),
        }
    }
}
