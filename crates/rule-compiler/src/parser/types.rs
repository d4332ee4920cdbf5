//! `int`, `double?`, `list<string>`, `map<string, dyn>`, `{sku: string, price: double}`, `google.protobuf.Timestamp`,
//! `wrapper(int)`.

use super::Parser;
use crate::ast::TypeExpr;
use crate::suggest::nearest;
use crate::token::{KEYWORDS, TokenKind};
use crate::types::Type;
use rulestage_diagnostics::{Diagnostic, Span};

/// How deep types may nest.
const MAX_TYPE_DEPTH: u16 = 32;

const NAMES: [&str; 16] = [
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "timestamp",
    "duration",
    "list",
    "map",
    "optional",
    "dyn",
    "type",
    "null_type",
    "optional_type",
    "wrapper",
];

impl Parser<'_> {
    pub(super) fn parse_type_expr(&mut self) -> TypeExpr {
        let start = self.token().span.start;
        let ty = self.parse_type_at(0);
        TypeExpr {
            ty,
            span: self.span_from(start),
        }
    }

    fn parse_type_at(&mut self, depth: u16) -> Type {
        if depth > MAX_TYPE_DEPTH {
            self.error_here(
                "rule.parse.too-deep",
                format!("this type nests more than {MAX_TYPE_DEPTH} levels deep"),
            );
            return Type::Error;
        }
        if self.is(TokenKind::LeftBrace) {
            let mut ty = self.parse_struct_type(depth);
            while self.eat(TokenKind::Question) {
                ty = nullable(ty);
            }
            return ty;
        }
        let start = self.token().span.start;
        if !self.is(TokenKind::Identifier) {
            self.error_here(
                "rule.parse.expected-type",
                format!("expected a type, found {}", self.found()),
            );
            return Type::Error;
        }
        let first = self.bump();
        let mut name = self.text(first).to_owned();
        while self.is(TokenKind::Dot) && self.peek(1).kind == TokenKind::Identifier {
            self.bump();
            name.push('.');
            let part = self.bump();
            name.push_str(self.text(part));
        }
        let name_span = self.span_from(start);
        let (args, args_span) = self.parse_type_args(depth);
        let mut ty = self.resolve_type(&name, name_span, args, args_span);
        while self.is(TokenKind::Question) {
            self.bump();
            ty = nullable(ty);
        }
        ty
    }

    /// `{name: T, …}`
    fn parse_struct_type(&mut self, depth: u16) -> Type {
        let opening = self.bump().span;
        let mut fields: Vec<(String, Type)> = Vec::new();
        let mut is_valid = true;
        while !self.is(TokenKind::RightBrace) {
            let span = self.token().span;
            let is_name = match self.kind() {
                TokenKind::Backquoted => true,
                TokenKind::Identifier => !KEYWORDS.contains(&self.text(self.token())),
                _ => false,
            };
            if !is_name {
                self.error_here(
                    "rule.parse.expected-field",
                    format!("expected the name of a field, found {}", self.found()),
                );
                is_valid = false;
                break;
            }
            let token = self.bump();
            let name = self.text(token).trim_matches('`').to_owned();
            if !self.eat(TokenKind::Colon) {
                self.error_here(
                    "rule.parse.expected-type",
                    format!(
                        "expected `:` and the type of `{name}`, found {}",
                        self.found()
                    ),
                );
                is_valid = false;
                break;
            }
            let ty = self.parse_type_at(depth + 1);
            is_valid &= ty != Type::Error;
            if fields.iter().any(|(other, _)| *other == name) {
                let message = format!("this type has two fields `{name}`");
                self.diagnostics.push(Diagnostic::error(
                    "rule.parse.duplicate-field",
                    span,
                    message,
                ));
                is_valid = false;
            } else {
                fields.push((name, ty));
            }
            let is_next = matches!(self.kind(), TokenKind::Identifier | TokenKind::Backquoted);
            if !self.eat(TokenKind::Comma) && !is_next {
                break;
            }
        }
        if is_valid {
            self.expect_closing(TokenKind::RightBrace, "}", opening);
        } else {
            self.skip_braces();
        }
        if is_valid && fields.is_empty() {
            let message = "a struct has at least one field: `{name: string}`";
            let span = self.span_from(opening.start);
            self.diagnostics.push(Diagnostic::error(
                "rule.parse.expected-field",
                span,
                message,
            ));
            is_valid = false;
        }
        if is_valid {
            Type::Struct(fields)
        } else {
            Type::Error
        }
    }

    /// Goes behind the brace that closes a type that can't be read.
    fn skip_braces(&mut self) {
        let mut depth = 0;
        while !self.is(TokenKind::End) {
            match self.bump().kind {
                TokenKind::LeftBrace => depth += 1,
                TokenKind::RightBrace if depth == 0 => return,
                TokenKind::RightBrace => depth -= 1,
                _ => {}
            }
        }
    }

    /// `<A, B>` or `(A, B)`; none at all gives an empty list.
    fn parse_type_args(&mut self, depth: u16) -> (Vec<Type>, Span) {
        let opening = self.token().span;
        let closing = match self.kind() {
            TokenKind::Less => TokenKind::Greater,
            TokenKind::LeftParen => TokenKind::RightParen,
            _ => return (Vec::new(), Span::new(self.last_end(), self.last_end())),
        };
        self.bump();
        let mut args = vec![self.parse_type_at(depth + 1)];
        while self.eat(TokenKind::Comma) {
            args.push(self.parse_type_at(depth + 1));
        }
        if closing == TokenKind::Greater && self.is(TokenKind::GreaterEqual) {
            // `list<int>= []`: the lexer read one sign too many
            let at = self.at;
            self.tokens[at].kind = TokenKind::Assign;
            self.tokens[at].span.start += 1;
        } else {
            let symbol = if closing == TokenKind::Greater {
                ">"
            } else {
                ")"
            };
            self.expect_closing(closing, symbol, opening);
        }
        (args, self.span_from(opening.start))
    }

    fn resolve_type(
        &mut self,
        name: &str,
        name_span: Span,
        args: Vec<Type>,
        args_span: Span,
    ) -> Type {
        let n_args = args.len();
        let mut args = args.into_iter();
        let mut arg = || Box::new(args.next().unwrap_or(Type::Dyn));
        let (ty, n_expected) = match name {
            "list" => (Type::List(arg()), 1),
            "map" => (Type::Map(arg(), arg()), 2),
            "optional" | "optional_type" => (Type::Optional(arg()), 1),
            "wrapper" => (nullable(*arg()), 1),
            "type" => (Type::Type, n_args.min(1)),
            _ => match plain_type(name) {
                Some(ty) => (ty, 0),
                None => {
                    self.report_unknown_type(name, name_span);
                    return Type::Error;
                }
            },
        };
        // `list` alone is `list<dyn>`.
        if n_args != n_expected && n_args != 0 {
            let expected = match n_expected {
                0 => "no type argument".to_owned(),
                1 => "one type argument".to_owned(),
                n => format!("{n} type arguments"),
            };
            let message = format!("`{name}` takes {expected}, not {n_args}");
            self.diagnostics.push(Diagnostic::error(
                "rule.parse.type-arguments",
                args_span,
                message,
            ));
            return Type::Error;
        }
        ty
    }

    fn report_unknown_type(&mut self, name: &str, span: Span) {
        let mut diagnostic = Diagnostic::error(
            "rule.parse.unknown-type",
            span,
            format!("unknown type `{name}`"),
        );
        let habit = match name {
            "float" | "f64" | "number" | "decimal" | "real" => Some("double"),
            "i64" | "int64" | "integer" | "long" => Some("int"),
            "u64" | "uint64" => Some("uint"),
            "str" | "text" | "String" => Some("string"),
            "boolean" => Some("bool"),
            "date" | "datetime" | "time" => Some("timestamp"),
            _ => None,
        };
        if let Some(meant) = habit.or_else(|| nearest(name, NAMES)) {
            diagnostic = diagnostic.with_hint(format!("did you mean `{meant}`?"));
        }
        self.diagnostics.push(diagnostic);
    }
}

fn nullable(ty: Type) -> Type {
    match ty {
        Type::Error | Type::Null | Type::Dyn | Type::Nullable(_) => ty,
        other => Type::Nullable(Box::new(other)),
    }
}

/// The types without arguments; protobuf's well-known messages by their full names.
pub(crate) fn plain_type(name: &str) -> Option<Type> {
    let plain = match name {
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "bool" => Type::Bool,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" | "google.protobuf.Timestamp" => Type::Timestamp,
        "duration" | "google.protobuf.Duration" => Type::Duration,
        "decimal" => Type::Decimal,
        "null_type" | "null" => Type::Null,
        "dyn" | "google.protobuf.Any" | "google.protobuf.Value" | "any" => Type::Dyn,
        "google.protobuf.Struct" => Type::Map(Box::new(Type::String), Box::new(Type::Dyn)),
        "google.protobuf.ListValue" => Type::List(Box::new(Type::Dyn)),
        "google.protobuf.BoolValue" => nullable(Type::Bool),
        "google.protobuf.BytesValue" => nullable(Type::Bytes),
        "google.protobuf.DoubleValue" | "google.protobuf.FloatValue" => nullable(Type::Double),
        "google.protobuf.Int32Value" | "google.protobuf.Int64Value" => nullable(Type::Int),
        "google.protobuf.UInt32Value" | "google.protobuf.UInt64Value" => nullable(Type::Uint),
        "google.protobuf.StringValue" => nullable(Type::String),
        _ => return None,
    };
    Some(plain)
}
