//! Where conditions stop: `stops` of the contract, a byte for each row and each rule that has code of its own.

use super::contributions::{Reasons, RowNotes};
use super::expression::{RowCode, at};
use super::function::Label;
use super::group;
use super::logic::{chain, is_cheap};
use crate::ir::{CompareOp, Const, Expr, ExprKind, Rule, RuleSet};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::{BlockType, ValType};

/// So many rules have a byte at most: the rows of a batch are many.
const MAX_RULES: usize = 256;
/// The number of the first operand.
const FIRST_OPERAND: i32 = 1;
/// The highest number of an operand.
const LAST_OPERAND: i32 = 253;
/// A value that is compared with so many constants is rarely one of them in particular: a branch that is mispredicted
/// where it is takes as long as some 16 rules that are computed without one.
const MIN_CONSTANTS: usize = 16;
/// Where the condition holds.
const FIRED: i32 = 0;
/// Where the condition failed.
const FAILED: i32 = 255;

/// The local with the address of the row's bytes, and the place of a rule's among them
type Byte = (u32, u64);

/// An operand of a condition, with its number
type Operand<'e> = (i32, &'e Expr);

/// The rules that have bytes, and where.
pub(super) struct Stops {
    /// By their numbers, ascending
    pub(super) rules: Vec<usize>,
    /// Local with the address of the first row's bytes
    pub(super) first: u32,
    /// Local with the address of the row's bytes
    row: u32,
}

/// The rules that are not found through an index. The first of them have bytes.
pub(super) fn rules(ruleset: &RuleSet, groups: &group::Plans) -> Vec<usize> {
    let mut rules = Vec::new();
    let mut index = 0;
    while index < ruleset.rules.len() {
        if let Some((_, group)) = groups.starting_at(index) {
            index = group.end;
        } else {
            rules.push(index);
            index += 1;
        }
    }
    rules
}

/// Of rules that have code of their own, those that first compare a value for equality which is compared with many constants:
/// most of them are passed over there, and a branch is predicted.
pub(super) fn rare(ruleset: &RuleSet, rules: &[usize]) -> BTreeSet<usize> {
    let mut by_value: BTreeMap<String, Vec<(&Const, usize)>> = BTreeMap::new();
    for index in rules {
        let first = numbered(&ruleset.rules[*index].condition)
            .into_iter()
            .next();
        let Some((_, operand)) = first.filter(|(_, operand)| is_cheap(operand)) else {
            continue;
        };
        if let ExprKind::Compare(CompareOp::Equal, a, b) = &operand.kind
            && let (value, ExprKind::Const(constant)) | (ExprKind::Const(constant), value) =
                (&a.kind, &b.kind)
            && matches!(value, ExprKind::Input(_) | ExprKind::Let(_))
        {
            by_value
                .entry(format!("{value:?}"))
                .or_default()
                .push((constant, *index));
        }
    }
    let mut rare = BTreeSet::new();
    for found in by_value.into_values() {
        let mut constants: Vec<&Const> = Vec::new();
        for (constant, _) in &found {
            if !constants.contains(constant) {
                constants.push(constant);
            }
        }
        if constants.len() >= MIN_CONSTANTS {
            rare.extend(found.into_iter().map(|(_, index)| index));
        }
    }
    rare
}

impl RowCode<'_> {
    /// Allocates the bytes for `rows` rows.
    pub(super) fn open_stops(&mut self, mut rules: Vec<usize>, rows: u32) -> Stops {
        rules.truncate(MAX_RULES);
        let n_rules = rules.len();
        let stops = Stops {
            rules,
            first: self.f.local(ValType::I32),
            row: self.f.local(ValType::I32),
        };
        self.f
            .ins()
            .local_get(rows)
            .i32_const(n_rules as i32)
            .i32_mul()
            .i32_const(8);
        self.f
            .call(super::module::function::ALLOCATE)
            .local_tee(stops.first)
            .local_set(stops.row);
        stops
    }

    /// Where there are rules whose first operand is rarely true, the row's bytes say that it is false, for all at once.
    pub(super) fn start_stops(&mut self, notes: &RowNotes) {
        let Some(Reasons { stops, .. }) = &notes.reasons else {
            return;
        };
        if notes.rare.is_empty() {
            return;
        }
        // There are eight at least; the last eight may overlap those before.
        let last = (stops.rules.len() as u64).saturating_sub(8);
        let places = (0..last).step_by(8).chain([last]);
        for place in places {
            let mut ins = self.f.ins();
            ins.local_get(stops.row);
            ins.i64_const(i64::from_ne_bytes([FIRST_OPERAND as u8; 8]));
            ins.i64_store(at(place));
        }
    }

    /// The next row has the bytes behind the row's.
    pub(super) fn end_stops(&mut self, stops: &Stops) {
        self.f
            .ins()
            .local_get(stops.row)
            .i32_const(stops.rules.len() as i32)
            .i32_add()
            .local_set(stops.row);
    }

    /// Pushes whether the condition of a rule holds that cannot fail; notes where it stopped, if that is asked for.
    pub(super) fn emit_choice_condition(
        &mut self,
        rule: &Rule,
        index: usize,
        notes: &RowNotes,
        on_error: Label,
    ) {
        let Some(byte) = notes.stop_of(index) else {
            return self.emit(&rule.condition, on_error);
        };
        let operands = numbered(&rule.condition);
        let steps = self.steps(&operands);
        let Some((last, before)) = steps.split_last() else {
            return;
        };
        let done = self.f.block(BlockType::Result(ValType::I32));
        for step in before {
            self.f.ins().i32_const(0);
            self.emit_step(step, byte, done, on_error);
            self.f.ins().drop();
        }
        // What comes last takes no branch.
        let (row, place) = byte;
        let stop = self.f.local(ValType::I32);
        self.f.ins().local_get(row);
        self.push_stop(last, on_error);
        let mut ins = self.f.ins();
        ins.local_tee(stop).i32_store8(at(place));
        ins.local_get(stop).i32_eqz();
        self.f.end();
    }

    /// Runs code where a rule's condition holds, and other code where it does not, and notes where it stopped. If that
    /// is not asked for, nothing is generated, and `false` comes back.
    pub(super) fn emit_noted_condition(
        &mut self,
        rule: &Rule,
        index: usize,
        notes: &RowNotes,
        failed: Label,
        then: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) -> bool {
        let Some(byte) = notes.stop_of(index) else {
            return false;
        };
        let operands = numbered(&rule.condition);
        let done = self.f.block(BlockType::Empty);
        let stopped = self.f.block(BlockType::Empty);
        let cannot_be_told = self.f.block(BlockType::Empty);
        let mut operands = &operands[..];
        if let Some((first, rest)) = operands.split_first()
            && self.emit_rare(first.1, index, notes, stopped, cannot_be_told)
        {
            operands = rest;
        }
        self.emit_operands(operands, byte, stopped, cannot_be_told);
        then(self);
        self.f.br(done);
        if self.f.end() {
            self.note(byte, FAILED);
            self.f.br(failed);
        }
        self.f.end();
        otherwise(self);
        self.f.end();
        true
    }

    /// Goes to `stopped` where the first operand of a rule is false, if it is rarely true; gives whether it is.
    pub(super) fn emit_rare(
        &mut self,
        first: &Expr,
        index: usize,
        notes: &RowNotes,
        stopped: Label,
        on_error: Label,
    ) -> bool {
        let is_rare = notes.rare.contains(&index) && !self.can_fail(first);
        if is_rare {
            self.emit(first, on_error);
            self.f.ins().i32_eqz();
            self.f.br_if(stopped);
        }
        is_rare
    }

    /// Notes whether a row of a table matched; `n_hits` is a local.
    pub(super) fn note_table(&mut self, index: usize, n_hits: u32, notes: &RowNotes) {
        if let Some((row, place)) = notes.stop_of(index) {
            let mut ins = self.f.ins();
            ins.local_get(row).local_get(n_hits).i32_eqz();
            ins.i32_store8(at(place));
        } else {
            self.f.ins().local_get(n_hits);
            self.f.if_(BlockType::Empty);
            self.note_fired(notes, |code| {
                code.f.ins().i32_const(index as i32);
            });
            self.f.end();
        }
    }

    /// Notes that a table failed.
    pub(super) fn note_failed_table(&mut self, index: usize, notes: &RowNotes) {
        if let Some(byte) = notes.stop_of(index) {
            self.note(byte, FAILED);
        }
    }

    fn note(&mut self, (row, place): Byte, stop: i32) {
        let mut ins = self.f.ins();
        ins.local_get(row).i32_const(stop).i32_store8(at(place));
    }

    /// The operands, those together that are computed without branches: all that are cheap and can't fail.
    fn steps<'a, 'e>(&self, operands: &'a [Operand<'e>]) -> Vec<&'a [Operand<'e>]> {
        let is_free = |operand: &Expr| is_cheap(operand) && !self.can_fail(operand);
        let go_together = |a: &Operand<'_>, b: &Operand<'_>| is_free(a.1) && is_free(b.1);
        operands.chunk_by(go_together).collect()
    }

    /// Goes on where all operands are true, and to `stopped` where one is false; the byte says which one is the first
    /// in source order.
    fn emit_operands(
        &mut self,
        operands: &[Operand<'_>],
        byte: Byte,
        stopped: Label,
        on_error: Label,
    ) {
        let before = operands.split_last().map_or(&[][..], |(_, before)| before);
        // An operand that failed decides only where none is false: the last one does where no other can fail.
        let fails_before = before.iter().any(|(_, operand)| self.can_fail(operand));
        let pending = fails_before.then(|| self.f.local(ValType::I32));
        if let Some(pending) = pending {
            self.f.ins().i32_const(0).local_set(pending);
        }
        for step in self.steps(operands) {
            let can_fail = step.iter().any(|(_, operand)| self.can_fail(operand));
            match pending {
                Some(pending) if can_fail => {
                    let next = self.f.block(BlockType::Empty);
                    let failed = self.f.block(BlockType::Empty);
                    self.emit_step(step, byte, stopped, failed);
                    self.f.br(next);
                    self.f.end();
                    self.keep_error(pending);
                    self.f.end();
                }
                _ => self.emit_step(step, byte, stopped, on_error),
            }
        }
        if let Some(pending) = pending {
            self.raise_pending(pending, on_error);
        }
        // Where several came last, the byte says so already. Rule sets with many kinds of rules are faster with this, and
        // those with one kind are a little slower.
        self.note(byte, FIRED);
    }

    /// Goes to `stopped` where an operand of a step is false: the byte says which one is the first.
    fn emit_step(&mut self, step: &[Operand<'_>], byte: Byte, stopped: Label, on_error: Label) {
        if let [(number, operand)] = step {
            let holds = self.f.local(ValType::I32);
            self.emit(operand, on_error);
            self.f.ins().local_set(holds);
            self.note(byte, *number);
            self.f.ins().local_get(holds).i32_eqz();
        } else {
            let (row, place) = byte;
            let stop = self.f.local(ValType::I32);
            self.f.ins().local_get(row);
            self.push_stop(step, on_error);
            let mut ins = self.f.ins();
            ins.local_tee(stop).i32_store8(at(place));
            ins.local_get(stop);
        }
        self.f.br_if(stopped);
    }

    /// Pushes the number of the first operand of a step that is false, `FIRED` where none is: chosen from behind, which
    /// takes the place of joining the operands.
    fn push_stop(&mut self, step: &[Operand<'_>], on_error: Label) {
        self.f.ins().i32_const(FIRED);
        for (number, operand) in step.iter().rev() {
            self.f.ins().i32_const(*number);
            self.emit(operand, on_error);
            self.f.ins().select();
        }
    }
}

/// The operands of a condition with their numbers.
fn numbered(condition: &Expr) -> Vec<Operand<'_>> {
    let mut operands = Vec::new();
    chain(condition, true, &mut operands);
    let numbers = (FIRST_OPERAND..LAST_OPERAND).chain(std::iter::repeat(LAST_OPERAND));
    numbers.zip(operands).collect()
}

impl RowNotes {
    /// Whether a rule has a byte.
    pub(super) fn has_stop(&self, index: usize) -> bool {
        self.stop_of(index).is_some()
    }

    /// The local with the address of the row's bytes, and the place of a rule's among them.
    fn stop_of(&self, index: usize) -> Option<Byte> {
        let Reasons { stops, .. } = self.reasons.as_ref()?;
        let place = stops.rules.binary_search(&index).ok()?;
        Some((stops.row, place as u64))
    }
}
