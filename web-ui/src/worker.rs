//! The worker: compiles pipelines and runs them beside the page, which may end it at any time.

mod cells;
mod fetch;
mod firings;
mod later;
mod modeler;
mod models;
mod project;
mod rows;
mod run;
mod sections;
mod services;
mod study;
mod table;
mod tests;
mod wat;
mod why;

use crate::protocol::{Request, Response};
use fetch::Fetched;
use later::Later;
pub use later::{Door, Task};
use models::Models;
use run::Finished;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

/// What lives from one request to the next.
pub(crate) struct Worker {
    scope: DedicatedWorkerGlobalScope,
    /// To the part of the program that is fetched later
    door: Door,
    /// That part, once it was fetched
    at_hand: Cell<Option<Later>>,
    queue: RefCell<VecDeque<(Request, Vec<Blob>)>>,
    is_draining: Cell<bool>,
    pub(crate) fetched: Fetched,
    pub(crate) models: Rc<Models>,
    pub(crate) modeler: modeler::Modeler,
    pub(crate) compiled: project::Cache,
    pub(crate) data: RefCell<Option<run::Data>>,
    pub(crate) finished: RefCell<Option<Finished>>,
    /// What is to be looked at when nothing else is to be done
    pub(crate) study: RefCell<Option<study::Study>>,
    /// What the last study found
    pub(crate) studied: RefCell<Vec<Rc<study::Part>>>,
    last_doing: RefCell<(String, f64)>,
}

/// Listens for requests.
pub fn start(door: Door) {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let worker = Rc::new(Worker {
        scope: scope.clone(),
        door,
        at_hand: Cell::new(None),
        queue: RefCell::default(),
        is_draining: Cell::new(false),
        fetched: Fetched::default(),
        models: Rc::new(Models::default()),
        modeler: modeler::Modeler::default(),
        compiled: project::Cache::default(),
        data: RefCell::default(),
        finished: RefCell::default(),
        study: RefCell::default(),
        studied: RefCell::default(),
        last_doing: RefCell::default(),
    });
    let receiver = Rc::clone(&worker);
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        receiver.receive(&event.data())
    });
    // The listener lives as long as the worker.
    let listener = on_message.into_js_value();
    if scope
        .add_event_listener_with_callback("message", listener.unchecked_ref())
        .is_ok()
    {
        worker.send(&Response::Ready);
    }
}

impl Worker {
    fn receive(self: &Rc<Self>, message: &JsValue) {
        let parts = js_sys::Array::from(message);
        let request = parts
            .get(0)
            .as_string()
            .and_then(|json| serde_json::from_str(&json).ok());
        let Some(request) = request else { return };
        if let Request::Ask {
            ask,
            question,
            text,
            offset,
        } = &request
        {
            let (ask, question, text, offset) = (*ask, *question, text.clone(), *offset);
            let worker = Rc::clone(self);
            return spawn_local(async move {
                let answer = match worker.later().await {
                    Ok(later) => later.answer(question, &text, offset),
                    Err(message) => json!({ "kind": "refused", "message": message }).to_string(),
                };
                worker.send(&Response::Told { ask, answer });
            });
        }
        let beside = parts.get(1);
        let blobs = match beside.dyn_ref::<js_sys::Array>() {
            Some(blobs) => blobs
                .iter()
                .filter_map(|blob| blob.dyn_into().ok())
                .collect(),
            None => beside.dyn_into().into_iter().collect(),
        };
        self.queue.borrow_mut().push_back((request, blobs));
        self.work();
    }

    /// Answers what waits, and studies the rules when nothing does.
    fn work(self: &Rc<Self>) {
        if self.is_draining.replace(true) {
            return;
        }
        let worker = Rc::clone(self);
        spawn_local(async move {
            loop {
                if let Some((request, blobs)) = worker.next() {
                    worker.answer(request, blobs).await;
                    continue;
                }
                let Some(study) = worker.study.take() else {
                    break;
                };
                let Some(later) = worker.at_hand.get() else {
                    worker.study.replace(Some(study));
                    spawn_local(Rc::clone(&worker).study_later());
                    break;
                };
                // What the page sent in the meantime comes first.
                worker.let_messages_in().await;
                let is_disturbed = !worker.queue.borrow().is_empty();
                let left = if is_disturbed {
                    Some(study)
                } else {
                    study.step(&worker, later)
                };
                worker.study.replace(left);
            }
            worker.is_draining.set(false);
        });
    }

    /// Goes on when the part that studies rules is there: what the page asks for in the meantime does not wait for it.
    async fn study_later(self: Rc<Self>) {
        match self.later().await {
            Ok(_) => self.work(),
            Err(message) => {
                self.study.replace(None);
                self.send(&Response::Notice(message));
            }
        }
    }

    /// Comes back when the messages that wait have been received.
    async fn let_messages_in(&self) {
        let promise = js_sys::Promise::new(&mut |resolve, _| {
            // Without a timer, messages come when the work is done.
            if self.scope.set_timeout_with_callback(&resolve).is_err() {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
    }

    /// The part of the program that is fetched when it is first needed.
    async fn later(&self) -> Result<Later, String> {
        let later = Later::start(self.door).await?;
        self.at_hand.set(Some(later));
        Ok(later)
    }

    fn next(&self) -> Option<(Request, Vec<Blob>)> {
        self.queue.borrow_mut().pop_front()
    }

    async fn answer(&self, request: Request, blobs: Vec<Blob>) {
        match request {
            Request::Open { example } => match self.open(&example).await {
                Ok(opened) => self.send(&opened),
                Err(message) => self.send(&Response::Failed {
                    run: 0,
                    during: "opening the example".to_owned(),
                    message,
                }),
            },
            Request::Run {
                run,
                project,
                data,
                batch_rows,
                is_compile_only,
            } => {
                // Another text, other findings.
                self.study.replace(None);
                let order = run::Order {
                    run,
                    project,
                    data,
                    blobs,
                    batch_rows,
                    is_compile_only,
                };
                if let Err(failure) = run::run(self, order).await {
                    let run::Failure { during, message } = failure;
                    self.send(&Response::Failed {
                        run,
                        during,
                        message,
                    });
                }
            }
            Request::Model { name } => {
                self.doing(0, "fetching the compiler of models");
                let taken = match blobs.first() {
                    Some(blob) => match fetch::read_blob(blob).await {
                        Ok(bytes) => self.take_model(&name, bytes).await,
                        Err(message) => Err(message),
                    },
                    None => Err("the file is gone".to_owned()),
                };
                self.send(&match taken {
                    Ok(report) => Response::Model(Box::new(report)),
                    Err(message) => Response::Failed {
                        run: 0,
                        during: format!("reading {name}"),
                        message,
                    },
                });
            }
            Request::Rows { view, start, count } => {
                if let Some(finished) = &*self.finished.borrow() {
                    self.send(&Response::Rows(finished.table.page(&view, start, count)));
                }
            }
            Request::Explain { row } => {
                let later = self.later().await;
                if let Some(finished) = &mut *self.finished.borrow_mut() {
                    self.doing(0, "explaining");
                    match later.and_then(|later| later.explain(finished, row)) {
                        Ok(report) => self.send(&Response::Explained(Box::new(report))),
                        Err(message) => self.send(&Response::Failed {
                            run: 0,
                            during: "explaining".to_owned(),
                            message,
                        }),
                    }
                    self.doing(0, "");
                }
            }
            Request::Artifact { stage } => {
                if let Some(bytes) = self.compiled.component(&stage) {
                    let file_name = format!("{stage}.wasm");
                    self.send_with(
                        &Response::Artifact { file_name },
                        &js_sys::Uint8Array::from(bytes.as_slice()),
                    );
                }
            }
            Request::Wat { stage } => {
                let wat = match self.compiled.component(&stage) {
                    Some(bytes) => wat::print(&bytes).await,
                    None => Err(format!("there is no stage `{stage}`")),
                };
                self.send(&Response::Wat { stage, wat });
            }
            Request::Firings => {
                if let Some(finished) = &*self.finished.borrow() {
                    self.send(&Response::Firings(finished.firings.clone()));
                }
            }
            // Answered at once.
            Request::Ask { .. } => {}
            Request::Bits => {
                if let Some(finished) = &*self.finished.borrow() {
                    let rows = &finished.table.rows;
                    let schema = rows.schema();
                    let columns =
                        schema
                            .fields()
                            .iter()
                            .zip(rows.columns())
                            .map(|(field, column)| {
                                let values = (0..rows.num_rows())
                                    .map(|row| cells::bits(column, row))
                                    .collect();
                                (field.name().clone(), values)
                            });
                    self.send(&Response::Bits {
                        columns: columns.collect(),
                    });
                }
            }
        }
    }

    pub(crate) fn send(&self, response: &Response) {
        self.send_with(response, &JsValue::UNDEFINED);
    }

    fn send_with(&self, response: &Response, payload: &JsValue) {
        if let Ok(json) = serde_json::to_string(response) {
            // Without a page there is nobody to tell.
            let _ = self
                .scope
                .post_message(&js_sys::Array::of2(&json.into(), payload));
        }
    }

    /// Tells the page what comes now, so that it can say what passed the deadline. Every batch passes here, so
    /// the same step is told at most every 100 ms.
    pub(crate) fn doing(&self, run: u32, what: &str) {
        const TELL_AGAIN_MS: f64 = 100.0;
        let now = self.now_ms();
        let mut last = self.last_doing.borrow_mut();
        if what.is_empty() || last.0 != what || now - last.1 > TELL_AGAIN_MS {
            *last = (what.to_owned(), now);
            self.send(&Response::Doing {
                run,
                what: what.to_owned(),
            });
        }
    }

    /// Milliseconds on a clock that only goes forward.
    pub(crate) fn now_ms(&self) -> f64 {
        self.scope
            .performance()
            .map(|performance| performance.now())
            .unwrap_or_default()
    }
}
