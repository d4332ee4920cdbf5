//! `session.process`: the loop over the rows of a batch.

use super::columns::{count_uses, keyed_inputs};
use super::contributions::{FiredRules, Gathered, Reasons, RowNotes, asks_what_is_set};
use super::expression::{RowCode, at};
use super::function::FunctionBuilder;
use super::group::{Kept, generate_shape};
use super::layout::{
    array, buffer_case, inner, input_children, input_storage, n_arrays, output_storage, slots,
};
use super::module::{ModuleBuilder, function, global};
use super::reads::Reads;
use super::statics::{Plans, Statics};
use super::stops;
use crate::ir::RuleSet;
use crate::types::{Column, Type};
use std::cell::Cell;
use std::rc::Rc;
use wasm_encoder::{BlockType, ValType};

/// A function over rows, and those of the shapes of each group that it calls.
pub(super) struct RowFunction {
    pub(super) function: FunctionBuilder,
    pub(super) shapes: Vec<Vec<FunctionBuilder>>,
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
    check_columns(
        &mut f,
        (ruleset, &plans.reads),
        statics,
        rows,
        columns,
        n_columns,
    );
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
        shared: std::collections::HashMap::new(),
        flat: std::collections::HashMap::new(),
        trace: None,
    };
    code.open_params(session);
    code.open_columns(columns, &count_uses(ruleset, false), &plans.reads);
    code.keep_context(&statics.groups, session, columns);
    let shared = super::shared::find(ruleset, &plans.groups);
    code.open_shared(&shared);
    let own = stops::rules(ruleset, &plans.groups);
    code.open_keys(&keyed_inputs(ruleset, &own));
    let rare = stops::rare(ruleset, &own);
    let notes = RowNotes {
        error: code.f.local(ValType::I32),
        origin: code.f.local(ValType::I32),
        fails: Cell::new(false),
        reasons: with_reasons.then(|| {
            let stops = code.open_stops(own, rows);
            let leaves_out = stops.rules.len() < ruleset.rules.len();
            let fired = leaves_out.then(|| FiredRules {
                rules: code.growable(),
                offsets: code.allocate_offsets(rows),
            });
            Reasons { stops, fired }
        }),
        rare,
    };
    let errors = code.growable();
    let mut outputs = Vec::new();
    for (index, output) in ruleset.outputs.iter().enumerate() {
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
            is_set: asks_what_is_set(ruleset, index).then(|| code.f.local(ValType::I32)),
        });
    }

    code.open_flat(&plans.groups, rows);

    code.f.ins().local_get(rows);
    code.f.if_(BlockType::Empty);
    let next = code.f.loop_();
    code.scan_groups(&plans.groups, &statics.groups, rows);
    code.start_row(&outputs);
    code.start_stops(&notes);
    code.reset_shared(&shared);
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
    let uses_temp = code.uses_temp();
    if uses_temp {
        code.restart_temp();
    }
    code.f
        .ins()
        .local_get(row)
        .i32_const(1)
        .i32_add()
        .local_tee(row)
        .local_get(rows)
        .i32_lt_u();
    code.f.br_if(next);
    code.f.end();
    code.f.end();
    if uses_temp {
        code.release_temp();
    }
    code.write_result(&outputs, rows, &notes, errors);
    let kept = code.kept(plans);
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

/// Refuses columns that do not fit; after this, the buffers of those that are read are as long as the rows need.
pub(super) fn check_columns(
    f: &mut FunctionBuilder,
    (ruleset, reads): (&RuleSet, &[Reads]),
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
    let inputs = ruleset.inputs.iter().zip(reads);
    for ((input, reads), refusal) in inputs.zip(&statics.column_refusals) {
        check_arrays(f, (&input.ty, reads), columns, &mut next, rows, *refusal);
    }
}

/// The array of an input and those below it; the local `length` holds how many values it has.
fn check_arrays(
    f: &mut FunctionBuilder,
    (ty, reads): (&Type, &Reads),
    columns: u32,
    next: &mut u32,
    length: u32,
    refusal: u32,
) {
    if !reads.is_read {
        *next += n_arrays(ty);
        return;
    }
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
    f.call(function::ARRAY_FITS).i32_eqz();
    return_if(f, refusal);
    let has_offsets = matches!(inner(&storage), Type::List(_) | Type::Map(..));
    for (child, reads) in input_children(ty).into_iter().zip(&reads.children) {
        let mut child_length = length;
        if has_offsets && reads.is_read {
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
        check_arrays(f, (child, reads), columns, next, child_length, refusal);
    }
}

fn return_if(f: &mut FunctionBuilder, result: u32) {
    f.if_(BlockType::Empty);
    f.ins().i32_const(result as i32).return_();
    f.end();
}

impl RowCode<'_> {
    /// What of the row's values can fail, and which inputs are kept, once there is code for them.
    pub(super) fn kept(&self, plans: &Plans) -> Kept {
        let inputs = self.inputs.iter();
        Kept {
            reads: Rc::clone(&plans.reads),
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

    /// Whether the code so far may need memory for the values of a row: helpers may ask for some.
    pub(super) fn uses_temp(&self) -> bool {
        let is_internal = |callee| self.module.is_internal(callee);
        self.f
            .calls()
            .iter()
            .any(|callee| *callee == function::ALLOCATE_TEMP || !is_internal(*callee))
    }

    /// The values of the next row use the memory again.
    fn restart_temp(&mut self) {
        let mut ins = self.f.ins();
        ins.global_get(global::TEMP_START).global_set(global::TEMP);
    }

    /// The memory for the values of a row goes with the call.
    pub(super) fn release_temp(&mut self) {
        for variable in [global::TEMP, global::TEMP_START, global::TEMP_END] {
            self.f.ins().i32_const(0).global_set(variable);
        }
    }

    /// Evaluates all lets; their errors are kept until they are used.
    pub(super) fn emit_lets(&mut self) {
        let ruleset = self.ruleset;
        for definition in &ruleset.lets {
            let kept = self.emit_kept(&definition.value);
            self.lets.push(kept);
        }
    }
}
