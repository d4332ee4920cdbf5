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

    /// Pushes whether a rule's condition holds; notes where it stopped, if that is asked for.
    pub(super) fn emit_condition(
        &mut self,
        rule: &Rule,
        index: usize,
        notes: &RowNotes,
        on_error: Label,
    ) {
        let Some((row, place)) = notes.stop_of(index) else {
            return self.emit(&rule.condition, on_error);
        };
        if self.can_fail(&rule.condition) {
            let mut ins = self.f.ins();
            ins.local_get(row).i32_const(FAILED).i32_store8(at(place));
        }
        let stop = self.f.local(ValType::I32);
        self.f.ins().local_get(row);
        self.emit_stop(&rule.condition, on_error);
        let mut ins = self.f.ins();
        ins.local_tee(stop).i32_store8(at(place));
        ins.local_get(stop).i32_eqz();
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

    /// Pushes the number of the first operand that is false in source order, 0 where the condition holds. What is cheap
    /// takes no branch.
    fn emit_stop(&mut self, condition: &Expr, on_error: Label) {
        let mut operands = Vec::new();
        chain(condition, true, &mut operands);
        let numbers = (1..LAST_OPERAND).chain(std::iter::repeat(LAST_OPERAND));
        let operands: Vec<(i32, &Expr)> = numbers.zip(operands).collect();
        let before = operands.split_last().map_or(&[][..], |(_, before)| before);
        let goes_together =
            |code: &Self, operand: &Expr| is_cheap(operand) && !code.can_fail(operand);
        let is_end = |code: &Self, from: usize| {
            let rest = &operands[from..];
            rest.len() == 1 || rest.iter().all(|(_, operand)| goes_together(code, operand))
        };
        if is_end(self, 0) {
            return self.emit_first_false(&operands, on_error);
        }
        // An operand that failed decides only where none is false.
        let fails_before = before.iter().any(|(_, operand)| self.can_fail(operand));
        let pending = fails_before.then(|| self.f.local(ValType::I32));
        if let Some(pending) = pending {
            self.f.ins().i32_const(0).local_set(pending);
        }
        let done = self.f.block(BlockType::Result(ValType::I32));
        let mut from = 0;
        while from < operands.len() {
            let (number, operand) = operands[from];
            if pending.is_none() && is_end(self, from) {
                self.emit_first_false(&operands[from..], on_error);
                self.f.end();
                return;
            }
            let rest = &operands[from..];
            let n_together = rest
                .iter()
                .take_while(|(_, operand)| goes_together(self, operand))
                .count();
            match pending {
                _ if n_together > 1 => {
                    let stop = self.f.local(ValType::I32);
                    self.emit_first_false(&rest[..n_together], on_error);
                    self.f.ins().local_tee(stop).local_get(stop);
                    self.f.br_if(done);
                    self.f.ins().drop();
                }
                Some(pending) if self.can_fail(operand) => {
                    let next = self.f.block(BlockType::Empty);
                    let failed = self.f.block(BlockType::Empty);
                    self.f.ins().i32_const(number);
                    self.emit(operand, failed);
                    self.f.ins().i32_eqz();
                    self.f.br_if(done);
                    self.f.ins().drop();
                    self.f.br(next);
                    self.f.end();
                    let error = self.error;
                    self.unless(pending, |code| {
                        code.f.ins().local_get(error).local_set(pending);
                    });
                    self.f.end();
                }
                _ => {
                    self.f.ins().i32_const(number);
                    self.emit(operand, on_error);
                    self.f.ins().i32_eqz();
                    self.f.br_if(done);
                    self.f.ins().drop();
                }
            }
            from += n_together.max(1);
        }
        if let Some(pending) = pending {
            let error = self.error;
            self.f.ins().local_get(pending);
            self.f.if_(BlockType::Empty);
            self.f.ins().local_get(pending).local_set(error);
            self.f.br(on_error);
            self.f.end();
        }
        self.f.ins().i32_const(0);
        self.f.end();
    }

    /// The first false one of several that are all computed: chosen from behind.
    fn emit_first_false(&mut self, operands: &[(i32, &Expr)], on_error: Label) {
        self.f.ins().i32_const(0);
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
