//! The order of the stages, from the fields that they consume and produce.

#[cfg(test)]
mod tests;

use crate::cast;
use crate::suggest::{did_you_mean, list};
use crate::wire::type_name;
use arrow_schema::{Field, FieldRef, Fields};
use rulestage_diagnostics::{Diagnostic, Span};

/// A stage as the graph sees it.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Name
    pub name: &'a str,
    /// Where the manifest names it
    pub span: Span,
    /// What it consumes, its gate included
    pub inputs: Vec<FieldRef>,
    /// What it produces
    pub outputs: &'a Fields,
}

/// A field that the input must bring, because no stage produces it.
#[derive(Debug, Clone, PartialEq)]
pub struct External {
    /// The field as the first stage that reads it wants it; nullable only if every reader takes nulls
    pub field: FieldRef,
    /// The names of the stages that read it, in order of the run
    pub readers: Vec<String>,
}

/// Indices of `nodes` in the order of the run: a stage comes after all whose fields it reads, and otherwise as
/// early as the manifest has it.
///
/// # Errors
/// Two producers of one field, fields of types that don't fit, and cycles, each with the stages' names.
pub fn order(nodes: &[Node<'_>]) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut producers: Vec<(&Field, usize)> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        for field in node.outputs {
            match producers
                .iter()
                .find(|(known, _)| known.name() == field.name())
            {
                Some((_, first)) => diagnostics.push(two_producers(field, &nodes[*first], node)),
                None => producers.push((field, index)),
            }
        }
    }
    let mut needs: Vec<Vec<(usize, &str)>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.inputs {
            let Some((output, producer)) = producers
                .iter()
                .find(|(output, _)| output.name() == input.name())
            else {
                continue;
            };
            needs[index].push((*producer, input.name()));
            if !cast::fits(output, input) {
                diagnostics.push(misfit(output, &nodes[*producer], input, node));
            }
        }
    }
    let mut order: Vec<usize> = Vec::with_capacity(nodes.len());
    while order.len() < nodes.len() {
        let ready = |index: &usize| {
            !order.contains(index)
                && needs[*index]
                    .iter()
                    .all(|(producer, _)| order.contains(producer))
        };
        let Some(next) = (0..nodes.len()).find(ready) else {
            diagnostics.push(cycle(nodes, &needs, &order));
            break;
        };
        order.push(next);
    }
    if diagnostics.is_empty() {
        Ok(order)
    } else {
        Err(diagnostics)
    }
}

/// The fields that the input must bring, in the order in which `nodes` (in order of the run) read them.
pub fn externals(nodes: &[&Node<'_>]) -> Vec<External> {
    let produced = |name: &str| nodes.iter().any(|node| node.outputs.find(name).is_some());
    let mut externals: Vec<External> = Vec::new();
    for node in nodes {
        for input in node.inputs.iter().filter(|input| !produced(input.name())) {
            match externals
                .iter_mut()
                .find(|external| external.field.name() == input.name())
            {
                Some(external) => {
                    if external.field.is_nullable() && !input.is_nullable() {
                        external.field =
                            external.field.as_ref().clone().with_nullable(false).into();
                    }
                    if external.readers.last().is_none_or(|last| last != node.name) {
                        external.readers.push(node.name.to_owned());
                    }
                }
                None => externals.push(External {
                    field: input.clone(),
                    readers: vec![node.name.to_owned()],
                }),
            }
        }
    }
    externals
}

/// Why an input without column `wanted` can't be used, with advice.
pub fn missing_column(
    wanted: &External,
    columns: &[&str],
    produced: &[&str],
) -> (String, Vec<String>) {
    let name = wanted.field.name();
    let readers = list(wanted.readers.iter().map(String::as_str));
    let message = format!(
        "the input has no column `{name}` ({}), which stage {readers} reads and no stage produces",
        type_name(&wanted.field)
    );
    let mut hints: Vec<String> = did_you_mean(name, columns.iter().chain(produced).copied())
        .into_iter()
        .collect();
    hints.push(match columns {
        [] => "the input has no columns".to_owned(),
        columns => format!("the input has {}", list(columns.iter().copied())),
    });
    (message, hints)
}

fn two_producers(field: &Field, first: &Node<'_>, second: &Node<'_>) -> Diagnostic {
    let message = format!(
        "stages `{}` and `{}` both produce `{}`",
        first.name,
        second.name,
        field.name()
    );
    Diagnostic::error("pipeline.graph.two-producers", second.span, message)
        .with_label(
            first.span,
            format!("the first stage that produces `{}`", field.name()),
        )
        .with_hint("rename the output in one of them")
}

fn misfit(output: &Field, producer: &Node<'_>, input: &Field, consumer: &Node<'_>) -> Diagnostic {
    let (from, to) = (type_name(output), type_name(input));
    let (field, producer_name, consumer_name) = (input.name(), producer.name, consumer.name);
    let message = format!(
        "stage `{producer_name}` produces `{field}` as {from}, and stage `{consumer_name}` reads it as {to}"
    );
    Diagnostic::error("pipeline.graph.type-mismatch", consumer.span, message)
        .with_label(producer.span, format!("produces `{field}`"))
}

fn cycle(nodes: &[Node<'_>], needs: &[Vec<(usize, &str)>], done: &[usize]) -> Diagnostic {
    // From any stage that is stuck, always to one it waits for, until a stage comes again.
    let stuck = |index: usize| {
        needs[index]
            .iter()
            .find(|(producer, _)| !done.contains(producer))
            .copied()
    };
    let mut path: Vec<usize> = (0..nodes.len())
        .filter(|index| !done.contains(index))
        .take(1)
        .collect();
    while let Some((producer, _)) = path.last().and_then(|last| stuck(*last)) {
        if let Some(start) = path.iter().position(|index| *index == producer) {
            path.drain(..start);
            break;
        }
        path.push(producer);
    }
    let steps: Vec<String> = path
        .iter()
        .filter_map(|index| {
            let (producer, field) = stuck(*index)?;
            Some(format!(
                "`{}` needs `{field}` from `{}`",
                nodes[*index].name, nodes[producer].name
            ))
        })
        .collect();
    let span = path
        .first()
        .map_or(Span::default(), |index| nodes[*index].span);
    let mut diagnostic = Diagnostic::error(
        "pipeline.graph.cycle",
        span,
        format!("stages wait for each other: {}", steps.join(", ")),
    );
    for index in path.iter().skip(1) {
        diagnostic = diagnostic.with_label(nodes[*index].span, "part of the cycle");
    }
    diagnostic
}
