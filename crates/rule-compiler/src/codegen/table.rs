//! Decision tables: their cells are data, which a few instructions and `rule-runtime`'s `table` go through.

pub(super) mod index;
mod place;
pub(super) mod ranks;

use super::contributions::Gathered;
use super::expression::{RowCode, at};
use super::failure;
use super::function::Label;
use super::layout::{inner, is_nullable};
use crate::ast::HitPolicy;
use crate::ir::{CompareOp, Contribution, Expr, ExprKind, Table, TableValue};
use crate::types::Type;
use place::PlacedOutput;
pub(super) use place::{PlacedTable, Plans, place, push_bound, push_constant};
use ranks::{FAILED, FIRST, NULL};
use rulestage_diagnostics::Span;
use wasm_encoder::{BlockType, ValType};

/// Bytes of a constant in an output column.
pub(super) const VALUE_BYTES: u32 = 16;
/// Where a constant of a nullable type says whether it is there.
pub(super) const PRESENT: u64 = 12;
/// How many rows that match are shown, where all of them count.
const MAX_SHOWN_HITS: u32 = 8;

/// How many rows that match are shown, and how many values each.
pub(super) fn shown_hits(table: &Table<Expr>) -> (u32, u32) {
    match table.policy {
        HitPolicy::First | HitPolicy::Priority => (1, 1 + table.outputs.len() as u32),
        HitPolicy::CollectCount => (MAX_SHOWN_HITS, 1),
        _ => (MAX_SHOWN_HITS, 1 + table.outputs.len() as u32),
    }
}

/// The constants that a value is ranked among.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    pub(super) address: u32,
    pub(super) n_constants: u32,
    /// Decimals that are only compared for equality, with a hash table behind them
    pub(super) is_hashed: bool,
}

/// What becomes of a row that counts.
enum Sink<'s> {
    /// It contributes
    Outputs(&'s [Gathered]),
    /// It is shown; the first slot for what is shown
    Trace(u32),
}

/// The value of an output column in a row: a variable, and a local that says whether there is one.
struct Loaded {
    variable: u32,
    locals: Vec<u32>,
    is_present: u32,
}

impl RowCode<'_> {
    /// A table: its contributions, or an error at `failed`; gives a local with the number of rows that match.
    pub(super) fn emit_table(
        &mut self,
        table: &Table<Expr>,
        placed: &PlacedTable,
        outputs: &[Gathered],
        failed: Label,
    ) -> u32 {
        self.emit_ranks(table, placed, false);
        self.emit_hits(table, placed, &Sink::Outputs(outputs), failed)
    }

    /// The same for one row: records what matched; gives a local with the number of rows that did.
    pub(super) fn explain_table(
        &mut self,
        table: &Table<Expr>,
        placed: &PlacedTable,
        first_slot: u32,
        failed: Label,
    ) -> u32 {
        self.emit_ranks(table, placed, true);
        self.emit_hits(table, placed, &Sink::Trace(first_slot), failed)
    }

    // ------------------------------------------------------------------- ranks

    fn emit_ranks(&mut self, table: &Table<Expr>, placed: &PlacedTable, all: bool) {
        for (index, column) in table.columns.iter().enumerate() {
            let is_tested = placed.is_tested[index];
            if !is_tested && !all {
                continue;
            }
            let address = placed.ranks + 4 * index as u32;
            let fails = self.can_fail(&column.value);
            let done = self.f.block(BlockType::Empty);
            let failed = self.f.block(BlockType::Empty);
            let value = self.emit_to_locals(&column.value, failed);
            if is_tested {
                self.f.ins().i32_const(address as i32);
                let (address, n_constants) = placed.bounds[index];
                let among = Constants {
                    address,
                    n_constants,
                    is_hashed: false,
                };
                self.emit_rank(&column.value.ty, &value, among);
                self.f.ins().i32_store(at(0));
            }
            self.f.br(done);
            self.f.end();
            if fails {
                let error = self.error;
                self.f
                    .ins()
                    .i32_const(address as i32)
                    .local_get(error)
                    .i32_const(FAILED as i32)
                    .i32_or()
                    .i32_store(at(0));
            }
            self.f.end();
        }
    }

    /// Pushes the rank of a value in locals.
    pub(super) fn emit_rank(&mut self, ty: &Type, value: &[u32], among: Constants) {
        if let (Type::Nullable(inner), Some((present, value))) = (ty, value.split_last()) {
            self.f.ins().local_get(*present);
            self.f.if_(BlockType::Result(ValType::I32));
            self.emit_rank(inner, value, among);
            self.f.else_();
            self.f.ins().i32_const(NULL as i32);
            self.f.end();
            return;
        }
        let helper = match ty {
            Type::Bool => {
                self.f
                    .ins()
                    .local_get(value[0])
                    .i32_const(1)
                    .i32_shl()
                    .i32_const(FIRST as i32 + 1)
                    .i32_add();
                return;
            }
            Type::Int | Type::Uint | Type::Duration => "table_rank_int",
            Type::Double => "table_rank_double",
            Type::Timestamp => "table_rank_timestamp",
            Type::String | Type::Bytes => "table_rank_bytes",
            Type::Decimal if among.is_hashed => "table_find_decimal",
            Type::Decimal => "table_rank_decimal",
            // Null, and what no row tests
            _ => {
                self.f.ins().i32_const(NULL as i32);
                return;
            }
        };
        let helper = self.module.helper(helper);
        self.f
            .ins()
            .i32_const(among.address as i32)
            .i32_const(among.n_constants as i32);
        self.f.get_all(value);
        if *ty == Type::Uint {
            self.f.ins().i64_const(i64::MIN).i64_xor();
        }
        self.f.call(helper);
    }

    // -------------------------------------------------------------------- hits

    /// Goes through the rows that match, as the policy says; gives a local with their number.
    fn emit_hits(
        &mut self,
        table: &Table<Expr>,
        placed: &PlacedTable,
        sink: &Sink<'_>,
        failed: Label,
    ) -> u32 {
        let (words, ranks, state) = (
            placed.words as i32,
            placed.ranks as i32,
            placed.state as i32,
        );
        let start = self.module.helper("table_start");
        let find = self.module.helper("table_next");
        let n_hits = self.f.local(ValType::I32);
        let row = self.f.local(ValType::I32);
        self.f.ins().i32_const(0).local_set(n_hits);
        self.f
            .ins()
            .i32_const(words)
            .i32_const(ranks)
            .i32_const(state);
        self.f.call(start);
        let is_single = matches!(table.policy, HitPolicy::First | HitPolicy::Priority);
        let kept = self.f.local(ValType::I32);
        let agreed = if table.policy == HitPolicy::Any {
            self.loaded(table, 0)
        } else {
            Vec::new()
        };

        let done = self.f.block(BlockType::Empty);
        let next = self.f.loop_();
        self.f
            .ins()
            .i32_const(words)
            .i32_const(ranks)
            .i32_const(state);
        self.f.call(find).local_tee(row).i32_const(0).i32_lt_s();
        self.f.if_(BlockType::Empty);
        let error = self.error;
        self.f.ins().local_get(row).i32_const(-1).i32_eq();
        self.f.br_if(done);
        self.f
            .ins()
            .i32_const(-1)
            .local_get(row)
            .i32_sub()
            .local_set(error);
        self.f.br(failed);
        self.f.end();
        if let Sink::Trace(first_slot) = sink {
            self.trace_row(table, placed, *first_slot, row, n_hits);
        }
        match table.policy {
            HitPolicy::Unique => {
                self.f.ins().local_get(n_hits);
                self.fail_if(failure::CONFLICT, failed);
                self.f.ins().local_get(row).local_set(kept);
            }
            HitPolicy::Any => {
                let loaded = self.loaded(table, table.outputs.len());
                self.load_values(table, placed, row, &loaded, failed);
                self.f.ins().local_get(n_hits);
                self.f.if_(BlockType::Empty);
                self.fail_unless_same(table, &agreed, &loaded, failed);
                self.f.else_();
                for (agreed, loaded) in agreed.iter().zip(&loaded) {
                    self.f
                        .ins()
                        .local_get(loaded.is_present)
                        .local_set(agreed.is_present);
                    self.f.get_all(&loaded.locals);
                    self.f.set_all(&agreed.locals);
                }
                self.f.end();
            }
            HitPolicy::CollectCount => {}
            _ => {
                let loaded = self.loaded(table, 0);
                self.load_values(table, placed, row, &loaded, failed);
                self.use_values(table, &loaded, sink, n_hits, failed);
            }
        }
        self.f
            .ins()
            .local_get(n_hits)
            .i32_const(1)
            .i32_add()
            .local_set(n_hits);
        self.f.br(if is_single { done } else { next });
        self.f.end();
        self.f.end();

        let first = self.f.local(ValType::I32);
        self.f.ins().i32_const(0).local_set(first);
        match table.policy {
            HitPolicy::Unique => {
                self.f.ins().local_get(n_hits);
                self.f.if_(BlockType::Empty);
                let loaded = self.loaded(table, 0);
                self.load_values(table, placed, kept, &loaded, failed);
                self.use_values(table, &loaded, sink, first, failed);
                self.f.end();
            }
            HitPolicy::Any => {
                self.f.ins().local_get(n_hits);
                self.f.if_(BlockType::Empty);
                self.use_values(table, &agreed, sink, first, failed);
                self.f.end();
            }
            HitPolicy::CollectCount => {
                if let Sink::Outputs(outputs) = sink {
                    self.contribute_count(table, outputs, n_hits, failed);
                }
            }
            _ => {}
        }
        n_hits
    }

    /// New variables for the values of a row.
    fn loaded(&mut self, table: &Table<Expr>, first: usize) -> Vec<Loaded> {
        let outputs = table.outputs.iter().enumerate();
        outputs
            .map(|(index, output)| {
                let loaded = Loaded {
                    // The checker numbers from the other end.
                    variable: u32::MAX - (first + index) as u32,
                    locals: self.locals(&output.ty),
                    is_present: self.f.local(ValType::I32),
                };
                self.variables
                    .insert(loaded.variable, (loaded.locals.clone(), None));
                loaded
            })
            .collect()
    }

    /// Loads or computes the values of a row.
    fn load_values(
        &mut self,
        table: &Table<Expr>,
        placed: &PlacedTable,
        row: u32,
        loaded: &[Loaded],
        failed: Label,
    ) {
        for ((output, placed), loaded) in table.outputs.iter().zip(&placed.outputs).zip(loaded) {
            let number = loaded.is_present;
            self.f
                .ins()
                .local_get(row)
                .i32_const(2)
                .i32_shl()
                .i32_load(at(u64::from(placed.numbers)))
                .local_set(number);
            let done = self.f.block(BlockType::Empty);
            self.f.ins().local_get(number).i32_eqz();
            self.f.br_if(done);
            if placed.n_constants > 0 {
                let computed = self.f.block(BlockType::Empty);
                if !placed.computed.is_empty() {
                    self.f
                        .ins()
                        .local_get(number)
                        .i32_const(placed.n_constants as i32)
                        .i32_gt_u();
                    self.f.br_if(computed);
                }
                self.load_constant(&output.ty, placed, number, &loaded.locals);
                self.f.br(done);
                self.f.end();
            }
            self.compute_value(&output.values, placed, number, loaded, done, failed);
            self.f.end();
        }
    }

    fn load_constant(&mut self, ty: &Type, placed: &PlacedOutput, number: u32, locals: &[u32]) {
        let address = self.f.local(ValType::I32);
        let mut ins = self.f.ins();
        ins.local_get(number)
            .i32_const(4)
            .i32_shl()
            .i32_const(placed.constants as i32 - VALUE_BYTES as i32)
            .i32_add()
            .local_set(address);
        self.load_slots(ty, address, locals);
    }

    /// Loads what `push_constant` laid out, or `store_slots` stored, at an address in a local.
    pub(super) fn load_slots(&mut self, ty: &Type, address: u32, locals: &[u32]) {
        let mut ins = self.f.ins();
        ins.local_get(address);
        match inner(ty) {
            Type::Int | Type::Uint | Type::Duration => ins.i64_load(at(0)),
            Type::Double => ins.f64_load(at(0)),
            Type::String | Type::Bytes => ins.i32_load(at(0)).local_get(address).i32_load(at(4)),
            Type::Timestamp => ins.i64_load(at(0)).local_get(address).i32_load(at(8)),
            _ => ins.i32_load(at(0)),
        };
        if is_nullable(ty) {
            ins.local_get(address).i32_load(at(PRESENT));
        }
        self.f.set_all(locals);
    }

    fn compute_value(
        &mut self,
        values: &[TableValue<Expr>],
        placed: &PlacedOutput,
        number: u32,
        loaded: &Loaded,
        done: Label,
        failed: Label,
    ) {
        if placed.computed.is_empty() {
            return;
        }
        let cases: Vec<Label> = placed
            .computed
            .iter()
            .map(|_| self.f.block(BlockType::Empty))
            .collect();
        self.f
            .ins()
            .local_get(number)
            .i32_const(placed.n_constants as i32 + 1)
            .i32_sub();
        // The innermost block is the last one.
        let by_number: Vec<Label> = cases.iter().rev().copied().collect();
        self.f.br_table(&by_number);
        for place in &placed.computed {
            self.f.end();
            if let Some(TableValue::Computed(expr)) = values.get(*place) {
                self.emit(expr, failed);
                self.f.set_all(&loaded.locals);
            }
            self.f.br(done);
        }
    }

    /// A `Loaded` as an expression.
    fn loaded_expr(loaded: &Loaded, ty: &Type) -> Expr {
        Expr {
            kind: ExprKind::Local(loaded.variable),
            ty: ty.clone(),
            span: Span::default(),
        }
    }

    fn fail_unless_same(
        &mut self,
        table: &Table<Expr>,
        first: &[Loaded],
        second: &[Loaded],
        failed: Label,
    ) {
        for ((output, a), b) in table.outputs.iter().zip(first).zip(second) {
            self.f
                .ins()
                .local_get(a.is_present)
                .i32_eqz()
                .local_get(b.is_present)
                .i32_eqz()
                .i32_ne();
            self.fail_if(failure::CONFLICT, failed);
            self.f.ins().local_get(a.is_present);
            self.f.if_(BlockType::Empty);
            let (a, b) = (
                Self::loaded_expr(a, &output.ty),
                Self::loaded_expr(b, &output.ty),
            );
            self.emit_compare(CompareOp::NotEqual, &a, &b, failed);
            self.fail_if(failure::CONFLICT, failed);
            self.f.end();
        }
    }

    /// Contributes or shows loaded values; `hit` is the number of the row among those that match.
    fn use_values(
        &mut self,
        table: &Table<Expr>,
        loaded: &[Loaded],
        sink: &Sink<'_>,
        hit: u32,
        failed: Label,
    ) {
        match sink {
            Sink::Outputs(outputs) => {
                for (output, loaded) in table.outputs.iter().zip(loaded) {
                    self.f.ins().local_get(loaded.is_present);
                    self.f.if_(BlockType::Empty);
                    let contribution = Contribution {
                        output: output.output,
                        value: Self::loaded_expr(loaded, &output.ty),
                        span: output.span,
                    };
                    self.contribute(&contribution, outputs, failed);
                    self.f.end();
                }
            }
            Sink::Trace(first_slot) => {
                let first_slot = *first_slot;
                self.trace_hit(table, hit, |code| {
                    for ((output, loaded), slot) in
                        table.outputs.iter().zip(loaded).zip(first_slot + 1..)
                    {
                        code.f.ins().local_get(loaded.is_present);
                        code.f.if_(BlockType::Empty);
                        code.f.get_all(&loaded.locals);
                        code.trace_value(slot, &output.ty);
                        code.drop_value(&output.ty);
                        code.f.end();
                    }
                });
            }
        }
    }

    fn contribute_count(
        &mut self,
        table: &Table<Expr>,
        outputs: &[Gathered],
        n_hits: u32,
        failed: Label,
    ) {
        let count = self.f.local(ValType::I64);
        self.f
            .ins()
            .local_get(n_hits)
            .i64_extend_i32_u()
            .local_set(count);
        let variable = u32::MAX;
        self.variables.insert(variable, (vec![count], None));
        for output in &table.outputs {
            let value = Expr {
                kind: ExprKind::Local(variable),
                ty: output.ty.clone(),
                span: Span::default(),
            };
            let contribution = Contribution {
                output: output.output,
                value,
                span: output.span,
            };
            self.contribute(&contribution, outputs, failed);
        }
    }

    // ------------------------------------------------------------------- trace

    /// Records the text of a row that matches.
    fn trace_row(
        &mut self,
        table: &Table<Expr>,
        placed: &PlacedTable,
        first_slot: u32,
        row: u32,
        n_hits: u32,
    ) {
        let texts = u64::from(placed.texts);
        self.trace_hit(table, n_hits, |code| {
            for part in [0, 4] {
                code.f
                    .ins()
                    .local_get(row)
                    .i32_const(3)
                    .i32_shl()
                    .i32_load(at(texts + part));
            }
            code.trace_value(first_slot, &Type::String);
            code.drop_value(&Type::String);
        });
    }

    /// Runs code whose slots are those of a row that matches, unless there are more of them than are shown.
    fn trace_hit(&mut self, table: &Table<Expr>, hit: u32, build: impl FnOnce(&mut Self)) {
        let Some(values) = self.trace.as_ref().map(|trace| trace.values) else {
            return;
        };
        let (n_hits, n_slots) = shown_hits(table);
        let shifted = self.f.local(ValType::I32);
        self.f
            .ins()
            .local_get(hit)
            .i32_const((n_slots * super::layout::value::SIZE) as i32)
            .i32_mul()
            .local_get(values)
            .i32_add()
            .local_set(shifted);
        self.f
            .ins()
            .local_get(hit)
            .i32_const(n_hits as i32)
            .i32_lt_u();
        self.f.if_(BlockType::Empty);
        let set_values = |code: &mut Self, local| {
            if let Some(trace) = &mut code.trace {
                trace.values = local;
            }
        };
        set_values(self, shifted);
        build(self);
        set_values(self, values);
        self.f.end();
    }

    fn drop_value(&mut self, ty: &Type) {
        for _ in super::layout::slots(ty) {
            self.f.ins().drop();
        }
    }
}
