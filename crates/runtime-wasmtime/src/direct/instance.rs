//! An instance of a core module, and calls into it.

use std::sync::Arc;

use rulestage_pipeline::runtime::{
    Description, Explanation, Limits, Outline, Reasons, StageFailure, StageFailureKind, Value,
};
use rulestage_pipeline::wire::FlatArray;
use rulestage_stage_abi::{self as abi, FieldRecord, Guest, Lifter, Malformed, get_u32, layout};
use wasmtime::{
    Caller, Global, InstancePre, Linker, Memory, Module, Store, Trap, TypedFunc, WasmParams,
    WasmResults, format_err,
};

use super::staged::{self, Plan};
use super::{Function, MEMORY, RESOURCE_NEW, RESOURCE_REP, Shape};
use crate::engine;
use crate::failure::{call_failure, failure, malformed};
use crate::inspect::STAGE;
use crate::instance::{Answer, Called, RawOutcome, RawRow, StageInstance};
use crate::models::Models;
use crate::row::{RowForm, RowResult};
use crate::store::{Host, MemoryBudget, most_copied_bytes, store};

/// The intrinsics of `session`, which core modules import.
pub(crate) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let module = format!("[export]{STAGE}");
    linker.func_wrap(
        &module,
        RESOURCE_NEW,
        |mut caller: Caller<'_, Host>, rep: u32| {
            check_may_leave(&mut caller)?;
            let host = caller.data_mut();
            match host.memory.take(Handles::ENTRY_BYTES) {
                true => Ok(host.handles.insert(rep)),
                false => Err(format_err!("no room for another session")),
            }
        },
    )?;
    linker.func_wrap(
        &module,
        RESOURCE_REP,
        |mut caller: Caller<'_, Host>, handle: u32| {
            check_may_leave(&mut caller)?;
            caller.data().handles.get(handle)
        },
    )?;
    Ok(())
}

/// Intrinsics must not be called by allocators and by what is called after a function.
fn check_may_leave(caller: &mut Caller<'_, Host>) -> wasmtime::Result<()> {
    let handles = &caller.data().handles;
    let (may_leave, sealed) = (handles.may_leave, handles.sealed);
    let is_sealed = sealed.is_some_and(|sealed| sealed.get(caller).i32() != Some(0));
    match may_leave && !is_sealed {
        true => Ok(()),
        false => Err(Trap::CannotLeaveComponent.into()),
    }
}

/// The sessions that a guest owns handles of.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    /// What the guest knows each by; handles count from 1
    reps: Vec<Option<u32>>,
    may_leave: bool,
    /// What [`staged::module`] says of it
    sealed: Option<Global>,
}

impl Handles {
    const ENTRY_BYTES: u64 = size_of::<Option<u32>>() as u64;

    fn insert(&mut self, rep: u32) -> u32 {
        self.reps.push(Some(rep));
        self.reps.len() as u32
    }

    fn get(&self, handle: u32) -> wasmtime::Result<u32> {
        let rep = self.reps.get((handle as usize).wrapping_sub(1));
        let unknown = || format_err!("unknown handle index {handle}");
        rep.copied().flatten().ok_or_else(unknown)
    }

    /// The session of a handle that the guest gave away.
    fn take(&mut self, handle: u32) -> Result<u32, Malformed> {
        let rep = self.reps.get_mut((handle as usize).wrapping_sub(1));
        let unknown = || Malformed(format!("unknown handle index {handle}").into());
        rep.and_then(Option::take).ok_or_else(unknown)
    }
}

/// A function that returns the address of its result, and what is called once that is read.
struct Export<P> {
    function: TypedFunc<P, u32>,
    post_return: Option<TypedFunc<u32, ()>>,
}

/// The core modules of a component that can be called directly.
pub(crate) struct Modules {
    pub(crate) stage: InstancePre<Host>,
    pub(crate) staged: Module,
}

/// An instance of [`staged::module`].
struct Staged {
    memory: Memory,
    call: TypedFunc<(u32, u32, u32, u32), u32>,
}

/// An instance of the core module alone.
pub(crate) struct Instance {
    guest: CoreGuest,
    instance: wasmtime::Instance,
    shape: Shape,
    process: Export<(u32, u32, u32, u32)>,
    staged_module: Module,
    /// Once there was a small batch
    staged: Option<Staged>,
    /// What the guest knows the session by
    session: u32,
    /// What one call may hand to the host
    most_bytes: u64,
}

/// The memory of an instance and its allocator.
struct CoreGuest {
    store: Store<Host>,
    memory: Memory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    limits: Limits,
}

impl CoreGuest {
    fn failure(&self, error: &wasmtime::Error) -> StageFailure {
        call_failure(error, &self.store.data().memory, self.limits)
    }

    fn start_deadline(&mut self) {
        self.store
            .set_epoch_deadline(engine::epochs(self.limits.deadline_ms));
    }
}

impl Guest for CoreGuest {
    fn size_bytes(&self) -> u64 {
        self.memory.data_size(&self.store) as u64
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.memory.data_mut(&mut self.store)[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn allocate(&mut self, align: u32, size: u32) -> Called<u32> {
        let at = self.realloc.call(&mut self.store, (0, 0, align, size));
        at.map_err(|error| self.failure(&error))
    }
}

/// A memory while nobody writes to it.
struct Seen<'a>(&'a [u8]);

impl abi::Memory for Seen<'_> {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_into(&self, at: u32, into: &mut [u8]) {
        into.copy_from_slice(&self.0[at as usize..at as usize + into.len()]);
    }

    fn seen(&self) -> Option<&[u8]> {
        Some(self.0)
    }
}

/// Finds a function of the module.
fn export<P: WasmParams, R: WasmResults>(
    store: &mut Store<Host>,
    instance: &wasmtime::Instance,
    name: &str,
) -> Called<TypedFunc<P, R>> {
    let function = instance.get_typed_func(store, name);
    function.map_err(|error| {
        let message = format!("the component's exports don't fit the contract: {error:#}");
        failure(StageFailureKind::WrongWorld, message)
    })
}

impl Instance {
    pub(crate) fn new(
        modules: &Modules,
        shape: Shape,
        models: &Arc<Models>,
        limits: Limits,
    ) -> Called<Self> {
        let module = &modules.stage;
        let mut store = store(module.module().engine(), models, limits);
        store.set_epoch_deadline(engine::epochs(limits.deadline_ms));
        store.data_mut().handles.may_leave = true;
        let instance = module
            .instantiate(&mut store)
            .map_err(|error| call_failure(&error, &store.data().memory, limits))?;
        store.data_mut().handles.may_leave = false;
        let memory = instance.get_memory(&mut store, MEMORY).ok_or_else(|| {
            let message = "the component's core module exports no memory";
            failure(StageFailureKind::WrongWorld, message)
        })?;
        let realloc = export(&mut store, &instance, shape.realloc())?;
        let mut guest = CoreGuest {
            store,
            memory,
            realloc,
            limits,
        };
        Ok(Self {
            process: find(&mut guest.store, &instance, shape, Function::Process)?,
            guest,
            instance,
            shape,
            staged_module: modules.staged.clone(),
            staged: None,
            session: 0,
            most_bytes: most_copied_bytes(limits),
        })
    }

    fn find<P: WasmParams>(&mut self, function: Function) -> Called<Export<P>> {
        find(&mut self.guest.store, &self.instance, self.shape, function)
    }
}

fn find<P: WasmParams>(
    store: &mut Store<Host>,
    instance: &wasmtime::Instance,
    shape: Shape,
    function: Function,
) -> Called<Export<P>> {
    let missing = || {
        let (interface, name) = function.names();
        let message = format!("the component doesn't export `{name}` of `{interface}`");
        failure(StageFailureKind::WrongWorld, message)
    };
    let names = shape.function(function).ok_or_else(missing)?;
    let post_return = names.post_return;
    Ok(Export {
        function: export(store, instance, &names.name)?,
        post_return: match post_return {
            Some(name) => Some(export(store, instance, &name)?),
            None => None,
        },
    })
}

impl Staged {
    fn new(
        guest: &mut CoreGuest,
        module: &Module,
        process: &TypedFunc<(u32, u32, u32, u32), u32>,
    ) -> wasmtime::Result<Self> {
        let imports = [
            guest.memory.into(),
            (*guest.realloc.func()).into(),
            (*process.func()).into(),
        ];
        let store = &mut guest.store;
        store.data_mut().memory.exempt(true);
        let instance = wasmtime::Instance::new(&mut *store, module, &imports);
        store.data_mut().memory.exempt(false);
        let instance = instance?;
        let missing = || format_err!("an export of the host's own module is missing");
        let sealed = instance.get_global(&mut *store, staged::SEALED);
        store.data_mut().handles.sealed = Some(sealed.ok_or_else(missing)?);
        let memory = instance.get_memory(&mut *store, staged::MEMORY);
        Ok(Self {
            memory: memory.ok_or_else(missing)?,
            call: instance.get_typed_func(&mut *store, staged::CALL)?,
        })
    }

    /// What the module found wrong with an allocation, before it trapped.
    fn refusal(&self, store: &Store<Host>) -> Option<Malformed> {
        match get_u32(self.memory.data(store), 0) {
            staged::UNALIGNED => Some(abi::UNALIGNED_ALLOCATION.into()),
            staged::OUTSIDE => Some(abi::OUTSIDE_ALLOCATION.into()),
            _ => None,
        }
    }
}

impl Instance {
    /// Where the result of `process` lies; `None` for what is not small.
    fn process_staged(
        &mut self,
        n_rows: u32,
        plan: impl FnOnce(&mut [u8]) -> Option<Plan>,
    ) -> Option<Called<u32>> {
        let guest = &mut self.guest;
        let staged = match &mut self.staged {
            Some(staged) => staged,
            none => {
                let process = &self.process.function;
                match Staged::new(guest, &self.staged_module, process) {
                    Ok(staged) => none.insert(staged),
                    Err(error) => return Some(Err(guest.failure(&error))),
                }
            }
        };
        let (memory, host) = staged.memory.data_and_store_mut(&mut guest.store);
        let plan = plan(memory)?;
        host.handles.may_leave = true;
        let arguments = (self.session, n_rows, plan.n_arrays, plan.n_lists);
        let returned = staged.call.call(&mut guest.store, arguments);
        guest.store.data_mut().handles.may_leave = false;
        Some(returned.map_err(|error| {
            let memory = &guest.store.data().memory;
            match staged.refusal(&guest.store) {
                Some(reason) => malformed(reason, memory, guest.limits),
                None => guest.failure(&error),
            }
        }))
    }
}

/// Calls a function, reads what it returned, and lets the guest release it.
fn call<P: WasmParams, T>(
    guest: &mut CoreGuest,
    most_bytes: u64,
    export: &Export<P>,
    arguments: P,
    read: impl FnOnce(&Lifter<'_, Seen<'_>>, u32) -> Result<T, Malformed>,
) -> Called<T> {
    guest.store.data_mut().handles.may_leave = true;
    let returned = export.function.call(&mut guest.store, arguments);
    guest.store.data_mut().handles.may_leave = false;
    let at = returned.map_err(|error| guest.failure(&error))?;
    finish(guest, most_bytes, export, at, read)
}

/// Reads what a function returned, and lets the guest release it.
fn finish<P: WasmParams, T>(
    guest: &mut CoreGuest,
    most_bytes: u64,
    export: &Export<P>,
    at: u32,
    read: impl FnOnce(&Lifter<'_, Seen<'_>>, u32) -> Result<T, Malformed>,
) -> Called<T> {
    let seen = Seen(guest.memory.data(&guest.store));
    let value = read(&Lifter::new(&seen, most_bytes), at);
    let value =
        value.map_err(|reason| malformed(reason, &guest.store.data().memory, guest.limits))?;
    if let Some(post_return) = &export.post_return {
        let released = post_return.call(&mut guest.store, at);
        released.map_err(|error| guest.failure(&error))?;
    }
    Ok(value)
}

fn outcome(lifter: &Lifter<'_, Seen<'_>>, record: &[u8]) -> Result<RawOutcome, Malformed> {
    Ok(RawOutcome {
        arrays: lifter.arrays(record, 4)?,
        errors: lifter.row_errors(record, 12)?,
    })
}

impl StageInstance for Instance {
    fn memory(&self) -> &MemoryBudget {
        &self.guest.store.data().memory
    }

    fn describe(&mut self) -> Called<Description> {
        self.guest.start_deadline();
        let describe = self.find(Function::Describe)?;
        call(
            &mut self.guest,
            self.most_bytes,
            &describe,
            (),
            |lifter, at| lifter.description(at),
        )
    }

    fn open(&mut self, parameters: &[Value]) -> Called<Answer<()>> {
        self.guest.start_deadline();
        let open = self.find(Function::Open)?;
        let values = abi::values(&mut self.guest, parameters)?;
        let answer = call(
            &mut self.guest,
            self.most_bytes,
            &open,
            values,
            |lifter, at| {
                let answer = lifter.result(at, layout::RESULT)?;
                Ok(answer.map(|record| get_u32(&record, 4)))
            },
        )?;
        match answer {
            Ok(session) if !self.shape.has_handles() => {
                self.session = session;
                Ok(Ok(()))
            }
            Ok(handle) => {
                let host = self.guest.store.data_mut();
                let session = host.handles.take(handle);
                self.session =
                    session.map_err(|reason| malformed(reason, &host.memory, self.guest.limits))?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn schema(&mut self) -> Called<[Vec<FieldRecord>; 2]> {
        self.guest.start_deadline();
        let schema = self.find(Function::Schema)?;
        call(
            &mut self.guest,
            self.most_bytes,
            &schema,
            self.session,
            |lifter, at| lifter.schema(at),
        )
    }

    fn process(&mut self, n_rows: u32, columns: &[FlatArray<'_>]) -> Called<Answer<RawOutcome>> {
        self.guest.start_deadline();
        let read = |lifter: &Lifter<'_, Seen<'_>>, at| match lifter.result(at, layout::RESULT)? {
            Ok(record) => Ok(Ok(outcome(lifter, &record)?)),
            Err(error) => Ok(Err(error)),
        };
        if n_rows <= staged::MOST_ROWS
            && let Some(returned) = self.process_staged(n_rows, |memory| Plan::of(memory, columns))
        {
            let (guest, process) = (&mut self.guest, &self.process);
            return finish(guest, self.most_bytes, process, returned?, read);
        }
        let (at, len) = abi::arrays(&mut self.guest, columns)?;
        let arguments = (self.session, n_rows, at, len);
        call(
            &mut self.guest,
            self.most_bytes,
            &self.process,
            arguments,
            read,
        )
    }

    fn process_row(
        &mut self,
        row: &RowForm,
        values: &mut Vec<RowResult>,
    ) -> Option<Called<Answer<RawRow>>> {
        self.guest.start_deadline();
        let returned = self.process_staged(1, |memory| row.stage(memory))?;
        let at = match returned {
            Ok(at) => at,
            Err(failure) => return Some(Err(failure)),
        };
        let read = |lifter: &Lifter<'_, Seen<'_>>, at| match lifter.result(at, layout::RESULT)? {
            Ok(record) => Ok(Ok(match row.read(lifter.memory(), &record, values) {
                Some(()) => RawRow::Values,
                None => RawRow::Outcome(outcome(lifter, &record)?),
            })),
            Err(error) => Ok(Err(error)),
        };
        let (guest, process) = (&mut self.guest, &self.process);
        Some(finish(guest, self.most_bytes, process, at, read))
    }

    fn process_with_reasons(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
    ) -> Called<Answer<(RawOutcome, Reasons)>> {
        self.guest.start_deadline();
        let process = self.find(Function::ProcessWithReasons)?;
        let (at, len) = abi::arrays(&mut self.guest, columns)?;
        call(
            &mut self.guest,
            self.most_bytes,
            &process,
            (self.session, n_rows, at, len),
            |lifter, at| match lifter.result(at, layout::EXPLAINED_RESULT)? {
                Ok(record) => {
                    let outcome = outcome(lifter, &record)?;
                    Ok(Ok((outcome, lifter.reasons(&record, 20)?)))
                }
                Err(error) => Ok(Err(error)),
            },
        )
    }

    fn outline(&mut self) -> Called<Outline> {
        self.guest.start_deadline();
        let outline = self.find(Function::DescribeRules)?;
        call(
            &mut self.guest,
            self.most_bytes,
            &outline,
            (),
            |lifter, at| lifter.outline(at),
        )
    }

    fn explain(
        &mut self,
        n_rows: u32,
        columns: &[FlatArray<'_>],
        row: u32,
    ) -> Called<Answer<Explanation>> {
        self.guest.start_deadline();
        let explain = self.find(Function::ExplainRow)?;
        let (at, len) = abi::arrays(&mut self.guest, columns)?;
        call(
            &mut self.guest,
            self.most_bytes,
            &explain,
            (self.session, n_rows, at, len, row),
            |lifter, at| match lifter.result(at, layout::RESULT)? {
                Ok(record) => Ok(Ok(lifter.explanation(&record, 4)?)),
                Err(error) => Ok(Err(error)),
            },
        )
    }
}
