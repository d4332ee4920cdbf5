//! Rule sets in which the same expressions stand in several places: in conditions that may skip them, in loops, in
//! contributions and in definitions.

use super::{Random, expression, variables};
use rulestage_rule_compiler::types::Type;

/// A rule set of eight rules over a few expressions.
pub(crate) fn sharing(random: &mut Random) -> String {
    let mut source = String::from("ruleset sharing {\n  input {\n");
    for (name, ty) in variables() {
        source += &format!("    {name}: {ty}\n");
    }
    source += "  }\n  output {
    text: string? merge first
    total: int = 0 merge sum
    all: list<string> merge collect
    flag: bool = false merge last
  }\n";
    let texts: Vec<String> = (0..2)
        .map(|_| format!("({} + 'a')", expression(random, &Type::String, 1)))
        .collect();
    let number = format!("size({} + 'x')", expression(random, &Type::String, 1));
    let sum = expression(random, &Type::Int, 1);
    let mut conditions = vec![
        format!("{}.contains('1a')", texts[0]),
        format!("{} < {}", texts[0], texts[1]),
        format!("{number} > 2"),
        format!("{sum} > 0"),
        format!("[1, 2, 3].exists(one, one > {number})"),
        format!(
            "[0, 1].all(one, one < 1 || {})",
            expression(random, &Type::Bool, 1)
        ),
    ];
    conditions.push(expression(random, &Type::Bool, 2));
    source += &format!("  let known = {}\n", random.pick(&conditions));
    for rule in 0..8 {
        let (a, b, c) = (
            random.pick(&conditions),
            random.pick(&conditions),
            random.pick(&conditions),
        );
        let condition = match random.below(6) {
            0 => format!("({a}) && ({b})"),
            1 => format!("({a}) || ({b}) && ({c})"),
            2 => format!("({a}) ? ({b}) : ({c})"),
            3 => format!("!({a})"),
            4 => format!("(({a}) ?? ({b})) || known"),
            _ => a,
        };
        let action = match random.below(5) {
            0 => format!("text = {}", random.pick(&texts)),
            1 => format!("total = {number}"),
            2 => format!("all = {}, total = {sum}", random.pick(&texts)),
            3 => format!("flag = {}", random.pick(&conditions)),
            _ => "flag = true, text = 'known'".to_owned(),
        };
        source +=
            &format!("  rule r{rule} {{\n    when {condition}\n    then {{ {action} }}\n  }}\n");
    }
    source + "}\n"
}
