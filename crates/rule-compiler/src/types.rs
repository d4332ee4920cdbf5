//! The types of the rule language: CEL's types and nullable wrappers.

use std::fmt;

/// A CEL type. Scalars and nullable scalars have columns and wasm values of their own; values of all others are
/// addresses of tagged cells in linear memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// The type of expressions that failed to check; absorbs follow-up errors.
    Error,
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`, 64 bits
    Int,
    /// `uint`, 64 bits
    Uint,
    /// `double`, IEEE 754 binary64
    Double,
    /// `string`, UTF-8
    String,
    /// `bytes`
    Bytes,
    /// `google.protobuf.Timestamp`, years 1 to 9999, in nanoseconds
    Timestamp,
    /// `google.protobuf.Duration`, a 64-bit count of nanoseconds
    Duration,
    /// `T?`: `T` or null (CEL's wrapper types)
    Nullable(Box<Type>),
    /// `list<T>`
    List(Box<Type>),
    /// `map<K, V>`
    Map(Box<Type>, Box<Type>),
    /// `{name: T, …}`, by its fields in order. Its values are maps with an entry for every field, in that order
    Struct(Vec<(String, Type)>),
    /// `optional<T>`
    Optional(Box<Type>),
    /// `type`
    Type,
    /// `net.IP`
    Ip,
    /// `net.CIDR`
    Cidr,
    /// `decimal`: an exact number of up to 38 digits
    Decimal,
    /// `dyn`
    Dyn,
    /// A type parameter of an overload
    Var(u32),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Null => f.write_str("null_type"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::Nullable(inner) => write!(f, "{inner}?"),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Struct(fields) => {
                for (index, (name, ty)) in fields.iter().enumerate() {
                    let before = if index == 0 { "{" } else { ", " };
                    if is_plain_name(name) {
                        write!(f, "{before}{name}: {ty}")?;
                    } else {
                        write!(f, "{before}`{name}`: {ty}")?;
                    }
                }
                f.write_str("}")
            }
            Self::Optional(inner) => write!(f, "optional<{inner}>"),
            Self::Type => f.write_str("type"),
            Self::Ip => f.write_str("net.IP"),
            Self::Cidr => f.write_str("net.CIDR"),
            Self::Decimal => f.write_str("decimal"),
            Self::Dyn => f.write_str("dyn"),
            Self::Var(index) => write!(f, "_{index}"),
        }
    }
}

/// Whether a name of a field is written without backquotes.
fn is_plain_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_word)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !crate::token::KEYWORDS.contains(&name)
}

impl Type {
    /// Whether values of it are stored in columns as they are.
    pub fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Bool
                | Self::Int
                | Self::Uint
                | Self::Double
                | Self::String
                | Self::Bytes
                | Self::Timestamp
                | Self::Duration
        )
    }

    /// Whether its values have an order.
    pub fn is_ordered(&self) -> bool {
        self.is_scalar() || *self == Self::Decimal
    }

    /// Whether a column holds the text of its values: decimals, perhaps null.
    pub fn is_text(&self) -> bool {
        match self {
            Self::Nullable(inner) => inner.is_text(),
            ty => *ty == Self::Decimal,
        }
    }

    /// Whether it is `dyn` or has `dyn` in it.
    pub fn mentions_dyn(&self) -> bool {
        match self {
            Self::Dyn => true,
            Self::Nullable(inner) | Self::List(inner) | Self::Optional(inner) => {
                inner.mentions_dyn()
            }
            Self::Map(key, value) => key.mentions_dyn() || value.mentions_dyn(),
            Self::Struct(fields) => fields.iter().any(|(_, ty)| ty.mentions_dyn()),
            _ => false,
        }
    }

    /// Whether it is a struct or has one in it.
    pub fn mentions_struct(&self) -> bool {
        match self {
            Self::Struct(_) => true,
            Self::Nullable(inner) | Self::List(inner) | Self::Optional(inner) => {
                inner.mentions_struct()
            }
            Self::Map(key, value) => key.mentions_struct() || value.mentions_struct(),
            _ => false,
        }
    }

    /// Whether it is or has in it a type that null belongs to.
    pub(crate) fn mentions_null(&self) -> bool {
        match self {
            Self::Null | Self::Nullable(_) => true,
            Self::List(inner) | Self::Optional(inner) => inner.mentions_null(),
            Self::Map(key, value) => key.mentions_null() || value.mentions_null(),
            Self::Struct(fields) => fields.iter().any(|(_, ty)| ty.mentions_null()),
            _ => false,
        }
    }

    /// A struct as the map that its values are; the values are `dyn` where they are not all of one type.
    pub fn as_map(fields: &[(String, Type)]) -> Self {
        let value = match fields {
            [(_, first), rest @ ..] if rest.iter().all(|(_, ty)| ty == first) => first.clone(),
            _ => Self::Dyn,
        };
        Self::Map(Box::new(Self::String), Box::new(value))
    }

    /// Whether an input of the type comes as arrays: scalars, and lists, maps and structs of such. Fields of structs
    /// may be of any type; those without arrays are JSON text within.
    pub fn has_arrays(&self) -> bool {
        match self {
            Self::Nullable(inner) | Self::List(inner) => inner.has_arrays(),
            Self::Map(key, value) => {
                matches!(**key, Self::Bool | Self::Int | Self::Uint | Self::String)
                    && value.has_arrays()
            }
            Self::Struct(_) => true,
            ty => ty.is_scalar(),
        }
    }

    /// How a column holds the values of an input.
    pub fn input_column(&self) -> InputColumn {
        match self.column() {
            Column::Plain => InputColumn::Plain,
            _ if self.has_arrays() => InputColumn::Nested,
            _ => InputColumn::Dynamic,
        }
    }

    /// How a column holds its values, as an output.
    pub fn column(&self) -> Column {
        match self {
            Self::Null => Column::Plain,
            Self::Nullable(inner) if inner.is_scalar() => Column::Plain,
            Self::List(element) if element.is_scalar() => Column::List,
            ty if ty.is_scalar() => Column::Plain,
            _ => Column::Dynamic,
        }
    }

    /// The name of the type as a value of type `type`; what is nullable or `dyn` has none of its own.
    pub fn runtime_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Duration => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(..) | Self::Struct(_) => "map",
            Self::Type => "type",
            Self::Optional(_) => "optional_type",
            Self::Ip => "net.IP",
            Self::Cidr => "net.CIDR",
            Self::Decimal => "decimal",
            Self::Error | Self::Nullable(_) | Self::Dyn | Self::Var(_) => return None,
        })
    }
}

/// How a column holds the values of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputColumn {
    /// A scalar, perhaps null, in a column of its own type
    Plain,
    /// Lists, maps and structs, in nested arrays
    Nested,
    /// JSON text
    Dynamic,
}

/// How a column holds the values of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A scalar, perhaps null, in a column of its own type
    Plain,
    /// A list of scalars
    List,
    /// JSON text
    Dynamic,
}
