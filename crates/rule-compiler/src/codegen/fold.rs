//! Macros: loops over the cells of a list or map.

use super::cells::{CELL_BYTES, EXTRA, PAYLOAD, tag};
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::slots;
use super::module::function;
use super::nested::Span;
use crate::ir::{CompareOp, Const, Decimal, Expr, ExprKind, Fold, FoldKind};
use crate::types::Type;
use wasm_encoder::{BlockType, ValType};

/// Where a loop stands.
struct Range {
    /// `Type::Dyn` where it is a list or a map
    ty: Type,
    /// Local: the address of the next element or entry
    next: u32,
    /// Local: the address behind the last one
    end: u32,
    /// Local: how many there are
    count: u32,
    /// Local: the number of the next one
    index: u32,
    /// Local: bytes from one to the next
    stride: u32,
    /// Where the elements are in arrays; `next` and `end` are positions then
    span: Option<Span>,
}

/// What comes before a loop; it is given a local with the number of elements.
type Open<'c, 'a> = Box<dyn FnOnce(&mut RowCode<'a>, u32) + 'c>;

/// What is done for each element; a branch to the label goes to the next one.
type Each<'c, 'a> = Box<dyn FnOnce(&mut RowCode<'a>, Label) + 'c>;

/// What a loop builds: locals with the address of its cell and of the next element.
#[derive(Clone, Copy)]
struct Built {
    base: u32,
    cursor: u32,
}

impl<'a> RowCode<'a> {
    pub(super) fn emit_fold(&mut self, fold: &Fold<Expr>, on_error: Label) {
        match fold.kind {
            FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => {
                let range = self.open_range(&fold.range, on_error);
                match self.flat.get(&std::ptr::from_ref(fold)).copied() {
                    Some(counts) => {
                        self.f.ins().local_get(counts);
                        self.f.if_(BlockType::Result(ValType::I32));
                        self.push_counted(fold.kind, counts, (range.next, range.end));
                        self.f.else_();
                        self.emit_test(fold, &range, on_error);
                        self.f.end();
                    }
                    None => self.emit_test(fold, &range, on_error),
                }
            }
            FoldKind::Sum | FoldKind::Min | FoldKind::Max => self.emit_total(fold, on_error),
            FoldKind::List | FoldKind::Entries => {
                let built = self.new_built();
                let open = |code: &mut Self, count| code.open_built(built, count, 4);
                self.emit_each(fold, on_error, open, |code, value| {
                    code.store_cell(built.cursor, 0, &fold.body.ty, value);
                    code.advance_by(built.cursor, CELL_BYTES);
                });
                self.close_built(built, tag::LIST, 4);
                if fold.kind == FoldKind::Entries {
                    self.call_helper("map_from_maps", &Type::Dyn, on_error);
                }
            }
            FoldKind::Filter => {
                let range = self.open_range(&fold.range, on_error);
                let built = self.new_built();
                self.open_built(built, range.count, 4);
                self.emit_loop(fold, &range, |code, next| {
                    code.emit(&fold.body, on_error);
                    code.f.ins().i32_eqz();
                    code.f.br_if(next);
                    match &range.span {
                        Some(span) => {
                            code.store_element_at(span, range.next, built.cursor, on_error);
                        }
                        None => code.copy_cell(built.cursor, 0, range.next, 0),
                    }
                    code.advance_by(built.cursor, CELL_BYTES);
                });
                self.close_built(built, tag::LIST, 4);
            }
            FoldKind::Map => {
                let range = self.open_range(&fold.range, on_error);
                let built = self.new_built();
                self.open_built(built, range.count, 5);
                self.emit_loop(fold, &range, |code, next| {
                    code.emit_filter(fold, next, on_error);
                    let value = code.emit_to_locals(&fold.body, on_error);
                    let key_ty = key_type(&range.ty);
                    let key = fold.key.and_then(|key| code.variables.get(&key).cloned());
                    if let Some((key, _)) = key {
                        code.store_cell(built.cursor, 0, &key_ty, &key);
                    }
                    code.store_cell(built.cursor, u64::from(CELL_BYTES), &fold.body.ty, &value);
                    code.advance_by(built.cursor, 2 * CELL_BYTES);
                });
                self.close_built(built, tag::MAP, 5);
            }
        }
    }

    /// Runs code with each element of the list that a `map` makes, in locals, and makes no list. `open` gets a local with
    /// how many there are at most.
    pub(super) fn emit_each(
        &mut self,
        fold: &Fold<Expr>,
        on_error: Label,
        open: impl FnOnce(&mut Self, u32),
        each: impl FnOnce(&mut Self, &[u32]),
    ) {
        let each = |code: &mut Self, _| {
            let value = code.emit_to_locals(&fold.body, on_error);
            each(code, &value);
        };
        self.emit_elements(fold, on_error, Box::new(open), Box::new(each));
    }

    /// Runs code for each element that the filter leaves, with the variables set. A list that another macro makes for
    /// this one alone is not made: both are one loop, unless the list is to be shown.
    fn emit_elements(
        &mut self,
        fold: &Fold<Expr>,
        on_error: Label,
        open: Open<'_, 'a>,
        each: Each<'_, 'a>,
    ) {
        let made = match &fold.range.kind {
            ExprKind::Fold(inner)
                if self.trace.is_none()
                    && !self.shared.contains_key(&std::ptr::from_ref(&fold.range)) =>
            {
                Some(inner)
            }
            _ => None,
        };
        match (made, fold.key, fold.value) {
            (Some(inner), None, Some(variable)) if inner.kind == FoldKind::List => {
                let each = |code: &mut Self, next| {
                    let element = code.emit_to_locals(&inner.body, on_error);
                    code.places.remove(&variable);
                    code.variables.insert(variable, (element, None));
                    code.emit_filter(fold, next, on_error);
                    each(code, next);
                };
                self.emit_elements(inner, on_error, open, Box::new(each));
            }
            (Some(inner), None, Some(variable)) if inner.kind == FoldKind::Filter => {
                let Some(element) = inner.value.or(inner.key) else {
                    return;
                };
                let each = |code: &mut Self, next| {
                    code.emit(&inner.body, on_error);
                    code.f.ins().i32_eqz();
                    code.f.br_if(next);
                    code.name_again(element, variable);
                    code.emit_filter(fold, next, on_error);
                    each(code, next);
                };
                self.emit_elements(inner, on_error, open, Box::new(each));
            }
            _ => {
                let range = self.open_range(&fold.range, on_error);
                open(self, range.count);
                self.emit_loop(fold, &range, |code, next| {
                    code.emit_filter(fold, next, on_error);
                    each(code, next);
                });
            }
        }
    }

    /// `sum`, `min` and `max`.
    fn emit_total(&mut self, fold: &Fold<Expr>, on_error: Label) {
        let ty = &fold.body.ty;
        let total = self.locals(ty);
        let is_set = self.f.local(ValType::I32);
        if fold.kind == FoldKind::Sum {
            match ty {
                Type::Decimal => self.push_cell(&Const::Decimal(Decimal::ZERO)),
                _ => slots(ty).into_iter().for_each(|slot| self.push_zero(slot)),
            }
            self.f.set_all(&total);
        } else {
            self.f.ins().i32_const(0).local_set(is_set);
        }
        self.emit_each(
            fold,
            on_error,
            |_, _| {},
            |code, value| {
                let op = match fold.kind {
                    FoldKind::Sum => {
                        code.add_locals(ty, &total, value, on_error);
                        return code.f.set_all(&total);
                    }
                    FoldKind::Min => CompareOp::Less,
                    _ => CompareOp::Greater,
                };
                code.f.ins().local_get(is_set);
                code.f.if_(BlockType::Result(ValType::I32));
                code.compare_locals(op, (ty, value), (ty, &total));
                code.f.else_();
                code.f.ins().i32_const(1);
                code.f.end();
                code.f.if_(BlockType::Empty);
                code.f.get_all(value);
                code.f.set_all(&total);
                code.f.ins().i32_const(1).local_set(is_set);
                code.f.end();
            },
        );
        if fold.kind != FoldKind::Sum {
            self.f.ins().local_get(is_set).i32_eqz();
            self.fail_if(failure::EMPTY_LIST, on_error);
        }
        self.f.get_all(&total);
    }

    /// Another variable for what one stands for.
    fn name_again(&mut self, variable: u32, other: u32) {
        match self.places.get(&variable).cloned() {
            Some(place) => self.places.insert(other, place),
            None => self.places.remove(&other),
        };
        match self.variables.get(&variable).cloned() {
            Some(value) => self.variables.insert(other, value),
            None => self.variables.remove(&other),
        };
    }

    fn advance_by(&mut self, local: u32, bytes: u32) {
        self.f
            .ins()
            .local_get(local)
            .i32_const(bytes as i32)
            .i32_add()
            .local_set(local);
    }

    fn open_range(&mut self, expr: &Expr, on_error: Label) -> Range {
        let mut range = Range {
            ty: expr.ty.clone(),
            next: self.f.local(ValType::I32),
            end: self.f.local(ValType::I32),
            count: self.f.local(ValType::I32),
            index: self.f.local(ValType::I64),
            stride: self.f.local(ValType::I32),
            span: self.span(expr, on_error),
        };
        if let Some(span) = &range.span {
            (range.next, range.end) = (span.start, span.end);
            self.f
                .ins()
                .local_get(range.end)
                .local_get(range.next)
                .i32_sub()
                .local_set(range.count)
                .i64_const(0)
                .local_set(range.index);
            return range;
        }
        let cell = self.emit_boxed_to_local(expr, on_error);
        match &expr.ty {
            Type::List(_) => {
                self.f.ins().i32_const(CELL_BYTES as i32);
            }
            Type::Map(..) => {
                self.f.ins().i32_const(2 * CELL_BYTES as i32);
            }
            _ => {
                // 0 for a list, 1 for a map
                let kind = self.f.local(ValType::I32);
                self.f
                    .ins()
                    .local_get(cell)
                    .i32_load(at(0))
                    .i32_const(tag::LIST as i32)
                    .i32_sub()
                    .local_tee(kind)
                    .i32_const((tag::MAP - tag::LIST) as i32)
                    .i32_gt_u();
                self.fail_if(failure::NO_SUCH_OVERLOAD, on_error);
                self.f
                    .ins()
                    .i32_const(CELL_BYTES as i32)
                    .local_get(kind)
                    .i32_shl();
            }
        }
        self.f.ins().local_set(range.stride);
        self.f
            .ins()
            .local_get(cell)
            .i32_load(at(EXTRA))
            .local_set(range.count);
        self.f
            .ins()
            .local_get(cell)
            .i32_load(at(PAYLOAD))
            .local_tee(range.next)
            .local_get(range.count)
            .local_get(range.stride)
            .i32_mul()
            .i32_add()
            .local_set(range.end);
        self.f.ins().i64_const(0).local_set(range.index);
        range
    }

    /// Runs code for each element, with the variables set; a branch to the label it is given goes to the next one.
    fn emit_loop(&mut self, fold: &Fold<Expr>, range: &Range, body: impl FnOnce(&mut Self, Label)) {
        let done = self.f.block(BlockType::Empty);
        self.f
            .ins()
            .local_get(range.next)
            .local_get(range.end)
            .i32_eq();
        self.f.br_if(done);
        let again = self.f.loop_();
        self.set_variables(fold, range);
        let next = self.f.block(BlockType::Empty);
        body(self, next);
        self.f.end();
        if fold.key.is_some() {
            self.f
                .ins()
                .local_get(range.index)
                .i64_const(1)
                .i64_add()
                .local_set(range.index);
        }
        self.f.ins().local_get(range.next);
        match range.span {
            Some(_) => self.f.ins().i32_const(1),
            None => self.f.ins().local_get(range.stride),
        };
        self.f
            .ins()
            .i32_add()
            .local_tee(range.next)
            .local_get(range.end)
            .i32_ne();
        self.f.br_if(again);
        self.f.end();
        self.f.end();
    }

    fn set_variables(&mut self, fold: &Fold<Expr>, range: &Range) {
        if let Some(span) = &range.span {
            if let Some(key) = fold.key {
                self.push_key_at(span, range.next, range.index);
                self.set_variable(key, &key_type(&range.ty));
            }
            if let Some(value) = fold.value {
                self.bind_value_at(span, value, range.next);
            }
            return;
        }
        if let Some(key) = fold.key {
            let ty = key_type(&range.ty);
            match &range.ty {
                Type::List(_) => {
                    self.f.ins().local_get(range.index);
                }
                Type::Map(..) => self.load_cell(range.next, 0, &ty),
                _ => {
                    self.f
                        .ins()
                        .local_get(range.stride)
                        .i32_const(CELL_BYTES as i32)
                        .i32_eq();
                    self.f.if_(BlockType::Result(ValType::I32));
                    self.push_boxed(&Type::Int, &[range.index]);
                    self.f.else_();
                    self.f.ins().local_get(range.next);
                    self.f.end();
                }
            }
            self.set_variable(key, &ty);
        }
        if let Some(value) = fold.value {
            let ty = match &range.ty {
                Type::List(element) => {
                    self.load_cell(range.next, 0, element);
                    (**element).clone()
                }
                Type::Map(_, value) => {
                    self.load_cell(range.next, u64::from(CELL_BYTES), value);
                    (**value).clone()
                }
                _ if fold.key.is_some() => {
                    self.f
                        .ins()
                        .local_get(range.next)
                        .local_get(range.stride)
                        .i32_add()
                        .i32_const(CELL_BYTES as i32)
                        .i32_sub();
                    Type::Dyn
                }
                _ => {
                    self.f.ins().local_get(range.next);
                    Type::Dyn
                }
            };
            self.set_variable(value, &ty);
        }
    }

    fn set_variable(&mut self, variable: u32, ty: &Type) {
        let locals = self.locals(ty);
        self.f.set_all(&locals);
        self.places.remove(&variable);
        self.variables.insert(variable, (locals, None));
    }

    fn emit_filter(&mut self, fold: &Fold<Expr>, next: Label, on_error: Label) {
        if let Some(filter) = &fold.filter {
            self.emit(filter, on_error);
            self.f.ins().i32_eqz();
            self.f.br_if(next);
        }
    }

    fn new_built(&mut self) -> Built {
        Built {
            base: self.f.local(ValType::I32),
            cursor: self.f.local(ValType::I32),
        }
    }

    /// Room for a cell and `count` elements (or entries).
    fn open_built(&mut self, built: Built, count: u32, shift: i32) {
        self.f
            .ins()
            .local_get(count)
            .i32_const(shift)
            .i32_shl()
            .i32_const(CELL_BYTES as i32)
            .i32_add();
        self.f
            .call(function::ALLOCATE_TEMP)
            .local_tee(built.base)
            .i32_const(CELL_BYTES as i32)
            .i32_add()
            .local_set(built.cursor);
    }

    fn close_built(&mut self, built: Built, tag: u32, shift: i32) {
        self.finish_aggregate(built.base, built.cursor, tag, shift);
        self.f.ins().local_get(built.base);
    }

    fn emit_test(&mut self, fold: &Fold<Expr>, range: &Range, on_error: Label) {
        if fold.kind != FoldKind::ExistsOne {
            return self.emit_quantifier(fold, range, on_error);
        }
        let found = self.f.local(ValType::I32);
        self.f.ins().i32_const(0).local_set(found);
        self.emit_loop(fold, range, |code, _| {
            code.f.ins().local_get(found);
            code.emit(&fold.body, on_error);
            code.f.ins().i32_add().local_set(found);
        });
        self.f.ins().local_get(found).i32_const(1).i32_eq();
    }

    /// `all` is false where one is, else an error where there is one; `exists` likewise with true.
    fn emit_quantifier(&mut self, fold: &Fold<Expr>, range: &Range, on_error: Label) {
        let decided = i32::from(fold.kind == FoldKind::Exists);
        let error = self.error;
        let pending = self
            .can_fail(&fold.body)
            .then(|| self.f.local(ValType::I32));
        if let Some(pending) = pending {
            self.f.ins().i32_const(0).local_set(pending);
        }
        let done = self.f.block(BlockType::Result(ValType::I32));
        self.emit_loop(fold, range, |code, next| {
            let failed = code.f.block(BlockType::Empty);
            code.f.ins().i32_const(decided);
            code.emit(&fold.body, failed);
            if decided == 0 {
                code.f.ins().i32_eqz();
            }
            code.f.br_if(done);
            code.f.ins().drop();
            code.f.br(next);
            code.f.end();
            if let Some(pending) = pending {
                code.unless(pending, |code| {
                    code.f.ins().local_get(error).local_set(pending);
                });
            }
        });
        if let Some(pending) = pending {
            self.f.ins().local_get(pending).local_tee(error);
            self.f.br_if(on_error);
        }
        self.f.ins().i32_const(1 - decided);
        self.f.end();
    }
}

/// The type of the first of two variables, and of the only one over a map.
fn key_type(range: &Type) -> Type {
    match range {
        Type::List(_) => Type::Int,
        Type::Map(key, _) => (**key).clone(),
        _ => Type::Dyn,
    }
}
