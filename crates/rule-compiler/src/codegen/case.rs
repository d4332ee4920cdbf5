//! Comparisons of texts in another case with literals, without making these texts.

use super::compare::{MAX_INLINE_BYTES, as_integer, is_short};
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use crate::ir::{Expr, ExprKind};
use wasm_encoder::InstructionSink;

/// The case of ASCII letters that a text is compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Same,
    Lower,
    Upper,
}

/// What tells ASCII letters in lower case from those in upper case.
const CASE_BIT: u8 = 0x20;

/// The longest text that changes its case, as `rule-runtime` states: with 8 bytes more it is a value at its largest.
const MAX_BYTES: i32 = (1 << 26) - 8;

impl Case {
    /// Whether a text in this case can have the bytes.
    fn admits(self, bytes: &[u8]) -> bool {
        match self {
            Self::Same => true,
            Self::Lower => !bytes.iter().any(u8::is_ascii_uppercase),
            Self::Upper => !bytes.iter().any(u8::is_ascii_lowercase),
        }
    }

    /// Gives the bytes on the stack this case where a literal, which admits it, has letters: others are compared as
    /// they are, and no letter becomes one of them.
    fn apply(self, ins: &mut InstructionSink<'_>, literal: &[u8], is_wide: bool) {
        let letters: Vec<u8> = literal
            .iter()
            .map(|byte| u8::from(byte.is_ascii_alphabetic()) * CASE_BIT)
            .collect();
        let bits = as_integer(&letters);
        match (self, is_wide) {
            (Self::Same, _) => ins,
            (Self::Lower, true) => ins.i64_const(bits).i64_or(),
            (Self::Lower, false) => ins.i32_const(bits as i32).i32_or(),
            (Self::Upper, true) => ins.i64_const(!bits).i64_and(),
            (Self::Upper, false) => ins.i32_const(!bits as i32).i32_and(),
        };
    }
}

impl RowCode<'_> {
    /// A text that is compared with a literal, in locals, and the case to compare it in. Explanations show it as it is.
    pub(super) fn emit_text_in_case(
        &mut self,
        text: &Expr,
        literal: &[u8],
        on_error: Label,
    ) -> (Vec<u32>, Case) {
        let (original, case) = match &text.kind {
            ExprKind::Helper("string_lower_ascii", args) => (args.first(), Case::Lower),
            ExprKind::Helper("string_upper_ascii", args) => (args.first(), Case::Upper),
            _ => (None, Case::Same),
        };
        let is_small = literal.len() <= MAX_INLINE_BYTES;
        match original.filter(|_| is_small && self.trace.is_none()) {
            Some(original) => {
                let locals = self.emit_to_locals(original, on_error);
                self.f
                    .ins()
                    .local_get(locals[1])
                    .i32_const(MAX_BYTES)
                    .i32_gt_u();
                self.fail_if(failure::TOO_LARGE, on_error);
                (locals, case)
            }
            None => (self.emit_to_locals(text, on_error), Case::Same),
        }
    }

    /// Whether the bytes at a pointer, given a case, are those of a literal; as many must be readable, which a few always
    /// are (`is_short`).
    pub(super) fn bytes_equal_in_case(&mut self, pointer: u32, literal: &[u8], case: Case) {
        if !case.admits(literal) {
            self.f.ins().i32_const(0);
            return;
        }
        if is_short(literal) {
            let first = self.load_first(pointer, literal.len());
            if case != Case::Same {
                let mut ins = self.f.ins();
                ins.local_get(first);
                case.apply(&mut ins, literal, literal.len() > 4);
                ins.local_set(first);
            }
            return self.first_equals(first, literal);
        }
        if literal.len() > MAX_INLINE_BYTES {
            let helper = self.module.helper("bytes_equal");
            let address = self.module.data.intern(literal);
            self.f
                .ins()
                .local_get(pointer)
                .i32_const(address as i32)
                .i32_const(literal.len() as i32);
            self.f.call(helper);
            return;
        }
        let mut offset = 0;
        while let Some(rest) = literal.get(offset..).filter(|rest| !rest.is_empty()) {
            let width = [8, 4, 2, 1]
                .into_iter()
                .find(|width| *width <= rest.len())
                .unwrap_or(1);
            let part = &rest[..width];
            let expected = as_integer(part);
            let mut ins = self.f.ins();
            ins.local_get(pointer);
            let place = at(offset as u64);
            match width {
                8 => ins.i64_load(place),
                4 => ins.i32_load(place),
                2 => ins.i32_load16_u(place),
                _ => ins.i32_load8_u(place),
            };
            case.apply(&mut ins, part, width == 8);
            match width {
                8 => ins.i64_const(expected).i64_eq(),
                _ => ins.i32_const(expected as i32).i32_eq(),
            };
            if offset > 0 {
                ins.i32_and();
            }
            offset += width;
        }
    }
}
