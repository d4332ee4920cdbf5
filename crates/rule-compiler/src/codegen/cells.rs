//! Values in linear memory: cells of 16 bytes that say what they hold (`rule-runtime`'s `Value`).

use super::data::{Record, StaticData};
use super::expression::{RowCode, at};
use super::function::Label;
use super::layout::{is_cell, is_nullable};
use super::module::function;
use crate::ir::{Const, Expr, ExprKind};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

/// The tags of cells.
pub(super) mod tag {
    pub(crate) const NULL: u32 = 0;
    pub(crate) const LIST: u32 = 9;
    pub(crate) const MAP: u32 = 10;
    pub(crate) const TYPE: u32 = 11;
    pub(crate) const OPTIONAL: u32 = 12;
    pub(crate) const DECIMAL: u32 = 15;
    /// The names of the types, by tag
    pub(crate) const TYPE_NAMES: [&str; 16] = [
        "null_type",
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "list",
        "map",
        "type",
        "optional_type",
        "net.IP",
        "net.CIDR",
        "decimal",
    ];
}

pub(super) const CELL_BYTES: u32 = 16;
pub(super) const EXTRA: u64 = 4;
pub(super) const PAYLOAD: u64 = 8;

/// In descriptions of types: a value that may be null.
const NULLABLE: u8 = 254;
/// In descriptions of types: anything.
const ANY: u8 = 255;

/// The tag of the cells that hold values of a type; `None` where that can be any.
pub(super) fn tag_of(ty: &Type) -> Option<u32> {
    let name = ty.runtime_name()?;
    let index = tag::TYPE_NAMES.iter().position(|each| *each == name)?;
    Some(index as u32)
}

/// A type as `rule-runtime` reads it: tags in pre-order.
pub(super) fn describe(ty: &Type, out: &mut Vec<u8>) {
    match (ty, tag_of(ty)) {
        (Type::Nullable(inner), _) => {
            out.push(NULLABLE);
            describe(inner, out);
        }
        (_, None) => out.push(ANY),
        (_, Some(tag)) => {
            out.push(tag as u8);
            match ty {
                // Which fields there are is the checker's business: nothing but a struct is taken for one.
                Type::Struct(_) => {
                    describe(&Type::String, out);
                    out.push(ANY);
                }
                Type::List(inner) | Type::Optional(inner) => describe(inner, out),
                Type::Map(key, value) => {
                    describe(key, out);
                    describe(value, out);
                }
                _ => {}
            }
        }
    }
}

/// The value of an expression that is the same in every row.
pub(super) fn constant(expr: &Expr) -> Option<Const> {
    match &expr.kind {
        ExprKind::Const(value) => Some(value.clone()),
        ExprKind::Wrap(operand) => constant(operand),
        ExprKind::Convert(operand) if expr.ty == Type::Dyn || is_cell(&operand.ty) => {
            constant(operand).filter(|_| crate::check::covers(&expr.ty, &operand.ty))
        }
        ExprKind::List(items) => items
            .iter()
            .map(constant)
            .collect::<Option<_>>()
            .map(Const::List),
        ExprKind::Map(entries) if has_distinct_keys(entries) => entries
            .iter()
            .map(|(key, value)| Some((constant(key)?, constant(value)?)))
            .collect::<Option<_>>()
            .map(Const::Map),
        _ => None,
    }
}

/// Whether the keys of a map literal are known to be valid and different.
pub(super) fn has_distinct_keys(entries: &[(Expr, Expr)]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    entries.iter().all(|(key, _)| {
        // Ints and uints are equal by value.
        let text = match constant(key) {
            Some(Const::Bool(value)) => format!("b{value}"),
            Some(Const::Int(value)) => format!("i{value}"),
            Some(Const::Uint(value)) => format!("i{value}"),
            Some(Const::String(value)) => format!("s{value}"),
            _ => return false,
        };
        seen.insert(text)
    })
}

impl StaticData {
    /// The address of a cell with a constant.
    pub(super) fn cell(&mut self, value: &Const) -> u32 {
        let mut record = Record::new();
        self.push_cell(&mut record, value);
        self.intern_record(&record)
    }

    fn push_cell(&mut self, record: &mut Record, value: &Const) {
        let scalar = |record: &mut Record, tag: u32, payload: u64| {
            record.align(8).u32(tag).u32(0).u64(payload);
        };
        let text = |data: &mut Self, record: &mut Record, tag: u32, bytes: &[u8]| {
            let address = data.intern(bytes);
            let record = record.align(8).u32(tag).u32(bytes.len() as u32);
            record.u64(u64::from(address));
        };
        match value {
            Const::Null => scalar(record, tag::NULL, 0),
            Const::Bool(value) => scalar(record, 1, u64::from(*value)),
            Const::Int(value) => scalar(record, 2, *value as u64),
            Const::Uint(value) => scalar(record, 3, *value),
            Const::Double(value) => scalar(record, 4, value.to_bits()),
            Const::String(value) => text(self, record, 5, value.as_bytes()),
            Const::Bytes(value) => text(self, record, 6, value),
            Const::Timestamp(seconds, nanos) => {
                record.align(8).u32(7).u32(*nanos).u64(*seconds as u64);
            }
            Const::Duration(value) => scalar(record, 8, *value as u64),
            Const::Decimal(value) => {
                let address = self.intern(&value.coefficient().to_le_bytes());
                let record = record.align(8).u32(tag::DECIMAL).u32(value.scale());
                record.u64(u64::from(address));
            }
            Const::List(items) => {
                let mut elements = Record::new();
                for item in items {
                    self.push_cell(&mut elements, item);
                }
                let address = self.intern_record(&elements);
                let record = record.align(8).u32(tag::LIST).u32(items.len() as u32);
                record.u64(u64::from(address));
            }
            Const::Map(items) => {
                let mut entries = Record::new();
                for (key, value) in items {
                    self.push_cell(&mut entries, key);
                    self.push_cell(&mut entries, value);
                }
                let address = self.intern_record(&entries);
                let record = record.align(8).u32(tag::MAP).u32(items.len() as u32);
                record.u64(u64::from(address));
            }
            Const::Type(name) => text(self, record, tag::TYPE, name.as_bytes()),
            Const::Optional(content) => {
                let address = content.as_ref().map_or(0, |content| self.cell(content));
                scalar(record, tag::OPTIONAL, u64::from(address));
            }
        }
    }

    /// The address of the cells of all types, in the order of their tags.
    pub(super) fn type_cells(&mut self) -> u32 {
        let mut record = Record::new();
        for name in tag::TYPE_NAMES {
            self.push_cell(&mut record, &Const::Type(name.to_owned()));
        }
        self.intern_record(&record)
    }
}

impl RowCode<'_> {
    /// Pushes the address of a constant's cell.
    pub(super) fn push_cell(&mut self, value: &Const) {
        let address = self.module.data.cell(value);
        self.f.ins().i32_const(address as i32);
    }

    /// The address of new memory for this row, in a new local; `push_size` pushes how many bytes.
    pub(super) fn allocate_temp(&mut self, push_size: impl FnOnce(&mut Self)) -> u32 {
        let address = self.f.local(ValType::I32);
        push_size(self);
        self.f.call(function::ALLOCATE_TEMP).local_set(address);
        address
    }

    /// Stores a value in locals as a cell.
    pub(super) fn store_cell(&mut self, address: u32, offset: u64, ty: &Type, value: &[u32]) {
        let store_tag = |code: &mut Self, tag: u32| {
            code.f
                .ins()
                .local_get(address)
                .i64_const(i64::from(tag))
                .i64_store(at(offset));
        };
        let tag = tag_of(ty).unwrap_or_default();
        match ty {
            Type::Nullable(inner) => {
                let (Some((present, value)), true) = (value.split_last(), is_nullable(ty)) else {
                    return;
                };
                self.f.ins().local_get(*present);
                self.f.if_(BlockType::Empty);
                self.store_cell(address, offset, inner, value);
                self.f.else_();
                self.store_cell(address, offset, &Type::Null, &[]);
                self.f.end();
            }
            Type::Null => {
                store_tag(self, tag::NULL);
                self.f
                    .ins()
                    .local_get(address)
                    .i64_const(0)
                    .i64_store(at(offset + PAYLOAD));
            }
            Type::Bool => {
                store_tag(self, tag);
                self.f
                    .ins()
                    .local_get(address)
                    .local_get(value[0])
                    .i64_extend_i32_u()
                    .i64_store(at(offset + PAYLOAD));
            }
            Type::Int | Type::Uint | Type::Duration => {
                store_tag(self, tag);
                self.f
                    .ins()
                    .local_get(address)
                    .local_get(value[0])
                    .i64_store(at(offset + PAYLOAD));
            }
            Type::Double => {
                store_tag(self, tag);
                self.f
                    .ins()
                    .local_get(address)
                    .local_get(value[0])
                    .f64_store(at(offset + PAYLOAD));
            }
            Type::String | Type::Bytes => {
                self.f
                    .ins()
                    .local_get(address)
                    .i32_const(tag as i32)
                    .i32_store(at(offset))
                    .local_get(address)
                    .local_get(value[1])
                    .i32_store(at(offset + EXTRA))
                    .local_get(address)
                    .local_get(value[0])
                    .i64_extend_i32_u()
                    .i64_store(at(offset + PAYLOAD));
            }
            Type::Timestamp => {
                self.f
                    .ins()
                    .local_get(address)
                    .i32_const(tag as i32)
                    .i32_store(at(offset))
                    .local_get(address)
                    .local_get(value[1])
                    .i32_store(at(offset + EXTRA))
                    .local_get(address)
                    .local_get(value[0])
                    .i64_store(at(offset + PAYLOAD));
            }
            _ => self.copy_cell(address, offset, value[0], 0),
        }
    }

    /// Copies a cell.
    pub(super) fn copy_cell(&mut self, to: u32, to_offset: u64, from: u32, from_offset: u64) {
        for part in [0, PAYLOAD] {
            self.f
                .ins()
                .local_get(to)
                .local_get(from)
                .i64_load(at(from_offset + part))
                .i64_store(at(to_offset + part));
        }
    }

    /// Pushes the value of a cell that is known to hold one of this type.
    pub(super) fn load_cell(&mut self, address: u32, offset: u64, ty: &Type) {
        let mut ins = self.f.ins();
        ins.local_get(address);
        match ty {
            Type::Nullable(inner) => {
                ins.drop();
                self.load_cell(address, offset, inner);
                self.f
                    .ins()
                    .local_get(address)
                    .i32_load(at(offset))
                    .i32_const(tag::NULL as i32)
                    .i32_ne();
            }
            Type::Null => {
                ins.drop();
            }
            Type::Bool => {
                ins.i32_load(at(offset + PAYLOAD));
            }
            Type::Int | Type::Uint | Type::Duration => {
                ins.i64_load(at(offset + PAYLOAD));
            }
            Type::Double => {
                ins.f64_load(at(offset + PAYLOAD));
            }
            Type::String | Type::Bytes => {
                ins.i32_load(at(offset + PAYLOAD))
                    .local_get(address)
                    .i32_load(at(offset + EXTRA));
            }
            Type::Timestamp => {
                ins.i64_load(at(offset + PAYLOAD))
                    .local_get(address)
                    .i32_load(at(offset + EXTRA));
            }
            _ => {
                if offset != 0 {
                    ins.i32_const(offset as i32).i32_add();
                }
            }
        }
    }

    /// Pushes the address of a cell with a value in locals.
    pub(super) fn push_boxed(&mut self, ty: &Type, value: &[u32]) {
        match ty {
            Type::Null => self.push_cell(&Const::Null),
            Type::Nullable(inner) if is_cell(inner) => {
                self.f.ins().local_get(value[0]);
                self.push_cell(&Const::Null);
                self.f.ins().local_get(value[1]).select();
            }
            ty if is_cell(ty) => {
                self.f.ins().local_get(value[0]);
            }
            ty => {
                let cell = self.allocate_temp(|code| {
                    code.f.ins().i32_const(CELL_BYTES as i32);
                });
                self.store_cell(cell, 0, ty, value);
                self.f.ins().local_get(cell);
            }
        }
    }

    /// Pushes the address of a cell with the value of an expression of any type.
    pub(super) fn emit_boxed(&mut self, expr: &Expr, on_error: Label) {
        if self.trace.is_none()
            && let Some(value) = constant(expr)
        {
            return self.push_cell(&value);
        }
        if is_cell(&expr.ty) && !is_nullable(&expr.ty) {
            return self.emit(expr, on_error);
        }
        let value = self.emit_to_locals(expr, on_error);
        self.push_boxed(&expr.ty, &value);
    }

    /// The same into a new local.
    pub(super) fn emit_boxed_to_local(&mut self, expr: &Expr, on_error: Label) -> u32 {
        self.emit_boxed(expr, on_error);
        let address = self.f.local(ValType::I32);
        self.f.ins().local_set(address);
        address
    }

    /// Pushes the slots of a helper's result from where it was left.
    pub(super) fn load_result(&mut self, address: u32, ty: &Type) {
        let address = address as i32;
        let mut ins = self.f.ins();
        ins.i32_const(address);
        match ty {
            Type::Bool => ins.i32_load(at(0)),
            Type::Int | Type::Uint | Type::Duration => ins.i64_load(at(0)),
            Type::Double => ins.f64_load(at(0)),
            Type::String | Type::Bytes => ins.i32_load(at(0)).i32_const(address).i32_load(at(4)),
            Type::Timestamp => ins.i64_load(at(0)).i32_const(address).i32_load(at(8)),
            _ => ins.i32_load(at(0)),
        };
    }

    /// Calls a helper of the common convention with what is on the stack; pushes its result.
    pub(super) fn call_helper(&mut self, name: &str, ty: &Type, on_error: Label) {
        let helper = self.module.helper(name);
        let scratch = self.module.scratch();
        self.f.ins().i32_const(scratch as i32);
        self.f.call(helper);
        self.fail_with_status(on_error);
        self.load_result(scratch, ty);
    }
}
