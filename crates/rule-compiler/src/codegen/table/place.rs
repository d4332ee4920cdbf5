//! What tables consist of, and where their data lie.

use super::super::data::{Record, StaticData};
use super::super::layout::{is_cell, is_nullable};
use super::index::{self, RowTests};
use super::ranks::{Bounds, MORE};
use super::{PRESENT, VALUE_BYTES};
use crate::ast::HitPolicy;
use crate::ir::{Const, Expr, RuleSet, Table, TableValue};
use crate::types::Type;
use rulestage_diagnostics::SourceMap;
use rulestage_sort::sort_by_key;
use std::collections::HashMap;

/// What is known of a table before there are addresses.
struct Plan {
    words: Vec<u32>,
    bounds: Vec<Bounds>,
    /// Whether a row tests the column
    is_tested: Vec<bool>,
}

/// Everything about the tables of a rule set that does not depend on addresses, by the number of the rule.
pub(in super::super) struct Plans(HashMap<usize, Plan>);

impl Plans {
    pub(in super::super) fn new(ruleset: &RuleSet) -> Self {
        let tables = ruleset.rules.iter().enumerate();
        Self(
            tables
                .filter_map(|(index, rule)| Some((index, plan(rule.table.as_deref()?))))
                .collect(),
        )
    }
}

fn plan(table: &Table<Expr>) -> Plan {
    let bounds = Bounds::of_columns(table);
    let mut is_tested = vec![false; table.columns.len()];
    let mut rows: Vec<RowTests> = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let mut tests: RowTests = row
            .tests
            .iter()
            .map(|(column, tests)| {
                is_tested[*column] = true;
                (*column as u32, bounds[*column].ranges(tests))
            })
            .collect();
        sort_by_key(&mut tests, |(column, _)| *column);
        rows.push(tests);
    }
    const N_HEADER: u32 = 4;
    let n_rows = rows.len() as u32;
    let mut words = vec![n_rows, N_HEADER, N_HEADER + n_rows + 1, 0];
    let mut n_tests = 0;
    for row in &rows {
        words.push(n_tests);
        n_tests += row
            .iter()
            .map(|(_, ranges)| ranges.len() as u32)
            .sum::<u32>();
    }
    words.push(n_tests);
    for (column, ranges) in rows.iter().flatten() {
        for (index, (low, high)) in ranges.iter().enumerate() {
            let more = if index + 1 < ranges.len() { MORE } else { 0 };
            words.extend([column | more, *low, *high]);
        }
    }
    let max_ranks: Vec<u32> = bounds.iter().map(Bounds::max).collect();
    let is_single_hit = matches!(table.policy, HitPolicy::First | HitPolicy::Priority);
    words[3] = index::build(&rows, &max_ranks, is_single_hit, &mut words);
    Plan {
        words,
        bounds,
        is_tested,
    }
}

/// Where the data of a table lie.
pub(in super::super) struct PlacedTable {
    pub(super) words: u32,
    pub(super) ranks: u32,
    pub(super) state: u32,
    /// For each column the address of its constants and how many they are
    pub(super) bounds: Vec<(u32, u32)>,
    pub(super) is_tested: Vec<bool>,
    pub(super) outputs: Vec<PlacedOutput>,
    /// For each row pointer and length of its text
    pub(super) texts: u32,
}

/// Where the values of an output column lie.
pub(super) struct PlacedOutput {
    /// For each row the number of its value, or 0; constants first
    pub(super) numbers: u32,
    pub(super) constants: u32,
    pub(super) n_constants: u32,
    /// The other values, by their place in the column
    pub(super) computed: Vec<usize>,
}

/// Lays out the data of all tables, by the number of the rule.
pub(in super::super) fn place(
    ruleset: &RuleSet,
    source: &str,
    plans: &Plans,
    data: &mut StaticData,
) -> HashMap<usize, PlacedTable> {
    let map = SourceMap::new(source);
    let mut placed = HashMap::new();
    for (index, rule) in ruleset.rules.iter().enumerate() {
        if let (Some(table), Some(plan)) = (&rule.table, plans.0.get(&index)) {
            placed.insert(index, place_table(table, plan, &map, source, data));
        }
    }
    placed
}

fn place_table(
    table: &Table<Expr>,
    plan: &Plan,
    map: &SourceMap<'_>,
    source: &str,
    data: &mut StaticData,
) -> PlacedTable {
    let mut words = Record::new();
    for word in &plan.words {
        words.u32(*word);
    }
    let bounds = plan.bounds.iter().map(|bounds| {
        let mut record = Record::new();
        for constant in &bounds.constants {
            push_bound(&mut record, data, constant);
        }
        (data.record(&record), bounds.constants.len() as u32)
    });
    let bounds = bounds.collect();
    let mut texts = Record::new();
    for row in &table.rows {
        let line = map.position(row.span.start).line;
        let cells: Vec<&str> = row.span.text(source).split_whitespace().collect();
        let text = format!("{} in line {line}: {}", row.number, cells.join(" "));
        texts.text(data, &text);
    }
    PlacedTable {
        words: data.record(&words),
        ranks: data.reserve(4 * table.columns.len() as u32),
        state: data.reserve(12),
        bounds,
        is_tested: plan.is_tested.clone(),
        outputs: (0..table.outputs.len())
            .map(|index| place_output(table, index, data))
            .collect(),
        texts: data.record(&texts),
    }
}

pub(in super::super) fn push_bound(record: &mut Record, data: &mut StaticData, constant: &Const) {
    match constant {
        Const::Int(value) | Const::Duration(value) => {
            record.u64(*value as u64);
        }
        // In the order of signed integers
        Const::Uint(value) => {
            record.u64(*value ^ 1 << 63);
        }
        Const::Double(value) => {
            record.u64(value.to_bits());
        }
        Const::Timestamp(seconds, nanos) => {
            record.u64(*seconds as u64).u32(*nanos).u32(0);
        }
        Const::String(text) => push_text_bound(record, data, text.as_bytes()),
        Const::Bytes(bytes) => push_text_bound(record, data, bytes),
        Const::Decimal(value) => {
            let [low, high] = [value.coefficient(), value.coefficient() >> 64];
            record.u64(low as u64).u64(high as u64);
            record.u32(value.scale()).u32(0);
        }
        // Booleans have their ranks without looking.
        _ => {}
    }
}

fn push_text_bound(record: &mut Record, data: &mut StaticData, bytes: &[u8]) {
    let mut first = [0; 8];
    let n_first = bytes.len().min(8);
    first[..n_first].copy_from_slice(&bytes[..n_first]);
    let address = data.intern(bytes);
    record
        .u64(u64::from_be_bytes(first))
        .u32(address)
        .u32(bytes.len() as u32);
}

fn place_output(table: &Table<Expr>, index: usize, data: &mut StaticData) -> PlacedOutput {
    let output = &table.outputs[index];
    let mut constants = Record::new();
    let mut numbers = vec![0; output.values.len()];
    let mut n_constants = 0;
    for (value, number) in output.values.iter().zip(&mut numbers) {
        if let TableValue::Const(constant) = value {
            push_constant(&mut constants, data, constant, &output.ty);
            n_constants += 1;
            *number = n_constants;
        }
    }
    let mut computed = Vec::new();
    for (place, number) in numbers.iter_mut().enumerate() {
        if *number == 0 {
            computed.push(place);
            *number = n_constants + computed.len() as u32;
        }
    }
    let mut of_rows = Record::new();
    for row in &table.rows {
        let value = row.values.get(index).copied().flatten();
        of_rows.u32(value.map_or(0, |value| numbers[value]));
    }
    PlacedOutput {
        numbers: data.record(&of_rows),
        constants: data.record(&constants),
        n_constants,
        computed,
    }
}

/// The slots of a constant, as `load_constant` reads them.
pub(in super::super) fn push_constant(
    record: &mut Record,
    data: &mut StaticData,
    constant: &Const,
    ty: &Type,
) {
    let start = record.len();
    if is_cell(ty) && !(is_nullable(ty) && *constant == Const::Null) {
        record.u32(data.cell(constant));
    } else {
        match constant {
            Const::Bool(value) => record.u32(u32::from(*value)),
            Const::Int(value) | Const::Duration(value) => record.u64(*value as u64),
            Const::Uint(value) => record.u64(*value),
            Const::Double(value) => record.u64(value.to_bits()),
            Const::String(text) => record.text(data, text),
            Const::Bytes(bytes) => {
                let address = data.intern(bytes);
                record.u32(address).u32(bytes.len() as u32)
            }
            Const::Timestamp(seconds, nanos) => record.u64(*seconds as u64).u32(*nanos),
            _ => record.u32(0),
        };
    }
    record.pad_to(start + PRESENT as usize);
    if is_nullable(ty) {
        record.u32(u32::from(*constant != Const::Null));
    }
    record.pad_to(start + VALUE_BYTES as usize);
}
