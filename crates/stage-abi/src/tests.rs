//! Lifting and lowering against a memory of our own: what is written comes back, and what lies is refused.

use super::*;
use rulestage_pipeline::runtime::{RowErrorCode, StageFailure, Value};
use rulestage_pipeline::wire::{FlatArray, FlatBuffer};

/// A memory with an allocator that only goes up. `is_seen`: as a host sees it that can look into it.
struct Image {
    bytes: Vec<u8>,
    next: u32,
    is_seen: bool,
}

impl Image {
    fn new(size: usize) -> Self {
        Self {
            bytes: vec![0; size],
            next: 64,
            is_seen: false,
        }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) {
        self.bytes[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }
}

impl Memory for Image {
    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_into(&self, at: u32, into: &mut [u8]) {
        into.copy_from_slice(&self.bytes[at as usize..at as usize + into.len()]);
    }

    fn seen(&self) -> Option<&[u8]> {
        self.is_seen.then_some(&self.bytes)
    }
}

impl Guest for Image {
    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        self.put(at, bytes);
    }

    fn allocate(&mut self, align: u32, size: u32) -> Result<u32, StageFailure> {
        let at = self.next.next_multiple_of(align);
        self.next = at + size;
        Ok(at)
    }
}

const MOST_BYTES: u64 = 1 << 30;

fn lifter(image: &Image) -> Lifter<'_, Image> {
    Lifter::new(image, MOST_BYTES)
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
    let mut image = Image::new(4096);
    let (at, len) = super::arrays(&mut image, &arrays).expect("there is room");
    for is_seen in [false, true] {
        image.is_seen = is_seen;
        let lifted = lifter(&image).arrays(&pair(at, len), 0);
        assert_eq!(lifted.expect("what was lowered is well-formed"), arrays);
    }
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
    let mut image = Image::new(4096);
    let (at, len) = super::values(&mut image, &values).expect("there is room");
    for is_seen in [false, true] {
        image.is_seen = is_seen;
        let lifter = lifter(&image);
        let lifted = lifter.records(&pair(at, len), 0, layout::VALUE, 8, |record| {
            lifter.value(record)
        });
        assert_eq!(lifted.as_ref(), Ok(&values));
    }
}

#[test]
fn lists_outside_the_memory_are_refused() {
    let image = Image::new(1024);
    let refused = |at, len| lifter(&image).numbers::<u32>(&pair(at, len), 0);
    for (at, len) in [
        (1020, 2),
        (u32::MAX, 2),
        (0, u32::MAX),
        (0, 1 << 30),
        (2000, 1),
        (1028, 0),
    ] {
        let outside = Malformed::from("list pointer/length out of bounds of memory");
        assert_eq!(refused(at, len), Err(outside), "{len} numbers at {at}");
    }
    let unaligned = Malformed::from("list pointer is not aligned");
    assert_eq!(refused(2, 1), Err(unaligned));
    assert_eq!(
        refused(1024, 0),
        Ok(Vec::new()),
        "an empty list at the very end"
    );
    let text = lifter(&image).text(&pair(1020, 5), 0);
    let outside = Malformed::from("string pointer/length out of bounds of memory");
    assert_eq!(text, Err(outside));
}

#[test]
fn results_outside_the_memory_are_refused() {
    let image = Image::new(1024);
    let returned = |at| lifter(&image).returned(at, 20, 4).map(Cow::into_owned);
    assert_eq!(returned(1004), Ok(vec![0; 20]));
    for at in [1008, 2000, u32::MAX - 3] {
        assert_eq!(returned(at), Err("pointer out of bounds of memory".into()));
    }
    assert_eq!(returned(2), Err("return pointer not aligned".into()));
}

/// A guest whose allocator gives the same address whatever it is asked for.
struct Liar(u32);

impl Guest for Liar {
    fn size_bytes(&self) -> u64 {
        1024
    }

    fn write(&mut self, _: u32, _: &[u8]) {
        panic!("nothing may be written there");
    }

    fn allocate(&mut self, _: u32, _: u32) -> Result<u32, StageFailure> {
        Ok(self.0)
    }
}

#[test]
fn allocations_outside_the_memory_are_refused() {
    let refused = |at| store(&mut Liar(at), &[0; 16], 8).expect_err("it is refused");
    for at in [1016, 2000, u32::MAX - 7] {
        let expected = "stage returned malformed data: realloc return: beyond end of memory";
        assert_eq!(refused(at).message, expected);
    }
    let expected = "stage returned malformed data: realloc return: result not aligned";
    assert_eq!(refused(4).message, expected);
}

#[test]
fn lists_that_overlap_do_not_multiply_without_end() {
    // 20,000 texts that are all the same 64 KiB would be 1.3 GB.
    let mut image = Image::new(1 << 20);
    let n = 20_000_u32;
    let record: Vec<u8> = (0..n).flat_map(|_| pair(0, 65_536)).collect();
    image.put(1 << 18, &record);
    let lifted = lifter(&image).texts(&pair(1 << 18, n), 0);
    assert!(lifted.is_err_and(|malformed| malformed.0.starts_with("too much data")));
}

#[test]
fn cases_and_text_are_checked() {
    let mut image = Image::new(256);
    let mut value = vec![0; layout::VALUE as usize];
    value[0] = 13;
    let refused = lifter(&image).value(&value);
    assert_eq!(refused, Err("unexpected discriminant: 13".into()));
    image.put(0, &[0xff, 0xfe]);
    for is_seen in [false, true] {
        image.is_seen = is_seen;
        let refused = lifter(&image).text(&pair(0, 2), 0);
        let reason = "invalid utf-8 sequence of 1 bytes from index 0";
        assert_eq!(refused, Err(reason.into()));
    }
}

#[test]
fn row_errors_are_ascending_and_inside_the_batch() {
    let mut image = Image::new(256);
    let mut rows = |rows: &[u32]| {
        let records: Vec<u8> = rows
            .iter()
            .flat_map(|row| {
                let mut record = vec![0; layout::ROW_ERROR as usize];
                record[..4].copy_from_slice(&row.to_le_bytes());
                record
            })
            .collect();
        image.put(0, &records);
        let errors = lifter(&image).row_errors(&pair(0, rows.len() as u32), 0);
        checked_row_errors(errors.expect("they are well-formed"), 10).map(|errors| errors.len())
    };
    assert_eq!(rows(&[0, 3, 9]), Ok(3));
    assert!(rows(&[3, 3]).is_err());
    assert!(rows(&[4, 3]).is_err());
    assert!(rows(&[10]).is_err());
}

#[test]
fn reasons_are_those_of_the_batch() {
    let mut image = Image::new(512);
    let mut reasons = |offsets: &[u32], rules: &[u32], stopped: &[u32], operands: &[u8]| {
        image.put(64, &words(offsets));
        image.put(128, &words(rules));
        image.put(192, &words(stopped));
        image.put(256, operands);
        let record = [
            pair(192, stopped.len() as u32),
            pair(256, operands.len() as u32),
            pair(64, offsets.len() as u32),
            pair(128, rules.len() as u32),
        ]
        .concat();
        let reasons = lifter(&image).reasons(&record, 0).expect("well-formed");
        reasons.checked(2)
    };
    let mut fired = |offsets: &[u32], rules: &[u32]| {
        let reasons = reasons(offsets, rules, &[], &[])?;
        Ok::<_, StageFailure>(reasons.fired)
    };
    assert!(fired(&[], &[]).is_ok());
    assert!(fired(&[], &[1]).is_err());
    assert!(fired(&[0], &[]).is_err());
    let sound = fired(&[0, 2, 3], &[0, 4, 1]).expect("these are sound");
    assert_eq!((sound.of_row(0), sound.of_row(1)), (&[0, 4][..], &[1][..]));
    assert!(fired(&[0, 0, 0], &[]).is_ok());
    assert!(fired(&[0, 3], &[0, 4, 1]).is_err());
    assert!(fired(&[1, 2, 3], &[0, 4, 1]).is_err());
    assert!(fired(&[0, 2, 1], &[0]).is_err());
    assert!(fired(&[0, 2, 4], &[0, 4, 1]).is_err());
    let both = reasons(&[0, 1, 3], &[2, 0, 3], &[1, 4], &[0, 255, 7, 0]).expect("sound");
    assert_eq!(
        (both.fired_in(0), both.fired_in(1)),
        (vec![1, 2], vec![0, 3, 4])
    );
    let mut stops = |rules: &[u32], operands: &[u8]| {
        let reasons = reasons(&[0, 0, 0], &[], rules, operands)?;
        Ok::<_, StageFailure>(reasons.stops)
    };
    let sound = stops(&[1, 4], &[0, 255, 7, 253]).expect("these are sound");
    assert_eq!(sound.of_rule(4).collect::<Vec<_>>(), [255, 253]);
    assert_eq!(sound.of_rule(2).count(), 0);
    assert!(stops(&[1, 4], &[0, 255, 7]).is_err());
    assert!(stops(&[1, 4], &[0, 255, 7, 253, 1]).is_err());
    assert!(stops(&[4, 1], &[0, 0, 0, 0]).is_err());
    assert!(stops(&[4, 4], &[0, 0, 0, 0]).is_err());
    assert!(stops(&[1], &[254, 0]).is_err());
    assert!(stops(&[], &[0]).is_err());
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_stage_error_is_the_failure_it_stands_for() {
    let mut image = Image::new(256);
    let mut record = vec![0; layout::RESULT as usize];
    record[0] = 1;
    record[4] = 1;
    record[8] = 7;
    image.put(100, b"not a double");
    record[12..20].copy_from_slice(&pair(100, 12));
    image.put(0, &record);
    let lifter = lifter(&image);
    let error = || {
        let answer = lifter.result(0, layout::RESULT).expect("it is well-formed");
        answer.expect_err("it is an error")
    };
    let failure = error().failure(|_| None);
    assert_eq!(failure.kind, StageFailureKind::InvalidColumn);
    assert_eq!(failure.message, "column 7: not a double");
    let failure = error().failure(|index| Some(format!("c{index}")));
    assert_eq!(failure.message, "column `c7`: not a double");
}
