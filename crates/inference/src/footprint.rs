//! What a computation may take in memory, found out before an engine starts it.
//!
//! Engines allocate what a graph asks for, and a graph of a few bytes can ask for terabytes: the process would end. No
//! engine offers to refuse. So bounds of all shapes are computed here, from the model's file and the shapes of a
//! computation's inputs; the same way for every engine. Shapes that depend on what is computed are bounded by what they
//! can be at most (`NonZero` finds no more than there is), or the model is refused with the node's name.
//!
//! What counts is the bytes of the tensors that may be there at once in any order of the nodes, with the memory that
//! engines take beside them where that is much. Weights are as large as the file, which has a limit of its own.

mod extent;
mod operators;
mod plan;
mod program;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rten_onnx::onnx;

use crate::{DataType, Dimension, InferenceError, InferenceErrorKind, Signature, Tensor};
use extent::{Dim, Extent, Kind, MOST_VALUES, Range};
use program::Graph;
use walk::{Refusal, Walk, Walked, Why};

/// How many times the limit an engine may come to keep in buffers that it does not use.
const MOST_KEPT: u64 = 4;

/// Shapes of inputs that were found to fit, at most.
const MOST_KNOWN: usize = 4096;

/// A model's graph, and how much one computation may take.
pub(crate) struct Footprint {
    graph: Graph,
    limit: u64,
    /// Nodes that may be visited for one answer
    work: u64,
    /// Shapes of inputs that fit: the sizes of each input behind their number
    known: Mutex<BTreeSet<Vec<u32>>>,
}

impl Footprint {
    /// Fails where the graph is no graph: nodes that need their own results, two values of one name.
    pub(crate) fn new(graph: &onnx::GraphProto, limit: u64) -> Result<Self, InferenceError> {
        let graph = Graph::of(graph)?;
        let work = 100_000 + 16 * graph.nodes.len() as u64;
        Ok(Self {
            graph,
            limit,
            work,
            known: Mutex::default(),
        })
    }

    /// Fails where loading the model may take more than the limit: engines compute then what depends on nothing but the
    /// file. Gives an operator that can't be bounded, with its node; an engine that lacks it says so itself.
    pub(crate) fn check_load(
        &self,
        signature: &Signature,
    ) -> Result<Option<InferenceError>, InferenceError> {
        let inputs = signature.inputs.iter().zip(&self.graph.kinds);
        let inputs = inputs.map(|(info, kind)| match &info.dims {
            Some(dims) => {
                let dims = dims.iter().map(|dim| match dim {
                    Dimension::Fixed(size) => Dim::exactly((*size).into()),
                    Dimension::Named(_) | Dimension::Any => Dim::at_most(u32::MAX.into()),
                });
                Extent::new(*kind, dims.collect())
            }
            None => Extent::UNKNOWN,
        });
        let mut walk = self.walk(true);
        let given = self.graph.inputs.iter().copied().zip(inputs).collect();
        let walked = walk
            .graph(&self.graph, given)
            .map_err(|refusal| self.error(&refusal))?;
        self.check_whole(&walked, walked.constant_bytes)?;
        Ok(walk.unknown.map(|(node, operator)| {
            self.error(&Refusal {
                node,
                operator,
                why: Why::Unknown,
                is_constant: false,
            })
        }))
    }

    /// Fails where computing these inputs, in the signature's order, may take more than the limit.
    pub(crate) fn check(
        &self,
        signature: &Signature,
        inputs: &[Tensor],
    ) -> Result<(), InferenceError> {
        let shapes = inputs.iter().flat_map(|tensor| {
            let n_dims = tensor.dims.len() as u32;
            std::iter::once(n_dims).chain(tensor.dims.iter().copied())
        });
        let shapes: Vec<u32> = shapes.collect();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&shapes) {
            return Ok(());
        }
        match self.bytes(signature, inputs, false) {
            Ok(_) => {
                let mut known = known();
                if known.len() == MOST_KNOWN {
                    known.clear();
                }
                known.insert(shapes);
                Ok(())
            }
            // Some models are told sizes by their inputs. Then the answer holds for these inputs alone.
            Err(_) => self.bytes(signature, inputs, true).map(|_| ()),
        }
    }

    /// The bytes that computing these inputs may take at once.
    fn bytes(
        &self,
        signature: &Signature,
        inputs: &[Tensor],
        with_values: bool,
    ) -> Result<u64, InferenceError> {
        let declared = self.graph.kinds.iter().zip(&signature.inputs);
        let extents = declared.zip(inputs).map(|((kind, info), tensor)| {
            let kind = match (*kind, tensor.dtype) {
                (Kind::Other, DataType::F64) => Kind::Double,
                (Kind::Other, DataType::I64) => Kind::Long,
                (Kind::Other, _) => Kind::Float,
                (kind, _) => kind,
            };
            let is_scalar = info.dims.as_ref().is_some_and(Vec::is_empty);
            let dims = tensor.dims.iter().filter(|_| !is_scalar);
            let dims = dims.map(|dim| Dim::exactly((*dim).into())).collect();
            let extent = Extent::new(kind, dims);
            match integers(tensor).filter(|_| with_values) {
                Some(values) => extent.with_values(values),
                None => extent,
            }
        });
        let given: Vec<(usize, Extent)> = self.graph.inputs.iter().copied().zip(extents).collect();
        let input_bytes = given.iter().fold(0_u64, |n, (_, extent)| {
            n.saturating_add(extent.size_bytes())
        });
        let walked = self.walk(false).graph(&self.graph, given);
        let walked = walked.map_err(|refusal| self.error(&refusal))?;
        let bytes = walked
            .bytes
            .saturating_add(walked.constant_bytes)
            .saturating_add(input_bytes);
        self.check_whole(&walked, bytes)?;
        let kept = walked.buffers.bytes();
        if kept / MOST_KEPT > self.limit {
            let (kept, limit) = (shown(kept), shown(self.limit));
            return Err(refused(format!(
                "the model's tensors are of so many sizes that an engine may keep {kept} for them, more than \
                 {MOST_KEPT} times the {limit} that one computation may take; {RAISE}"
            )));
        }
        Ok(bytes)
    }

    fn walk(&self, is_loading: bool) -> Walk {
        Walk {
            limit: self.limit,
            is_loading,
            work: self.work,
            rounds: 1,
            unknown: None,
        }
    }

    fn check_whole(&self, walked: &Walked, bytes: u64) -> Result<(), InferenceError> {
        if bytes <= self.limit {
            return Ok(());
        }
        let largest = match &walked.largest {
            Some((node, operator, bytes, dims)) => format!(
                "; the largest tensor is that of node `{node}` (`{operator}`), {dims}, {}",
                shown(*bytes)
            ),
            None => String::new(),
        };
        Err(refused(format!(
            "the model's tensors may take {} at once, more than the {} that one computation may take{largest}; {RAISE}",
            shown(bytes),
            shown(self.limit)
        )))
    }

    fn error(&self, refusal: &Refusal) -> InferenceError {
        let limit = shown(self.limit);
        let node = format!("node `{}` (`{}`)", refusal.node, refusal.operator);
        refused(match &refusal.why {
            Why::TooLarge { bytes, dims } => format!(
                "{node} needs {} for {dims}, more than the {limit} that one computation may take; {RAISE}",
                shown(*bytes)
            ),
            Why::Unbounded => format!(
                "{node} can't be held to the {limit} that one computation may take: its size depends on what the model \
                 computes; {LIFT}"
            ),
            Why::Unknown => format!(
                "{node} can't be held to the {limit} that one computation may take: nothing is known of what this \
                 operator takes; {LIFT}"
            ),
            Why::Endless => {
                format!("{node} may go round without end, which can't be interrupted; {LIFT}")
            }
            Why::Growing => format!(
                "{node} can't be held to the {limit} that one computation may take: its tensors grow from round to \
                 round; {LIFT}"
            ),
            Why::Intricate => format!(
                "{node} can't be held to the {limit} that one computation may take: its loops are too many in each \
                 other; {LIFT}"
            ),
        })
    }
}

const RAISE: &str = "the model's `max_memory` in the manifest raises that";
const LIFT: &str =
    "`max_memory = \"unlimited\"` for the model in the manifest runs it all the same";

fn refused(message: String) -> InferenceError {
    InferenceError::new(InferenceErrorKind::MemoryLimit, message)
}

/// The elements of a small tensor of integers.
fn integers(tensor: &Tensor) -> Option<Vec<Range>> {
    if tensor.n_elements()? > MOST_VALUES as u64 {
        return None;
    }
    let data = &tensor.data;
    Some(match tensor.dtype {
        DataType::I64 => {
            let values = data.as_chunks().0.iter();
            values
                .map(|v| Range::integer(i64::from_le_bytes(*v)))
                .collect()
        }
        DataType::I32 => {
            let values = data.as_chunks().0.iter();
            values
                .map(|v| Range::integer(i32::from_le_bytes(*v).into()))
                .collect()
        }
        DataType::U8 => data.iter().map(|v| Range::integer((*v).into())).collect(),
        _ => return None,
    })
}

/// Bytes for people, in the units of manifests.
fn shown(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB")];
    match units.iter().find(|(shift, _)| bytes >> shift > 0) {
        _ if bytes == u64::MAX => "more bytes than can be counted".to_owned(),
        Some((shift, unit)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}
