//! Values of types without columns of their own, at the border of the component: JSON text, and the text of decimals.

use super::contributions::{Gathered, RowNotes};
use super::expression::RowCode;
use super::function::Label;
use super::layout::input_storage;
use super::nested::Node;
use crate::ir::{Contribution, Merge, Output};
use crate::types::{Column, Type};
use wasm_encoder::{BlockType, ValType};

impl RowCode<'_> {
    /// Calls for the JSON text of the cell on the stack; pushes a status. The text's address and length are left
    /// at the address that this gives.
    pub(super) fn push_json(&mut self) -> u32 {
        let helper = self.module.helper("value_to_json");
        let scratch = self.module.scratch();
        self.f.ins().i32_const(scratch as i32);
        self.f.call(helper);
        scratch
    }

    /// Calls for the text of an output's cell, whose slots are in locals; pushes a status. Where the text is, and
    /// behind it whether it is null, becomes known with `load_text`.
    fn push_text(&mut self, output: &Output, value: &[u32]) -> u32 {
        if !output.ty.is_text() {
            self.push_boxed(&output.ty, value);
            return self.push_json();
        }
        let helper = self.module.helper("decimal_to_string");
        let scratch = self.module.scratch();
        let call = |code: &mut Self| {
            let address = scratch as i32;
            code.f.ins().local_get(value[0]).i32_const(address);
            code.f.call(helper);
        };
        match value.get(1) {
            Some(present) => {
                self.f.ins().local_get(*present);
                self.f.if_(BlockType::Result(ValType::I32));
                call(self);
                self.f.else_();
                self.f.ins().i32_const(0);
                self.f.end();
            }
            None => call(self),
        }
        scratch
    }

    fn load_text(&mut self, scratch: u32, gathered: &Gathered) {
        self.load_result(scratch, &Type::String);
        if gathered.json.len() > 2 {
            self.f.ins().local_get(gathered.value[1]);
        }
        self.f.set_all(&gathered.json);
    }

    /// Pushes the value that an array of JSON text holds at a position in a local.
    pub(super) fn push_from_json(
        &mut self,
        node: &Node,
        ty: &Type,
        position: u32,
        on_error: Label,
    ) {
        let storage = input_storage(ty);
        self.push_stored(node, &storage, position);
        let text = self.locals(&storage);
        self.f.set_all(&text);
        let description = self.description(ty);
        let parse = |code: &mut Self| {
            code.f.ins().local_get(text[0]).local_get(text[1]);
            if ty.is_text() {
                return code.call_helper("decimal_from_column", &Type::Dyn, on_error);
            }
            code.f.ins().i32_const(description as i32);
            code.call_helper("value_from_json", &Type::Dyn, on_error);
        };
        let cell = self.f.local(ValType::I32);
        match text.get(2) {
            Some(present) => {
                self.f.ins().local_get(*present);
                self.f.if_(BlockType::Result(ValType::I32));
                parse(self);
                self.f.else_();
                self.push_cell(&crate::ir::Const::Null);
                self.f.end();
            }
            None => parse(self),
        }
        self.f.ins().local_set(cell);
        self.load_cell(cell, 0, ty);
    }

    /// A contribution to a list whose elements have no columns of their own.
    pub(super) fn contribute_to_cells(
        &mut self,
        contribution: &Contribution,
        ty: &Type,
        merge: Merge,
        gathered: &Gathered,
        failed: Label,
    ) {
        let value = &contribution.value;
        let list = self.emit_boxed_to_local(value, failed);
        if value.ty != *ty {
            // One element
            let single = self.allocate_temp(|code| {
                code.f.ins().i32_const(32);
            });
            self.copy_cell(single, 16, list, 0);
            self.write_header(single, super::cells::tag::LIST, 1);
            self.f.ins().local_get(single).local_set(list);
        }
        let so_far = gathered.value[0];
        let join = if merge == Merge::Unique {
            "list_union"
        } else {
            "list_concat"
        };
        self.unless_set(gathered, |code| {
            code.push_cell(&crate::ir::Const::List(Vec::new()));
            code.f.ins().local_set(so_far);
        });
        self.f.ins().local_get(so_far).local_get(list);
        self.call_helper(join, ty, failed);
        self.f.ins().local_set(so_far);
        self.note_set(gathered);
    }

    /// Appends the elements of a computed list to a column of lists.
    pub(super) fn append_cells(
        &mut self,
        list: u32,
        element: &Type,
        mut append: impl FnMut(&mut Self, &[u32]),
    ) {
        let cursor = self.f.local(ValType::I32);
        let end = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(list)
            .i32_load(super::expression::at(super::cells::PAYLOAD))
            .local_tee(cursor)
            .local_get(list)
            .i32_load(super::expression::at(super::cells::EXTRA))
            .i32_const(4)
            .i32_shl()
            .i32_add()
            .local_set(end);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f.ins().local_get(cursor).local_get(end).i32_eq();
        self.f.br_if(done);
        self.load_cell(cursor, 0, element);
        let value = self.locals(element);
        self.f.set_all(&value);
        append(self, &value);
        self.f
            .ins()
            .local_get(cursor)
            .i32_const(super::cells::CELL_BYTES as i32)
            .i32_add()
            .local_set(cursor);
        self.f.br(next);
        self.f.end();
        self.f.end();
    }

    /// Turns the outputs that are JSON text into it; what can't be written fails the row.
    pub(super) fn write_json(&mut self, outputs: &[Gathered], notes: &RowNotes) {
        let (row_error, row_origin) = (notes.error, notes.origin);
        let ruleset = self.ruleset;
        for (gathered, output) in outputs.iter().zip(&ruleset.outputs) {
            if output.ty.column() != Column::Dynamic {
                continue;
            }
            self.unless_set(gathered, |code| {
                code.push_const(&output.default, &output.ty);
                code.f.set_all(&gathered.value);
            });
            notes.fails.set(true);
            self.module.note_all_failures();
            let scratch = self.push_text(output, &gathered.value);
            let error = self.error;
            self.f.ins().local_tee(error);
            self.f.if_(BlockType::Empty);
            self.unless(row_error, |code| {
                code.f
                    .ins()
                    .local_get(error)
                    .local_set(row_error)
                    .i32_const(0)
                    .local_set(row_origin);
            });
            self.f.end();
            self.load_text(scratch, gathered);
        }
    }

    /// The default of an output that is JSON text, for a row that failed.
    pub(super) fn set_default_json(&mut self, gathered: &Gathered, output: &Output) {
        self.push_const(&output.default, &output.ty);
        self.f.set_all(&gathered.value);
        let scratch = self.push_text(output, &gathered.value);
        self.f.ins().drop();
        self.load_text(scratch, gathered);
    }
}
