//! One function under construction: locals on demand, and labels instead of relative depths.

use std::collections::BTreeSet;
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

/// A block, loop or `if` that can be branched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(u32);

/// Collects instructions; [`FunctionBuilder::finish`] adds the locals in front.
#[derive(Debug)]
pub(super) struct FunctionBuilder {
    n_params: u32,
    locals: Vec<ValType>,
    /// Locals that are used no more, and those in use since each mark
    free: Vec<u32>,
    marks: Vec<Vec<u32>>,
    code: Vec<u8>,
    /// For each open block, whether something branches to it
    targets: Vec<bool>,
    /// The functions that are called
    calls: BTreeSet<u32>,
}

impl FunctionBuilder {
    pub(super) fn new(n_params: u32) -> Self {
        Self {
            n_params,
            locals: Vec::new(),
            free: Vec::new(),
            marks: Vec::new(),
            code: Vec::new(),
            targets: Vec::new(),
            calls: BTreeSet::new(),
        }
    }

    /// A local; zero at the start of the function, unless locals were released.
    pub(super) fn local(&mut self, ty: ValType) -> u32 {
        let has_type = |local: &u32| self.locals[(*local - self.n_params) as usize] == ty;
        let local = match self.free.iter().rposition(has_type) {
            Some(place) => self.free.swap_remove(place),
            None => {
                self.locals.push(ty);
                self.n_params + self.locals.len() as u32 - 1
            }
        };
        if let Some(used) = self.marks.last_mut() {
            used.push(local);
        }
        local
    }

    /// Locals that are asked for from now on are used until `release_locals`: a function has at most 50,000.
    pub(super) fn mark_locals(&mut self) {
        self.marks.push(Vec::new());
    }

    pub(super) fn release_locals(&mut self) {
        self.free.extend(self.marks.pop().unwrap_or_default());
    }

    /// Where plain instructions go. Blocks, branches and calls have methods of their own.
    pub(super) fn ins(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    fn open(&mut self) -> Label {
        self.targets.push(false);
        Label(self.targets.len() as u32)
    }

    pub(super) fn block(&mut self, ty: BlockType) -> Label {
        self.ins().block(ty);
        self.open()
    }

    pub(super) fn loop_(&mut self) -> Label {
        self.ins().loop_(BlockType::Empty);
        self.open()
    }

    pub(super) fn if_(&mut self, ty: BlockType) -> Label {
        self.ins().if_(ty);
        self.open()
    }

    pub(super) fn else_(&mut self) {
        self.ins().else_();
    }

    /// Ends the innermost block; gives whether something branches to it.
    pub(super) fn end(&mut self) -> bool {
        self.ins().end();
        self.targets.pop().unwrap_or_default()
    }

    /// How many blocks a branch to a label leaves.
    fn depth_of(&mut self, label: Label) -> u32 {
        self.targets[label.0 as usize - 1] = true;
        self.targets.len() as u32 - label.0
    }

    pub(super) fn br(&mut self, label: Label) {
        let depth = self.depth_of(label);
        self.ins().br(depth);
    }

    pub(super) fn br_if(&mut self, label: Label) {
        let depth = self.depth_of(label);
        self.ins().br_if(depth);
    }

    /// Branches to the label with the number on the stack, or to the last one.
    pub(super) fn br_table(&mut self, labels: &[Label]) {
        let depths: Vec<u32> = labels.iter().map(|label| self.depth_of(*label)).collect();
        if let Some(last) = depths.last().copied() {
            self.ins().br_table(depths, last);
        }
    }

    /// The locals, from the last slot to the first, take the values on the stack.
    pub(super) fn set_all(&mut self, locals: &[u32]) {
        for local in locals.iter().rev() {
            self.ins().local_set(*local);
        }
    }

    /// Pushes the locals, first slot first.
    pub(super) fn get_all(&mut self, locals: &[u32]) {
        for local in locals {
            self.ins().local_get(*local);
        }
    }

    /// Calls a function, and notes that it is called; more instructions may follow.
    pub(super) fn call(&mut self, function: u32) -> InstructionSink<'_> {
        self.calls.insert(function);
        let mut ins = self.ins();
        ins.call(function);
        ins
    }

    /// The functions that are called so far.
    pub(super) fn calls(&self) -> &BTreeSet<u32> {
        &self.calls
    }

    pub(super) fn finish(mut self) -> Function {
        debug_assert!(self.targets.is_empty(), "a block is left open");
        self.ins().end();
        let mut function = Function::new_with_locals_types(self.locals);
        function.raw(self.code);
        function
    }
}
