//! The wasmtime engine, and the clock that its deadlines run on.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// The resolution of deadlines.
pub(crate) const TICK_MS: u64 = 2;

/// The largest linear memory: all that 32 bits can address. Each store's own limit is lower.
const MAX_MEMORY_BYTES: usize = 4 << 30;

/// An engine with deadlines. Instances come from a pool where the address space allows it.
pub(crate) fn engine(max_instances: u32) -> wasmtime::Result<Engine> {
    let pooled = config(Some(max_instances));
    let engine = Engine::new(&pooled).or_else(|_| Engine::new(&config(None)))?;
    start_clock(&engine)?;
    Ok(engine)
}

fn config(pool_instances: Option<u32>) -> Config {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.cranelift_opt_level(OptLevel::Speed);
    // Results must not depend on the machine.
    config.wasm_relaxed_simd(false);
    if let Some(instances) = pool_instances {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    }
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component holds a module or two, and more when it was composed of several.
    pool.total_component_instances(instances)
        .total_core_instances(instances * 4)
        // Direct calls want one beside the stage's, and their first instance comes with another for a moment.
        .total_memories(instances * 2 + 8)
        .total_tables(instances * 4)
        .max_memory_size(MAX_MEMORY_BYTES)
        .max_core_instances_per_component(64)
        .max_memories_per_component(16)
        .max_tables_per_component(64)
        .table_elements(100_000)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10);
    pool
}

/// Raises the engine's epoch every [`TICK_MS`], on one thread that ends with the engine.
fn start_clock(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("rulestage-deadlines".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(Duration::from_millis(TICK_MS));
            }
        })?;
    Ok(())
}

/// The epochs that a deadline lasts: never less than asked for.
pub(crate) fn epochs(deadline_ms: u64) -> u64 {
    deadline_ms
        .div_ceil(TICK_MS)
        .saturating_add(1)
        .min(u64::MAX / 2)
}
