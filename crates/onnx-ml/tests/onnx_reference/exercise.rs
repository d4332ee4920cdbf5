//! What tests and fuzzing do with a file.

use rulestage_onnx_ml::{Data, Kind, Model, Options, summarize};
use std::rc::Rc;

/// Loads and, where it loads, computes two rows; errors are fine, panics are not.
pub(crate) fn exercise(file: &[u8]) {
    let _ = summarize(file);
    let Ok(model) = Model::load(file, &Options::default()) else {
        return;
    };
    let ones = |kind| match kind {
        Kind::F32 => Data::F32(vec![1.0, f32::NAN]),
        Kind::F64 => Data::F64(vec![1.0, f64::NAN]),
        Kind::I64 => Data::I64(vec![1, i64::MIN]),
        Kind::Bool => Data::Bool(vec![true, false]),
        Kind::Text => Data::Text(vec![Rc::from("1"), Rc::from("é")]),
    };
    let columns = model
        .inputs()
        .iter()
        .map(|input| ones(input.kind))
        .collect();
    let _ = model.compute(2, columns);
}
