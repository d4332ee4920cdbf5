//! Where conditions stop: `stops` of the contract, a byte for each row and each rule that has code of its own.

use super::contributions::{Reasons, RowNotes};
use super::expression::{RowCode, at};
use super::function::Label;
use super::group;
use super::logic::{chain, is_cheap};
use crate::ir::{Expr, Rule, RuleSet};
use wasm_encoder::{BlockType, ValType};

/// So many rules have a byte at most: the rows of a batch are many.
const MAX_RULES: usize = 256;
/// The highest number of an operand.
const LAST_OPERAND: i32 = 253;
/// Where the condition failed.
const FAILED: i32 = 255;

/// The rules that have bytes, and where.
pub(super) struct Stops {
    /// By their numbers, ascending
    pub(super) rules: Vec<usize>,
    /// Local with the address of the first row's bytes
    pub(super) first: u32,
    /// Local with the address of the row's bytes
    row: u32,
}

/// The rules that have bytes: those that are not found through an index.
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
    rules.truncate(MAX_RULES);
    rules
}

impl RowCode<'_> {
    /// Allocates the bytes for `rows` rows.
    pub(super) fn open_stops(&mut self, rules: Vec<usize>, rows: u32) -> Stops {
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
        let Some((row, place)) = notes.stop_of(index) else {
            return self.emit(&rule.condition, on_error);
        };
        let stop = self.f.local(ValType::I32);
        self.f.ins().local_get(row);
        let operands = self.numbered(&rule.condition);
        if self.go_together(&operands) {
            self.emit_first_false(&operands, 0, on_error);
        } else {
            let stopped = self.f.block(BlockType::Result(ValType::I32));
            self.emit_operands(&operands, stopped, on_error);
            self.f.ins().i32_const(0);
            self.f.end();
        }
        let mut ins = self.f.ins();
        ins.local_tee(stop).i32_store8(at(place));
        ins.local_get(stop).i32_eqz();
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
        let Some((row, place)) = notes.stop_of(index) else {
            return false;
        };
        if self.can_fail(&rule.condition) {
            let mut ins = self.f.ins();
            ins.local_get(row).i32_const(FAILED).i32_store8(at(place));
        }
        let operands = self.numbered(&rule.condition);
        let done = self.f.block(BlockType::Empty);
        let stopped = self.f.block(BlockType::Result(ValType::I32));
        self.emit_operands(&operands, stopped, failed);
        let mut ins = self.f.ins();
        ins.local_get(row).i32_const(0).i32_store8(at(place));
        then(self);
        self.f.br(done);
        self.f.end();
        let stop = self.f.local(ValType::I32);
        let mut ins = self.f.ins();
        ins.local_set(stop).local_get(row).local_get(stop);
        ins.i32_store8(at(place));
        otherwise(self);
        self.f.end();
        true
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
        if let Some((row, place)) = notes.stop_of(index) {
            let mut ins = self.f.ins();
            ins.local_get(row).i32_const(FAILED).i32_store8(at(place));
        }
    }

    /// The operands of a condition with their numbers.
    fn numbered<'e>(&self, condition: &'e Expr) -> Vec<(i32, &'e Expr)> {
        let mut operands = Vec::new();
        chain(condition, true, &mut operands);
        let numbers = (1..LAST_OPERAND).chain(std::iter::repeat(LAST_OPERAND));
        numbers.zip(operands).collect()
    }

    /// Whether all are cheap and can't fail, so that they are computed without branches.
    fn go_together(&self, operands: &[(i32, &Expr)]) -> bool {
        let mut operands = operands.iter();
        operands.all(|(_, operand)| is_cheap(operand) && !self.can_fail(operand))
    }

    /// Goes on where all operands are true, and to `stopped` with the number of the first in source order that is false.
    fn emit_operands(&mut self, operands: &[(i32, &Expr)], stopped: Label, on_error: Label) {
        let before = operands.split_last().map_or(&[][..], |(_, before)| before);
        // An operand that failed decides only where none is false: the last one does where no other can fail.
        let fails_before = before.iter().any(|(_, operand)| self.can_fail(operand));
        let pending = fails_before.then(|| self.f.local(ValType::I32));
        if let Some(pending) = pending {
            self.f.ins().i32_const(0).local_set(pending);
        }
        let mut rest = operands;
        while let [(number, operand), others @ ..] = rest {
            let n_together = (1..=rest.len())
                .take_while(|n| self.go_together(&rest[..*n]))
                .count();
            if n_together > 1 {
                let (together, others) = rest.split_at(n_together);
                self.emit_together(together, stopped, on_error);
                rest = others;
                continue;
            }
            rest = others;
            match pending {
                Some(pending) if self.can_fail(operand) => {
                    let next = self.f.block(BlockType::Empty);
                    let failed = self.f.block(BlockType::Empty);
                    self.emit_one(*number, operand, stopped, failed);
                    self.f.br(next);
                    self.f.end();
                    let error = self.error;
                    self.unless(pending, |code| {
                        code.f.ins().local_get(error).local_set(pending);
                    });
                    self.f.end();
                }
                _ => self.emit_one(*number, operand, stopped, on_error),
            }
        }
        if let Some(pending) = pending {
            let error = self.error;
            self.f.ins().local_get(pending);
            self.f.if_(BlockType::Empty);
            self.f.ins().local_get(pending).local_set(error);
            self.f.br(on_error);
            self.f.end();
        }
    }

    fn emit_one(&mut self, number: i32, operand: &Expr, stopped: Label, on_error: Label) {
        self.f.ins().i32_const(number);
        self.emit(operand, on_error);
        self.f.ins().i32_eqz();
        self.f.br_if(stopped);
        self.f.ins().drop();
    }

    /// Several that are all computed: which one was false is asked only where one was, and then the last one need not be.
    fn emit_together(&mut self, operands: &[(i32, &Expr)], stopped: Label, on_error: Label) {
        for (index, (_, operand)) in operands.iter().enumerate() {
            self.emit(operand, on_error);
            if index > 0 {
                self.f.ins().i32_and();
            }
        }
        self.f.ins().i32_eqz();
        self.f.if_(BlockType::Empty);
        if let Some(((number, _), before)) = operands.split_last() {
            self.emit_first_false(before, *number, on_error);
        }
        self.f.br(stopped);
        self.f.end();
    }

    /// The first false one of several that are all computed, chosen from behind; `otherwise` where none is.
    fn emit_first_false(&mut self, operands: &[(i32, &Expr)], otherwise: i32, on_error: Label) {
        self.f.ins().i32_const(otherwise);
        for (number, operand) in operands.iter().rev() {
            self.f.ins().i32_const(*number);
            self.emit(operand, on_error);
            self.f.ins().select();
        }
    }
}

impl RowNotes {
    /// Whether a rule has a byte.
    pub(super) fn has_stop(&self, index: usize) -> bool {
        self.stop_of(index).is_some()
    }

    /// The local with the address of the row's bytes, and the place of a rule's among them.
    fn stop_of(&self, index: usize) -> Option<(u32, u64)> {
        let Reasons { stops, .. } = self.reasons.as_ref()?;
        let place = stops.rules.binary_search(&index).ok()?;
        Some((stops.row, place as u64))
    }
}
