//! Lists, maps, dynamic values, optionals and macros.

use super::{Random, SCALARS, expression, nullable};
use crate::evaluate::Value;
use rulestage_rule_compiler::types::Type;

/// A value of a type that is no scalar.
pub(super) fn value(random: &mut Random, ty: &Type) -> Value {
    match ty {
        Type::List(element) => {
            let n_items = random.below(4);
            Value::List(
                (0..n_items)
                    .map(|_| super::value(random, element))
                    .collect(),
            )
        }
        Type::Struct(fields) => {
            let member = |(name, ty): &(String, Type)| {
                (Value::String(name.clone()), super::value(random, ty))
            };
            Value::Map(fields.iter().map(member).collect())
        }
        Type::Map(key_ty, value_ty) if **key_ty != Type::String => {
            let n_entries = random.below(3) as i64;
            let entries =
                (0..n_entries).map(|key| (Value::Int(key * 7), super::value(random, value_ty)));
            Value::Map(entries.collect())
        }
        Type::Map(_, value_ty) => {
            let names = ["a", "b", "@x", "é"];
            let first = random.below(names.len());
            let entries = names[first..].iter().map(|name| {
                let key = Value::String((*name).to_owned());
                (key, super::value(random, value_ty))
            });
            Value::Map(entries.collect())
        }
        Type::Dyn => {
            let scalar = random.pick(&SCALARS);
            match random.below(6) {
                0 => Value::Null,
                1 => value(random, &Type::List(Box::new(Type::Dyn))),
                2 => value(random, &Type::Map(Box::new(Type::String), Box::new(scalar))),
                3 => {
                    let item = super::value(random, &scalar);
                    Value::Map(vec![
                        (Value::Int(1), item),
                        (Value::Bool(true), Value::Null),
                    ])
                }
                _ => super::value(random, &scalar),
            }
        }
        other => panic!("no value of type {other}"),
    }
}

/// Generates something with a variable in scope.
fn with_variable(
    random: &mut Random,
    ty: &Type,
    generate: impl FnOnce(&mut Random) -> String,
) -> (String, String) {
    let name = format!("x{}", random.scope.len());
    random.scope.push((name.clone(), ty.clone()));
    let body = generate(random);
    random.scope.pop();
    (name, body)
}

/// An expression of type `list<ty>`.
pub(crate) fn list(random: &mut Random, ty: &Type, depth: usize) -> String {
    if depth == 0 {
        return format!("l_{ty}");
    }
    let below = depth - 1;
    let other = random.pick(&SCALARS);
    match random.below(9) {
        0 => format!(
            "({} + {})",
            list(random, ty, below),
            list(random, ty, below)
        ),
        1 => {
            let range = list(random, ty, below);
            let (x, body) =
                with_variable(random, ty, |random| expression(random, &Type::Bool, below));
            format!("{range}.filter({x}, {body})")
        }
        2 => {
            let range = list(random, &other, below);
            let (x, body) = with_variable(random, &other, |random| expression(random, ty, below));
            format!("{range}.map({x}, {body})")
        }
        3 => {
            let range = list(random, &other, below);
            let (x, bodies) = with_variable(random, &other, |random| {
                let filter = expression(random, &Type::Bool, below);
                format!("{filter}, {}", expression(random, ty, below))
            });
            format!("{range}.map({x}, {bodies})")
        }
        4 => {
            let range = list(random, &other, below);
            let (v, inner) = with_variable(random, &other, |random| {
                let (i, body) =
                    with_variable(random, &Type::Int, |random| expression(random, ty, below));
                format!("{i}|{body}")
            });
            let (i, body) = inner.split_once('|').unwrap_or_default();
            format!("{range}.transformList({i}, {v}, {body})")
        }
        5 => format!(
            "[{}, ?{}, {}]",
            expression(random, ty, below),
            optional(random, ty, below),
            expression(random, ty, 0)
        ),
        6 => format!("l_{ty}"),
        7 => format!(
            "({} ? {} : {})",
            expression(random, &Type::Bool, below),
            list(random, ty, below),
            list(random, ty, below)
        ),
        _ => format!(
            "[{}, {}]",
            expression(random, ty, below),
            expression(random, ty, below)
        ),
    }
}

/// An expression of type `map<string, ty>`.
pub(crate) fn map(random: &mut Random, ty: &Type, depth: usize) -> String {
    let below = depth.saturating_sub(1);
    let (a, b) = (expression(random, ty, below), expression(random, ty, below));
    if depth == 0 {
        return format!("{{'a': {a}, 'b': {b}}}");
    }
    match random.below(4) {
        0 => {
            let (text, present) = (
                expression(random, &Type::String, 0),
                optional(random, ty, below),
            );
            // Fails where the text is a key that is there already.
            format!("{{'a': {a}, {text}: {b}, ?'c': {present}}}")
        }
        1 => {
            let other = random.pick(&SCALARS);
            let range = map(random, &other, below);
            let (v, body) = with_variable(random, &other, |random| {
                let filter = expression(random, &Type::Bool, below);
                format!("{filter}, {}", expression(random, ty, below))
            });
            format!("{range}.transformMap(k, {v}, {body})")
        }
        2 => {
            let range = list(random, &Type::String, below);
            let (x, body) = with_variable(random, &Type::String, |random| {
                expression(random, ty, below)
            });
            format!("{range}.transformMapEntry(i, {x}, {{{x}: {body}}})")
        }
        _ => format!("{{'a': {a}, 'b': {b}}}"),
    }
}

/// An expression of type `dyn`.
pub(crate) fn dynamic_value(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return "d".to_owned();
    }
    let below = depth - 1;
    let ty = random.pick(&SCALARS);
    let (a, b) = (dynamic_value(random, below), dynamic_value(random, below));
    match random.below(12) {
        0 => format!("dyn({})", list(random, &ty, below)),
        1 => format!("dyn({})", map(random, &ty, below)),
        2 => format!("dyn({})", nullable(random, &ty, below)),
        3 => format!(
            "(dyn({a}) {} dyn({b}))",
            random.pick(&["+", "-", "*", "/", "%"])
        ),
        4 => {
            let addable = random.pick(&[Type::Int, Type::Double, Type::String, Type::Duration]);
            format!("(dyn({a}) + {})", expression(random, &addable, below))
        }
        5 => {
            let key = random.pick(&[Type::Int, Type::String, Type::Double]);
            format!("d[{}]", expression(random, &key, 0))
        }
        6 => "d.a".to_owned(),
        7 => format!("-(dyn({a}))"),
        8 => format!("dyn(d.map(y, {a}))"),
        9 => format!(
            "dyn([{a}, {}, {b}][{}])",
            expression(random, &ty, below),
            random.below(4)
        ),
        10 => format!("dyn(d.transformList(i, y, [i, y, {a}]))"),
        _ => "d".to_owned(),
    }
}

/// An expression of type `optional<ty>`.
pub(crate) fn optional(random: &mut Random, ty: &Type, depth: usize) -> String {
    let below = depth.saturating_sub(1);
    let inside = expression(random, ty, below);
    if depth == 0 {
        return format!("optional.of({inside})");
    }
    match random.below(8) {
        0 => format!("optional.ofNonZeroValue({inside})"),
        1 => format!("{}[?{}]", list(random, ty, below), random.below(3)),
        2 => format!("{}.?b", map(random, ty, below)),
        3 => format!("{}.?zz", map(random, ty, below)),
        4 => format!(
            "{}.or({})",
            optional(random, ty, below),
            optional(random, ty, below)
        ),
        5 => {
            let other = random.pick(&SCALARS);
            let range = optional(random, &other, below);
            let (x, body) = with_variable(random, &other, |random| expression(random, ty, below));
            format!("{range}.optMap({x}, {body})")
        }
        6 => {
            let other = random.pick(&SCALARS);
            let range = optional(random, &other, below);
            let (x, body) = with_variable(random, &other, |random| optional(random, ty, below));
            format!("{range}.optFlatMap({x}, {body})")
        }
        _ => format!("optional.of({inside})"),
    }
}

/// An expression of type `ty` out of something larger.
pub(super) fn element(random: &mut Random, ty: &Type, depth: usize) -> String {
    match random.below(10) {
        8 | 9 => {
            let can_be_added = matches!(
                ty,
                Type::Int | Type::Uint | Type::Double | Type::Decimal | Type::Duration
            );
            let names = if can_be_added {
                ["sum", "min", "max"]
            } else {
                ["min", "max", "max"]
            };
            format!("{}.{}()", list(random, ty, depth), random.pick(&names))
        }
        0 => format!("{}[{}]", list(random, ty, depth), random.below(3)),
        1 => format!(
            "{}.{}",
            map(random, ty, depth),
            random.pick(&["a", "b", "c"])
        ),
        2 => format!(
            "{}[{}]",
            map(random, ty, depth),
            expression(random, &Type::String, 0)
        ),
        3 => format!(
            "{}.orValue({})",
            optional(random, ty, depth),
            expression(random, ty, depth)
        ),
        4 => format!("{}.value()", optional(random, ty, depth)),
        5 => {
            let other = random.pick(&SCALARS);
            let value = expression(random, &other, depth);
            let (x, body) = with_variable(random, &other, |random| expression(random, ty, depth));
            format!("cel.bind({x}, {value}, {body})")
        }
        6 if *ty == Type::Int => format!("size({})", list(random, &Type::Bytes, depth)),
        _ => format!(
            "{{1: {}}}[{}]",
            expression(random, ty, depth),
            random.pick(&["1", "1u", "2"])
        ),
    }
}

/// An expression of type `bool` about something larger.
pub(super) fn question(random: &mut Random, depth: usize) -> String {
    let ty = random.pick(&SCALARS);
    let relation = random.pick(&["==", "!=", "<", "<=", ">", ">="]);
    let equality = random.pick(&["==", "!="]);
    let name = random.pick(&["all", "exists", "exists_one"]);
    let flag = |random: &mut Random, ty: &Type| {
        with_variable(random, ty, |random| expression(random, &Type::Bool, depth))
    };
    match random.below(13) {
        0 | 1 => {
            let range = list(random, &ty, depth);
            let (x, body) = flag(random, &ty);
            format!("{range}.{name}({x}, {body})")
        }
        2 => {
            let range = map(random, &ty, depth);
            let (x, body) = flag(random, &Type::String);
            format!("{range}.{name}({x}, {body})")
        }
        3 => {
            let range = map(random, &ty, depth);
            let (x, body) = flag(random, &ty);
            format!("{range}.{name}(k, {x}, k != 'zz' && {body})")
                .replace("exists_one", "existsOne")
        }
        4 => format!(
            "({} {equality} {})",
            list(random, &ty, depth),
            list(random, &ty, depth)
        ),
        5 => format!(
            "({} {equality} {})",
            map(random, &ty, depth),
            map(random, &ty, depth)
        ),
        6 => format!(
            "({} in {})",
            expression(random, &ty, depth),
            list(random, &ty, depth)
        ),
        7 => format!("({} in m_int)", expression(random, &Type::String, 0)),
        8 => format!("has({}.b)", map(random, &ty, depth)),
        9 => "has(d.a)".to_owned(),
        10 => format!(
            "({} {relation} {})",
            dynamic_value(random, depth),
            expression(random, &ty, depth)
        ),
        11 => format!(
            "(type({}) == {})",
            dynamic_value(random, depth),
            random.pick(&["int", "string", "list", "map", "null_type", "type(d)"])
        ),
        _ => {
            let (x, body) = flag(random, &Type::Int);
            format!("d.{name}({x}, {x} == 1 || {body})")
        }
    }
}
