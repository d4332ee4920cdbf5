//! The models that a pipeline lists, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rulestage_inference::{InferenceError, Limits, Model};

/// Models by name. A model is prepared when it is first asked for, once.
#[derive(Debug, Default)]
pub(crate) struct Models {
    by_name: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    bytes: Vec<u8>,
    model: OnceLock<Result<Arc<Model>, Arc<InferenceError>>>,
}

impl Models {
    pub(crate) fn new(models: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let entry = |bytes| Entry {
            bytes,
            model: OnceLock::new(),
        };
        Self {
            by_name: models
                .into_iter()
                .map(|(name, bytes)| (name, entry(bytes)))
                .collect(),
        }
    }

    /// The model, or `None` where the pipeline lists none of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Result<Arc<Model>, Arc<InferenceError>>> {
        let entry = self.by_name.get(name)?;
        let load = || Model::load(entry.bytes.clone(), Limits::default());
        Some(
            entry
                .model
                .get_or_init(|| load().map(Arc::new).map_err(Arc::new))
                .clone(),
        )
    }

    /// What there is, for people: `` `a`, `b` `` or `none`.
    pub(crate) fn listed(&self) -> String {
        let names: Vec<String> = self
            .by_name
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }
}
