//! Engines for neural networks on the same network and the same batches, one thread each.

use crate::median::{ignore, interleaved, nanoseconds_each};
use anyhow::{Context, Result, anyhow};
use rulestage_inference::{DataType, Model, Options, Rten, Tensor};
use rulestage_onnxruntime::OnnxRuntime;
use std::env;
use std::fs;
use std::path::Path;

const COLUMNS: u32 = 64;
const REPETITIONS: usize = 31;

/// Prints a table; ONNX Runtime is in it where `RULESTAGE_TEST_ONNXRUNTIME` names it.
pub(crate) fn report() -> Result<()> {
    let path = Path::new("tests/models/wide.onnx");
    let file = fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    let options = Options::default();
    let embedded = Model::load_with(&Rten, &file, &options)?;
    let library = env::var_os("RULESTAGE_TEST_ONNXRUNTIME").filter(|path| !path.is_empty());
    let Some(library) = library else {
        println!(
            "RULESTAGE_TEST_ONNXRUNTIME does not name ONNX Runtime: nothing to compare rten with"
        );
        return Ok(());
    };
    let library = OnnxRuntime::load(Some(Path::new(&library)))?;
    let accelerated = Model::load_with(&library, &file, &options)?;
    println!("| rows a batch | rten, ns/row | ONNX Runtime, ns/row | rten to ONNX Runtime |");
    println!("|---:|---:|---:|---:|");
    for rows in [2, 32, 1024] {
        let data = (0..rows * COLUMNS).flat_map(|n| ((n % 97) as f32 / 48.0 - 1.0).to_le_bytes());
        let tensor = Tensor {
            dims: vec![rows, COLUMNS],
            dtype: DataType::F32,
            data: data.collect(),
        };
        let given = || vec![("x".to_owned(), tensor.clone())];
        for model in [&embedded, &accelerated] {
            model.compute(given()).map_err(|error| anyhow!("{error}"))?;
        }
        let times = interleaved(
            REPETITIONS,
            [&mut || ignore(embedded.compute(given())), &mut || {
                ignore(accelerated.compute(given()))
            }],
        );
        let [rten, ort] = times.map(|time| nanoseconds_each(time, rows as usize));
        println!("| {rows} | {rten:.0} | {ort:.0} | {:.2} |", rten / ort);
    }
    Ok(())
}
