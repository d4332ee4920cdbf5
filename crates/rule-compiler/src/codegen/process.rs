//! `session.process`: the loop over the rows of a batch.

use super::columns::count_uses;
use super::expression::{RowCode, at};
use super::function::{FunctionBuilder, Label};
use super::group::{Kept, generate_shape};
use super::layout::{
    array, buffer_case, inner, input_children, input_storage, is_nullable, n_arrays,
    output_storage, slots,
};
use super::module::{ModuleBuilder, function, global};
use super::outputs::{Growable, OutputColumn, is_wide};
use super::statics::{Plans, Statics};
use super::table::PlacedTable;
use super::trace::{ListItems, list_items};
use crate::ir::{CompareOp, Const, Contribution, ExprKind, FoldKind, Merge, Output, Rule, RuleSet};
use crate::types::{Column, Type};
use wasm_encoder::{BlockType, ValType};

/// Everything that a row's contributions to one output are gathered in.
pub(super) struct Gathered {
    pub(super) column: OutputColumn,
    /// Slots of the value so far (not for lists of scalars)
    pub(super) value: Vec<u32>,
    /// Address and length of its JSON text, where that is what the column holds
    pub(super) json: Vec<u32>,
    /// 1 where there was a contribution
    pub(super) is_set: u32,
}

/// What is noted of a row: its first error, the rule that it is of, and the rules that fired.
pub(super) struct RowNotes {
    pub(super) error: u32,
    pub(super) origin: u32,
    pub(super) fired: Option<FiredRules>,
}

/// Which rules fired, as `fired-rules` in the contract.
#[derive(Clone, Copy)]
pub(super) struct FiredRules {
    pub(super) rules: Growable,
    pub(super) offsets: u32,
}

/// A function over rows, and those of the shapes of each group that it calls.
pub(super) struct RowFunction {
    pub(super) function: FunctionBuilder,
    pub(super) shapes: Vec<Vec<FunctionBuilder>>,
}

impl RowFunction {
    /// What stands for a function that is never called, of so many parameters.
    pub(super) fn nothing(n_params: u32) -> Self {
        let mut function = FunctionBuilder::new(n_params);
        function.ins().unreachable();
        Self {
            function,
            shapes: Vec::new(),
        }
    }
}

/// Generates `process(session, rows, columns, number of columns) -> address of the result`.
pub(super) fn generate(
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    statics: &Statics,
    plans: &Plans,
    with_reasons: bool,
) -> RowFunction {
    let (session, rows, columns, n_columns) = (0, 1, 2, 3);
    let mut f = FunctionBuilder::new(4);
    check_columns(&mut f, ruleset, statics, rows, columns, n_columns);
    let row = f.local(ValType::I32);
    let error = f.local(ValType::I32);
    let mut code = RowCode {
        ruleset,
        module,
        f,
        row,
        error,
        inputs: Vec::new(),
        params: Vec::new(),
        lets: Vec::new(),
        variables: std::collections::HashMap::new(),
        places: std::collections::HashMap::new(),
        trace: None,
    };
    code.open_params(session);
    code.open_columns(columns, &count_uses(ruleset, false));
    code.keep_context(&statics.groups, session, columns);
    code.reset_temp();

    let notes = RowNotes {
        error: code.f.local(ValType::I32),
        origin: code.f.local(ValType::I32),
        fired: with_reasons.then(|| FiredRules {
            rules: code.growable(),
            offsets: code.allocate_offsets(rows),
        }),
    };
    let errors = code.growable();
    let mut outputs = Vec::new();
    for output in &ruleset.outputs {
        let column = code.open_output(&output_storage(&output.ty), rows);
        let value = code.locals(&output.ty);
        let json = if output.ty.column() == Column::Dynamic {
            code.locals(&output_storage(&output.ty))
        } else {
            Vec::new()
        };
        outputs.push(Gathered {
            column,
            value,
            json,
            is_set: code.f.local(ValType::I32),
        });
    }

    let done = code.f.block(BlockType::Empty);
    let next = code.f.loop_();
    code.f.ins().local_get(row).local_get(rows).i32_ge_u();
    code.f.br_if(done);
    code.start_row(&outputs, notes.error);
    code.cache_inputs();
    code.emit_lets();
    code.keep_values(&statics.groups);
    let mut index = 0;
    while let Some(rule) = ruleset.rules.get(index) {
        code.f.mark_locals();
        if let Some((number, group)) = plans.groups.starting_at(index) {
            code.emit_group(group, &statics.groups, number, &outputs, &notes);
            index = group.end;
        } else {
            let table = statics.tables.get(&index);
            code.emit_rule(rule, table, index, &outputs, &notes);
            index += 1;
        }
        code.f.release_locals();
    }
    code.end_row(&outputs, &notes, errors, statics);
    code.f
        .ins()
        .local_get(row)
        .i32_const(1)
        .i32_add()
        .local_set(row);
    code.f.br(next);
    code.f.end();
    code.f.end();
    code.write_result(&outputs, rows, errors, notes.fired);
    let kept = code.kept();
    let function = code.f;
    let groups = plans.groups.0.iter().enumerate();
    // Both functions over rows share them.
    let groups = groups.take_while(|_| !with_reasons);
    let shapes = groups.map(|(number, group)| {
        let placed = &statics.groups;
        let shapes = group
            .shapes
            .iter()
            .map(|shape| generate_shape(ruleset, module, placed, placed.get(number), &kept, shape));
        shapes.collect()
    });
    let shapes = shapes.collect();
    RowFunction { function, shapes }
}

/// Refuses columns that do not fit; after this, their buffers are as long as the rows need.
pub(super) fn check_columns(
    f: &mut FunctionBuilder,
    ruleset: &RuleSet,
    statics: &Statics,
    rows: u32,
    columns: u32,
    n_columns: u32,
) {
    const MAX_ROWS: i32 = 1 << 24;
    f.ins().local_get(rows).i32_const(MAX_ROWS).i32_gt_u();
    return_if(f, statics.too_many_rows);
    let n_expected: u32 = ruleset.inputs.iter().map(|input| n_arrays(&input.ty)).sum();
    f.ins()
        .local_get(n_columns)
        .i32_const(n_expected as i32)
        .i32_ne();
    return_if(f, statics.wrong_number_of_columns);
    let mut next = 0;
    for (input, refusal) in ruleset.inputs.iter().zip(&statics.column_refusals) {
        check_arrays(f, &input.ty, columns, &mut next, rows, *refusal);
    }
}

/// The array of an input and those below it; the local `length` holds how many values it has.
fn check_arrays(
    f: &mut FunctionBuilder,
    ty: &Type,
    columns: u32,
    next: &mut u32,
    length: u32,
    refusal: u32,
) {
    let storage = input_storage(ty);
    let base = *next * array::SIZE;
    *next += 1;
    f.ins().local_get(columns).i32_const(base as i32).i32_add();
    f.ins()
        .i32_const(i32::from(buffer_case(&storage)))
        .local_get(length);
    let mut ins = f.ins();
    match inner(&storage) {
        Type::Bool => ins
            .local_get(length)
            .i32_const(7)
            .i32_add()
            .i32_const(3)
            .i32_shr_u(),
        Type::String | Type::Bytes | Type::List(_) | Type::Map(..) => {
            ins.local_get(length).i32_const(1).i32_add()
        }
        Type::Null | Type::Struct(_) => ins.i32_const(0),
        _ => ins.local_get(length),
    };
    f.ins().call(function::ARRAY_FITS).i32_eqz();
    return_if(f, refusal);
    let has_offsets = matches!(inner(&storage), Type::List(_) | Type::Map(..));
    for child in input_children(ty) {
        let mut child_length = length;
        if has_offsets {
            child_length = f.local(ValType::I32);
            let child_base = u64::from(*next * array::SIZE);
            f.ins()
                .local_get(columns)
                .i32_load(at(u64::from(base) + array::VALUES))
                .local_get(length)
                .i32_const(2)
                .i32_shl()
                .i32_add()
                .i32_load(at(0))
                .local_get(columns)
                .i32_load(at(child_base + array::LENGTH))
                .local_tee(child_length)
                .i32_gt_u();
            return_if(f, refusal);
        }
        check_arrays(f, child, columns, next, child_length, refusal);
    }
}

fn return_if(f: &mut FunctionBuilder, result: u32) {
    f.if_(BlockType::Empty);
    f.ins().i32_const(result as i32).return_();
    f.end();
}

impl RowCode<'_> {
    /// What of the row's values can fail, and which inputs are kept, once there is code for them.
    pub(super) fn kept(&self) -> Kept {
        let inputs = self.inputs.iter();
        Kept {
            lets: self.lets.iter().map(|(_, error)| error.is_some()).collect(),
            inputs: inputs
                .map(|input| (input.cached.is_some(), input.error.is_some()))
                .collect(),
        }
    }

    /// Loads the session's parameters into locals.
    pub(super) fn open_params(&mut self, session: u32) {
        for (param, offset) in self
            .ruleset
            .params
            .iter()
            .zip(super::session::param_offsets(self.ruleset))
        {
            let locals = self.locals(&param.ty);
            if param.ty == Type::Decimal {
                // Its cell is in the block.
                self.f
                    .ins()
                    .local_get(session)
                    .i32_const(offset as i32)
                    .i32_add()
                    .local_set(locals[0]);
                self.params.push(locals);
                continue;
            }
            let mut offset = u64::from(offset);
            for (local, slot) in locals.iter().zip(slots(&param.ty)) {
                self.f.ins().local_get(session);
                match slot {
                    ValType::I64 => self.f.ins().i64_load(at(offset)),
                    ValType::F64 => self.f.ins().f64_load(at(offset)),
                    _ => self.f.ins().i32_load(at(offset)),
                };
                self.f.ins().local_set(*local);
                offset += if slot == ValType::I32 { 4 } else { 8 };
            }
            self.params.push(locals);
        }
    }

    pub(super) fn reset_temp(&mut self) {
        self.f
            .ins()
            .i32_const(0)
            .global_set(global::TEMP)
            .i32_const(0)
            .global_set(global::TEMP_START)
            .i32_const(0)
            .global_set(global::TEMP_END);
    }

    /// Evaluates all lets; their errors are kept until they are used.
    pub(super) fn emit_lets(&mut self) {
        let ruleset = self.ruleset;
        for definition in &ruleset.lets {
            let kept = self.emit_kept(&definition.value);
            self.lets.push(kept);
        }
    }

    fn start_row(&mut self, outputs: &[Gathered], row_error: u32) {
        self.f
            .ins()
            .global_get(global::TEMP_START)
            .global_set(global::TEMP);
        self.f.ins().i32_const(0).local_set(row_error);
        for gathered in outputs {
            self.f.ins().i32_const(0).local_set(gathered.is_set);
        }
    }

    /// One rule: the condition, then the contributions of one side. The first error of the row is kept.
    fn emit_rule(
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
        let done = self.f.block(BlockType::Empty);
        let failed = self.f.block(BlockType::Empty);
        if let (Some(table), Some(placed)) = (&rule.table, placed) {
            let n_hits = self.emit_table(table, placed, outputs, failed);
            if notes.fired.is_some() {
                self.f.ins().local_get(n_hits);
                self.f.if_(BlockType::Empty);
                self.note_fired(notes, push_index);
                self.f.end();
            }
        } else {
            self.emit(&rule.condition, failed);
            self.f.if_(BlockType::Empty);
            self.note_fired(notes, push_index);
            self.emit_sides(rule, outputs, failed);
            self.f.end();
        }
        self.f.br(done);
        self.f.end();
        self.note_failure(notes, push_index);
        self.f.end();
    }

    /// Notes that a rule fired, whose number `push_rule` pushes.
    pub(super) fn note_fired(&mut self, notes: &RowNotes, push_rule: impl FnOnce(&mut Self)) {
        let Some(FiredRules { rules, .. }) = notes.fired else {
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
        let error = self.error;
        self.unless(notes.error, |code| {
            code.f.ins().local_get(error).local_set(notes.error);
            push_origin(code);
            code.f.ins().local_set(notes.origin);
        });
    }

    /// The contributions, inside of the `if` of the condition.
    fn emit_sides(&mut self, rule: &Rule, outputs: &[Gathered], failed: Label) {
        for contribution in &rule.then {
            self.contribute(contribution, outputs, failed);
        }
        if !rule.otherwise.is_empty() {
            self.f.else_();
            for contribution in &rule.otherwise {
                self.contribute(contribution, outputs, failed);
            }
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
            code.f.ins().i32_const(1).local_set(gathered.is_set);
        };
        match output.merge {
            Merge::First if !self.can_fail(value) => self.unless(gathered.is_set, |code| {
                let locals = code.emit_output_value(contribution, &output.ty, failed);
                take(code, &locals);
            }),
            Merge::First => {
                // Evaluated in any case, because its error fails the row.
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                self.unless(gathered.is_set, |code| take(code, &locals));
            }
            Merge::Sum => {
                let locals = self.emit_output_value(contribution, &output.ty, failed);
                self.f.ins().local_get(gathered.is_set);
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
                self.f.ins().local_get(gathered.is_set).i32_eqz();
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
            code.f.ins().i32_const(1).local_set(gathered.is_set);
        };
        match output.merge {
            Merge::First => self.unless(gathered.is_set, append_all),
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
            code.f.ins().i32_const(1).local_set(gathered.is_set);
        };
        match output.merge {
            Merge::First => self.unless(gathered.is_set, append_all),
            Merge::Last => {
                self.truncate_list(&gathered.column, element);
                append_all(self);
            }
            _ => append_all(self),
        }
    }

    fn append_unless_present(&mut self, gathered: &Gathered, element: &Type, value: &[u32]) {
        let row = self.row;
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
        self.compare_locals(CompareOp::Equal, (element, value), (element, &other));
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
}
