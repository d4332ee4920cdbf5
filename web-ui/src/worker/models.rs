//! The models of a pipeline: the engine is fetched when the first one is loaded.

use js_sys::{Array, Object, Promise, Reflect};
use rulestage_runtime_web::{ModelFailure, ModelHost, ModelTensor};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./engine-start.js")]
extern "C" {
    /// The engine's exports, ready to be called.
    #[wasm_bindgen(catch, js_name = startEngine)]
    fn start_engine() -> Result<Promise, JsValue>;
    /// A model from the bytes of a file.
    #[wasm_bindgen(catch, js_name = loadModel)]
    fn load_model(engine: &JsValue, bytes: &[u8]) -> Result<JsValue, JsValue>;
    /// Runs it: `[name, dims, element, data]` for each tensor, in and out.
    #[wasm_bindgen(catch, js_name = computeModel)]
    fn compute_model(engine: &JsValue, model: &JsValue, inputs: &Array) -> Result<Array, JsValue>;
}

/// Loaded models by the names of the manifest.
#[derive(Default)]
pub(crate) struct Models {
    engine: RefCell<Option<JsValue>>,
    loaded: RefCell<Vec<(String, JsValue)>>,
}

impl Models {
    /// Fetches the engine, once.
    pub(crate) async fn start(&self) -> Result<(), String> {
        if self.engine.borrow().is_some() {
            return Ok(());
        }
        let engine = async { JsFuture::from(start_engine()?).await }.await;
        let engine = engine.map_err(|thrown| {
            format!(
                "the inference engine can't be fetched: {}",
                text_of(&thrown)
            )
        })?;
        self.engine.replace(Some(engine));
        Ok(())
    }

    /// Whether the engine can run a model, and why not.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let engine = self.engine.borrow();
        let engine = engine
            .as_ref()
            .ok_or("the inference engine is not started")?;
        let model = load_model(engine, bytes);
        model
            .map(drop)
            .map_err(|thrown| failure_of(&thrown).message)
    }

    /// Loads a model under a name, in the place of an earlier one.
    pub(crate) fn load(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let engine = self.engine.borrow();
        let engine = engine
            .as_ref()
            .ok_or("the inference engine is not started")?;
        let model = load_model(engine, bytes)
            .map_err(|thrown| format!("model `{name}`: {}", failure_of(&thrown).message))?;
        let mut loaded = self.loaded.borrow_mut();
        loaded.retain(|(known, _)| known != name);
        loaded.push((name.to_owned(), model));
        Ok(())
    }
}

impl ModelHost for Models {
    fn load_by_name(&self, name: &str) -> Result<u32, ModelFailure> {
        const NOT_FOUND: u8 = 6;
        let loaded = self.loaded.borrow();
        let found = loaded.iter().position(|(known, _)| known == name);
        found.map(|index| index as u32).ok_or_else(|| ModelFailure {
            code: NOT_FOUND,
            message: format!("the pipeline lists no model `{name}`"),
        })
    }

    fn compute(
        &self,
        model: u32,
        inputs: Vec<ModelTensor>,
    ) -> Result<Vec<ModelTensor>, ModelFailure> {
        let engine = self.engine.borrow();
        let loaded = self.loaded.borrow();
        let (Some(engine), Some((_, model))) = (engine.as_ref(), loaded.get(model as usize)) else {
            return Err(failure_of(&"the model is gone".into()));
        };
        let tensors = Array::new();
        for input in &inputs {
            let dims = js_sys::Uint32Array::from(input.dimensions.as_slice());
            let data = js_sys::Uint8Array::from(input.data.as_slice());
            tensors.push(
                &Array::of4(
                    &input.name.as_str().into(),
                    &dims,
                    &input.element.into(),
                    &data,
                )
                .into(),
            );
        }
        let outputs =
            compute_model(engine, model, &tensors).map_err(|thrown| failure_of(&thrown))?;
        Ok(outputs
            .iter()
            .map(|output| tensor_of(&Array::from(&output)))
            .collect())
    }
}

fn tensor_of(parts: &Array) -> ModelTensor {
    ModelTensor {
        name: parts.get(0).as_string().unwrap_or_default(),
        dimensions: js_sys::Uint32Array::new(&parts.get(1)).to_vec(),
        element: parts.get(2).as_f64().unwrap_or_default() as u8,
        data: js_sys::Uint8Array::new(&parts.get(3)).to_vec(),
    }
}

/// The engine throws `[error code, message]`; anything else is a fault of its own.
fn failure_of(thrown: &JsValue) -> ModelFailure {
    const RUNTIME_ERROR: u8 = 3;
    if Array::is_array(thrown) {
        let parts = Array::from(thrown);
        if let (Some(code), Some(message)) = (parts.get(0).as_f64(), parts.get(1).as_string()) {
            return ModelFailure {
                code: code as u8,
                message,
            };
        }
    }
    ModelFailure {
        code: RUNTIME_ERROR,
        message: text_of(thrown),
    }
}

/// What a thrown value says.
pub(crate) fn text_of(thrown: &JsValue) -> String {
    let message = thrown
        .dyn_ref::<Object>()
        .and_then(|object| Reflect::get(object, &"message".into()).ok());
    message
        .and_then(|message| message.as_string())
        .or_else(|| thrown.as_string())
        .unwrap_or_else(|| "an exception".to_owned())
}
