//! Equality and order.

use super::columns::key_test;
use super::expression::{RowCode, at, literal_bytes};
use super::function::Label;
use super::layout::{inner, is_cell, is_nullable};
use crate::ir::{CompareOp, Expr};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

/// Up to this length, literals are compared by loads of 8, 4, 2 and 1 bytes.
pub(super) const MAX_INLINE_BYTES: usize = 32;

/// Up to this length, a text is compared before its length is known: memory goes on behind every value.
const MAX_SPECULATIVE_BYTES: usize = 8;

/// Whether it is compared without a branch.
pub(super) fn is_short(literal: &[u8]) -> bool {
    literal.len() <= MAX_SPECULATIVE_BYTES
}

fn is_numeric(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Uint | Type::Double)
}

impl RowCode<'_> {
    pub(super) fn emit_compare(&mut self, op: CompareOp, a: &Expr, b: &Expr, on_error: Label) {
        let is_equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        if is_cell(&a.ty) || is_cell(&b.ty) {
            return self.emit_compare_cells(op, a, b, on_error);
        }
        if is_equality
            && let Some((input, expected)) = key_test(a, b)
            && let Some(key) = self.inputs[input].key
        {
            let mut ins = self.f.ins();
            ins.local_get(key).i64_const(expected);
            match op {
                CompareOp::Equal => ins.i64_eq(),
                _ => ins.i64_ne(),
            };
            return;
        }
        if is_equality && matches!(a.ty, Type::String | Type::Bytes) && a.ty == b.ty {
            let (text, literal) = if literal_bytes(b).is_some() {
                (a, literal_bytes(b))
            } else {
                (b, literal_bytes(a))
            };
            if let Some(literal) = literal {
                let (text, case) = self.emit_text_in_case(text, literal, on_error);
                self.f
                    .ins()
                    .local_get(text[1])
                    .i32_const(literal.len() as i32)
                    .i32_eq();
                if is_short(literal) {
                    self.bytes_equal_in_case(text[0], literal, case);
                    self.f.ins().i32_and();
                    if op == CompareOp::NotEqual {
                        self.f.ins().i32_eqz();
                    }
                    return;
                }
                self.f.if_(BlockType::Result(ValType::I32));
                self.bytes_equal_in_case(text[0], literal, case);
                self.f.else_();
                self.f.ins().i32_const(0);
                self.f.end();
                if op == CompareOp::NotEqual {
                    self.f.ins().i32_eqz();
                }
                return;
            }
        }
        if a.ty == b.ty
            && matches!(
                a.ty,
                Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Duration
            )
        {
            self.emit(a, on_error);
            self.emit(b, on_error);
            return self.compare_stack(op, &a.ty);
        }
        let a_locals = self.emit_to_locals(a, on_error);
        let b_locals = self.emit_to_locals(b, on_error);
        self.compare_locals(op, (&a.ty, &a_locals), (&b.ty, &b_locals));
    }

    /// Two values of one single-slot type on the stack.
    fn compare_stack(&mut self, op: CompareOp, ty: &Type) {
        let mut ins = self.f.ins();
        match (ty, op) {
            (Type::Double, CompareOp::Equal) => ins.f64_eq(),
            (Type::Double, CompareOp::NotEqual) => ins.f64_ne(),
            (Type::Double, CompareOp::Less) => ins.f64_lt(),
            (Type::Double, CompareOp::LessEqual) => ins.f64_le(),
            (Type::Double, CompareOp::Greater) => ins.f64_gt(),
            (Type::Double, CompareOp::GreaterEqual) => ins.f64_ge(),
            (Type::Bool, CompareOp::Equal) => ins.i32_eq(),
            (Type::Bool, CompareOp::NotEqual) => ins.i32_ne(),
            (Type::Bool, CompareOp::Less) => ins.i32_lt_u(),
            (Type::Bool, CompareOp::LessEqual) => ins.i32_le_u(),
            (Type::Bool, CompareOp::Greater) => ins.i32_gt_u(),
            (Type::Bool, CompareOp::GreaterEqual) => ins.i32_ge_u(),
            (_, CompareOp::Equal) => ins.i64_eq(),
            (_, CompareOp::NotEqual) => ins.i64_ne(),
            (Type::Uint, CompareOp::Less) => ins.i64_lt_u(),
            (Type::Uint, CompareOp::LessEqual) => ins.i64_le_u(),
            (Type::Uint, CompareOp::Greater) => ins.i64_gt_u(),
            (Type::Uint, CompareOp::GreaterEqual) => ins.i64_ge_u(),
            (_, CompareOp::Less) => ins.i64_lt_s(),
            (_, CompareOp::LessEqual) => ins.i64_le_s(),
            (_, CompareOp::Greater) => ins.i64_gt_s(),
            (_, CompareOp::GreaterEqual) => ins.i64_ge_s(),
        };
    }

    /// Any two comparable values in locals; pushes a bool.
    pub(super) fn compare_locals(
        &mut self,
        op: CompareOp,
        (a_type, a): (&Type, &[u32]),
        (b_type, b): (&Type, &[u32]),
    ) {
        if is_nullable(a_type)
            || is_nullable(b_type)
            || *a_type == Type::Null
            || *b_type == Type::Null
        {
            self.equal_nullable((a_type, a), (b_type, b));
            if op == CompareOp::NotEqual {
                self.f.ins().i32_eqz();
            }
            return;
        }
        if a_type != b_type {
            return if is_numeric(a_type) && is_numeric(b_type) {
                self.compare_numbers(op, (a_type, a[0]), (b_type, b[0]));
            } else {
                // Values of different types are different; the checker admits no order between them.
                self.f.ins().i32_const(i32::from(op == CompareOp::NotEqual));
            };
        }
        match a_type {
            Type::String | Type::Bytes => self.compare_bytes(op, a, b),
            Type::Timestamp => self.compare_timestamps(op, a, b),
            Type::Decimal => {
                let helper = self.module.helper("value_compare");
                let order = self.f.local(ValType::I32);
                self.f.ins().local_get(a[0]).local_get(b[0]);
                self.f.call(helper).local_tee(order);
                self.order_matches(op, order);
            }
            _ => {
                self.f.get_all(a);
                self.f.get_all(b);
                self.compare_stack(op, a_type);
            }
        }
    }

    /// null equals null and nothing else.
    fn equal_nullable(&mut self, (a_type, a): (&Type, &[u32]), (b_type, b): (&Type, &[u32])) {
        let push_present = |code: &mut Self, ty: &Type, locals: &[u32]| {
            match (ty, locals.last()) {
                (Type::Nullable(_), Some(present)) => code.f.ins().local_get(*present),
                (ty, _) => code.f.ins().i32_const(i32::from(*ty != Type::Null)),
            };
        };
        push_present(self, a_type, a);
        push_present(self, b_type, b);
        self.f.ins().i32_and();
        self.f.if_(BlockType::Result(ValType::I32));
        if *a_type == Type::Null || *b_type == Type::Null {
            self.f.ins().i32_const(0);
        } else {
            let a_value = if is_nullable(a_type) {
                &a[..a.len() - 1]
            } else {
                a
            };
            let b_value = if is_nullable(b_type) {
                &b[..b.len() - 1]
            } else {
                b
            };
            self.compare_locals(
                CompareOp::Equal,
                (inner(a_type), a_value),
                (inner(b_type), b_value),
            );
        }
        self.f.else_();
        push_present(self, a_type, a);
        push_present(self, b_type, b);
        self.f.ins().i32_or().i32_eqz();
        self.f.end();
    }

    /// Numbers of different types; beside a double, a whole number is rounded to one.
    fn compare_numbers(
        &mut self,
        op: CompareOp,
        (a_type, a): (&Type, u32),
        (b_type, b): (&Type, u32),
    ) {
        if *a_type == Type::Double || *b_type == Type::Double {
            for (ty, local) in [(a_type, a), (b_type, b)] {
                let mut ins = self.f.ins();
                ins.local_get(local);
                match ty {
                    Type::Int => ins.f64_convert_i64_s(),
                    Type::Uint => ins.f64_convert_i64_u(),
                    _ => &mut ins,
                };
            }
            return self.compare_stack(op, &Type::Double);
        }
        // A negative number is below every unsigned one; otherwise both are unsigned.
        let (signed, below) = if *a_type == Type::Int {
            (a, [CompareOp::Less, CompareOp::LessEqual])
        } else {
            (b, [CompareOp::Greater, CompareOp::GreaterEqual])
        };
        let holds = op == CompareOp::NotEqual || below.contains(&op);
        self.f.ins().local_get(signed).i64_const(0).i64_lt_s();
        self.f.if_(BlockType::Result(ValType::I32));
        self.f.ins().i32_const(i32::from(holds));
        self.f.else_();
        self.f.ins().local_get(a).local_get(b);
        self.compare_stack(op, &Type::Uint);
        self.f.end();
    }

    /// What an order of -1, 0 or 1 says of two values; it is on the stack and in a local.
    pub(super) fn order_matches(&mut self, op: CompareOp, order: u32) {
        let mut ins = self.f.ins();
        // 2 stands for NaN, which is different from everything and in no order
        match op {
            CompareOp::Equal => ins.i32_eqz(),
            CompareOp::NotEqual => ins.i32_const(0).i32_ne(),
            CompareOp::Less => ins.i32_const(-1).i32_eq(),
            CompareOp::LessEqual => ins.i32_const(0).i32_le_s(),
            CompareOp::Greater => ins.i32_const(1).i32_eq(),
            CompareOp::GreaterEqual => ins
                .i32_const(1)
                .i32_eq()
                .local_get(order)
                .i32_eqz()
                .i32_or(),
        };
    }

    fn compare_bytes(&mut self, op: CompareOp, a: &[u32], b: &[u32]) {
        if matches!(op, CompareOp::Equal | CompareOp::NotEqual) {
            let helper = self.module.helper("bytes_equal");
            self.f.ins().local_get(a[1]).local_get(b[1]).i32_eq();
            self.f.if_(BlockType::Result(ValType::I32));
            self.f.ins().local_get(a[0]).local_get(b[0]).local_get(a[1]);
            self.f.call(helper);
            self.f.else_();
            self.f.ins().i32_const(0);
            self.f.end();
            if op == CompareOp::NotEqual {
                self.f.ins().i32_eqz();
            }
            return;
        }
        let helper = self.module.helper("bytes_compare");
        self.f.get_all(a);
        self.f.get_all(b);
        let mut ins = self.f.call(helper);
        ins.i32_const(0);
        match op {
            CompareOp::Less => ins.i32_lt_s(),
            CompareOp::LessEqual => ins.i32_le_s(),
            CompareOp::Greater => ins.i32_gt_s(),
            _ => ins.i32_ge_s(),
        };
    }

    fn compare_timestamps(&mut self, op: CompareOp, a: &[u32], b: &[u32]) {
        self.f.ins().local_get(a[0]).local_get(b[0]).i64_eq();
        self.f.if_(BlockType::Result(ValType::I32));
        self.f
            .ins()
            .local_get(a[1])
            .i64_extend_i32_u()
            .local_get(b[1])
            .i64_extend_i32_u();
        self.compare_stack(op, &Type::Int);
        self.f.else_();
        self.f.ins().local_get(a[0]).local_get(b[0]);
        self.compare_stack(op, &Type::Int);
        self.f.end();
    }

    /// The first bytes at a pointer, up to [`MAX_SPECULATIVE_BYTES`], as a number in a new local.
    pub(super) fn load_first(&mut self, pointer: u32, n_bytes: usize) -> u32 {
        let is_wide = n_bytes > 4;
        let first = self
            .f
            .local(if is_wide { ValType::I64 } else { ValType::I32 });
        let mut ins = self.f.ins();
        ins.local_get(pointer);
        match n_bytes {
            0 => ins.drop().i32_const(0),
            1 => ins.i32_load8_u(at(0)),
            2 => ins.i32_load16_u(at(0)),
            3 => ins.i32_load(at(0)).i32_const(0x00ff_ffff).i32_and(),
            4 => ins.i32_load(at(0)),
            8 => ins.i64_load(at(0)),
            n => ins.i64_load(at(0)).i64_const((1 << (8 * n)) - 1).i64_and(),
        };
        ins.local_set(first);
        first
    }

    /// Whether bytes that `load_first` gave, as many as those of a literal, are these.
    pub(super) fn first_equals(&mut self, first: u32, literal: &[u8]) {
        let expected = as_integer(literal);
        let mut ins = self.f.ins();
        ins.local_get(first);
        if literal.len() > 4 {
            ins.i64_const(expected).i64_eq();
        } else {
            ins.i32_const(expected as i32).i32_eq();
        }
    }
}

/// Up to 8 bytes as a little-endian number.
pub(super) fn as_integer(bytes: &[u8]) -> i64 {
    let mut chunk = [0; 8];
    chunk[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(chunk)
}
