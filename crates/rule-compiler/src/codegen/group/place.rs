//! Where the data of groups lie.

use super::super::data::{Record, StaticData};
use super::super::layout::{inner, is_cell, is_fallible_input};
use super::super::table::ranks::{
    self, HASHED, INTS, RANKED, TEXTS, TIMES, hash_decimal, hash_int, hash_text, n_slots,
    order_double,
};
use super::super::table::{Constants, VALUE_BYTES, push_bound, push_constant};
use super::super::trace::walk;
use super::explain::{SHAPE_BYTES, packed_bytes};
use super::{Entry, Group, Plans};
use crate::ir::{Const, ExprKind, RuleSet};
use crate::types::Type;
use std::collections::BTreeMap;

/// Bytes of a value that the row keeps for shapes: as in `push_constant`, then its error.
const KEPT_BYTES: u32 = 24;

/// Where the data of all groups lie.
pub(in super::super) struct PlacedGroups {
    groups: Vec<PlacedGroup>,
    pub(super) shared: Shared,
}

/// What shapes are told, and what they tell, beside their parameters and results.
pub(super) struct Shared {
    /// Addresses of the session and of the columns, 4 bytes each
    pub(super) context: u32,
    /// Addresses of the values and of the verdict of the rule that is to be explained next, 4 bytes each
    pub(super) explained: u32,
    /// Error and number of valid contributions, 4 bytes each
    pub(super) failure: u32,
    /// By number, the values of the row that shapes read
    pub(super) lets: BTreeMap<usize, u32>,
    /// The same of inputs that are no plain columns
    pub(super) inputs: BTreeMap<usize, u32>,
}

/// Where the data of a group lie.
pub(in super::super) struct PlacedGroup {
    pub(super) words: u32,
    pub(super) columns: u32,
    /// By column
    pub(super) constants: Vec<Constants>,
    pub(super) state: u32,
    pub(super) rules: u32,
    /// For each rule the number of the shape that explains it, and its constants
    pub(super) explained: u32,
    /// Where shapes leave contributions
    pub(super) values: u32,
}

impl PlacedGroups {
    pub(in super::super) fn new(ruleset: &RuleSet, plans: &Plans, data: &mut StaticData) -> Self {
        let mut shared = Shared {
            context: 0,
            failure: 0,
            explained: 0,
            lets: BTreeMap::new(),
            inputs: BTreeMap::new(),
        };
        if plans.n_functions() > 0 {
            shared.context = data.reserve(8);
            shared.explained = data.reserve(8);
            shared.failure = data.reserve(8);
        }
        let shapes = plans.0.iter().flat_map(|group| &group.shapes);
        let explained = plans.0.iter().flat_map(|group| &group.explained);
        let explained = explained.flat_map(|shape| shape.rule.expressions());
        let expressions = shapes.flat_map(|shape| shape.expressions());
        for expr in expressions.chain(explained) {
            walk(expr, &mut |expr| match expr.kind {
                ExprKind::Let(index) => {
                    shared
                        .lets
                        .entry(index)
                        .or_insert_with(|| data.reserve(KEPT_BYTES));
                }
                ExprKind::Input(index)
                    if is_cell(&expr.ty) || is_fallible_input(&ruleset.inputs[index].ty) =>
                {
                    shared
                        .inputs
                        .entry(index)
                        .or_insert_with(|| data.reserve(KEPT_BYTES));
                }
                _ => {}
            });
        }
        let groups = plans.0.iter().map(|group| place(group, data)).collect();
        Self { groups, shared }
    }

    pub(in super::super) fn get(&self, group: usize) -> &PlacedGroup {
        &self.groups[group]
    }
}

fn place(group: &Group, data: &mut StaticData) -> PlacedGroup {
    let mut words = Record::new();
    for word in &group.words {
        words.u32(*word);
    }
    let mut columns = Record::new();
    let mut constants = Vec::new();
    for column in &group.columns {
        let mut record = Record::new();
        for constant in &column.bounds.constants {
            match constant {
                Const::Double(value) => {
                    record.u64(order_double(*value) as u64);
                }
                constant => push_bound(&mut record, data, constant),
            }
        }
        let mut kind = kind(&column.value.ty);
        let is_hashed = column.is_hashed && push_slots(&mut record, &column.bounds.constants);
        if is_hashed && kind != RANKED {
            kind |= HASHED;
        }
        let n_bounds = column.bounds.constants.len() as u32;
        let address = data.record(&record);
        constants.push(Constants {
            address,
            n_constants: n_bounds,
            is_hashed,
        });
        // Also what fails is like a null.
        columns.u32(kind).u32(address).u32(n_bounds).u32(0);
        columns.u32(0).u32(0).u32(0).u32(ranks::PRESENT);
    }
    let mut n_entries = 0;
    let mut rules = Record::new();
    let values = group
        .rules
        .iter()
        .flat_map(|rule| [&rule.then, &rule.otherwise]);
    for entries in values {
        n_entries = n_entries.max(entries.len() as u32);
    }
    let values = data.reserve(n_entries * VALUE_BYTES);
    for rule in &group.rules {
        let mut constants = Record::new();
        for (constant, ty) in &rule.constants {
            push_constant(&mut constants, data, constant, ty);
        }
        rules
            .u32(rule.shape.map_or(0, |shape| shape as u32 + 1))
            .u32(data.intern_record(&constants))
            .u32(place_entries(group, &rule.then, values, data))
            .u32(place_entries(group, &rule.otherwise, values, data));
    }
    let mut explained = Record::new();
    for (shape, constants) in group
        .rules
        .iter()
        .filter_map(|rule| rule.explained.as_ref())
    {
        let mut number = Record::new();
        explained.packed(number.u32(*shape as u32), SHAPE_BYTES);
        for (constant, ty) in constants {
            let mut value = Record::new();
            push_constant(&mut value, data, constant, ty);
            explained.packed(&value, packed_bytes(ty));
        }
    }
    PlacedGroup {
        explained: data.record(&explained),
        words: data.record(&words),
        columns: data.record(&columns),
        constants,
        state: data.reserve(8 * group.n_indexes as u32),
        rules: data.record(&rules),
        values,
    }
}

/// Appends the hash table of constants that are integers, decimals or texts; gives whether they are.
fn push_slots(record: &mut Record, constants: &[Const]) -> bool {
    let hash = |constant: &Const| {
        Some(match constant {
            Const::Int(value) | Const::Duration(value) => hash_int(*value),
            Const::Uint(value) => hash_int((*value ^ 1 << 63) as i64),
            Const::Double(value) => hash_int(order_double(*value)),
            Const::Decimal(value) => hash_decimal(value.coefficient()),
            Const::String(text) => hash_text(text.as_bytes()),
            Const::Bytes(bytes) => hash_text(bytes),
            _ => return None,
        })
    };
    let Some(hashes) = constants.iter().map(hash).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let last = n_slots(constants.len() as u32) - 1;
    let mut slots = vec![0; last as usize + 1];
    for (place, hash) in (1..).zip(hashes) {
        let mut slot = hash & last;
        while slots[slot as usize] != 0 {
            slot = (slot + 1) & last;
        }
        slots[slot as usize] = place;
    }
    for slot in slots {
        record.u32(slot);
    }
    true
}

/// The kind of a column of a type.
fn kind(ty: &Type) -> u32 {
    match inner(ty) {
        Type::Bool | Type::Decimal => RANKED,
        Type::Timestamp => TIMES,
        Type::String | Type::Bytes => TEXTS,
        _ => INTS,
    }
}

/// How many contributions there are, and for each the number of the output and the address of the value.
fn place_entries(group: &Group, entries: &[Entry], values: u32, data: &mut StaticData) -> u32 {
    let mut record = Record::new();
    record.u32(entries.len() as u32);
    for (entry, computed) in entries.iter().zip((values..).step_by(VALUE_BYTES as usize)) {
        let address = match &entry.constant {
            Some(constant) => {
                let mut value = Record::new();
                push_constant(&mut value, data, constant, &group.outputs[entry.output].1);
                data.intern_record(&value)
            }
            None => computed,
        };
        record.u32(entry.output as u32).u32(address);
    }
    data.intern_record(&record)
}
