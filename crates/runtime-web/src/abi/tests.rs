//! Lifting and lowering against a memory of our own: what is written comes back, and what lies is refused.

use super::lift::{Lifter, get_u32};
use super::{Guest, layout, lower};
use rulestage_pipeline::runtime::{RowErrorCode, StageFailure, StageFailureKind, Value};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer};
use std::cell::{Cell, RefCell};

/// A memory with an allocator that only goes up.
struct Image {
    bytes: RefCell<Vec<u8>>,
    next: Cell<u32>,
}

impl Image {
    fn new(size: usize) -> Self {
        Self {
            bytes: RefCell::new(vec![0; size]),
            next: Cell::new(64),
        }
    }
}

impl Guest for Image {
    fn memory_bytes(&self) -> u64 {
        self.bytes.borrow().len() as u64
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        into.copy_from_slice(&self.bytes.borrow()[at as usize..at as usize + into.len()]);
    }

    fn copy_in(&self, at: u32, bytes: &[u8]) {
        self.bytes.borrow_mut()[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn allocate(&self, align: u32, size: u32) -> Result<u32, StageFailure> {
        let at = self.next.get().next_multiple_of(align);
        self.next.set(at + size);
        Ok(at)
    }
}

/// Address and length as a record.
fn pair(at: u32, len: u32) -> Vec<u8> {
    [at.to_le_bytes(), len.to_le_bytes()].concat()
}

fn array(
    length: u32,
    validity: Option<Vec<u8>>,
    values: FlatBuffer<'static>,
) -> FlatArray<'static> {
    FlatArray {
        length,
        validity: validity.map(Into::into),
        values,
    }
}

#[test]
fn arrays_of_every_buffer_come_back() {
    let arrays = vec![
        array(2, None, FlatBuffer::None),
        array(
            9,
            Some(vec![0xff, 1]),
            FlatBuffer::Bits(vec![0b1010_1010, 1].into()),
        ),
        array(2, None, FlatBuffer::S8(vec![-1, i8::MIN].into())),
        array(1, None, FlatBuffer::S16(vec![i16::MIN].into())),
        array(1, None, FlatBuffer::S32(vec![i32::MIN].into())),
        array(
            2,
            Some(vec![1]),
            FlatBuffer::S64(vec![i64::MIN, i64::MAX].into()),
        ),
        array(1, None, FlatBuffer::U8(vec![255].into())),
        array(1, None, FlatBuffer::U16(vec![u16::MAX].into())),
        array(1, None, FlatBuffer::U32(vec![u32::MAX].into())),
        array(1, None, FlatBuffer::U64(vec![u64::MAX].into())),
        array(2, None, FlatBuffer::F32(vec![f32::INFINITY, -0.0].into())),
        array(
            3,
            None,
            FlatBuffer::F64(vec![f64::NEG_INFINITY, f64::MIN_POSITIVE, 0.1].into()),
        ),
        array(
            2,
            None,
            FlatBuffer::Bytes {
                offsets: vec![0, 0, 6].into(),
                bytes: "žluť".as_bytes().to_vec().into(),
            },
        ),
        array(1, None, FlatBuffer::Offsets(vec![0, 0].into())),
        array(0, None, FlatBuffer::F64(Vec::new().into())),
    ];
    let image = Image::new(4096);
    let (at, len) = lower::arrays(&image, &arrays).expect("there is room");
    let lifted = Lifter::new(&image)
        .arrays(&pair(at, len), 0)
        .expect("what was lowered is well-formed");
    assert_eq!(lifted, arrays);
}

#[test]
fn values_come_back() {
    let values = vec![
        Value::Absent,
        Value::Null,
        Value::Boolean(true),
        Value::Int(i64::MIN),
        Value::Uint(u64::MAX),
        Value::Double(-0.5),
        Value::Text("žluť".to_owned()),
        Value::Binary(vec![0, 255]),
        Value::Timestamp(-1, 999_999_999),
        Value::Duration(i64::MAX),
        Value::Texts(vec![String::new(), "b".to_owned()]),
        Value::Json("[1]".to_owned()),
        Value::Error(RowErrorCode::Conflict),
    ];
    let image = Image::new(4096);
    let (at, len) = lower::values(&image, &values).expect("there is room");
    let lifter = Lifter::new(&image);
    let lifted = lifter.records(&pair(at, len), 0, layout::VALUE, 8, |record| {
        lifter.value(record)
    });
    assert_eq!(lifted, Ok(values));
}

#[test]
fn lists_outside_the_memory_are_refused() {
    let image = Image::new(1024);
    let lifter = Lifter::new(&image);
    for (at, len) in [(1020, 5), (u32::MAX, 2), (0, u32::MAX), (2000, 1)] {
        let refused = lifter
            .list(&pair(at, len), 0, 1, 1)
            .map_err(|failure| failure.kind);
        assert_eq!(
            refused,
            Err(StageFailureKind::Contract),
            "{len} bytes at {at}"
        );
    }
    assert!(
        lifter.list(&pair(2, 1), 0, 4, 4).is_err(),
        "an address that is not aligned"
    );
    assert_eq!(
        lifter.list(&pair(u32::MAX, 0), 0, 4, 4),
        Ok(Vec::new()),
        "an empty list may be anywhere"
    );
}

#[test]
fn lists_that_overlap_do_not_multiply_without_end() {
    // 20,000 texts that are all the same 64 KiB would be 1.3 GB.
    let image = Image::new(1 << 20);
    let n = 20_000_u32;
    let record: Vec<u8> = (0..n).flat_map(|_| pair(0, 65_536)).collect();
    image.copy_in(1 << 18, &record);
    let lifted = Lifter::new(&image).texts(&pair(1 << 18, n), 0);
    assert_eq!(
        lifted.map_err(|failure| failure.kind),
        Err(StageFailureKind::Contract)
    );
}

#[test]
fn cases_and_text_are_checked() {
    let image = Image::new(256);
    let lifter = Lifter::new(&image);
    let mut value = vec![0; layout::VALUE as usize];
    value[0] = 13;
    assert!(lifter.value(&value).is_err());
    image.copy_in(0, &[0xff, 0xfe]);
    assert!(lifter.text(&pair(0, 2), 0).is_err());
}

#[test]
fn row_errors_are_ascending_and_inside_the_batch() {
    let image = Image::new(256);
    let lifter = Lifter::new(&image);
    let rows = |rows: &[u32]| {
        let records: Vec<u8> = rows
            .iter()
            .flat_map(|row| {
                let mut record = vec![0; layout::ROW_ERROR as usize];
                record[..4].copy_from_slice(&row.to_le_bytes());
                record
            })
            .collect();
        image.copy_in(0, &records);
        lifter
            .row_errors(&pair(0, rows.len() as u32), 0, 10)
            .map(|errors| errors.len())
    };
    assert_eq!(rows(&[0, 3, 9]), Ok(3));
    assert!(rows(&[3, 3]).is_err());
    assert!(rows(&[4, 3]).is_err());
    assert!(rows(&[10]).is_err());
}

#[test]
fn fired_rules_are_those_of_the_batch() {
    let image = Image::new(256);
    let lifter = Lifter::new(&image);
    let fired = |offsets: &[u32], rules: &[u32]| {
        image.copy_in(64, &words(offsets));
        image.copy_in(128, &words(rules));
        let record = [
            pair(64, offsets.len() as u32),
            pair(128, rules.len() as u32),
        ]
        .concat();
        lifter.fired_rules(&record, 0, 2)
    };
    let sound = fired(&[0, 2, 3], &[0, 4, 1]).expect("these are sound");
    assert_eq!((sound.of_row(0), sound.of_row(1)), (&[0, 4][..], &[1][..]));
    assert!(fired(&[0, 0, 0], &[]).is_ok());
    assert!(fired(&[0, 3], &[0, 4, 1]).is_err());
    assert!(fired(&[1, 2, 3], &[0, 4, 1]).is_err());
    assert!(fired(&[0, 2, 1], &[0]).is_err());
    assert!(fired(&[0, 2, 4], &[0, 4, 1]).is_err());
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_stage_error_is_the_failure_it_stands_for() {
    let image = Image::new(256);
    let mut record = vec![0; layout::RESULT as usize];
    record[0] = 1;
    record[4] = 1;
    record[8] = 7;
    image.copy_in(100, b"not a double");
    record[12..20].copy_from_slice(&pair(100, 12));
    image.copy_in(0, &record);
    let failure = Lifter::new(&image)
        .result(0, layout::RESULT)
        .expect_err("it is an error");
    assert_eq!(failure.kind, StageFailureKind::InvalidColumn);
    assert_eq!(failure.message, "column 7: not a double");
    assert_eq!(get_u32(&record, 8), 7);
}
