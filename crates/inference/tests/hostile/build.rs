//! Models as bytes, from nodes that are written down.

use std::cell::RefCell;

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

/// A node; an input without a name is not given.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        name: Some(format!("{}_{operator}", outputs.first().unwrap_or(&""))),
        op_type: Some(operator.to_owned()),
        input: names(inputs),
        output: names(outputs),
        ..NodeProto::default()
    }
}

pub fn with(mut node: NodeProto, name: &str, set: impl FnOnce(&mut AttributeProto)) -> NodeProto {
    let mut attribute = AttributeProto {
        name: Some(name.to_owned()),
        ..AttributeProto::default()
    };
    set(&mut attribute);
    node.attribute.push(attribute);
    node
}

pub fn with_int(node: NodeProto, name: &str, value: i64) -> NodeProto {
    with(node, name, |attribute| {
        attribute.i = Some(value);
        attribute.r#type = Some(AttributeType::INT);
    })
}

pub fn with_ints(node: NodeProto, name: &str, values: &[i64]) -> NodeProto {
    with(node, name, |attribute| {
        attribute.ints = values.to_vec();
        attribute.r#type = Some(AttributeType::INTS);
    })
}

pub fn with_text(node: NodeProto, name: &str, value: &str) -> NodeProto {
    with(node, name, |attribute| {
        attribute.s = Some(value.to_owned());
        attribute.r#type = Some(AttributeType::STRING);
    })
}

pub fn with_graph(node: NodeProto, name: &str, graph: GraphProto) -> NodeProto {
    with(node, name, |attribute| {
        attribute.g = Some(graph);
        attribute.r#type = Some(AttributeType::GRAPH);
    })
}

fn raw(name: &str, data_type: DataType, dims: &[i64], data: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type),
        raw_data: Some(RefCell::new(data)),
        ..TensorProto::default()
    }
}

/// A list of `i64`.
pub fn longs(name: &str, values: &[i64]) -> TensorProto {
    let data = values.iter().flat_map(|value| value.to_le_bytes());
    raw(
        name,
        DataType::INT64,
        &[values.len() as i64],
        data.collect(),
    )
}

/// One `i64`, without a dimension.
pub fn long(name: &str, value: i64) -> TensorProto {
    raw(name, DataType::INT64, &[], value.to_le_bytes().to_vec())
}

/// `f32` of that shape, all of them `value`.
pub fn floats(name: &str, dims: &[i64], value: f32) -> TensorProto {
    let n: i64 = dims.iter().product();
    let data = (0..n).flat_map(|_| value.to_le_bytes());
    raw(name, DataType::FLOAT, dims, data.collect())
}

/// One boolean, without a dimension.
pub fn flag(name: &str, value: bool) -> TensorProto {
    raw(name, DataType::BOOL, &[], vec![value.into()])
}

/// A declared input or output; a dimension of -1 is open.
pub fn value(name: &str, data_type: DataType, dims: Option<&[i64]>) -> ValueInfoProto {
    let dimension = |(at, dim): (usize, &i64)| Dimension {
        dim_value: (*dim >= 0).then_some(*dim),
        dim_param: (*dim < 0).then(|| format!("{name}{at}")),
    };
    let shape = dims.map(|dims| TensorShapeProto {
        dim: dims.iter().enumerate().map(dimension).collect(),
    });
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(data_type),
                shape,
            }),
            ..TypeProto::default()
        }),
    }
}

pub fn file(graph: GraphProto) -> Vec<u8> {
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(17),
        }],
        ..ModelProto::default()
    };
    model.write_buf().expect("it is written")
}
