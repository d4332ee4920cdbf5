//! What an ONNX file holds that engines would read otherwise than the checks do.
//!
//! Parsers of Protocol Buffers join two occurrences of one message, or take the last; recurse as deep as messages are in
//! each other; and know fields that others skip. A file must not show one graph to the checks and another to an engine,
//! so such files are refused before any parser sees them.

use crate::{InferenceError, InferenceErrorKind};

/// The messages of `onnx.proto` that lead to graphs, tensors and types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    /// Of a tensor, a sequence or an optional value
    TypeCase,
    Shape,
}

enum Field {
    /// It may occur once
    One(Message),
    Many(Message),
    Refused(&'static str),
    Plain,
}

/// Graphs in graphs are three messages each; nothing real comes near.
const MOST_NESTED: usize = 96;

impl Message {
    fn field(self, number: u64) -> Field {
        use Field::{Many, One, Plain, Refused};
        match (self, number) {
            (Self::Model, 7) => One(Self::Graph),
            (Self::Model, 25) => Refused("functions of its own"),
            (Self::Graph, 1) => Many(Self::Node),
            (Self::Graph, 5) => Many(Self::Tensor),
            (Self::Graph, 11..=13) => Many(Self::ValueInfo),
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Refused("sparse tensors"),
            (Self::Node, 5) => Many(Self::Attribute),
            (Self::Attribute, 5) => One(Self::Tensor),
            (Self::Attribute, 6) => One(Self::Graph),
            (Self::Attribute, 10 | 11) => Refused("lists of tensors or graphs"),
            (Self::Attribute, 14) | (Self::ValueInfo, 2) => One(Self::Type),
            (Self::Tensor, 13) => Refused("weights in separate files"),
            (Self::Type, 1 | 4 | 9) => One(Self::TypeCase),
            (Self::TypeCase, 1) => One(Self::Type),
            (Self::TypeCase, 2) => One(Self::Shape),
            _ => Plain,
        }
    }
}

/// One message that is being read.
struct Frame {
    message: Message,
    end: usize,
    /// A bit for each field that may occur once and did
    seen: u64,
}

/// Fails where engines could see another model than the checks, or none.
pub(crate) fn check(file: &[u8]) -> Result<(), InferenceError> {
    let mut at = 0;
    let mut frames = vec![Frame {
        message: Message::Model,
        end: file.len(),
        seen: 0,
    }];
    while let Some(frame) = frames.last_mut() {
        if at == frame.end {
            frames.pop();
            continue;
        }
        let tag = varint(file, &mut at, frame.end)?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        let size = match wire_type {
            0 => {
                varint(file, &mut at, frame.end)?;
                continue;
            }
            1 => 8,
            2 => varint(file, &mut at, frame.end)?,
            5 => 4,
            _ => return Err(cut_short()),
        };
        let size = usize::try_from(size).map_err(|_| cut_short())?;
        if size > frame.end - at {
            return Err(cut_short());
        }
        let field = match wire_type {
            2 => frame.message.field(number),
            _ => Field::Plain,
        };
        let inner = match field {
            Field::Plain => {
                at += size;
                continue;
            }
            Field::Refused(what) => {
                return Err(InferenceError::new(
                    InferenceErrorKind::UnsupportedModel,
                    format!("the model has {what}, which are not supported"),
                ));
            }
            Field::Many(inner) => inner,
            Field::One(inner) => {
                if frame.seen & 1 << number != 0 {
                    return Err(invalid("a part that can be there once is there twice"));
                }
                frame.seen |= 1 << number;
                inner
            }
        };
        if frames.len() == MOST_NESTED {
            return Err(invalid("its graphs or types are too deep in each other"));
        }
        frames.push(Frame {
            message: inner,
            end: at + size,
            seen: 0,
        });
    }
    Ok(())
}

fn invalid(why: &str) -> InferenceError {
    InferenceError::new(
        InferenceErrorKind::InvalidModel,
        format!("the model is not well-formed: {why}"),
    )
}

fn cut_short() -> InferenceError {
    InferenceError::new(
        InferenceErrorKind::InvalidModel,
        "not an ONNX model, or cut short",
    )
}

fn varint(file: &[u8], at: &mut usize, end: usize) -> Result<u64, InferenceError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        if *at == end {
            return Err(cut_short());
        }
        let byte = file[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(cut_short())
}
