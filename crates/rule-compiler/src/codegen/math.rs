//! The functions of the math extension that are a few instructions.

use super::expression::RowCode;
use super::function::Label;
use crate::ir::{Expr, Function};
use crate::types::Type;
use wasm_encoder::{Ieee64, ValType};

impl RowCode<'_> {
    pub(super) fn emit_math(&mut self, call: Function, arguments: &[Expr], on_error: Label) {
        for argument in arguments {
            self.emit(argument, on_error);
        }
        let ty = arguments.first().map_or(&Type::Double, |first| &first.ty);
        let mut ins = self.f.ins();
        let _ = match (call, ty) {
            (Function::Abs, _) => ins.f64_abs(),
            (Function::Ceil, _) => ins.f64_ceil(),
            (Function::Floor, _) => ins.f64_floor(),
            (Function::Trunc, _) => ins.f64_trunc(),
            (Function::Sqrt, Type::Int) => ins.f64_convert_i64_s().f64_sqrt(),
            (Function::Sqrt, Type::Uint) => ins.f64_convert_i64_u().f64_sqrt(),
            (Function::Sqrt, _) => ins.f64_sqrt(),
            (Function::RoundToFloat, _) => ins.f32_demote_f64().f64_promote_f32(),
            (Function::BitAnd, _) => ins.i64_and(),
            (Function::BitOr, _) => ins.i64_or(),
            (Function::BitXor, _) => ins.i64_xor(),
            (Function::BitNot, _) => ins.i64_const(-1).i64_xor(),
            (Function::IsInf, _) => ins
                .f64_abs()
                .f64_const(Ieee64::from(f64::INFINITY))
                .f64_eq(),
            // Neither infinite nor NaN
            (Function::IsFinite, _) => ins
                .f64_abs()
                .f64_const(Ieee64::from(f64::INFINITY))
                .f64_lt(),
            (Function::IsNan, _) => return self.is_nan(),
            _ => return self.round(),
        };
    }

    /// Whether the double on the stack is no number.
    fn is_nan(&mut self) {
        let value = self.f.local(ValType::F64);
        self.f.ins().local_tee(value).local_get(value).f64_ne();
    }

    /// Rounds the double on the stack to the nearest whole number, halves away from zero.
    fn round(&mut self) {
        let value = self.f.local(ValType::F64);
        let whole = self.f.local(ValType::F64);
        let mut ins = self.f.ins();
        ins.local_tee(value).f64_trunc().local_set(whole);
        ins.local_get(whole)
            .f64_const(Ieee64::from(1.0))
            .local_get(value)
            .f64_copysign()
            .f64_add();
        ins.local_get(whole);
        // The difference is exact.
        ins.local_get(value)
            .local_get(whole)
            .f64_sub()
            .f64_abs()
            .f64_const(Ieee64::from(0.5))
            .f64_ge()
            .select();
    }
}
