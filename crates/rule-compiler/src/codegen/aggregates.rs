//! Lists and maps: literals, elements, membership.

use super::cells::{CELL_BYTES, EXTRA, PAYLOAD, constant, has_distinct_keys, tag};
use super::data::Record;
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::is_cell;
use super::nested::field_index;
use crate::ir::{Expr, ExprKind};
use crate::prepared::{prepare, text_of_positions};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

impl RowCode<'_> {
    /// Writes the cell of a list or map whose contents follow it; `cursor` is behind their end.
    pub(super) fn finish_aggregate(&mut self, base: u32, cursor: u32, tag: u32, shift: i32) {
        self.f
            .ins()
            .local_get(base)
            .i32_const(tag as i32)
            .i32_store(at(0));
        self.f
            .ins()
            .local_get(base)
            .local_get(cursor)
            .local_get(base)
            .i32_sub()
            .i32_const(CELL_BYTES as i32)
            .i32_sub()
            .i32_const(shift)
            .i32_shr_u()
            .i32_store(at(EXTRA));
        self.store_contents(base);
    }

    fn store_contents(&mut self, base: u32) {
        self.f
            .ins()
            .local_get(base)
            .local_get(base)
            .i32_const(CELL_BYTES as i32)
            .i32_add()
            .i64_extend_i32_u()
            .i64_store(at(PAYLOAD));
    }

    pub(super) fn write_header(&mut self, base: u32, tag: u32, count: usize) {
        self.f
            .ins()
            .local_get(base)
            .i64_const(i64::from(tag) | (count as i64) << 32)
            .i64_store(at(0));
        self.store_contents(base);
    }

    fn advance(&mut self, cursor: u32, bytes: u32) {
        self.f
            .ins()
            .local_get(cursor)
            .i32_const(bytes as i32)
            .i32_add()
            .local_set(cursor);
    }

    /// A local that starts behind the cell at `base`.
    pub(super) fn cursor_behind(&mut self, base: u32) -> u32 {
        let cursor = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(base)
            .i32_const(CELL_BYTES as i32)
            .i32_add()
            .local_set(cursor);
        cursor
    }

    /// The address of the value in an optional, or 0, in a new local.
    pub(super) fn emit_content(&mut self, optional: &Expr, on_error: Label) -> u32 {
        let content = self.f.local(ValType::I32);
        self.emit(optional, on_error);
        self.f.ins().i32_load(at(PAYLOAD)).local_set(content);
        content
    }

    pub(super) fn emit_list(&mut self, expr: &Expr, items: &[Expr], on_error: Label) {
        if self.trace.is_none()
            && let Some(value) = constant(expr)
        {
            return self.push_cell(&value);
        }
        let size = CELL_BYTES * (items.len() as u32 + 1);
        let base = self.allocate_temp(|code| {
            code.f.ins().i32_const(size as i32);
        });
        let has_optional = items
            .iter()
            .any(|item| matches!(item.kind, ExprKind::IfPresent(_)));
        if !has_optional {
            for (item, index) in items.iter().zip(1..) {
                let value = self.emit_to_locals(item, on_error);
                self.store_cell(base, index * u64::from(CELL_BYTES), &item.ty, &value);
            }
            self.write_header(base, tag::LIST, items.len());
            self.f.ins().local_get(base);
            return;
        }
        let cursor = self.cursor_behind(base);
        for item in items {
            if let ExprKind::IfPresent(optional) = &item.kind {
                let content = self.emit_content(optional, on_error);
                self.f.ins().local_get(content);
                self.f.if_(BlockType::Empty);
                self.copy_cell(cursor, 0, content, 0);
                self.advance(cursor, CELL_BYTES);
                self.f.end();
            } else {
                let value = self.emit_to_locals(item, on_error);
                self.store_cell(cursor, 0, &item.ty, &value);
                self.advance(cursor, CELL_BYTES);
            }
        }
        self.finish_aggregate(base, cursor, tag::LIST, 4);
        self.f.ins().local_get(base);
    }

    pub(super) fn emit_map(&mut self, expr: &Expr, entries: &[(Expr, Expr)], on_error: Label) {
        if self.trace.is_none()
            && let Some(value) = constant(expr)
        {
            return self.push_cell(&value);
        }
        let size = CELL_BYTES * (2 * entries.len() as u32 + 1);
        let base = self.allocate_temp(|code| {
            code.f.ins().i32_const(size as i32);
        });
        let cursor = self.cursor_behind(base);
        for (key, value) in entries {
            let key_value = self.emit_to_locals(key, on_error);
            if let ExprKind::IfPresent(optional) = &value.kind {
                let content = self.emit_content(optional, on_error);
                self.f.ins().local_get(content);
                self.f.if_(BlockType::Empty);
                self.store_cell(cursor, 0, &key.ty, &key_value);
                self.copy_cell(cursor, u64::from(CELL_BYTES), content, 0);
                self.advance(cursor, 2 * CELL_BYTES);
                self.f.end();
            } else {
                self.store_cell(cursor, 0, &key.ty, &key_value);
                let value_locals = self.emit_to_locals(value, on_error);
                self.store_cell(cursor, u64::from(CELL_BYTES), &value.ty, &value_locals);
                self.advance(cursor, 2 * CELL_BYTES);
            }
        }
        self.finish_aggregate(base, cursor, tag::MAP, 5);
        if !has_distinct_keys(entries) {
            let check = self.module.helper("map_check");
            self.f.ins().local_get(base);
            self.f.call(check);
            self.fail_with_status(on_error);
        }
        self.f.ins().local_get(base);
    }

    /// `container[index]`
    pub(super) fn emit_index(
        &mut self,
        container: &Expr,
        index: &Expr,
        ty: &Type,
        on_error: Label,
    ) {
        let element = self.f.local(ValType::I32);
        match (&container.ty, &index.ty) {
            (Type::List(_), Type::Int) => {
                let list = self.emit_to_locals(container, on_error)[0];
                let position = self.emit_to_locals(index, on_error)[0];
                self.f
                    .ins()
                    .local_get(position)
                    .local_get(list)
                    .i64_load32_u(at(EXTRA))
                    .i64_ge_u();
                self.fail_if(failure::INDEX_OUT_OF_BOUNDS, on_error);
                self.f
                    .ins()
                    .local_get(list)
                    .i32_load(at(PAYLOAD))
                    .local_get(position)
                    .i32_wrap_i64()
                    .i32_const(4)
                    .i32_shl()
                    .i32_add()
                    .local_set(element);
            }
            (Type::Struct(fields), _) => {
                let values = self.emit_to_locals(container, on_error)[0];
                let at_field = field_index(fields, index).unwrap_or_default();
                self.f
                    .ins()
                    .local_get(values)
                    .i32_load(at(PAYLOAD))
                    .local_set(element);
                let offset = u64::from(CELL_BYTES) * (2 * at_field as u64 + 1);
                return self.load_cell(element, offset, ty);
            }
            (Type::Map(..), Type::String) => {
                self.emit_find(container, index, on_error);
                self.f.ins().local_tee(element).i32_eqz();
                self.fail_if(failure::NO_SUCH_KEY, on_error);
            }
            _ => {
                self.emit_boxed(container, on_error);
                self.emit_boxed(index, on_error);
                self.call_helper("value_index", &Type::Dyn, on_error);
                self.f.ins().local_set(element);
            }
        }
        self.load_cell(element, 0, ty);
    }

    /// Pushes the address of the value of a key of text, or 0.
    fn emit_find(&mut self, map: &Expr, key: &Expr, on_error: Label) {
        let helper = self.module.helper("map_find_text");
        self.emit(map, on_error);
        self.emit(key, on_error);
        self.f.call(helper);
    }

    pub(super) fn emit_has(&mut self, container: &Expr, key: &Expr, on_error: Label) {
        if matches!(container.ty, Type::Map(..)) && key.ty == Type::String {
            self.emit_find(container, key, on_error);
            self.f.ins().i32_const(0).i32_ne();
            return;
        }
        self.emit_boxed(container, on_error);
        self.emit_boxed(key, on_error);
        self.call_helper("value_has", &Type::Bool, on_error);
    }

    /// A call of the common convention with two cells.
    pub(super) fn emit_cells_helper(
        &mut self,
        name: &str,
        a: &Expr,
        b: &Expr,
        ty: &Type,
        on_error: Label,
    ) {
        self.emit_boxed(a, on_error);
        self.emit_boxed(b, on_error);
        self.call_helper(name, ty, on_error);
    }

    pub(super) fn emit_helper(&mut self, name: &str, args: &[Expr], ty: &Type, on_error: Label) {
        if let (Some(positions), [text, _]) = (text_of_positions(name, args), args) {
            return self.emit_positions(text, &positions, on_error);
        }
        if let Some(prepared) = prepare(name, args) {
            let record = Record::of(prepared.data);
            let address = self.module.data.intern_record(&record);
            for arg in &args[..prepared.index] {
                self.emit(arg, on_error);
            }
            self.f.ins().i32_const(address as i32);
            for arg in args.iter().skip(prepared.index + 1) {
                self.emit(arg, on_error);
            }
            return self.call_helper(prepared.helper, ty, on_error);
        }
        for arg in args {
            debug_assert!(
                arg.ty.is_scalar() || is_cell(&arg.ty),
                "helpers take values of definite types"
            );
            self.emit(arg, on_error);
        }
        self.call_helper(name, ty, on_error);
    }
}
