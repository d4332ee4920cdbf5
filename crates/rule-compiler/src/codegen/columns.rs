//! Input columns: what of them is used, where their arrays lie, and the values of a row.

use super::compare::as_integer;
use super::expression::{InputAccess, RowCode, at, literal_bytes};
use super::function::Label;
use super::layout::{
    array, buffer, buffer_case, inner, input_children, input_storage, is_fallible_input,
    is_nullable, n_arrays,
};
use super::nested::{Node, keys_of, nested_root, reads_part};
use super::reads::Reads;
use super::trace::walk;
use crate::ir::{CompareOp, Expr, ExprKind, Function, RuleSet};
use crate::types::Type;
use std::rc::Rc;
use wasm_encoder::{BlockType, ValType};

/// How often an input is read per row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uses {
    /// In any way
    any: usize,
    /// As a whole, and not only parts of it from their arrays
    whole: usize,
}

/// How often each input is read per row. Code that is `traced` reads all of them as wholes.
pub(super) fn count_uses(ruleset: &RuleSet, traced: bool) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); ruleset.inputs.len()];
    for definition in &ruleset.lets {
        count_in(&definition.value, ruleset, traced, 1, &mut uses);
    }
    for rule in &ruleset.rules {
        count_in(&rule.condition, ruleset, traced, 1, &mut uses);
        for contribution in rule.then.iter().chain(&rule.otherwise) {
            count_in(&contribution.value, ruleset, traced, 1, &mut uses);
        }
        for expr in rule.table.iter().flat_map(|table| table.expressions()) {
            count_in(expr, ruleset, traced, 1, &mut uses);
        }
    }
    uses
}

pub(super) fn count_in(
    expr: &Expr,
    ruleset: &RuleSet,
    traced: bool,
    times: usize,
    uses: &mut [Uses],
) {
    let mut pending = vec![(expr, times)];
    while let Some((expr, times)) = pending.pop() {
        if let ExprKind::Input(index) = expr.kind {
            uses[index].any += times;
            uses[index].whole += times;
            continue;
        }
        let part = match &expr.kind {
            ExprKind::Fold(fold) => Some(&fold.range),
            ExprKind::Index(container, _) | ExprKind::Has(container, _) => Some(&**container),
            ExprKind::InValue(_, container) => Some(&**container),
            ExprKind::Call(Function::ElementCount, args) => args.first(),
            _ => None,
        };
        let root = part
            .filter(|_| !traced && reads_part(expr))
            .and_then(|part| nested_root(part, ruleset).map(|index| (part, index)));
        for operand in expr.operands() {
            match root {
                Some((part, index)) if std::ptr::eq(part, operand) => {
                    uses[index].any += times;
                    let keys = keys_of(part).into_iter().map(|key| (key, times));
                    pending.extend(keys);
                }
                _ => {
                    // A loop reads it again and again.
                    let is_repeated = match &expr.kind {
                        ExprKind::Fold(fold) => !std::ptr::eq(&fold.range, operand),
                        _ => false,
                    };
                    pending.push((operand, times + usize::from(is_repeated)));
                }
            }
        }
    }
}

/// Texts up to this length have keys of their own.
const MAX_KEY_BYTES: usize = 7;

/// Fewer comparisons than this take no longer without a key.
const MIN_KEY_USES: usize = 16;

/// What the key of an input is compared with, where an expression compares it with a short text for equality.
pub(super) fn key_test(a: &Expr, b: &Expr) -> Option<(usize, i64)> {
    let (input, literal) = match (&a.kind, &b.kind) {
        (ExprKind::Input(index), _) => (*index, literal_bytes(b)?),
        (_, ExprKind::Input(index)) => (*index, literal_bytes(a)?),
        _ => return None,
    };
    let fits = a.ty == b.ty && literal.len() <= MAX_KEY_BYTES;
    fits.then(|| (input, as_integer(literal) | (literal.len() as i64) << 56))
}

/// The texts that some rules compare with many short ones.
pub(super) fn keyed_inputs(ruleset: &RuleSet, rules: &[usize]) -> Vec<usize> {
    let mut n_uses = vec![0; ruleset.inputs.len()];
    for rule in rules {
        walk(&ruleset.rules[*rule].condition, &mut |expr| {
            if let ExprKind::Compare(CompareOp::Equal | CompareOp::NotEqual, a, b) = &expr.kind
                && let Some((input, _)) = key_test(a, b)
            {
                n_uses[input] += 1;
            }
        });
    }
    let inputs = n_uses.into_iter().enumerate();
    inputs
        .filter_map(|(input, n_uses)| (n_uses >= MIN_KEY_USES).then_some(input))
        .collect()
}

impl RowCode<'_> {
    /// From the next row on, these inputs have keys: each up to 7 bytes of a text and its length, or -1 where it is longer.
    pub(super) fn open_keys(&mut self, inputs: &[usize]) {
        for index in inputs {
            if self.inputs[*index].cached.is_some() {
                self.inputs[*index].key = Some(self.f.local(ValType::I64));
            }
        }
    }

    /// Computes the key of a text in locals.
    fn set_key(&mut self, key: u32, text: &[u32]) {
        let mut ins = self.f.ins();
        // Memory goes on behind every value.
        ins.local_get(text[0]).i64_load(at(0));
        ins.i64_const(-1).local_get(text[1]).i64_extend_i32_u();
        ins.i64_const(3).i64_shl().i64_shl();
        ins.i64_const(-1).i64_xor().i64_and();
        ins.local_get(text[1]).i64_extend_i32_u();
        ins.i64_const(56).i64_shl().i64_or();
        ins.i64_const(-1);
        ins.local_get(text[1]).i32_const(MAX_KEY_BYTES as i32);
        ins.i32_le_u().select().local_set(key);
    }

    /// Loads the addresses of the columns that are used; they are valid for the whole batch.
    pub(super) fn open_columns(&mut self, columns: u32, uses: &[Uses], reads: &[Reads]) {
        let ruleset = self.ruleset;
        let mut next = 0;
        for ((input, uses), reads) in ruleset.inputs.iter().zip(uses).zip(reads) {
            let mut access = InputAccess::default();
            if uses.any == 0 {
                next += n_arrays(&input.ty);
            } else {
                access.node = Rc::new(self.open_array(columns, &input.ty, reads, &mut next));
                let is_fallible = is_fallible_input(&input.ty);
                if uses.whole > 1 || is_fallible {
                    access.cached = Some(self.locals(&input.ty));
                }
                if is_fallible {
                    access.error = Some(self.f.local(ValType::I32));
                }
            }
            self.inputs.push(access);
        }
    }

    fn open_array(&mut self, columns: u32, ty: &Type, reads: &Reads, next: &mut u32) -> Node {
        let base = u64::from(array::SIZE * *next);
        *next += 1;
        let mut node = Node {
            is_read: reads.is_read,
            ..Node::default()
        };
        let storage = input_storage(ty);
        let case = match reads.is_read {
            true => buffer_case(&storage),
            false => buffer::NONE,
        };
        if case != buffer::NONE {
            node.values = self.load_address(columns, base + array::VALUES);
        }
        if case == buffer::BYTES {
            node.bytes = self.load_address(columns, base + array::BYTES);
        }
        if is_nullable(&storage) && reads.is_read {
            node.validity = self.f.local(ValType::I32);
            self.f
                .ins()
                .local_get(columns)
                .i32_load(at(base + array::VALIDITY))
                .i32_const(0);
            self.f
                .ins()
                .local_get(columns)
                .i32_load8_u(at(base + array::HAS_VALIDITY))
                .select()
                .local_set(node.validity);
        }
        for (child, reads) in input_children(ty).into_iter().zip(&reads.children) {
            let child = self.open_array(columns, child, reads, next);
            node.children.push(Rc::new(child));
        }
        node
    }

    fn load_address(&mut self, base: u32, offset: u64) -> u32 {
        let local = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(base)
            .i32_load(at(offset))
            .local_set(local);
        local
    }

    /// Loads the inputs that are used more than once.
    pub(super) fn cache_inputs(&mut self) {
        for index in 0..self.inputs.len() {
            if let Some(locals) = self.inputs[index].cached.take() {
                match self.inputs[index].error {
                    Some(error) => self.cache_fallible_input(index, &locals, error),
                    None => {
                        // There are no errors to go there.
                        let unreachable = self.f.block(BlockType::Empty);
                        self.push_row_value(index, unreachable);
                        self.f.set_all(&locals);
                        self.f.end();
                        if let Some(key) = self.inputs[index].key {
                            self.set_key(key, &locals);
                        }
                    }
                }
                self.inputs[index].cached = Some(locals);
            }
        }
    }

    /// Loads an input into locals; an error is kept until it is used.
    fn cache_fallible_input(&mut self, index: usize, locals: &[u32], error: u32) {
        let done = self.f.block(BlockType::Empty);
        let failed = self.f.block(BlockType::Empty);
        self.f.ins().i32_const(0).local_set(error);
        self.push_row_value(index, failed);
        self.f.set_all(locals);
        self.f.br(done);
        self.f.end();
        let raised = self.error;
        self.f.ins().local_get(raised).local_set(error);
        self.f.end();
    }

    /// Pushes the row's value of an input.
    pub(super) fn push_input(&mut self, index: usize, on_error: Label) {
        let access = &self.inputs[index];
        match access.cached.clone() {
            Some(locals) => {
                let kept = (locals, access.error);
                self.push_kept(&kept, on_error);
            }
            None => self.push_row_value(index, on_error),
        }
    }

    fn push_row_value(&mut self, index: usize, on_error: Label) {
        let ty = self.ruleset.inputs[index].ty.clone();
        let node = self.inputs[index].node.clone();
        self.push_value_at(&node, &ty, self.row, on_error);
    }

    /// Pushes what an array holds at a position in a local: a scalar, perhaps null.
    pub(super) fn push_stored(&mut self, node: &Node, ty: &Type, position: u32) {
        if !node.is_read {
            // A variable that nobody asks for
            let unset = self.locals(ty);
            return self.f.get_all(&unset);
        }
        match inner(ty) {
            Type::Bool => self.push_bit(node.values, position),
            Type::String | Type::Bytes => {
                let start = self.f.local(ValType::I32);
                let slot = self.f.local(ValType::I32);
                self.f
                    .ins()
                    .local_get(node.values)
                    .local_get(position)
                    .i32_const(2)
                    .i32_shl()
                    .i32_add()
                    .local_tee(slot);
                self.f
                    .ins()
                    .i32_load(at(0))
                    .local_tee(start)
                    .local_get(node.bytes)
                    .i32_add();
                self.f
                    .ins()
                    .local_get(slot)
                    .i32_load(at(4))
                    .local_get(start)
                    .i32_sub();
            }
            Type::Timestamp => {
                self.push_wide(node.values, position);
                self.f.ins().i64_load(at(0));
                self.split_microseconds();
            }
            Type::Double => {
                self.push_wide(node.values, position);
                self.f.ins().f64_load(at(0));
            }
            Type::Null => {}
            _ => {
                self.push_wide(node.values, position);
                self.f.ins().i64_load(at(0));
            }
        }
        if is_nullable(ty) {
            self.push_is_present(node, position);
        }
    }

    /// Pushes 1 where an array that may have nulls has a value.
    pub(super) fn push_is_present(&mut self, node: &Node, position: u32) {
        self.f.ins().local_get(node.validity);
        self.f.if_(BlockType::Result(ValType::I32));
        self.push_bit(node.validity, position);
        self.f.else_();
        self.f.ins().i32_const(1);
        self.f.end();
    }

    /// The address of a value of 8 bytes.
    fn push_wide(&mut self, values: u32, position: u32) {
        self.f
            .ins()
            .local_get(values)
            .local_get(position)
            .i32_const(3)
            .i32_shl()
            .i32_add();
    }

    /// A bit of a bitmap.
    fn push_bit(&mut self, bitmap: u32, position: u32) {
        self.f
            .ins()
            .local_get(bitmap)
            .local_get(position)
            .i32_const(3)
            .i32_shr_u()
            .i32_add()
            .i32_load8_u(at(0));
        self.f
            .ins()
            .local_get(position)
            .i32_const(7)
            .i32_and()
            .i32_shr_u()
            .i32_const(1)
            .i32_and();
    }

    /// Microseconds on the stack become seconds and nanoseconds.
    pub(super) fn split_microseconds(&mut self) {
        const MICROS: i64 = 1_000_000;
        let micros = self.f.local(ValType::I64);
        let rest = self.f.local(ValType::I64);
        // The remainder is negative before 1970: one second less, and a million microseconds more.
        self.f
            .ins()
            .local_tee(micros)
            .local_get(micros)
            .i64_const(MICROS)
            .i64_rem_s()
            .local_tee(rest)
            .i64_const(63)
            .i64_shr_s()
            .i64_const(MICROS)
            .i64_and()
            .local_get(rest)
            .i64_add()
            .local_tee(rest);
        self.f.ins().i64_sub().i64_const(MICROS).i64_div_s();
        self.f
            .ins()
            .local_get(rest)
            .i64_const(1_000)
            .i64_mul()
            .i32_wrap_i64();
    }
}
