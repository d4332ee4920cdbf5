//! The model's answers to columns.

use crate::parameters::{Settings, Task};
use rulestage_stage_guest::stage::{Array, Buffer, Field, FieldNode, TypeNode};
use rulestage_stage_guest::{field, texts};
use rulestage_vision::{Class, Detection};

/// What the model says of one image.
#[derive(Default)]
pub(crate) enum Answer {
    /// Nothing: the row failed
    #[default]
    None,
    /// The best classes, the best first
    Classes(Vec<Class>),
    /// What is where
    Detections(Vec<Detection>),
}

impl Answer {
    fn classes(&self) -> &[Class] {
        match self {
            Self::Classes(classes) => classes,
            _ => &[],
        }
    }

    fn detections(&self) -> &[Detection] {
        match self {
            Self::Detections(detections) => detections,
            _ => &[],
        }
    }
}

/// The fields of the outputs.
pub(crate) fn fields(settings: &Settings) -> Vec<Field> {
    let names = &settings.outputs;
    match settings.task {
        Task::Detect(_) => vec![list_field(
            &names[0],
            &["score", "x", "y", "width", "height"],
            "what was found, the highest score first; pixels from the upper left corner",
        )],
        Task::Classify { most, .. } => {
            let mut fields = vec![
                field(
                    &names[0],
                    TypeNode::Text,
                    false,
                    "the class with the highest score",
                ),
                field(&names[1], TypeNode::F64, false, "its score"),
            ];
            if most > 1 {
                let doc = "the classes with the highest scores, the highest first";
                fields.push(list_field(&names[2], &["score"], doc));
            }
            fields
        }
    }
}

/// `list<struct{label, …}>`: a text and numbers.
fn list_field(name: &str, numbers: &[&str], doc: &str) -> Field {
    let node = |kind| FieldNode {
        kind,
        nullable: false,
        read: true,
    };
    let members = ["label"]
        .iter()
        .chain(numbers)
        .map(|name| (*name).to_owned());
    let mut nodes = vec![
        node(TypeNode::List),
        node(TypeNode::Struct(members.collect())),
        node(TypeNode::Text),
    ];
    nodes.extend(numbers.iter().map(|_| node(TypeNode::F64)));
    Field {
        name: name.to_owned(),
        nodes,
        doc: doc.to_owned(),
    }
}

/// The columns of the outputs, each with the arrays of its nodes.
pub(crate) fn columns(settings: &Settings, answers: &[Answer]) -> Vec<Array> {
    match settings.task {
        Task::Detect(_) => {
            let lists: Vec<&[Detection]> = answers.iter().map(Answer::detections).collect();
            let number = |of: fn(&Detection) -> f32| -> Buffer {
                Buffer::F64(
                    lists
                        .iter()
                        .copied()
                        .flatten()
                        .map(|each| f64::from(of(each)))
                        .collect(),
                )
            };
            let numbers = vec![
                number(|each| each.score),
                number(|each| each.x),
                number(|each| each.y),
                number(|each| each.width),
                number(|each| each.height),
            ];
            list_column(&lists, |each| settings.label(each.class), numbers)
        }
        Task::Classify { most, .. } => {
            let n_rows = answers.len();
            let label = |answer: &Answer| match answer.classes() {
                [best, ..] => settings.label(best.index),
                [] => String::new(),
            };
            let score = |answer: &Answer| answer.classes().first().map_or(0.0, |best| best.score);
            let scores = answers.iter().map(|answer| f64::from(score(answer)));
            let mut columns = vec![
                Array::of(n_rows, texts(answers.iter().map(label))),
                Array::of(n_rows, Buffer::F64(scores.collect())),
            ];
            if most > 1 {
                let lists: Vec<&[Class]> = answers.iter().map(Answer::classes).collect();
                let all = lists.iter().copied().flatten();
                let scores = Buffer::F64(all.map(|each| f64::from(each.score)).collect());
                columns.extend(list_column(
                    &lists,
                    |each| settings.label(each.index),
                    vec![scores],
                ));
            }
            columns
        }
    }
}

/// The arrays of [`list_field`] in pre-order.
fn list_column<T>(
    lists: &[&[T]],
    label: impl Fn(&T) -> String,
    numbers: Vec<Buffer>,
) -> Vec<Array> {
    let mut offsets = vec![0_i32];
    for list in lists {
        let end = offsets.last().copied().unwrap_or(0) + list.len() as i32;
        offsets.push(end);
    }
    let n_elements = lists.iter().map(|list| list.len()).sum();
    let mut arrays = vec![
        Array::of(lists.len(), Buffer::Offsets(offsets)),
        Array::of(n_elements, Buffer::None),
        Array::of(
            n_elements,
            texts(lists.iter().copied().flatten().map(label)),
        ),
    ];
    arrays.extend(
        numbers
            .into_iter()
            .map(|values| Array::of(n_elements, values)),
    );
    arrays
}
