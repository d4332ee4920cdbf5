//! Opening and closing sessions.
//!
//! The heap is a stack: a call allocates upwards, and its end takes everything back. What a session keeps moves
//! the bottom of that stack up; the blocks of closed sessions are listed and used again.

use super::expression::at;
use super::function::FunctionBuilder;
use super::layout::{RESULT_SIZE, slots, value, value_case};
use super::module::{ModuleBuilder, function, global};
use super::statics::Statics;
use crate::ir::{Const, RuleSet};
use crate::types::Type;
use wasm_encoder::{BlockType, Ieee64, ValType};

/// In front of a session's block: its size, and the next free block.
const HEADER_BYTES: i32 = 8;

fn slot_bytes(slot: ValType) -> u32 {
    if slot == ValType::I32 { 4 } else { 8 }
}

/// A decimal in a block: its cell and its coefficient.
const DECIMAL_BYTES: u32 = 32;

fn bytes_of(ty: &Type) -> u32 {
    match ty {
        Type::Decimal => DECIMAL_BYTES,
        ty => slots(ty).into_iter().map(slot_bytes).sum(),
    }
}

/// Where each parameter lies in a session's block.
pub(super) fn param_offsets(ruleset: &RuleSet) -> Vec<u32> {
    let mut offset: u32 = 0;
    let mut offsets = Vec::new();
    for param in &ruleset.params {
        offset = offset.next_multiple_of(8);
        offsets.push(offset);
        offset += bytes_of(&param.ty);
    }
    offsets
}

fn params_bytes(ruleset: &RuleSet) -> u32 {
    let last = ruleset.params.last().map_or(0, |param| bytes_of(&param.ty));
    (param_offsets(ruleset).last().copied().unwrap_or_default() + last).next_multiple_of(8)
}

/// A function that returns a constant.
pub(super) fn constant(n_params: u32, result: u32) -> FunctionBuilder {
    let mut f = FunctionBuilder::new(n_params);
    f.ins().i32_const(result as i32);
    f
}

/// `(address of a result)`: takes back what the call allocated.
pub(super) fn release() -> FunctionBuilder {
    let mut f = FunctionBuilder::new(1);
    f.ins().global_get(global::KEPT).global_set(global::HEAP);
    f
}

/// `open(parameters, number of parameters) -> address of the result`
pub(super) fn open(
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    statics: &Statics,
) -> FunctionBuilder {
    let (params, n_params) = (0, 1);
    let mut f = FunctionBuilder::new(2);
    let result = module.data.reserve(RESULT_SIZE) as i32;
    f.ins()
        .local_get(n_params)
        .i32_const(ruleset.params.len() as i32)
        .i32_ne();
    return_if(&mut f, statics.wrong_number_of_params);
    let block = f.local(ValType::I32);
    if !ruleset.params.is_empty() {
        check_params(&mut f, ruleset, module, statics, params);
        take_block(&mut f, ruleset, params, block);
        fill_block(&mut f, ruleset, module, params, block);
    }
    f.ins().i32_const(result).i32_const(0).i32_store8(at(0));
    f.ins().i32_const(result).local_get(block).i32_store(at(4));
    f.ins().i32_const(result);
    f
}

fn return_if(f: &mut FunctionBuilder, result: u32) {
    f.if_(BlockType::Empty);
    f.ins().i32_const(result as i32).return_();
    f.end();
}

fn param_address(index: usize) -> u64 {
    index as u64 * u64::from(value::SIZE)
}

fn check_params(
    f: &mut FunctionBuilder,
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    statics: &Statics,
    params: u32,
) {
    for ((index, param), refusal) in ruleset
        .params
        .iter()
        .enumerate()
        .zip(&statics.param_refusals)
    {
        let case = f.local(ValType::I32);
        f.ins()
            .local_get(params)
            .i32_load8_u(at(param_address(index)))
            .local_tee(case);
        f.ins()
            .i32_const(i32::from(value_case(&param.ty)))
            .i32_ne()
            .local_get(case)
            .i32_const(i32::from(value::ABSENT))
            .i32_ne()
            .i32_and();
        return_if(f, *refusal);
        if param.ty == Type::Decimal {
            let base = param_address(index);
            let place = module.data.reserve(DECIMAL_BYTES) as i32;
            let keep = module.helper("decimal_keep");
            f.ins().local_get(case);
            f.if_(BlockType::Empty);
            push_param_text(f, params, base);
            f.ins().i32_const(place);
            f.call(keep);
            return_if(f, *refusal);
            f.end();
        }
    }
}

/// The address and length of a parameter's text.
fn push_param_text(f: &mut FunctionBuilder, params: u32, base: u64) {
    f.ins()
        .local_get(params)
        .i32_load(at(base + value::PAYLOAD))
        .local_get(params)
        .i32_load(at(base + value::TEXT_LENGTH));
}

fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Bytes)
}

/// A block for the parameters and the texts in them: a free one that is large enough, or a new one.
fn take_block(f: &mut FunctionBuilder, ruleset: &RuleSet, params: u32, block: u32) {
    let size = f.local(ValType::I32);
    f.ins()
        .i32_const(params_bytes(ruleset) as i32)
        .local_set(size);
    for (index, param) in ruleset
        .params
        .iter()
        .enumerate()
        .filter(|(_, param)| is_bytes(&param.ty))
    {
        debug_assert!(is_bytes(&param.ty), "only texts have a length");
        let base = param_address(index);
        f.ins().local_get(params).i32_load8_u(at(base));
        f.if_(BlockType::Empty);
        f.ins()
            .local_get(size)
            .local_get(params)
            .i32_load(at(base + value::TEXT_LENGTH))
            .i32_add()
            .local_set(size);
        f.end();
    }
    // Writing a text may write up to 7 bytes more.
    f.ins()
        .local_get(size)
        .i32_const(HEADER_BYTES + 8)
        .i32_add()
        .local_set(size);

    let link = f.local(ValType::I32);
    let found = f.block(BlockType::Empty);
    f.ins()
        .global_get(global::FREE)
        .local_set(block)
        .i32_const(0)
        .local_set(link);
    let none = f.block(BlockType::Empty);
    let next = f.loop_();
    f.ins().local_get(block).i32_eqz();
    f.br_if(none);
    f.ins()
        .local_get(block)
        .i32_load(at(0))
        .local_get(size)
        .i32_ge_u();
    f.if_(BlockType::Empty);
    f.ins().local_get(link);
    f.if_(BlockType::Empty);
    f.ins()
        .local_get(link)
        .local_get(block)
        .i32_load(at(4))
        .i32_store(at(4));
    f.else_();
    f.ins()
        .local_get(block)
        .i32_load(at(4))
        .global_set(global::FREE);
    f.end();
    f.br(found);
    f.end();
    f.ins()
        .local_get(block)
        .local_tee(link)
        .i32_load(at(4))
        .local_set(block);
    f.br(next);
    f.end();
    f.end();
    f.ins().local_get(size).i32_const(8);
    f.call(function::ALLOCATE)
        .local_tee(block)
        .local_get(size)
        .i32_store(at(0));
    f.ins().global_get(global::HEAP).global_set(global::KEPT);
    f.end();
    f.ins()
        .local_get(block)
        .i32_const(HEADER_BYTES)
        .i32_add()
        .local_set(block);
}

fn fill_block(
    f: &mut FunctionBuilder,
    ruleset: &RuleSet,
    module: &mut ModuleBuilder,
    params: u32,
    block: u32,
) {
    let text = f.local(ValType::I32);
    f.ins()
        .local_get(block)
        .i32_const(params_bytes(ruleset) as i32)
        .i32_add()
        .local_set(text);
    for ((index, param), offset) in ruleset
        .params
        .iter()
        .enumerate()
        .zip(param_offsets(ruleset))
    {
        let offset = u64::from(offset);
        let base = param_address(index);
        f.ins().local_get(params).i32_load8_u(at(base));
        f.if_(BlockType::Empty);
        if param.ty == Type::Decimal {
            let keep = module.helper("decimal_keep");
            push_param_text(f, params, base);
            keep_decimal(f, keep, block, offset);
            f.else_();
            store_default(f, module, &param.default, block, offset);
            f.end();
            continue;
        }
        let mut ins = f.ins();
        match &param.ty {
            Type::Bool => ins
                .local_get(block)
                .local_get(params)
                .i32_load8_u(at(base + value::PAYLOAD))
                .i32_store(at(offset)),
            Type::Double => ins
                .local_get(block)
                .local_get(params)
                .f64_load(at(base + value::PAYLOAD))
                .f64_store(at(offset)),
            Type::Timestamp => ins
                .local_get(block)
                .local_get(params)
                .i64_load(at(base + value::PAYLOAD))
                .i64_store(at(offset))
                .local_get(block)
                .local_get(params)
                .i32_load(at(base + value::SECOND))
                .i32_store(at(offset + 8)),
            ty if is_bytes(ty) => {
                ins.local_get(text)
                    .local_get(params)
                    .i32_load(at(base + value::PAYLOAD))
                    .local_get(params)
                    .i32_load(at(base + value::TEXT_LENGTH));
                ins = f.call(function::COPY);
                ins.local_get(block)
                    .local_get(text)
                    .i32_store(at(offset))
                    .local_get(block)
                    .local_get(params)
                    .i32_load(at(base + value::TEXT_LENGTH))
                    .i32_store(at(offset + 4))
                    .local_get(text)
                    .local_get(params)
                    .i32_load(at(base + value::TEXT_LENGTH))
                    .i32_add()
                    .local_set(text)
            }
            _ => ins
                .local_get(block)
                .local_get(params)
                .i64_load(at(base + value::PAYLOAD))
                .i64_store(at(offset)),
        };
        f.else_();
        store_default(f, module, &param.default, block, offset);
        f.end();
    }
}

/// Keeps the decimal whose text is on the stack, and known to be one.
fn keep_decimal(f: &mut FunctionBuilder, keep: u32, block: u32, offset: u64) {
    f.ins().local_get(block).i32_const(offset as i32).i32_add();
    f.call(keep).drop();
}

fn store_default(
    f: &mut FunctionBuilder,
    module: &mut ModuleBuilder,
    default: &Const,
    block: u32,
    offset: u64,
) {
    if let Const::Decimal(value) = default {
        let text = value.to_string();
        let address = module.data.intern(text.as_bytes());
        let keep = module.helper("decimal_keep");
        f.ins()
            .i32_const(address as i32)
            .i32_const(text.len() as i32);
        return keep_decimal(f, keep, block, offset);
    }
    let literal = match default {
        Const::String(text) => Some(text.as_bytes()),
        Const::Bytes(bytes) => Some(&bytes[..]),
        _ => None,
    };
    let address = literal.map(|bytes| module.data.intern(bytes));
    let mut ins = f.ins();
    ins.local_get(block);
    match default {
        Const::Bool(value) => ins.i32_const(i32::from(*value)).i32_store(at(offset)),
        Const::Int(value) | Const::Duration(value) => ins.i64_const(*value).i64_store(at(offset)),
        Const::Uint(value) => ins.i64_const(*value as i64).i64_store(at(offset)),
        Const::Double(value) => ins.f64_const(Ieee64::from(*value)).f64_store(at(offset)),
        Const::Timestamp(seconds, nanos) => ins
            .i64_const(*seconds)
            .i64_store(at(offset))
            .local_get(block)
            .i32_const(*nanos as i32)
            .i32_store(at(offset + 8)),
        _ => {
            let length = literal.map_or(0, <[u8]>::len);
            ins.i32_const(address.unwrap_or_default() as i32)
                .i32_store(at(offset))
                .local_get(block)
                .i32_const(length as i32)
                .i32_store(at(offset + 4))
        }
    };
}

/// `[dtor]session(block)`: lists the block as free.
pub(super) fn close(ruleset: &RuleSet) -> FunctionBuilder {
    let block = 0;
    let mut f = FunctionBuilder::new(1);
    if !ruleset.params.is_empty() {
        f.ins()
            .local_get(block)
            .i32_const(HEADER_BYTES)
            .i32_sub()
            .local_tee(block);
        f.ins()
            .global_get(global::FREE)
            .i32_store(at(4))
            .local_get(block)
            .global_set(global::FREE);
    }
    f
}
