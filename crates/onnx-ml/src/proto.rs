//! The messages of an ONNX file, as far as tabular models need them.
//!
//! Source: `onnx.proto` of <https://github.com/onnx/onnx>, whose names these are. Of subgraphs (of `If`,
//! `Loop`, `Scan`) the outermost are read, so that nothing here recurses further.

use crate::error::{Error, Result};
use crate::tensor::{Data, Tensor};
use crate::wire::Fields;
use std::rc::Rc;

/// `ModelProto`
#[derive(Default)]
pub(crate) struct ModelProto {
    pub(crate) producer: String,
    /// Domain and version of each operator set; the domain of ONNX itself is empty
    pub(crate) opsets: Vec<(String, i64)>,
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) initializers: Vec<(String, Tensor)>,
    pub(crate) inputs: Vec<ValueInfo>,
    pub(crate) outputs: Vec<ValueInfo>,
}

/// `NodeProto`
#[derive(Default)]
pub(crate) struct NodeProto {
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) name: String,
    pub(crate) op_type: String,
    pub(crate) domain: String,
    pub(crate) attributes: Vec<Attribute>,
}

/// Texts one after another: a tree has one for each node.
#[derive(Default)]
pub(crate) struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    pub(crate) fn to_vec(&self) -> Vec<&str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends);
        ranges.map(|(&start, &end)| &self.all[start..end]).collect()
    }
}

/// `AttributeProto`
#[derive(Default)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) float: Option<f32>,
    pub(crate) int: Option<i64>,
    pub(crate) text: Option<String>,
    pub(crate) tensor: Option<Tensor>,
    pub(crate) floats: Vec<f32>,
    pub(crate) ints: Vec<i64>,
    pub(crate) texts: Texts,
    pub(crate) graph: Option<GraphProto>,
}

/// `GraphProto` of an attribute, without what its initializers hold
#[derive(Default)]
pub(crate) struct GraphProto {
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) initializers: Vec<(String, Tensor)>,
}

/// `ValueInfoProto` of an input or output of the graph
#[derive(Default)]
pub(crate) struct ValueInfo {
    pub(crate) name: String,
    /// `TensorProto.DataType`; 0 where the value is no tensor
    pub(crate) element: i64,
    /// The types of keys and values where it is a map
    pub(crate) map: Option<(i64, i64)>,
    /// `None` where the size is not fixed; `None` in all where the value is no tensor or has no shape
    pub(crate) dims: Option<Vec<Option<u64>>>,
}

/// Reads the whole file.
pub(crate) fn parse(file: &[u8]) -> Result<ModelProto> {
    let mut model = ModelProto::default();
    let mut has_graph = false;
    let mut fields = Fields::new(file);
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => model.producer = value.text()?,
            7 => {
                has_graph = true;
                graph(&mut model, value.bytes()?)?;
            }
            8 => model.opsets.push(opset(value.bytes()?)?),
            _ => {}
        }
    }
    if !has_graph {
        return Err(Error::new(
            crate::ErrorKind::Malformed,
            "not an ONNX file: it has no graph",
        ));
    }
    Ok(model)
}

fn opset(message: &[u8]) -> Result<(String, i64)> {
    let mut opset = (String::new(), 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => opset.0 = value.text()?,
            2 => opset.1 = value.int()?,
            _ => {}
        }
    }
    if opset.0 == "ai.onnx" {
        opset.0.clear();
    }
    Ok(opset)
}

fn graph(model: &mut ModelProto, message: &[u8]) -> Result<()> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => model.nodes.push(node(value.bytes()?, true)?),
            5 => {
                let initializer = tensor(value.bytes()?)?;
                model.initializers.push(initializer);
            }
            11 => model.inputs.push(value_info(value.bytes()?)?),
            12 => model.outputs.push(value_info(value.bytes()?)?),
            15 => return Err(Error::unsupported("sparse initializers are not supported")),
            _ => {}
        }
    }
    Ok(())
}

fn subgraph(message: &[u8]) -> Result<GraphProto> {
    let mut graph = GraphProto::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => graph.nodes.push(node(value.bytes()?, false)?),
            5 => graph.initializers.push(tensor(value.bytes()?)?),
            11 => graph.inputs.push(value_info(value.bytes()?)?.name),
            12 => graph.outputs.push(value_info(value.bytes()?)?.name),
            _ => {}
        }
    }
    Ok(graph)
}

fn node(message: &[u8], reads_subgraphs: bool) -> Result<NodeProto> {
    let mut node = NodeProto::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => node.inputs.push(value.text()?),
            2 => node.outputs.push(value.text()?),
            3 => node.name = value.text()?,
            4 => node.op_type = value.text()?,
            5 => node
                .attributes
                .push(attribute(value.bytes()?, reads_subgraphs)?),
            7 => node.domain = value.text()?,
            _ => {}
        }
    }
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    Ok(node)
}

fn attribute(message: &[u8], reads_subgraphs: bool) -> Result<Attribute> {
    let mut attribute = Attribute::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => attribute.name = value.text()?,
            2 => attribute.float = Some(value.float()?),
            3 => attribute.int = Some(value.int()?),
            4 => attribute.text = Some(value.text()?),
            5 => attribute.tensor = Some(tensor(value.bytes()?)?.1),
            6 if reads_subgraphs => attribute.graph = Some(subgraph(value.bytes()?)?),
            7 => value.push_floats(&mut attribute.floats)?,
            8 => value.push_ints(&mut attribute.ints)?,
            9 => attribute.texts.push(value.str()?),
            _ => {}
        }
    }
    Ok(attribute)
}

fn value_info(message: &[u8]) -> Result<ValueInfo> {
    let mut info = ValueInfo::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => info.name = value.text()?,
            2 => {
                let mut types = Fields::new(value.bytes()?);
                while let Some((number, value)) = types.next()? {
                    match number {
                        1 => tensor_type(&mut info, value.bytes()?)?,
                        5 => info.map = Some(map_type(value.bytes()?)?),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(info)
}

/// The types of a map's keys and of its values.
fn map_type(message: &[u8]) -> Result<(i64, i64)> {
    let mut types = (0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => types.0 = value.int()?,
            2 => {
                let mut elements = Fields::new(value.bytes()?);
                while let Some((number, value)) = elements.next()? {
                    if number == 1 {
                        let mut element = ValueInfo::default();
                        tensor_type(&mut element, value.bytes()?)?;
                        types.1 = element.element;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(types)
}

fn tensor_type(info: &mut ValueInfo, message: &[u8]) -> Result<()> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => info.element = value.int()?,
            2 => {
                let mut dims = Vec::new();
                let mut shape = Fields::new(value.bytes()?);
                while let Some((number, value)) = shape.next()? {
                    if number != 1 {
                        continue;
                    }
                    let mut size = None;
                    let mut dim = Fields::new(value.bytes()?);
                    while let Some((number, value)) = dim.next()? {
                        if number == 1 {
                            // Some exporters write 0 or -1 for a size that is not fixed.
                            size = u64::try_from(value.int()?).ok().filter(|&size| size > 0);
                        }
                    }
                    dims.push(size);
                }
                info.dims = Some(dims);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Name and contents of a `TensorProto`.
fn tensor(message: &[u8]) -> Result<(String, Tensor)> {
    let mut name = String::new();
    let mut dims: Vec<i64> = Vec::new();
    let mut element = 0;
    let mut raw: Option<&[u8]> = None;
    let (mut floats, mut doubles, mut ints, mut texts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => value.push_ints(&mut dims)?,
            2 => element = value.int()?,
            4 => value.push_floats(&mut floats)?,
            5 | 7 | 11 => value.push_ints(&mut ints)?,
            6 => texts.push(Rc::from(value.text()?)),
            8 => name = value.text()?,
            9 => raw = Some(value.bytes()?),
            10 => value.push_doubles(&mut doubles)?,
            13 | 14 if !matches!(value, crate::wire::Value::Varint(0)) => {
                return Err(Error::unsupported(format!(
                    "the tensor `{name}` lies in a file of its own; save the model as one file"
                )));
            }
            _ => {}
        }
    }
    let raw_chunks = |size: usize| raw.map(|raw| raw.chunks_exact(size));
    let bytes_of = |chunk: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        i64::from_le_bytes(bytes)
    };
    let signed = |size: usize, ints: Vec<i64>| match raw_chunks(size) {
        Some(chunks) => {
            let unused_bits = 64 - 8 * size;
            chunks
                .map(|chunk| bytes_of(chunk) << unused_bits >> unused_bits)
                .collect()
        }
        None => ints,
    };
    let data = match element {
        1 => Data::F32(match raw {
            Some(raw) => raw
                .as_chunks()
                .0
                .iter()
                .map(|c| f32::from_le_bytes(*c))
                .collect(),
            None => floats,
        }),
        11 => Data::F64(match raw {
            Some(raw) => raw
                .as_chunks()
                .0
                .iter()
                .map(|c| f64::from_le_bytes(*c))
                .collect(),
            None => doubles,
        }),
        2 => Data::I64(match raw {
            Some(raw) => raw.iter().map(|&byte| i64::from(byte)).collect(),
            None => ints,
        }),
        3 => Data::I64(signed(1, ints)),
        5 => Data::I64(signed(2, ints)),
        6 => Data::I64(signed(4, ints)),
        7 => Data::I64(signed(8, ints)),
        8 => Data::Text(texts),
        9 => Data::Bool(match raw {
            Some(raw) => raw.iter().map(|&byte| byte != 0).collect(),
            None => ints.into_iter().map(|int| int != 0).collect(),
        }),
        _ => {
            return Err(Error::unsupported(format!(
                "the tensor `{name}` has elements of type {element}, which are not supported"
            )));
        }
    };
    let dims: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let n_elements = dims.as_ref().and_then(|dims| {
        dims.iter()
            .try_fold(1usize, |all, &dim| all.checked_mul(dim))
    });
    match dims {
        Some(dims) if n_elements == Some(data.len()) => Ok((name, Tensor::constant(dims, data))),
        _ => Err(Error::invalid(format!(
            "the tensor `{name}` has {} elements, which is not what its dimensions say",
            data.len()
        ))),
    }
}
