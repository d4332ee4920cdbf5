//! The types of the rule language: CEL's types and nullable wrappers.

use std::fmt;

/// A CEL type. The code generator accepts the scalar types, `Null`, `Nullable` of a scalar and `List` of a
/// scalar; everything else is known to the checker only.
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
    /// `optional<T>`
    Optional(Box<Type>),
    /// `type`
    Type,
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
            Self::Optional(inner) => write!(f, "optional<{inner}>"),
            Self::Type => f.write_str("type"),
            Self::Dyn => f.write_str("dyn"),
            Self::Var(index) => write!(f, "_{index}"),
        }
    }
}
