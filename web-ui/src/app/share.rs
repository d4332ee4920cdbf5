//! The project in the address: a link is a reproduction. Data never goes there.

use crate::protocol::{ParamValue, Project, SourceFile};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./editor.js")]
extern "C" {
    /// Text, compressed and in characters that an address may hold.
    #[wasm_bindgen(catch)]
    async fn pack(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn unpack(text: &str) -> Result<JsValue, JsValue>;
}

/// What a link holds.
#[derive(Serialize, Deserialize)]
struct Shared {
    example: String,
    files: Vec<SourceFile>,
    params: Vec<ParamValue>,
}

thread_local! {
    /// What the address held when the page opened
    static OPENED_WITH: std::cell::RefCell<Option<Shared>> = const { std::cell::RefCell::new(None) };
}

/// Links longer than this are cut by mail programs and chats.
const LONGEST: usize = 30_000;

/// Reads the address, before the first example is opened.
pub(crate) async fn read_address() {
    let hash = web_sys::window()
        .and_then(|window| window.location().hash().ok())
        .unwrap_or_default();
    let Some(packed) = hash.strip_prefix("#p=") else {
        return;
    };
    let Ok(json) = unpack(packed).await else {
        return;
    };
    let shared = json
        .as_string()
        .and_then(|json| serde_json::from_str(&json).ok());
    OPENED_WITH.with(|cell| *cell.borrow_mut() = shared);
}

/// The example that the address names; empty: the first one.
pub(crate) fn example() -> String {
    OPENED_WITH.with(|cell| {
        cell.borrow()
            .as_ref()
            .map(|shared| shared.example.clone())
            .unwrap_or_default()
    })
}

/// Puts what the address held over the example's own texts.
pub(crate) fn apply(project: &mut Project) {
    if let Some(shared) = OPENED_WITH.with(|cell| cell.borrow_mut().take()) {
        project.files = shared.files;
        project.params = shared.params;
    }
}

/// Writes the address, and copies it where the browser allows: did it?
pub(crate) async fn publish(project: &Project) -> Result<bool, JsValue> {
    let shared = Shared {
        example: project.example.clone(),
        files: project.files.clone(),
        params: project.params.clone(),
    };
    let json =
        serde_json::to_string(&shared).map_err(|error| JsValue::from_str(&error.to_string()))?;
    let packed = pack(&json).await?.as_string().unwrap_or_default();
    if packed.len() > LONGEST {
        return Err(JsValue::from_str("too long"));
    }
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    window
        .history()?
        .replace_state_with_url(&JsValue::NULL, "", Some(&format!("#p={packed}")))?;
    let address = window.location().href()?;
    Ok(
        JsFuture::from(window.navigator().clipboard().write_text(&address))
            .await
            .is_ok(),
    )
}
