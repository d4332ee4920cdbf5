//! Result columns while they grow: values, validity, texts and lists.

use super::expression::{RowCode, at};
use super::function::Label;
use super::layout::{inner, is_nullable};
use super::module::function;
use crate::ir::{Expr, Fold};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

/// Buffers of one result column.
#[derive(Debug, Clone, Default)]
pub(super) struct OutputColumn {
    /// Values of fixed width, bits or offsets
    pub(super) values: u32,
    /// The last eight bits of values, the latest one highest
    value_bits: u32,
    /// Validity bitmap
    pub(super) validity: u32,
    /// The same of validity
    validity_bits: u32,
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

/// Whether elements of lists take 8 bytes each.
pub(super) fn is_wide(element: &Type) -> bool {
    !matches!(element, Type::String | Type::Bytes | Type::Bool)
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
            .local_get(needed);
        self.f.call(function::GROW);
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
            .local_get(length);
        self.f.call(function::COPY);
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
            (column.validity, column.validity_bits) = self.allocate_bits(rows);
        }
        match inner(ty) {
            Type::Bool => (column.values, column.value_bits) = self.allocate_bits(rows),
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
                    .i32_const(8);
                self.f.call(function::ALLOCATE).local_set(column.values);
            }
        }
        column
    }

    /// A bitmap, and the local for its last bits. It has one more byte, which `finish_bits` may write.
    fn allocate_bits(&mut self, rows: u32) -> (u32, u32) {
        let pointer = self.f.local(ValType::I32);
        let bits = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(rows)
            .i32_const(3)
            .i32_shr_u()
            .i32_const(1)
            .i32_add()
            .i32_const(8);
        self.f.call(function::ALLOCATE).local_set(pointer);
        (pointer, bits)
    }

    pub(super) fn allocate_offsets(&mut self, rows: u32) -> u32 {
        let pointer = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(rows)
            .i32_const(2)
            .i32_shl()
            .i32_const(4)
            .i32_add()
            .i32_const(8);
        self.f.call(function::ALLOCATE).local_tee(pointer);
        self.f.ins().i32_const(0).i32_store(at(0));
        pointer
    }

    /// Adds the row's bit to a bitmap: the last eight are written for every row, so that nothing has to be read.
    fn add_bit(&mut self, bitmap: u32, bits: u32, bit: u32) {
        let row = self.row;
        self.f
            .ins()
            .local_get(bitmap)
            .local_get(row)
            .i32_const(3)
            .i32_shr_u()
            .i32_add()
            .local_get(bits)
            .i32_const(1)
            .i32_shr_u()
            .local_get(bit)
            .i32_const(7)
            .i32_shl()
            .i32_or()
            .local_tee(bits)
            .i32_store8(at(0));
    }

    /// Ends the bitmaps of a column: the bits of the last byte move to their places.
    pub(super) fn finish_bits(&mut self, column: &OutputColumn, ty: &Type, rows: u32) {
        let bitmaps = [
            (is_nullable(ty), column.validity, column.validity_bits),
            (*inner(ty) == Type::Bool, column.values, column.value_bits),
        ];
        for (_, bitmap, bits) in bitmaps.into_iter().filter(|(is_there, ..)| *is_there) {
            let mut ins = self.f.ins();
            ins.local_get(bitmap)
                .local_get(rows)
                .i32_const(3)
                .i32_shr_u()
                .i32_add();
            ins.local_get(bits)
                .i32_const(8)
                .local_get(rows)
                .i32_const(7)
                .i32_and()
                .i32_sub()
                .i32_shr_u()
                .i32_store8(at(0));
        }
    }

    /// Writes a scalar in locals as the row's result.
    pub(super) fn store_output(&mut self, column: &OutputColumn, ty: &Type, value: &[u32]) {
        let row = self.row;
        if let (true, Some(present)) = (is_nullable(ty), value.last()) {
            self.add_bit(column.validity, column.validity_bits, *present);
        }
        match inner(ty) {
            Type::Bool => self.add_bit(column.values, column.value_bits, value[0]),
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

    /// Appends what a `map` computes to the row's list of elements of 8 bytes. No element may fail.
    pub(super) fn append_each(
        &mut self,
        column: &OutputColumn,
        ty: &Type,
        fold: &Fold<Expr>,
        on_error: Label,
    ) {
        /// So many need more memory than there is; their size would not fit into 32 bits.
        const TOO_MANY_SHIFT: i32 = 28;
        let elements = column.elements;
        let cursor = self.f.local(ValType::I32);
        let open = |code: &mut Self, count| {
            code.f
                .ins()
                .local_get(count)
                .i32_const(TOO_MANY_SHIFT)
                .i32_shr_u();
            code.f.if_(BlockType::Empty);
            code.f.ins().unreachable();
            code.f.end();
            code.make_room(elements, |code| {
                code.f.ins().local_get(count).i32_const(3).i32_shl();
            });
            code.f
                .ins()
                .local_get(elements.pointer)
                .local_get(elements.length)
                .i32_add()
                .local_set(cursor);
        };
        self.emit_each(fold, on_error, open, |code, value| {
            code.f.ins().local_get(cursor);
            code.push_wide_value(ty, value);
            code.f
                .ins()
                .local_get(cursor)
                .i32_const(8)
                .i32_add()
                .local_set(cursor);
        });
        self.f
            .ins()
            .local_get(cursor)
            .local_get(elements.pointer)
            .i32_sub()
            .local_tee(elements.length)
            .i32_const(3)
            .i32_shr_u()
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
