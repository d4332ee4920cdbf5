//! Optional values, and variables.

use super::cells::{CELL_BYTES, PAYLOAD, tag};
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::slots;
use crate::ir::{Const, Expr};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

impl RowCode<'_> {
    /// An optional with the value whose cell's address is on the stack.
    fn push_some(&mut self) {
        let content = self.f.local(ValType::I32);
        self.f.ins().local_set(content);
        let cell = self.allocate_temp(|code| {
            code.f.ins().i32_const(CELL_BYTES as i32);
        });
        self.f
            .ins()
            .local_get(cell)
            .i64_const(i64::from(tag::OPTIONAL))
            .i64_store(at(0))
            .local_get(cell)
            .local_get(content)
            .i64_extend_i32_u()
            .i64_store(at(PAYLOAD))
            .local_get(cell);
    }

    pub(super) fn push_none(&mut self) {
        self.push_cell(&Const::Optional(None));
    }

    pub(super) fn emit_optional_of(&mut self, value: &Expr, on_error: Label) {
        self.emit_boxed(value, on_error);
        self.push_some();
    }

    pub(super) fn emit_optional_of_non_zero(&mut self, value: &Expr, on_error: Label) {
        let value = self.emit_boxed_to_local(value, on_error);
        let helper = self.module.helper("value_is_zero");
        self.f.ins().local_get(value);
        self.f.call(helper);
        self.f.if_(BlockType::Result(ValType::I32));
        self.push_none();
        self.f.else_();
        self.f.ins().local_get(value);
        self.push_some();
        self.f.end();
    }

    pub(super) fn emit_optional_value(&mut self, optional: &Expr, ty: &Type, on_error: Label) {
        let content = self.emit_content(optional, on_error);
        self.f.ins().local_get(content).i32_eqz();
        self.fail_if(failure::EMPTY_OPTIONAL, on_error);
        self.load_cell(content, 0, ty);
    }

    /// `a.or(b)`
    pub(super) fn emit_optional_or(&mut self, a: &Expr, b: &Expr, on_error: Label) {
        let optional = self.emit_to_locals(a, on_error)[0];
        self.f.ins().local_get(optional).i32_load(at(PAYLOAD));
        self.f.if_(BlockType::Result(ValType::I32));
        self.f.ins().local_get(optional);
        self.f.else_();
        self.emit(b, on_error);
        self.f.end();
    }

    /// `a.orValue(b)`
    pub(super) fn emit_optional_or_value(
        &mut self,
        a: &Expr,
        b: &Expr,
        ty: &Type,
        on_error: Label,
    ) {
        let content = self.emit_content(a, on_error);
        let results = self.module.block_type(&slots(ty));
        self.f.ins().local_get(content);
        self.f.if_(results);
        self.load_cell(content, 0, ty);
        self.f.else_();
        self.emit(b, on_error);
        self.f.end();
    }

    /// `optional.optMap(local, body)`, where the body gives an optional.
    pub(super) fn emit_map_optional(
        &mut self,
        local: u32,
        optional: &Expr,
        body: &Expr,
        on_error: Label,
    ) {
        let ty = match &optional.ty {
            Type::Optional(inner) => (**inner).clone(),
            _ => Type::Dyn,
        };
        let content = self.emit_content(optional, on_error);
        self.f.ins().local_get(content);
        self.f.if_(BlockType::Result(ValType::I32));
        self.load_cell(content, 0, &ty);
        let value = self.locals(&ty);
        self.f.set_all(&value);
        self.variables.insert(local, (value, None));
        self.emit(body, on_error);
        self.f.else_();
        self.push_none();
        self.f.end();
    }

    /// Evaluates now; an error is kept until the variable is used. Gives its slots and the local of its error.
    pub(super) fn emit_kept(&mut self, value: &Expr) -> (Vec<u32>, Option<u32>) {
        let locals = self.locals(&value.ty);
        let fails = self.can_fail(value);
        let error = fails.then(|| self.f.local(ValType::I32));
        let done = self.f.block(BlockType::Empty);
        let failed = self.f.block(BlockType::Empty);
        if let Some(error) = error {
            self.f.ins().i32_const(0).local_set(error);
        }
        self.emit(value, failed);
        self.f.set_all(&locals);
        self.f.br(done);
        self.f.end();
        if let Some(error) = error {
            let raised = self.error;
            self.f.ins().local_get(raised).local_set(error);
        }
        self.f.end();
        (locals, error)
    }

    /// Pushes a value that was kept, or goes to its error.
    pub(super) fn push_kept(&mut self, (locals, error): &(Vec<u32>, Option<u32>), on_error: Label) {
        if let Some(kept) = error {
            let error = self.error;
            self.f.ins().local_get(*kept).local_tee(error);
            self.f.br_if(on_error);
        }
        self.f.get_all(locals);
    }
}
