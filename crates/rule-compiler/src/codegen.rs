//! Code generation: a typed rule set becomes a WebAssembly component of world `rules`.
//!
//! The core module is written straight from the IR, glue included: the canonical ABI's records are laid out in
//! advance or stored in place, and each rule set gets exactly the code for its own columns. The component around
//! it is the same for every rule set and comes from the build (`build.rs`).

mod aggregates;
mod arithmetic;
mod calls;
mod case;
mod cells;
mod columns;
mod compare;
mod contributions;
mod convert;
mod data;
mod dynamic;
mod explain;
mod expression;
mod failure;
mod flat;
mod fold;
mod function;
mod group;
mod layout;
mod logic;
mod math;
mod memory;
mod module;
mod nested;
mod optionals;
mod outline;
mod outputs;
mod positions;
mod process;
mod reads;
mod result;
mod runtime;
mod session;
mod shared;
mod statics;
mod stops;
mod table;
mod trace;

use crate::ir::RuleSet;
use module::ModuleBuilder;
use runtime::Footprint;
use statics::Statics;
use trace::ShownExpressions;

/// The component for a rule set, with the interface `explain` or without; `source` is what its spans point into.
pub fn generate(ruleset: &RuleSet, source: &str, explains: bool) -> Vec<u8> {
    encode_component(&generate_core_module(ruleset, source, explains), explains)
}

/// The core module inside of the component.
pub fn generate_core_module(ruleset: &RuleSet, source: &str, explains: bool) -> Vec<u8> {
    // Where static data lies depends on the helpers in use, which are known only at the end: at most one more round.
    let mut footprint = Footprint::Nothing;
    let plans = statics::Plans {
        tables: table::Plans::new(ruleset),
        groups: group::Plans::new(ruleset, explains),
        reads: reads::find(ruleset).into(),
        explains,
    };
    loop {
        let mut module = ModuleBuilder::new(footprint, plans.groups.n_functions() as u32, explains);
        let functions = generate_functions(ruleset, source, &plans, &mut module);
        if module.footprint() <= footprint {
            return module.finish(functions);
        }
        footprint = module.footprint();
    }
}

/// The internal functions in the order of `module::function`, the exports in that of `interface::EXPORTS`, the rest.
fn generate_functions(
    ruleset: &RuleSet,
    source: &str,
    plans: &statics::Plans,
    module: &mut ModuleBuilder,
) -> Vec<function::FunctionBuilder> {
    let shown = ShownExpressions::new(ruleset);
    let statics = Statics::new(ruleset, source, &shown, plans, module);
    let process = process::generate(ruleset, module, &statics, plans, false);
    let mut functions = vec![
        memory::allocate(),
        memory::grow(),
        memory::allocate_temp(),
        memory::array_fits(),
        memory::copy(),
        memory::reallocate(),
        session::release(),
        session::close(ruleset),
        session::constant(0, statics.description),
        session::open(ruleset, module, &statics),
        session::constant(1, statics.schema),
        process.function,
    ];
    let mut explained = Vec::new();
    if let Some(outline) = &statics.outline {
        let explanation = explain::generate(ruleset, module, &statics, &shown, plans);
        let with_reasons = process::generate(ruleset, module, &statics, plans, true);
        functions.push(outline::describe_rules(module, outline));
        functions.push(explanation.function);
        functions.push(with_reasons.function);
        explained = explanation.shapes;
    }
    let mut explained = explained.into_iter();
    for shapes in process.shapes {
        functions.extend(shapes);
        functions.extend(explained.next().into_iter().flatten());
    }
    functions
}

fn encode_component(core_module: &[u8], explains: bool) -> Vec<u8> {
    const HEADER: [u8; 8] = [0, b'a', b's', b'm', 13, 0, 1, 0];
    const CORE_MODULE_SECTION: u8 = 1;
    let suffix = rulestage_rules_world::around(explains);
    let mut component = Vec::with_capacity(HEADER.len() + core_module.len() + suffix.len() + 6);
    component.extend_from_slice(&HEADER);
    component.push(CORE_MODULE_SECTION);
    let mut rest = core_module.len();
    while rest > 0x7f {
        component.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    component.push(rest as u8);
    component.extend_from_slice(core_module);
    component.extend_from_slice(suffix);
    component
}
