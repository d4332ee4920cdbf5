//! Fields to and from type nodes in pre-order.

use super::broken;
use crate::runtime::StageFailure;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, Fields};
use std::collections::HashMap;
use std::sync::Arc;

/// The metadata key of a field's description for people.
pub const DOC: &str = "doc";

const JSON: &str = "arrow.json";
const TENSOR: &str = "arrow.fixed_shape_tensor";

/// How deep types may nest: far beyond any real schema, and no danger to the stack.
const MOST_LEVELS: usize = 64;

/// WIT `time-unit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the contract in wit/stage.wit, which documents them"
)]
pub enum TimeUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// WIT `type-node`: the logical type of one node of a field, children following.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the contract in wit/stage.wit, which documents them"
)]
pub enum TypeNode {
    Null,
    Boolean,
    S8,
    S16,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Text,
    Binary,
    Timestamp(TimeUnit),
    Duration(TimeUnit),
    List,
    Map,
    /// The names of the children
    Struct(Vec<String>),
    /// The size of each dimension
    Tensor(Vec<u32>),
    Dynamic,
}

/// WIT `field-node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNode {
    /// Its type
    pub kind: TypeNode,
    /// Whether its values may be null
    pub nullable: bool,
    /// Whether the stage reads it, where it is a part of an input
    pub read: bool,
}

impl From<TimeUnit> for arrow_schema::TimeUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Seconds => Self::Second,
            TimeUnit::Milliseconds => Self::Millisecond,
            TimeUnit::Microseconds => Self::Microsecond,
            TimeUnit::Nanoseconds => Self::Nanosecond,
        }
    }
}

impl From<arrow_schema::TimeUnit> for TimeUnit {
    fn from(unit: arrow_schema::TimeUnit) -> Self {
        match unit {
            arrow_schema::TimeUnit::Second => Self::Seconds,
            arrow_schema::TimeUnit::Millisecond => Self::Milliseconds,
            arrow_schema::TimeUnit::Microsecond => Self::Microseconds,
            arrow_schema::TimeUnit::Nanosecond => Self::Nanoseconds,
        }
    }
}

/// A field of JSON text: the contract's `dynamic`.
pub fn dynamic_field(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable).with_metadata(HashMap::from([(
        EXTENSION_TYPE_NAME_KEY.to_owned(),
        JSON.to_owned(),
    )]))
}

/// Does the field hold JSON text?
pub fn is_dynamic(field: &Field) -> bool {
    *field.data_type() == DataType::Utf8 && field.extension_type_name() == Some(JSON)
}

/// The shape of a tensor field; `None` where the field is none.
pub fn tensor_shape(field: &Field) -> Option<Vec<u32>> {
    let DataType::FixedSizeList(item, size) = field.data_type() else {
        return None;
    };
    if *item.data_type() != DataType::Float32 {
        return None;
    }
    #[derive(serde::Deserialize)]
    struct Metadata {
        shape: Vec<u32>,
    }
    match field
        .extension_type_metadata()
        .filter(|_| field.extension_type_name() == Some(TENSOR))
    {
        Some(metadata) => Some(serde_json::from_str::<Metadata>(metadata).ok()?.shape),
        None => Some(vec![u32::try_from(*size).ok()?]),
    }
}

/// The field that a component described. The nodes are a guest's and may be anything.
pub fn nodes_to_field(name: &str, nodes: &[FieldNode], doc: &str) -> Result<Field, StageFailure> {
    let mut reader = Reader {
        column: name,
        nodes: nodes.iter(),
    };
    let field = reader.field(name, 0)?;
    match reader.nodes.len() {
        0 if doc.is_empty() => Ok(field),
        0 => {
            let mut metadata = field.metadata().clone();
            metadata.insert(DOC.to_owned(), doc.to_owned());
            Ok(field.with_metadata(metadata))
        }
        left => Err(broken(format!(
            "the type of field `{name}` has {left} nodes too many"
        ))),
    }
}

struct Reader<'a> {
    column: &'a str,
    nodes: std::slice::Iter<'a, FieldNode>,
}

impl Reader<'_> {
    fn field(&mut self, name: &str, level: usize) -> Result<Field, StageFailure> {
        let column = self.column;
        if level > MOST_LEVELS {
            return Err(broken(format!(
                "the type of field `{column}` has more than {MOST_LEVELS} levels"
            )));
        }
        let Some(node) = self.nodes.next() else {
            return Err(broken(format!("the type of field `{column}` ends early")));
        };
        let mut metadata = HashMap::new();
        let data_type = match &node.kind {
            TypeNode::Null => DataType::Null,
            TypeNode::Boolean => DataType::Boolean,
            TypeNode::S8 => DataType::Int8,
            TypeNode::S16 => DataType::Int16,
            TypeNode::S32 => DataType::Int32,
            TypeNode::S64 => DataType::Int64,
            TypeNode::U8 => DataType::UInt8,
            TypeNode::U16 => DataType::UInt16,
            TypeNode::U32 => DataType::UInt32,
            TypeNode::U64 => DataType::UInt64,
            TypeNode::F32 => DataType::Float32,
            TypeNode::F64 => DataType::Float64,
            TypeNode::Text => DataType::Utf8,
            TypeNode::Binary => DataType::Binary,
            TypeNode::Timestamp(unit) => DataType::Timestamp((*unit).into(), Some("UTC".into())),
            TypeNode::Duration(unit) => DataType::Duration((*unit).into()),
            TypeNode::List => DataType::List(Arc::new(self.field("item", level + 1)?)),
            TypeNode::Map => {
                let key = self.field("keys", level + 1)?;
                if key.is_nullable() {
                    return Err(broken(format!(
                        "the keys of the map in field `{column}` may be null"
                    )));
                }
                let value = self.field("values", level + 1)?;
                let entries = DataType::Struct(Fields::from(vec![key, value]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            TypeNode::Struct(names) => {
                let children: Result<Vec<Field>, _> = names
                    .iter()
                    .map(|name| self.field(name, level + 1))
                    .collect();
                DataType::Struct(Fields::from(children?))
            }
            TypeNode::Tensor(shape) => {
                let size = shape
                    .iter()
                    .try_fold(1u32, |size, dimension| size.checked_mul(*dimension))
                    .and_then(|size| i32::try_from(size).ok())
                    .filter(|size| *size > 0)
                    .ok_or_else(|| {
                        broken(format!(
                            "field `{column}` has a tensor of the impossible shape {shape:?}"
                        ))
                    })?;
                metadata.insert(EXTENSION_TYPE_NAME_KEY.to_owned(), TENSOR.to_owned());
                metadata.insert(
                    EXTENSION_TYPE_METADATA_KEY.to_owned(),
                    format!("{{\"shape\":{shape:?}}}"),
                );
                DataType::FixedSizeList(
                    Arc::new(Field::new("item", DataType::Float32, false)),
                    size,
                )
            }
            TypeNode::Dynamic => {
                metadata.insert(EXTENSION_TYPE_NAME_KEY.to_owned(), JSON.to_owned());
                DataType::Utf8
            }
        };
        let nullable = node.nullable || node.kind == TypeNode::Null;
        Ok(Field::new(name, data_type, nullable).with_metadata(metadata))
    }
}

/// The nodes of a field in pre-order. Fails where the contract has no such type.
pub fn field_to_nodes(field: &Field) -> Result<Vec<FieldNode>, StageFailure> {
    let mut nodes = Vec::new();
    push_nodes(field, &mut nodes)?;
    Ok(nodes)
}

fn push_nodes(field: &Field, nodes: &mut Vec<FieldNode>) -> Result<(), StageFailure> {
    let mut children: Vec<&Field> = Vec::new();
    let kind = match field.data_type() {
        DataType::Null => TypeNode::Null,
        DataType::Boolean => TypeNode::Boolean,
        DataType::Int8 => TypeNode::S8,
        DataType::Int16 => TypeNode::S16,
        DataType::Int32 => TypeNode::S32,
        DataType::Int64 => TypeNode::S64,
        DataType::UInt8 => TypeNode::U8,
        DataType::UInt16 => TypeNode::U16,
        DataType::UInt32 => TypeNode::U32,
        DataType::UInt64 => TypeNode::U64,
        DataType::Float32 => TypeNode::F32,
        DataType::Float64 => TypeNode::F64,
        DataType::Utf8 if is_dynamic(field) => TypeNode::Dynamic,
        DataType::Utf8 => TypeNode::Text,
        DataType::Binary => TypeNode::Binary,
        DataType::Timestamp(unit, Some(zone)) if &**zone == "UTC" => {
            TypeNode::Timestamp((*unit).into())
        }
        DataType::Duration(unit) => TypeNode::Duration((*unit).into()),
        DataType::List(item) => {
            children.push(item);
            TypeNode::List
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                children.extend(fields.iter().map(|field| &**field));
                TypeNode::Map
            }
            _ => return Err(no_such_type(field)),
        },
        DataType::Struct(fields) => {
            children.extend(fields.iter().map(|field| &**field));
            TypeNode::Struct(fields.iter().map(|field| field.name().clone()).collect())
        }
        _ => TypeNode::Tensor(tensor_shape(field).ok_or_else(|| no_such_type(field))?),
    };
    nodes.push(FieldNode {
        kind,
        nullable: field.is_nullable(),
        read: true,
    });
    children
        .into_iter()
        .try_for_each(|child| push_nodes(child, nodes))
}

fn no_such_type(field: &Field) -> StageFailure {
    broken(format!(
        "field `{}` is of type {}, which stages don't have",
        field.name(),
        type_name(field)
    ))
}

/// The type of a field as people write it: `double?`, `list<string>`.
pub fn type_name(field: &Field) -> String {
    let null = if field.is_nullable() && *field.data_type() != DataType::Null {
        "?"
    } else {
        ""
    };
    let name = match field.data_type() {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        DataType::Int8 => "s8",
        DataType::Int16 => "s16",
        DataType::Int32 => "s32",
        DataType::Int64 => "int",
        DataType::UInt8 => "u8",
        DataType::UInt16 => "u16",
        DataType::UInt32 => "u32",
        DataType::UInt64 => "uint",
        DataType::Float32 => "f32",
        DataType::Float64 => "double",
        DataType::Utf8 if is_dynamic(field) => "json",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytes",
        DataType::Timestamp(..) => "timestamp",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Duration(_) => "duration",
        DataType::List(item) | DataType::LargeList(item) => {
            return format!("list<{}>{null}", type_name(item));
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                return format!(
                    "map<{}, {}>{null}",
                    type_name(&fields[0]),
                    type_name(&fields[1])
                );
            }
            _ => "map",
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{}: {}", field.name(), type_name(field)))
                .collect();
            return format!("struct<{}>{null}", fields.join(", "));
        }
        DataType::Dictionary(_, value) => {
            return type_name(&Field::new("", (**value).clone(), field.is_nullable()));
        }
        DataType::FixedSizeList(..) if tensor_shape(field).is_some() => {
            return format!(
                "tensor<{:?}>{null}",
                tensor_shape(field).unwrap_or_default()
            );
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "decimal",
        other => return format!("{}{null}", other.to_string().to_lowercase()),
    };
    format!("{name}{null}")
}
