//! `wasi:nn` 0.2.0-rc-2024-10-28 for one instance: handle tables and the canonical ABI; a [`ModelHost`] does the
//! arithmetic.

use crate::instance::{Shared, add_import, lifter};
use js_sys::Object;
use rulestage_pipeline::runtime::StageFailure;
use rulestage_stage_abi::{self as abi, Malformed, get_u32, put_u32};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A tensor as `wasi:nn` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelTensor {
    /// Name of the model's input or output
    pub name: String,
    /// Size of each dimension
    pub dimensions: Vec<u32>,
    /// The case of `tensor-type`: FP16, FP32, FP64, BF16, U8, I32, I64
    pub element: u8,
    /// Elements, row-major, little-endian
    pub data: Vec<u8>,
}

/// Why a model can't be loaded or computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFailure {
    /// The case of `error-code`: invalid-argument, invalid-encoding, timeout, runtime-error, unsupported-operation,
    /// too-large, not-found, security, unknown
    pub code: u8,
    /// For people
    pub message: String,
}

/// Where the models are: the engine, loaded before the first session opens.
pub trait ModelHost {
    /// The number of the model that the manifest lists under `name`.
    fn load_by_name(&self, name: &str) -> Result<u32, ModelFailure>;

    /// Runs the model.
    fn compute(
        &self,
        model: u32,
        inputs: Vec<ModelTensor>,
    ) -> Result<Vec<ModelTensor>, ModelFailure>;
}

const VERSION: &str = "0.2.0-rc-2024-10-28";
/// The case of `error-code` that says `unsupported-operation`.
const UNSUPPORTED: u8 = 4;

/// One table serves all four resources: a handle of one is none of another.
enum Resource {
    Error(ModelFailure),
    Tensor(ModelTensor),
    Graph(u32),
    Context(u32),
}

struct Nn {
    shared: Rc<Shared>,
    host: Rc<dyn ModelHost>,
    resources: RefCell<Vec<Option<Resource>>>,
}

type Imported<T> = Result<T, JsValue>;

fn refuse(failure: &StageFailure) -> JsValue {
    JsValue::from_str(&failure.message)
}

fn malformed(malformed: Malformed) -> JsValue {
    JsValue::from_str(&malformed.to_string())
}

impl Nn {
    fn insert(&self, resource: Resource) -> u32 {
        let mut resources = self.resources.borrow_mut();
        // Freed handles are used again, so that a long run does not grow the table.
        if let Some(free) = resources.iter().position(Option::is_none) {
            resources[free] = Some(resource);
            return free as u32 + 1;
        }
        resources.push(Some(resource));
        resources.len() as u32
    }

    fn take(&self, handle: u32) -> Imported<Resource> {
        let index = (handle as usize).wrapping_sub(1);
        let mut resources = self.resources.borrow_mut();
        resources
            .get_mut(index)
            .and_then(Option::take)
            .ok_or_else(|| no_such(handle))
    }

    fn read<T>(&self, handle: u32, read: impl FnOnce(&Resource) -> Option<T>) -> Imported<T> {
        let resources = self.resources.borrow();
        let resource = resources
            .get((handle as usize).wrapping_sub(1))
            .and_then(Option::as_ref);
        resource.and_then(read).ok_or_else(|| no_such(handle))
    }

    fn tensor<T>(&self, handle: u32, read: impl FnOnce(&ModelTensor) -> T) -> Imported<T> {
        self.read(handle, |resource| match resource {
            Resource::Tensor(tensor) => Some(read(tensor)),
            _ => None,
        })
    }

    fn error<T>(&self, handle: u32, read: impl FnOnce(&ModelFailure) -> T) -> Imported<T> {
        self.read(handle, |resource| match resource {
            Resource::Error(error) => Some(read(error)),
            _ => None,
        })
    }

    /// Writes `bytes` into a result area of the guest.
    fn put(&self, at: u32, bytes: &[u8]) -> Imported<()> {
        let mut guest = self.shared.memory()?;
        abi::put(&mut guest, at, bytes, 4).map_err(malformed)
    }

    /// Writes a list of elements of `size` bytes: its content to new memory, address and length to `at`.
    fn put_list(&self, at: u32, bytes: &[u8], size: u32) -> Imported<()> {
        let mut guest = self.shared.memory()?;
        let address = abi::store(&mut guest, bytes, size).map_err(|failure| refuse(&failure))?;
        let mut pair = [0; 8];
        put_u32(&mut pair, 0, address);
        put_u32(&mut pair, 4, bytes.len() as u32 / size);
        self.put(at, &pair)
    }

    /// Writes `result<handle, error>`.
    fn put_handle(&self, at: u32, result: Result<Resource, ModelFailure>) -> Imported<()> {
        let mut record = [0; 8];
        record[0] = u8::from(result.is_err());
        let handle = self.insert(result.unwrap_or_else(Resource::Error));
        put_u32(&mut record, 4, handle);
        self.put(at, &record)
    }

    fn new_tensor(
        &self,
        dims_at: u32,
        n_dims: u32,
        element: u32,
        data_at: u32,
        n_data: u32,
    ) -> Imported<u32> {
        let lifter = lifter(self.shared.memory()?);
        let read = || -> Result<ModelTensor, Malformed> {
            let dimensions = lifter.numbers(&pair(dims_at, n_dims), 0)?;
            let data = lifter.numbers(&pair(data_at, n_data), 0)?;
            Ok(ModelTensor {
                name: String::new(),
                dimensions,
                element: element as u8,
                data,
            })
        };
        Ok(self.insert(Resource::Tensor(read().map_err(malformed)?)))
    }

    fn load_by_name(&self, name_at: u32, name_len: u32, result_at: u32) -> Imported<()> {
        let name = lifter(self.shared.memory()?)
            .text(&pair(name_at, name_len), 0)
            .map_err(malformed)?;
        self.put_handle(
            result_at,
            self.host.load_by_name(&name).map(Resource::Graph),
        )
    }

    fn init_context(&self, graph: u32, result_at: u32) -> Imported<()> {
        let model = self.read(graph, |resource| match resource {
            Resource::Graph(model) => Some(*model),
            _ => None,
        })?;
        self.put_handle(result_at, Ok(Resource::Context(model)))
    }

    fn compute(&self, context: u32, inputs_at: u32, n_inputs: u32, result_at: u32) -> Imported<()> {
        let model = self.read(context, |resource| match resource {
            Resource::Context(model) => Some(*model),
            _ => None,
        })?;
        let mut guest = self.shared.memory()?;
        let lifter = lifter(guest);
        let named = lifter
            .records(&pair(inputs_at, n_inputs), 0, 12, 4, |record| {
                Ok((lifter.text(record, 0)?, get_u32(record, 8)))
            })
            .map_err(malformed)?;
        let mut inputs = Vec::with_capacity(named.len());
        for (name, handle) in named {
            match self.take(handle)? {
                Resource::Tensor(tensor) => inputs.push(ModelTensor { name, ..tensor }),
                _ => return Err(no_such(handle)),
            }
        }
        let outputs = match self.host.compute(model, inputs) {
            Ok(outputs) => outputs,
            Err(failure) => {
                let mut record = [0; 12];
                record[0] = 1;
                put_u32(&mut record, 4, self.insert(Resource::Error(failure)));
                return self.put(result_at, &record);
            }
        };
        let mut records = vec![0_u8; outputs.len() * 12];
        for (tensor, record) in outputs.into_iter().zip(records.chunks_exact_mut(12)) {
            let (at, len) = abi::bytes(&mut guest, tensor.name.as_bytes())
                .map_err(|failure| refuse(&failure))?;
            put_u32(record, 0, at);
            put_u32(record, 4, len);
            put_u32(record, 8, self.insert(Resource::Tensor(tensor)));
        }
        let at = abi::store(&mut guest, &records, 4).map_err(|failure| refuse(&failure))?;
        let mut record = [0; 12];
        put_u32(&mut record, 4, at);
        put_u32(&mut record, 8, records.len() as u32 / 12);
        self.put(result_at, &record)
    }
}

fn no_such(handle: u32) -> JsValue {
    JsValue::from_str(&format!("there is no resource {handle} of this type"))
}

/// An address and a length as a record that the lifter reads.
fn pair(at: u32, len: u32) -> [u8; 8] {
    let mut record = [0; 8];
    put_u32(&mut record, 0, at);
    put_u32(&mut record, 4, len);
    record
}

/// Adds the functions of `wasi:nn` to an instance's imports.
pub(crate) fn add_imports(
    imports: &Object,
    shared: &Rc<Shared>,
    host: &Rc<dyn ModelHost>,
    kept: &mut Vec<Box<dyn Any>>,
) -> Result<(), JsValue> {
    let nn = Rc::new(Nn {
        shared: Rc::clone(shared),
        host: Rc::clone(host),
        resources: RefCell::default(),
    });
    let mut add = |interface: &str, name: &str, closure: (Box<dyn Any>, JsValue)| {
        kept.push(closure.0);
        add_import(
            imports,
            &format!("wasi:nn/{interface}@{VERSION}"),
            name,
            &closure.1,
        )
    };
    for (interface, resource) in [
        ("errors", "error"),
        ("tensor", "tensor"),
        ("graph", "graph"),
        ("inference", "graph-execution-context"),
    ] {
        let nn = Rc::clone(&nn);
        let drop =
            Closure::<dyn Fn(u32) -> Imported<()>>::new(move |handle| nn.take(handle).map(|_| ()));
        add(interface, &format!("[resource-drop]{resource}"), keep(drop))?;
    }
    let this = Rc::clone(&nn);
    let code = Closure::<dyn Fn(u32) -> Imported<u32>>::new(move |handle| {
        this.error(handle, |e| u32::from(e.code))
    });
    add("errors", "[method]error.code", keep(code))?;
    let this = Rc::clone(&nn);
    let data = Closure::<dyn Fn(u32, u32) -> Imported<()>>::new(move |handle, at| {
        let message = this.error(handle, |error| error.message.clone())?;
        this.put_list(at, message.as_bytes(), 1)
    });
    add("errors", "[method]error.data", keep(data))?;

    let this = Rc::clone(&nn);
    let new = Closure::<dyn Fn(u32, u32, u32, u32, u32) -> Imported<u32>>::new(
        move |dims_at, n_dims, element, at, n| this.new_tensor(dims_at, n_dims, element, at, n),
    );
    add("tensor", "[constructor]tensor", keep(new))?;
    let this = Rc::clone(&nn);
    let dimensions = Closure::<dyn Fn(u32, u32) -> Imported<()>>::new(move |handle, at| {
        let bytes: Vec<u8> = this.tensor(handle, |t| {
            t.dimensions.iter().flat_map(|n| n.to_le_bytes()).collect()
        })?;
        this.put_list(at, &bytes, 4)
    });
    add("tensor", "[method]tensor.dimensions", keep(dimensions))?;
    let this = Rc::clone(&nn);
    let element = Closure::<dyn Fn(u32) -> Imported<u32>>::new(move |handle| {
        this.tensor(handle, |t| u32::from(t.element))
    });
    add("tensor", "[method]tensor.ty", keep(element))?;
    let this = Rc::clone(&nn);
    let data = Closure::<dyn Fn(u32, u32) -> Imported<()>>::new(move |handle, at| {
        let bytes = this.tensor(handle, |tensor| tensor.data.clone())?;
        this.put_list(at, &bytes, 1)
    });
    add("tensor", "[method]tensor.data", keep(data))?;

    let this = Rc::clone(&nn);
    let compute = Closure::<dyn Fn(u32, u32, u32, u32) -> Imported<()>>::new(
        move |context, at, n, result_at| this.compute(context, at, n, result_at),
    );
    add(
        "inference",
        "[method]graph-execution-context.compute",
        keep(compute),
    )?;

    let this = Rc::clone(&nn);
    let init = Closure::<dyn Fn(u32, u32) -> Imported<()>>::new(move |graph, at| {
        this.init_context(graph, at)
    });
    add("graph", "[method]graph.init-execution-context", keep(init))?;
    let this = Rc::clone(&nn);
    let load =
        Closure::<dyn Fn(u32, u32, u32, u32, u32) -> Imported<()>>::new(move |_, _, _, _, at| {
            let message = "models are loaded by the names that the manifest lists".to_owned();
            this.put_handle(
                at,
                Err(ModelFailure {
                    code: UNSUPPORTED,
                    message,
                }),
            )
        });
    add("graph", "load", keep(load))?;
    let by_name = Closure::<dyn Fn(u32, u32, u32) -> Imported<()>>::new(move |at, len, result| {
        nn.load_by_name(at, len, result)
    });
    add("graph", "load-by-name", keep(by_name))
}

/// A closure to keep, and the function that JavaScript sees.
fn keep<T: ?Sized + 'static>(closure: Closure<T>) -> (Box<dyn Any>, JsValue) {
    let function = closure.as_ref().clone();
    (Box::new(closure), function)
}
