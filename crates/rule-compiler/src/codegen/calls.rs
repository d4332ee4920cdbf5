//! Functions and conversions.

use super::cells::{EXTRA, PAYLOAD};
use super::compare::is_short;
use super::expression::{RowCode, at, literal_bytes};
use super::failure;
use super::function::Label;
use super::module::function;
use crate::ir::{Expr, Function};
use crate::types::Type;
use wasm_encoder::{BlockType, Ieee64, ValType};

/// Room for the text of an integer, timestamp or duration.
const SHORT_TEXT_BYTES: i32 = 48;
/// Room for the text of a double, as `rule-runtime` states.
const DOUBLE_TEXT_BYTES: i32 = 352;
const SECONDS_OF_DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;

impl RowCode<'_> {
    pub(super) fn emit_call(
        &mut self,
        call: Function,
        arguments: &[Expr],
        ty: &Type,
        on_error: Label,
    ) {
        let Some(argument) = arguments.first() else {
            // The only function without arguments
            return self.push_none();
        };
        match call {
            Function::ElementCount => {
                self.emit(argument, on_error);
                self.f.ins().i64_load32_u(at(EXTRA));
            }
            Function::Abs
            | Function::Ceil
            | Function::Floor
            | Function::Round
            | Function::Trunc
            | Function::Sqrt
            | Function::RoundToFloat
            | Function::IsNan
            | Function::IsInf
            | Function::IsFinite
            | Function::BitAnd
            | Function::BitOr
            | Function::BitXor
            | Function::BitNot => self.emit_math(call, arguments, on_error),
            Function::TypeOf => self.emit_type_of(argument, on_error),
            Function::OptionalOf => self.emit_optional_of(argument, on_error),
            Function::OptionalOfNonZero => self.emit_optional_of_non_zero(argument, on_error),
            Function::OptionalNone => self.push_none(),
            Function::OptionalHasValue => {
                self.emit(argument, on_error);
                self.f.ins().i32_load(at(PAYLOAD)).i32_const(0).i32_ne();
            }
            Function::OptionalValue => self.emit_optional_value(argument, ty, on_error),
            Function::StringSize => {
                let helper = self.module.helper("string_size");
                self.emit(argument, on_error);
                self.f.call(helper);
            }
            Function::BytesSize => {
                let locals = self.emit_to_locals(argument, on_error);
                self.f.ins().local_get(locals[1]).i64_extend_i32_u();
            }
            Function::Contains => {
                let helper = self.module.helper("string_contains");
                self.emit(argument, on_error);
                self.emit(&arguments[1], on_error);
                self.f.call(helper);
            }
            Function::StartsWith | Function::EndsWith => self.emit_affix(
                call == Function::EndsWith,
                argument,
                &arguments[1],
                on_error,
            ),
            Function::ToInt => self.emit_to_int(argument, on_error),
            Function::ToUint => self.emit_to_uint(argument, on_error),
            Function::ToDouble => match argument.ty {
                Type::String => {
                    self.emit_parse("double_from_string", argument, &Type::Double, on_error)
                }
                Type::Int => {
                    self.emit(argument, on_error);
                    self.f.ins().f64_convert_i64_s();
                }
                Type::Uint => {
                    self.emit(argument, on_error);
                    self.f.ins().f64_convert_i64_u();
                }
                _ => self.emit(argument, on_error),
            },
            Function::ToString => self.emit_to_string(argument, on_error),
            Function::ToBytes => self.emit(argument, on_error),
            Function::ToBool => match argument.ty {
                Type::String => {
                    self.emit_parse("bool_from_string", argument, &Type::Bool, on_error)
                }
                _ => self.emit(argument, on_error),
            },
            Function::ToTimestamp => match argument.ty {
                Type::String => self.emit_parse(
                    "timestamp_from_string",
                    argument,
                    &Type::Timestamp,
                    on_error,
                ),
                Type::Int => {
                    let seconds = self.emit_to_locals(argument, on_error)[0];
                    self.check_timestamp(seconds, on_error);
                    self.f.ins().local_get(seconds).i32_const(0);
                }
                _ => self.emit(argument, on_error),
            },
            Function::ToDuration => match argument.ty {
                Type::String => {
                    self.emit_parse("duration_from_string", argument, &Type::Duration, on_error)
                }
                _ => self.emit(argument, on_error),
            },
            _ => self.emit_getter(call, argument, on_error),
        }
    }

    /// `startsWith` and `endsWith`.
    fn emit_affix(&mut self, at_end: bool, text: &Expr, affix: &Expr, on_error: Label) {
        match literal_bytes(affix) {
            Some(literal) => self.emit_literal_affix(at_end, text, literal, on_error),
            None => self.emit_computed_affix(at_end, text, affix, on_error),
        }
    }

    fn emit_literal_affix(&mut self, at_end: bool, text: &Expr, literal: &[u8], on_error: Label) {
        let (text, case) = self.emit_text_in_case(text, literal, on_error);
        let (pointer, length) = (text[0], text[1]);
        let n_bytes = literal.len() as i32;
        let start = self.f.local(ValType::I32);
        let fits = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(length)
            .i32_const(n_bytes)
            .i32_ge_u()
            .local_tee(fits);
        if is_short(literal) {
            // Without a branch: what is too short is read from its first byte on.
            let mut ins = self.f.ins();
            ins.local_get(pointer);
            if at_end {
                ins.local_get(length)
                    .i32_const(n_bytes)
                    .i32_sub()
                    .i32_const(0)
                    .local_get(fits)
                    .select()
                    .i32_add();
            }
            ins.local_set(start);
            self.bytes_equal_in_case(start, literal, case);
            self.f.ins().i32_and();
            return;
        }
        self.f.if_(BlockType::Result(ValType::I32));
        let mut ins = self.f.ins();
        ins.local_get(pointer);
        if at_end {
            ins.local_get(length).i32_add().i32_const(n_bytes).i32_sub();
        }
        ins.local_set(start);
        self.bytes_equal_in_case(start, literal, case);
        self.f.else_();
        self.f.ins().i32_const(0);
        self.f.end();
    }

    fn emit_computed_affix(&mut self, at_end: bool, text: &Expr, affix: &Expr, on_error: Label) {
        let text = self.emit_to_locals(text, on_error);
        let (pointer, length) = (text[0], text[1]);
        let affix = self.emit_to_locals(affix, on_error);
        self.f
            .ins()
            .local_get(length)
            .local_get(affix[1])
            .i32_ge_u();
        self.f.if_(BlockType::Result(ValType::I32));
        self.f.ins().local_get(pointer);
        if at_end {
            self.f
                .ins()
                .local_get(length)
                .i32_add()
                .local_get(affix[1])
                .i32_sub();
        }
        let helper = self.module.helper("bytes_equal");
        self.f.ins().local_get(affix[0]).local_get(affix[1]);
        self.f.call(helper);
        self.f.else_();
        self.f.ins().i32_const(0);
        self.f.end();
    }

    /// Calls a helper `(text, length, out) -> status`; pushes what it wrote.
    fn emit_parse(&mut self, helper: &str, text: &Expr, ty: &Type, on_error: Label) {
        let helper = self.module.helper(helper);
        let scratch = self.module.scratch();
        self.emit(text, on_error);
        self.f.ins().i32_const(scratch as i32);
        self.f.call(helper);
        self.fail_with_status(on_error);
        let mut ins = self.f.ins();
        ins.i32_const(scratch as i32);
        match ty {
            Type::Bool => ins.i32_load(at(0)),
            Type::Double => ins.f64_load(at(0)),
            Type::Timestamp => ins
                .i64_load(at(0))
                .i32_const(scratch as i32)
                .i32_load(at(8)),
            _ => ins.i64_load(at(0)),
        };
    }

    fn emit_to_int(&mut self, argument: &Expr, on_error: Label) {
        match argument.ty {
            Type::String => self.emit_parse("int_from_string", argument, &Type::Int, on_error),
            Type::Uint => {
                let value = self.emit_to_locals(argument, on_error)[0];
                self.f.ins().local_get(value).i64_const(0).i64_lt_s();
                self.fail_if(failure::CONVERSION_RANGE, on_error);
                self.f.ins().local_get(value);
            }
            Type::Double => {
                let value = self.emit_to_locals(argument, on_error)[0];
                self.check_range(
                    value,
                    -9_223_372_036_854_775_808.0,
                    9_223_372_036_854_775_808.0,
                    on_error,
                );
                self.f.ins().local_get(value).i64_trunc_f64_s();
            }
            Type::Timestamp => {
                let value = self.emit_to_locals(argument, on_error);
                self.f.ins().local_get(value[0]);
            }
            _ => self.emit(argument, on_error),
        }
    }

    fn emit_to_uint(&mut self, argument: &Expr, on_error: Label) {
        match argument.ty {
            Type::String => self.emit_parse("uint_from_string", argument, &Type::Uint, on_error),
            Type::Int => {
                let value = self.emit_to_locals(argument, on_error)[0];
                self.f.ins().local_get(value).i64_const(0).i64_lt_s();
                self.fail_if(failure::CONVERSION_RANGE, on_error);
                self.f.ins().local_get(value);
            }
            Type::Double => {
                let value = self.emit_to_locals(argument, on_error)[0];
                self.check_range(value, -1.0, 18_446_744_073_709_551_616.0, on_error);
                // -1 < x < 0 rounds towards zero, but a negative number has no unsigned counterpart.
                self.f
                    .ins()
                    .local_get(value)
                    .f64_const(Ieee64::from(0.0))
                    .f64_lt();
                self.fail_if(failure::CONVERSION_RANGE, on_error);
                self.f.ins().local_get(value).i64_trunc_f64_u();
            }
            _ => self.emit(argument, on_error),
        }
    }

    /// Fails unless low < value < high; NaN fails.
    fn check_range(&mut self, value: u32, low: f64, high: f64, on_error: Label) {
        self.f
            .ins()
            .local_get(value)
            .f64_const(Ieee64::from(low))
            .f64_gt();
        self.f
            .ins()
            .local_get(value)
            .f64_const(Ieee64::from(high))
            .f64_lt();
        self.f.ins().i32_and().i32_eqz();
        self.fail_if(failure::CONVERSION_RANGE, on_error);
    }

    fn emit_to_string(&mut self, argument: &Expr, on_error: Label) {
        let (helper, room) = match argument.ty {
            Type::Int => ("int_to_string", SHORT_TEXT_BYTES),
            Type::Uint => ("uint_to_string", SHORT_TEXT_BYTES),
            Type::Double => ("double_to_string", DOUBLE_TEXT_BYTES),
            Type::Timestamp => ("timestamp_to_string", SHORT_TEXT_BYTES),
            Type::Duration => ("duration_to_string", SHORT_TEXT_BYTES),
            Type::Bool => {
                let results = self.module.block_type(&[ValType::I32, ValType::I32]);
                self.emit(argument, on_error);
                self.f.if_(results);
                self.push_literal(b"true");
                self.f.else_();
                self.push_literal(b"false");
                self.f.end();
                return;
            }
            Type::Bytes => {
                let helper = self.module.helper("utf8_valid");
                let value = self.emit_to_locals(argument, on_error);
                self.f.get_all(&value);
                self.f.call(helper).i32_eqz();
                self.fail_if(failure::INVALID_UTF8, on_error);
                self.f.get_all(&value);
                return;
            }
            _ => return self.emit(argument, on_error),
        };
        let helper = self.module.helper(helper);
        let value = self.emit_to_locals(argument, on_error);
        let pointer = self.f.local(ValType::I32);
        let length = self.f.local(ValType::I32);
        self.f.ins().i32_const(room);
        self.f.call(function::ALLOCATE_TEMP).local_set(pointer);
        self.f.get_all(&value);
        self.f.ins().local_get(pointer);
        self.f.call(helper).local_set(length);
        self.f.ins().local_get(pointer).local_get(length);
    }

    /// `a + b` on text or bytes.
    pub(super) fn emit_concat(&mut self, a: &Expr, b: &Expr, on_error: Label) {
        let a = self.emit_to_locals(a, on_error);
        let b = self.emit_to_locals(b, on_error);
        let pointer = self.f.local(ValType::I32);
        let length = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(a[1])
            .local_get(b[1])
            .i32_add()
            .local_tee(length);
        self.f.call(function::ALLOCATE_TEMP).local_set(pointer);
        self.f
            .ins()
            .local_get(pointer)
            .local_get(a[0])
            .local_get(a[1]);
        self.f.call(function::COPY);
        self.f
            .ins()
            .local_get(pointer)
            .local_get(a[1])
            .i32_add()
            .local_get(b[0])
            .local_get(b[1]);
        self.f.call(function::COPY);
        self.f.ins().local_get(pointer).local_get(length);
    }

    /// Parts of timestamps (UTC) and durations.
    fn emit_getter(&mut self, call: Function, argument: &Expr, on_error: Label) {
        let value = self.emit_to_locals(argument, on_error);
        if argument.ty == Type::Duration {
            let (unit, cycle) = match call {
                Function::GetHours => (3_600 * NANOS, None),
                Function::GetMinutes => (60 * NANOS, None),
                Function::GetSeconds => (NANOS, None),
                _ => (1_000_000, Some(1_000)),
            };
            self.f.ins().local_get(value[0]).i64_const(unit).i64_div_s();
            if let Some(cycle) = cycle {
                self.f.ins().i64_const(cycle).i64_rem_s();
            }
            return;
        }
        let (seconds, nanos) = (value[0], value[1]);
        let part = match call {
            Function::GetFullYear => 0,
            Function::GetMonth => 1,
            Function::GetDate | Function::GetDayOfMonth => 2,
            Function::GetDayOfWeek => 3,
            Function::GetDayOfYear => 4,
            Function::GetMilliseconds => {
                self.f
                    .ins()
                    .local_get(nanos)
                    .i32_const(1_000_000)
                    .i32_div_u()
                    .i64_extend_i32_u();
                return;
            }
            _ => return self.emit_time_of_day(call, seconds),
        };
        let helper = self.module.helper("timestamp_part");
        self.f.ins().local_get(seconds).i32_const(part);
        self.f.call(helper);
        if call == Function::GetDayOfMonth {
            self.f.ins().i64_const(1).i64_sub();
        }
    }

    fn emit_time_of_day(&mut self, call: Function, seconds: u32) {
        let (unit, cycle) = match call {
            Function::GetHours => (3_600, 24),
            Function::GetMinutes => (60, 60),
            _ => (1, 60),
        };
        let time = self.f.local(ValType::I64);
        self.f
            .ins()
            .local_get(seconds)
            .i64_const(SECONDS_OF_DAY)
            .i64_rem_s()
            .local_tee(time);
        self.f
            .ins()
            .i64_const(SECONDS_OF_DAY)
            .i64_add()
            .local_get(time)
            .local_get(time)
            .i64_const(0)
            .i64_lt_s()
            .select();
        self.f
            .ins()
            .i64_const(unit)
            .i64_div_u()
            .i64_const(cycle)
            .i64_rem_u();
    }
}
