//! Where the data of groups lie, and the code that goes through the rules that may fire.

use super::super::columns::Uses;
use super::super::contributions::{Gathered, RowNotes};
use super::super::data::{Record, StaticData};
use super::super::expression::{RowCode, at};
use super::super::function::Label;
use super::super::layout::{inner, is_cell, is_fallible_input, is_nullable, slots};
use super::super::table::ranks::{
    BOOLS, DOUBLES, HASHED, INTS, NULLABLE, TEXTS, TIMES, hash_int, hash_text, n_slots,
};
use super::super::table::{PRESENT, VALUE_BYTES, push_bound, push_constant};
use super::super::trace::walk;
use super::explain::{SHAPE_BYTES, packed_bytes};
use super::{Entry, FIRST_CONSTANT, Group, Plans};
use crate::ir::{Const, Contribution, Expr, ExprKind, RuleSet};
use crate::types::Type;
use rulestage_diagnostics::Span;
use std::collections::BTreeMap;
use wasm_encoder::{BlockType, ValType};

/// Bytes of what is known of a rule: its shape's number from 1 on, its constants, its contributions on both sides.
const RULE_BYTES: i32 = 16;
const CONSTANTS: u64 = 4;
/// `then`; `else` follows.
const ENTRIES: u64 = 8;
/// Bytes of a value that the row keeps for shapes: as in `push_constant`, then its error.
const KEPT_BYTES: u32 = 24;
const KEPT_ERROR: u32 = 16;
/// What a shape gives, of two bits: whether the condition holds, whether there was an error.
pub(super) const HOLDS: i32 = 1;
pub(super) const FAILS: i32 = 2;
/// Bytes of a column: see `rule-runtime/src/table/rules.rs`. The value comes behind kind, constants and rank.
const COLUMN_BYTES: u32 = 32;
const COLUMN_VALUE: u32 = 16;
/// Variables for contributions are numbered from the end of those for constants.
const ENTRY_VARIABLE: u32 = u32::MAX;

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
    words: u32,
    columns: u32,
    state: u32,
    rules: u32,
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
    for column in &group.columns {
        let mut record = Record::new();
        for constant in &column.bounds.constants {
            push_bound(&mut record, data, constant);
        }
        let mut kind = kind(&column.value.ty) | NULLABLE;
        if column.is_hashed && push_slots(&mut record, &column.bounds.constants) {
            kind |= HASHED;
        }
        let n_bounds = column.bounds.constants.len() as u32;
        // Also what fails is like a null.
        columns
            .u32(kind)
            .u32(data.record(&record))
            .u32(n_bounds)
            .u32(0);
        columns.u32(0).u32(0).u32(0).u32(1);
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
        state: data.reserve(8 * group.n_indexes as u32),
        rules: data.record(&rules),
        values,
    }
}

/// Appends the hash table of constants that are integers or texts; gives whether they are.
fn push_slots(record: &mut Record, constants: &[Const]) -> bool {
    let hash = |constant: &Const| {
        Some(match constant {
            Const::Int(value) | Const::Duration(value) => hash_int(*value),
            Const::Uint(value) => hash_int((*value ^ 1 << 63) as i64),
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
        Type::Bool => BOOLS,
        Type::Double => DOUBLES,
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

impl RowCode<'_> {
    /// Notes what shapes need to find the batch.
    pub(in super::super) fn keep_context(
        &mut self,
        placed: &PlacedGroups,
        session: u32,
        columns: u32,
    ) {
        let context = placed.shared.context as i32;
        if context != 0 {
            let mut ins = self.f.ins();
            ins.i32_const(context).local_get(session).i32_store(at(0));
            ins.i32_const(context).local_get(columns).i32_store(at(4));
        }
    }

    /// Keeps the values of the row that shapes read.
    pub(in super::super) fn keep_values(&mut self, placed: &PlacedGroups) {
        for (index, address) in &placed.shared.lets {
            let (locals, error) = self.lets[*index].clone();
            let ty = self.ruleset.lets[*index].value.ty.clone();
            self.keep_value(&ty, *address, &locals, error);
        }
        for (index, address) in &placed.shared.inputs {
            let access = self.inputs[*index].clone();
            if let Some(locals) = access.cached {
                let ty = self.ruleset.inputs[*index].ty.clone();
                self.keep_value(&ty, *address, &locals, access.error);
            }
        }
    }

    fn keep_value(&mut self, ty: &Type, address: u32, locals: &[u32], error: Option<u32>) {
        self.store_slots(ty, address, locals);
        if let Some(error) = error {
            self.f
                .ins()
                .i32_const((address + KEPT_ERROR) as i32)
                .local_get(error)
                .i32_store(at(0));
        }
    }

    /// Loads what `keep_value` stored: the value's locals, and that of its error where it can fail.
    pub(super) fn load_kept(
        &mut self,
        ty: &Type,
        address: u32,
        fails: bool,
    ) -> (Vec<u32>, Option<u32>) {
        let locals = self.locals(ty);
        let pointer = self.f.local(ValType::I32);
        self.f.ins().i32_const(address as i32).local_set(pointer);
        self.load_slots(ty, pointer, &locals);
        let error = fails.then(|| {
            let error = self.f.local(ValType::I32);
            self.f
                .ins()
                .local_get(pointer)
                .i32_load(at(u64::from(KEPT_ERROR)))
                .local_set(error);
            error
        });
        (locals, error)
    }

    /// Stores a value in locals at a fixed address, as `load_slots` reads it.
    pub(super) fn store_slots(&mut self, ty: &Type, address: u32, locals: &[u32]) {
        let offsets: &[u32] = match inner(ty) {
            Type::String | Type::Bytes => &[0, 4],
            Type::Timestamp => &[0, 8],
            _ => &[0],
        };
        for ((local, slot), offset) in locals.iter().zip(slots(inner(ty))).zip(offsets) {
            self.f
                .ins()
                .i32_const((address + offset) as i32)
                .local_get(*local);
            match slot {
                ValType::I64 => self.f.ins().i64_store(at(0)),
                ValType::F64 => self.f.ins().f64_store(at(0)),
                _ => self.f.ins().i32_store(at(0)),
            };
        }
        if let (true, Some(present)) = (is_nullable(ty), locals.last()) {
            self.f
                .ins()
                .i32_const(address as i32)
                .local_get(*present)
                .i32_store(at(PRESENT));
        }
    }

    /// The rules of a group that may fire, in their order.
    pub(in super::super) fn emit_group(
        &mut self,
        group: &Group,
        placed: &PlacedGroups,
        number: usize,
        outputs: &[Gathered],
        notes: &RowNotes,
    ) {
        let (shared, placed) = (&placed.shared, placed.get(number));
        self.emit_group_values(group, placed);
        let start = self.module.helper("rules_start");
        let find = self.module.helper("rules_next");
        let rule = self.f.local(ValType::I32);
        let done = self.f.block(BlockType::Empty);
        self.f
            .ins()
            .i32_const(placed.words as i32)
            .i32_const(placed.columns as i32)
            .i32_const(group.columns.len() as i32)
            .i32_const(placed.state as i32)
            .call(start)
            .i32_eqz();
        self.f.br_if(done);
        let next = self.f.loop_();
        self.f
            .ins()
            .i32_const(placed.words as i32)
            .i32_const(placed.columns as i32)
            .i32_const(placed.state as i32)
            .call(find)
            .local_tee(rule)
            .i32_const(0)
            .i32_lt_s();
        self.f.br_if(done);
        let failed = self.f.block(BlockType::Empty);
        self.emit_member(group, placed, shared, rule, outputs, notes, failed);
        self.f.br(next);
        if self.f.end() {
            self.note_failure(notes, |code| {
                code.f
                    .ins()
                    .i32_const(group.first as i32)
                    .local_get(rule)
                    .i32_add();
            });
            self.f.br(next);
        }
        self.f.end();
        self.f.end();
    }

    /// A value that fails is like a null: what is tested is evaluated again then.
    fn emit_group_values(&mut self, group: &Group, placed: &PlacedGroup) {
        for (index, column) in group.columns.iter().enumerate() {
            let address = placed.columns + index as u32 * COLUMN_BYTES + COLUMN_VALUE;
            let ty = &column.value.ty;
            let push_presence = |code: &mut Self, is_present: i32| {
                code.f
                    .ins()
                    .i32_const(address as i32)
                    .i32_const(is_present)
                    .i32_store(at(PRESENT));
            };
            let fails = self.can_fail(&column.value);
            let done = self.f.block(BlockType::Empty);
            let failed = self.f.block(BlockType::Empty);
            let value = self.emit_to_locals(&column.value, failed);
            if *inner(ty) == Type::Uint {
                self.f
                    .ins()
                    .local_get(value[0])
                    .i64_const(i64::MIN)
                    .i64_xor()
                    .local_set(value[0]);
            }
            self.store_slots(ty, address, &value);
            if !is_nullable(ty) && fails {
                push_presence(self, 1);
            }
            self.f.br(done);
            self.f.end();
            if fails {
                push_presence(self, 0);
            }
            self.f.end();
        }
    }

    /// A rule whose tests pass, by its number in a local.
    #[allow(clippy::too_many_arguments, reason = "all of them are places")]
    fn emit_member(
        &mut self,
        group: &Group,
        placed: &PlacedGroup,
        shared: &Shared,
        rule: u32,
        outputs: &[Gathered],
        notes: &RowNotes,
        failed: Label,
    ) {
        let known = self.f.local(ValType::I32);
        let outcome = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(rule)
            .i32_const(RULE_BYTES)
            .i32_mul()
            .i32_const(placed.rules as i32)
            .i32_add()
            .local_set(known)
            .i32_const(HOLDS)
            .local_set(outcome);
        if !group.shapes.is_empty() {
            self.emit_shape_call(group, known, outcome);
        }
        if notes.fired.is_some() {
            self.f.ins().local_get(outcome).i32_const(HOLDS).i32_and();
            self.f.if_(BlockType::Empty);
            self.note_fired(notes, |code| {
                code.f
                    .ins()
                    .i32_const(group.first as i32)
                    .local_get(rule)
                    .i32_add();
            });
            self.f.end();
        }
        let entry = self.f.local(ValType::I32);
        let n_entries = self.f.local(ValType::I32);
        // `then` comes before `else`.
        self.f
            .ins()
            .local_get(known)
            .i32_const(0)
            .i32_const(4)
            .local_get(outcome)
            .i32_const(HOLDS)
            .i32_and()
            .select()
            .i32_add()
            .i32_load(at(ENTRIES))
            .local_tee(entry)
            .i32_load(at(0))
            .local_set(n_entries);
        if !group.shapes.is_empty() {
            self.f.ins().local_get(outcome).i32_const(FAILS).i32_and();
            self.f.if_(BlockType::Empty);
            self.f
                .ins()
                .i32_const(shared.failure as i32)
                .i32_load(at(4))
                .local_set(n_entries);
            self.f.end();
        }
        self.emit_entries(group, entry, n_entries, outputs, failed);
        if !group.shapes.is_empty() {
            let error = self.error;
            self.f
                .ins()
                .i32_const(shared.failure as i32)
                .i32_load(at(0))
                .local_set(error);
            self.f.ins().local_get(outcome).i32_const(FAILS).i32_and();
            self.f.br_if(failed);
        }
    }

    fn emit_shape_call(&mut self, group: &Group, known: u32, outcome: u32) {
        let row = self.row;
        let called = self.f.block(BlockType::Empty);
        self.f.ins().local_get(known).i32_load(at(0)).i32_eqz();
        self.f.br_if(called);
        let cases: Vec<Label> = group
            .shapes
            .iter()
            .map(|_| self.f.block(BlockType::Empty))
            .collect();
        if cases.len() > 1 {
            self.f
                .ins()
                .local_get(known)
                .i32_load(at(0))
                .i32_const(1)
                .i32_sub();
            let by_number: Vec<Label> = cases.iter().rev().copied().collect();
            self.f.br_table(&by_number);
        }
        for index in 0..cases.len() as u32 {
            self.f.end();
            let function = self.module.extra_function(group.first_function + index);
            self.f
                .ins()
                .local_get(row)
                .local_get(known)
                .i32_load(at(CONSTANTS))
                .call(function)
                .local_set(outcome);
            self.f.br(called);
        }
        self.f.end();
    }

    /// Contributes the values of a list of them.
    fn emit_entries(
        &mut self,
        group: &Group,
        entry: u32,
        n_entries: u32,
        outputs: &[Gathered],
        failed: Label,
    ) {
        if group.outputs.is_empty() {
            return;
        }
        let value = self.f.local(ValType::I32);
        let output = self.f.local(ValType::I32);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f.ins().local_get(n_entries).i32_eqz();
        self.f.br_if(done);
        self.f
            .ins()
            .local_get(n_entries)
            .i32_const(1)
            .i32_sub()
            .local_set(n_entries)
            .local_get(entry)
            .i32_const(8)
            .i32_add()
            .local_tee(entry)
            .i32_load(at(0))
            .local_set(value)
            .local_get(entry)
            .i32_const(4)
            .i32_sub()
            .i32_load(at(0))
            .local_set(output);
        let cases: Vec<Label> = group
            .outputs
            .iter()
            .map(|_| self.f.block(BlockType::Empty))
            .collect();
        self.f.ins().local_get(output);
        let by_number: Vec<Label> = cases.iter().rev().copied().collect();
        self.f.br_table(&by_number);
        for (index, ty) in &group.outputs {
            self.f.end();
            let locals = self.locals(ty);
            self.load_slots(ty, value, &locals);
            self.variables.insert(ENTRY_VARIABLE, (locals, None));
            let contribution = Contribution {
                output: *index,
                value: Expr {
                    kind: ExprKind::Local(ENTRY_VARIABLE),
                    ty: ty.clone(),
                    span: Span::default(),
                },
                span: Span::default(),
            };
            self.contribute(&contribution, outputs, failed);
            self.f.br(next);
        }
        self.f.end();
        self.f.end();
    }
}

/// How often shapes read each input, for the columns that a shape opens.
pub(super) fn uses_of<'e>(
    ruleset: &'e RuleSet,
    expressions: impl Iterator<Item = &'e Expr>,
    is_traced: bool,
) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); ruleset.inputs.len()];
    for expr in expressions {
        super::super::columns::count_in(expr, ruleset, is_traced, 1, &mut uses);
    }
    uses
}

/// The variable of a shape's constant.
pub(super) fn constant_variable(index: usize) -> u32 {
    FIRST_CONSTANT + index as u32
}
