//! One instance of a stage's core module on the browser's WebAssembly, and calls into it.

use crate::broken;
use crate::component::{STAGE, plain_name};
use crate::models::{self, ModelHost};
use js_sys::{Object, Reflect, Uint8Array, WebAssembly};
use rulestage_pipeline::runtime::{Limits, StageFailure, StageFailureKind};
use rulestage_stage_abi::{self as abi, Guest, Lifter};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A function that the guest exports. The first argument of `call` is JavaScript's `this`.
    #[wasm_bindgen(typescript_type = "Function")]
    #[derive(Clone)]
    pub(crate) type GuestFunction;

    #[wasm_bindgen(method, catch, js_name = call)]
    fn call0(this: &GuestFunction, unused: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn call1(this: &GuestFunction, unused: &JsValue, a: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn call2(this: &GuestFunction, unused: &JsValue, a: u32, b: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn call3(
        this: &GuestFunction,
        unused: &JsValue,
        a: u32,
        b: u32,
        c: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn call4(
        this: &GuestFunction,
        unused: &JsValue,
        a: u32,
        b: u32,
        c: u32,
        d: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn call5(
        this: &GuestFunction,
        unused: &JsValue,
        a: u32,
        b: u32,
        c: u32,
        d: u32,
        e: u32,
    ) -> Result<JsValue, JsValue>;
}

impl GuestFunction {
    /// Calls it with up to five 32-bit arguments; a trap comes back as the exception that it is.
    pub(crate) fn invoke(&self, arguments: &[u32]) -> Result<u32, JsValue> {
        let unused = &JsValue::UNDEFINED;
        let result = match *arguments {
            [] => self.call0(unused),
            [a] => self.call1(unused, a),
            [a, b] => self.call2(unused, a, b),
            [a, b, c] => self.call3(unused, a, b, c),
            [a, b, c, d] => self.call4(unused, a, b, c, d),
            [a, b, c, d, e] => self.call5(unused, a, b, c, d, e),
            _ => Err(JsValue::from_str(
                "no function of the contract has so many arguments",
            )),
        }?;
        // JavaScript sees an `i32` as signed; `undefined` where the function returns nothing.
        Ok(result.as_f64().unwrap_or_default() as i64 as u32)
    }
}

/// The memory and allocator of an instance; imports reach it too, once the instance exists.
pub(crate) struct Memory {
    memory: WebAssembly::Memory,
    realloc: GuestFunction,
}

impl Memory {
    fn view(&self, at: u32, len: u32) -> Uint8Array {
        Uint8Array::new_with_byte_offset_and_length(&self.memory.buffer(), at, len)
    }
}

impl abi::Memory for Memory {
    fn size_bytes(&self) -> u64 {
        Reflect::get(&self.memory.buffer(), &"byteLength".into())
            .ok()
            .and_then(|n| n.as_f64())
            .unwrap_or_default() as u64
    }

    fn read_into(&self, at: u32, into: &mut [u8]) {
        self.view(at, into.len() as u32).copy_to(into);
    }
}

impl Guest for &Memory {
    fn size_bytes(&self) -> u64 {
        abi::Memory::size_bytes(*self)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        self.view(at, bytes.len() as u32).copy_from(bytes);
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, StageFailure> {
        self.realloc
            .invoke(&[0, 0, align, size])
            .map_err(|thrown| trap_failure(&thrown))
    }
}

/// What one call may make the host copy.
const MOST_BYTES: u64 = 1 << 30;

/// Reads what a call gave.
pub(crate) fn lifter(memory: &Memory) -> Lifter<'_, Memory> {
    Lifter::new(memory, MOST_BYTES)
}

/// A resource that the guest exports: the interface and the name.
pub(crate) type Exported = (&'static str, &'static str);

/// What a stage exports.
pub(crate) const SESSION: [Exported; 1] = [(STAGE, "session")];

/// The handles of one exported resource.
#[derive(Default)]
struct Handles {
    reps: RefCell<Vec<Option<u32>>>,
    destructor: OnceCell<Option<GuestFunction>>,
}

impl Handles {
    fn insert(&self, rep: u32) -> u32 {
        let mut reps = self.reps.borrow_mut();
        // Freed handles are used again, so that a long run does not grow the table.
        if let Some(free) = reps.iter().position(Option::is_none) {
            reps[free] = Some(rep);
            return free as u32 + 1;
        }
        reps.push(Some(rep));
        reps.len() as u32
    }

    /// Lets the guest free what is behind a representation.
    fn destroy(&self, rep: u32) -> Result<(), JsValue> {
        match self.destructor.get() {
            Some(Some(destructor)) => destructor.invoke(&[rep]).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn get(&self, handle: u32) -> Option<u32> {
        self.reps
            .borrow()
            .get((handle as usize).checked_sub(1)?)
            .copied()
            .flatten()
    }

    fn take(&self, handle: u32) -> Option<u32> {
        self.reps
            .borrow_mut()
            .get_mut((handle as usize).checked_sub(1)?)?
            .take()
    }
}

/// What imported functions share with their instance.
#[derive(Default)]
pub(crate) struct Shared {
    memory: OnceCell<Memory>,
    /// One for each resource that the guest exports
    resources: Vec<Rc<Handles>>,
}

impl Shared {
    /// The memory; an exception for the guest while it is being instantiated.
    pub(crate) fn memory(&self) -> Result<&Memory, JsValue> {
        self.memory
            .get()
            .ok_or_else(|| JsValue::from_str("an import was called before the instance was ready"))
    }
}

/// A running instance.
pub(crate) struct Instance {
    exports: Object,
    shared: Rc<Shared>,
    limits: Limits,
    is_broken: Cell<bool>,
    /// Whether functions return what is behind handles, as those of compiled rules do, which import nothing
    returns_reps: bool,
    /// The imports, which live as long as the instance
    _imports: Vec<Box<dyn std::any::Any>>,
}

/// Adds a function under `module` and `name` to an import object.
pub(crate) fn add_import(
    imports: &Object,
    module: &str,
    name: &str,
    function: &JsValue,
) -> Result<(), JsValue> {
    let mut functions = Reflect::get(imports, &module.into())?;
    if functions.is_undefined() {
        functions = Object::new().into();
        Reflect::set(imports, &module.into(), &functions)?;
    }
    Reflect::set(&functions, &name.into(), function)?;
    Ok(())
}

impl Instance {
    /// Instantiates `module`, which exports these resources, with the models of `model_host` behind `wasi:nn`.
    pub(crate) fn new(
        module: &WebAssembly::Module,
        exported: &[Exported],
        model_host: Option<&Rc<dyn ModelHost>>,
        limits: Limits,
    ) -> Result<Self, StageFailure> {
        let shared = Rc::new(Shared {
            memory: OnceCell::new(),
            resources: exported.iter().map(|_| Rc::default()).collect(),
        });
        let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
        let imports = Object::new();
        let mut start = || -> Result<Object, JsValue> {
            for (resource, handles) in exported.iter().zip(&shared.resources) {
                resource_imports(&imports, *resource, handles, &mut kept)?;
            }
            if let Some(model_host) = model_host {
                models::add_imports(&imports, &shared, model_host, &mut kept)?;
            }
            Ok(WebAssembly::Instance::new(module, &imports)?.exports())
        };
        let exports = start().map_err(|thrown| {
            let is_link_error = thrown.is_instance_of::<WebAssembly::LinkError>()
                || thrown.is_instance_of::<js_sys::TypeError>();
            let kind = if is_link_error {
                StageFailureKind::WrongWorld
            } else {
                StageFailureKind::Trap
            };
            StageFailure {
                kind,
                message: format!("the component can't be instantiated: {}", text_of(&thrown)),
            }
        })?;
        let memory = Reflect::get(&exports, &"memory".into())
            .ok()
            .and_then(|memory| memory.dyn_into::<WebAssembly::Memory>().ok())
            .ok_or_else(|| broken("the component's module exports no memory"))?;
        let realloc = function(&exports, "cabi_realloc")
            .ok_or_else(|| broken("the component's module exports no `cabi_realloc`"))?;
        let _ = shared.memory.set(Memory { memory, realloc });
        for ((interface, name), handles) in exported.iter().zip(&shared.resources) {
            let destructor = function(&exports, &format!("{interface}#[dtor]{name}"));
            let _ = handles.destructor.set(destructor);
        }
        let instance = Self {
            exports,
            shared,
            limits,
            is_broken: Cell::new(false),
            returns_reps: WebAssembly::Module::imports(module).length() == 0,
            _imports: kept,
        };
        if let Some(initialize) = function(&instance.exports, "_initialize") {
            instance.invoke(&initialize, &[])?;
        }
        Ok(instance)
    }

    /// The guest's memory.
    pub(crate) fn guest(&self) -> Result<&Memory, StageFailure> {
        self.shared
            .memory
            .get()
            .ok_or_else(|| broken("the instance has no memory"))
    }

    /// Does the module export `INTERFACE#NAME`?
    pub(crate) fn has(&self, interface: &str, name: &str) -> bool {
        function(&self.exports, &format!("{interface}#{name}")).is_some()
    }

    /// Calls `INTERFACE#NAME`, hands the address of its result to `read`, and lets the guest release it.
    pub(crate) fn call<T>(
        &self,
        interface: &str,
        name: &str,
        arguments: &[u32],
        read: impl FnOnce(&Lifter<'_, Memory>, u32) -> Result<T, StageFailure>,
    ) -> Result<T, StageFailure> {
        if self.is_broken.get() {
            return Err(broken("the instance trapped in an earlier call"));
        }
        let export = function(&self.exports, &format!("{interface}#{name}")).ok_or_else(|| {
            broken(format!(
                "the component's module does not export `{interface}#{name}`"
            ))
        })?;
        let at = self.invoke(&export, arguments)?;
        let result = read(&lifter(self.guest()?), at);
        if let Some(release) = function(&self.exports, &format!("cabi_post_{interface}#{name}")) {
            self.invoke(&release, &[at])?;
        }
        result
    }

    /// The representation behind an owned handle that the guest returned; the handle is gone. `resource` counts
    /// those that the guest exports.
    pub(crate) fn take(&self, resource: usize, handle: u32) -> Result<u32, StageFailure> {
        if self.returns_reps {
            return Ok(handle);
        }
        let handles = self.shared.resources.get(resource);
        handles
            .and_then(|handles| handles.take(handle))
            .ok_or_else(|| {
                broken(format!(
                    "the component returned resource {handle}, which it does not have"
                ))
            })
    }

    /// Lets the guest free a resource.
    pub(crate) fn destroy(&self, resource: usize, rep: u32) {
        if let Some(handles) = self.shared.resources.get(resource)
            && !self.is_broken.get()
        {
            // A trap while freeing can't matter any more: the instance goes with its session.
            let _ = handles.destroy(rep);
        }
    }

    fn invoke(&self, export: &GuestFunction, arguments: &[u32]) -> Result<u32, StageFailure> {
        export.invoke(arguments).map_err(|thrown| {
            self.is_broken.set(true);
            let failure = trap_failure(&thrown);
            let memory_bytes = self.shared.memory.get().map_or(0, abi::Memory::size_bytes);
            if memory_bytes.saturating_mul(2) > self.limits.memory_bytes {
                let (used, limit) = (memory_bytes >> 20, self.limits.memory_bytes >> 20);
                let message = format!(
                    "{failure}, with {used} MiB of memory in use; its limit is {limit} MiB"
                );
                return StageFailure {
                    kind: StageFailureKind::Memory,
                    message,
                };
            }
            failure
        })
    }
}

/// The intrinsics of a resource of the guest's own.
fn resource_imports(
    imports: &Object,
    (interface, name): Exported,
    handles: &Rc<Handles>,
    kept: &mut Vec<Box<dyn std::any::Any>>,
) -> Result<(), JsValue> {
    let module = format!("[export]{interface}");
    let no_such = || JsValue::from_str("there is no such resource");
    let state = Rc::clone(handles);
    let new = Closure::<dyn Fn(u32) -> u32>::new(move |rep| state.insert(rep));
    add_import(
        imports,
        &module,
        &format!("[resource-new]{name}"),
        new.as_ref(),
    )?;
    let state = Rc::clone(handles);
    let rep = Closure::<dyn Fn(u32) -> Result<u32, JsValue>>::new(move |handle| {
        state.get(handle).ok_or_else(no_such)
    });
    add_import(
        imports,
        &module,
        &format!("[resource-rep]{name}"),
        rep.as_ref(),
    )?;
    let state = Rc::clone(handles);
    let drop = Closure::<dyn Fn(u32) -> Result<(), JsValue>>::new(move |handle| {
        state.destroy(state.take(handle).ok_or_else(no_such)?)
    });
    add_import(
        imports,
        &module,
        &format!("[resource-drop]{name}"),
        drop.as_ref(),
    )?;
    kept.push(Box::new((new, rep, drop)));
    Ok(())
}

/// A function under its own name, or under that of compiled rules.
fn function(exports: &Object, name: &str) -> Option<GuestFunction> {
    [name, plain_name(name)].into_iter().find_map(|name| {
        let export = Reflect::get(exports, &name.into()).ok()?;
        export.is_function().then(|| export.unchecked_into())
    })
}

/// What a thrown value says.
pub(crate) fn text_of(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => thrown
            .as_string()
            .unwrap_or_else(|| "an exception".to_owned()),
    }
}

fn trap_failure(thrown: &JsValue) -> StageFailure {
    let message = if thrown.is_instance_of::<js_sys::RangeError>() {
        "the component trapped: its calls went too deep for the stack".to_owned()
    } else {
        format!("the component trapped: {}", text_of(thrown))
    };
    StageFailure {
        kind: StageFailureKind::Trap,
        message,
    }
}
