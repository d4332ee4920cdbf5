//! Functions that every module has: allocation, copies, and the check of an array.

use super::expression::at;
use super::function::FunctionBuilder;
use super::layout::array;
use super::module::{function, global};
use wasm_encoder::{BlockType, ValType};

/// `cabi_realloc(old, old size, alignment, new size) -> address`
pub(super) fn reallocate() -> FunctionBuilder {
    let (old, old_size, alignment, new_size) = (0, 1, 2, 3);
    let mut f = FunctionBuilder::new(4);
    let new = f.local(ValType::I32);
    f.ins().local_get(new_size).local_get(alignment);
    f.call(function::ALLOCATE).local_set(new);
    f.ins().local_get(old);
    f.if_(BlockType::Empty);
    f.ins().local_get(new).local_get(old);
    f.ins()
        .local_get(old_size)
        .local_get(new_size)
        .local_get(old_size)
        .local_get(new_size)
        .i32_lt_u()
        .select();
    f.ins().memory_copy(0, 0);
    f.end();
    f.ins().local_get(new);
    f
}

/// `(size, alignment) -> address`; traps when the memory's limit is reached.
pub(super) fn allocate() -> FunctionBuilder {
    const PAGE_SHIFT: i32 = 16;
    /// Copies may touch a few bytes more than they were asked for.
    const SLACK_BYTES: i32 = 64;
    const MIN_GROWTH_PAGES: i32 = 16;
    let (size, alignment) = (0, 1);
    let mut f = FunctionBuilder::new(2);
    let start = f.local(ValType::I32);
    let end = f.local(ValType::I32);
    let missing = f.local(ValType::I32);
    f.ins()
        .global_get(global::HEAP)
        .local_get(alignment)
        .i32_add()
        .i32_const(1)
        .i32_sub();
    f.ins()
        .i32_const(0)
        .local_get(alignment)
        .i32_sub()
        .i32_and()
        .local_tee(start);
    f.ins()
        .local_get(size)
        .i32_add()
        .local_tee(end)
        .local_get(start)
        .i32_lt_u();
    f.ins()
        .local_get(end)
        .i32_const(-SLACK_BYTES)
        .i32_gt_u()
        .i32_or();
    f.if_(BlockType::Empty);
    f.ins().unreachable();
    f.end();
    f.ins()
        .local_get(end)
        .i32_const(SLACK_BYTES)
        .i32_add()
        .i32_const(PAGE_SHIFT)
        .i32_shr_u()
        .i32_const(1)
        .i32_add();
    f.ins()
        .memory_size(0)
        .i32_sub()
        .local_tee(missing)
        .i32_const(0)
        .i32_gt_s();
    f.if_(BlockType::Empty);
    // A little more at once, or just what is missing where there is no more.
    f.ins()
        .local_get(missing)
        .i32_const(MIN_GROWTH_PAGES)
        .local_get(missing)
        .i32_const(MIN_GROWTH_PAGES)
        .i32_gt_u()
        .select();
    f.ins().memory_grow(0).i32_const(-1).i32_eq();
    f.if_(BlockType::Empty);
    f.ins()
        .local_get(missing)
        .memory_grow(0)
        .i32_const(-1)
        .i32_eq();
    f.if_(BlockType::Empty);
    f.ins().unreachable();
    f.end();
    f.end();
    f.end();
    f.ins()
        .local_get(end)
        .global_set(global::HEAP)
        .local_get(start);
    f
}

/// `(buffer, bytes in use, bytes needed) -> (buffer, capacity)`: twice what is needed.
pub(super) fn grow() -> FunctionBuilder {
    const MIN_CAPACITY: i32 = 512;
    let (old, length, needed) = (0, 1, 2);
    let mut f = FunctionBuilder::new(3);
    let capacity = f.local(ValType::I32);
    let new = f.local(ValType::I32);
    f.ins()
        .local_get(needed)
        .i32_const(1)
        .i32_shl()
        .local_tee(capacity);
    f.ins()
        .i32_const(MIN_CAPACITY)
        .local_get(capacity)
        .i32_const(MIN_CAPACITY)
        .i32_gt_u()
        .select()
        .local_tee(capacity);
    // Copies may write up to 7 bytes behind the end.
    f.ins().i32_const(8).i32_add().i32_const(8);
    f.call(function::ALLOCATE).local_tee(new);
    f.ins().local_get(old).local_get(length).memory_copy(0, 0);
    f.ins().local_get(new).local_get(capacity);
    f
}

/// `(size) -> address`: memory for the values of one row, which the next row uses again.
pub(super) fn allocate_temp() -> FunctionBuilder {
    const MIN_CHUNK_BYTES: i32 = 16_384;
    let size = 0;
    let mut f = FunctionBuilder::new(1);
    let start = f.local(ValType::I32);
    let chunk_size = f.local(ValType::I32);
    // Room for the bytes that copies may write more, and in steps of 8.
    f.ins()
        .local_get(size)
        .i32_const(15)
        .i32_add()
        .i32_const(-8)
        .i32_and()
        .local_set(size);
    f.ins()
        .global_get(global::TEMP)
        .local_get(size)
        .i32_add()
        .global_get(global::TEMP_END)
        .i32_gt_u();
    f.if_(BlockType::Empty);
    // The new chunk is larger than the old one, so that rows soon find room without growing.
    f.ins()
        .global_get(global::TEMP_END)
        .global_get(global::TEMP_START)
        .i32_sub()
        .local_get(size)
        .i32_add()
        .i32_const(1)
        .i32_shl()
        .local_tee(chunk_size);
    f.ins()
        .i32_const(MIN_CHUNK_BYTES)
        .local_get(chunk_size)
        .i32_const(MIN_CHUNK_BYTES)
        .i32_gt_u()
        .select()
        .local_tee(chunk_size);
    f.ins().i32_const(8);
    f.call(function::ALLOCATE)
        .local_tee(start)
        .global_set(global::TEMP_START);
    f.ins()
        .local_get(start)
        .global_set(global::TEMP)
        .local_get(start)
        .local_get(chunk_size)
        .i32_add()
        .global_set(global::TEMP_END);
    f.end();
    f.ins()
        .global_get(global::TEMP)
        .local_tee(start)
        .local_get(size)
        .i32_add()
        .global_set(global::TEMP);
    f.ins().local_get(start);
    f
}

/// `(array, case, rows, least length of the values) -> 1` where the array has that many values of that case.
pub(super) fn array_fits() -> FunctionBuilder {
    let (address, case, rows, least) = (0, 1, 2, 3);
    let mut f = FunctionBuilder::new(4);
    let mut ins = f.ins();
    ins.local_get(address)
        .i32_load8_u(at(array::CASE))
        .local_get(case)
        .i32_eq();
    ins.local_get(address)
        .i32_load(at(array::LENGTH))
        .local_get(rows)
        .i32_eq()
        .i32_and();
    ins.local_get(address)
        .i32_load(at(array::VALUES_LENGTH))
        .i32_const(0)
        .local_get(case)
        .select()
        .local_get(least)
        .i32_ge_u()
        .i32_and();
    ins.local_get(address)
        .i32_load8_u(at(array::HAS_VALIDITY))
        .i32_eqz();
    ins.local_get(address)
        .i32_load(at(array::VALIDITY_LENGTH))
        .local_get(rows)
        .i32_const(7)
        .i32_add()
        .i32_const(3)
        .i32_shr_u()
        .i32_ge_u()
        .i32_or()
        .i32_and();
    f
}

/// `(to, from, length)`: copies 8 bytes at a time, so that up to 7 more may be read and written.
pub(super) fn copy() -> FunctionBuilder {
    const MAX_LOOP_BYTES: i32 = 128;
    let (to, from, length) = (0, 1, 2);
    let mut f = FunctionBuilder::new(3);
    let index = f.local(ValType::I32);
    f.ins()
        .local_get(length)
        .i32_const(MAX_LOOP_BYTES)
        .i32_gt_u();
    f.if_(BlockType::Empty);
    f.ins()
        .local_get(to)
        .local_get(from)
        .local_get(length)
        .memory_copy(0, 0)
        .return_();
    f.end();
    let done = f.block(BlockType::Empty);
    let next = f.loop_();
    f.ins().local_get(index).local_get(length).i32_ge_u();
    f.br_if(done);
    f.ins()
        .local_get(to)
        .local_get(index)
        .i32_add()
        .local_get(from)
        .local_get(index)
        .i32_add()
        .i64_load(at(0))
        .i64_store(at(0));
    f.ins()
        .local_get(index)
        .i32_const(8)
        .i32_add()
        .local_set(index);
    f.br(next);
    f.end();
    f.end();
    f
}
