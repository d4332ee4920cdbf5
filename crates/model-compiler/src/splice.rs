//! Puts data behind the memory of a component's core module, and leaves out what the data has no use for.
//!
//! The template is our own, made by the build, so that its form is known.

use std::collections::BTreeSet;

include!(concat!(env!("OUT_DIR"), "/parts.rs"));

/// What `model-stage` has where the place belongs; address and length follow it.
const MARKER: &[u8] = b"rulestage compiled model placed\0";
const PAGE_BYTES: usize = 65_536;

const CUSTOM_SECTION: u8 = 0;
const CORE_MODULE_SECTION: u8 = 1;
const MEMORY_SECTION: u8 = 5;
const CODE_SECTION: u8 = 10;
const DATA_SECTION: u8 = 11;
const DATA_COUNT_SECTION: u8 = 12;

/// A function without locals that traps, behind its length.
const TRAP: [u8; 4] = [3, 0x00, 0x00, 0x0b];

/// The component with `data` in its memory, its place behind the marker, and the code of these operators alone.
pub(crate) fn place(template: &[u8], data: &[u8], operators: &BTreeSet<usize>) -> Vec<u8> {
    let used = operators.iter().fold(0, |used, number| used | 1 << number);
    let unused = |needed: &[(u16, u16)]| -> BTreeSet<usize> {
        let needed = needed.iter();
        needed
            .filter(|(_, set)| SETS[usize::from(*set)] & used == 0)
            .map(|(index, _)| usize::from(*index))
            .collect()
    };
    let left_out = LeftOut {
        functions: unused(FUNCTIONS),
        segments: unused(SEGMENTS),
    };
    rewritten(template, |id, contents| match id {
        CORE_MODULE_SECTION if find(contents, MARKER).is_some() => {
            Some(with_data(contents, data, &left_out))
        }
        CUSTOM_SECTION => None,
        _ => Some(contents.to_vec()),
    })
}

/// Functions and data segments of the template that a model does not reach.
struct LeftOut {
    functions: BTreeSet<usize>,
    segments: BTreeSet<usize>,
}

/// The core module with one more data segment, in memory that it did not have, and without what is left out.
fn with_data(module: &[u8], data: &[u8], left_out: &LeftOut) -> Vec<u8> {
    let mut address = 0;
    rewritten(module, |id, contents| {
        let mut contents = contents.to_vec();
        match id {
            CUSTOM_SECTION => return None,
            MEMORY_SECTION => {
                // One memory: the number 1, the flags, and the pages that it starts with.
                let (pages, end) = read_leb128(&contents, 2);
                address = pages * PAGE_BYTES;
                let mut memory = contents[..2].to_vec();
                push_leb128(&mut memory, pages + data.len().div_ceil(PAGE_BYTES));
                memory.extend(&contents[end..]);
                contents = memory;
            }
            DATA_COUNT_SECTION => {
                let (n_segments, _) = read_leb128(&contents, 0);
                contents.clear();
                push_leb128(&mut contents, n_segments - left_out.segments.len() + 1);
            }
            CODE_SECTION => {
                let (n_functions, mut at) = read_leb128(&contents, 0);
                let mut section = Vec::with_capacity(contents.len());
                push_leb128(&mut section, n_functions);
                for function in 0..n_functions {
                    let (length, start) = read_leb128(&contents, at);
                    let end = start + length;
                    section.extend(match left_out.functions.contains(&function) {
                        true => &TRAP,
                        false => &contents[at..end],
                    });
                    at = end;
                }
                contents = section;
            }
            DATA_SECTION => {
                if let Some(marker) = find(&contents, MARKER) {
                    let place = marker + MARKER.len();
                    contents[place..place + 4].copy_from_slice(&(address as u32).to_le_bytes());
                    contents[place + 4..place + 8]
                        .copy_from_slice(&(data.len() as u32).to_le_bytes());
                }
                let (n_segments, mut at) = read_leb128(&contents, 0);
                let mut section = Vec::with_capacity(contents.len() + data.len() + 32);
                push_leb128(&mut section, n_segments - left_out.segments.len() + 1);
                for segment in 0..n_segments {
                    // Of memory 0, at `i32.const address`, `end`, the bytes behind their length.
                    let (_, end) = read_leb128(&contents, at + 2);
                    let (length, start) = read_leb128(&contents, end + 1);
                    let end = start + length;
                    if !left_out.segments.contains(&segment) {
                        section.extend(&contents[at..end]);
                    }
                    at = end;
                }
                // An active segment of memory 0, at `i32.const address`.
                section.extend([0x00, 0x41]);
                push_signed_leb128(&mut section, address as i64);
                section.push(0x0b);
                push_leb128(&mut section, data.len());
                section.extend(data);
                contents = section;
            }
            _ => {}
        }
        Some(contents)
    })
}

/// The binary with each section's contents replaced, or dropped.
fn rewritten(binary: &[u8], mut section: impl FnMut(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut result = binary[..8].to_vec();
    let mut at = 8;
    while at < binary.len() {
        let id = binary[at];
        let (length, start) = read_leb128(binary, at + 1);
        at = start + length;
        if let Some(contents) = section(id, &binary[start..at]) {
            result.push(id);
            push_leb128(&mut result, contents.len());
            result.extend(contents);
        }
    }
    result
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The number at `at`, and where it ends; of signed ones only the end is right.
fn read_leb128(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, at);
        }
    }
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn push_signed_leb128(bytes: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
