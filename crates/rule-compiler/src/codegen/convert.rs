//! Conversions from and to `dyn`, and the choice of an overload by the types that turn up.

use super::cells::{describe, tag, tag_of};
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::{is_cell, is_nullable, slots};
use crate::check::{covers, is_shallow};
use crate::ir::{Dispatch, Expr};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

impl RowCode<'_> {
    /// The value of `operand` as a `to`.
    pub(super) fn emit_convert(&mut self, operand: &Expr, to: &Type, on_error: Label) {
        let is_same_slot = is_nullable(&operand.ty) == is_nullable(to);
        if is_cell(&operand.ty) && is_cell(to) && is_same_slot && covers(to, &operand.ty) {
            return self.emit(operand, on_error);
        }
        if *to == Type::Dyn {
            return self.emit_boxed(operand, on_error);
        }
        let cell = self.emit_boxed_to_local(operand, on_error);
        let (inner, may_be_null) = match to {
            Type::Nullable(inner) => (&**inner, true),
            other => (other, false),
        };
        match tag_of(inner) {
            _ if inner.is_scalar() || is_shallow(inner) => {
                self.f.ins().local_get(cell).i32_load(at(0));
                let tag = tag_of(inner).unwrap_or_default();
                self.f.ins().i32_const(tag as i32).i32_ne();
                if may_be_null {
                    self.f
                        .ins()
                        .local_get(cell)
                        .i32_load(at(0))
                        .i32_const(tag::NULL as i32)
                        .i32_ne()
                        .i32_and();
                }
                self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
            }
            _ => {
                let helper = self.module.helper("value_conforms");
                let description = self.description(to);
                self.f.ins().local_get(cell).i32_const(description as i32);
                self.f.call(helper).i32_eqz();
                self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
            }
        }
        self.load_cell(cell, 0, to);
    }

    /// The address of the description of a type.
    pub(super) fn description(&mut self, ty: &Type) -> u32 {
        let mut description = Vec::new();
        describe(ty, &mut description);
        self.module.data.intern(&description)
    }

    pub(super) fn emit_dispatch(&mut self, dispatch: &Dispatch<Expr>, ty: &Type, on_error: Label) {
        for (local, arg) in &dispatch.args {
            let value = self.emit_to_locals(arg, on_error);
            self.variables.insert(*local, (value, None));
        }
        let results = self.module.block_type(&slots(ty));
        let done = self.f.block(results);
        for candidate in &dispatch.candidates {
            let next = self.f.block(BlockType::Empty);
            for (local, ty) in &candidate.tests {
                let cell = self.variables[local].0[0];
                let tag = tag_of(ty).unwrap_or_default();
                self.f
                    .ins()
                    .local_get(cell)
                    .i32_load(at(0))
                    .i32_const(tag as i32)
                    .i32_ne();
                self.f.br_if(next);
            }
            self.emit(&candidate.body, on_error);
            self.f.br(done);
            self.f.end();
        }
        self.fail(failure::NO_SUCH_OVERLOAD, on_error);
        self.f.end();
    }

    /// A `dyn` that is known to be of the type.
    pub(super) fn emit_assume(&mut self, operand: &Expr, ty: &Type, on_error: Label) {
        let cell = self.emit_boxed_to_local(operand, on_error);
        self.load_cell(cell, 0, ty);
    }

    /// `type(x)`
    pub(super) fn emit_type_of(&mut self, operand: &Expr, on_error: Label) {
        let value = self.emit_to_locals(operand, on_error);
        let types = self.module.data.type_cells();
        let cell_of = |ty: &Type| tag_of(ty).map(|tag| (types + tag * 16) as i32);
        match &operand.ty {
            Type::Nullable(inner) => {
                let present = value.last().copied().unwrap_or_default();
                let inner = cell_of(inner).unwrap_or_default();
                self.f
                    .ins()
                    .i32_const(inner)
                    .i32_const(types as i32)
                    .local_get(present)
                    .select();
            }
            ty => match cell_of(ty) {
                Some(cell) => {
                    self.f.ins().i32_const(cell);
                }
                None => {
                    self.f
                        .ins()
                        .local_get(value[0])
                        .i32_load(at(0))
                        .i32_const(4)
                        .i32_shl()
                        .i32_const(types as i32)
                        .i32_add();
                }
            },
        }
    }

    /// `==` and `<` where a side is no scalar; pushes a bool.
    pub(super) fn emit_compare_cells(
        &mut self,
        op: crate::ir::CompareOp,
        a: &Expr,
        b: &Expr,
        on_error: Label,
    ) {
        use crate::ir::CompareOp as Op;
        let a = self.emit_boxed_to_local(a, on_error);
        let b = self.emit_boxed_to_local(b, on_error);
        let answer = self.f.local(ValType::I32);
        let is_equality = matches!(op, Op::Equal | Op::NotEqual);
        let helper = self.module.helper(if is_equality {
            "value_equal"
        } else {
            "value_compare"
        });
        self.f.ins().local_get(a).local_get(b);
        self.f.call(helper).local_tee(answer);
        if is_equality {
            const TOO_DEEP: i32 = 2;
            self.f.ins().i32_const(TOO_DEEP).i32_eq();
            self.fail_if(failure::TOO_DEEP, on_error);
            self.f.ins().local_get(answer);
            if op == Op::NotEqual {
                self.f.ins().i32_eqz();
            }
            return;
        }
        const INCOMPARABLE: i32 = 3;
        self.f.ins().i32_const(INCOMPARABLE).i32_eq();
        self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
        self.f.ins().local_get(answer);
        self.order_matches(op, answer);
    }
}
