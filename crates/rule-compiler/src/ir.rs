//! The typed intermediate representation: what `lower` makes of a checked rule set and `codegen` turns into
//! wasm. Names are resolved, overloads are chosen, conversions between `T` and `T?` are explicit.

use crate::types::Type;
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
}

/// `input { NAME: TYPE }`. The type is a scalar or `Nullable` of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Column name
    pub name: String,
    /// Scalar or nullable scalar
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
    /// Scalar, nullable scalar or list of scalars
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
    /// Their sum (`int`, `uint`, `double`, `duration`); overflow fails the row
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
    /// Elements of one type
    List(Vec<Const>),
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
    /// `== != < <= > >=`. Equality: two operands of equal scalar type, either side possibly nullable or null, or
    /// any two numeric types. Order: equal ordered types (bool, int, uint, double, string, bytes, timestamp,
    /// duration) or any two numeric types, not nullable
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
    /// A list, as a contribution only
    List(Vec<Expr>),
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
    /// `string.contains(string) -> bool`
    Contains,
    /// `string.startsWith(string) -> bool`
    StartsWith,
    /// `string.endsWith(string) -> bool`
    EndsWith,
    /// `string.matches(literal)`: reserved, not generated yet
    Matches,
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
