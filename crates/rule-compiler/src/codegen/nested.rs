//! Inputs in nested arrays: lists, maps and structs. Parts are read from the arrays where they are; what is needed as
//! a whole becomes cells.

use super::cells::{CELL_BYTES, EXTRA, PAYLOAD, tag};
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::{inner, is_fallible_input, is_nullable};
use crate::ir::{CompareOp, Const, Expr, ExprKind, Function, RuleSet};
use crate::types::{InputColumn, Type};
use std::rc::Rc;
use wasm_encoder::{BlockType, ValType};

/// An array of an input, and those below it: locals that are valid for the whole batch.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Whether there is anything: see `reads.rs`
    pub(super) is_read: bool,
    /// Values, or offsets
    pub(super) values: u32,
    /// Bytes of text and binary
    pub(super) bytes: u32,
    /// Validity bitmap, 0 where nothing is null
    pub(super) validity: u32,
    /// The elements of a list; keys and values of a map; the fields of a struct
    pub(super) children: Vec<Rc<Node>>,
}

/// A value in an array.
#[derive(Debug, Clone)]
pub(super) struct Place {
    node: Rc<Node>,
    ty: Type,
    /// Local with its position
    position: u32,
}

/// The values of a list or the entries of a map in the arrays below it.
pub(super) struct Span {
    node: Rc<Node>,
    /// `list<T>` or `map<K, V>`
    ty: Type,
    /// Local with the position of the first
    pub(super) start: u32,
    /// Local with the position behind the last
    pub(super) end: u32,
}

impl Span {
    /// The elements that all rows have of an input of lists.
    pub(super) fn of_batch(node: &Rc<Node>, list: &Type, start: u32, end: u32) -> Self {
        Self {
            node: Rc::clone(node),
            ty: list.clone(),
            start,
            end,
        }
    }

    /// The key or value at a position; an element of a list is a value.
    fn part(&self, key: bool, position: u32) -> Option<Place> {
        let (index, ty) = match (&self.ty, key) {
            (Type::Map(key, _), true) => (0, key),
            (Type::Map(_, value), false) => (1, value),
            (Type::List(element), false) => (0, element),
            _ => return None,
        };
        Some(Place {
            node: self.node.children.get(index)?.clone(),
            ty: (**ty).clone(),
            position,
        })
    }

    /// What `in` compares with, and what a macro with one variable goes over.
    fn element(&self, position: u32) -> Option<Place> {
        self.part(matches!(self.ty, Type::Map(..)), position)
    }
}

/// The index of the field that a constant names.
pub(super) fn field_index(fields: &[(String, Type)], key: &Expr) -> Option<usize> {
    let ExprKind::Const(Const::String(name)) = &key.kind else {
        return None;
    };
    fields.iter().position(|(field, _)| field == name)
}

/// Whether an index goes from a place to a place.
pub(super) fn is_step(container: &Expr, key: &Expr) -> bool {
    match &container.ty {
        Type::Struct(_) => true,
        Type::List(_) => key.ty == Type::Int,
        Type::Map(key_ty, _) => key.ty == **key_ty,
        _ => false,
    }
}

/// Whether an expression reads a part of its container, list or range where that is a place.
pub(super) fn reads_part(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Fold(_) | ExprKind::Call(Function::ElementCount, _) => true,
        ExprKind::Index(container, key) => is_step(container, key),
        ExprKind::Has(container, key) => {
            matches!(container.ty, Type::Map(..)) && is_step(container, key)
        }
        ExprKind::InValue(item, container) => is_searchable(item, container),
        _ => false,
    }
}

/// Whether `item in container` is a loop that compares scalars.
pub(super) fn is_searchable(item: &Expr, container: &Expr) -> bool {
    let is_scalar = |ty: &Type| inner(ty).is_scalar();
    match &container.ty {
        Type::List(element) => is_scalar(&item.ty) && is_scalar(element),
        // A key of another type is looked up as numbers are among keys.
        Type::Map(key, _) => inner(&item.ty) == inner(key) && is_scalar(key),
        _ => false,
    }
}

/// The input that an expression is a part of, by fields, indices and `?` alone; one that can be read part by part.
pub(super) fn nested_root(expr: &Expr, ruleset: &RuleSet) -> Option<usize> {
    match &expr.kind {
        ExprKind::Input(index) => {
            let ty = &ruleset.inputs.get(*index)?.ty;
            let is_nested = ty.input_column() == InputColumn::Nested && !is_fallible_input(ty);
            is_nested.then_some(*index)
        }
        ExprKind::Unwrap(operand) => nested_root(operand, ruleset),
        ExprKind::Index(container, key) if is_step(container, key) => {
            nested_root(container, ruleset)
        }
        _ => None,
    }
}

/// The indices on the way from the input.
pub(super) fn keys_of(expr: &Expr) -> Vec<&Expr> {
    let mut keys = Vec::new();
    let mut expr = expr;
    loop {
        match &expr.kind {
            ExprKind::Unwrap(operand) => expr = operand,
            ExprKind::Index(container, key) => {
                keys.push(&**key);
                expr = container;
            }
            _ => return keys,
        }
    }
}

impl RowCode<'_> {
    /// Whether an expression is a value in the arrays of an input. Explanations show whole values.
    fn is_place(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Input(_) => self.trace.is_none() && nested_root(expr, self.ruleset).is_some(),
            ExprKind::Local(local) => self.places.contains_key(local),
            ExprKind::Unwrap(operand) => self.is_place(operand),
            ExprKind::Index(container, key) => is_step(container, key) && self.is_place(container),
            _ => false,
        }
    }

    /// Where a value is; nothing is loaded but offsets on the way.
    fn place(&mut self, expr: &Expr, on_error: Label) -> Option<Place> {
        match &expr.kind {
            ExprKind::Input(index) => Some(Place {
                node: self.inputs[*index].node.clone(),
                ty: expr.ty.clone(),
                position: self.row,
            }),
            ExprKind::Local(local) => self.places.get(local).cloned(),
            ExprKind::Unwrap(operand) => {
                let place = self.place(operand, on_error)?;
                self.push_is_present(&place.node, place.position);
                self.f.ins().i32_eqz();
                self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
                let ty = inner(&place.ty).clone();
                Some(Place { ty, ..place })
            }
            ExprKind::Index(container, key) => match &container.ty {
                Type::Struct(fields) => {
                    let place = self.place(container, on_error)?;
                    let index = field_index(fields, key)?;
                    Some(Place {
                        node: place.node.children.get(index)?.clone(),
                        ty: fields.get(index)?.1.clone(),
                        position: place.position,
                    })
                }
                Type::List(_) => {
                    let span = self.span(container, on_error)?;
                    let index = self.emit_to_locals(key, on_error)[0];
                    let position = self.f.local(ValType::I32);
                    self.f
                        .ins()
                        .local_get(index)
                        .local_get(span.end)
                        .local_get(span.start)
                        .i32_sub()
                        .i64_extend_i32_u()
                        .i64_ge_u();
                    self.fail_if(failure::INDEX_OUT_OF_BOUNDS, on_error);
                    self.f
                        .ins()
                        .local_get(index)
                        .i32_wrap_i64()
                        .local_get(span.start)
                        .i32_add()
                        .local_set(position);
                    span.part(false, position)
                }
                _ => {
                    let span = self.span(container, on_error)?;
                    let wanted = self.emit_to_locals(key, on_error);
                    let position = self.push_search(&span, (&key.ty, &wanted))?;
                    self.f.ins().i32_eqz();
                    self.fail_if(failure::NO_SUCH_KEY, on_error);
                    span.part(false, position)
                }
            },
            _ => None,
        }
    }

    /// The elements of a list or map that is a place.
    pub(super) fn span(&mut self, expr: &Expr, on_error: Label) -> Option<Span> {
        if !self.is_place(expr) {
            return None;
        }
        let place = self.place(expr, on_error)?;
        let span = Span {
            start: self.f.local(ValType::I32),
            end: self.f.local(ValType::I32),
            node: place.node,
            ty: place.ty,
        };
        self.set_bounds(&span, place.position);
        Some(span)
    }

    fn set_bounds(&mut self, span: &Span, position: u32) {
        let slot = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(span.node.values)
            .local_get(position)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_tee(slot)
            .i32_load(at(0))
            .local_set(span.start)
            .local_get(slot)
            .i32_load(at(4))
            .local_set(span.end);
    }

    /// Pushes 1 where an element (a key, in a map) equals a value; a local has the position of the first.
    fn push_search(&mut self, span: &Span, (ty, wanted): (&Type, &[u32])) -> Option<u32> {
        let position = self.f.local(ValType::I32);
        let element = span.element(position)?;
        self.f.ins().local_get(span.start).local_set(position);
        let found = self.f.block(BlockType::Result(ValType::I32));
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .local_get(position)
            .local_get(span.end)
            .i32_eq();
        self.f.br_if(done);
        self.push_stored(&element.node, &element.ty, position);
        let other = self.locals(&element.ty);
        self.f.set_all(&other);
        self.f.ins().i32_const(1);
        self.compare_locals(CompareOp::Equal, (ty, wanted), (&element.ty, &other));
        self.f.br_if(found);
        self.f
            .ins()
            .drop()
            .local_get(position)
            .i32_const(1)
            .i32_add()
            .local_set(position);
        self.f.br(next);
        self.f.end();
        self.f.end();
        self.f.ins().i32_const(0);
        self.f.end();
        Some(position)
    }

    /// Emits an expression that is a place, or asks something of one; whether it did.
    pub(super) fn emit_from_place(&mut self, expr: &Expr, on_error: Label) -> bool {
        match &expr.kind {
            ExprKind::Local(_) | ExprKind::Index(..) if self.is_place(expr) => {
                if let Some(place) = self.place(expr, on_error) {
                    self.push_value_at(&place.node, &place.ty, place.position, on_error);
                    return true;
                }
            }
            ExprKind::Call(Function::ElementCount, args) => {
                if let Some(arg) = args.first()
                    && let Some(span) = self.span(arg, on_error)
                {
                    self.f
                        .ins()
                        .local_get(span.end)
                        .local_get(span.start)
                        .i32_sub()
                        .i64_extend_i32_u();
                    return true;
                }
            }
            ExprKind::InValue(item, container) if is_searchable(item, container) => {
                if !self.is_place(container) {
                    return false;
                }
                let wanted = self.emit_to_locals(item, on_error);
                let span = self.span(container, on_error);
                return span.is_some_and(|span| {
                    let position = self.push_search(&span, (&item.ty, &wanted));
                    position.is_some()
                });
            }
            ExprKind::Has(container, key) if reads_part(expr) => {
                let Some(span) = self.span(container, on_error) else {
                    return false;
                };
                let wanted = self.emit_to_locals(key, on_error);
                return self.push_search(&span, (&key.ty, &wanted)).is_some();
            }
            _ => {}
        }
        false
    }

    /// Sets the variable for the key at a position; numbers the elements of a list.
    pub(super) fn push_key_at(&mut self, span: &Span, position: u32, index: u32) {
        match span.part(true, position) {
            Some(key) => self.push_stored(&key.node, &key.ty, position),
            None => {
                self.f.ins().local_get(index);
            }
        }
    }

    /// Makes a variable the value at a position: loaded where it is a scalar, else read part by part.
    pub(super) fn bind_value_at(&mut self, span: &Span, variable: u32, position: u32) {
        let Some(value) = span.part(false, position) else {
            return;
        };
        if inner(&value.ty).is_scalar() {
            self.push_stored(&value.node, &value.ty, position);
            let locals = self.locals(&value.ty);
            self.f.set_all(&locals);
            self.places.remove(&variable);
            self.variables.insert(variable, (locals, None));
        } else {
            self.places.insert(variable, value);
        }
    }

    /// Stores the element (the key, in a map) at a position as a cell.
    pub(super) fn store_element_at(
        &mut self,
        span: &Span,
        position: u32,
        cell: u32,
        on_error: Label,
    ) {
        if let Some(element) = span.element(position) {
            self.store_value_at(&element.node, &element.ty, position, (cell, 0), on_error);
        }
    }

    /// Pushes the value at a position of an input's array.
    pub(super) fn push_value_at(&mut self, node: &Node, ty: &Type, position: u32, on_error: Label) {
        match ty.input_column() {
            InputColumn::Plain => self.push_stored(node, ty, position),
            InputColumn::Dynamic => self.push_from_json(node, ty, position, on_error),
            InputColumn::Nested => {
                let cell = self.allocate_temp(|code| {
                    code.f.ins().i32_const(CELL_BYTES as i32);
                });
                self.store_value_at(node, ty, position, (cell, 0), on_error);
                self.load_cell(cell, 0, ty);
            }
        }
    }

    /// Stores the value at a position of an input's array as a cell, at a local's address and an offset.
    fn store_value_at(
        &mut self,
        node: &Node,
        ty: &Type,
        position: u32,
        (cell, offset): (u32, u64),
        on_error: Label,
    ) {
        if !node.is_read {
            return self.store_cell(cell, offset, &Type::Null, &[]);
        }
        if ty.input_column() != InputColumn::Nested {
            self.push_value_at(node, ty, position, on_error);
            let value = self.locals(ty);
            self.f.set_all(&value);
            return self.store_cell(cell, offset, ty, &value);
        }
        if is_nullable(ty) {
            self.push_is_present(node, position);
            self.f.if_(BlockType::Empty);
            self.store_value_at(node, inner(ty), position, (cell, offset), on_error);
            self.f.else_();
            self.store_cell(cell, offset, &Type::Null, &[]);
            self.f.end();
            return;
        }
        match ty {
            Type::Struct(fields) => {
                let bytes = 2 * CELL_BYTES * fields.len() as u32;
                let values = self.allocate_temp(|code| {
                    code.f.ins().i32_const(bytes as i32);
                });
                let header = i64::from(tag::MAP) | (fields.len() as i64) << 32;
                self.store_header(cell, offset, header, values);
                for (((name, ty), child), index) in fields.iter().zip(&node.children).zip(0..) {
                    let entry = u64::from(2 * CELL_BYTES) * index;
                    self.store_text(values, entry, name);
                    let place = (values, entry + u64::from(CELL_BYTES));
                    self.store_value_at(child, ty, position, place, on_error);
                }
            }
            Type::List(element) => {
                let parts = [(0, &**element)];
                self.store_elements_at(node, &parts, position, (cell, offset), on_error);
            }
            Type::Map(key, value) => {
                let parts = [(0, &**key), (1, &**value)];
                self.store_elements_at(node, &parts, position, (cell, offset), on_error);
            }
            _ => {}
        }
    }

    /// The cell of a list or a map, and the cells of its elements or of its keys and values.
    fn store_elements_at(
        &mut self,
        node: &Node,
        parts: &[(usize, &Type)],
        position: u32,
        (cell, offset): (u32, u64),
        on_error: Label,
    ) {
        let (shift, kind) = if parts.len() == 1 {
            (4, tag::LIST)
        } else {
            (5, tag::MAP)
        };
        let start = self.f.local(ValType::I32);
        let slot = self.f.local(ValType::I32);
        let count = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(node.values)
            .local_get(position)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_tee(slot)
            .i32_load(at(4))
            .local_get(slot)
            .i32_load(at(0))
            .local_tee(start)
            .i32_sub()
            .local_set(count);
        let elements = self.allocate_temp(|code| {
            code.f.ins().local_get(count).i32_const(shift).i32_shl();
        });
        self.store_header(cell, offset, i64::from(kind), elements);
        self.f
            .ins()
            .local_get(cell)
            .local_get(count)
            .i32_store(at(offset + EXTRA));
        // From here on: the position and the address of the next, and how many are left.
        let cursor = self.f.local(ValType::I32);
        self.f.ins().local_get(elements).local_set(cursor);
        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f.ins().local_get(count).i32_eqz();
        self.f.br_if(done);
        for ((child, ty), index) in parts.iter().zip(0..) {
            if let Some(child) = node.children.get(*child) {
                let place = (cursor, u64::from(CELL_BYTES) * index);
                self.store_value_at(child, ty, start, place, on_error);
            }
        }
        let mut ins = self.f.ins();
        ins.local_get(cursor)
            .i32_const(1 << shift)
            .i32_add()
            .local_set(cursor);
        ins.local_get(start).i32_const(1).i32_add().local_set(start);
        ins.local_get(count).i32_const(1).i32_sub().local_set(count);
        self.f.br(next);
        self.f.end();
        self.f.end();
    }

    fn store_header(&mut self, cell: u32, offset: u64, header: i64, contents: u32) {
        self.f
            .ins()
            .local_get(cell)
            .i64_const(header)
            .i64_store(at(offset))
            .local_get(cell)
            .local_get(contents)
            .i64_extend_i32_u()
            .i64_store(at(offset + PAYLOAD));
    }

    /// Stores the cell of a text that is known.
    fn store_text(&mut self, address: u32, offset: u64, text: &str) {
        const STRING: i64 = 5;
        let bytes = self.module.data.intern(text.as_bytes());
        self.f
            .ins()
            .local_get(address)
            .i64_const(STRING | (text.len() as i64) << 32)
            .i64_store(at(offset))
            .local_get(address)
            .i64_const(i64::from(bytes))
            .i64_store(at(offset + PAYLOAD));
    }
}
