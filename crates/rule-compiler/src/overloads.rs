//! The standard functions and operators of CEL (cel-spec, "list of standard definitions") as data.

use crate::ir::{ArithmeticOp, Function};
use crate::types::Type;

/// The types in signatures, small enough for constant tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum T {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Type,
    Ip,
    Cidr,
    Decimal,
    Dyn,
    A,
    B,
    List(&'static T),
    Map(&'static T, &'static T),
    Optional(&'static T),
}

/// `list<A>`
const LIST_A: T = T::List(&T::A);
/// `map<A, B>`
const MAP_AB: T = T::Map(&T::A, &T::B);
/// `optional<A>`
const OPTIONAL_A: T = T::Optional(&T::A);

/// What an overload becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Call(Function),
    Arithmetic(ArithmeticOp),
    Concat,
    Negate,
    /// The argument itself, as the parameter's type
    Identity,
    /// A function of `rule-runtime`: the slots of the arguments and an address for the result go in, a status
    /// comes out
    Helper(&'static str),
    /// A function of the first argument in the time zone that the second names
    InZone(Function),
    /// `a.or(b)`: the second only where the first has no value
    OptionalOr,
    /// `a.orValue(b)`: likewise
    OptionalOrValue,
}

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `f(a, b)`
    Global,
    /// `a.f(b)`
    Method,
    /// Either
    Both,
    /// `-a`, `a + b`
    Operator,
}

/// One signature of a function or operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overload {
    pub(crate) name: &'static str,
    pub(crate) style: Style,
    pub(crate) params: &'static [T],
    pub(crate) result: T,
    pub(crate) meaning: Meaning,
}

impl T {
    /// The type, with `a` and `b` for the type parameters.
    pub(crate) fn instantiate(self, a: &Type, b: &Type) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::String => Type::String,
            Self::Bytes => Type::Bytes,
            Self::Timestamp => Type::Timestamp,
            Self::Duration => Type::Duration,
            Self::Type => Type::Type,
            Self::Ip => Type::Ip,
            Self::Cidr => Type::Cidr,
            Self::Decimal => Type::Decimal,
            Self::Dyn => Type::Dyn,
            Self::A => a.clone(),
            Self::B => b.clone(),
            Self::List(element) => Type::List(Box::new(element.instantiate(a, b))),
            Self::Map(key, value) => Type::Map(
                Box::new(key.instantiate(a, b)),
                Box::new(value.instantiate(a, b)),
            ),
            Self::Optional(inner) => Type::Optional(Box::new(inner.instantiate(a, b))),
        }
    }

    /// Whether a type parameter is in it.
    pub(crate) fn is_generic(self) -> bool {
        match self {
            Self::A | Self::B => true,
            Self::List(inner) | Self::Optional(inner) => inner.is_generic(),
            Self::Map(key, value) => key.is_generic() || value.is_generic(),
            _ => false,
        }
    }

    fn spelling(self) -> &'static str {
        match self {
            Self::Ip => "net.IP",
            Self::Cidr => "net.CIDR",
            Self::Decimal => "decimal",
            Self::Optional(_) => "optional",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Type => "type",
            Self::Dyn => "dyn",
            Self::A | Self::B => "any",
            Self::List(_) => "list",
            Self::Map(..) => "map",
        }
    }
}

impl Overload {
    /// As it is written: `size(string)`, `string.contains(string)`, `int + int`.
    pub(crate) fn spelling(&self) -> String {
        let params: Vec<&str> = self.params.iter().map(|param| param.spelling()).collect();
        match (self.style, params.as_slice()) {
            (Style::Operator, [operand]) => format!("{}{operand}", self.name),
            (Style::Operator, [left, right]) => format!("{left} {} {right}", self.name),
            (Style::Method, [receiver, args @ ..]) => {
                format!("{receiver}.{}({})", self.name, args.join(", "))
            }
            _ => format!("{}({})", self.name, params.join(", ")),
        }
    }
}

/// The overloads of a function or operator, in the order of the specification.
pub(crate) fn overloads(name: &str) -> impl Iterator<Item = &'static Overload> {
    OVERLOADS
        .iter()
        .filter(move |overload| overload.name == name)
}

/// The names of all standard functions.
pub(crate) fn function_names() -> impl Iterator<Item = &'static str> {
    OVERLOADS
        .iter()
        .filter(|overload| overload.style != Style::Operator)
        .map(|overload| overload.name)
}

const fn operator(
    name: &'static str,
    params: &'static [T],
    result: T,
    meaning: Meaning,
) -> Overload {
    Overload {
        name,
        style: Style::Operator,
        params,
        result,
        meaning,
    }
}

const fn conversion(
    name: &'static str,
    params: &'static [T],
    result: T,
    meaning: Meaning,
) -> Overload {
    Overload {
        name,
        style: Style::Global,
        params,
        result,
        meaning,
    }
}

const fn method(name: &'static str, params: &'static [T], result: T, meaning: Meaning) -> Overload {
    Overload {
        name,
        style: Style::Method,
        params,
        result,
        meaning,
    }
}

const fn call(function: Function) -> Meaning {
    Meaning::Call(function)
}

const fn helper(name: &'static str) -> Meaning {
    Meaning::Helper(name)
}

const fn arithmetic(op: ArithmeticOp) -> Meaning {
    Meaning::Arithmetic(op)
}

#[rustfmt::skip]
pub(crate) static OVERLOADS: &[Overload] = &[
    operator("-", &[T::Int], T::Int, Meaning::Negate),
    operator("-", &[T::Double], T::Double, Meaning::Negate),
    operator("+", &[T::Int, T::Int], T::Int, arithmetic(ArithmeticOp::Add)),
    operator("+", &[T::Uint, T::Uint], T::Uint, arithmetic(ArithmeticOp::Add)),
    operator("+", &[T::Double, T::Double], T::Double, arithmetic(ArithmeticOp::Add)),
    operator("+", &[T::String, T::String], T::String, Meaning::Concat),
    operator("+", &[T::Bytes, T::Bytes], T::Bytes, Meaning::Concat),
    operator("+", &[LIST_A, LIST_A], LIST_A, Meaning::Helper("list_concat")),
    operator("+", &[T::Timestamp, T::Duration], T::Timestamp, arithmetic(ArithmeticOp::Add)),
    operator("+", &[T::Duration, T::Timestamp], T::Timestamp, arithmetic(ArithmeticOp::Add)),
    operator("+", &[T::Duration, T::Duration], T::Duration, arithmetic(ArithmeticOp::Add)),
    operator("-", &[T::Int, T::Int], T::Int, arithmetic(ArithmeticOp::Subtract)),
    operator("-", &[T::Uint, T::Uint], T::Uint, arithmetic(ArithmeticOp::Subtract)),
    operator("-", &[T::Double, T::Double], T::Double, arithmetic(ArithmeticOp::Subtract)),
    operator("-", &[T::Timestamp, T::Timestamp], T::Duration, arithmetic(ArithmeticOp::Subtract)),
    operator("-", &[T::Timestamp, T::Duration], T::Timestamp, arithmetic(ArithmeticOp::Subtract)),
    operator("-", &[T::Duration, T::Duration], T::Duration, arithmetic(ArithmeticOp::Subtract)),
    operator("*", &[T::Int, T::Int], T::Int, arithmetic(ArithmeticOp::Multiply)),
    operator("*", &[T::Uint, T::Uint], T::Uint, arithmetic(ArithmeticOp::Multiply)),
    operator("*", &[T::Double, T::Double], T::Double, arithmetic(ArithmeticOp::Multiply)),
    operator("/", &[T::Int, T::Int], T::Int, arithmetic(ArithmeticOp::Divide)),
    operator("/", &[T::Uint, T::Uint], T::Uint, arithmetic(ArithmeticOp::Divide)),
    operator("/", &[T::Double, T::Double], T::Double, arithmetic(ArithmeticOp::Divide)),
    operator("%", &[T::Int, T::Int], T::Int, arithmetic(ArithmeticOp::Remainder)),
    operator("%", &[T::Uint, T::Uint], T::Uint, arithmetic(ArithmeticOp::Remainder)),
    operator("-", &[T::Decimal], T::Decimal, helper("decimal_negate")),
    operator("+", &[T::Decimal, T::Decimal], T::Decimal, helper("decimal_add")),
    operator("-", &[T::Decimal, T::Decimal], T::Decimal, helper("decimal_subtract")),
    operator("*", &[T::Decimal, T::Decimal], T::Decimal, helper("decimal_multiply")),
    operator("/", &[T::Decimal, T::Decimal], T::Decimal, helper("decimal_divide")),
    operator("%", &[T::Decimal, T::Decimal], T::Decimal, helper("decimal_remainder")),

    Overload { name: "size", style: Style::Both, params: &[T::String], result: T::Int, meaning: call(Function::StringSize) },
    Overload { name: "size", style: Style::Both, params: &[T::Bytes], result: T::Int, meaning: call(Function::BytesSize) },
    Overload { name: "size", style: Style::Both, params: &[LIST_A], result: T::Int, meaning: call(Function::ElementCount) },
    Overload { name: "size", style: Style::Both, params: &[MAP_AB], result: T::Int, meaning: call(Function::ElementCount) },
    method("contains", &[T::String, T::String], T::Bool, call(Function::Contains)),
    method("startsWith", &[T::String, T::String], T::Bool, call(Function::StartsWith)),
    method("endsWith", &[T::String, T::String], T::Bool, call(Function::EndsWith)),
    Overload { name: "matches", style: Style::Both, params: &[T::String, T::String], result: T::Bool, meaning: helper("regex_matches") },

    conversion("int", &[T::Int], T::Int, Meaning::Identity),
    conversion("int", &[T::Uint], T::Int, call(Function::ToInt)),
    conversion("int", &[T::Double], T::Int, call(Function::ToInt)),
    conversion("int", &[T::String], T::Int, call(Function::ToInt)),
    conversion("int", &[T::Timestamp], T::Int, call(Function::ToInt)),
    conversion("uint", &[T::Uint], T::Uint, Meaning::Identity),
    conversion("uint", &[T::Int], T::Uint, call(Function::ToUint)),
    conversion("uint", &[T::Double], T::Uint, call(Function::ToUint)),
    conversion("uint", &[T::String], T::Uint, call(Function::ToUint)),
    conversion("double", &[T::Double], T::Double, Meaning::Identity),
    conversion("double", &[T::Int], T::Double, call(Function::ToDouble)),
    conversion("double", &[T::Uint], T::Double, call(Function::ToDouble)),
    conversion("double", &[T::String], T::Double, call(Function::ToDouble)),
    conversion("string", &[T::String], T::String, Meaning::Identity),
    conversion("string", &[T::Bool], T::String, call(Function::ToString)),
    conversion("string", &[T::Int], T::String, call(Function::ToString)),
    conversion("string", &[T::Uint], T::String, call(Function::ToString)),
    conversion("string", &[T::Double], T::String, call(Function::ToString)),
    conversion("string", &[T::Bytes], T::String, call(Function::ToString)),
    conversion("string", &[T::Timestamp], T::String, call(Function::ToString)),
    conversion("string", &[T::Duration], T::String, call(Function::ToString)),
    conversion("bytes", &[T::Bytes], T::Bytes, Meaning::Identity),
    conversion("bytes", &[T::String], T::Bytes, call(Function::ToBytes)),
    conversion("bool", &[T::Bool], T::Bool, Meaning::Identity),
    conversion("bool", &[T::String], T::Bool, call(Function::ToBool)),
    conversion("timestamp", &[T::Timestamp], T::Timestamp, Meaning::Identity),
    conversion("timestamp", &[T::String], T::Timestamp, call(Function::ToTimestamp)),
    conversion("timestamp", &[T::Int], T::Timestamp, call(Function::ToTimestamp)),
    conversion("duration", &[T::Duration], T::Duration, Meaning::Identity),
    conversion("duration", &[T::String], T::Duration, call(Function::ToDuration)),
    conversion("dyn", &[T::Dyn], T::Dyn, Meaning::Identity),
    conversion("type", &[T::A], T::Type, call(Function::TypeOf)),

    conversion("optional.of", &[T::A], OPTIONAL_A, call(Function::OptionalOf)),
    conversion("optional.ofNonZeroValue", &[T::A], OPTIONAL_A, call(Function::OptionalOfNonZero)),
    conversion("optional.none", &[], OPTIONAL_A, call(Function::OptionalNone)),
    conversion("optional.unwrap", &[T::List(&OPTIONAL_A)], LIST_A, Meaning::Helper("list_unwrap")),
    method("unwrapOpt", &[T::List(&OPTIONAL_A)], LIST_A, Meaning::Helper("list_unwrap")),
    method("hasValue", &[OPTIONAL_A], T::Bool, call(Function::OptionalHasValue)),
    method("value", &[OPTIONAL_A], T::A, call(Function::OptionalValue)),
    method("or", &[OPTIONAL_A, OPTIONAL_A], OPTIONAL_A, Meaning::OptionalOr),
    method("orValue", &[OPTIONAL_A, T::A], T::A, Meaning::OptionalOrValue),

    method("getFullYear", &[T::Timestamp], T::Int, call(Function::GetFullYear)),
    method("getFullYear", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetFullYear)),
    method("getMonth", &[T::Timestamp], T::Int, call(Function::GetMonth)),
    method("getMonth", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetMonth)),
    method("getDate", &[T::Timestamp], T::Int, call(Function::GetDate)),
    method("getDate", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetDate)),
    method("getDayOfMonth", &[T::Timestamp], T::Int, call(Function::GetDayOfMonth)),
    method("getDayOfMonth", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetDayOfMonth)),
    method("getDayOfWeek", &[T::Timestamp], T::Int, call(Function::GetDayOfWeek)),
    method("getDayOfWeek", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetDayOfWeek)),
    method("getDayOfYear", &[T::Timestamp], T::Int, call(Function::GetDayOfYear)),
    method("getDayOfYear", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetDayOfYear)),
    method("getHours", &[T::Timestamp], T::Int, call(Function::GetHours)),
    method("getHours", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetHours)),
    method("getHours", &[T::Duration], T::Int, call(Function::GetHours)),
    method("getMinutes", &[T::Timestamp], T::Int, call(Function::GetMinutes)),
    method("getMinutes", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetMinutes)),
    method("getMinutes", &[T::Duration], T::Int, call(Function::GetMinutes)),
    method("getSeconds", &[T::Timestamp], T::Int, call(Function::GetSeconds)),
    method("getSeconds", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetSeconds)),
    method("getSeconds", &[T::Duration], T::Int, call(Function::GetSeconds)),
    method("getMilliseconds", &[T::Timestamp], T::Int, call(Function::GetMilliseconds)),
    method("getMilliseconds", &[T::Timestamp, T::String], T::Int, Meaning::InZone(Function::GetMilliseconds)),
    method("getMilliseconds", &[T::Duration], T::Int, call(Function::GetMilliseconds)),

    method("charAt", &[T::String, T::Int], T::String, helper("string_char_at")),
    method("indexOf", &[T::String, T::String], T::Int, helper("string_index_of")),
    method("indexOf", &[T::String, T::String, T::Int], T::Int, helper("string_index_of_from")),
    method("lastIndexOf", &[T::String, T::String], T::Int, helper("string_last_index_of")),
    method("lastIndexOf", &[T::String, T::String, T::Int], T::Int, helper("string_last_index_of_from")),
    method("join", &[T::List(&T::String)], T::String, helper("string_join")),
    method("join", &[T::List(&T::String), T::String], T::String, helper("string_join")),
    method("lowerAscii", &[T::String], T::String, helper("string_lower_ascii")),
    method("upperAscii", &[T::String], T::String, helper("string_upper_ascii")),
    method("replace", &[T::String, T::String, T::String], T::String, helper("string_replace")),
    method("replace", &[T::String, T::String, T::String, T::Int], T::String, helper("string_replace_limited")),
    method("split", &[T::String, T::String], T::List(&T::String), helper("string_split")),
    method("split", &[T::String, T::String, T::Int], T::List(&T::String), helper("string_split_limited")),
    method("substring", &[T::String, T::Int], T::String, helper("string_substring_from")),
    method("substring", &[T::String, T::Int, T::Int], T::String, helper("string_substring")),
    method("trim", &[T::String], T::String, helper("string_trim")),
    method("reverse", &[T::String], T::String, helper("string_reverse")),
    method("reverse", &[LIST_A], LIST_A, helper("list_reverse")),
    method("format", &[T::String, T::List(&T::Dyn)], T::String, helper("string_format")),
    conversion("strings.quote", &[T::String], T::String, helper("string_quote")),

    conversion("math.abs", &[T::Int], T::Int, helper("math_abs_int")),
    conversion("math.abs", &[T::Uint], T::Uint, Meaning::Identity),
    conversion("math.abs", &[T::Double], T::Double, call(Function::Abs)),
    conversion("math.sign", &[T::Int], T::Int, helper("math_sign_int")),
    conversion("math.sign", &[T::Uint], T::Uint, helper("math_sign_uint")),
    conversion("math.sign", &[T::Double], T::Double, helper("math_sign_double")),
    conversion("math.ceil", &[T::Double], T::Double, call(Function::Ceil)),
    conversion("math.floor", &[T::Double], T::Double, call(Function::Floor)),
    conversion("math.round", &[T::Double], T::Double, call(Function::Round)),
    conversion("math.trunc", &[T::Double], T::Double, call(Function::Trunc)),
    conversion("math.sqrt", &[T::Double], T::Double, call(Function::Sqrt)),
    conversion("math.sqrt", &[T::Int], T::Double, call(Function::Sqrt)),
    conversion("math.sqrt", &[T::Uint], T::Double, call(Function::Sqrt)),
    conversion("math.isNaN", &[T::Double], T::Bool, call(Function::IsNan)),
    conversion("math.isInf", &[T::Double], T::Bool, call(Function::IsInf)),
    conversion("math.isFinite", &[T::Double], T::Bool, call(Function::IsFinite)),
    conversion("math.bitAnd", &[T::Int, T::Int], T::Int, call(Function::BitAnd)),
    conversion("math.bitAnd", &[T::Uint, T::Uint], T::Uint, call(Function::BitAnd)),
    conversion("math.bitOr", &[T::Int, T::Int], T::Int, call(Function::BitOr)),
    conversion("math.bitOr", &[T::Uint, T::Uint], T::Uint, call(Function::BitOr)),
    conversion("math.bitXor", &[T::Int, T::Int], T::Int, call(Function::BitXor)),
    conversion("math.bitXor", &[T::Uint, T::Uint], T::Uint, call(Function::BitXor)),
    conversion("math.bitNot", &[T::Int], T::Int, call(Function::BitNot)),
    conversion("math.bitNot", &[T::Uint], T::Uint, call(Function::BitNot)),
    conversion("math.bitShiftLeft", &[T::Int, T::Int], T::Int, helper("math_shift_left")),
    conversion("math.bitShiftLeft", &[T::Uint, T::Int], T::Uint, helper("math_shift_left")),
    conversion("math.bitShiftRight", &[T::Int, T::Int], T::Int, helper("math_shift_right")),
    conversion("math.bitShiftRight", &[T::Uint, T::Int], T::Uint, helper("math_shift_right")),
    conversion("math.greatest", &[T::List(&T::Dyn)], T::Dyn, helper("math_greatest")),
    conversion("math.least", &[T::List(&T::Dyn)], T::Dyn, helper("math_least")),

    conversion("regex.extract", &[T::String, T::String], T::Optional(&T::String), helper("regex_extract")),
    conversion("regex.extractAll", &[T::String, T::String], T::List(&T::String), helper("regex_extract_all")),
    conversion("regex.replace", &[T::String, T::String, T::String], T::String, helper("regex_replace")),
    conversion("regex.replace", &[T::String, T::String, T::String, T::Int], T::String, helper("regex_replace_limited")),

    conversion("base64.encode", &[T::Bytes], T::String, helper("base64_encode")),
    conversion("base64.decode", &[T::String], T::Bytes, helper("base64_decode")),

    method("slice", &[LIST_A, T::Int, T::Int], LIST_A, helper("list_slice")),
    method("flatten", &[LIST_A], T::List(&T::Dyn), helper("list_flatten")),
    method("flatten", &[LIST_A, T::Int], T::List(&T::Dyn), helper("list_flatten_to")),
    method("sort", &[LIST_A], LIST_A, helper("list_sort")),
    method("distinct", &[LIST_A], LIST_A, helper("list_distinct")),
    method("sum", &[T::List(&T::Int)], T::Int, helper("list_sum_int")),
    method("sum", &[T::List(&T::Uint)], T::Uint, helper("list_sum_uint")),
    method("sum", &[T::List(&T::Double)], T::Double, helper("list_sum_double")),
    method("sum", &[T::List(&T::Decimal)], T::Decimal, helper("list_sum_decimal")),
    conversion("lists.range", &[T::Int], T::List(&T::Int), helper("list_range")),
    method("first", &[LIST_A], OPTIONAL_A, helper("list_first")),
    method("last", &[LIST_A], OPTIONAL_A, helper("list_last")),

    conversion("sets.contains", &[LIST_A, T::List(&T::B)], T::Bool, helper("sets_contains")),
    conversion("sets.equivalent", &[LIST_A, T::List(&T::B)], T::Bool, helper("sets_equivalent")),
    conversion("sets.intersects", &[LIST_A, T::List(&T::B)], T::Bool, helper("sets_intersects")),

    conversion("ip", &[T::String], T::Ip, helper("ip_from_string")),
    conversion("ip", &[T::Ip], T::Ip, Meaning::Identity),
    conversion("isIP", &[T::String], T::Bool, helper("ip_is_valid")),
    conversion("ip.isCanonical", &[T::String], T::Bool, helper("ip_is_canonical")),
    conversion("string", &[T::Ip], T::String, helper("ip_to_string")),
    method("family", &[T::Ip], T::Int, helper("ip_family")),
    method("isUnspecified", &[T::Ip], T::Bool, helper("ip_is_unspecified")),
    method("isLoopback", &[T::Ip], T::Bool, helper("ip_is_loopback")),
    method("isGlobalUnicast", &[T::Ip], T::Bool, helper("ip_is_global_unicast")),
    method("isLinkLocalMulticast", &[T::Ip], T::Bool, helper("ip_is_link_local_multicast")),
    method("isLinkLocalUnicast", &[T::Ip], T::Bool, helper("ip_is_link_local_unicast")),
    conversion("cidr", &[T::String], T::Cidr, helper("cidr_from_string")),
    conversion("cidr", &[T::Cidr], T::Cidr, Meaning::Identity),
    conversion("isCIDR", &[T::String], T::Bool, helper("cidr_is_valid")),
    conversion("string", &[T::Cidr], T::String, helper("cidr_to_string")),
    method("containsIP", &[T::Cidr, T::Ip], T::Bool, helper("cidr_contains_ip")),
    method("containsIP", &[T::Cidr, T::String], T::Bool, helper("cidr_contains_ip_text")),
    method("containsCIDR", &[T::Cidr, T::Cidr], T::Bool, helper("cidr_contains_cidr")),
    method("containsCIDR", &[T::Cidr, T::String], T::Bool, helper("cidr_contains_cidr_text")),
    method("ip", &[T::Cidr], T::Ip, helper("cidr_ip")),
    method("masked", &[T::Cidr], T::Cidr, helper("cidr_masked")),
    method("prefixLength", &[T::Cidr], T::Int, helper("cidr_prefix_length")),

    conversion("decimal", &[T::Decimal], T::Decimal, Meaning::Identity),
    conversion("decimal", &[T::String], T::Decimal, helper("decimal_from_string")),
    conversion("decimal", &[T::Int], T::Decimal, helper("decimal_from_int")),
    conversion("decimal", &[T::Uint], T::Decimal, helper("decimal_from_uint")),
    conversion("decimal", &[T::Double], T::Decimal, helper("decimal_from_double")),
    conversion("string", &[T::Decimal], T::String, helper("decimal_to_string")),
    conversion("double", &[T::Decimal], T::Double, helper("decimal_to_double")),
    conversion("int", &[T::Decimal], T::Int, helper("decimal_to_int")),
    conversion("uint", &[T::Decimal], T::Uint, helper("decimal_to_uint")),
    conversion("math.abs", &[T::Decimal], T::Decimal, helper("decimal_abs")),
    conversion("math.sign", &[T::Decimal], T::Decimal, helper("decimal_sign")),
    conversion("math.round", &[T::Decimal], T::Decimal, helper("decimal_round")),
    conversion("math.round", &[T::Decimal, T::Int], T::Decimal, helper("decimal_round_to")),
    conversion("math.roundEven", &[T::Decimal], T::Decimal, helper("decimal_round_even")),
    conversion("math.roundEven", &[T::Decimal, T::Int], T::Decimal, helper("decimal_round_even_to")),
    conversion("math.floor", &[T::Decimal], T::Decimal, helper("decimal_floor")),
    conversion("math.floor", &[T::Decimal, T::Int], T::Decimal, helper("decimal_floor_to")),
    conversion("math.ceil", &[T::Decimal], T::Decimal, helper("decimal_ceil")),
    conversion("math.ceil", &[T::Decimal, T::Int], T::Decimal, helper("decimal_ceil_to")),
    conversion("math.trunc", &[T::Decimal], T::Decimal, helper("decimal_trunc")),
    conversion("math.trunc", &[T::Decimal, T::Int], T::Decimal, helper("decimal_trunc_to")),
    method("round", &[T::Decimal, T::Int], T::Decimal, helper("decimal_round_to")),
];

/// Whether functions of extension libraries start with `NAME.`.
pub fn is_namespace(name: &str) -> bool {
    [
        "math", "sets", "base64", "optional", "cel", "lists", "strings", "regex", "ip", "cidr",
        "net", "proto",
    ]
    .contains(&name)
}
