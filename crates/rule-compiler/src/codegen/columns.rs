//! Reading input columns and writing result columns.

use super::expression::{InputAccess, RowCode, at};
use super::function::Label;
use super::layout::{
    array, buffer, buffer_case, inner, input_children, input_storage, is_fallible_input,
    is_nullable, n_arrays,
};
use super::module::function;
use super::nested::{Node, keys_of, nested_root, reads_part};
use super::trace::operands;
use crate::ir::{Expr, ExprKind, Function, RuleSet};
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

fn count_in(expr: &Expr, ruleset: &RuleSet, traced: bool, times: usize, uses: &mut [Uses]) {
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
        for operand in operands(expr) {
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

impl RowCode<'_> {
    /// Loads the addresses of the columns that are used; they are valid for the whole batch.
    pub(super) fn open_columns(&mut self, columns: u32, uses: &[Uses]) {
        let ruleset = self.ruleset;
        let mut next = 0;
        for (input, uses) in ruleset.inputs.iter().zip(uses) {
            let mut access = InputAccess::default();
            if uses.any == 0 {
                next += n_arrays(&input.ty);
            } else {
                access.node = Rc::new(self.open_array(columns, &input.ty, &mut next));
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

    fn open_array(&mut self, columns: u32, ty: &Type, next: &mut u32) -> Node {
        let base = u64::from(array::SIZE * *next);
        *next += 1;
        let mut node = Node::default();
        let storage = input_storage(ty);
        let case = buffer_case(&storage);
        if case != buffer::NONE {
            node.values = self.load_address(columns, base + array::VALUES);
        }
        if case == buffer::BYTES {
            node.bytes = self.load_address(columns, base + array::BYTES);
        }
        if is_nullable(&storage) {
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
        for child in input_children(ty) {
            let child = self.open_array(columns, child, next);
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
    fn split_microseconds(&mut self) {
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

/// Buffers of one result column.
#[derive(Debug, Clone, Default)]
pub(super) struct OutputColumn {
    /// Values of fixed width, bits or offsets
    pub(super) values: u32,
    /// Validity bitmap
    pub(super) validity: u32,
    /// Bytes of text and binary (of the elements, for a list)
    pub(super) bytes: Growable,
    /// For a list: the elements' values or offsets
    pub(super) elements: Growable,
    /// For a list: how many elements there are
    pub(super) n_elements: u32,
}

/// A buffer that grows: locals for its address, the bytes in use, and its capacity.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Growable {
    pub(super) pointer: u32,
    pub(super) length: u32,
    pub(super) capacity: u32,
}

impl RowCode<'_> {
    pub(super) fn growable(&mut self) -> Growable {
        let growable = Growable {
            pointer: self.f.local(ValType::I32),
            length: self.f.local(ValType::I32),
            capacity: self.f.local(ValType::I32),
        };
        self.f
            .ins()
            .i32_const(0)
            .local_set(growable.pointer)
            .i32_const(0)
            .local_set(growable.length)
            .i32_const(0)
            .local_set(growable.capacity);
        growable
    }

    /// Makes room behind what is in use; `push_size` pushes how many bytes.
    pub(super) fn make_room(&mut self, buffer: Growable, push_size: impl Fn(&mut Self)) {
        let needed = self.f.local(ValType::I32);
        self.f.ins().local_get(buffer.length);
        push_size(self);
        self.f
            .ins()
            .i32_add()
            .local_tee(needed)
            .local_get(buffer.capacity)
            .i32_gt_u();
        self.f.if_(BlockType::Empty);
        self.f
            .ins()
            .local_get(buffer.pointer)
            .local_get(buffer.length)
            .local_get(needed)
            .call(function::GROW);
        self.f
            .ins()
            .local_set(buffer.capacity)
            .local_set(buffer.pointer);
        self.f.end();
    }

    /// Appends the bytes at a pointer.
    pub(super) fn append_bytes(&mut self, buffer: Growable, pointer: u32, length: u32) {
        self.make_room(buffer, |code| {
            code.f.ins().local_get(length);
        });
        self.f
            .ins()
            .local_get(buffer.pointer)
            .local_get(buffer.length)
            .i32_add()
            .local_get(pointer)
            .local_get(length)
            .call(function::COPY);
        self.f
            .ins()
            .local_get(buffer.length)
            .local_get(length)
            .i32_add()
            .local_set(buffer.length);
    }

    /// Allocates the buffers of a result column for `rows` rows.
    pub(super) fn open_output(&mut self, ty: &Type, rows: u32) -> OutputColumn {
        let mut column = OutputColumn::default();
        if is_nullable(ty) {
            column.validity = self.allocate_bits(rows);
        }
        match inner(ty) {
            Type::Bool => column.values = self.allocate_bits(rows),
            Type::String | Type::Bytes => {
                column.values = self.allocate_offsets(rows);
                column.bytes = self.growable();
            }
            Type::List(element) => {
                column.values = self.allocate_offsets(rows);
                column.elements = self.growable();
                column.n_elements = self.f.local(ValType::I32);
                self.f.ins().i32_const(0).local_set(column.n_elements);
                if matches!(**element, Type::String | Type::Bytes) {
                    column.bytes = self.growable();
                    // The first offset.
                    self.make_room(column.elements, |code| {
                        code.f.ins().i32_const(4);
                    });
                    self.f
                        .ins()
                        .local_get(column.elements.pointer)
                        .i32_const(0)
                        .i32_store(at(0));
                    self.f.ins().i32_const(4).local_set(column.elements.length);
                }
            }
            Type::Null => {}
            _ => {
                column.values = self.f.local(ValType::I32);
                self.f
                    .ins()
                    .local_get(rows)
                    .i32_const(3)
                    .i32_shl()
                    .i32_const(8)
                    .call(function::ALLOCATE)
                    .local_set(column.values);
            }
        }
        column
    }

    fn allocate_bits(&mut self, rows: u32) -> u32 {
        let pointer = self.f.local(ValType::I32);
        let length = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(rows)
            .i32_const(7)
            .i32_add()
            .i32_const(3)
            .i32_shr_u()
            .local_tee(length);
        self.f
            .ins()
            .i32_const(8)
            .call(function::ALLOCATE)
            .local_tee(pointer)
            .i32_const(0)
            .local_get(length)
            .memory_fill(0);
        pointer
    }

    fn allocate_offsets(&mut self, rows: u32) -> u32 {
        let pointer = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(rows)
            .i32_const(2)
            .i32_shl()
            .i32_const(4)
            .i32_add()
            .i32_const(8)
            .call(function::ALLOCATE)
            .local_tee(pointer);
        self.f.ins().i32_const(0).i32_store(at(0));
        pointer
    }

    fn set_bit(&mut self, bitmap: u32, bit: u32) {
        let row = self.row;
        let address = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(bitmap)
            .local_get(row)
            .i32_const(3)
            .i32_shr_u()
            .i32_add()
            .local_tee(address);
        self.f
            .ins()
            .local_get(address)
            .i32_load8_u(at(0))
            .local_get(bit)
            .local_get(row)
            .i32_const(7)
            .i32_and()
            .i32_shl()
            .i32_or()
            .i32_store8(at(0));
    }

    /// Writes a scalar in locals as the row's result.
    pub(super) fn store_output(&mut self, column: &OutputColumn, ty: &Type, value: &[u32]) {
        let row = self.row;
        if let (true, Some(present)) = (is_nullable(ty), value.last()) {
            self.set_bit(column.validity, *present);
        }
        match inner(ty) {
            Type::Bool => self.set_bit(column.values, value[0]),
            Type::String | Type::Bytes => {
                if let (true, Some(present)) = (is_nullable(ty), value.last()) {
                    self.f.ins().local_get(*present);
                    self.f.if_(BlockType::Empty);
                    self.append_bytes(column.bytes, value[0], value[1]);
                    self.f.end();
                } else {
                    self.append_bytes(column.bytes, value[0], value[1]);
                }
                self.store_next_offset(column, column.bytes.length);
            }
            Type::Null => {}
            ty => {
                self.f
                    .ins()
                    .local_get(column.values)
                    .local_get(row)
                    .i32_const(3)
                    .i32_shl()
                    .i32_add();
                self.push_wide_value(ty, value);
            }
        }
    }

    /// Stores a value of 8 bytes at the address on the stack.
    fn push_wide_value(&mut self, ty: &Type, value: &[u32]) {
        let mut ins = self.f.ins();
        match ty {
            Type::Double => ins.local_get(value[0]).f64_store(at(0)),
            Type::Timestamp => ins
                .local_get(value[0])
                .i64_const(1_000_000)
                .i64_mul()
                .local_get(value[1])
                .i32_const(1_000)
                .i32_div_u()
                .i64_extend_i32_u()
                .i64_add()
                .i64_store(at(0)),
            _ => ins.local_get(value[0]).i64_store(at(0)),
        };
    }

    /// Ends the row of a column with offsets.
    pub(super) fn store_next_offset(&mut self, column: &OutputColumn, end: u32) {
        let row = self.row;
        self.f
            .ins()
            .local_get(column.values)
            .local_get(row)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_get(end)
            .i32_store(at(4));
    }

    /// Appends an element to the row's list.
    pub(super) fn append_element(&mut self, column: &OutputColumn, ty: &Type, value: &[u32]) {
        let elements = column.elements;
        let width = match ty {
            Type::String | Type::Bytes => {
                self.append_bytes(column.bytes, value[0], value[1]);
                4
            }
            Type::Bool => 1,
            _ => 8,
        };
        self.make_room(elements, |code| {
            code.f.ins().i32_const(width);
        });
        self.f
            .ins()
            .local_get(elements.pointer)
            .local_get(elements.length)
            .i32_add();
        match ty {
            Type::String | Type::Bytes => {
                self.f.ins().local_get(column.bytes.length).i32_store(at(0));
            }
            Type::Bool => {
                self.f.ins().local_get(value[0]).i32_store8(at(0));
            }
            ty => self.push_wide_value(ty, value),
        }
        self.f
            .ins()
            .local_get(elements.length)
            .i32_const(width)
            .i32_add()
            .local_set(elements.length);
        self.f
            .ins()
            .local_get(column.n_elements)
            .i32_const(1)
            .i32_add()
            .local_set(column.n_elements);
    }

    /// Takes back what the row has appended to its list.
    pub(super) fn truncate_list(&mut self, column: &OutputColumn, element: &Type) {
        let row = self.row;
        let n_elements = column.n_elements;
        self.f
            .ins()
            .local_get(column.values)
            .local_get(row)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .i32_load(at(0))
            .local_set(n_elements);
        match element {
            Type::String | Type::Bytes => {
                self.f
                    .ins()
                    .local_get(n_elements)
                    .i32_const(2)
                    .i32_shl()
                    .i32_const(4)
                    .i32_add()
                    .local_set(column.elements.length);
                self.f
                    .ins()
                    .local_get(column.elements.pointer)
                    .local_get(n_elements)
                    .i32_const(2)
                    .i32_shl()
                    .i32_add()
                    .i32_load(at(0))
                    .local_set(column.bytes.length);
            }
            Type::Bool => {
                self.f
                    .ins()
                    .local_get(n_elements)
                    .local_set(column.elements.length);
            }
            _ => {
                self.f
                    .ins()
                    .local_get(n_elements)
                    .i32_const(3)
                    .i32_shl()
                    .local_set(column.elements.length);
            }
        }
    }

    /// Pushes an element of the list under construction, by its number in a local.
    pub(super) fn push_element(&mut self, column: &OutputColumn, ty: &Type, index: u32) {
        let elements = column.elements.pointer;
        match ty {
            Type::String | Type::Bytes => {
                let slot = self.f.local(ValType::I32);
                let start = self.f.local(ValType::I32);
                self.f
                    .ins()
                    .local_get(elements)
                    .local_get(index)
                    .i32_const(2)
                    .i32_shl()
                    .i32_add()
                    .local_tee(slot);
                self.f
                    .ins()
                    .i32_load(at(0))
                    .local_tee(start)
                    .local_get(column.bytes.pointer)
                    .i32_add();
                self.f
                    .ins()
                    .local_get(slot)
                    .i32_load(at(4))
                    .local_get(start)
                    .i32_sub();
            }
            Type::Bool => {
                self.f
                    .ins()
                    .local_get(elements)
                    .local_get(index)
                    .i32_add()
                    .i32_load8_u(at(0));
            }
            ty => {
                self.f
                    .ins()
                    .local_get(elements)
                    .local_get(index)
                    .i32_const(3)
                    .i32_shl()
                    .i32_add();
                match ty {
                    Type::Double => {
                        self.f.ins().f64_load(at(0));
                    }
                    Type::Timestamp => {
                        self.f.ins().i64_load(at(0));
                        self.split_microseconds();
                    }
                    _ => {
                        self.f.ins().i64_load(at(0));
                    }
                }
            }
        }
    }
}
