//! What one instance may use, and what it has.

use std::sync::Arc;

use rulestage_pipeline::runtime::Limits;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store};

use crate::direct::Handles;
use crate::models::Models;

/// The state of one store: an instance and all that it holds on the host.
pub(crate) struct Host {
    pub(crate) memory: MemoryBudget,
    pub(crate) table: ResourceTable,
    pub(crate) models: Arc<Models>,
    pub(crate) handles: Handles,
}

/// A store whose instance is held to `limits`.
pub(crate) fn store(engine: &Engine, models: &Arc<Models>, limits: Limits) -> Store<Host> {
    let host = Host {
        memory: MemoryBudget::new(limits.memory_bytes),
        table: ResourceTable::new(),
        models: Arc::clone(models),
        handles: Handles::default(),
    };
    let mut store = Store::new(engine, host);
    store.limiter(|host| &mut host.memory);
    store.set_hostcall_fuel(usize::try_from(most_copied_bytes(limits)).unwrap_or(usize::MAX));
    store
}

/// What one call may hand to the host: lists in linear memory may overlap, so that limit alone is none.
/// Records are a few times larger on the host.
pub(crate) fn most_copied_bytes(limits: Limits) -> u64 {
    limits.memory_bytes.saturating_mul(4).max(1 << 20)
}

/// Counts all linear memories and tables of a store, and the tensors that it holds on the host, together.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit_bytes: u64,
    used_bytes: u64,
    refused: bool,
    /// While something of the host's own is made
    is_exempt: bool,
}

impl MemoryBudget {
    fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            used_bytes: 0,
            refused: false,
            is_exempt: false,
        }
    }

    /// From now on, whether what is taken counts.
    pub(crate) fn exempt(&mut self, is_exempt: bool) {
        self.is_exempt = is_exempt;
    }

    /// Whether `bytes` more fit; if so, they are counted.
    pub(crate) fn take(&mut self, bytes: u64) -> bool {
        if self.is_exempt {
            return true;
        }
        let wanted = self.used_bytes.saturating_add(bytes);
        let fits = wanted <= self.limit_bytes;
        match fits {
            true => self.used_bytes = wanted,
            false => self.refused = true,
        }
        fits
    }

    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.used_bytes = self.used_bytes.saturating_sub(bytes);
    }

    /// All that is counted now.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Whether anything was refused since the instance was made.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The module's own bound is no business of the limit.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.take((desired - current) as u64))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.take(((desired - current) * size_of::<usize>()) as u64))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }
}
