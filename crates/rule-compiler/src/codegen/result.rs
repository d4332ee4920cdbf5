//! The end of a row, and the result of a call: the columns of the outputs, and the rows that failed.

use super::contributions::{FiredRules, Gathered, RowNotes};
use super::data::Record;
use super::expression::{RowCode, at};
use super::layout::{
    RESULT_SIZE, array, buffer_case, inner, is_nullable, output_storage, row_error,
};
use super::module::function;
use super::outputs::{Growable, OutputColumn};
use super::statics::Statics;
use crate::ir::Const;
use crate::types::{Column, Type};
use wasm_encoder::{BlockType, ValType};

impl RowCode<'_> {
    /// Notes the row's error, and writes its results: defaults where nothing contributed or the row failed.
    pub(super) fn end_row(
        &mut self,
        outputs: &[Gathered],
        notes: &RowNotes,
        errors: Growable,
        statics: &Statics,
    ) {
        let (row_error, row_origin) = (notes.error, notes.origin);
        self.write_json(outputs, notes);
        if notes.fails.get() {
            self.f.ins().local_get(row_error);
            self.f.if_(BlockType::Empty);
            self.append_row_error(row_error, row_origin, errors, statics);
            for (gathered, output) in outputs.iter().zip(&self.ruleset.outputs) {
                self.set_default(gathered, output);
                match (output.ty.column(), &output.ty) {
                    (Column::List, Type::List(element)) => {
                        if let Some(is_set) = gathered.is_set {
                            self.f.ins().i32_const(0).local_set(is_set);
                        }
                        self.truncate_list(&gathered.column, element);
                    }
                    (Column::Dynamic, _) => {
                        self.set_default_json(gathered, output);
                    }
                    _ => {}
                }
            }
            self.f.ins().i32_const(0).local_set(row_error);
            self.f.end();
        }
        if let Some(reasons) = &notes.reasons {
            let row = self.row;
            self.end_stops(&reasons.stops);
            if let Some(FiredRules { rules, offsets }) = reasons.fired {
                self.f
                    .ins()
                    .local_get(offsets)
                    .local_get(row)
                    .i32_const(2)
                    .i32_shl()
                    .i32_add()
                    .local_get(rules.length)
                    .i32_const(2)
                    .i32_shr_u()
                    .i32_store(at(4));
            }
        }
        let ruleset = self.ruleset;
        for (gathered, output) in outputs.iter().zip(&ruleset.outputs) {
            match &output.ty {
                _ if output.ty.column() == Column::Dynamic => {
                    let storage = output_storage(&output.ty);
                    self.store_output(&gathered.column, &storage, &gathered.json);
                }
                Type::List(element) => {
                    if let Const::List(items) = &output.default
                        && !items.is_empty()
                    {
                        self.unless_set(gathered, |code| {
                            for item in items {
                                code.push_const(item, element);
                                let locals = code.locals(element);
                                code.f.set_all(&locals);
                                code.append_element(&gathered.column, element, &locals);
                            }
                        });
                    }
                    self.store_next_offset(&gathered.column, gathered.column.n_elements);
                }
                ty => {
                    self.store_output(&gathered.column, ty, &gathered.value);
                }
            }
        }
    }

    fn append_row_error(
        &mut self,
        row_error: u32,
        row_origin: u32,
        errors: Growable,
        statics: &Statics,
    ) {
        self.make_room(errors, |code| {
            code.f.ins().i32_const(row_error::SIZE as i32);
        });
        let record = self.f.local(ValType::I32);
        let failure = self.f.local(ValType::I32);
        let origin = self.f.local(ValType::I32);
        let row = self.row;
        let mut ins = self.f.ins();
        ins.local_get(errors.pointer)
            .local_get(errors.length)
            .i32_add()
            .local_set(record);
        ins.local_get(errors.length)
            .i32_const(row_error::SIZE as i32)
            .i32_add()
            .local_set(errors.length);
        ins.local_get(row_error)
            .i32_const(12)
            .i32_mul()
            .i32_const(statics.failures as i32)
            .i32_add()
            .local_set(failure);
        ins.local_get(row_origin)
            .i32_const(3)
            .i32_shl()
            .i32_const(statics.origins as i32)
            .i32_add()
            .local_set(origin);
        ins.local_get(record)
            .local_get(row)
            .i32_store(at(row_error::ROW));
        ins.local_get(record)
            .local_get(failure)
            .i32_load8_u(at(0))
            .i32_store8(at(row_error::CODE));
        ins.local_get(record)
            .local_get(origin)
            .i64_load(at(0))
            .i64_store(at(row_error::ORIGIN));
        ins.local_get(record)
            .local_get(failure)
            .i64_load(at(4))
            .i64_store(at(row_error::MESSAGE));
    }

    /// Lays out the outcome; its fixed parts are static, because one result is alive at a time.
    pub(super) fn write_result(
        &mut self,
        outputs: &[Gathered],
        rows: u32,
        notes: &RowNotes,
        errors: Growable,
    ) {
        let ruleset = self.ruleset;
        let n_arrays: u32 = ruleset
            .outputs
            .iter()
            .map(|output| {
                if output.ty.column() == Column::List {
                    2
                } else {
                    1
                }
            })
            .sum();
        let arrays = self.module.data.reserve(n_arrays * array::SIZE);
        /// Four lists more
        const REASONS_SIZE: u32 = 32;
        let reasons = notes.reasons.as_ref();
        let reasons_size = reasons.map_or(0, |_| REASONS_SIZE);
        let result = self.module.data.reserve(RESULT_SIZE + reasons_size);
        let stopped = reasons.map_or(0, |reasons| {
            let mut rules = Record::new();
            for rule in &reasons.stops.rules {
                rules.u32(*rule as u32);
            }
            self.module.data.record(&rules)
        });
        let mut address = arrays;
        for (gathered, output) in outputs.iter().zip(&ruleset.outputs) {
            let column = &gathered.column;
            self.finish_bits(column, &output_storage(&output.ty), rows);
            self.write_array(
                address,
                rows,
                column.validity,
                &output_storage(&output.ty),
                column.values,
                column.bytes,
            );
            address += array::SIZE;
            if let (Column::List, Type::List(element)) = (output.ty.column(), &output.ty) {
                let values = if **element == Type::Bool {
                    self.pack_bits(column)
                } else {
                    column.elements.pointer
                };
                self.write_array(address, column.n_elements, 0, element, values, column.bytes);
                address += array::SIZE;
            }
        }
        let mut ins = self.f.ins();
        ins.i32_const(result as i32).i32_const(0).i32_store8(at(0));
        ins.i32_const(result as i32)
            .i32_const(arrays as i32)
            .i32_store(at(4));
        ins.i32_const(result as i32)
            .i32_const(n_arrays as i32)
            .i32_store(at(8));
        if notes.fails.get() {
            ins.i32_const(result as i32)
                .local_get(errors.pointer)
                .i32_store(at(12));
            ins.i32_const(result as i32)
                .local_get(errors.length)
                .i32_const(row_error::SIZE as i32)
                .i32_div_u()
                .i32_store(at(16));
        }
        if let Some(reasons) = reasons {
            let stops = &reasons.stops;
            if let Some(FiredRules { rules, offsets }) = reasons.fired {
                ins.i32_const(result as i32)
                    .local_get(offsets)
                    .i32_store(at(36));
                ins.i32_const(result as i32)
                    .local_get(rows)
                    .i32_const(1)
                    .i32_add()
                    .i32_store(at(40));
                ins.i32_const(result as i32)
                    .local_get(rules.pointer)
                    .i32_store(at(44));
                ins.i32_const(result as i32)
                    .local_get(rules.length)
                    .i32_const(2)
                    .i32_shr_u()
                    .i32_store(at(48));
            }
            let n_stopped = stops.rules.len() as i32;
            ins.i32_const(result as i32)
                .i32_const(stopped as i32)
                .i32_store(at(20));
            ins.i32_const(result as i32)
                .i32_const(n_stopped)
                .i32_store(at(24));
            ins.i32_const(result as i32)
                .local_get(stops.first)
                .i32_store(at(28));
            ins.i32_const(result as i32)
                .local_get(rows)
                .i32_const(n_stopped)
                .i32_mul()
                .i32_store(at(32));
        }
        ins.i32_const(result as i32);
    }

    fn write_array(
        &mut self,
        address: u32,
        length: u32,
        validity: u32,
        ty: &Type,
        values: u32,
        bytes: Growable,
    ) {
        let base = address as i32;
        let nullable = is_nullable(ty);
        let push_bits_length = |code: &mut Self| {
            code.f
                .ins()
                .local_get(length)
                .i32_const(7)
                .i32_add()
                .i32_const(3)
                .i32_shr_u();
        };
        self.f
            .ins()
            .i32_const(base)
            .local_get(length)
            .i32_store(at(array::LENGTH));
        self.f
            .ins()
            .i32_const(base)
            .i32_const(i32::from(nullable))
            .i32_store8(at(array::HAS_VALIDITY));
        if nullable {
            self.f
                .ins()
                .i32_const(base)
                .local_get(validity)
                .i32_store(at(array::VALIDITY))
                .i32_const(base);
            push_bits_length(self);
            self.f.ins().i32_store(at(array::VALIDITY_LENGTH));
        }
        self.f
            .ins()
            .i32_const(base)
            .i32_const(i32::from(buffer_case(ty)))
            .i32_store8(at(array::CASE));
        if *inner(ty) == Type::Null {
            return;
        }
        self.f
            .ins()
            .i32_const(base)
            .local_get(values)
            .i32_store(at(array::VALUES))
            .i32_const(base);
        match inner(ty) {
            Type::Bool => push_bits_length(self),
            Type::String | Type::Bytes | Type::List(_) => {
                self.f.ins().local_get(length).i32_const(1).i32_add();
            }
            _ => {
                self.f.ins().local_get(length);
            }
        }
        self.f.ins().i32_store(at(array::VALUES_LENGTH));
        if matches!(inner(ty), Type::String | Type::Bytes) {
            self.f
                .ins()
                .i32_const(base)
                .local_get(bytes.pointer)
                .i32_store(at(array::BYTES));
            self.f
                .ins()
                .i32_const(base)
                .local_get(bytes.length)
                .i32_store(at(array::BYTES_LENGTH));
        }
    }

    /// Elements of one byte each become a bitmap.
    fn pack_bits(&mut self, column: &OutputColumn) -> u32 {
        let bits = self.f.local(ValType::I32);
        let length = self.f.local(ValType::I32);
        let index = self.f.local(ValType::I32);
        let address = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(column.n_elements)
            .i32_const(7)
            .i32_add()
            .i32_const(3)
            .i32_shr_u()
            .local_tee(length);
        self.f.ins().i32_const(8);
        self.f
            .call(function::ALLOCATE)
            .local_tee(bits)
            .i32_const(0)
            .local_get(length)
            .memory_fill(0);
        self.f.ins().i32_const(0).local_set(index);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .local_get(index)
            .local_get(column.n_elements)
            .i32_ge_u();
        self.f.br_if(done);
        self.f
            .ins()
            .local_get(bits)
            .local_get(index)
            .i32_const(3)
            .i32_shr_u()
            .i32_add()
            .local_tee(address);
        self.f.ins().local_get(address).i32_load8_u(at(0));
        self.f
            .ins()
            .local_get(column.elements.pointer)
            .local_get(index)
            .i32_add()
            .i32_load8_u(at(0))
            .local_get(index)
            .i32_const(7)
            .i32_and()
            .i32_shl()
            .i32_or()
            .i32_store8(at(0));
        self.f
            .ins()
            .local_get(index)
            .i32_const(1)
            .i32_add()
            .local_set(index);
        self.f.br(next);
        self.f.end();
        self.f.end();
        bits
    }
}
