//! Small batches in one call: what a call costs is mostly entering and leaving compiled code, which lowering does once for
//! each list that the guest has to allocate.
//!
//! A module of our own stands between the host and the stage's core module. The host writes the arguments into its memory
//! as they shall lie in the guest's; the module asks the guest's allocator for the place of each list, copies it there, and
//! calls `process`, all without coming back to the host.

use rulestage_pipeline::runtime::{StageFailure, StageFailureKind};
use rulestage_pipeline::wire::FlatArray;
use rulestage_stage_abi::{self as abi, Guest, layout, put_u32};

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// Batches of more rows are lowered list by list.
pub(crate) const MOST_ROWS: u32 = 64;

/// What [`Plan::of`] gives the function of the module, behind the session and the number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) n_arrays: u32,
    pub(crate) n_lists: u32,
}

pub(crate) const MEMORY: &str = "memory";
pub(crate) const CALL: &str = "call";
/// Not 0 while the guest allocates
pub(crate) const SEALED: &str = "sealed";

/// Why the function trapped, where it did so itself: the word at address 0.
pub(crate) const UNALIGNED: u32 = 1;
pub(crate) const OUTSIDE: u32 = 2;

/// Where the address of the first list goes, that of the arrays' records
pub(crate) const RECORDS_ADDRESS: u32 = 4;

/// Where the lists are described, each by alignment, size, the place of its address here, and its content here.
const LISTS: u32 = 16;
const LIST_BYTES: u32 = 16;
const MOST_LISTS: u32 = 256;
/// The first list: the records of all arrays
pub(crate) const CONTENTS: u32 = LISTS + MOST_LISTS * LIST_BYTES;
const PAGE_BYTES: u32 = 65_536;

impl Plan {
    /// Writes the arguments into the module's memory; `None` where they are too many or too large.
    pub(crate) fn of(memory: &mut [u8], columns: &[FlatArray<'_>]) -> Option<Self> {
        let mut stage = Stage {
            memory,
            n_lists: 0,
            next: CONTENTS,
        };
        let (records, n_arrays) = abi::arrays(&mut stage, columns).ok()?;
        let n_lists = stage.n_lists;
        stage.note_addresses(records, n_arrays);
        Some(Self { n_arrays, n_lists })
    }
}

/// The lists of arguments that are alike but for their contents, as those of one row are for each row.
#[derive(Debug)]
pub(crate) struct StagedLists(Vec<u8>);

impl Default for StagedLists {
    fn default() -> Self {
        let mut lists = Self(Vec::new());
        lists.describe(4, RECORDS_ADDRESS);
        lists
    }
}

impl StagedLists {
    /// How many there are; the first one is that of the records.
    pub(crate) fn len(&self) -> usize {
        self.0.len() / LIST_BYTES as usize
    }

    /// Adds a list whose address and number of elements stand at `place` of the records.
    pub(crate) fn push(&mut self, align: u32, place: usize) {
        self.describe(align, CONTENTS + place as u32);
    }

    fn describe(&mut self, align: u32, place: u32) {
        let words = [align, 0, place, 0];
        let bytes = words.into_iter().flat_map(u32::to_le_bytes);
        self.0.extend(bytes);
    }

    /// Begins the arguments in the module's memory; `None` where they are too many.
    pub(crate) fn stage<'m>(
        &self,
        memory: &'m mut [u8],
        records: &[u8],
        n_arrays: u32,
    ) -> Option<StagedRow<'m>> {
        let lists = memory.get_mut(LISTS as usize..CONTENTS as usize)?;
        lists.get_mut(..self.0.len())?.copy_from_slice(&self.0);
        let plan = Plan {
            n_arrays,
            n_lists: self.len() as u32,
        };
        let next = CONTENTS as usize;
        let mut row = StagedRow { memory, plan, next };
        put_u32(row.memory, LISTS as usize + 4, records.len() as u32);
        put_u32(row.memory, LISTS as usize + 12, CONTENTS);
        row.take(records.len())?.copy_from_slice(records);
        Some(row)
    }
}

/// One row in the module's memory. What does not fit gives `None`.
pub(crate) struct StagedRow<'m> {
    memory: &'m mut [u8],
    plan: Plan,
    next: usize,
}

impl StagedRow<'_> {
    /// The length of the array whose record is at `record`.
    pub(crate) fn put_length(&mut self, record: usize, length: u32) {
        put_u32(self.memory, CONTENTS as usize + record, length);
    }

    /// The content of list number `list`, which stands at `place` of the records.
    #[inline]
    pub(crate) fn put_bytes(&mut self, list: usize, place: usize, bytes: &[u8]) -> Option<()> {
        let content = self.content(list, place, bytes.len(), bytes.len())?;
        content.copy_from_slice(bytes);
        Some(())
    }

    /// The same of numbers of 8 bytes.
    #[inline]
    pub(crate) fn put_numbers(&mut self, list: usize, place: usize, numbers: &[u64]) -> Option<()> {
        let content = self.content(list, place, numbers.len(), 8 * numbers.len())?;
        let places = content.as_chunks_mut().0.iter_mut();
        for (place, number) in places.zip(numbers) {
            *place = number.to_le_bytes();
        }
        Some(())
    }

    /// The same of offsets.
    #[inline]
    pub(crate) fn put_offsets(&mut self, list: usize, place: usize, offsets: &[i32]) -> Option<()> {
        let content = self.content(list, place, offsets.len(), 4 * offsets.len())?;
        let places = content.as_chunks_mut().0.iter_mut();
        for (place, offset) in places.zip(offsets) {
            *place = offset.to_le_bytes();
        }
        Some(())
    }

    /// Where the content of a list goes.
    #[inline]
    fn content(
        &mut self,
        list: usize,
        place: usize,
        n_elements: usize,
        size: usize,
    ) -> Option<&mut [u8]> {
        let described = LISTS as usize + list * LIST_BYTES as usize;
        put_u32(self.memory, described + 4, u32::try_from(size).ok()?);
        put_u32(self.memory, described + 12, self.next as u32);
        put_u32(
            self.memory,
            CONTENTS as usize + place + 4,
            n_elements as u32,
        );
        self.take(size)
    }

    #[inline]
    fn take(&mut self, size: usize) -> Option<&mut [u8]> {
        let start = self.next;
        // Contents start at addresses that suit every alignment.
        self.next = start.checked_add(size)?.checked_next_multiple_of(8)?;
        self.memory.get_mut(start..start + size)
    }

    pub(crate) fn plan(self) -> Plan {
        self.plan
    }
}

/// The module's memory as if it were the guest's.
struct Stage<'a> {
    memory: &'a mut [u8],
    n_lists: u32,
    next: u32,
}

impl Stage<'_> {
    /// Notes where the address of each list but the first stands, in the order in which they were lowered.
    fn note_addresses(&mut self, records: u32, n_arrays: u32) {
        const PLACE: u32 = 8;
        put_u32(self.memory, (LISTS + PLACE) as usize, RECORDS_ADDRESS);
        let mut list = LISTS + LIST_BYTES;
        let mut note = |memory: &mut [u8], place: u32| {
            put_u32(memory, (list + PLACE) as usize, place);
            list += LIST_BYTES;
        };
        for index in 0..n_arrays {
            let record = records + index * layout::ARRAY;
            let at = |offset: u32| (record + offset) as usize;
            if self.memory[at(4)] != 0 {
                note(self.memory, record + 8);
            }
            match self.memory[at(16)] {
                0 => {}
                12 => {
                    note(self.memory, record + 20);
                    note(self.memory, record + 28);
                }
                _ => note(self.memory, record + 20),
            }
        }
    }
}

impl Guest for Stage<'_> {
    fn size_bytes(&self) -> u64 {
        self.memory.len() as u64
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, StageFailure> {
        let at = self.next;
        // Contents are copied 8 bytes at a time, and start at addresses that suit every alignment.
        let next = at
            .checked_add(size)
            .and_then(|end| end.checked_next_multiple_of(8))
            .filter(|next| self.n_lists < MOST_LISTS && *next <= PAGE_BYTES);
        let Some(next) = next else {
            return Err(StageFailure {
                kind: StageFailureKind::Memory,
                message: "not a small batch".to_owned(),
            });
        };
        let list = (LISTS + self.n_lists * LIST_BYTES) as usize;
        put_u32(self.memory, list, align);
        put_u32(self.memory, list + 4, size);
        put_u32(self.memory, list + 12, at);
        self.n_lists += 1;
        self.next = next;
        Ok(at)
    }
}

/// Indices of functions in the module.
const REALLOC: u32 = 0;
const PROCESS: u32 = 1;
const COPY: u32 = 2;
const CALL_INDEX: u32 = 3;
/// Indices of memories.
const THEIRS: u32 = 0;
const OURS: u32 = 1;

fn place(memory: u32, offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: MemArgTarget::Memory(memory),
        ordering: None,
    }
}

/// The module: `call(session, rows, number of arrays, number of lists) -> address of the result`.
pub(crate) fn module() -> Vec<u8> {
    let i32s = |n: usize| std::iter::repeat_n(ValType::I32, n);
    let mut types = TypeSection::new();
    types.ty().function(i32s(4), i32s(1));
    types.ty().function(i32s(3), []);
    let (four, three) = (0, 1);
    let memory = |minimum, maximum| MemoryType {
        minimum,
        maximum,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let mut imports = ImportSection::new();
    imports
        .import("stage", "memory", memory(0, None))
        .import("stage", "cabi_realloc", EntityType::Function(four))
        .import("stage", "process", EntityType::Function(four));
    let mut functions = FunctionSection::new();
    functions.function(three).function(four);
    let mut memories = MemorySection::new();
    memories.memory(memory(1, Some(1)));
    let mut globals = GlobalSection::new();
    let sealed = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(sealed, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports
        .export(MEMORY, ExportKind::Memory, OURS)
        .export(CALL, ExportKind::Func, CALL_INDEX)
        .export(SEALED, ExportKind::Global, 0);
    let mut code = CodeSection::new();
    code.function(&copy()).function(&call());
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

fn give_up_if(ins: &mut InstructionSink<'_>, reason: u32) {
    ins.if_(BlockType::Empty)
        .i32_const(0)
        .i32_const(reason as i32)
        .i32_store(place(OURS, 0))
        .unreachable()
        .end();
}

/// `(to, from, size)`: from our memory to the guest's.
fn copy() -> Function {
    let (to, from, size) = (0, 1, 2);
    let mut f = Function::new([]);
    let mut ins = f.instructions();
    let advance = |ins: &mut InstructionSink<'_>, by: i32| {
        for (local, by) in [(to, by), (from, by), (size, -by)] {
            ins.local_get(local)
                .i32_const(by)
                .i32_add()
                .local_set(local);
        }
    };
    let copy_8 = |ins: &mut InstructionSink<'_>, offset| {
        ins.local_get(to)
            .local_get(from)
            .i64_load(place(OURS, offset))
            .i64_store(place(THEIRS, offset));
    };
    ins.block(BlockType::Empty).loop_(BlockType::Empty);
    ins.local_get(size).i32_const(16).i32_lt_u().br_if(1);
    copy_8(&mut ins, 0);
    copy_8(&mut ins, 8);
    advance(&mut ins, 16);
    ins.br(0).end().end();
    ins.local_get(size)
        .i32_const(8)
        .i32_and()
        .if_(BlockType::Empty);
    copy_8(&mut ins, 0);
    advance(&mut ins, 8);
    ins.end();
    ins.local_get(size)
        .i32_const(4)
        .i32_and()
        .if_(BlockType::Empty)
        .local_get(to)
        .local_get(from)
        .i32_load(place(OURS, 0))
        .i32_store(place(THEIRS, 0));
    advance(&mut ins, 4);
    ins.end();
    ins.block(BlockType::Empty).loop_(BlockType::Empty);
    ins.local_get(size)
        .i32_eqz()
        .br_if(1)
        .local_get(to)
        .local_get(from)
        .i32_load8_u(place(OURS, 0))
        .i32_store8(place(THEIRS, 0));
    advance(&mut ins, 1);
    ins.br(0).end().end();
    ins.end();
    f
}

fn call() -> Function {
    let (session, rows, n_arrays, n_lists) = (0, 1, 2, 3);
    let (list, end, align, size, at) = (4, 5, 6, 7, 8);
    let mut f = Function::new([(5, ValType::I32)]);
    let mut ins = f.instructions();
    ins.i32_const(1).global_set(0);
    ins.i32_const(LISTS as i32)
        .local_tee(list)
        .local_get(n_lists)
        .i32_const(LIST_BYTES as i32)
        .i32_mul()
        .i32_add()
        .local_set(end);
    ins.loop_(BlockType::Empty);
    ins.i32_const(0)
        .i32_const(0)
        .local_get(list)
        .i32_load(place(OURS, 0))
        .local_tee(align)
        .local_get(list)
        .i32_load(place(OURS, 4))
        .local_tee(size)
        .call(REALLOC)
        .local_tee(at);
    // An address that will not do is no place to write to.
    ins.local_get(align).i32_const(1).i32_sub().i32_and();
    give_up_if(&mut ins, UNALIGNED);
    ins.local_get(at)
        .i64_extend_i32_u()
        .local_get(size)
        .i64_extend_i32_u()
        .i64_add()
        .memory_size(THEIRS)
        .i64_extend_i32_u()
        .i64_const(16)
        .i64_shl()
        .i64_gt_u();
    give_up_if(&mut ins, OUTSIDE);
    ins.local_get(list)
        .i32_load(place(OURS, 8))
        .local_get(at)
        .i32_store(place(OURS, 0));
    // Most lists of one row are a number or two. The records of arrays, the first list, are copied at the end, when they
    // hold the addresses of all others.
    ins.local_get(size)
        .i32_const(8)
        .i32_eq()
        .if_(BlockType::Empty)
        .local_get(at)
        .local_get(list)
        .i32_load(place(OURS, 12))
        .i64_load(place(OURS, 0))
        .i64_store(place(THEIRS, 0))
        .else_()
        .local_get(list)
        .i32_const(LISTS as i32)
        .i32_ne()
        .if_(BlockType::Empty)
        .local_get(at)
        .local_get(list)
        .i32_load(place(OURS, 12))
        .local_get(size)
        .call(COPY)
        .end()
        .end();
    ins.local_get(list)
        .i32_const(LIST_BYTES as i32)
        .i32_add()
        .local_tee(list)
        .local_get(end)
        .i32_lt_u()
        .br_if(0)
        .end();
    ins.i32_const(0)
        .i32_load(place(OURS, u64::from(RECORDS_ADDRESS)))
        .i32_const(CONTENTS as i32)
        .i32_const(0)
        .i32_load(place(OURS, u64::from(LISTS) + 4))
        .call(COPY);
    ins.i32_const(0).global_set(0);
    ins.local_get(session)
        .local_get(rows)
        .i32_const(0)
        .i32_load(place(OURS, u64::from(RECORDS_ADDRESS)))
        .local_get(n_arrays)
        .call(PROCESS)
        .end();
    f
}

#[cfg(test)]
mod tests {
    use super::*;
    use rulestage_pipeline::wire::FlatBuffer;
    use rulestage_stage_abi::get_u32;

    #[test]
    fn every_address_is_noted() {
        let mut memory = vec![0xaa; PAGE_BYTES as usize];
        let array = |validity: Option<Vec<u8>>, values| FlatArray {
            length: 1,
            validity: validity.map(Into::into),
            values,
        };
        let columns = [
            array(None, FlatBuffer::None),
            array(Some(vec![1]), FlatBuffer::S64(vec![7].into())),
            array(
                Some(vec![1]),
                FlatBuffer::Bytes {
                    offsets: vec![0, 3].into(),
                    bytes: vec![1, 2, 3].into(),
                },
            ),
        ];
        let plan = Plan::of(&mut memory, &columns).expect("it is small");
        assert_eq!((plan.n_arrays, plan.n_lists), (3, 6));
        let word = |at: u32| get_u32(&memory, at as usize);
        for list in 1..plan.n_lists {
            let list = LISTS + list * LIST_BYTES;
            let (place, content) = (word(list + 8), word(list + 12));
            assert_eq!(word(place), content, "the address as it was lowered");
        }
        let large = [array(None, FlatBuffer::U8(vec![0; 70_000].into()))];
        assert_eq!(Plan::of(&mut memory, &large), None);
    }
}
