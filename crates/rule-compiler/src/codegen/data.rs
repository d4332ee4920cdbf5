//! Static data of the generated module: interned text and records in the canonical ABI's layout.

use super::layout::value;
use crate::ir::Const;
use std::collections::HashMap;

/// Bytes that will lie at a fixed address of linear memory.
#[derive(Debug)]
pub(super) struct StaticData {
    base: u32,
    bytes: Vec<u8>,
    interned: HashMap<Vec<u8>, u32>,
    interned_records: HashMap<Vec<u8>, u32>,
}

impl StaticData {
    pub(super) fn new(base: u32) -> Self {
        Self {
            base,
            bytes: Vec::new(),
            interned: HashMap::new(),
            interned_records: HashMap::new(),
        }
    }

    pub(super) fn end(&self) -> u32 {
        self.base + self.bytes.len() as u32
    }

    /// The bytes that are not zero, more or less, with their addresses: a stretch of zeros that is longer than the head of
    /// another segment is left out. There are some thousands of segments at most.
    pub(super) fn segments(&self) -> Vec<(u32, &[u8])> {
        const HEAD_BYTES: usize = 8;
        const MAX_SEGMENTS: usize = 4_096;
        let shortest = HEAD_BYTES.max(self.bytes.len() / MAX_SEGMENTS);
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some(start) = self.bytes[at..].iter().position(|byte| *byte != 0) {
            let start = at + start;
            let mut end = start;
            let mut rest = self.bytes[start..].iter();
            at = loop {
                match rest.position(|byte| *byte == 0) {
                    None => {
                        end = self.bytes.len();
                        break end;
                    }
                    Some(zero) => end += zero,
                }
                let behind = self.bytes[end..].iter().position(|byte| *byte != 0);
                let n_zeros = behind.unwrap_or(usize::MAX);
                if n_zeros > shortest {
                    break end;
                }
                end += n_zeros;
                rest = self.bytes[end..].iter();
            };
            segments.push((self.base + start as u32, &self.bytes[start..end]));
        }
        segments
    }

    /// Writes over bytes that are there.
    pub(super) fn patch(&mut self, address: u32, record: &Record) {
        let start = (address - self.base) as usize;
        self.bytes[start..start + record.0.len()].copy_from_slice(&record.0);
    }

    /// The address of `length` zero bytes.
    pub(super) fn reserve(&mut self, length: u32) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let address = self.end();
        self.bytes.resize(self.bytes.len() + length as usize, 0);
        address
    }

    /// The address of a record, aligned to 8.
    pub(super) fn record(&mut self, record: &Record) -> u32 {
        let address = self.reserve(0);
        self.bytes.extend_from_slice(&record.0);
        address
    }

    /// The address of a record, aligned to 8; equal ones share it.
    pub(super) fn intern_record(&mut self, record: &Record) -> u32 {
        if let Some(address) = self.interned_records.get(&record.0) {
            return *address;
        }
        let address = self.record(record);
        self.interned_records.insert(record.0.clone(), address);
        address
    }

    /// The address of these bytes, which nothing else shares.
    pub(super) fn append(&mut self, bytes: &[u8]) -> u32 {
        let address = self.end();
        self.bytes.extend_from_slice(bytes);
        address
    }

    /// The address of these bytes; equal ones share it.
    pub(super) fn intern(&mut self, bytes: &[u8]) -> u32 {
        if let Some(address) = self.interned.get(bytes) {
            return *address;
        }
        let address = self.end();
        self.bytes.extend_from_slice(bytes);
        self.interned.insert(bytes.to_vec(), address);
        address
    }
}

/// One record, or the elements of a list one after another, under construction.
#[derive(Debug, Default)]
pub(super) struct Record(Vec<u8>);

impl Record {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// How many bytes it has so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Zeros up to a length.
    pub(super) fn pad_to(&mut self, length: usize) -> &mut Self {
        self.0.resize(self.0.len().max(length), 0);
        self
    }

    /// A record that was laid out elsewhere.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Adds the first bytes of another record, wherever this one ends.
    pub(super) fn packed(&mut self, record: &Self, n_bytes: usize) -> &mut Self {
        self.0.extend_from_slice(&record.0[..n_bytes]);
        self
    }

    pub(super) fn align(&mut self, alignment: usize) -> &mut Self {
        self.0.resize(self.0.len().next_multiple_of(alignment), 0);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.align(4);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.align(8);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Pads to a multiple of `size`, so that the next element of a list follows.
    pub(super) fn element_end(&mut self, size: u32) -> &mut Self {
        self.align(size as usize)
    }

    pub(super) fn text(&mut self, data: &mut StaticData, text: &str) -> &mut Self {
        let address = data.intern(text.as_bytes());
        self.u32(address).u32(text.len() as u32)
    }

    /// A pointer to the elements in `elements`, and how many they are.
    pub(super) fn list(
        &mut self,
        data: &mut StaticData,
        elements: &Record,
        n_elements: usize,
    ) -> &mut Self {
        let address = data.record(elements);
        self.u32(address).u32(n_elements as u32)
    }

    /// A `value`, 24 bytes.
    pub(super) fn value(&mut self, data: &mut StaticData, constant: &Const) -> &mut Self {
        self.align(8);
        let start = self.0.len();
        match constant {
            Const::Null => self.u8(value::NULL),
            Const::Bool(value) => self.u8(value::BOOLEAN).align(8).u8(u8::from(*value)),
            Const::Int(value) => self.u8(value::INT).u64(*value as u64),
            Const::Uint(value) => self.u8(value::UINT).u64(*value),
            Const::Double(value) => self.u8(value::DOUBLE).u64(value.to_bits()),
            Const::String(text) => self.u8(value::TEXT).align(8).text(data, text),
            Const::Bytes(bytes) => {
                let address = data.intern(bytes);
                self.u8(value::BINARY)
                    .align(8)
                    .u32(address)
                    .u32(bytes.len() as u32)
            }
            Const::Timestamp(seconds, nanos) => {
                self.u8(value::TIMESTAMP).u64(*seconds as u64).u32(*nanos)
            }
            Const::Duration(nanos) => self.u8(value::DURATION).u64(*nanos as u64),
            Const::Decimal(number) => {
                let text = number.to_string();
                self.u8(value::TEXT).align(8).text(data, &text)
            }
            Const::List(_) | Const::Map(_) | Const::Type(_) | Const::Optional(_) => {
                self.u8(value::ABSENT)
            }
        };
        self.0.resize(start + value::SIZE as usize, 0);
        self
    }
}
