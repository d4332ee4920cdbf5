//! The examples' files, from where the page came from and nowhere else.

use super::Worker;
use super::models::text_of;
use crate::protocol::{DataFile, DataSource, Project, Response, SourceFile};
use js_sys::{ArrayBuffer, Uint8Array};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Where an example has its files; their paths in rows are relative to it.
const SAMPLES: &str = "samples/";

/// Files by path, fetched once.
#[derive(Default)]
pub(crate) struct Fetched {
    files: RefCell<BTreeMap<String, Rc<Vec<u8>>>>,
}

/// An entry of `examples/index.json`.
#[derive(Deserialize)]
struct Example {
    name: String,
    sources: Vec<String>,
    /// A file of rows
    rows: Option<String>,
    /// Files that are rows each
    #[serde(default)]
    files: Vec<String>,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch_url(url: &str) -> Result<js_sys::Promise, JsValue>;
}

impl Fetched {
    /// The bytes of a file beside the page.
    pub(crate) async fn get(&self, path: &str) -> Result<Rc<Vec<u8>>, String> {
        if let Some(bytes) = self.files.borrow().get(path) {
            return Ok(Rc::clone(bytes));
        }
        let fetched = async {
            let response: web_sys::Response =
                JsFuture::from(fetch_url(path)?).await?.unchecked_into();
            if !response.ok() {
                return Err(JsValue::from_str(&format!("status {}", response.status())));
            }
            let buffer: ArrayBuffer = JsFuture::from(response.array_buffer()?)
                .await?
                .unchecked_into();
            Ok(Uint8Array::new(&buffer).to_vec())
        };
        let bytes = fetched.await.map_err(|thrown: JsValue| {
            format!("`{path}` can't be fetched: {}", text_of(&thrown))
        })?;
        let bytes = Rc::new(bytes);
        self.files
            .borrow_mut()
            .insert(path.to_owned(), Rc::clone(&bytes));
        Ok(bytes)
    }
}

impl Worker {
    /// An example's texts; the first one's where the name is empty.
    pub(crate) async fn open(&self, name: &str) -> Result<Response, String> {
        let index = self.fetched.get("examples/index.json").await?;
        let examples: Vec<Example> = serde_json::from_slice(&index)
            .map_err(|error| format!("the list of examples can't be read: {error}"))?;
        self.send(&Response::Examples(
            examples
                .iter()
                .map(|example| example.name.clone())
                .collect(),
        ));
        let example = examples
            .iter()
            .find(|example| example.name == name)
            .or(examples.first())
            .ok_or("there are no examples beside the page")?;
        let folder = format!("examples/{}", example.name);
        let mut files = Vec::new();
        for path in &example.sources {
            let bytes = self.fetched.get(&format!("{folder}/{path}")).await?;
            files.push(SourceFile {
                path: path.clone(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
        let project = Project {
            example: example.name.clone(),
            files,
            params: Vec::new(),
        };
        let url = |path: &String| format!("{folder}/{path}");
        let data = match &example.rows {
            Some(rows) => DataSource {
                id: 0,
                name: rows.clone(),
                url: Some(url(rows)),
                files: Vec::new(),
            },
            None => DataSource {
                id: 0,
                name: format!("{} files", example.files.len()),
                url: None,
                files: example
                    .files
                    .iter()
                    .map(|path| DataFile {
                        path: path.strip_prefix(SAMPLES).unwrap_or(path).to_owned(),
                        url: Some(url(path)),
                    })
                    .collect(),
            },
        };
        Ok(Response::Opened { project, data })
    }
}

/// The bytes of a file of the user's; they stay in this worker.
pub(crate) async fn read_blob(blob: &web_sys::Blob) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(blob.array_buffer()).await;
    let buffer =
        buffer.map_err(|thrown| format!("the file can't be read: {}", text_of(&thrown)))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
