//! The graph as a list of steps over numbered values.

use crate::error::{Error, Result};
use crate::node::{Arguments, Form, Kernel, Node, Refused};
use crate::operators;
use crate::proto::{ModelProto, NodeProto};
use crate::tensor::{Tensor, n_cells};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Steps in an order in which each finds its inputs.
pub(crate) struct Graph {
    n_values: usize,
    constants: Vec<(usize, Rc<Tensor>)>,
    inputs: Vec<usize>,
    steps: Vec<Step>,
    outputs: Vec<usize>,
}

struct Step {
    /// What messages call it
    node: String,
    kernel: Kernel,
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    /// Values that no later step needs
    last_uses: Vec<usize>,
}

/// What messages call a node.
pub(crate) fn node_name(node: &NodeProto) -> String {
    match node.name.as_str() {
        "" => node.op_type.clone(),
        name => format!("{} (`{name}`)", node.op_type),
    }
}

/// The version of the operators of one domain that the model is written for.
fn opset(model: &ModelProto, domain: &str) -> i64 {
    let versions = model.opsets.iter().filter(|(name, _)| name == domain);
    versions.map(|(_, version)| *version).max().unwrap_or(1)
}

impl Graph {
    /// Checks and builds every node. `inputs` are the names of the values that come from outside.
    pub(crate) fn build(model: &ModelProto, inputs: &[&str]) -> Result<Self> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut constants = Vec::new();
        for (name, tensor) in &model.initializers {
            let place = places.len();
            if places.insert(name, place).is_some() {
                return Err(Error::invalid(format!(
                    "the graph has two initializers `{name}`"
                )));
            }
            constants.push((place, Rc::new(tensor.clone())));
        }
        let mut input_places = Vec::new();
        for &name in inputs {
            let place = places.len();
            if places.insert(name, place).is_some() {
                return Err(Error::invalid(format!("the graph has two values `{name}`")));
            }
            input_places.push(place);
        }
        let mut steps = Vec::new();
        let mut forms: BTreeMap<&str, Form> = BTreeMap::new();
        for proto in &model.nodes {
            let name = node_name(proto);
            let step_inputs = proto
                .inputs
                .iter()
                .map(|input| match input.as_str() {
                    "" => Ok(None),
                    input => places.get(input).map(|&place| Some(place)).ok_or_else(|| {
                        Error::invalid(format!("takes `{input}`, which nothing before it makes"))
                            .at(&name)
                    }),
                })
                .collect::<Result<_>>()?;
            let (kernel, made) = operators::build(&Node {
                proto,
                opset: opset(model, &proto.domain),
                form: form_of_inputs(proto, &forms).map_err(|error| error.at(&name))?,
                model,
            })
            .map_err(|error| error.at(&name))?;
            if let Some((number, form)) = made
                && let Some(output) = proto.outputs.get(number)
            {
                forms.insert(output, form);
            }
            let mut outputs = Vec::new();
            for output in &proto.outputs {
                let place = places.len();
                if output.is_empty() {
                    outputs.push(None);
                } else if places.insert(output, place).is_some() {
                    return Err(Error::invalid(format!("makes `{output}` a second time")).at(&name));
                } else {
                    outputs.push(Some(place));
                }
            }
            steps.push(Step {
                node: name,
                kernel,
                inputs: step_inputs,
                outputs,
                last_uses: Vec::new(),
            });
        }
        let outputs = model
            .outputs
            .iter()
            .map(|output| {
                if forms.contains_key(output.name.as_str()) {
                    return Err(Error::unsupported(format!(
                        "the output `{}` has no column of its own for each row",
                        output.name
                    )));
                }
                places.get(output.name.as_str()).copied().ok_or_else(|| {
                    Error::invalid(format!(
                        "nothing makes the model's output `{}`",
                        output.name
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut graph = Self {
            n_values: places.len(),
            constants,
            inputs: input_places,
            steps,
            outputs,
        };
        graph.find_last_uses();
        Ok(graph)
    }

    fn find_last_uses(&mut self) {
        let mut needed = vec![false; self.n_values];
        self.outputs.iter().for_each(|&place| needed[place] = true);
        for step in self.steps.iter_mut().rev() {
            for &place in step.inputs.iter().chain(&step.outputs).flatten() {
                if !std::mem::replace(&mut needed[place], true) {
                    step.last_uses.push(place);
                }
            }
        }
    }

    /// The values of the outputs, and how many elements the largest value has. Inputs have `rows` as their first dimension.
    /// Rows without a result go to `refused`.
    pub(crate) fn run(
        &self,
        rows: usize,
        inputs: Vec<Tensor>,
        refused: &RefCell<Refused>,
    ) -> Result<(Vec<Rc<Tensor>>, usize)> {
        let mut most_cells = 0;
        let mut values: Vec<Option<Rc<Tensor>>> = vec![None; self.n_values];
        for (place, constant) in &self.constants {
            values[*place] = Some(constant.clone());
        }
        for (&place, input) in self.inputs.iter().zip(inputs) {
            values[place] = Some(Rc::new(input));
        }
        for step in &self.steps {
            let given: Vec<_> = step
                .inputs
                .iter()
                .map(|input| input.and_then(|place| values[place].clone()))
                .collect();
            let results = (step.kernel)(&Arguments {
                values: &given,
                rows,
                refused,
                node: &step.node,
            })
            .and_then(|results| checked(results, &given, rows))
            .map_err(|error| error.at(&step.node))?;
            for result in results.iter().filter(|result| result.batched) {
                most_cells = most_cells.max(result.data.len());
            }
            let mut results = results.into_iter();
            for &place in &step.outputs {
                let result = results.next();
                let Some(place) = place else { continue };
                values[place] = result.map(Rc::new);
            }
            for &place in &step.last_uses {
                values[place] = None;
            }
        }
        let found = self.outputs.iter().map(|&place| {
            values[place]
                .clone()
                .ok_or_else(|| Error::invalid("an output of the model is made by no operator"))
        });
        Ok((found.collect::<Result<_>>()?, most_cells))
    }
}

/// The form of the first input; any other input must have none.
fn form_of_inputs(proto: &NodeProto, forms: &BTreeMap<&str, Form>) -> Result<Option<Form>> {
    let mut inputs = proto.inputs.iter().map(|input| forms.get(input.as_str()));
    let form = inputs.next().flatten().cloned();
    match inputs.flatten().next() {
        None => Ok(form),
        Some(other) => Err(other.refused()),
    }
}

/// What depends on the rows has them as its first dimension, and as many elements as its dimensions say.
fn checked(
    mut results: Vec<Tensor>,
    given: &[Option<Rc<Tensor>>],
    rows: usize,
) -> Result<Vec<Tensor>> {
    let depends_on_rows = given.iter().flatten().any(|value| value.batched);
    for result in &mut results {
        result.batched &= depends_on_rows;
        if result.batched && result.dims.first() != Some(&rows) {
            return Err(crate::node::mixes_rows());
        }
        if n_cells(&result.dims, rows)? != result.data.len() {
            return Err(Error::invalid(format!(
                "gives {} elements in {:?}",
                result.data.len(),
                result.dims
            )));
        }
    }
    Ok(results)
}
