//! Functions of a rule set, in the place of their calls.

use super::Exporter;
use super::steps::in_brackets;
use rulestage_diagnostics::Span;
use rulestage_rule_compiler::ast::{Expr, ExprKind, Function, Name};

/// Macros with variables, and what is bound like one.
const BINDING: [&str; 13] = [
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "sortBy",
    "optMap",
    "optFlatMap",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "bind",
];

impl<'a> Exporter<'a> {
    /// The body of the function called `name` with the arguments in it; `None` where there is no such function, or its
    /// body can't stand here.
    pub(super) fn inlined(&mut self, name: &Name, args: &[&Expr], span: Span) -> Option<String> {
        let mut functions = self.functions.iter().copied();
        let function: &'a Function = functions.find(|each| each.name.text == name.text)?;
        let mut variables = Vec::new();
        macro_variables(&function.body, &mut variables);
        let taken = variables.iter().find(|variable| {
            let is_param = function
                .params
                .iter()
                .any(|(name, _)| name.text == **variable);
            is_param || args.iter().any(|arg| super::names(arg, variable))
        });
        if let Some(variable) = taken {
            let message = format!(
                "`{}` is no CEL, and can't stand here as an expression: it has a variable `{variable}` of its own",
                name.text
            );
            self.lose(span, message);
            return None;
        }
        let args = args.iter().map(|arg| in_brackets(self.cel(arg)));
        let params = function.params.iter().map(|(name, _)| name.text.clone());
        let bound: Vec<(String, String)> = params.zip(args.collect::<Vec<_>>()).collect();
        let outside = std::mem::replace(&mut self.bound, bound);
        let body = self.cel(&function.body);
        self.bound = outside;
        Some(format!("({body})"))
    }
}

fn macro_variables<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    if let ExprKind::Method { function, args, .. } = &expr.kind
        && BINDING.contains(&&*function.text)
    {
        // The last argument is the body.
        let n_others = args.len().saturating_sub(1).min(2);
        for arg in &args[..n_others] {
            if let ExprKind::Identifier { name, .. } = &arg.kind {
                found.push(&name.text);
            }
        }
    }
    expr.kind
        .for_each_child(&mut |child| macro_variables(child, found));
}
