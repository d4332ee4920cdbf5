//! One model for several workers takes its memory once. Alone in its program: what is measured is the process.

mod engine;

use std::fs;
use std::sync::Barrier;
use std::thread;

use engine::{fetched, library, options};
use rulestage_inference::{DataType, Model, Tensor};
use rulestage_onnxruntime::OnnxRuntime;

const WORKERS: usize = 8;

/// What the process has in memory, in bytes.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

#[test]
fn workers_share_the_weights() {
    let Some(path) = library("RULESTAGE_TEST_ONNXRUNTIME") else {
        return;
    };
    let Some(file) = fetched("ppocr_rec") else {
        return;
    };
    let runtime = OnnxRuntime::load(Some(&path)).expect("ONNX Runtime loads");
    let model = Model::load_with(&runtime, &file, &options(1)).expect("it loads");
    let dims = vec![1, 3, 48, 32];
    let given = || {
        let tensor = Tensor {
            dims: dims.clone(),
            dtype: DataType::F32,
            data: vec![0; 3 * 48 * 32 * 4],
        };
        vec![("x".to_owned(), tensor)]
    };
    let alone = model.compute(given()).expect("it computes");
    let Some(before) = resident_bytes() else {
        return;
    };
    // All of them compute at once, so that each has a session.
    let barrier = Barrier::new(WORKERS);
    thread::scope(|scope| {
        let work = || {
            barrier.wait();
            (0..4).map(|_| model.compute(given())).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            for outputs in worker.join().expect("no panic") {
                assert_eq!(outputs.expect("it computes"), alone);
            }
        }
    });
    let grown = resident_bytes().unwrap_or(before).saturating_sub(before);
    println!("{WORKERS} workers: {} MiB more than one", grown >> 20);
    // Sessions of their own would take the weights, 21 MB, seven times more.
    assert!(grown < 4 * 21_000_000, "{grown} bytes more than one worker");
}
