//! What each operator makes of bounds of its inputs: <https://onnx.ai/onnx/operators/>, and those of ONNX Runtime's own
//! that its optimised models have.
//!
//! Every bound must hold for whatever the inputs may be. A model that an engine would refuse may get any bounds here.

mod arithmetic;
mod layout;
mod made;
mod networks;
mod tabular;

use super::extent::{Dim, Extent, Kind, Range};
use super::program::Node;

/// What a node makes and takes.
pub(super) struct Effect {
    /// In the order of the node's outputs
    pub(super) outputs: Vec<Extent>,
    /// Bytes that engines take beside these while they compute it
    pub(super) scratch: u64,
}

impl From<Extent> for Effect {
    fn from(output: Extent) -> Self {
        vec![output].into()
    }
}

impl From<Vec<Extent>> for Effect {
    fn from(outputs: Vec<Extent>) -> Self {
        Self {
            outputs,
            scratch: 0,
        }
    }
}

impl Effect {
    fn and_scratch(self, scratch: u64) -> Self {
        Self { scratch, ..self }
    }
}

/// A node and bounds of what it is given.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    pub(super) inputs: &'a [Option<&'a Extent>],
}

/// A list that may be an attribute or an input, depending on the operator's version.
enum Numbers {
    Absent,
    Known(Vec<Range>),
    /// Its length is not known, or it is long
    Unknown,
}

/// `None` for an operator that is not known here. Those with graphs inside of them are the walk's.
pub(super) fn effect(call: Call<'_>) -> Option<Effect> {
    arithmetic::effect(&call)
        .or_else(|| layout::effect(&call))
        .or_else(|| made::effect(&call))
        .or_else(|| networks::effect(&call))
        .or_else(|| tabular::effect(&call))
}

impl<'a> Call<'a> {
    fn operator(&self) -> &'a str {
        self.node.operator.as_str()
    }

    fn given(&self, index: usize) -> Option<&'a Extent> {
        self.inputs.get(index).copied().flatten()
    }

    /// An input that every valid model has.
    fn at(&self, index: usize) -> &'a Extent {
        self.given(index).unwrap_or(&Extent::UNKNOWN)
    }

    fn number(&self, attribute: &str) -> Option<i64> {
        self.node.attributes.get(attribute)?.number
    }

    fn number_or(&self, attribute: &str, otherwise: i64) -> i64 {
        self.number(attribute).unwrap_or(otherwise)
    }

    fn text(&self, attribute: &str) -> &'a str {
        let attribute = self.node.attributes.get(attribute);
        attribute
            .and_then(|attribute| attribute.text.as_deref())
            .unwrap_or_default()
    }

    fn n_entries(&self, attribute: &str) -> u64 {
        let attribute = self.node.attributes.get(attribute);
        attribute.map_or(0, |attribute| attribute.n_entries as u64)
    }

    /// Integers of an attribute; `otherwise` for those that are not there.
    fn integer(&self, attribute: &str, index: usize, otherwise: i64) -> i64 {
        let attribute = self.node.attributes.get(attribute);
        let numbers = attribute.map(|attribute| attribute.numbers.as_slice());
        let number = numbers.and_then(|numbers| numbers.get(index));
        number.copied().unwrap_or(otherwise)
    }

    /// Of the attribute where there is one, otherwise of the input.
    fn numbers(&self, attribute: &str, input: usize) -> Numbers {
        if let Some(attribute) = self.node.attributes.get(attribute) {
            let integers = attribute.numbers.iter().map(|v| Range::integer(*v));
            let floats = attribute.floats.iter().map(|v| f64::from(*v));
            let floats = floats.map(|v| Range::between(v, v));
            let all: Vec<Range> = integers.chain(floats).collect();
            return match (all.len(), attribute.number) {
                (0, Some(number)) => Numbers::Known(vec![Range::integer(number)]),
                (n, _) if n == attribute.n_entries => Numbers::Known(all),
                _ => Numbers::Unknown,
            };
        }
        match self.given(input) {
            None => Numbers::Absent,
            Some(extent) => match extent.entries() {
                Some(values) => Numbers::Known(values),
                None => Numbers::Unknown,
            },
        }
    }

    /// Axes of a tensor with so many dimensions; `None` where they are not known.
    fn axes(&self, input: usize, n_dims: usize) -> Option<Vec<usize>> {
        match self.numbers("axes", input) {
            Numbers::Absent => Some(Vec::new()),
            Numbers::Known(axes) => {
                let axes = axes.into_iter();
                axes.map(|axis| axis_of(axis.whole()?, n_dims)).collect()
            }
            Numbers::Unknown => None,
        }
    }
}

/// An axis that may be counted from the end.
fn axis_of(axis: i64, n_dims: usize) -> Option<usize> {
    let n = n_dims as i64;
    let axis = if axis < 0 { axis.checked_add(n)? } else { axis };
    (0..n).contains(&axis).then_some(axis as usize)
}

/// A tensor with the dimensions that an input of sizes says.
fn of_sizes(kind: Kind, sizes: &Extent) -> Extent {
    match sizes.entries() {
        Some(sizes) => Extent::new(kind, sizes.iter().map(|size| size.dim()).collect()),
        None => Extent::shapeless(kind, u64::MAX),
    }
}

/// What tensors become that are made equal by repeating; `None` where the number of dimensions is not known.
fn broadcast(a: &[Dim], b: &[Dim]) -> Vec<Dim> {
    let n_dims = a.len().max(b.len());
    let from_end = |dims: &[Dim], at: usize| {
        let index = (at + dims.len()).checked_sub(n_dims);
        index.map_or(Dim::ONE, |index| dims[index])
    };
    let dims = 0..n_dims;
    dims.map(|at| from_end(a, at).broadcast(from_end(b, at)))
        .collect()
}
