//! The rules of a row: what they contribute to its outputs, and the notes of what happened.

use super::expression::{RowCode, at};
use super::function::Label;
use super::layout::{inner, is_nullable, slots};
use super::logic::chain;
use super::outputs::{Growable, OutputColumn, is_wide};
use super::stops::Stops;
use super::table::PlacedTable;
use super::trace::{ListItems, list_items};
use crate::ir::{CompareOp, Const, Contribution, ExprKind, FoldKind, Merge, Output, Rule, RuleSet};
use crate::types::{Column, Type};
use std::cell::Cell;
use std::collections::BTreeSet;
use wasm_encoder::{BlockType, ValType};

/// So many slots are chosen without a branch at most, where a rule holds or not.
const MAX_CHOSEN_SLOTS: usize = 4;

/// Everything that a row's contributions to one output are gathered in.
pub(super) struct Gathered {
    pub(super) column: OutputColumn,
    /// Slots of the value so far (not for lists of scalars)
    pub(super) value: Vec<u32>,
    /// Address and length of its JSON text, where that is what the column holds
    pub(super) json: Vec<u32>,
    /// 1 where there was a contribution; `None` where nobody asks
    pub(super) is_set: Option<u32>,
}

/// What is noted of a row: its first error, the rule that it is of, and the rules that fired.
pub(super) struct RowNotes {
    pub(super) error: u32,
    pub(super) origin: u32,
    pub(super) reasons: Option<Reasons>,
    /// The rules whose first operand is rarely true
    pub(super) rare: BTreeSet<usize>,
    /// Whether there is code that notes an error
    pub(super) fails: Cell<bool>,
}

/// Which rules fired, and where the others stopped.
pub(super) struct Reasons {
    pub(super) stops: Stops,
    /// For the rules that these leave out
    pub(super) fired: Option<FiredRules>,
}

/// `fired-rules` of the contract.
#[derive(Clone, Copy)]
pub(super) struct FiredRules {
    pub(super) rules: Growable,
    pub(super) offsets: u32,
}

impl RowCode<'_> {
    /// Nothing has contributed yet.
    pub(super) fn start_row(&mut self, outputs: &[Gathered]) {
        for (gathered, output) in outputs.iter().zip(&self.ruleset.outputs) {
            self.set_default(gathered, output);
            if let Some(is_set) = gathered.is_set {
                self.f.ins().i32_const(0).local_set(is_set);
            }
        }
    }

    /// An output of one value has its default until something contributes.
    pub(super) fn set_default(&mut self, gathered: &Gathered, output: &Output) {
        if output.ty.column() == Column::Plain {
            self.push_const(&output.default, &output.ty);
            self.f.set_all(&gathered.value);
        }
    }

    /// One rule: the condition, then the contributions of one side. The first error of the row is kept.
    pub(super) fn emit_rule(
        &mut self,
        rule: &Rule,
        placed: Option<&PlacedTable>,
        index: usize,
        outputs: &[Gathered],
        notes: &RowNotes,
    ) {
        let push_index = |code: &mut Self| {
            code.f.ins().i32_const(index as i32);
        };
        let notes_fired = notes.reasons.is_some() && !notes.has_stop(index);
        if !notes_fired && !notes.rare.contains(&index) && self.is_choice(rule) {
            return self.emit_choice(rule, index, outputs, notes);
        }
        let done = self.f.block(BlockType::Empty);
        let failed = self.f.block(BlockType::Empty);
        if let (Some(table), Some(placed)) = (&rule.table, placed) {
            let n_hits = self.emit_table(table, placed, outputs, failed);
            if notes.reasons.is_some() {
                self.note_table(index, n_hits, notes);
            }
        } else {
            let is_noted = self.emit_noted_condition(
                rule,
                index,
                notes,
                failed,
                |code| code.contribute_all(&rule.then, outputs, failed),
                |code| code.contribute_all(&rule.otherwise, outputs, failed),
            );
            if !is_noted {
                let mut operands = Vec::new();
                chain(&rule.condition, true, &mut operands);
                let is_rare = rule.otherwise.is_empty()
                    && self.emit_rare(operands[0], index, notes, done, failed);
                match operands[1..] {
                    _ if !is_rare => self.emit(&rule.condition, failed),
                    [] => {
                        self.f.ins().i32_const(1);
                    }
                    [operand] => self.emit(operand, failed),
                    ref operands => self.emit_operands_of(operands.to_vec(), true, failed),
                }
                self.f.if_(BlockType::Empty);
                self.note_fired(notes, push_index);
                self.contribute_all(&rule.then, outputs, failed);
                if !rule.otherwise.is_empty() {
                    self.f.else_();
                    self.contribute_all(&rule.otherwise, outputs, failed);
                }
                self.f.end();
            }
        }
        self.f.br(done);
        if self.f.end() {
            if rule.table.is_some() {
                self.note_failed_table(index, notes);
            }
            self.note_failure(notes, push_index);
        }
        self.f.end();
    }

    /// Whether a rule only chooses between constants, so that it takes no branch.
    fn is_choice(&self, rule: &Rule) -> bool {
        let is_constant = |contribution: &Contribution| {
            let output = &self.ruleset.outputs[contribution.output];
            output.ty.column() == Column::Plain
                && matches!(output.merge, Merge::First | Merge::Last)
                && constant(&contribution.value).is_some()
        };
        let n_slots: usize = rule
            .then
            .iter()
            .map(|each| slots(&self.ruleset.outputs[each.output].ty).len())
            .sum();
        rule.table.is_none()
            && rule.otherwise.is_empty()
            && n_slots <= MAX_CHOSEN_SLOTS
            && rule.then.iter().all(is_constant)
            && !self.can_fail(&rule.condition)
    }

    fn emit_choice(&mut self, rule: &Rule, index: usize, outputs: &[Gathered], notes: &RowNotes) {
        // There are no errors to go there.
        let unreachable = self.f.block(BlockType::Empty);
        let holds = self.f.local(ValType::I32);
        self.emit_choice_condition(rule, index, notes, unreachable);
        self.f.ins().local_set(holds);
        for contribution in &rule.then {
            let ruleset = self.ruleset;
            let output = &ruleset.outputs[contribution.output];
            let gathered = &outputs[contribution.output];
            let Some(value) = constant(&contribution.value) else {
                continue;
            };
            let mut chosen = holds;
            if let Some(is_set) = gathered.is_set {
                if output.merge == Merge::First {
                    chosen = self.f.local(ValType::I32);
                    let mut ins = self.f.ins();
                    ins.local_get(is_set).i32_eqz().local_get(holds).i32_and();
                    ins.local_set(chosen);
                }
                let mut ins = self.f.ins();
                ins.local_get(is_set).local_get(holds).i32_or();
                ins.local_set(is_set);
            }
            let locals = self.locals(&output.ty);
            self.push_const(value, &output.ty);
            self.f.set_all(&locals);
            for (local, gathered) in locals.into_iter().zip(&gathered.value) {
                let mut ins = self.f.ins();
                ins.local_get(local).local_get(*gathered).local_get(chosen);
                ins.select().local_set(*gathered);
            }
        }
        self.f.end();
    }

    /// Notes that a rule fired that has no byte among the stops; `push_rule` pushes its number.
    pub(super) fn note_fired(&mut self, notes: &RowNotes, push_rule: impl FnOnce(&mut Self)) {
        let fired = notes.reasons.as_ref().and_then(|reasons| reasons.fired);
        let Some(FiredRules { rules, .. }) = fired else {
            return;
        };
        self.make_room(rules, |code| {
            code.f.ins().i32_const(4);
        });
        self.f
            .ins()
            .local_get(rules.pointer)
            .local_get(rules.length)
            .i32_add();
        push_rule(self);
        self.f
            .ins()
            .i32_store(at(0))
            .local_get(rules.length)
            .i32_const(4)
            .i32_add()
            .local_set(rules.length);
    }

    /// Keeps the first error of the row, and its origin, which `push_origin` pushes.
    pub(super) fn note_failure(&mut self, notes: &RowNotes, push_origin: impl FnOnce(&mut Self)) {
        notes.fails.set(true);
        let error = self.error;
        self.unless(notes.error, |code| {
            code.f.ins().local_get(error).local_set(notes.error);
            push_origin(code);
            code.f.ins().local_set(notes.origin);
        });
    }

    fn contribute_all(
        &mut self,
        contributions: &[Contribution],
        outputs: &[Gathered],
        failed: Label,
    ) {
        for contribution in contributions {
            self.contribute(contribution, outputs, failed);
        }
    }

    pub(super) fn contribute(
        &mut self,
        contribution: &Contribution,
        outputs: &[Gathered],
        failed: Label,
    ) {
        let ruleset = self.ruleset;
        let output = &ruleset.outputs[contribution.output];
        let gathered = &outputs[contribution.output];
        match (output.ty.column(), &output.ty, output.merge) {
            (Column::List, Type::List(element), _) => {
                return self.contribute_to_list(contribution, output, element, gathered, failed);
            }
            (_, ty, merge @ (Merge::Collect | Merge::Unique)) => {
                return self.contribute_to_cells(contribution, ty, merge, gathered, failed);
            }
            _ => {}
        }
        let value = &contribution.value;
        let take = |code: &mut Self, locals: &[u32]| {
            code.f.get_all(locals);
            code.f.set_all(&gathered.value);
            code.note_set(gathered);
        };
        match output.merge {
            Merge::First if !self.can_fail(value) => self.unless_set(gathered, |code| {
                let locals = code.emit_output_value(contribution, &output.ty, failed);
                take(code, &locals);
            }),
            Merge::First => {
                // Evaluated in any case, because its error fails the row.
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                self.unless_set(gathered, |code| take(code, &locals));
            }
            Merge::Sum => {
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                self.push_is_set(gathered);
                self.f.if_(BlockType::Empty);
                self.add_locals(inner(&output.ty), &gathered.value, &locals, failed);
                let n_slots = slots(inner(&output.ty)).len();
                self.f.set_all(&gathered.value[..n_slots]);
                self.f.else_();
                take(self, &locals);
                self.f.end();
            }
            Merge::Min | Merge::Max => {
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                let op = if output.merge == Merge::Min {
                    CompareOp::Less
                } else {
                    CompareOp::Greater
                };
                let n_slots = slots(inner(&output.ty)).len();
                self.push_is_set(gathered);
                self.f.ins().i32_eqz();
                self.f.if_(BlockType::Result(ValType::I32));
                self.f.ins().i32_const(1);
                self.f.else_();
                self.compare_locals(
                    op,
                    (inner(&output.ty), &locals[..n_slots]),
                    (inner(&output.ty), &gathered.value[..n_slots]),
                );
                self.f.end();
                self.f.if_(BlockType::Empty);
                take(self, &locals);
                self.f.end();
            }
            Merge::Last | Merge::Collect | Merge::Unique => {
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                take(self, &locals);
            }
        }
    }

    /// Evaluates a contribution to locals of the output's type.
    fn emit_output_value(
        &mut self,
        contribution: &Contribution,
        ty: &Type,
        failed: Label,
    ) -> Vec<u32> {
        let value = &contribution.value;
        self.emit(value, failed);
        if is_nullable(ty) && !is_nullable(&value.ty) {
            if value.ty == Type::Null {
                self.push_const(&Const::Null, ty);
            } else {
                self.f.ins().i32_const(1);
            }
        }
        let locals = self.locals(ty);
        self.f.set_all(&locals);
        locals
    }

    fn contribute_to_list(
        &mut self,
        contribution: &Contribution,
        output: &Output,
        element: &Type,
        gathered: &Gathered,
        failed: Label,
    ) {
        if matches!(contribution.value.ty, Type::List(_))
            && list_items(&contribution.value).is_none()
        {
            return self.contribute_computed_list(contribution, output, element, gathered, failed);
        }
        // All elements are evaluated before the first is appended, so that an error leaves nothing behind.
        let elements: Vec<Vec<u32>> = match list_items(&contribution.value) {
            None => vec![self.emit_to_locals(&contribution.value, failed)],
            Some(ListItems::Expressions(items)) => items
                .iter()
                .map(|item| self.emit_to_locals(item, failed))
                .collect(),
            Some(ListItems::Constants(items)) => items
                .iter()
                .map(|item| {
                    self.push_const(item, element);
                    let locals = self.locals(element);
                    self.f.set_all(&locals);
                    locals
                })
                .collect(),
        };
        let append_all = |code: &mut Self| {
            for locals in &elements {
                if output.merge == Merge::Unique {
                    code.append_unless_present(gathered, element, locals);
                } else {
                    code.append_element(&gathered.column, element, locals);
                }
            }
            code.note_set(gathered);
        };
        match output.merge {
            Merge::First => self.unless_set(gathered, append_all),
            Merge::Last => {
                self.truncate_list(&gathered.column, element);
                append_all(self);
            }
            _ => append_all(self),
        }
    }

    fn contribute_computed_list(
        &mut self,
        contribution: &Contribution,
        output: &Output,
        element: &Type,
        gathered: &Gathered,
        failed: Label,
    ) {
        let append = |code: &mut Self, value: &[u32]| match output.merge {
            Merge::Unique => code.append_unless_present(gathered, element, value),
            _ => code.append_element(&gathered.column, element, value),
        };
        let value = &contribution.value;
        // What a `map` computes goes straight to the column. Explanations show the list, and where an element can
        // fail, all come before the first is appended.
        let direct = match &value.kind {
            ExprKind::Fold(fold)
                if fold.kind == FoldKind::List
                    && fold.body.ty == *element
                    && self.trace.is_none()
                    && !self.can_fail(value) =>
            {
                Some(fold)
            }
            _ => None,
        };
        let list = match direct {
            Some(_) => 0,
            None => self.emit_boxed_to_local(value, failed),
        };
        let append_all = |code: &mut Self| {
            match direct {
                Some(fold) if output.merge == Merge::Unique || !is_wide(element) => {
                    code.emit_each(fold, failed, |_, _| {}, append);
                }
                Some(fold) => code.append_each(&gathered.column, element, fold, failed),
                None => code.append_cells(list, element, append),
            }
            code.note_set(gathered);
        };
        match output.merge {
            Merge::First => self.unless_set(gathered, append_all),
            Merge::Last => {
                self.truncate_list(&gathered.column, element);
                append_all(self);
            }
            _ => append_all(self),
        }
    }

    fn append_unless_present(&mut self, gathered: &Gathered, element: &Type, value: &[u32]) {
        let row = self.row;
        let stored = self.as_stored(element, value);
        let index = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(gathered.column.values)
            .local_get(row)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .i32_load(at(0))
            .local_set(index);
        let present = self.f.block(BlockType::Empty);
        let absent = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .local_get(index)
            .local_get(gathered.column.n_elements)
            .i32_ge_u();
        self.f.br_if(absent);
        self.push_element(&gathered.column, element, index);
        let other = self.locals(element);
        self.f.set_all(&other);
        self.compare_locals(CompareOp::Equal, (element, &stored), (element, &other));
        self.f.br_if(present);
        self.f
            .ins()
            .local_get(index)
            .i32_const(1)
            .i32_add()
            .local_set(index);
        self.f.br(next);
        self.f.end();
        self.f.end();
        self.append_element(&gathered.column, element, value);
        self.f.end();
    }

    /// What a column gives back of a value: timestamps are stored in microseconds.
    fn as_stored(&mut self, ty: &Type, value: &[u32]) -> Vec<u32> {
        let mut stored = value.to_vec();
        if let (Type::Timestamp, [_, nanoseconds, ..]) = (inner(ty), value) {
            stored[1] = self.f.local(ValType::I32);
            self.f
                .ins()
                .local_get(*nanoseconds)
                .local_get(*nanoseconds)
                .i32_const(1_000)
                .i32_rem_u()
                .i32_sub()
                .local_set(stored[1]);
        }
        stored
    }

    fn push_is_set(&mut self, gathered: &Gathered) {
        match gathered.is_set {
            Some(is_set) => self.f.ins().local_get(is_set),
            None => self.f.ins().i32_const(0),
        };
    }

    /// Notes that there was a contribution.
    pub(super) fn note_set(&mut self, gathered: &Gathered) {
        if let Some(is_set) = gathered.is_set {
            self.f.ins().i32_const(1).local_set(is_set);
        }
    }

    /// Runs code only where nothing has contributed yet.
    pub(super) fn unless_set(&mut self, gathered: &Gathered, code: impl FnOnce(&mut Self)) {
        match gathered.is_set {
            Some(is_set) => self.unless(is_set, code),
            None => code(self),
        }
    }
}

/// Whether it matters for an output if something has contributed: not where one contribution at most counts.
pub(super) fn asks_what_is_set(ruleset: &RuleSet, index: usize) -> bool {
    let output = &ruleset.outputs[index];
    if output.ty.column() != Column::Plain {
        return true;
    }
    match output.merge {
        Merge::Last => false,
        Merge::First => {
            let mut n = 0;
            for rule in &ruleset.rules {
                let contributions = rule.then.iter().chain(&rule.otherwise);
                n += contributions.filter(|each| each.output == index).count();
                // A row of a table may be one of several.
                let of_table = rule.table.iter().flat_map(|table| &table.outputs);
                n += 2 * of_table.filter(|each| each.output == index).count();
            }
            n > 1
        }
        _ => true,
    }
}

/// The constant that is contributed, perhaps as a nullable.
fn constant(value: &crate::ir::Expr) -> Option<&Const> {
    match &value.kind {
        ExprKind::Const(constant) => Some(constant),
        ExprKind::Wrap(operand) => constant(operand),
        _ => None,
    }
}
