//! The intermediate representation as text, for people and for tests.

mod table;

use crate::ir::{
    ArithmeticOp, CompareOp, Const, Contribution, Expr, ExprKind, FoldKind, Function, RuleSet,
};
use crate::parser::merge_name;
use crate::types::Type;
use std::fmt::Write;

/// The rule set as text: declarations one a line, expressions as `(operation operand …)` with names for indices.
pub fn dump(ruleset: &RuleSet) -> String {
    let mut out = format!("ruleset {} {:?}\n", ruleset.name, ruleset.version);
    for input in &ruleset.inputs {
        line(&mut out, format_args!("input {}: {}", input.name, input.ty));
    }
    for param in &ruleset.params {
        line(
            &mut out,
            format_args!(
                "param {}: {} = {}",
                param.name,
                param.ty,
                constant(&param.default)
            ),
        );
    }
    for output in &ruleset.outputs {
        let (name, ty, merge) = (&output.name, &output.ty, merge_name(output.merge));
        line(
            &mut out,
            format_args!(
                "output {name}: {ty} = {} merge {merge}",
                constant(&output.default)
            ),
        );
    }
    for each in &ruleset.lets {
        line(
            &mut out,
            format_args!(
                "let {}: {} = {}",
                each.name,
                each.value.ty,
                expression(ruleset, &each.value)
            ),
        );
    }
    for rule in &ruleset.rules {
        if let Some(each) = &rule.table {
            let (name, priority) = (&rule.name, rule.priority);
            line(&mut out, format_args!("table {name} priority {priority}"));
            table::table(&mut out, ruleset, each);
            continue;
        }
        line(
            &mut out,
            format_args!("rule {} priority {}", rule.name, rule.priority),
        );
        line(
            &mut out,
            format_args!("  when {}", expression(ruleset, &rule.condition)),
        );
        contributions(&mut out, ruleset, "then", &rule.then);
        contributions(&mut out, ruleset, "else", &rule.otherwise);
    }
    for example in &ruleset.examples {
        line(&mut out, format_args!("example {:?}", example.name));
        for (index, value) in &example.given {
            line(
                &mut out,
                format_args!(
                    "  given {} = {}",
                    name(&ruleset.inputs, *index, |each| &each.name),
                    constant(value)
                ),
            );
        }
        for (index, value) in &example.params {
            line(
                &mut out,
                format_args!(
                    "  params {} = {}",
                    name(&ruleset.params, *index, |each| &each.name),
                    constant(value)
                ),
            );
        }
        for (index, value, _) in &example.expect {
            line(
                &mut out,
                format_args!(
                    "  expect {} = {}",
                    name(&ruleset.outputs, *index, |each| &each.name),
                    constant(value)
                ),
            );
        }
    }
    for invariant in &ruleset.invariants {
        line(&mut out, format_args!("invariant {:?}", invariant.name));
        for (keyword, expr) in [
            ("when", invariant.condition.as_ref()),
            ("assert", Some(&invariant.assertion)),
        ] {
            if let Some(expr) = expr {
                let expr = expression(ruleset, expr);
                line(&mut out, format_args!("  {keyword} {expr}"));
            }
        }
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}

fn contributions(out: &mut String, ruleset: &RuleSet, block: &str, contributions: &[Contribution]) {
    for each in contributions {
        let output = name(&ruleset.outputs, each.output, |output| &output.name);
        line(
            out,
            format_args!("  {block} {output} = {}", expression(ruleset, &each.value)),
        );
    }
}

fn name<T>(items: &[T], index: usize, name: impl Fn(&T) -> &String) -> &str {
    items.get(index).map_or("?", |item| name(item).as_str())
}

fn constant(value: &Const) -> String {
    match value {
        Const::Null => "null".to_owned(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Uint(value) => format!("{value}u"),
        Const::Double(value) => format!("{value:?}"),
        Const::String(value) => format!("{value:?}"),
        Const::Bytes(value) => format!("b\"{}\"", value.escape_ascii()),
        Const::Timestamp(seconds, nanoseconds) => format!("(timestamp {seconds}s {nanoseconds}ns)"),
        Const::Duration(nanoseconds) => format!("(duration {nanoseconds}ns)"),
        Const::Decimal(value) => format!("(decimal {value})"),
        Const::List(values) => {
            let values: Vec<String> = values.iter().map(constant).collect();
            format!("[{}]", values.join(", "))
        }
        Const::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", constant(key), constant(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Const::Type(name) => format!("(type {name})"),
        Const::Optional(Some(content)) => format!("(optional {})", constant(content)),
        Const::Optional(None) => "(optional)".to_owned(),
    }
}

/// An expression as in [`dump`], without places in the source: equal texts do the same.
pub(crate) fn expression(ruleset: &RuleSet, expr: &Expr) -> String {
    let one =
        |operator: &str, operand: &Expr| format!("({operator} {})", expression(ruleset, operand));
    let two = |operator: &str, left: &Expr, right: &Expr| {
        format!(
            "({operator} {} {})",
            expression(ruleset, left),
            expression(ruleset, right)
        )
    };
    let many = |operands: &[Expr]| -> String {
        operands
            .iter()
            .map(|operand| expression(ruleset, operand))
            .collect::<Vec<_>>()
            .join(" ")
    };
    match &expr.kind {
        ExprKind::Const(value) => constant(value),
        ExprKind::Input(index) => match index.checked_sub(ruleset.inputs.len()) {
            None => name(&ruleset.inputs, *index, |each| &each.name).to_owned(),
            // Inside of an invariant
            Some(index) => name(&ruleset.outputs, index, |each| &each.name).to_owned(),
        },
        ExprKind::Param(index) => name(&ruleset.params, *index, |each| &each.name).to_owned(),
        ExprKind::Let(index) => name(&ruleset.lets, *index, |each| &each.name).to_owned(),
        ExprKind::Not(operand) => one("not", operand),
        ExprKind::Negate(operand) => one("negate", operand),
        ExprKind::Arithmetic(op, left, right) => two(
            &format!("{}.{}", type_name(&expr.ty), arithmetic(*op)),
            left,
            right,
        ),
        ExprKind::Concat(left, right) => two("concat", left, right),
        ExprKind::Compare(op, left, right) => two(compare(*op), left, right),
        ExprKind::And(left, right) => two("and", left, right),
        ExprKind::Or(left, right) => two("or", left, right),
        ExprKind::Conditional(condition, then, otherwise) => {
            let condition = expression(ruleset, condition);
            format!(
                "(if {condition} {} {})",
                expression(ruleset, then),
                expression(ruleset, otherwise)
            )
        }
        ExprKind::Coalesce(left, right) => two("coalesce", left, right),
        ExprKind::In(item, items) => {
            format!("(in {} [{}])", expression(ruleset, item), many(items))
        }
        ExprKind::Unwrap(operand) => one("unwrap", operand),
        ExprKind::Wrap(operand) => one("wrap", operand),
        ExprKind::Call(function, args) => format!("({} {})", function_name(*function), many(args)),
        ExprKind::List(items) => format!("(list {})", many(items)),
        ExprKind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| two(":", key, value))
                .collect();
            format!("(map {})", entries.join(" "))
        }
        ExprKind::IfPresent(operand) => one("?", operand),
        ExprKind::Local(local) => format!("%{local}"),
        ExprKind::Bind(local, value, body) => two(&format!("bind %{local}"), value, body),
        ExprKind::Convert(operand) => one(&format!("as-{}", type_name(&expr.ty)), operand),
        ExprKind::Assume(operand) => one(&format!("is-{}", type_name(&expr.ty)), operand),
        ExprKind::Index(container, index) => two("index", container, index),
        ExprKind::IndexOptionally(container, index) => two("index?", container, index),
        ExprKind::Has(container, key) => two("has", container, key),
        ExprKind::InValue(item, container) => two("in", item, container),
        ExprKind::OptionalOr(left, right) => two("or-optional", left, right),
        ExprKind::OptionalOrValue(left, right) => two("or-value", left, right),
        ExprKind::MapOptional(local, optional, body) => {
            two(&format!("map-optional %{local}"), optional, body)
        }
        ExprKind::Helper(helper, args) => format!("({helper} {})", many(args)),
        ExprKind::Fold(fold) => {
            let variables: Vec<String> = [fold.key, fold.value]
                .into_iter()
                .flatten()
                .map(|local| format!("%{local}"))
                .collect();
            let filter = match &fold.filter {
                Some(filter) => format!(" (if {})", expression(ruleset, filter)),
                None => String::new(),
            };
            format!(
                "({} {} {}{filter} {})",
                fold_name(fold.kind),
                variables.join(" "),
                expression(ruleset, &fold.range),
                expression(ruleset, &fold.body)
            )
        }
        ExprKind::Dispatch(dispatch) => {
            let args: Vec<String> = dispatch
                .args
                .iter()
                .map(|(local, arg)| format!("%{local} {}", expression(ruleset, arg)))
                .collect();
            let candidates: Vec<String> = dispatch
                .candidates
                .iter()
                .map(|each| expression(ruleset, &each.body))
                .collect();
            format!("(dispatch {}: {})", args.join(" "), candidates.join(" "))
        }
    }
}

fn type_name(ty: &Type) -> String {
    ty.to_string()
}

fn fold_name(kind: FoldKind) -> &'static str {
    match kind {
        FoldKind::All => "all",
        FoldKind::Exists => "exists",
        FoldKind::ExistsOne => "exists-one",
        FoldKind::Filter => "filter",
        FoldKind::List => "map",
        FoldKind::Map => "transform-map",
        FoldKind::Entries => "transform-map-entry",
        FoldKind::Sum => "sum",
        FoldKind::Min => "min",
        FoldKind::Max => "max",
    }
}

fn arithmetic(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "add",
        ArithmeticOp::Subtract => "subtract",
        ArithmeticOp::Multiply => "multiply",
        ArithmeticOp::Divide => "divide",
        ArithmeticOp::Remainder => "remainder",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "==",
        CompareOp::NotEqual => "!=",
        CompareOp::Less => "<",
        CompareOp::LessEqual => "<=",
        CompareOp::Greater => ">",
        CompareOp::GreaterEqual => ">=",
    }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::StringSize => "string-size",
        Function::BytesSize => "bytes-size",
        Function::Contains => "contains",
        Function::StartsWith => "starts-with",
        Function::EndsWith => "ends-with",
        Function::Abs => "abs",
        Function::Ceil => "ceil",
        Function::Floor => "floor",
        Function::Round => "round",
        Function::Trunc => "trunc",
        Function::Sqrt => "sqrt",
        Function::RoundToFloat => "round-to-float",
        Function::IsNan => "is-nan",
        Function::IsInf => "is-inf",
        Function::IsFinite => "is-finite",
        Function::BitAnd => "bit-and",
        Function::BitOr => "bit-or",
        Function::BitXor => "bit-xor",
        Function::BitNot => "bit-not",
        Function::ElementCount => "element-count",
        Function::TypeOf => "type-of",
        Function::OptionalOf => "optional",
        Function::OptionalOfNonZero => "optional-of-non-zero",
        Function::OptionalNone => "optional-none",
        Function::OptionalHasValue => "has-value",
        Function::OptionalValue => "value",
        Function::ToInt => "to-int",
        Function::ToUint => "to-uint",
        Function::ToDouble => "to-double",
        Function::ToString => "to-string",
        Function::ToBytes => "to-bytes",
        Function::ToBool => "to-bool",
        Function::ToTimestamp => "to-timestamp",
        Function::ToDuration => "to-duration",
        Function::GetFullYear => "get-full-year",
        Function::GetMonth => "get-month",
        Function::GetDate => "get-date",
        Function::GetDayOfMonth => "get-day-of-month",
        Function::GetDayOfWeek => "get-day-of-week",
        Function::GetDayOfYear => "get-day-of-year",
        Function::GetHours => "get-hours",
        Function::GetMinutes => "get-minutes",
        Function::GetSeconds => "get-seconds",
        Function::GetMilliseconds => "get-milliseconds",
    }
}
