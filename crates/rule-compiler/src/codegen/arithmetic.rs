//! Arithmetic with CEL's overflow and division errors.

use super::expression::RowCode;
use super::failure;
use super::function::Label;
use crate::ir::{ArithmeticOp, Expr};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

const MIN_SECONDS: i64 = -62_135_596_800;
const MAX_SECONDS: i64 = 253_402_300_799;
const NANOS: i64 = 1_000_000_000;

impl RowCode<'_> {
    pub(super) fn emit_arithmetic(
        &mut self,
        op: ArithmeticOp,
        a: &Expr,
        b: &Expr,
        ty: &Type,
        on_error: Label,
    ) {
        match (&a.ty, &b.ty) {
            (Type::Timestamp, Type::Timestamp) => {
                let a = self.emit_to_locals(a, on_error);
                let b = self.emit_to_locals(b, on_error);
                self.timestamp_difference(&a, &b, on_error);
            }
            (Type::Timestamp, _) => {
                let a = self.emit_to_locals(a, on_error);
                let b = self.emit_to_locals(b, on_error);
                self.move_timestamp(&a, b[0], op == ArithmeticOp::Subtract, on_error);
            }
            (_, Type::Timestamp) => {
                let a = self.emit_to_locals(a, on_error);
                let b = self.emit_to_locals(b, on_error);
                self.move_timestamp(&b, a[0], false, on_error);
            }
            (Type::Double, _) => {
                self.emit(a, on_error);
                self.emit(b, on_error);
                match op {
                    ArithmeticOp::Add => self.f.ins().f64_add(),
                    ArithmeticOp::Subtract => self.f.ins().f64_sub(),
                    ArithmeticOp::Multiply => self.f.ins().f64_mul(),
                    ArithmeticOp::Divide | ArithmeticOp::Remainder => self.f.ins().f64_div(),
                };
            }
            _ => {
                let a = self.emit_to_locals(a, on_error);
                let b = self.emit_to_locals(b, on_error);
                self.checked_arithmetic(op, ty, a[0], b[0], on_error);
            }
        }
    }

    /// On int, uint or duration in locals; pushes the result.
    pub(super) fn checked_arithmetic(
        &mut self,
        op: ArithmeticOp,
        ty: &Type,
        a: u32,
        b: u32,
        on_error: Label,
    ) {
        let signed = *ty != Type::Uint;
        let overflow = if *ty == Type::Duration {
            failure::DURATION_RANGE
        } else {
            failure::INTEGER_OVERFLOW
        };
        match op {
            ArithmeticOp::Add | ArithmeticOp::Subtract => {
                let result = self.f.local(ValType::I64);
                self.f.ins().local_get(a).local_get(b);
                let is_add = op == ArithmeticOp::Add;
                if is_add {
                    self.f.ins().i64_add();
                } else {
                    self.f.ins().i64_sub();
                }
                self.f.ins().local_set(result);
                match (signed, is_add) {
                    // Both operands differ in sign from the sum.
                    (true, true) => self
                        .f
                        .ins()
                        .local_get(a)
                        .local_get(result)
                        .i64_xor()
                        .local_get(b)
                        .local_get(result)
                        .i64_xor()
                        .i64_and()
                        .i64_const(0)
                        .i64_lt_s(),
                    // The operands differ in sign, and the first from the difference.
                    (true, false) => self
                        .f
                        .ins()
                        .local_get(a)
                        .local_get(b)
                        .i64_xor()
                        .local_get(a)
                        .local_get(result)
                        .i64_xor()
                        .i64_and()
                        .i64_const(0)
                        .i64_lt_s(),
                    (false, true) => self.f.ins().local_get(result).local_get(a).i64_lt_u(),
                    (false, false) => self.f.ins().local_get(a).local_get(b).i64_lt_u(),
                };
                self.fail_if(overflow, on_error);
                self.f.ins().local_get(result);
            }
            ArithmeticOp::Multiply => {
                let check = self.module.helper(if signed {
                    "int_multiply_overflows"
                } else {
                    "uint_multiply_overflows"
                });
                self.f.ins().local_get(a).local_get(b);
                self.f.call(check);
                self.fail_if(overflow, on_error);
                self.f.ins().local_get(a).local_get(b).i64_mul();
            }
            ArithmeticOp::Divide | ArithmeticOp::Remainder => {
                let is_divide = op == ArithmeticOp::Divide;
                self.f.ins().local_get(b).i64_eqz();
                self.fail_if(
                    if is_divide {
                        failure::DIVIDE_BY_ZERO
                    } else {
                        failure::MODULUS_BY_ZERO
                    },
                    on_error,
                );
                if signed {
                    self.f
                        .ins()
                        .local_get(a)
                        .i64_const(i64::MIN)
                        .i64_eq()
                        .local_get(b)
                        .i64_const(-1)
                        .i64_eq()
                        .i32_and();
                    self.fail_if(overflow, on_error);
                }
                self.f.ins().local_get(a).local_get(b);
                match (signed, is_divide) {
                    (true, true) => self.f.ins().i64_div_s(),
                    (true, false) => self.f.ins().i64_rem_s(),
                    (false, true) => self.f.ins().i64_div_u(),
                    (false, false) => self.f.ins().i64_rem_u(),
                };
            }
        }
    }

    /// Timestamp plus (or minus) a duration; pushes a timestamp.
    fn move_timestamp(
        &mut self,
        timestamp: &[u32],
        duration: u32,
        subtract: bool,
        on_error: Label,
    ) {
        let seconds = self.f.local(ValType::I64);
        let nanos = self.f.local(ValType::I64);
        let (old_seconds, old_nanos) = (timestamp[0], timestamp[1]);
        let combine = |code: &mut Self| {
            if subtract {
                code.f.ins().i64_sub();
            } else {
                code.f.ins().i64_add();
            }
        };
        self.f
            .ins()
            .local_get(old_seconds)
            .local_get(duration)
            .i64_const(NANOS)
            .i64_div_s();
        combine(self);
        self.f.ins().local_set(seconds);
        self.f
            .ins()
            .local_get(old_nanos)
            .i64_extend_i32_u()
            .local_get(duration)
            .i64_const(NANOS)
            .i64_rem_s();
        combine(self);
        self.f.ins().local_tee(nanos).i64_const(0).i64_lt_s();
        self.f.if_(BlockType::Empty);
        self.f
            .ins()
            .local_get(nanos)
            .i64_const(NANOS)
            .i64_add()
            .local_set(nanos);
        self.f
            .ins()
            .local_get(seconds)
            .i64_const(1)
            .i64_sub()
            .local_set(seconds);
        self.f.end();
        self.f.ins().local_get(nanos).i64_const(NANOS).i64_ge_s();
        self.f.if_(BlockType::Empty);
        self.f
            .ins()
            .local_get(nanos)
            .i64_const(NANOS)
            .i64_sub()
            .local_set(nanos);
        self.f
            .ins()
            .local_get(seconds)
            .i64_const(1)
            .i64_add()
            .local_set(seconds);
        self.f.end();
        self.check_timestamp(seconds, on_error);
        self.f
            .ins()
            .local_get(seconds)
            .local_get(nanos)
            .i32_wrap_i64();
    }

    /// Fails where the seconds are outside of the years 1 to 9999.
    pub(super) fn check_timestamp(&mut self, seconds: u32, on_error: Label) {
        self.f
            .ins()
            .local_get(seconds)
            .i64_const(MIN_SECONDS)
            .i64_sub()
            .i64_const(MAX_SECONDS - MIN_SECONDS)
            .i64_gt_u();
        self.fail_if(failure::TIMESTAMP_RANGE, on_error);
    }

    /// Timestamp minus timestamp; pushes nanoseconds.
    fn timestamp_difference(&mut self, a: &[u32], b: &[u32], on_error: Label) {
        // Beyond this, no nanoseconds bring the difference back into 64 bits.
        const LIMIT: i64 = i64::MAX / NANOS + 1;
        let seconds = self.f.local(ValType::I64);
        let step = self.f.local(ValType::I64);
        let difference = self.f.local(ValType::I64);
        self.f
            .ins()
            .local_get(a[0])
            .local_get(b[0])
            .i64_sub()
            .local_tee(seconds);
        self.f
            .ins()
            .i64_const(LIMIT)
            .i64_add()
            .i64_const(2 * LIMIT)
            .i64_gt_u();
        self.fail_if(failure::DURATION_RANGE, on_error);
        // One second nearer to zero, so that the product fits; it goes to the nanoseconds instead.
        let mut ins = self.f.ins();
        ins.local_get(seconds)
            .i64_const(0)
            .i64_gt_s()
            .local_get(seconds)
            .i64_const(0)
            .i64_lt_s()
            .i32_sub()
            .i64_extend_i32_s()
            .local_set(step);
        ins.local_get(seconds)
            .local_get(step)
            .i64_sub()
            .i64_const(NANOS)
            .i64_mul();
        ins.local_get(a[1])
            .local_get(b[1])
            .i32_sub()
            .i64_extend_i32_s()
            .i64_add();
        ins.local_get(step)
            .i64_const(NANOS)
            .i64_mul()
            .i64_add()
            .local_tee(difference);
        // The sign of the seconds is that of the difference, unless the sum has overflowed.
        ins.local_get(step)
            .i64_xor()
            .i64_const(0)
            .local_get(step)
            .local_get(step)
            .i64_mul()
            .i64_sub()
            .i64_and()
            .i64_const(0)
            .i64_lt_s();
        self.fail_if(failure::DURATION_RANGE, on_error);
        self.f.ins().local_get(difference);
    }
}
