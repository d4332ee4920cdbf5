//! Through a graph with bounds of its inputs: bounds of everything that it computes, or why there are none.

use super::extent::{Dim, Extent, Kind, Range, UNBOUNDED};
use super::operators::{self, Call};
use super::plan::{self, Buffers, Step};
use super::program::{Graph, Inner, Node};

/// Rounds of loops in each other; more are taken for endless, since an engine can't be interrupted between them.
const MOST_ROUNDS: u64 = 1 << 24;
/// After so many rounds a loop whose tensors still grow is refused.
const MOST_ROUNDS_FOLLOWED: u64 = 64;
/// What one tensor takes beside its elements, where there is one for each round.
const HANDLE_BYTES: u64 = 256;

/// Why a graph is not computed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) node: String,
    pub(super) operator: String,
    pub(super) why: Why,
    /// Whether an engine may compute the node when it loads the model
    pub(super) is_constant: bool,
}

#[derive(Debug)]
pub(super) enum Why {
    /// More than the limit for one node
    TooLarge { bytes: u64, dims: String },
    /// What it takes depends on what is computed
    Unbounded,
    /// Nothing is known of the operator
    Unknown,
    /// A loop without a bound
    Endless,
    /// A loop whose tensors grow
    Growing,
    /// Too many nodes in loops in each other to follow
    Intricate,
}

/// Bounds of a graph's outputs, and what it takes.
pub(super) struct Walked {
    pub(super) outputs: Vec<Extent>,
    /// What its tensors take at once; 0 while loading
    pub(super) bytes: u64,
    /// What an engine may keep of them
    pub(super) buffers: Buffers,
    /// What of it depends on nothing but the file
    pub(super) constant_bytes: u64,
    /// Where the largest tensor is made, with its size and shape
    pub(super) largest: Option<(String, String, u64, String)>,
}

/// What the outputs and the inside of a node come to.
struct Done {
    outputs: Vec<Extent>,
    scratch: u64,
    buffers: Buffers,
    constant_bytes: u64,
}

pub(super) struct Walk {
    /// The most bytes of one node
    pub(super) limit: u64,
    /// Whether the graph's inputs are not known yet: only what depends on nothing but the file is held to the limit
    pub(super) is_loading: bool,
    /// How many nodes may still be visited
    pub(super) work: u64,
    /// Rounds of the loops around
    pub(super) rounds: u64,
    /// The first operator that is not known, with its node
    pub(super) unknown: Option<(String, String)>,
}

impl Walk {
    /// `given` are values of the graph and their bounds.
    pub(super) fn graph(
        &mut self,
        graph: &Graph,
        given: Vec<(usize, Extent)>,
    ) -> Result<Walked, Refusal> {
        let mut values: Vec<Option<Extent>> = vec![None; graph.n_values];
        for (value, extent) in &graph.constants {
            values[*value] = Some(extent.clone());
        }
        for (value, extent) in given {
            values[value] = Some(extent);
        }
        let mut walked = Walked {
            outputs: Vec::new(),
            bytes: 0,
            buffers: Buffers::default(),
            constant_bytes: 0,
            largest: None,
        };
        let mut inside = Vec::new();
        let mut steps: Vec<Step> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let reads: Vec<usize> = node.reads().collect();
            let is_constant = reads.iter().all(|value| {
                let extent = values[*value].as_ref();
                extent.is_some_and(|extent| extent.is_constant)
            });
            let done = match self.checked(node, &values, is_constant) {
                Ok(done) => done,
                // It is asked again with the inputs that come.
                Err(refusal) if self.is_loading && !refusal.is_constant => {
                    if matches!(refusal.why, Why::Unknown) && self.unknown.is_none() {
                        self.unknown = Some((refusal.node, refusal.operator));
                    }
                    Done {
                        outputs: Vec::new(),
                        scratch: 0,
                        buffers: Buffers::default(),
                        constant_bytes: 0,
                    }
                }
                Err(refusal) => return Err(refusal),
            };
            let mut step = Step {
                inputs: reads,
                scratch: done.scratch,
                ..Step::default()
            };
            walked.constant_bytes = walked.constant_bytes.saturating_add(done.constant_bytes);
            if !node.graphs.is_empty() {
                inside.push(done.buffers);
            }
            let mut made = done.outputs.into_iter();
            for value in &node.outputs {
                let made = made.next().unwrap_or(Extent::UNKNOWN);
                let Some(value) = *value else { continue };
                let knows_shape = self.is_loading
                    && matches!(node.operator.as_str(), "Shape" | "Size")
                    && made
                        .entries()
                        .is_some_and(|sizes| sizes.iter().all(|size| size.whole().is_some()));
                let made = Extent {
                    is_constant: is_constant || knows_shape || made.is_constant,
                    ..made
                };
                let bytes = made.size_bytes();
                if made.is_constant {
                    walked.constant_bytes = walked.constant_bytes.saturating_add(bytes);
                } else {
                    step.outputs.push((value, bytes));
                }
                if walked
                    .largest
                    .as_ref()
                    .is_none_or(|largest| largest.2 < bytes)
                {
                    let (name, operator) = (node.name.clone(), node.operator.clone());
                    walked.largest = Some((name, operator, bytes, shown(&made)));
                }
                values[value] = Some(made);
            }
            steps.push(step);
        }
        if !self.is_loading {
            walked.bytes = plan::bytes_at_once(&steps, &graph.outputs, graph.n_values);
            walked.buffers = Buffers::of(&steps, &graph.outputs, graph.n_values);
            for buffers in &inside {
                walked.buffers.add(buffers);
            }
        }
        let outputs = graph.outputs.iter();
        walked.outputs = outputs
            .map(|value| values[*value].clone().unwrap_or(Extent::UNKNOWN))
            .collect();
        Ok(walked)
    }

    /// One node, within the limit.
    fn checked(
        &mut self,
        node: &Node,
        values: &[Option<Extent>],
        is_constant: bool,
    ) -> Result<Done, Refusal> {
        let refused = |why: Why| Refusal {
            node: node.name.clone(),
            operator: node.operator.clone(),
            why,
            is_constant,
        };
        self.work = self.work.checked_sub(1).ok_or_else(|| Refusal {
            is_constant: true,
            ..refused(Why::Intricate)
        })?;
        let inputs = node.inputs.iter();
        let inputs: Vec<Option<&Extent>> = inputs
            .map(|value| value.map(|value| values[value].as_ref().unwrap_or(&Extent::UNKNOWN)))
            .collect();
        let call = Call {
            node,
            inputs: &inputs,
        };
        let done = match node.operator.as_str() {
            "If" => self.branches(call, values),
            "Loop" => self.rounds(call, values, &refused),
            "Scan" => self.scan(call, values, &refused),
            _ => operators::effect(call)
                .map(|effect| Done {
                    outputs: effect.outputs,
                    scratch: effect.scratch,
                    buffers: Buffers::default(),
                    constant_bytes: 0,
                })
                .ok_or_else(|| refused(Why::Unknown)),
        }?;
        let n_outputs = node.outputs.len();
        let made = done.outputs.iter().take(n_outputs);
        if made.len() < n_outputs || made.clone().any(|made| made.count == UNBOUNDED) {
            return Err(refused(Why::Unbounded));
        }
        let largest = made.max_by_key(|made| made.size_bytes());
        if let Some(made) = largest.filter(|made| made.size_bytes() > self.limit) {
            let (bytes, dims) = (made.size_bytes(), shown(made));
            return Err(refused(Why::TooLarge { bytes, dims }));
        }
        if done.scratch > self.limit {
            let dims = largest.map(shown).unwrap_or_default();
            return Err(refused(match done.scratch {
                UNBOUNDED => Why::Unbounded,
                bytes => Why::TooLarge { bytes, dims },
            }));
        }
        Ok(done)
    }

    /// A graph inside of a node.
    fn inside(
        &mut self,
        inner: &Inner,
        values: &[Option<Extent>],
        given: impl IntoIterator<Item = Extent>,
    ) -> Result<Walked, Refusal> {
        let captured = inner.captured.iter();
        let captured = captured.map(|(outside, inside)| {
            let extent = values[*outside].clone();
            (*inside, extent.unwrap_or(Extent::UNKNOWN))
        });
        let own = inner.graph.inputs.iter().copied().zip(given);
        let given = own.chain(captured).collect();
        self.graph(&inner.graph, given)
    }

    /// `If`: the branch that is taken, or either.
    fn branches(&mut self, call: Call<'_>, values: &[Option<Extent>]) -> Result<Done, Refusal> {
        let condition = call.inputs.first().copied().flatten();
        let taken = condition.and_then(|condition| condition.range.whole());
        let mut joined: Option<Walked> = None;
        for (name, inner) in &call.node.graphs {
            let is_taken = match (name.as_str(), taken) {
                ("then_branch", Some(0)) => false,
                ("else_branch", Some(taken)) => taken == 0,
                _ => true,
            };
            // An engine may prepare both when it loads.
            if !is_taken && !self.is_loading {
                continue;
            }
            let walked = self.inside(inner, values, [])?;
            joined = Some(match joined {
                None => walked,
                Some(mut other) => Walked {
                    outputs: either(&other.outputs, &walked.outputs),
                    bytes: other.bytes.max(walked.bytes),
                    buffers: {
                        other.buffers.add(&walked.buffers);
                        other.buffers
                    },
                    constant_bytes: other.constant_bytes.saturating_add(walked.constant_bytes),
                    largest: None,
                },
            });
        }
        Ok(joined.map_or(
            Done {
                outputs: Vec::new(),
                scratch: 0,
                buffers: Buffers::default(),
                constant_bytes: 0,
            },
            |walked| Done {
                outputs: walked.outputs,
                scratch: walked.bytes,
                buffers: walked.buffers,
                constant_bytes: walked.constant_bytes,
            },
        ))
    }

    /// `Loop`: bounds that hold in every round.
    fn rounds(
        &mut self,
        call: Call<'_>,
        values: &[Option<Extent>],
        refused: &dyn Fn(Why) -> Refusal,
    ) -> Result<Done, Refusal> {
        let most = call.inputs.first().copied().flatten();
        let most = most.map_or(UNBOUNDED, |most| most.range.dim().hi);
        let body = call.node.graphs.get("body");
        let body = body.ok_or_else(|| refused(Why::Unknown))?;
        let states = call.inputs.iter().skip(2);
        let states = states.map(|state| state.unwrap_or(&Extent::UNKNOWN).clone());
        let round = Extent::scalar(Kind::Long, Dim::at_most(most).range());
        let condition = Extent::scalar(Kind::Int, Range::FLAG);
        let given = vec![round, condition];
        self.repeat(
            body,
            values,
            most,
            given,
            states.collect(),
            Vec::new(),
            refused,
        )
        .map(|mut done| {
            // The condition, which is the body's first output.
            done.outputs.remove(0);
            done
        })
    }

    /// `Scan`: a round for each slice of its last inputs.
    fn scan(
        &mut self,
        call: Call<'_>,
        values: &[Option<Extent>],
        refused: &dyn Fn(Why) -> Refusal,
    ) -> Result<Done, Refusal> {
        let body = call.node.graphs.get("body");
        let body = body.ok_or_else(|| refused(Why::Unknown))?;
        let scanned = call.node.attributes.get("num_scan_inputs");
        let scanned = scanned.and_then(|attribute| usize::try_from(attribute.number?).ok());
        let n = call.inputs.len();
        let first = scanned.and_then(|scanned| n.checked_sub(scanned));
        // The version with batches has an input more than its body.
        let Some(first) = first.filter(|_| body.graph.inputs.len() == n) else {
            return Err(refused(Why::Unknown));
        };
        let axes = call.node.attributes.get("scan_input_axes");
        let mut most = 0;
        let mut slices = Vec::with_capacity(n - first);
        for (at, input) in call.inputs[first..].iter().enumerate() {
            let input = input.unwrap_or(&Extent::UNKNOWN);
            let axis = axes
                .and_then(|axes| axes.numbers.get(at))
                .copied()
                .unwrap_or(0);
            let Some(mut dims) = input.dims.clone() else {
                return Err(refused(Why::Unbounded));
            };
            let axis = if axis < 0 {
                axis + dims.len() as i64
            } else {
                axis
            };
            let Some(axis) = usize::try_from(axis).ok().filter(|axis| *axis < dims.len()) else {
                return Err(refused(Why::Unbounded));
            };
            most = most.max(dims.remove(axis).hi);
            slices.push(Extent::new(input.kind, dims));
        }
        let states = call.inputs[..first].iter();
        let states = states.map(|state| state.unwrap_or(&Extent::UNKNOWN).clone());
        self.repeat(
            body,
            values,
            most,
            Vec::new(),
            states.collect(),
            slices,
            refused,
        )
    }

    /// A body that is computed `most` times at most: of `first`, the states that it gives back, and `last`. What it gives
    /// beside as many values as `first` has less one, and the states, is put together from all rounds.
    #[expect(clippy::too_many_arguments, reason = "what both kinds of loops have")]
    fn repeat(
        &mut self,
        body: &Inner,
        values: &[Option<Extent>],
        most: u64,
        first: Vec<Extent>,
        mut states: Vec<Extent>,
        last: Vec<Extent>,
        refused: &dyn Fn(Why) -> Refusal,
    ) -> Result<Done, Refusal> {
        let around = self.rounds;
        self.rounds = around.saturating_mul(most.max(1));
        if self.rounds > MOST_ROUNDS && !self.is_loading {
            return Err(refused(Why::Endless));
        }
        let n_first = first.len().saturating_sub(1);
        let mut followed = 0;
        let walked = loop {
            let given = first.iter().chain(&states).chain(&last).cloned();
            let walked = self.inside(body, values, given)?;
            if walked.outputs.len() < n_first + states.len() {
                return Err(refused(Why::Unknown));
            }
            let after = &walked.outputs[n_first..n_first + states.len()];
            let mut joined = either(&states, after);
            followed += 1;
            for (joined, before) in joined.iter_mut().zip(&states) {
                // Counters change in every round: they can be anything.
                if followed > 2 && (joined.range, &joined.values) != (before.range, &before.values)
                {
                    joined.range = Range::ANY;
                    joined.values = None;
                }
                joined.is_constant = false;
            }
            if joined == states || followed > most {
                break walked;
            }
            if followed > MOST_ROUNDS_FOLLOWED {
                return Err(refused(Why::Growing));
            }
            states = joined;
        };
        self.rounds = around;
        let state_bytes = states
            .iter()
            .fold(0, |n: u64, state| n.saturating_add(state.size_bytes()));
        let collected = walked.outputs[n_first + states.len()..].iter();
        let collected: Vec<Extent> = collected
            .map(|each| match &each.dims {
                Some(dims) => {
                    Extent::new(each.kind, [&[Dim::at_most(most)], dims.as_slice()].concat())
                }
                None => Extent::shapeless(each.kind, each.count.saturating_mul(most)),
            })
            .collect();
        // They are put together when all are there.
        let parts = collected.iter().fold(0, |n: u64, all| {
            let handles = most.saturating_mul(HANDLE_BYTES);
            n.saturating_add(all.size_bytes()).saturating_add(handles)
        });
        let scratch = walked
            .bytes
            .saturating_add(state_bytes)
            .saturating_add(parts);
        let conditions = walked.outputs[..n_first].iter().cloned();
        Ok(Done {
            outputs: conditions.chain(states).chain(collected).collect(),
            scratch: if self.is_loading { 0 } else { scratch },
            buffers: walked.buffers,
            constant_bytes: walked.constant_bytes,
        })
    }
}

fn either(a: &[Extent], b: &[Extent]) -> Vec<Extent> {
    a.iter().zip(b).map(|(a, b)| a.join(b)).collect()
}

/// A shape for people: `[2, up to 40]`.
fn shown(extent: &Extent) -> String {
    let Some(dims) = &extent.dims else {
        return format!("up to {} elements", extent.count);
    };
    let size = |dim: &Dim| match (dim.exact(), dim.hi) {
        (Some(size), _) => size.to_string(),
        (None, UNBOUNDED) => "?".to_owned(),
        (None, most) => format!("up to {most}"),
    };
    let sizes: Vec<String> = dims.iter().map(size).collect();
    format!("[{}]", sizes.join(", "))
}
