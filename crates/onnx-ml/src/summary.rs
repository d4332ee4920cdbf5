//! What a file says of itself, whether or not it can be computed.

use crate::error::Result;
use crate::model::graph_inputs;
use crate::operators;
use crate::proto::{self, ValueInfo};
use std::collections::{BTreeMap, BTreeSet};

/// What is in an ONNX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The program that wrote it; may be empty
    pub producer: String,
    /// `DOMAIN VERSION` for each operator set
    pub opsets: Vec<String>,
    /// `NAME: type[dims]`
    pub inputs: Vec<String>,
    /// `NAME: type[dims]`
    pub outputs: Vec<String>,
    /// Operators and how many of each, by name
    pub operators: Vec<(String, u64)>,
}

/// Reads what a file says of itself.
///
/// # Errors
///
/// If the bytes are no ONNX file.
pub fn summarize(file: &[u8]) -> Result<Summary> {
    let proto = proto::parse(file)?;
    let mut operators: BTreeMap<String, u64> = BTreeMap::new();
    for node in &proto.nodes {
        let name = match node.domain.as_str() {
            "" => node.op_type.clone(),
            domain => format!("{domain}.{}", node.op_type),
        };
        *operators.entry(name).or_default() += 1;
    }
    let opset = |(domain, version): &(String, i64)| match domain.as_str() {
        "" => format!("ai.onnx {version}"),
        domain => format!("{domain} {version}"),
    };
    Ok(Summary {
        opsets: proto.opsets.iter().map(opset).collect(),
        inputs: graph_inputs(&proto).into_iter().map(value).collect(),
        outputs: proto.outputs.iter().map(value).collect(),
        operators: operators.into_iter().collect(),
        producer: proto.producer,
    })
}

/// The numbers of the operators that a file's graph has, as a compiled stage numbers them; those that there is no code for
/// have none.
///
/// # Errors
///
/// If the bytes are no ONNX file.
pub fn operator_numbers(file: &[u8]) -> Result<BTreeSet<usize>> {
    let proto = proto::parse(file)?;
    Ok(proto.nodes.iter().filter_map(operators::number).collect())
}

fn value(info: &ValueInfo) -> String {
    let element = match info.element {
        0 => "no tensor",
        1 => "float",
        2 => "uint8",
        3 => "int8",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "double",
        16 => "bfloat16",
        _ => "other",
    };
    let dims = info.dims.as_ref().map_or(String::new(), |dims| {
        let size = |dim: &Option<u64>| dim.map_or("?".to_owned(), |dim| dim.to_string());
        format!("[{}]", dims.iter().map(size).collect::<Vec<_>>().join(", "))
    });
    format!("{}: {element}{dims}", info.name)
}
