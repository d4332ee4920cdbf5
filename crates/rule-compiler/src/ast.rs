//! The syntax tree: what was written, with parentheses and spans, before names mean anything.
//!
//! No tree is deeper than [`MAX_DEPTH`]: the parser reports deeper ones. Chains of `&&` and `||` are flat, so
//! their length is not limited. Every later phase may therefore recurse.

mod table;

pub use table::{Cell, Function, HitPolicy, Table, TableOutput, TableRow, Test, TestKind};

use crate::types::Type;
use rulestage_diagnostics::Span;

/// How deep expressions may nest.
pub const MAX_DEPTH: u16 = 250;

/// A name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Without back quotes
    pub text: String,
    /// With back quotes
    pub span: Span,
}

/// A type as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeExpr {
    /// What it stands for; `Type::Error` when that was reported
    pub ty: Type,
    /// Where
    pub span: Span,
}

/// A whole source of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    /// `ruleset NAME`
    pub name: Name,
    /// `version "…"`
    pub version: Option<Text>,
    /// The comment above
    pub doc: String,
    /// In source order
    pub items: Vec<Item>,
    /// From `ruleset` to the closing brace
    pub span: Span,
}

/// A string literal outside expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Decoded
    pub value: String,
    /// With quotes
    pub span: Span,
}

/// One block or declaration of a rule set.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is
    pub kind: ItemKind,
    /// The comment above it, or behind it on its line
    pub doc: String,
    /// All of it
    pub span: Span,
}

/// The kinds of items.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// `input { … }`
    Input(Vec<InputField>),
    /// `param NAME: TYPE = DEFAULT`
    Param {
        /// Its name
        name: Name,
        /// Its type
        ty: TypeExpr,
        /// Its default
        default: Expr,
    },
    /// `output { … }`
    Output(Vec<OutputField>),
    /// `let NAME = VALUE`
    Let {
        /// Its name
        name: Name,
        /// Its definition
        value: Expr,
    },
    /// `rule NAME … { … }`
    Rule(Box<Rule>),
    /// `example "…" { … }`
    Example(Box<Example>),
    /// `table NAME … { … }`
    Table(Box<Table>),
    /// `func NAME(…) -> TYPE = BODY`
    Function(Box<Function>),
    /// `invariant "…" { … }`
    Invariant(Box<Invariant>),
}

/// `NAME: TYPE`
#[derive(Debug, Clone, PartialEq)]
pub struct InputField {
    /// Its name
    pub name: Name,
    /// Its type
    pub ty: TypeExpr,
    /// The comment above it, or behind it on its line
    pub doc: String,
    /// All of it
    pub span: Span,
}

/// `NAME: TYPE = DEFAULT merge MERGE`
#[derive(Debug, Clone, PartialEq)]
pub struct OutputField {
    /// Its name
    pub name: Name,
    /// Its type
    pub ty: TypeExpr,
    /// Its default
    pub default: Option<Expr>,
    /// Its merge
    pub merge: Option<(crate::ir::Merge, Span)>,
    /// The comment above it, or behind it on its line
    pub doc: String,
    /// All of it
    pub span: Span,
}

/// `rule NAME priority N { when CONDITION then {…} else {…} }`
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name
    pub name: Name,
    /// 0 unless given
    pub priority: Option<(i64, Span)>,
    /// `when`
    pub condition: Expr,
    /// `then`
    pub then: Vec<Assignment>,
    /// `else`
    pub otherwise: Option<Vec<Assignment>>,
    /// Where each block closes, for comments before the brace
    pub then_span: Span,
    /// As `then_span`
    pub otherwise_span: Span,
}

/// `OUTPUT = VALUE`
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The output
    pub name: Name,
    /// What it gets
    pub value: Expr,
    /// All of it
    pub span: Span,
}

/// `example "NAME" { given {…} params {…} expect {…} }`
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its name
    pub name: Text,
    /// In source order
    pub parts: Vec<ExamplePart>,
}

/// One part of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct ExamplePart {
    /// Which
    pub kind: ExamplePartKind,
    /// `NAME: VALUE` each
    pub entries: Vec<Assignment>,
    /// All of it
    pub span: Span,
}

/// The parts of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExamplePartKind {
    /// Values of inputs
    Given,
    /// Values of parameters
    Params,
    /// Values that the outputs must have
    Expect,
}

/// `invariant "NAME" { when CONDITION assert CONDITION }`
#[derive(Debug, Clone, PartialEq)]
pub struct Invariant {
    /// Its name
    pub name: Text,
    /// Where it applies; everywhere unless given
    pub condition: Option<Expr>,
    /// What holds there
    pub assertion: Expr,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is
    pub kind: ExprKind,
    /// All of it
    pub span: Span,
    /// 1 for a leaf, one more than the deepest operand otherwise
    pub depth: u16,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// Could not be read; already reported
    Error,
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `12`, `-12`
    Int(i64),
    /// `12u`
    Uint(u64),
    /// `1.5`, `-1.5`
    Double(f64),
    /// `"text"`
    String(String),
    /// `b"bytes"`
    Bytes(Vec<u8>),
    /// `name`, `.name`
    Identifier {
        /// The name
        name: Name,
        /// With a leading dot: not looked up in the container
        absolute: bool,
    },
    /// `operand.field`, `operand.?field`
    Select {
        /// Left of the dot
        operand: Box<Expr>,
        /// Right of it
        field: Name,
        /// `.?`
        optional: bool,
    },
    /// `operand[index]`, `operand[?index]`
    Index {
        /// Before the bracket
        operand: Box<Expr>,
        /// Inside
        index: Box<Expr>,
        /// `[?`
        optional: bool,
    },
    /// `f(…)`, `.f(…)`
    Call {
        /// The function
        function: Name,
        /// With a leading dot
        absolute: bool,
        /// In order
        args: Vec<Expr>,
    },
    /// `receiver.f(…)`
    Method {
        /// Left of the dot
        receiver: Box<Expr>,
        /// The function
        function: Name,
        /// In order
        args: Vec<Expr>,
    },
    /// `value |> f(…)`
    Pipe {
        /// Left of the pipe
        value: Box<Expr>,
        /// The function, perhaps qualified
        function: Name,
        /// Without the value; `None` when written without parentheses
        args: Option<Vec<Expr>>,
    },
    /// `[a, ?b]`
    List(Vec<Element>),
    /// `{key: value, ?key: value}`
    Map(Vec<Entry>),
    /// `pkg.Name{field: value}`
    Struct {
        /// The type's name, perhaps qualified
        name: Name,
        /// With a leading dot
        absolute: bool,
        /// In order
        fields: Vec<FieldValue>,
    },
    /// `!a`, `-a`
    Unary(UnaryOp, Box<Expr>),
    /// Everything with two operands that is not named otherwise
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a && b && …`, `a || b || …`: two or more operands
    Logical(LogicalOp, Vec<Expr>),
    /// `c ? a : b`
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `if c { a } else { b }`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `(a)`
    Paren(Box<Expr>),
}

/// An element of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// `?` before it
    pub optional: bool,
    /// The element
    pub value: Expr,
}

/// An entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `?` before it
    pub optional: bool,
    /// The key
    pub key: Expr,
    /// The value
    pub value: Expr,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldValue {
    /// `?` before it
    pub optional: bool,
    /// The field
    pub name: Name,
    /// Its value
    pub value: Expr,
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `??`
    Coalesce,
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
    /// `in`
    In,
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

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Coalesce => "??",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// `&&` and `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalOp {
    /// `&&`
    And,
    /// `||`
    Or,
}

impl LogicalOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

impl Expr {
    /// An expression whose depth follows from its operands.
    pub(crate) fn new(kind: ExprKind, span: Span) -> Self {
        let mut depth = 0;
        kind.for_each_child(&mut |child| depth = depth.max(child.depth));
        Self {
            kind,
            span,
            depth: depth.saturating_add(1),
        }
    }

    /// The expression inside any parentheses.
    pub fn without_parens(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }
}

impl ExprKind {
    /// Calls `visit` with each direct operand, in source order.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Error
            | Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::Bytes(_)
            | Self::Identifier { .. } => {}
            Self::Select { operand, .. } => visit(operand),
            Self::Index { operand, index, .. } => {
                visit(operand);
                visit(index);
            }
            Self::Call { args, .. } => args.iter().for_each(visit),
            Self::Method { receiver, args, .. } => {
                visit(receiver);
                args.iter().for_each(visit);
            }
            Self::Pipe { value, args, .. } => {
                visit(value);
                args.iter().flatten().for_each(visit);
            }
            Self::List(elements) => elements.iter().for_each(|element| visit(&element.value)),
            Self::Map(entries) => {
                for entry in entries {
                    visit(&entry.key);
                    visit(&entry.value);
                }
            }
            Self::Struct { fields, .. } => fields.iter().for_each(|field| visit(&field.value)),
            Self::Unary(_, operand) | Self::Paren(operand) => visit(operand),
            Self::Binary(_, left, right) => {
                visit(left);
                visit(right);
            }
            Self::Logical(_, operands) => operands.iter().for_each(visit),
            Self::Conditional(condition, then, otherwise)
            | Self::If(condition, then, otherwise) => {
                visit(condition);
                visit(then);
                visit(otherwise);
            }
        }
    }
}
