//! Components as text: the printer is fetched when it is first asked for.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./printer-start.js")]
extern "C" {
    /// Resolves to the text.
    #[wasm_bindgen(catch, js_name = printComponent)]
    fn print_component(bytes: &[u8]) -> Result<Promise, JsValue>;
}

/// A component in the text format of WebAssembly.
pub(crate) async fn print(bytes: &[u8]) -> Result<String, String> {
    let printed = async { JsFuture::from(print_component(bytes)?).await }.await;
    let text = printed.map_err(|thrown| {
        let message = js_sys::Error::from(thrown).message();
        format!("the component can't be shown as text: {message}")
    })?;
    Ok(text.as_string().unwrap_or_default())
}
