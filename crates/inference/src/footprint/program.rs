//! A model's graph as the walk wants it: values by number, nodes in an order in which they can run.

use std::collections::{BTreeMap, BTreeSet};

use rten_onnx::onnx;

use super::extent::{Dim, Extent, Kind, MOST_VALUES, Range};
use crate::{InferenceError, InferenceErrorKind};

/// A graph, or one inside of a node.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) n_values: usize,
    /// In the order of the file, without those that the file gives a value
    pub(super) inputs: Vec<usize>,
    /// The type that each of `inputs` declares
    pub(super) kinds: Vec<Kind>,
    pub(super) outputs: Vec<usize>,
    pub(super) constants: Vec<(usize, Extent)>,
    pub(super) nodes: Vec<Node>,
    /// Names that are defined outside, and their values here
    pub(super) free: Vec<(String, usize)>,
}

#[derive(Debug)]
pub(super) struct Node {
    /// As people know it: its name, or that of what it gives
    pub(super) name: String,
    /// With its domain, unless that is ONNX' own
    pub(super) operator: String,
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) outputs: Vec<Option<usize>>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) graphs: BTreeMap<String, Inner>,
}

/// A graph inside of a node.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) graph: Graph,
    /// Values outside, and the same inside
    pub(super) captured: Vec<(usize, usize)>,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) number: Option<i64>,
    pub(super) text: Option<String>,
    pub(super) tensor: Option<Extent>,
    /// Few of them; `n_entries` says how many there are
    pub(super) numbers: Vec<i64>,
    pub(super) floats: Vec<f32>,
    pub(super) n_entries: usize,
}

impl Node {
    /// What it reads, itself and in the graphs inside of it.
    pub(super) fn reads(&self) -> impl Iterator<Item = usize> {
        let captured = self.graphs.values().flat_map(|inner| &inner.captured);
        let inputs = self.inputs.iter().flatten().copied();
        inputs.chain(captured.map(|(outside, _)| *outside))
    }
}

impl Graph {
    pub(super) fn of(graph: &onnx::GraphProto) -> Result<Self, InferenceError> {
        let mut names = Names::default();
        let mut compiled = Self::default();
        for tensor in &graph.initializer {
            let value = names.define(tensor.name.as_deref().unwrap_or_default())?;
            compiled.constants.push((value, constant(tensor)));
        }
        for input in &graph.input {
            let name = input.name.as_deref().unwrap_or_default();
            if names.is_defined(name) {
                // A weight that the file lists among the inputs.
                continue;
            }
            compiled.inputs.push(names.define(name)?);
            compiled.kinds.push(declared(input));
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            nodes.push(compile_node(node, &mut names)?);
        }
        for output in &graph.output {
            let name = output.name.as_deref().unwrap_or_default();
            compiled.outputs.push(names.value(name));
        }
        compiled.n_values = names.values.len();
        compiled.nodes = in_order(nodes, compiled.n_values)?;
        compiled.free = names.undefined();
        Ok(compiled)
    }
}

fn invalid(message: String) -> InferenceError {
    InferenceError::new(InferenceErrorKind::InvalidModel, message)
}

#[derive(Default)]
struct Names {
    values: BTreeMap<String, usize>,
    defined: BTreeSet<usize>,
}

impl Names {
    /// The value of a name, a new one where it is new.
    fn value(&mut self, name: &str) -> usize {
        if let Some(value) = self.values.get(name) {
            return *value;
        }
        let next = self.values.len();
        self.values.insert(name.to_owned(), next);
        next
    }

    fn is_defined(&self, name: &str) -> bool {
        let value = self.values.get(name);
        value.is_some_and(|value| self.defined.contains(value))
    }

    fn define(&mut self, name: &str) -> Result<usize, InferenceError> {
        let value = self.value(name);
        match self.defined.insert(value) {
            true => Ok(value),
            false => Err(invalid(format!("the model has two values called `{name}`"))),
        }
    }

    fn undefined(self) -> Vec<(String, usize)> {
        let undefined = self
            .values
            .into_iter()
            .filter(|(_, value)| !self.defined.contains(value));
        undefined.collect()
    }
}

fn compile_node(node: &onnx::NodeProto, names: &mut Names) -> Result<Node, InferenceError> {
    let operator = node.op_type.clone().unwrap_or_default();
    let operator = match node.domain.as_deref() {
        None | Some("" | "ai.onnx") => operator,
        Some(domain) => format!("{domain}.{operator}"),
    };
    let mut inputs = Vec::with_capacity(node.input.len());
    for name in &node.input {
        inputs.push((!name.is_empty()).then(|| names.value(name)));
    }
    let mut outputs = Vec::with_capacity(node.output.len());
    for name in &node.output {
        outputs.push(match name.is_empty() {
            true => None,
            false => Some(names.define(name)?),
        });
    }
    let (mut attributes, mut graphs) = (BTreeMap::new(), BTreeMap::new());
    for attribute in &node.attribute {
        let name = attribute.name.clone().unwrap_or_default();
        if let Some(inside) = &attribute.g {
            let graph = Graph::of(inside)?;
            let mut captured = Vec::with_capacity(graph.free.len());
            for (free, value) in &graph.free {
                captured.push((names.value(free), *value));
            }
            graphs.insert(name, Inner { graph, captured });
        } else if attributes
            .insert(name.clone(), compile_attribute(attribute))
            .is_some()
        {
            return Err(invalid(format!("a node has two attributes `{name}`")));
        }
    }
    let first_output = node.output.iter().find(|name| !name.is_empty());
    let name = node.name.as_ref().filter(|name| !name.is_empty());
    Ok(Node {
        name: name.or(first_output).cloned().unwrap_or_default(),
        operator,
        inputs,
        outputs,
        attributes,
        graphs,
    })
}

fn compile_attribute(attribute: &onnx::AttributeProto) -> Attribute {
    let few = |n: usize| n.min(MOST_VALUES);
    let [ints, floats] = [attribute.ints.len(), attribute.floats.len()];
    Attribute {
        number: attribute
            .i
            .or_else(|| attribute.f.map(|number| number as i64)),
        text: attribute.s.clone(),
        tensor: attribute.t.as_ref().map(constant),
        numbers: attribute.ints[..few(ints)].to_vec(),
        floats: attribute.floats[..few(floats)].to_vec(),
        n_entries: ints.max(floats).max(attribute.strings.len()),
    }
}

fn declared(input: &onnx::ValueInfoProto) -> Kind {
    let tensor = input
        .r#type
        .as_ref()
        .and_then(|kind| kind.tensor_type.as_ref());
    let element = tensor.and_then(|tensor| tensor.elem_type);
    element.map_or(Kind::Other, |element| Kind::of(element.0))
}

/// A tensor of the file.
fn constant(tensor: &onnx::TensorProto) -> Extent {
    let kind = tensor
        .data_type
        .map_or(Kind::Other, |data_type| Kind::of(data_type.0));
    let dims = tensor.dims.iter();
    let dims = dims.map(|&dim| Dim::exactly(u64::try_from(dim).unwrap_or(0)));
    let extent = Extent::new(kind, dims.collect());
    let few = extent.n_elements().filter(|n| *n <= MOST_VALUES as u64);
    let extent = match few.and_then(|_| elements(tensor)) {
        Some(values) => extent.with_values(values),
        None => extent,
    };
    Extent {
        is_constant: true,
        ..extent
    }
}

/// The elements of a small tensor.
fn elements(tensor: &onnx::TensorProto) -> Option<Vec<Range>> {
    use onnx::DataType;
    let number = |value: f64| Range::between(value, value);
    let raw = tensor.raw_data.as_ref().map(std::cell::RefCell::borrow);
    let raw: Option<&[u8]> = raw.as_deref().map(Vec::as_slice);
    let data_type = tensor.data_type?;
    let values: Vec<Range> = match (data_type, raw) {
        (DataType::INT64, Some(raw)) => {
            let values = raw.as_chunks().0.iter();
            values
                .map(|v| Range::integer(i64::from_le_bytes(*v)))
                .collect()
        }
        (DataType::INT64, None) => {
            let values = tensor.int64_data.iter();
            values.map(|v| Range::integer(*v)).collect()
        }
        (DataType::INT32, Some(raw)) => {
            let values = raw.as_chunks().0.iter();
            values
                .map(|v| Range::integer(i32::from_le_bytes(*v).into()))
                .collect()
        }
        (DataType::FLOAT, Some(raw)) => {
            let values = raw.as_chunks().0.iter();
            values
                .map(|v| number(f32::from_le_bytes(*v).into()))
                .collect()
        }
        (DataType::FLOAT, None) => {
            let values = tensor.float_data.iter();
            values.map(|v| number((*v).into())).collect()
        }
        (DataType::DOUBLE, Some(raw)) => {
            let values = raw.as_chunks().0.iter();
            values.map(|v| number(f64::from_le_bytes(*v))).collect()
        }
        (DataType::BOOL, Some(raw)) => {
            let values = raw.iter();
            values.map(|v| number((*v != 0).into())).collect()
        }
        (DataType::INT32 | DataType::BOOL, None) => {
            let values = tensor.int32_data.iter();
            values.map(|v| Range::integer((*v).into())).collect()
        }
        _ => return None,
    };
    Some(values)
}

/// Each node behind those whose values it reads; otherwise as in the file.
fn in_order(nodes: Vec<Node>, n_values: usize) -> Result<Vec<Node>, InferenceError> {
    let mut maker: Vec<Option<usize>> = vec![None; n_values];
    for (index, node) in nodes.iter().enumerate() {
        for &value in node.outputs.iter().flatten() {
            maker[value] = Some(index);
        }
    }
    let mut waiting = vec![0_usize; nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for made_by in node.reads().filter_map(|value| maker[value]) {
            waiting[index] += 1;
            readers[made_by].push(index);
        }
    }
    let ready = (0..nodes.len()).filter(|&index| waiting[index] == 0);
    let mut ready: BTreeSet<usize> = ready.collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if let Some(stuck) = waiting.iter().position(|n| *n > 0) {
        let name = &nodes[stuck].name;
        return Err(invalid(format!(
            "node `{name}` of the model needs its own result"
        )));
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let ordered = order.into_iter().filter_map(|index| nodes[index].take());
    Ok(ordered.collect())
}
