//! Talks to the worker: starts runs, hands out rows, and ends a worker whose run passes its deadline.

use super::share;
use super::state::{Action, State};
use crate::protocol::{
    DataFile, DataSource, ModelReport, Project, Question, Request, Response, SourceFile, View,
};
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, Event, File, FileList, MessageEvent, Url, Worker, WorkerOptions, WorkerType};
use yew::prelude::*;

/// What one step of a run may take.
const DEADLINE_MS: u32 = 10_000;
/// Keystrokes that follow each other this fast are one change.
const TYPING_PAUSE_MS: i32 = 80;

type Listener<E> = Closure<dyn Fn(E)>;
type Dispatcher = UseReducerDispatcher<State>;

/// The page's side of the worker.
pub(crate) struct Controller {
    inner: Rc<Inner>,
}

impl PartialEq for Controller {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

#[derive(Default)]
struct Inner {
    worker: RefCell<Option<Worker>>,
    on_message: RefCell<Option<Listener<MessageEvent>>>,
    on_error: RefCell<Option<Listener<Event>>>,
    dispatcher: RefCell<Option<Dispatcher>>,
    state: RefCell<State>,
    /// The bytes of data that is not fetched by the worker
    blobs: RefCell<Vec<Blob>>,
    deadline: RefCell<Option<Timer>>,
    pause: RefCell<Option<Timer>>,
    run: Cell<u32>,
    /// The state's revision that the run is of
    revision: Cell<u32>,
    next_data: Cell<u32>,
    /// What the worker does now; empty when it waits
    during: RefCell<String>,
    is_ready: Cell<bool>,
    is_busy: Cell<bool>,
    /// A run to start when the worker is free: compile only?
    waiting: Cell<Option<bool>>,
    has_project: Cell<bool>,
    last_ask: Cell<u32>,
    /// Who waits for an answer of the language services
    asked: RefCell<BTreeMap<u32, Function>>,
}

/// A timeout that is cancelled when it is dropped.
struct Timer {
    id: i32,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    fn new(delay_ms: i32, callback: impl FnOnce() + 'static) -> Option<Self> {
        let callback = Closure::once(callback);
        let window = web_sys::window()?;
        let id = window
            .set_timeout_with_callback_and_timeout_and_arguments_0(
                callback.as_ref().unchecked_ref(),
                delay_ms,
            )
            .ok()?;
        Some(Self {
            id,
            _callback: callback,
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            window.clear_timeout_with_handle(self.id);
        }
    }
}

impl Controller {
    pub(crate) fn new() -> Self {
        Self {
            inner: Rc::new(Inner::default()),
        }
    }

    /// Takes note of the state as the page shows it now.
    pub(crate) fn see(&self, state: &State) {
        self.inner.state.replace(state.clone());
    }

    /// Starts the worker.
    pub(crate) fn start(&self, dispatcher: Dispatcher) {
        self.inner.dispatcher.replace(Some(dispatcher));
        let inner = Rc::clone(&self.inner);
        wasm_bindgen_futures::spawn_local(async move {
            share::read_address().await;
            inner.start_worker();
        });
    }

    /// Runs soon: after the typing pauses, and when the worker is free.
    pub(crate) fn schedule(&self) {
        if !self.inner.has_project.get() {
            return;
        }
        let inner = Rc::clone(&self.inner);
        let is_first = self.inner.run.get() == 0;
        let timer = Timer::new(if is_first { 0 } else { TYPING_PAUSE_MS }, move || {
            let is_compile_only = !inner.state.borrow().is_automatic;
            inner.run(is_compile_only);
        });
        self.inner.pause.replace(timer);
    }

    /// Runs at once.
    pub(crate) fn run_now(&self) {
        self.inner.pause.replace(None);
        self.inner.run(false);
    }

    /// Asks for rows; they come as [`Action::Page`].
    pub(crate) fn ask_rows(&self, view: &View, start: usize, count: usize) {
        self.inner.send(&Request::Rows {
            view: view.clone(),
            start,
            count,
        });
    }

    /// Asks for the reasons of a row; they come as [`Action::Why`].
    pub(crate) fn ask_why(&self, row: usize) {
        self.inner.send(&Request::Explain { row });
    }

    /// Asks how often each rule fires; it comes as [`Action::Firings`].
    pub(crate) fn ask_firings(&self) {
        self.inner.send(&Request::Firings);
    }

    /// Asks for a component as text; it comes as [`Action::Wat`].
    pub(crate) fn ask_wat(&self, stage: &str) {
        self.inner.send(&Request::Wat {
            stage: stage.to_owned(),
        });
    }

    /// Asks about a text of rules for the editor: `resolve` is called with the answer as JSON, or with null when
    /// there will be none.
    pub(crate) fn ask(&self, question: Question, text: String, offset: u32, resolve: Function) {
        let inner = &self.inner;
        let ask = inner.last_ask.get() + 1;
        inner.last_ask.set(ask);
        inner.asked.borrow_mut().insert(ask, resolve);
        let request = Request::Ask {
            ask,
            question,
            text,
            offset,
        };
        inner.send(&request);
    }

    /// Shows the first problem of the next file that has one.
    pub(crate) fn point_at_problem_behind(&self, path: &str) {
        let target = {
            let state = self.inner.state.borrow();
            let files = &state.project.files;
            let place = files.iter().position(|file| file.path == path);
            let from = place.map_or(0, |place| place + 1);
            let mut behind = files.iter().cycle().skip(from).take(files.len());
            behind.find_map(|file| {
                let mut all = state.messages(&file.path).iter();
                let first = all.next().or(state.findings(&file.path).first())?;
                Some((file.path.clone(), first.from, first.to))
            })
        };
        if let Some((path, from, to)) = target {
            self.inner.dispatch(Action::PointAt(path, from, to));
        }
    }

    /// Saves a stage's component as a file.
    pub(crate) fn download(&self, stage: &str) {
        self.inner.send(&Request::Artifact {
            stage: stage.to_owned(),
        });
    }

    /// Opens an example.
    pub(crate) fn open(&self, example: &str) {
        self.inner.send(&Request::Open {
            example: example.to_owned(),
        });
    }

    /// Takes dropped or chosen files: a model for a stage; others each for a row where the pipeline is about files,
    /// otherwise the first one for the rows.
    pub(crate) fn take_files(&self, files: &FileList) {
        let mut files: Vec<File> = (0..files.length())
            .filter_map(|index| files.get(index))
            .collect();
        if let [file] = files.as_slice()
            && file.name().ends_with(".onnx")
        {
            let name = file.name();
            self.inner
                .send_with(&Request::Model { name }, &[file.clone().into()]);
            return;
        }
        if !self.inner.state.borrow().takes_files() {
            if let Some(file) = files.first() {
                self.inner.take_data(file.name(), file.clone().into());
            }
            return;
        }
        files.sort_by_key(File::name);
        let name = match files.as_slice() {
            [] => return,
            [file] => file.name(),
            files => format!("{} files", files.len()),
        };
        let rows = files.iter().map(|file| DataFile {
            path: file.name(),
            url: None,
        });
        let rows = rows.collect();
        let blobs = files.into_iter().map(Blob::from).collect();
        self.inner.take(name, blobs, rows);
    }

    /// Takes pasted text for the rows.
    pub(crate) fn take_text(&self, text: &str) {
        let start = text.trim_start();
        let name = match start.as_bytes().first() {
            Some(b'[') => "pasted.json",
            Some(b'{') => "pasted.ndjson",
            _ => "pasted.csv",
        };
        if let Ok(blob) = Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())) {
            self.inner.take_data(name.to_owned(), blob);
        }
    }

    /// Puts the state into the address and the address on the clipboard.
    pub(crate) fn share(&self) {
        let inner = Rc::clone(&self.inner);
        let project = inner.state.borrow().project.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let notice = match share::publish(&project).await {
                Ok(true) => {
                    "The link is on the clipboard. It holds the rules and parameters, not the data."
                }
                Ok(false) => {
                    "The link is in the address bar. It holds the rules and parameters, not the data."
                }
                Err(_) => "This project is too large for a link.",
            };
            inner.dispatch(Action::Notice(Some(notice.to_owned())));
        });
    }
}

impl Inner {
    fn dispatch(&self, action: Action) {
        if let Some(dispatcher) = &*self.dispatcher.borrow() {
            dispatcher.dispatch(action);
        }
    }

    fn start_worker(self: &Rc<Self>) {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        self.is_ready.set(false);
        self.is_busy.set(false);
        self.forget_asked();
        let Ok(worker) = Worker::new_with_options("./worker-start.js", &options) else {
            return self.fail("This browser does not start workers");
        };
        let inner = Rc::clone(self);
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            inner.receive(&event.data())
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let inner = Rc::clone(self);
        // Out of memory, or a fault of the page's own: the worker is gone either way.
        let on_error = Closure::<dyn Fn(Event)>::new(move |_: Event| {
            let during = inner.during.borrow().clone();
            inner.finish();
            if let Some(worker) = inner.worker.take() {
                worker.terminate();
            }
            inner.dispatch(Action::Failed {
                during,
                message: "the worker broke down and was started again".to_owned(),
            });
            if inner.has_project.get() {
                inner.start_worker();
            }
        });
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.on_message.replace(Some(on_message));
        self.on_error.replace(Some(on_error));
        self.worker.replace(Some(worker));
    }

    /// The worker has gone, and with it what it was asked.
    fn forget_asked(&self) {
        for resolve in self.asked.take().into_values() {
            answer(&resolve, &JsValue::NULL);
        }
    }

    fn fail(&self, message: &str) {
        self.dispatch(Action::Failed {
            during: String::new(),
            message: message.to_owned(),
        });
    }

    fn send(&self, request: &Request) {
        self.send_with(request, &[]);
    }

    fn send_with(&self, request: &Request, blobs: &[Blob]) {
        let Some(worker) = &*self.worker.borrow() else {
            return;
        };
        let Ok(json) = serde_json::to_string(request) else {
            return;
        };
        let blobs: js_sys::Array = blobs.iter().collect();
        let message = js_sys::Array::of2(&json.into(), &blobs);
        if worker.post_message(&message).is_err() {
            self.fail("the worker does not take messages");
        }
    }

    fn run(self: &Rc<Self>, is_compile_only: bool) {
        if !self.is_ready.get() || self.is_busy.get() {
            self.waiting.set(Some(is_compile_only));
            return;
        }
        let (project, Some(data), revision) = ({
            let state = self.state.borrow();
            (state.project.clone(), state.data.clone(), state.revision)
        }) else {
            return;
        };
        self.waiting.set(None);
        self.is_busy.set(true);
        self.run.set(self.run.get() + 1);
        self.revision.set(revision);
        // The worker may be lost in what it did before.
        self.watch("looking at the rules".to_owned());
        let request = Request::Run {
            run: self.run.get(),
            project,
            data,
            batch_rows: 0,
            is_compile_only,
        };
        self.send_with(&request, &self.blobs.borrow());
    }

    fn take_data(&self, name: String, blob: Blob) {
        self.take(name, vec![blob], Vec::new());
    }

    fn take(&self, name: String, blobs: Vec<Blob>, files: Vec<DataFile>) {
        self.next_data.set(self.next_data.get() + 1);
        self.blobs.replace(blobs);
        self.dispatch(Action::Data(DataSource {
            id: self.next_data.get(),
            name,
            url: None,
            files,
        }));
    }

    /// The worker is free.
    fn finish(&self) {
        self.deadline.replace(None);
        self.during.borrow_mut().clear();
        self.is_busy.set(false);
    }

    fn run_waiting(self: &Rc<Self>) {
        if let Some(is_compile_only) = self.waiting.take() {
            self.run(is_compile_only);
        }
    }

    fn receive(self: &Rc<Self>, data: &JsValue) {
        let parts = js_sys::Array::from(data);
        let response = parts
            .get(0)
            .as_string()
            .and_then(|json| serde_json::from_str::<Response>(&json).ok());
        let Some(response) = response else { return };
        match response {
            Response::Ready => self.ready(),
            Response::Notice(notice) => self.dispatch(Action::Notice(Some(notice))),
            Response::Examples(examples) => self.dispatch(Action::Examples(examples)),
            Response::Opened {
                mut project,
                mut data,
            } => {
                self.next_data.set(self.next_data.get() + 1);
                data.id = self.next_data.get();
                self.blobs.borrow_mut().clear();
                if !self.has_project.replace(true) {
                    share::apply(&mut project);
                }
                self.dispatch(Action::Opened(Box::new(project), data));
            }
            Response::Doing { what, .. } => self.watch(what),
            Response::Compiled { run, report } => {
                let is_over = !report.is_ok;
                if run == self.run.get() {
                    self.dispatch(Action::Compiled(Box::new(report)));
                }
                if is_over {
                    self.finish();
                    self.run_waiting();
                }
            }
            Response::Ran { report, .. } => {
                self.finish();
                self.dispatch(Action::Ran(report));
                self.run_waiting();
            }
            Response::Studied { run, report } => {
                // What was found in another text stands in other places.
                let is_current = self.revision.get() == self.state.borrow().revision;
                if run == self.run.get() && is_current {
                    self.dispatch(Action::Studied(report));
                }
            }
            Response::Failed {
                during, message, ..
            } => {
                self.finish();
                self.dispatch(Action::Failed { during, message });
                self.run_waiting();
            }
            Response::Model(report) => self.show_model(report),
            Response::Rows(page) => self.dispatch(Action::Page(page)),
            Response::Explained(why) => self.dispatch(Action::Why(why)),
            Response::Firings(report) => self.dispatch(Action::Firings(report)),
            Response::Wat { stage, wat } => {
                self.dispatch(Action::Wat(Some((stage, wat.map(Rc::from)))));
            }
            Response::Told { ask, answer: told } => {
                let resolve = self.asked.borrow_mut().remove(&ask);
                if let Some(resolve) = resolve {
                    answer(&resolve, &told.into());
                }
            }
            Response::Artifact { file_name } => {
                if save(&file_name, &parts.get(1)).is_err() {
                    self.dispatch(Action::Notice(Some(
                        "The browser did not save the file.".to_owned(),
                    )));
                }
            }
            Response::Bits { .. } => {}
        }
    }

    /// A model that compiles becomes a pipeline of its own over the rows that are open.
    fn show_model(&self, report: Box<ModelReport>) {
        let data = self.state.borrow().data.clone();
        if let Some(data) = data.filter(|_| report.compiles) {
            // JSON's texts are TOML's too.
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let name = quoted(report.name.trim_end_matches(".onnx"));
            let file = quoted(&report.name);
            let text =
                format!("[pipeline]\nname = {name}\n\n[[stage]]\nname = {name}\nmodel = {file}\n");
            let project = Project {
                files: vec![SourceFile {
                    path: "pipeline.toml".to_owned(),
                    text,
                }],
                ..Project::default()
            };
            self.dispatch(Action::Opened(Box::new(project), data));
        }
        self.dispatch(Action::Model(Some(report)));
    }

    fn ready(self: &Rc<Self>) {
        self.is_ready.set(true);
        if self.has_project.get() {
            self.run_waiting();
        } else {
            self.send(&Request::Open {
                example: share::example(),
            });
        }
    }

    /// Every step that the worker announces has the whole deadline. Fetching has none: the network may be slow.
    fn watch(self: &Rc<Self>, what: String) {
        self.during.replace(what.clone());
        let is_waiting = what.is_empty();
        if is_waiting {
            // Compiled, and nothing to run.
            self.finish();
            self.run_waiting();
            return;
        }
        let has_deadline = !what.starts_with("fetching");
        let inner = Rc::clone(self);
        let timer = has_deadline
            .then(|| Timer::new(deadline_ms() as i32, move || inner.stop()))
            .flatten();
        self.deadline.replace(timer);
        if what != "explaining" {
            self.dispatch(Action::Doing(what));
        }
    }

    fn stop(self: &Rc<Self>) {
        let during = self.during.take();
        if let Some(worker) = self.worker.take() {
            worker.terminate();
        }
        // Not `finish`: this runs inside the timer that it would drop.
        self.is_busy.set(false);
        self.dispatch(Action::Stopped {
            during,
            deadline_ms: deadline_ms(),
        });
        self.start_worker();
    }
}

/// Gives the editor what it waits for; what it does with it can't fail for the page.
fn answer(resolve: &Function, told: &JsValue) {
    let _ = resolve.call1(&JsValue::NULL, told);
}

/// The deadline of a step; `?deadline=MILLISECONDS` in the address sets another.
fn deadline_ms() -> u32 {
    let search = web_sys::window()
        .and_then(|window| window.location().search().ok())
        .unwrap_or_default();
    let stated = search
        .trim_start_matches('?')
        .split('&')
        .find_map(|part| part.strip_prefix("deadline="));
    stated
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEADLINE_MS)
}

/// Hands bytes to the browser's downloads.
fn save(file_name: &str, bytes: &JsValue) -> Result<(), JsValue> {
    let url = Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence(
        &js_sys::Array::of1(bytes),
    )?)?;
    let document = web_sys::window()
        .and_then(|window| window.document())
        .ok_or(JsValue::NULL)?;
    let link: web_sys::HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&url);
    link.set_download(file_name);
    link.click();
    Url::revoke_object_url(&url)
}
