//! A model over named columns.

use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::node::Refused;
use crate::proto::{self, ModelProto};
use crate::tensor::{Data, Tensor};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// What the user says about columns; empty lists leave it to the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The names of all input columns, in the order of the model's inputs
    pub features: Vec<String>,
    /// The names of all output columns, in the order of the model's outputs
    pub outputs: Vec<String>,
}

/// The element types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `float`
    F32,
    /// `double`
    F64,
    /// `int64`, `int32` and narrower
    I64,
    /// `bool`
    Bool,
    /// `string`
    Text,
}

impl Kind {
    /// The type of the columns, as rules and manifests name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 | Self::F64 => "double",
            Self::I64 => "int",
            Self::Bool => "bool",
            Self::Text => "string",
        }
    }
}

/// A column that a model consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Its name
    pub name: String,
    /// The type of its elements
    pub kind: Kind,
}

/// A column that a model produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name
    pub name: String,
    /// The type of its elements
    pub kind: Kind,
    /// Which output of the model, and which of its columns
    source: (usize, usize),
}

impl fmt::Display for InputColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.kind.name())
    }
}

impl fmt::Display for OutputColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a model takes as `float` is given as `double`, and what it gives stays as narrow as it is.
        let kind = match self.kind {
            Kind::F32 => "f32",
            kind => kind.name(),
        };
        write!(f, "{}: {kind}", self.name)
    }
}

/// A model that can be computed.
pub struct Model {
    graph: Graph,
    /// For each input of the graph the number of its columns; `None`: one dimension
    widths: Vec<Option<usize>>,
    inputs: Vec<InputColumn>,
    outputs: Vec<OutputColumn>,
    /// Rows that are computed together: as many as keep values small, or one
    block_rows: usize,
    /// Whether operators lay rows along other dimensions than the first, so that each row is computed alone
    is_row_by_row: bool,
}

/// Elements of the largest value of a block: 256 KiB of floats, so that what an operator makes is in the cache when the next
/// one takes it
const BLOCK_CELLS: usize = 1 << 16;
/// The tree kernel's rows are a multiple of this.
const LEAST_BLOCK_ROWS: usize = 64;
const MOST_BLOCK_ROWS: usize = 8192;
/// More columns than any table has.
const MAX_COLUMNS: u64 = 1 << 16;
/// Rows of the trial computation; several, so that what mixes rows shows.
const TRIAL_ROWS: usize = 3;

impl Model {
    /// Reads and checks an ONNX file.
    ///
    /// # Errors
    ///
    /// Names the node that is malformed or that this crate has no code for.
    pub fn load(file: &[u8], options: &Options) -> Result<Self> {
        let proto = proto::parse(file)?;
        let graph_inputs = graph_inputs(&proto);
        let (widths, inputs) = input_columns(&proto, &graph_inputs, &options.features)?;
        let names: Vec<&str> = graph_inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        let mut model = Self {
            graph: Graph::build(&proto, &names)?,
            widths,
            inputs,
            outputs: Vec::new(),
            block_rows: MOST_BLOCK_ROWS,
            is_row_by_row: false,
        };
        let (results, most_cells) = model.trial().or_else(|error| {
            model.is_row_by_row = true;
            model.trial_row_by_row().ok_or(error)
        })?;
        let block_rows = BLOCK_CELLS / (most_cells / TRIAL_ROWS).max(1);
        model.block_rows = (block_rows / LEAST_BLOCK_ROWS * LEAST_BLOCK_ROWS)
            .clamp(LEAST_BLOCK_ROWS, MOST_BLOCK_ROWS);
        if model.is_row_by_row {
            model.block_rows = 1;
        }
        model.outputs = output_columns(&proto, &results, &options.outputs)?;
        Ok(model)
    }

    /// The columns that [`Self::compute`] takes, in this order.
    pub fn inputs(&self) -> &[InputColumn] {
        &self.inputs
    }

    /// The columns that [`Self::compute`] gives, in this order.
    pub fn outputs(&self) -> &[OutputColumn] {
        &self.outputs
    }

    /// One column for each of [`Self::outputs`], from one of `rows` elements for each of [`Self::inputs`].
    ///
    /// # Errors
    ///
    /// If columns do not fit [`Self::inputs`], or a value is one that the model refuses.
    pub fn compute(&self, rows: usize, columns: Vec<Data>) -> Result<Vec<Data>> {
        let (results, refused) = self.compute_rows(rows, columns)?;
        match refused.into_values().next() {
            None => Ok(results),
            Some((node, reason)) => Err(Error::invalid(reason).at(&node)),
        }
    }

    /// As [`Self::compute`], but values that the model refuses are no error: their rows hold anything, and come with the
    /// node that refused them and why.
    ///
    /// # Errors
    ///
    /// If columns do not fit [`Self::inputs`].
    pub fn compute_rows(
        &self,
        rows: usize,
        mut columns: Vec<Data>,
    ) -> Result<(Vec<Data>, Refused)> {
        self.check(rows, &columns)?;
        if rows <= self.block_rows {
            return self.compute_block(rows, columns);
        }
        let mut all_refused = Refused::new();
        let mut joined: Vec<Data> = Vec::new();
        // From the last to the first, so that each value is moved once and none is cloned.
        let starts = (0..rows).step_by(self.block_rows);
        let mut blocks: Vec<(usize, Vec<Data>)> = starts
            .rev()
            .map(|start| {
                let block = columns.iter_mut().map(|column| column.split_off(start));
                (start, block.collect())
            })
            .collect();
        while let Some((start, block)) = blocks.pop() {
            let n_rows = self.block_rows.min(rows - start);
            let (results, refused) = self.compute_block(n_rows, block)?;
            let refused = refused.into_iter();
            all_refused.extend(refused.map(|(row, reason)| (start + row, reason)));
            match joined.is_empty() {
                true => joined = results,
                false => {
                    for (all, result) in joined.iter_mut().zip(results) {
                        all.append(result)?;
                    }
                }
            }
        }
        Ok((joined, all_refused))
    }

    fn compute_block(&self, rows: usize, columns: Vec<Data>) -> Result<(Vec<Data>, Refused)> {
        let refused = RefCell::default();
        let (results, _) = self
            .graph
            .run(rows, self.tensors(rows, columns), &refused)?;
        let columns = self
            .outputs
            .iter()
            .map(|output| {
                let (number, column) = output.source;
                let result = &results[number];
                let width = result.data.len() / rows.max(1);
                if result.data.len() != rows * width || (rows > 0 && column >= width) {
                    return Err(Error::invalid(format!(
                        "`{}` has not one value for each row",
                        output.name
                    )));
                }
                if width == 1 {
                    return Ok(result.data.clone());
                }
                let places: Vec<usize> = (0..rows).map(|row| row * width + column).collect();
                Ok(result.data.pick(&places))
            })
            .collect::<Result<_>>()?;
        Ok((columns, refused.into_inner()))
    }

    fn check(&self, rows: usize, columns: &[Data]) -> Result<()> {
        if columns.len() != self.inputs.len() {
            return Err(Error::invalid(format!(
                "{} columns for {}",
                columns.len(),
                self.inputs.len()
            )));
        }
        for (column, input) in columns.iter().zip(&self.inputs) {
            if column.len() != rows || kind_of(column) != input.kind {
                return Err(Error::invalid(format!(
                    "`{}` is no column of the type that the model takes",
                    input.name
                )));
            }
        }
        Ok(())
    }

    /// The graph's inputs from its columns.
    fn tensors(&self, rows: usize, columns: Vec<Data>) -> Vec<Tensor> {
        let mut columns = columns.into_iter();
        let tensors = self.widths.iter().map(|width| match width {
            None => (vec![rows], columns.next().unwrap_or(Data::F32(Vec::new()))),
            Some(width) => {
                let parts: Vec<Data> = columns.by_ref().take(*width).collect();
                (vec![rows, *width], interleaved(rows, parts))
            }
        });
        let tensor = match self.is_row_by_row {
            true => Tensor::constant,
            false => Tensor::rows,
        };
        tensors.map(|(dims, data)| tensor(dims, data)).collect()
    }

    /// What the model makes of rows of zeros and empty texts.
    fn trial(&self) -> Result<(Vec<Rc<Tensor>>, usize)> {
        let zeros = |input: &InputColumn| match input.kind {
            Kind::F32 => Data::F32(vec![0.0; TRIAL_ROWS]),
            Kind::F64 => Data::F64(vec![0.0; TRIAL_ROWS]),
            Kind::I64 => Data::I64(vec![0; TRIAL_ROWS]),
            Kind::Bool => Data::Bool(vec![false; TRIAL_ROWS]),
            Kind::Text => Data::Text(vec![Rc::from(""); TRIAL_ROWS]),
        };
        let columns = self.inputs.iter().map(zeros).collect();
        let tensors = self.tensors(TRIAL_ROWS, columns);
        self.graph.run(TRIAL_ROWS, tensors, &RefCell::default())
    }

    /// What the model makes of some rows if nothing says where they are, if that is what it makes of each alone. A model
    /// that mixes rows gives something else, or not one value for each of them.
    fn trial_row_by_row(&self) -> Option<(Vec<Rc<Tensor>>, usize)> {
        let run = |rows: std::ops::Range<usize>| {
            let columns = self.inputs.iter().enumerate().map(|(at, input)| {
                let numbers = rows.clone().map(|row| ((3 * row + 2 * at) % 5) as i64 - 2);
                match input.kind {
                    Kind::F32 => Data::F32(numbers.map(|number| number as f32).collect()),
                    Kind::F64 => Data::F64(numbers.map(|number| number as f64).collect()),
                    Kind::I64 => Data::I64(numbers.map(i64::abs).collect()),
                    Kind::Bool => Data::Bool(numbers.map(|number| number > 0).collect()),
                    Kind::Text => Data::Text(numbers.map(|n| Rc::from(n.to_string())).collect()),
                }
            });
            let tensors = self.tensors(rows.len(), columns.collect());
            self.graph
                .run(rows.len(), tensors, &RefCell::default())
                .ok()
        };
        let (together, most_cells) = run(0..TRIAL_ROWS)?;
        for row in 0..TRIAL_ROWS {
            let (alone, _) = run(row..row + 1)?;
            for (alone, together) in alone.iter().zip(&together) {
                let width = together.data.len() / TRIAL_ROWS;
                // ArrayFeatureExtractor gives labels as one row of all of them.
                let has_rows =
                    together.dims.first() == Some(&TRIAL_ROWS) || together.dims == [1, TRIAL_ROWS];
                let of_row = || together.data.slice(row * width..(row + 1) * width);
                if !has_rows || !is_about(&alone.data, &of_row()) {
                    return None;
                }
            }
        }
        let batched = |result: Rc<Tensor>| {
            let mut dims = result.dims.clone();
            dims[0] = TRIAL_ROWS;
            Rc::new(Tensor {
                dims,
                batched: true,
                ..(*result).clone()
            })
        };
        Some((together.into_iter().map(batched).collect(), most_cells))
    }
}

/// Whether these are the same but for rounding.
fn is_about(a: &Data, b: &Data) -> bool {
    let are_near = |a: f64, b: f64| {
        a == b || (a - b).abs() <= 1e-4 * b.abs().max(1.0) || (a.is_nan() && b.is_nan())
    };
    a.len() == b.len()
        && match (a, b) {
            (Data::F32(a), Data::F32(b)) => {
                a.iter().zip(b).all(|(&a, &b)| are_near(a.into(), b.into()))
            }
            (Data::F64(a), Data::F64(b)) => a.iter().zip(b).all(|(&a, &b)| are_near(a, b)),
            (a, b) => a == b,
        }
}

/// The inputs that are no initializers: older files list those among the inputs, too.
pub(crate) fn graph_inputs(proto: &ModelProto) -> Vec<&proto::ValueInfo> {
    let initializers: BTreeSet<&str> = proto
        .initializers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    proto
        .inputs
        .iter()
        .filter(|input| !initializers.contains(input.name.as_str()))
        .collect()
}

pub(crate) fn kind_of(data: &Data) -> Kind {
    match data {
        Data::F32(_) => Kind::F32,
        Data::F64(_) => Kind::F64,
        Data::I64(_) => Kind::I64,
        Data::Bool(_) => Kind::Bool,
        Data::Text(_) => Kind::Text,
    }
}

/// The widths of all inputs, and their columns.
fn input_columns(
    proto: &ModelProto,
    inputs: &[&proto::ValueInfo],
    names: &[String],
) -> Result<(Vec<Option<usize>>, Vec<InputColumn>)> {
    let mut widths = Vec::new();
    let mut columns = Vec::new();
    for input in inputs {
        let name = &input.name;
        let keys = keys_of(proto, input)?;
        let kind = match input.map.map_or(input.element, |(_, values)| values) {
            1 => Kind::F32,
            11 => Kind::F64,
            2..=7 => Kind::I64,
            9 => Kind::Bool,
            8 => Kind::Text,
            0 => {
                return Err(Error::unsupported(format!(
                    "the input `{name}` is no tensor"
                )));
            }
            other => {
                return Err(Error::unsupported(format!(
                    "the input `{name}` has elements of type {other}"
                )));
            }
        };
        let width = match input.dims.as_deref() {
            _ if input.map.is_some() => Some(keys.len()),
            Some([_]) => None,
            Some([_, Some(width)]) if *width <= MAX_COLUMNS => Some(*width as usize),
            // One input and the names of its columns say how many there are.
            Some([_, None]) | None if inputs.len() == 1 && !names.is_empty() => Some(names.len()),
            Some([_, None]) | None => {
                let message =
                    format!("the model does not say how many columns its input `{name}` has");
                return Err(Error::new(ErrorKind::Unspecified, message));
            }
            Some(dims) => {
                let message = format!(
                    "the input `{name}` has {} dimensions, or too many columns",
                    dims.len()
                );
                return Err(Error::unsupported(message));
            }
        };
        widths.push(width);
        columns.extend((0..width.unwrap_or(1)).map(|at| InputColumn {
            kind,
            name: match (width, inputs.len()) {
                _ if input.map.is_some() => keys[at].clone(),
                (None | Some(1), _) => name.clone(),
                (_, 1) => format!("f{at}"),
                _ => format!("{name}_{at}"),
            },
        }));
    }
    if !names.is_empty() {
        if names.len() != columns.len() {
            let message = format!(
                "{} names for the {} input columns of the model",
                names.len(),
                columns.len()
            );
            return Err(Error::new(ErrorKind::Unspecified, message));
        }
        columns
            .iter_mut()
            .zip(names)
            .for_each(|(column, name)| column.name.clone_from(name));
    }
    distinct(columns.iter().map(|column| column.name.as_str()))?;
    Ok((widths, columns))
}

/// The keys of a map that the model takes: those that a DictVectorizer makes columns of. Each is a column here, too, and
/// null where the map would not have it.
fn keys_of(proto: &ModelProto, input: &proto::ValueInfo) -> Result<Vec<String>> {
    if input.map.is_none() {
        return Ok(Vec::new());
    }
    let mut takers = proto
        .nodes
        .iter()
        .filter(|node| node.inputs.contains(&input.name));
    match (takers.next(), takers.next()) {
        (Some(node), None) if node.op_type == "DictVectorizer" => {
            let list = |name: &str| node.attributes.iter().find(|a| a.name == name);
            Ok(
                match (list("string_vocabulary"), list("int64_vocabulary")) {
                    (Some(texts), _) => texts
                        .texts
                        .to_vec()
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                    (None, Some(ints)) => ints.ints.iter().map(ToString::to_string).collect(),
                    (None, None) => Vec::new(),
                },
            )
        }
        _ => Err(Error::unsupported(format!(
            "the input `{}` is a map, which DictVectorizer alone takes",
            input.name
        ))),
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let message = format!("two columns have the name `{name}`");
            return Err(Error::new(ErrorKind::Unspecified, message));
        }
    }
    Ok(())
}

/// A matrix of rows from its columns, which have one type.
fn interleaved(rows: usize, mut parts: Vec<Data>) -> Data {
    fn rows_of<T: Clone>(rows: usize, parts: &[&[T]]) -> Vec<T> {
        let mut matrix = Vec::with_capacity(rows * parts.len());
        for row in 0..rows {
            matrix.extend(parts.iter().map(|part| part[row].clone()));
        }
        matrix
    }
    if parts.len() == 1 {
        return parts.remove(0);
    }
    macro_rules! matrix {
        ($kind:ident) => {{
            let parts: Vec<_> = parts
                .iter()
                .filter_map(|part| match part {
                    Data::$kind(values) => Some(values.as_slice()),
                    _ => None,
                })
                .collect();
            Data::$kind(rows_of(rows, &parts))
        }};
    }
    match parts.first() {
        Some(Data::F64(_)) => matrix!(F64),
        Some(Data::I64(_)) => matrix!(I64),
        Some(Data::Bool(_)) => matrix!(Bool),
        Some(Data::Text(_)) => matrix!(Text),
        Some(Data::F32(_)) | None => matrix!(F32),
    }
}

/// Columns for what the trial gave.
///
/// A classifier's label is `label` and the score of a class `p_CLASS`; the one output of any other model is
/// `prediction`, or `prediction_0` and so on; further outputs keep the model's names.
fn output_columns(
    proto: &ModelProto,
    results: &[Rc<Tensor>],
    names: &[String],
) -> Result<Vec<OutputColumn>> {
    let classes = results.iter().find_map(|result| result.classes.clone());
    // A label that came through other operators has lost its classifier.
    let is_label = |result: &Tensor| {
        matches!(result.data, Data::Text(_) | Data::I64(_)) && result.dims.len() <= 2
    };
    let n_labels = results.iter().filter(|result| is_label(result)).count();
    let n_others = results.len() - n_labels;
    let is_classifier = n_labels == 1 && (classes.is_some() || n_others == 1);
    let mut columns = Vec::new();
    for (number, (result, info)) in results.iter().zip(&proto.outputs).enumerate() {
        if !result.batched || result.dims.first() != Some(&TRIAL_ROWS) {
            return Err(Error::unsupported(format!(
                "the output `{}` is not one value for each row",
                info.name
            )));
        }
        let width = result.data.len() / TRIAL_ROWS;
        if width as u64 > MAX_COLUMNS {
            return Err(Error::unsupported(format!(
                "the output `{}` has {width} columns",
                info.name
            )));
        }
        let named = result
            .classes
            .as_ref()
            .or(classes.as_ref())
            .filter(|classes| classes.len() == width && width > 1);
        for column in 0..width {
            let name = match named {
                _ if is_classifier && is_label(result) && width == 1 => "label".to_owned(),
                _ if is_classifier && is_label(result) => format!("label_{column}"),
                Some(classes) if n_others == 1 => format!("p_{}", classes[column]),
                None if is_classifier && n_others == 1 && width > 1 => format!("p_{column}"),
                Some(classes) => format!("{}_{}", info.name, classes[column]),
                None if results.len() == 1 && width == 1 => "prediction".to_owned(),
                None if results.len() == 1 => format!("prediction_{column}"),
                None if width == 1 => info.name.clone(),
                None => format!("{}_{column}", info.name),
            };
            columns.push(OutputColumn {
                name,
                kind: kind_of(&result.data),
                source: (number, column),
            });
        }
    }
    if columns.is_empty() {
        return Err(Error::unsupported("the model has no output"));
    }
    if !names.is_empty() {
        if names.len() != columns.len() {
            let known: Vec<_> = columns
                .iter()
                .map(|column| format!("`{}`", column.name))
                .collect();
            let message = format!("{} names for the outputs {}", names.len(), known.join(", "));
            return Err(Error::new(ErrorKind::Unspecified, message));
        }
        columns
            .iter_mut()
            .zip(names)
            .for_each(|(column, name)| column.name.clone_from(name));
    }
    distinct(columns.iter().map(|column| column.name.as_str()))?;
    Ok(columns)
}
