//! ONNX files without their weights: whoever asks what a model declares need not copy them, and neither need an engine that
//! can take them from where they are.

use std::ops::Range;

/// Weights of fewer bytes stay in the model.
const LEAST_BYTES: usize = 1024;

/// Fields of the messages in `onnx.proto` on the way to weights
const GRAPH_OF_MODEL: u64 = 7;
const INITIALIZER_OF_GRAPH: u64 = 5;
const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;
/// `TensorProto.DataLocation.EXTERNAL`
const EXTERNAL: u64 = 1;

/// The wire type of what has a length
const WITH_LENGTH: u64 = 2;

/// The file without the large weights of its graph. Instead of each of them it says that they are external data at
/// `location`, at the place that they have in `file`. `None` where the file is malformed: its reader says how.
pub fn without_weights(file: &[u8], location: &str) -> Option<Vec<u8>> {
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
                    let tensor = tensor_without_weights(file, field.content.clone(), location)?;
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

/// A `TensorProto` whose bytes are elsewhere; `Some(None)` where they stay.
fn tensor_without_weights(
    file: &[u8],
    tensor: Range<usize>,
    location: &str,
) -> Option<Option<Vec<u8>>> {
    let all = fields(file, tensor)?;
    let is_external = |field: &Field| matches!(field.number, EXTERNAL_DATA | DATA_LOCATION);
    let mut raw = all.iter().filter(|field| field.number == RAW_DATA);
    let (Some(raw), None) = (raw.next(), raw.next()) else {
        return Some(None);
    };
    let is_large = raw.wire_type == WITH_LENGTH && raw.content.len() >= LEAST_BYTES;
    if !is_large || all.iter().any(is_external) {
        return Some(None);
    }
    let mut lighter = Vec::new();
    for field in all.iter().filter(|field| field.number != RAW_DATA) {
        lighter.extend_from_slice(&file[field.whole.clone()]);
    }
    let (offset, length) = (raw.content.start.to_string(), raw.content.len().to_string());
    for (key, value) in [
        ("location", location),
        ("offset", offset.as_str()),
        ("length", length.as_str()),
    ] {
        let mut entry = Vec::new();
        push_with_length(&mut entry, 1, key.as_bytes());
        push_with_length(&mut entry, 2, value.as_bytes());
        push_with_length(&mut lighter, EXTERNAL_DATA, &entry);
    }
    push_varint(&mut lighter, DATA_LOCATION << 3);
    push_varint(&mut lighter, EXTERNAL);
    Some(Some(lighter))
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
    fn what_is_left_says_where_the_weights_are() {
        let light = without_weights(MODEL, "there").expect("an ONNX file");
        assert!(light.len() < MODEL.len() / 10, "{} bytes", light.len());
        let whole = ModelProto::parse_buf(MODEL).expect("a model");
        let light = ModelProto::parse_buf(&light).expect("a model");
        let (whole, light) = (whole.graph.expect("a graph"), light.graph.expect("a graph"));
        assert_eq!(whole.node.len(), light.node.len());
        let mut n_moved = 0;
        for (whole, light) in whole.initializer.iter().zip(&light.initializer) {
            assert_eq!((&whole.name, &whole.dims), (&light.name, &light.dims));
            let weights = whole.raw_data.as_ref().expect("raw data").borrow();
            let Some(kept) = &light.raw_data else {
                n_moved += 1;
                let entry = |key: &str| {
                    let mut entries = light.external_data.iter();
                    let entry = entries.find(|entry| entry.key.as_deref() == Some(key));
                    entry.and_then(|entry| entry.value.clone()).expect("said")
                };
                assert_eq!(entry("location"), "there");
                let offset: usize = entry("offset").parse().expect("a number");
                let length: usize = entry("length").parse().expect("a number");
                assert_eq!(MODEL[offset..offset + length], weights[..]);
                continue;
            };
            assert_eq!(*kept.borrow(), *weights);
        }
        assert!(n_moved > 0);
    }

    #[test]
    fn what_is_cut_short_or_no_model_is_left_to_others() {
        for length in 1..MODEL.len().min(3000) {
            // In the middle of a field or between two; never beyond the end
            if let Some(light) = without_weights(&MODEL[..length], "there") {
                assert!(light.len() <= length);
            }
        }
        assert_eq!(without_weights(b"not a model at all", "there"), None);
        assert_eq!(without_weights(b"", "there"), Some(Vec::new()));
    }
}
