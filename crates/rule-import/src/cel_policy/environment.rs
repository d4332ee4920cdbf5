//! The environment of a policy: the types of its variables.

use crate::tree::Node;
use crate::writer::{Writer, identifier};
use crate::{ImportError, Result, yaml};
use rulestage_rule_compiler::types::Type;

/// The variables that an environment declares. Those with dots in their names are fields of structs.
pub(super) fn variables(text: &str, writer: &mut Writer) -> Result<Vec<(String, Type)>> {
    let in_environment = |error: ImportError| {
        ImportError::new(error.line, format!("in the environment: {}", error.message))
    };
    read(text, writer).map_err(in_environment)
}

fn read(text: &str, writer: &mut Writer) -> Result<Vec<(String, Type)>> {
    let root = yaml::parse(text)?;
    root.expect_map("an environment")?;
    let mut variables: Vec<(String, Type)> = Vec::new();
    for variable in root.get_list("variables")? {
        let name = variable
            .get_text("name")?
            .ok_or_else(|| ImportError::new(variable.line, "a variable needs `name`"))?;
        let ty = read_type(variable.get("type").unwrap_or(variable), writer, 0)?;
        let parts: Vec<&str> = name.split('.').collect();
        if let Some(part) = parts.iter().find(|part| identifier(part) != **part) {
            let message = format!("`{part}` can't be a name");
            return Err(ImportError::new(variable.line, message));
        }
        if !insert(&mut variables, &parts, ty) {
            let message = format!("`{name}` is declared twice");
            return Err(ImportError::new(variable.line, message));
        }
    }
    for function in root.get_list("functions")? {
        let name = function.get_text("name")?.unwrap_or_default();
        let message = format!("the environment's function `{name}` is not known to rules");
        writer.lose(1, message);
    }
    Ok(variables)
}

/// Puts `a.b.c` into the struct `b` of `a`. False where it is there already.
fn insert(fields: &mut Vec<(String, Type)>, path: &[&str], ty: Type) -> bool {
    let [name, rest @ ..] = path else {
        return false;
    };
    let found = fields.iter_mut().find(|(known, _)| known == name);
    match (found, rest) {
        (None, []) => fields.push(((*name).to_owned(), ty)),
        (None, _) => {
            let mut inner = Vec::new();
            insert(&mut inner, rest, ty);
            fields.push(((*name).to_owned(), Type::Struct(inner)));
        }
        (Some((_, Type::Struct(inner))), [_, ..]) => return insert(inner, rest, ty),
        _ => return false,
    }
    true
}

fn read_type(node: &Node, writer: &mut Writer, depth: usize) -> Result<Type> {
    if depth > 16 {
        return Err(ImportError::new(node.line, "a type is nested too deep"));
    }
    let name = match node.text() {
        Some(name) => name,
        None => node.get_text("type_name")?.unwrap_or("dyn"),
    };
    let params = node
        .get_list("params")?
        .iter()
        .map(|param| read_type(param, writer, depth + 1))
        .collect::<Result<Vec<_>>>()?;
    let param = |index: usize| Box::new(params.get(index).cloned().unwrap_or(Type::Dyn));
    let nullable = |ty| Type::Nullable(Box::new(ty));
    Ok(match name {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" | "google.protobuf.Timestamp" => Type::Timestamp,
        "duration" | "google.protobuf.Duration" => Type::Duration,
        "list" => Type::List(param(0)),
        "map" => match params.len() {
            0 => Type::Map(Box::new(Type::String), Box::new(Type::Dyn)),
            _ => Type::Map(param(0), param(1)),
        },
        "optional_type" => Type::Optional(param(0)),
        "google.protobuf.BoolValue" => nullable(Type::Bool),
        "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => nullable(Type::Int),
        "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => nullable(Type::Uint),
        "google.protobuf.FloatValue" | "google.protobuf.DoubleValue" => nullable(Type::Double),
        "google.protobuf.StringValue" => nullable(Type::String),
        "google.protobuf.BytesValue" => nullable(Type::Bytes),
        "dyn" | "any" | "google.protobuf.Any" | "google.protobuf.Value" => Type::Dyn,
        _ => {
            let message = format!("the environment's type `{name}` is not known: it is `dyn`");
            writer.lose(1, message);
            Type::Dyn
        }
    })
}
