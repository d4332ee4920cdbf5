//! The layout of expressions.

use super::Formatter;
use super::doc::Doc;
use crate::ast::{Expr, ExprKind, Name, UnaryOp};
use rulestage_diagnostics::Span;

impl Formatter<'_> {
    pub(super) fn expression(&mut self, expr: &Expr) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Error => {}
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Uint(_)
            | ExprKind::String(_)
            | ExprKind::Bytes(_)
            | ExprKind::Int(_)
            | ExprKind::Double(_) => {
                self.comments_before(span.start);
                let literal = self.literal(expr);
                self.text(literal);
            }
            ExprKind::Identifier { name, absolute } => {
                self.comments_before(span.start);
                self.text(format!("{}{}", dot(*absolute), name.text));
            }
            ExprKind::Select {
                operand,
                field,
                optional,
            } => {
                self.expression(operand);
                let field = self.source_text(field.span);
                self.text(format!("{}{field}", if *optional { ".?" } else { "." }));
            }
            ExprKind::Index {
                operand,
                index,
                optional,
            } => {
                self.expression(operand);
                self.text(if *optional { "[?" } else { "[" });
                self.expression(index);
                self.text("]");
            }
            ExprKind::Call {
                function,
                absolute,
                args,
            } => {
                self.comments_before(span.start);
                self.text(format!("{}{}", dot(*absolute), function.text));
                self.arguments(args, span);
            }
            ExprKind::Method {
                receiver,
                function,
                args,
            } => {
                self.expression(receiver);
                let function = self.source_text(function.span);
                self.text(format!(".{function}"));
                self.arguments(args, span);
            }
            ExprKind::Pipe {
                value,
                function,
                args,
            } => self.group(|formatter| {
                formatter.expression(value);
                formatter.indent(|formatter| {
                    formatter.operator(&format!("|> {}", function.text), value.span, function.span);
                    if let Some(args) = args {
                        formatter.arguments(args, span);
                    }
                });
            }),
            ExprKind::List(elements) => {
                self.comments_before(span.start);
                self.bracketed("[", "]", elements.len(), span, |formatter, index| {
                    let element = &elements[index];
                    formatter.comments_before(element.value.span.start);
                    formatter.text(question(element.optional));
                    formatter.expression(&element.value);
                });
            }
            ExprKind::Map(entries) => {
                self.comments_before(span.start);
                self.bracketed("{", "}", entries.len(), span, |formatter, index| {
                    let entry = &entries[index];
                    formatter.comments_before(entry.key.span.start);
                    formatter.text(question(entry.optional));
                    formatter.expression(&entry.key);
                    formatter.text(": ");
                    formatter.expression(&entry.value);
                });
            }
            ExprKind::Struct {
                name,
                absolute,
                fields,
            } => {
                self.comments_before(span.start);
                let opening = format!("{}{}{{", dot(*absolute), name.text);
                self.bracketed(&opening, "}", fields.len(), span, |formatter, index| {
                    let field = &fields[index];
                    formatter.comments_before(field.name.span.start);
                    let name = formatter.name(&field.name);
                    formatter.text(format!("{}{name}: ", question(field.optional)));
                    formatter.expression(&field.value);
                });
            }
            ExprKind::Unary(op, operand) => {
                self.comments_before(span.start);
                self.text(match op {
                    UnaryOp::Not => "!",
                    UnaryOp::Negate => "-",
                });
                self.expression(operand);
            }
            ExprKind::Paren(inner) => {
                self.comments_before(span.start);
                self.text("(");
                self.expression(inner);
                self.text(")");
            }
            // A list is broken inside, not before its bracket.
            ExprKind::Binary(op, left, right)
                if matches!(right.kind, ExprKind::List(_) | ExprKind::Map(_)) =>
            {
                self.expression(left);
                self.text(format!(" {} ", op.symbol()));
                self.expression(right);
            }
            ExprKind::Binary(op, left, right) => self.group(|formatter| {
                formatter.expression(left);
                formatter.indent(|formatter| {
                    formatter.operator(&format!("{} ", op.symbol()), left.span, right.span);
                    formatter.expression(right);
                });
            }),
            ExprKind::Logical(op, operands) => self.group(|formatter| {
                let mut operands = operands.iter();
                let Some(first) = operands.next() else { return };
                formatter.expression(first);
                formatter.indent(|formatter| {
                    let mut last = first;
                    for operand in operands {
                        formatter.operator(&format!("{} ", op.symbol()), last.span, operand.span);
                        formatter.expression(operand);
                        last = operand;
                    }
                });
            }),
            ExprKind::Conditional(condition, then, otherwise) => self.group(|formatter| {
                formatter.expression(condition);
                formatter.indent(|formatter| {
                    formatter.operator("? ", condition.span, then.span);
                    formatter.expression(then);
                    formatter.operator(": ", then.span, otherwise.span);
                    formatter.expression(otherwise);
                });
            }),
            ExprKind::If(condition, then, otherwise) => self.group(|formatter| {
                formatter.comments_before(span.start);
                formatter.if_expression(condition, then, otherwise);
            }),
        }
    }

    fn if_expression(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr) {
        self.text("if ");
        self.expression(condition);
        self.text(" {");
        self.branch(then);
        self.text("} else ");
        if let ExprKind::If(condition, then, otherwise) = &otherwise.kind {
            self.comments_before(condition.span.start);
            return self.if_expression(condition, then, otherwise);
        }
        self.text("{");
        self.branch(otherwise);
        self.text("}");
    }

    fn branch(&mut self, value: &Expr) {
        self.indent(|formatter| {
            formatter.push(Doc::Line);
            formatter.expression(value);
        });
        self.push(Doc::Line);
    }

    /// An operator between two operands, with the comments that stand between them before it.
    fn operator(&mut self, operator: &str, left: Span, right: Span) {
        let has_comments = self
            .comments
            .first()
            .is_some_and(|next| next.span.start < right.start);
        if has_comments && left.end <= right.start {
            self.comments_before(right.start);
        }
        self.push(Doc::Line);
        self.text(operator);
    }

    fn arguments(&mut self, args: &[Expr], span: Span) {
        self.bracketed("(", ")", args.len(), span, |formatter, index| {
            let arg = &args[index];
            formatter.comments_before(arg.span.start);
            formatter.expression(arg);
        });
    }

    fn bracketed(
        &mut self,
        opening: &str,
        closing: &str,
        n_entries: usize,
        span: Span,
        mut entry: impl FnMut(&mut Self, usize),
    ) {
        self.text(opening);
        self.group(|formatter| {
            formatter.indent(|formatter| {
                for index in 0..n_entries {
                    formatter.push(if index == 0 { Doc::SoftLine } else { Doc::Line });
                    entry(formatter, index);
                    if index + 1 < n_entries {
                        formatter.text(",");
                    }
                }
                let is_last = |position: u32| position < span.end;
                if formatter
                    .comments
                    .first()
                    .is_some_and(|next| is_last(next.span.start))
                {
                    formatter.comments_before(span.end);
                }
            });
            if n_entries > 0 {
                formatter.push(Doc::SoftLine);
            }
            formatter.text(closing);
        });
    }

    /// A literal as written, with its sign beside it.
    fn literal(&self, expr: &Expr) -> String {
        let written = self.source_text(expr.span);
        match (&expr.kind, written.strip_prefix('-')) {
            (ExprKind::Int(_) | ExprKind::Double(_), Some(number)) => {
                let digits = number
                    .rsplit(|c: char| c.is_whitespace())
                    .next()
                    .unwrap_or_default();
                format!("-{digits}")
            }
            _ => written.to_owned(),
        }
    }

    fn name(&self, name: &Name) -> String {
        self.source_text(name.span).to_owned()
    }
}

fn dot(absolute: bool) -> &'static str {
    if absolute { "." } else { "" }
}

fn question(optional: bool) -> &'static str {
    if optional { "?" } else { "" }
}
