//! One node of the graph with typed access to its attributes, and what operators become.

use crate::error::{Error, Result};
use crate::proto::{Attribute, GraphProto, ModelProto, NodeProto};
use crate::tensor::{Data, Tensor};
use crate::tokens::Tokenizer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an operator is given at run time.
pub(crate) struct Arguments<'a> {
    pub(crate) values: &'a [Option<Rc<Tensor>>],
    /// The rows of the batch
    pub(crate) rows: usize,
    pub(crate) refused: &'a RefCell<Refused>,
    /// What messages call the node
    pub(crate) node: &'a str,
}

/// Rows that have no result: the node that refused them, and why.
pub type Refused = BTreeMap<usize, (String, String)>;

/// A checked operator: values in, values out.
pub(crate) type Kernel = Box<dyn Fn(&Arguments<'_>) -> Result<Vec<Tensor>>>;

impl Arguments<'_> {
    pub(crate) fn get(&self, index: usize) -> Option<&Tensor> {
        self.values.get(index)?.as_deref()
    }

    /// Refuses the row of an element of `x`. A constant has none, and is an error.
    pub(crate) fn refuse(&self, x: &Tensor, element: usize, reason: String) -> Result<()> {
        // Where rows are computed one by one, nothing is marked as theirs.
        let row = match x.data.len() / self.rows.max(1) {
            cells if x.batched && cells > 0 => element / cells,
            _ if self.rows == 1 => 0,
            _ => return Err(Error::invalid(reason)),
        };
        let mut refused = self.refused.borrow_mut();
        refused
            .entry(row)
            .or_insert_with(|| (self.node.to_owned(), reason));
        Ok(())
    }

    pub(crate) fn need(&self, index: usize) -> Result<&Tensor> {
        self.get(index)
            .ok_or_else(|| Error::invalid(format!("input number {index} is missing")))
    }
}

/// What a value stands for besides what it holds, until the operator that takes it so.
#[derive(Clone)]
pub(crate) enum Form {
    /// Texts that stand for their tokens
    Tokens(Rc<Tokenizer>),
    /// A matrix whose rows stand for columns
    Transposed,
}

impl Form {
    /// For operators that would take what the value holds.
    pub(crate) fn refused(&self) -> Error {
        Error::unsupported(match self {
            Self::Tokens(_) => "takes tokens, which TfIdfVectorizer alone does",
            Self::Transposed => "takes distances before they are transposed",
        })
    }
}

/// A node and the version of the operator set that it is written for.
pub(crate) struct Node<'a> {
    pub(crate) proto: &'a NodeProto,
    pub(crate) opset: i64,
    /// That of the first input
    pub(crate) form: Option<Form>,
    pub(crate) model: &'a ModelProto,
}

impl<'a> Node<'a> {
    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.proto.attributes.iter().find(|a| a.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.int).unwrap_or(default)
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name)
            .and_then(|a| a.float)
            .unwrap_or(default)
    }

    pub(crate) fn text(&self, name: &str, default: &'a str) -> &'a str {
        self.attribute(name)
            .and_then(|a| a.text.as_deref())
            .unwrap_or(default)
    }

    pub(crate) fn floats(&self, name: &str) -> &'a [f32] {
        self.attribute(name).map_or(&[], |a| &a.floats)
    }

    pub(crate) fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[], |a| &a.ints)
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<&'a str> {
        self.attribute(name)
            .map_or_else(Vec::new, |a| a.texts.to_vec())
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        self.attribute(name)?.tensor.as_ref()
    }

    pub(crate) fn graph(&self, name: &str) -> Option<&'a GraphProto> {
        self.attribute(name)?.graph.as_ref()
    }

    /// The value of an initializer of the graph.
    pub(crate) fn initializer(&self, name: &str) -> Option<&'a Tensor> {
        let mut initializers = self.model.initializers.iter();
        initializers
            .find(|(other, _)| other == name)
            .map(|(_, tensor)| tensor)
    }

    /// The attribute `name`, or its double-precision form `name_as_tensor`.
    pub(crate) fn doubles(&self, name: &str) -> Result<Vec<f64>> {
        match self
            .tensor(&format!("{name}_as_tensor"))
            .or_else(|| self.tensor(name))
        {
            Some(tensor) => tensor.to_f64(),
            None => Ok(self
                .floats(name)
                .iter()
                .map(|&value| f64::from(value))
                .collect()),
        }
    }

    /// The labels of the classes, as `prefix_strings` or `prefix_int64s` / `prefix_ints`.
    pub(crate) fn labels(&self, texts: &str, ints: &str) -> Data {
        let strings = self.texts(texts);
        if strings.is_empty() {
            Data::I64(self.ints(ints).to_vec())
        } else {
            Data::Text(strings.into_iter().map(Rc::from).collect())
        }
    }
}

/// A size or index that must not be negative.
pub(crate) fn index(value: i64, what: &str) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::invalid(format!("{what} is {value}")))
}

/// A dimension by its number, which counts from the end where it is negative.
pub(crate) fn axis(value: i64, n_dims: usize) -> Result<usize> {
    let from_start = if value < 0 {
        value.saturating_add_unsigned(n_dims as u64)
    } else {
        value
    };
    usize::try_from(from_start)
        .ok()
        .filter(|&axis| axis < n_dims)
        .ok_or_else(|| Error::invalid(format!("there is no axis {value} in {n_dims} dimensions")))
}

/// A dimension other than that of the rows.
pub(crate) fn inner_axis(value: i64, tensor: &Tensor) -> Result<usize> {
    let axis = axis(value, tensor.dims.len())?;
    if axis == 0 && tensor.batched {
        return Err(mixes_rows());
    }
    Ok(axis)
}

pub(crate) fn mixes_rows() -> Error {
    Error::unsupported(
        "computes over several rows at once, so that results would depend on the batch",
    )
}
