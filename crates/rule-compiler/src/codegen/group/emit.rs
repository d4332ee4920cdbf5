//! The code that goes through the rules of a group that may fire.

use super::super::columns::Uses;
use super::super::contributions::{Gathered, RowNotes};
use super::super::expression::{RowCode, at};
use super::super::function::Label;
use super::super::layout::{inner, is_nullable, slots};
use super::super::table::PRESENT;
use super::super::table::ranks;
use super::place::{PlacedGroup, PlacedGroups, SCANNED_ROWS, STATE_BYTES, Shared};
use super::{FIRST_CONSTANT, Group, Plans};
use crate::ir::{Contribution, Expr, ExprKind, RuleSet};
use crate::types::Type;
use rulestage_diagnostics::Span;
use wasm_encoder::{BlockType, Ieee64, ValType};

/// Bytes of what is known of a rule: its shape's number from 1 on, its constants, its contributions on both sides.
const RULE_BYTES: i32 = 16;
const CONSTANTS: u64 = 4;
/// `then`; `else` follows.
const ENTRIES: u64 = 8;
/// Where the error of a value that the row keeps for shapes comes behind it.
const KEPT_ERROR: u32 = 16;
/// What a shape gives, of two bits: whether the condition holds, whether there was an error.
pub(super) const HOLDS: i32 = 1;
pub(super) const FAILS: i32 = 2;
/// Bytes of a column: see `rule-runtime/src/table/rules.rs`. The value comes behind kind, constants and rank.
const COLUMN_BYTES: u32 = 32;
const COLUMN_VALUE: u32 = 16;
/// Variables for contributions are numbered from the end of those for constants.
const ENTRY_VARIABLE: u32 = u32::MAX;

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
        self.store_tested(group, placed, &group.stored);
        let find = self.module.helper("rules_next");
        let (rule, state) = (self.f.local(ValType::I32), self.f.local(ValType::I32));
        let state_bytes = STATE_BYTES * group.n_indexes as u32;
        if group.scanned.is_empty() {
            self.f.ins().i32_const(placed.state as i32).local_set(state);
            self.find_candidates(placed, state);
        } else {
            let row = self.row;
            let mut ins = self.f.ins();
            ins.local_get(row)
                .i32_const(SCANNED_ROWS as i32 - 1)
                .i32_and();
            ins.i32_const(state_bytes as i32).i32_mul();
            ins.i32_const(placed.state as i32)
                .i32_add()
                .local_set(state);
        }
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .i32_const(placed.words as i32)
            .i32_const(placed.columns as i32)
            .local_get(state);
        self.f.call(find).local_tee(rule).i32_const(0).i32_lt_s();
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

    /// Looks up the next rows in the indexes of groups that need not wait for anything else. Rows do not depend on each
    /// other, so that processors look up several at once, where going through their rules in between would stop them.
    pub(in super::super) fn scan_groups(
        &mut self,
        plans: &Plans,
        placed: &PlacedGroups,
        rows: u32,
    ) {
        let groups = plans.0.iter().enumerate();
        let groups: Vec<_> = groups
            .filter(|(_, group)| !group.scanned.is_empty())
            .collect();
        if groups.is_empty() {
            return;
        }
        let row = self.row;
        let mut ins = self.f.ins();
        ins.local_get(row)
            .i32_const(SCANNED_ROWS as i32 - 1)
            .i32_and();
        ins.i32_eqz();
        self.f.if_(BlockType::Empty);
        for (number, group) in groups {
            self.scan_group(group, placed.get(number), rows);
        }
        self.f.end();
    }

    fn scan_group(&mut self, group: &Group, placed: &PlacedGroup, rows: u32) {
        self.f.mark_locals();
        let [scanned, end, state] = [(); 3].map(|()| self.f.local(ValType::I32));
        let row = std::mem::replace(&mut self.row, scanned);
        // Only the row's own values are in locals.
        let inputs = self.inputs.iter_mut();
        let cached: Vec<_> = inputs.map(|input| input.cached.take()).collect();
        let mut ins = self.f.ins();
        ins.local_get(row).local_tee(scanned);
        ins.i32_const(SCANNED_ROWS as i32).i32_add().local_tee(end);
        ins.local_get(rows).local_get(end).local_get(rows);
        ins.i32_lt_u().select().local_set(end);
        ins.i32_const(placed.state as i32).local_set(state);
        let next = self.f.loop_();
        self.store_tested(group, placed, &group.scanned);
        self.find_candidates(placed, state);
        let mut ins = self.f.ins();
        ins.local_get(state);
        ins.i32_const((STATE_BYTES * group.n_indexes as u32) as i32);
        ins.i32_add().local_set(state);
        ins.local_get(scanned).i32_const(1).i32_add();
        ins.local_tee(scanned).local_get(end).i32_lt_u();
        self.f.br_if(next);
        self.f.end();
        for (input, cached) in self.inputs.iter_mut().zip(cached) {
            input.cached = cached;
        }
        self.row = row;
        self.f.release_locals();
    }

    /// Looks up the values that are there in the indexes; a local says where the state goes.
    fn find_candidates(&mut self, placed: &PlacedGroup, state: u32) {
        let start = self.module.helper("rules_start");
        let mut ins = self.f.ins();
        ins.i32_const(placed.words as i32)
            .i32_const(placed.columns as i32);
        ins.local_get(state);
        self.f.call(start);
    }

    /// Stores the row's values of some columns. One that fails is like a null: what is tested is evaluated again then.
    fn store_tested(&mut self, group: &Group, placed: &PlacedGroup, columns: &[usize]) {
        for index in columns {
            let (index, column) = (*index, &group.columns[*index]);
            let address = placed.columns + index as u32 * COLUMN_BYTES + COLUMN_VALUE;
            let ty = &column.value.ty;
            let push_presence = |code: &mut Self, presence: u32| {
                code.f
                    .ins()
                    .i32_const(address as i32)
                    .i32_const(presence as i32)
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
            if *inner(ty) == Type::Double {
                self.store_ordered(ty, address, &value);
            } else if *inner(ty) == Type::Decimal {
                self.f.ins().i32_const(address as i32);
                self.emit_rank(ty, &value, placed.constants[index]);
                self.f.ins().i32_store(at(0));
                if let (true, Some(present)) = (is_nullable(ty), value.last()) {
                    let mut ins = self.f.ins();
                    ins.i32_const(address as i32).local_get(*present);
                    ins.i32_store(at(PRESENT));
                } else if fails {
                    push_presence(self, ranks::PRESENT);
                }
            } else {
                self.store_slots(ty, address, &value);
                if !is_nullable(ty) && fails {
                    push_presence(self, ranks::PRESENT);
                }
            }
            self.f.br(done);
            self.f.end();
            if fails {
                push_presence(self, ranks::ABSENT);
            }
            self.f.end();
        }
    }

    /// Stores a double as `order_double` does, and whether there is one that is in an order.
    fn store_ordered(&mut self, ty: &Type, address: u32, value: &[u32]) {
        let bits = self.f.local(ValType::I64);
        let mut ins = self.f.ins();
        ins.i32_const(address as i32);
        ins.local_get(value[0])
            .f64_const(Ieee64::from(0.0))
            .f64_add()
            .i64_reinterpret_f64()
            .local_tee(bits);
        ins.local_get(bits)
            .i64_const(63)
            .i64_shr_s()
            .i64_const(i64::MAX)
            .i64_and()
            .i64_xor()
            .i64_store(at(0));
        ins.i32_const(address as i32);
        ins.i32_const(ranks::PRESENT as i32)
            .i32_const(ranks::NOT_A_NUMBER as i32);
        ins.local_get(value[0])
            .local_get(value[0])
            .f64_eq()
            .select();
        if let (true, Some(present)) = (is_nullable(ty), value.last()) {
            ins.i32_const(ranks::ABSENT as i32)
                .local_get(*present)
                .select();
        }
        ins.i32_store(at(PRESENT));
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
        if notes.reasons.is_some() {
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
                .i32_load(at(CONSTANTS));
            self.f.call(function).local_set(outcome);
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
