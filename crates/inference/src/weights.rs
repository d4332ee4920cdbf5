//! ONNX files without their weights: whoever asks what a model declares need not copy them.

use std::ops::Range;

/// Weights of fewer bytes stay in the model.
const LEAST_BYTES: usize = 1024;

/// Fields of the messages in `onnx.proto` on the way to weights
const GRAPH_OF_MODEL: u64 = 7;
const INITIALIZER_OF_GRAPH: u64 = 5;
const RAW_DATA: u64 = 9;

/// The wire type of what has a length
const WITH_LENGTH: u64 = 2;

/// The file without the bytes of its graph's large weights. `None` where it is malformed: its reader says how.
pub(crate) fn without_weights(file: &[u8]) -> Option<Vec<u8>> {
    let mut model = Vec::new();
    for field in fields(file, 0..file.len())? {
        if field.number != GRAPH_OF_MODEL || field.wire_type != WITH_LENGTH {
            model.extend_from_slice(&file[field.whole]);
            continue;
        }
        let mut graph = Vec::new();
        for field in fields(file, field.content)? {
            let is_initializer =
                field.number == INITIALIZER_OF_GRAPH && field.wire_type == WITH_LENGTH;
            match is_initializer {
                true => {
                    let tensor = tensor_without_weights(file, field.content.clone())?;
                    let tensor = tensor.as_deref().unwrap_or(&file[field.content]);
                    push_with_length(&mut graph, INITIALIZER_OF_GRAPH, tensor);
                }
                false => graph.extend_from_slice(&file[field.whole]),
            }
        }
        push_with_length(&mut model, GRAPH_OF_MODEL, &graph);
    }
    Some(model)
}

/// A `TensorProto` without its bytes, if these are many; `Some(None)` where they stay.
fn tensor_without_weights(file: &[u8], tensor: Range<usize>) -> Option<Option<Vec<u8>>> {
    let is_large = |field: &Field| {
        let is_raw = field.number == RAW_DATA && field.wire_type == WITH_LENGTH;
        is_raw && field.content.len() >= LEAST_BYTES
    };
    let all = fields(file, tensor)?;
    if !all.iter().any(is_large) {
        return Some(None);
    }
    let kept = all.into_iter().filter(|field| !is_large(field));
    Some(Some(
        kept.flat_map(|field| &file[field.whole]).copied().collect(),
    ))
}

/// A field of a message: where it stands with its tag, and where what is in it.
struct Field {
    number: u64,
    wire_type: u64,
    whole: Range<usize>,
    content: Range<usize>,
}

/// The fields of the message that lies in a range of the file.
fn fields(file: &[u8], message: Range<usize>) -> Option<Vec<Field>> {
    let bytes = file.get(..message.end)?;
    let mut found = Vec::new();
    let mut at = message.start;
    while at < message.end {
        let start = at;
        let tag = varint(bytes, &mut at)?;
        let mut content = at..at;
        content.end = match tag & 7 {
            0 => {
                varint(bytes, &mut at)?;
                at
            }
            1 => at.checked_add(8)?,
            WITH_LENGTH => {
                let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
                content.start = at;
                at.checked_add(length)?
            }
            5 => at.checked_add(4)?,
            _ => return None,
        };
        at = content.end;
        bytes.get(content.clone())?;
        found.push(Field {
            number: tag >> 3,
            wire_type: tag & 7,
            whole: start..at,
            content,
        });
    }
    Some(found)
}

/// The number at a place, which is then the one behind it.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn push_with_length(bytes: &mut Vec<u8>, number: u64, content: &[u8]) {
    push_varint(bytes, number << 3 | WITH_LENGTH);
    push_varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rten_onnx::onnx::ModelProto;

    const MODEL: &[u8] = include_bytes!("../../../tests/models/wide.onnx");

    #[test]
    fn all_but_large_weights_is_left() {
        let light = without_weights(MODEL).expect("an ONNX file");
        assert!(light.len() < MODEL.len() / 10, "{} bytes", light.len());
        let whole = ModelProto::parse_buf(MODEL).expect("a model");
        let light = ModelProto::parse_buf(&light).expect("a model");
        let (whole, light) = (whole.graph.expect("a graph"), light.graph.expect("a graph"));
        assert_eq!(whole.node.len(), light.node.len());
        for (whole, light) in whole.initializer.iter().zip(&light.initializer) {
            assert_eq!((&whole.name, &whole.dims), (&light.name, &light.dims));
        }
    }

    #[test]
    fn what_is_no_model_is_left_to_others() {
        assert_eq!(without_weights(b"not a model at all"), None);
        assert_eq!(without_weights(&MODEL[..MODEL.len() - 1]), None);
        assert_eq!(without_weights(b""), Some(Vec::new()));
    }
}
