//! The typed intermediate representation: what `lower` makes of a checked rule set and `codegen` turns into
//! wasm. Names are resolved, overloads are chosen, conversions between `T` and `T?` are explicit.

mod operands;
mod table;

pub use table::{CellTest, Table, TableColumn, TableOutput, TableRow, TableValue};

use crate::types::Type;
pub use rulestage_decimal::Decimal;
use rulestage_diagnostics::Span;

/// A whole rule set, ready for code generation.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    /// `ruleset NAME`
    pub name: String,
    /// `version "…"`; empty when not given
    pub version: String,
    /// The comment above the rule set
    pub doc: String,
    /// In source order: the order of the columns
    pub inputs: Vec<Input>,
    /// In source order
    pub params: Vec<Param>,
    /// In source order: the order of the result columns
    pub outputs: Vec<Output>,
    /// Every `let` comes after the ones it uses
    pub lets: Vec<Let>,
    /// In order of evaluation: priority descending, then source order
    pub rules: Vec<Rule>,
    /// In source order
    pub examples: Vec<Example>,
    /// In source order; no code is generated for them
    pub invariants: Vec<Invariant>,
}

/// `input { NAME: TYPE }`
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Column name
    pub name: String,
    /// Scalars have columns of their types, lists, maps and structs of them nested ones, others columns of JSON text
    pub ty: Type,
    /// The trailing or preceding comment
    pub doc: String,
}

/// `param NAME: TYPE = DEFAULT`
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Name
    pub name: String,
    /// Scalar
    pub ty: Type,
    /// Of type `ty`
    pub default: Const,
    /// The trailing or preceding comment
    pub doc: String,
}

/// `output { NAME: TYPE = DEFAULT merge MERGE }`
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Column name
    pub name: String,
    /// Scalars, nullable scalars and lists of scalars have columns of their types, others of JSON text
    pub ty: Type,
    /// The value where no rule contributes, of type `ty`
    pub default: Const,
    /// How contributions become one value
    pub merge: Merge,
    /// The trailing or preceding comment
    pub doc: String,
}

/// How the contributions of all rules to one output become its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The first contribution in order of evaluation
    First,
    /// The last one
    Last,
    /// Their sum (`int`, `uint`, `double`, `decimal`, `duration`); overflow fails the row
    Sum,
    /// The smallest (ordered scalars)
    Min,
    /// The largest (ordered scalars)
    Max,
    /// All of them, in order (outputs of list type; a contribution is an element or a list)
    Collect,
    /// Like `Collect`, keeping the first of equal elements
    Unique,
}

/// `let NAME = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// Name
    pub name: String,
    /// Definition
    pub value: Expr,
}

/// `rule NAME priority N { when CONDITION then {…} else {…} }`
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name, unique
    pub name: String,
    /// 0 unless given
    pub priority: i64,
    /// The comment above
    pub doc: String,
    /// Where the name stands
    pub span: Span,
    /// Of type `bool`
    pub condition: Expr,
    /// What it contributes when the condition holds
    pub then: Vec<Contribution>,
    /// What it contributes when the condition does not hold
    pub otherwise: Vec<Contribution>,
    /// A table, which stands for a rule without condition and contributions of its own
    pub table: Option<Box<Table<Expr>>>,
}

impl Rule {
    /// The condition and the values of the contributions; what is in a table is not among them.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let contributions = self.then.iter().chain(&self.otherwise);
        std::iter::once(&self.condition).chain(contributions.map(|each| &each.value))
    }
}

/// `OUTPUT = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Index into `RuleSet::outputs`
    pub output: usize,
    /// Of the output's type; for `Collect` and `Unique` of the element's type or the list's
    pub value: Expr,
    /// The whole assignment
    pub span: Span,
}

/// `example "NAME" { given {…} expect {…} }`
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Name
    pub name: String,
    /// Where the name stands
    pub span: Span,
    /// (index into `inputs`, value); inputs that are not given are null and therefore nullable
    pub given: Vec<(usize, Const)>,
    /// (index into `params`, value)
    pub params: Vec<(usize, Const)>,
    /// (index into `outputs`, value, where it stands)
    pub expect: Vec<(usize, Const, Span)>,
}

/// `invariant "NAME" { when CONDITION assert CONDITION }`
///
/// In its expressions, `Input(inputs.len() + n)` is the value of output `n`.
#[derive(Debug, Clone, PartialEq)]
pub struct Invariant {
    /// Name
    pub name: String,
    /// Where the name stands
    pub span: Span,
    /// Where it applies; everywhere unless given
    pub condition: Option<Expr>,
    /// What holds there
    pub assertion: Expr,
}

/// A value known at compile time.
#[derive(Debug, Clone, PartialEq)]
pub enum Const {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    String(String),
    /// `bytes`
    Bytes(Vec<u8>),
    /// Seconds since the epoch, nanoseconds 0..=999_999_999
    Timestamp(i64, u32),
    /// Nanoseconds
    Duration(i64),
    /// `decimal`
    Decimal(Decimal),
    /// Elements
    List(Vec<Const>),
    /// Keys and values
    Map(Vec<(Const, Const)>),
    /// A type, by its name
    Type(String),
    /// An optional value
    Optional(Option<Box<Const>>),
}

/// An expression with its type and its place in the source.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it does
    pub kind: ExprKind,
    /// What it gives
    pub ty: Type,
    /// Its whole source text (an inserted conversion has its operand's)
    pub span: Span,
}

/// The operations. Operand types are as stated; the code generator relies on them.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant
    Const(Const),
    /// The row's value of an input, by index
    Input(usize),
    /// A parameter, by index
    Param(usize),
    /// A `let`, by index; fails as its definition does
    Let(usize),
    /// `!bool`
    Not(Box<Expr>),
    /// `-x` of int (can overflow), double or duration
    Negate(Box<Expr>),
    /// `+ - * / %` on two operands of the result's type: int, uint, double (no `%`), and `+ -` on duration;
    /// also timestamp + duration, duration + timestamp, timestamp - duration, timestamp - timestamp
    Arithmetic(ArithmeticOp, Box<Expr>, Box<Expr>),
    /// `+` on strings or bytes
    Concat(Box<Expr>, Box<Expr>),
    /// `== != < <= > >=`. Equality: any two types; null equals null alone. Order: equal ordered types (bool, int,
    /// uint, double, string, bytes, timestamp, duration, decimal), any two numeric types, not nullable, or `dyn`
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `a && b`, absorbing errors as CEL does
    And(Box<Expr>, Box<Expr>),
    /// `a || b`, absorbing errors as CEL does
    Or(Box<Expr>, Box<Expr>),
    /// `c ? a : b` and `if c { a } else { b }`; both branches have the result's type
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `a ?? b`: b when a is null or an error. `a` has the result's type or is nullable of it
    Coalesce(Box<Expr>, Box<Expr>),
    /// `item in [items…]`; comparable as by `Compare(Equal)`
    In(Box<Expr>, Vec<Expr>),
    /// `T?` to `T`; null fails with `no_such_overload`
    Unwrap(Box<Expr>),
    /// `T` or `null` to `T?`
    Wrap(Box<Expr>),
    /// A function or conversion
    Call(Function, Vec<Expr>),
    /// A list literal. Elements have types of their own where the list's element type is `dyn`
    List(Vec<Expr>),
    /// A map literal: keys and values, likewise
    Map(Vec<(Expr, Expr)>),
    /// An element of a list literal, or a value of a map literal, of optional type: left out where it has no value
    IfPresent(Box<Expr>),
    /// A variable of an enclosing `Bind`, `Fold`, `MapOptional` or `Dispatch`; fails as its definition does
    Local(u32),
    /// `cel.bind(local, value, body)`
    Bind(u32, Box<Expr>, Box<Expr>),
    /// The same value as another type. Between `dyn` (also inside lists, maps and optionals) and other types;
    /// where the value turns out to be of another type, it fails with `no_such_overload`
    Convert(Box<Expr>),
    /// A `dyn` that is known to be of this type
    Assume(Box<Expr>),
    /// `container[index]` on a list, map or `dyn`
    Index(Box<Expr>, Box<Expr>),
    /// `container[?index]` and `container.?field`, also on optionals of containers
    IndexOptionally(Box<Expr>, Box<Expr>),
    /// `has(container.field)`, also on optionals of containers
    Has(Box<Expr>, Box<Expr>),
    /// `item in container`, a list, map or `dyn`
    InValue(Box<Expr>, Box<Expr>),
    /// A macro over the elements of a list or the entries of a map
    Fold(Box<Fold<Expr>>),
    /// `a.or(b)` on optionals
    OptionalOr(Box<Expr>, Box<Expr>),
    /// `a.orValue(b)`
    OptionalOrValue(Box<Expr>, Box<Expr>),
    /// `optional.optMap(local, body)`; with `optFlatMap`, the body is optional itself
    MapOptional(u32, Box<Expr>, Box<Expr>),
    /// A function of `rule-runtime`, by its name. Arguments are of the types of its parameters
    Helper(&'static str, Vec<Expr>),
    /// One of several overloads, chosen by the types that the arguments turn out to have
    Dispatch(Box<Dispatch<Expr>>),
}

/// A macro that goes over a list, a map or a `dyn` that is one of them, or a function that makes one value of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold<E> {
    /// What it goes over
    pub range: E,
    /// The variable for the index or key, where there are two, or where there is one and it goes over a map
    pub key: Option<u32>,
    /// The variable for the element or value; where it is the only one and the range is a `dyn`, for the key of a map
    pub value: Option<u32>,
    /// Which elements count, where that is a matter of its own
    pub filter: Option<E>,
    /// What becomes of the elements
    pub kind: FoldKind,
    /// The condition or the result, for each element
    pub body: E,
}

/// The kinds of macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// `all`: false where one is, else an error where there is one
    All,
    /// `exists`: true where one is, else an error where there is one
    Exists,
    /// `exists_one`
    ExistsOne,
    /// `filter`: elements, or keys of a map
    Filter,
    /// `map` and `transformList`
    List,
    /// `transformMap`: values for the same keys
    Map,
    /// `transformMapEntry`: maps that are joined
    Entries,
    /// `sum`, of numbers, decimals or durations; zero without elements
    Sum,
    /// `min`, of ordered values; an error without elements
    Min,
    /// `max`, likewise
    Max,
}

/// The overloads of a function whose arguments are `dyn`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch<E> {
    /// The arguments, each evaluated once into its local
    pub args: Vec<(u32, E)>,
    /// Tried in order
    pub candidates: Vec<Candidate<E>>,
}

/// One overload.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<E> {
    /// The types that locals must have
    pub tests: Vec<(u32, Type)>,
    /// Its result, of the type of the whole
    pub body: E,
}

/// Arithmetic operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Functions and conversions, each for one signature (or the few stated).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `size(string) -> int`: code points
    StringSize,
    /// `size(bytes) -> int`
    BytesSize,
    /// `math.abs(double)`
    Abs,
    /// `math.ceil(double)`
    Ceil,
    /// `math.floor(double)`
    Floor,
    /// `math.round(double)`: halves away from zero
    Round,
    /// `math.trunc(double)`
    Trunc,
    /// `math.sqrt(double | int | uint) -> double`
    Sqrt,
    /// The nearest number of 32 bits (`google.protobuf.FloatValue`)
    RoundToFloat,
    /// `math.isNaN(double)`
    IsNan,
    /// `math.isInf(double)`
    IsInf,
    /// `math.isFinite(double)`
    IsFinite,
    /// `math.bitAnd`, on ints or uints, as the ones below
    BitAnd,
    /// `math.bitOr`
    BitOr,
    /// `math.bitXor`
    BitXor,
    /// `math.bitNot`
    BitNot,
    /// `size(list | map) -> int`
    ElementCount,
    /// `type(any) -> type`
    TypeOf,
    /// `optional.of(any)`
    OptionalOf,
    /// `optional.ofNonZeroValue(any)`
    OptionalOfNonZero,
    /// `optional.none()`
    OptionalNone,
    /// `optional.hasValue()`
    OptionalHasValue,
    /// `optional.value()`
    OptionalValue,
    /// `string.contains(string) -> bool`
    Contains,
    /// `string.startsWith(string) -> bool`
    StartsWith,
    /// `string.endsWith(string) -> bool`
    EndsWith,
    /// `int(uint | double | string | timestamp)`, by the argument's type
    ToInt,
    /// `uint(int | double | string)`
    ToUint,
    /// `double(int | uint | string)`
    ToDouble,
    /// `string(bool | int | uint | double | bytes | timestamp | duration)`
    ToString,
    /// `bytes(string)`
    ToBytes,
    /// `bool(string)`
    ToBool,
    /// `timestamp(string | int)`
    ToTimestamp,
    /// `duration(string | int)`
    ToDuration,
    /// `timestamp.getFullYear()` in UTC, and so on
    GetFullYear,
    /// 0-based
    GetMonth,
    /// 1-based day of the month
    GetDate,
    /// 0-based day of the month
    GetDayOfMonth,
    /// 0 is Sunday
    GetDayOfWeek,
    /// 0-based
    GetDayOfYear,
    /// Timestamp: 0..=23. Duration: whole hours
    GetHours,
    /// Timestamp: 0..=59. Duration: whole minutes
    GetMinutes,
    /// Timestamp: 0..=59. Duration: whole seconds
    GetSeconds,
    /// Timestamp: 0..=999. Duration: the milliseconds of the second
    GetMilliseconds,
}
