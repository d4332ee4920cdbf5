//! Where the data of groups lie.

use super::super::compare::as_integer;
use super::super::data::{Record, StaticData};
use super::super::layout::{inner, is_cell, is_fallible_input};
use super::super::table::ranks::{
    self, INTS, RANKED, TEXTS, TIMES, hash_decimal, hash_int, hash_text, n_slots, ordered,
};
use super::super::table::{Constants, VALUE_BYTES, push_bound, push_constant};
use super::super::trace::walk;
use super::explain::{SHAPE_BYTES, packed_bytes};
use super::{Entry, Group, Plans, TestedColumn};
use crate::ir::{Const, ExprKind, RuleSet};
use crate::types::Type;
use std::collections::BTreeMap;

/// Bytes of a value that the row keeps for shapes: as in `push_constant`, then its error.
const KEPT_BYTES: u32 = 24;

/// So many rows are looked up in the indexes before they are gone through.
pub(super) const SCANNED_ROWS: u32 = 256;
/// Bytes of the state of an index: see `rule-runtime/src/table/rules.rs`.
pub(super) const STATE_BYTES: u32 = 8;

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
        let (record, last_slot) = place_bounds(column, data);
        let n_bounds = column.bounds.constants.len() as u32;
        let address = data.record(&record);
        constants.push(Constants {
            address,
            n_constants: n_bounds,
            is_hashed: last_slot != 0,
        });
        // Also what fails is like a null.
        let kind = kind(&column.value.ty);
        // The code that finds the ranks of decimals looks into their hash table itself.
        let own_slot = if kind == RANKED { 0 } else { last_slot };
        columns.u32(kind).u32(address).u32(n_bounds).u32(own_slot);
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
    let n_rows = match group.scanned.is_empty() {
        true => 1,
        false => SCANNED_ROWS,
    };
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
        state: data.reserve(n_rows * STATE_BYTES * group.n_indexes as u32),
        rules: data.record(&rules),
        values,
    }
}

/// The constants of a column, and behind them their hash table, where there is one; the number of its last slot, or 0.
fn place_bounds(column: &TestedColumn, data: &mut StaticData) -> (Record, u32) {
    let constants = &column.bounds.constants;
    let hashes = column
        .is_hashed
        .then(|| constants.iter().map(hash).collect());
    let hashes: Option<Vec<u32>> = hashes.flatten();
    let mut record = Record::new();
    for constant in constants {
        match (ordered(constant), text(constant)) {
            (Some(value), _) => {
                record.u64(value as u64);
            }
            (None, Some(text)) if hashes.is_some() => {
                let address = data.intern(text);
                let first = record.u64(first_bytes(text));
                first.u32(address).u32(text.len() as u32);
            }
            _ => push_bound(&mut record, data, constant),
        }
    }
    let Some(hashes) = hashes else {
        return (record, 0);
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
    (record, last)
}

/// The hash of an integer, a decimal or a text.
fn hash(constant: &Const) -> Option<u32> {
    if let Const::Decimal(value) = constant {
        return Some(hash_decimal(value.coefficient()));
    }
    match (ordered(constant), text(constant)) {
        (Some(value), _) => Some(hash_int(value)),
        (None, text) => text.map(|text| hash_text(first_bytes(text), text)),
    }
}

fn text(constant: &Const) -> Option<&[u8]> {
    match constant {
        Const::String(text) => Some(text.as_bytes()),
        Const::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// The first 8 bytes as a little-endian number, zeros behind them where there are fewer.
fn first_bytes(bytes: &[u8]) -> u64 {
    as_integer(&bytes[..bytes.len().min(8)]) as u64
}

/// The kind of a column of a type.
pub(super) fn kind(ty: &Type) -> u32 {
    match inner(ty) {
        Type::Decimal => RANKED,
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
