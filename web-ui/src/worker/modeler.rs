//! Models that become stages: the compiler is fetched when there is one.

use super::Worker;
use super::models::text_of;
use crate::protocol::{ModelReport, Project};
use js_sys::{Array, Promise, Uint8Array};
use rulestage_pipeline::load::ModelRefusal;
use rulestage_pipeline::manifest::ModelSource;
use serde::Deserialize;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./modeler-start.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = compileModel)]
    fn compile_model(
        bytes: &[u8],
        name: &str,
        features: Vec<String>,
        outputs: Vec<String>,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_name = describeModel)]
    fn describe_model(bytes: &[u8]) -> Result<Promise, JsValue>;
}

/// What a model became.
pub(crate) type Compiled = Result<Rc<Vec<u8>>, ModelRefusal>;

/// Models that the user brought, and what was compiled.
#[derive(Default)]
pub(crate) struct Modeler {
    dropped: RefCell<Vec<(String, Rc<Vec<u8>>)>>,
    compiled: RefCell<Vec<Known>>,
}

/// A model of a stage, its file and what it became.
struct Known {
    source: ModelSource,
    file: Rc<Vec<u8>>,
    compiled: Compiled,
}

/// What the compiler's `describe` says.
#[derive(Deserialize)]
struct Description {
    facts: Vec<(String, Vec<String>)>,
    compiles: bool,
}

impl Modeler {
    /// The component for a stage's model; an edit elsewhere in the project does not compile it again.
    pub(crate) async fn compile(&self, source: &ModelSource, file: &Rc<Vec<u8>>) -> Compiled {
        let known = |known: &&Known| known.source == *source && Rc::ptr_eq(&known.file, file);
        if let Some(known) = self.compiled.borrow().iter().find(known) {
            return known.compiled.clone();
        }
        let name = source.path.rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix(".onnx").unwrap_or(name);
        let compiled = async {
            let (features, outputs) = (source.features.clone(), source.outputs.clone());
            JsFuture::from(compile_model(file, name, features, outputs)?).await
        };
        let compiled = match compiled.await {
            Ok(component) => Ok(Rc::new(Uint8Array::new(&component).to_vec())),
            Err(thrown) => Err(refusal_of(&thrown)),
        };
        let mut all = self.compiled.borrow_mut();
        all.retain(|known| known.source.path != source.path);
        all.push(Known {
            source: source.clone(),
            file: Rc::clone(file),
            compiled: compiled.clone(),
        });
        compiled
    }

    fn dropped(&self, path: &str) -> Option<Rc<Vec<u8>>> {
        let dropped = self.dropped.borrow();
        let found = dropped.iter().find(|(name, _)| name == path);
        found.map(|(_, bytes)| Rc::clone(bytes))
    }
}

impl Worker {
    /// The file of a project: one that the user brought, or one beside the example.
    pub(crate) async fn file(&self, project: &Project, path: &str) -> Result<Rc<Vec<u8>>, String> {
        match self.modeler.dropped(path) {
            Some(bytes) => Ok(bytes),
            None if project.example.is_empty() => {
                Err(format!("`{path}` is not in this project: drop it again"))
            }
            None => {
                let url = format!("examples/{}/{path}", project.example);
                self.fetched.get(&url).await
            }
        }
    }

    /// Keeps a model that the user brought, and says what it is and what can run it.
    pub(crate) async fn take_model(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<ModelReport, String> {
        let described = async { JsFuture::from(describe_model(&bytes)?).await }.await;
        let described = described.map_err(|thrown| refusal_of(&thrown).message)?;
        let description: Description =
            serde_json::from_str(&described.as_string().unwrap_or_default())
                .map_err(|error| error.to_string())?;
        self.models.start().await?;
        let engine = match self.models.check(&bytes) {
            Ok(()) => "yes".to_owned(),
            Err(message) => format!("no: {message}"),
        };
        let mut facts = description.facts;
        facts.push(("runs in the embedded engine".to_owned(), vec![engine]));
        let mut dropped = self.modeler.dropped.borrow_mut();
        dropped.retain(|(known, _)| known != name);
        dropped.push((name.to_owned(), Rc::new(bytes)));
        Ok(ModelReport {
            name: name.to_owned(),
            facts,
            compiles: description.compiles,
        })
    }
}

/// The compiler throws `[message, advice]`; anything else is a fault of the page's own.
fn refusal_of(thrown: &JsValue) -> ModelRefusal {
    if Array::is_array(thrown) {
        let parts = Array::from(thrown);
        if let Some(message) = parts.get(0).as_string() {
            let hint = parts.get(1).as_string();
            return ModelRefusal { message, hint };
        }
    }
    ModelRefusal {
        message: format!("the compiler of models can't be used: {}", text_of(thrown)),
        hint: None,
    }
}
