//! Inputs of lists, maps and structs in each other, and expressions that read parts of them.

use super::{Random, expression};
use rulestage_rule_compiler::types::Type;

fn list(ty: Type) -> Type {
    Type::List(Box::new(ty))
}

fn map(key: Type, value: Type) -> Type {
    Type::Map(Box::new(key), Box::new(value))
}

fn maybe(ty: Type) -> Type {
    Type::Nullable(Box::new(ty))
}

fn record<const N: usize>(fields: [(&str, Type); N]) -> Type {
    let owned = fields.map(|(name, ty)| (name.to_owned(), ty));
    Type::Struct(owned.to_vec())
}

pub(super) fn variables() -> Vec<(String, Type)> {
    let item = record([
        ("sku", Type::String),
        ("price", Type::Double),
        ("qty", Type::Int),
        ("note", maybe(Type::String)),
        ("fresh", Type::Bool),
        ("tags", list(Type::String)),
        ("at", Type::Timestamp),
    ]);
    let home = record([("zip", Type::String), ("floors", list(maybe(Type::Int)))]);
    let who = record([
        ("name", Type::String),
        ("age", maybe(Type::Int)),
        ("home", maybe(home)),
    ]);
    let shelf = record([("left", Type::Int), ("sizes", map(Type::Int, Type::Double))]);
    let loose = record([("a", Type::Int), ("extra", Type::Dyn), ("b", Type::Bool)]);
    let all = [
        ("items", list(item)),
        ("who", maybe(who)),
        ("grid", list(list(Type::Int))),
        ("gaps", list(maybe(Type::Int))),
        ("names", maybe(list(maybe(Type::String)))),
        ("stock", map(Type::String, shelf)),
        ("loose", list(maybe(loose))),
        ("flags", map(Type::String, list(Type::Bool))),
    ];
    all.map(|(name, ty)| (name.to_owned(), ty)).to_vec()
}

/// An expression with parts of a value in scope.
fn with_parts(random: &mut Random, ty: &Type, depth: usize, parts: &[(&str, Type)]) -> String {
    let n_before = random.scope.len();
    let parts = parts
        .iter()
        .map(|(name, ty)| ((*name).to_owned(), ty.clone()));
    random.scope.extend(parts);
    let body = expression(random, ty, depth);
    random.scope.truncate(n_before);
    body
}

/// An expression of a scalar type out of nested inputs.
pub(crate) fn part(random: &mut Random, ty: &Type, depth: usize) -> String {
    let of_item = [
        ("i.sku", Type::String),
        ("i.price", Type::Double),
        ("i.qty", Type::Int),
        ("i.note", Type::String),
        ("i.fresh", Type::Bool),
        ("i.tags[0]", Type::String),
        ("i.at", Type::Timestamp),
        ("size(i.tags)", Type::Int),
    ];
    let of_shelf = [
        ("s.left", Type::Int),
        ("s.sizes[7]", Type::Double),
        ("k", Type::String),
        ("size(s.sizes)", Type::Int),
    ];
    let flag = with_parts(random, &Type::Bool, depth, &of_item);
    let text = expression(random, &Type::String, 0);
    let number = expression(random, &Type::Int, 0);
    let index = random.below(3);
    match ty {
        Type::Bool => match random.below(16) {
            0 => format!("items.exists(i, {flag})"),
            1 => format!("items.all(i, {flag})"),
            2 => format!("items.exists_one(i, {flag})"),
            3 => format!("items.exists(n, i, n > 0 && {flag})"),
            4 => format!("items.exists(i, {text} in i.tags)"),
            5 => format!("({number} in gaps)"),
            6 => format!("({text} in stock)"),
            7 => format!("has(items[{index}].note)"),
            8 => "has(who.age)".to_owned(),
            9 => "(who.home == null)".to_owned(),
            10 => format!("(items[{index}] == items[0])"),
            11 => format!("grid.exists(g, g.exists(c, c == {number}))"),
            12 => format!("(gaps[{index}] == null)"),
            13 => "stock.exists(k, s, s.sizes.exists(z, d7, z > 0 && d7 >= 0.0))".to_owned(),
            14 => "loose.exists(o, o != null && (o.b || o.extra == 1))".to_owned(),
            _ => format!("(flags.b[{index}] || has(flags.a))"),
        },
        Type::Int => match random.below(16) {
            12 => {
                let body = with_parts(random, ty, depth, &of_item);
                format!("items.filter(i, {flag}).map(i, {body}).sum()")
            }
            13 => format!("items.filter(i, {flag}).filter(n, n.qty > 0).map(i, i.qty).max()"),
            14 => "grid.map(g, g.sum()).min()".to_owned(),
            15 => "gaps.filter(g, g != null).sum()".to_owned(),
            0 => format!("size(items.filter(i, {flag}))"),
            1 => format!("items[{index}].qty"),
            2 => format!("grid[{index}][{number}]"),
            3 => "size(grid)".to_owned(),
            4 => format!("size(grid[{index}])"),
            5 => format!("gaps[{index}]"),
            6 => "(who.age ?? 3)".to_owned(),
            7 => "size(who.home.floors)".to_owned(),
            8 => format!("stock[{text}].left"),
            9 => format!("(loose[{index}].a)"),
            10 => {
                let body = with_parts(random, ty, depth, &of_shelf);
                format!("stock.transformList(k, s, {body})[0]")
            }
            _ => {
                let body = with_parts(random, ty, depth, &of_item);
                format!("items.filter(i, {flag}).map(i, {body})[0]")
            }
        },
        Type::Double => match random.below(7) {
            5 => "items.map(i, i.price * double(i.qty)).sum()".to_owned(),
            6 => {
                let body = with_parts(random, ty, depth, &of_item);
                format!("items.map(i, {flag}, {body}).map(x, x * 2.0).sum()")
            }
            0 => format!("items[{index}].price"),
            1 => "items.map(i, i.price * double(i.qty))[0]".to_owned(),
            2 => format!("stock.a.sizes[{number}]"),
            3 => format!("stock.transformMap(k, s, s.sizes)[{text}][0]"),
            _ => {
                let body = with_parts(random, ty, depth, &of_item);
                format!("items.map(i, {flag}, {body})[{index}]")
            }
        },
        Type::String => match random.below(8) {
            7 => "items.map(i, i.tags).map(t, t.min()).max()".to_owned(),
            0 => format!("items[{index}].sku"),
            1 => format!("(items[{index}].note ?? {text})"),
            2 => "who.name".to_owned(),
            3 => "(who.home.zip ?? who.name)".to_owned(),
            4 => format!("names[{index}]"),
            5 => format!("items.map(i, i.tags.filter(t, t != {text}))[0][{index}]"),
            _ => format!("items.map(i, {{i.sku: i}})[0][items[{index}].sku].sku"),
        },
        Type::Timestamp if random.below(2) == 0 => "items.map(i, i.at).max()".to_owned(),
        Type::Timestamp => format!("items[{index}].at"),
        _ => expression(random, ty, depth),
    }
}
