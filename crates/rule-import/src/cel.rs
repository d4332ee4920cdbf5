//! CEL expressions inside other formats: what they name, and the same with other names.

use crate::foreign::ELEMENT;
use rulestage_diagnostics::{Severity, Span};
use rulestage_rule_compiler::ast::{BinaryOp, Expr, ExprKind, LogicalOp};
use rulestage_rule_compiler::types::Type;
use rulestage_rule_compiler::{check_expression, parse_expression};

/// A CEL expression that could be read.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) text: String,
    tree: Expr,
}

impl Expression {
    /// Reads `text`, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_owned();
        let (tree, diagnostics) = parse_expression(&text);
        let error = diagnostics
            .into_iter()
            .find(|each| each.severity == Severity::Error);
        match error {
            Some(error) => Err(error.message),
            None => Ok(Self { text, tree }),
        }
    }

    /// Whether it is `false`.
    pub(crate) fn is_false(&self) -> bool {
        self.tree.without_parens().kind == ExprKind::Bool(false)
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(&self) -> bool {
        self.tree.without_parens().kind == ExprKind::Bool(true)
    }

    /// The text, in parentheses where `&&` or `!` would take it apart.
    pub(crate) fn operand(&self) -> String {
        let is_tight = match &self.tree.kind {
            ExprKind::Conditional(..) | ExprKind::If(..) | ExprKind::Pipe { .. } => false,
            ExprKind::Logical(operator, _) => *operator == LogicalOp::And,
            ExprKind::Binary(operator, ..) => operator.symbol() != "??",
            _ => true,
        };
        // A comment would swallow what comes behind it.
        if is_tight && !self.text.contains('\n') {
            self.text.clone()
        } else {
            format!("({}\n)", self.text)
        }
    }

    /// The negation.
    pub(crate) fn negated(&self) -> String {
        match &self.tree.kind {
            ExprKind::Paren(_)
            | ExprKind::Identifier { .. }
            | ExprKind::Select { .. }
            | ExprKind::Call { .. }
            | ExprKind::Method { .. } => format!("!{}", self.text),
            _ => format!("!({}\n)", self.text),
        }
    }

    /// The same with parts replaced: `replace` says by what, if at all. Variables of macros are not asked about.
    pub(crate) fn replaced(&self, replace: &mut dyn FnMut(&Expr) -> Option<String>) -> Self {
        let mut edits: Vec<(Span, String)> = Vec::new();
        visit(&self.tree, &mut Vec::new(), &mut |expr| {
            let replacement = replace(expr);
            let is_replaced = replacement.is_some();
            edits.extend(replacement.map(|text| (expr.span, text)));
            is_replaced
        });
        let mut text = self.text.clone();
        for (span, replacement) in edits.iter().rev() {
            text.replace_range(span.start as usize..span.end as usize, replacement);
        }
        Self::parse(&text).unwrap_or_else(|_| self.clone())
    }

    /// The names that it does not bind itself, in order, repeated where they are.
    pub(crate) fn free_names(&self) -> Vec<(String, Span)> {
        let mut names = Vec::new();
        visit(&self.tree, &mut Vec::new(), &mut |expr| {
            if let ExprKind::Identifier { name, .. } = &expr.kind {
                names.push((name.text.clone(), expr.span));
            }
            false
        });
        names
    }

    /// Every name in it, those that it binds itself included.
    pub(crate) fn all_names(&self) -> Vec<String> {
        fn collect(expr: &Expr, names: &mut Vec<String>) {
            if let ExprKind::Identifier { name, .. } = &expr.kind {
                names.push(name.text.clone());
            }
            expr.kind.for_each_child(&mut |child| collect(child, names));
        }
        let mut names = Vec::new();
        collect(&self.tree, &mut names);
        names
    }

    /// Each name with the fields that are read of it, and the type that an operator with a constant asks for.
    pub(crate) fn uses(&self) -> Vec<(Vec<String>, Option<Type>)> {
        let mut uses = Vec::new();
        visit(&self.tree, &mut Vec::new(), &mut |expr| {
            if let ExprKind::Binary(operator, left, right) = &expr.kind {
                for (side, other) in [(left, right), (right, left)] {
                    if let Some(path) = path(side.without_parens()) {
                        uses.push((path, operand_type(*operator, other.without_parens())));
                    }
                }
            }
            match path(expr) {
                Some(path) => {
                    uses.push((path, None));
                    true
                }
                None => false,
            }
        });
        // The variable of closures is no input.
        uses.retain(|(path, _)| path.first().is_none_or(|name| name != ELEMENT));
        uses
    }

    /// Its type, or what the checker says.
    pub(crate) fn type_of(&self, variables: &[(String, Type)]) -> Result<Type, String> {
        let checked = check_expression(&self.text, variables, "");
        match checked.ruleset {
            Some(ruleset) => Ok(ruleset
                .outputs
                .first()
                .map_or(Type::Dyn, |output| output.ty.clone())),
            None => {
                let error = checked
                    .diagnostics
                    .into_iter()
                    .find(|each| each.severity == Severity::Error);
                Err(error.map_or_else(String::new, |error| error.message))
            }
        }
    }
}

/// Names of CEL's own: `math`, `google`, `int`.
pub(crate) fn is_namespace(name: &str) -> bool {
    rulestage_rule_compiler::analysis::is_namespace(name)
        || rulestage_rule_compiler::parse_type(name).is_ok()
}

/// `name.field.field`.
fn path(expr: &Expr) -> Option<Vec<String>> {
    match &expr.kind {
        ExprKind::Identifier { name, .. } => Some(vec![name.text.clone()]),
        ExprKind::Select {
            operand,
            field,
            optional: false,
        } => {
            let mut path = path(operand)?;
            path.push(field.text.clone());
            Some(path)
        }
        _ => None,
    }
}

/// The type that an operator wants beside `other`.
fn operand_type(operator: BinaryOp, other: &Expr) -> Option<Type> {
    match (&other.kind, operator) {
        (_, BinaryOp::In | BinaryOp::Coalesce) => None,
        (ExprKind::Double(_), _) => Some(Type::Double),
        (ExprKind::String(_), _) => Some(Type::String),
        (ExprKind::Bool(_), _) => Some(Type::Bool),
        (ExprKind::Call { function, .. }, _) if function.text == "timestamp" => {
            Some(Type::Timestamp)
        }
        (ExprKind::Call { function, .. }, _) if function.text == "duration" => Some(Type::Duration),
        (_, BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide) => Some(Type::Double),
        _ => None,
    }
}

/// `operand.field` of a name: `variables.x`.
pub(crate) fn qualified(expr: &Expr) -> Option<(&str, &str)> {
    let ExprKind::Select {
        operand,
        field,
        optional: false,
    } = &expr.kind
    else {
        return None;
    };
    match &operand.kind {
        ExprKind::Identifier { name, .. } => Some((&name.text, &field.text)),
        _ => None,
    }
}

/// Shows every expression that is no variable of a macro to `see`, from the outside in, source order; where it returns
/// true, the operands are passed over.
fn visit(expr: &Expr, bound: &mut Vec<String>, see: &mut dyn FnMut(&Expr) -> bool) {
    if let ExprKind::Identifier { name, .. } = &expr.kind
        && bound.contains(&name.text)
    {
        return;
    }
    let is_bound = qualified(expr).is_some_and(|(name, _)| bound.iter().any(|each| each == name));
    if is_bound || see(expr) {
        return;
    }
    let ExprKind::Method {
        receiver,
        function,
        args,
    } = &expr.kind
    else {
        expr.kind
            .for_each_child(&mut |child| visit(child, bound, see));
        return;
    };
    visit(receiver, bound, see);
    let n_variables = match (function.text.as_str(), args.len()) {
        ("all" | "exists" | "exists_one" | "existsOne", n @ 2..=3) => n - 1,
        ("map", 2..=3) | ("filter" | "sortBy", 2) => 1,
        ("transformList" | "transformMap" | "transformMapEntry", 3..=4) => 2,
        ("bind", 3) => 1,
        _ => 0,
    };
    // `cel.bind(x, VALUE, BODY)`: the value does not know `x`, but it is called something else at worst.
    let depth = bound.len();
    for variable in &args[..n_variables] {
        if let ExprKind::Identifier { name, .. } = &variable.kind {
            bound.push(name.text.clone());
        }
    }
    args[n_variables..]
        .iter()
        .for_each(|arg| visit(arg, bound, see));
    bound.truncate(depth);
}
