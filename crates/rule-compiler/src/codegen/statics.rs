//! What never changes: the description, the schema, the outline, and the refusals, laid out in advance.

use super::data::Record;
use super::layout::{RESULT_SIZE, stage_error, type_nodes, value};
use super::module::ModuleBuilder;
use super::outline::{self, PlacedOutline};
use super::reads::Reads;
use super::trace::ShownExpressions;
use crate::ir::RuleSet;
use crate::types::Type;
use std::rc::Rc;

/// What is known of a rule set before there are addresses.
pub(super) struct Plans {
    pub(super) tables: super::table::Plans,
    pub(super) groups: super::group::Plans,
    /// What is read of each input
    pub(super) reads: Rc<[Reads]>,
    /// Whether the component has the interface `explain`
    pub(super) explains: bool,
}

/// Addresses of the static records.
pub(super) struct Statics {
    /// `description`
    pub(super) description: u32,
    /// `schema`
    pub(super) schema: u32,
    /// Where something is explained
    pub(super) outline: Option<PlacedOutline>,
    /// For each error number 12 bytes: the code, the message
    pub(super) failures: u32,
    /// For each rule the name as pointer and length
    pub(super) origins: u32,
    /// Results that refuse
    pub(super) too_many_rows: u32,
    pub(super) wrong_number_of_columns: u32,
    pub(super) column_refusals: Vec<u32>,
    pub(super) no_such_row: u32,
    pub(super) wrong_number_of_params: u32,
    pub(super) param_refusals: Vec<u32>,
    /// By the number of the rule
    pub(super) tables: std::collections::HashMap<usize, super::table::PlacedTable>,
    pub(super) groups: super::group::PlacedGroups,
}

impl Statics {
    pub(super) fn new(
        ruleset: &RuleSet,
        source: &str,
        shown: &ShownExpressions,
        plans: &Plans,
        module: &mut ModuleBuilder,
    ) -> Self {
        let columns = |n: usize| format!("expected {n} column{}", if n == 1 { "" } else { "s" });
        let refuse_input = |(index, input): (usize, &crate::ir::Input)| {
            (
                index,
                format!(
                    "column `{}` is not a column of `{}` with as many values as there are rows",
                    input.name, input.ty
                ),
            )
        };
        let refuse_param = |(index, param): (usize, &crate::ir::Param)| {
            (
                index,
                format!("parameter `{}` must be of type `{}`", param.name, param.ty),
            )
        };
        let mut names: Vec<(String, Option<u32>)> = Vec::new();
        names.extend(ruleset.rules.iter().map(|rule| (rule.name.clone(), None)));
        let outline = plans.explains.then(|| {
            let (outline, places) = outline::place(ruleset, source, shown, &mut module.data);
            for ((_, known), place) in names.iter_mut().zip(places) {
                *known = Some(place);
            }
            outline
        });
        Self {
            tables: super::table::place(ruleset, source, &plans.tables, &mut module.data),
            groups: super::group::PlacedGroups::new(ruleset, &plans.groups, &mut module.data),
            description: description(ruleset, module),
            schema: schema(ruleset, &plans.reads, module),
            outline,
            failures: module.failures(),
            origins: module.origins(names),
            too_many_rows: failed(module, "a batch has at most 16777216 rows"),
            wrong_number_of_columns: failed(module, &columns(ruleset.inputs.len())),
            column_refusals: ruleset
                .inputs
                .iter()
                .enumerate()
                .map(refuse_input)
                .map(|(index, message)| {
                    refusal(module, stage_error::INVALID_COLUMN, index, &message)
                })
                .collect(),
            no_such_row: failed(module, "the batch has no such row"),
            wrong_number_of_params: failed(
                module,
                &format!("expected {} parameters", ruleset.params.len()),
            ),
            param_refusals: ruleset
                .params
                .iter()
                .enumerate()
                .map(refuse_param)
                .map(|(index, message)| {
                    refusal(module, stage_error::INVALID_PARAMETER, index, &message)
                })
                .collect(),
        }
    }
}

/// `err(failed(message))`
fn failed(module: &mut ModuleBuilder, message: &str) -> u32 {
    let mut record = Record::new();
    record
        .u8(1)
        .align(4)
        .u8(stage_error::FAILED)
        .align(4)
        .text(&mut module.data, message)
        .align(RESULT_SIZE as usize);
    module.data.record(&record)
}

/// `err(invalid-parameter({index, message}))` or `err(invalid-column(…))`
fn refusal(module: &mut ModuleBuilder, case: u8, index: usize, message: &str) -> u32 {
    let mut record = Record::new();
    record
        .u8(1)
        .align(4)
        .u8(case)
        .u32(index as u32)
        .text(&mut module.data, message);
    module.data.record(&record)
}

fn description(ruleset: &RuleSet, module: &mut ModuleBuilder) -> u32 {
    let data = &mut module.data;
    let mut params = Record::new();
    for param in &ruleset.params {
        params
            .align(8)
            .text(data, &param.name)
            .text(data, &param.ty.to_string())
            .text(data, &param.doc)
            .value(data, &param.default);
    }
    let mut record = Record::new();
    record
        .text(data, &ruleset.name)
        .text(data, &ruleset.version)
        .text(data, &ruleset.doc)
        .list(data, &params, ruleset.params.len());
    data.record(&record)
}

fn schema(ruleset: &RuleSet, reads: &[Reads], module: &mut ModuleBuilder) -> u32 {
    let mut push_field =
        |fields: &mut Record, name: &str, ty: &Type, doc: &str, reads: Option<&Reads>| {
            let data = &mut module.data;
            let nodes = type_nodes(ty, reads.is_some());
            let mut flags = reads.map(Reads::flags).into_iter().flatten();
            let mut list = Record::new();
            for node in &nodes {
                list.u8(node.case).align(4);
                if node.names.is_empty() {
                    list.u8(node.unit).align(4).u32(0);
                } else {
                    let mut names = Record::new();
                    for name in &node.names {
                        names.text(data, name);
                    }
                    list.list(data, &names, node.names.len());
                }
                list.u8(u8::from(node.nullable))
                    .u8(u8::from(flags.next().unwrap_or(true)))
                    .element_end(4);
            }
            fields
                .text(data, name)
                .list(data, &list, nodes.len())
                .text(data, doc);
        };
    let mut inputs = Record::new();
    for (input, reads) in ruleset.inputs.iter().zip(reads) {
        push_field(&mut inputs, &input.name, &input.ty, &input.doc, Some(reads));
    }
    let mut outputs = Record::new();
    for output in &ruleset.outputs {
        push_field(&mut outputs, &output.name, &output.ty, &output.doc, None);
    }
    let data = &mut module.data;
    let mut record = Record::new();
    record
        .list(data, &inputs, ruleset.inputs.len())
        .list(data, &outputs, ruleset.outputs.len());
    data.record(&record)
}

const _: () = assert!(
    value::SIZE == 24,
    "a parameter's default is laid out by `Record::value`"
);
