//! Patterns that say of each character of a text what it may be: eight characters at a time, without a branch.

use super::expression::{RowCode, at};
use super::function::Label;
use crate::ir::Expr;
use wasm_encoder::ValType;

/// The high bit of each byte.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

impl RowCode<'_> {
    /// Whether a text has a character between two at each position, and no more.
    pub(super) fn emit_positions(&mut self, text: &Expr, positions: &[[u8; 2]], on_error: Label) {
        let text = self.emit_to_locals(text, on_error);
        let word = self.f.local(ValType::I64);
        let mut ins = self.f.ins();
        ins.local_get(text[1]);
        ins.i32_const(positions.len() as i32).i32_eq();
        // The last eight may overlap those before; of a shorter text, what comes behind it does not count.
        let last = positions.len().saturating_sub(8);
        for start in (0..last).step_by(8).chain([last]) {
            let mut lowest = [0; 8];
            let mut highest = [0x7f; 8];
            let mut counted = [0; 8];
            for (index, [low, high]) in positions[start..].iter().take(8).enumerate() {
                (lowest[index], highest[index], counted[index]) = (*low, *high, 0x80);
            }
            let [lowest, highest, counted] = [lowest, highest, counted].map(u64::from_le_bytes);
            // Memory goes on behind every value. A difference has its high bit where the character is not below the
            // lowest one, or not above the highest.
            ins.local_get(text[0])
                .i64_load(at(start as u64))
                .local_tee(word);
            ins.i64_const(HIGH_BITS as i64).i64_or();
            ins.i64_const(lowest as i64).i64_sub();
            ins.i64_const((highest | HIGH_BITS) as i64);
            ins.local_get(word).i64_const(!HIGH_BITS as i64).i64_and();
            ins.i64_sub().i64_and();
            ins.local_get(word).i64_const(-1).i64_xor().i64_and();
            ins.i64_const(counted as i64).i64_and();
            ins.i64_const(counted as i64).i64_eq().i32_and();
        }
    }
}
