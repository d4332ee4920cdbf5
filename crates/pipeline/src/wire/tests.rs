mod hostile;

use super::*;
use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

fn node(kind: TypeNode, nullable: bool) -> FieldNode {
    FieldNode {
        kind,
        nullable,
        read: true,
    }
}

/// Numbers without an order, the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The nodes of a random type.
fn random_nodes(dice: &mut Dice, level: usize, nodes: &mut Vec<FieldNode>) {
    let nullable = dice.roll(2) == 0;
    let unit = [
        TimeUnit::Seconds,
        TimeUnit::Milliseconds,
        TimeUnit::Microseconds,
        TimeUnit::Nanoseconds,
    ][dice.roll(4) as usize];
    let kind = match dice.roll(if level < 3 { 22 } else { 19 }) {
        0 => TypeNode::Null,
        1 => TypeNode::Boolean,
        2 => TypeNode::S8,
        3 => TypeNode::S16,
        4 => TypeNode::S32,
        5 => TypeNode::S64,
        6 => TypeNode::U8,
        7 => TypeNode::U16,
        8 => TypeNode::U32,
        9 => TypeNode::U64,
        10 => TypeNode::F32,
        11 => TypeNode::F64,
        12 | 13 => TypeNode::Text,
        14 => TypeNode::Binary,
        15 => TypeNode::Timestamp(unit),
        16 => TypeNode::Duration(unit),
        17 => TypeNode::Tensor(vec![2, 3]),
        18 => TypeNode::Dynamic,
        19 => TypeNode::List,
        20 => TypeNode::Map,
        _ => TypeNode::Struct((0..dice.roll(3)).map(|index| format!("m{index}")).collect()),
    };
    // Whatever is always null may be null.
    let nullable = nullable || kind == TypeNode::Null;
    nodes.push(node(kind.clone(), nullable));
    match kind {
        TypeNode::List => random_nodes(dice, level + 1, nodes),
        TypeNode::Map => {
            nodes.push(node(TypeNode::Text, false));
            random_nodes(dice, level + 1, nodes);
        }
        TypeNode::Struct(names) => names
            .iter()
            .for_each(|_| random_nodes(dice, level + 1, nodes)),
        _ => {}
    }
}

fn random_bits(dice: &mut Dice, len: usize) -> Vec<u8> {
    (0..len.div_ceil(8)).map(|_| dice.roll(256) as u8).collect()
}

fn random_offsets(dice: &mut Dice, len: usize) -> Vec<i32> {
    let mut offsets = vec![dice.roll(2) as i32];
    (0..len).for_each(|row| offsets.push(offsets[row] + dice.roll(4) as i32));
    offsets
}

/// Random flat arrays of a type, in pre-order.
fn random_flat(
    dice: &mut Dice,
    nodes: &mut std::slice::Iter<'_, FieldNode>,
    len: usize,
    flat: &mut Vec<FlatArray<'static>>,
) {
    let Some(node) = nodes.next() else { return };
    let is_nullable = node.nullable && node.kind != TypeNode::Null;
    let validity = is_nullable.then(|| Cow::Owned(random_bits(dice, len)));
    let mut inner = 0;
    let values = match &node.kind {
        TypeNode::Null | TypeNode::Struct(_) => FlatBuffer::None,
        TypeNode::Boolean => FlatBuffer::Bits(Cow::Owned(random_bits(dice, len))),
        TypeNode::Text | TypeNode::Binary | TypeNode::Dynamic => {
            let offsets = random_offsets(dice, len);
            let n_bytes = offsets[len] as usize;
            let bytes = (0..n_bytes).map(|_| b'a' + dice.roll(26) as u8).collect();
            FlatBuffer::Bytes {
                offsets: offsets.into(),
                bytes: Cow::Owned(bytes),
            }
        }
        TypeNode::List | TypeNode::Map => {
            let offsets = random_offsets(dice, len);
            inner = offsets[len] as usize;
            FlatBuffer::Offsets(offsets.into())
        }
        TypeNode::Tensor(shape) => {
            let n = len * shape.iter().product::<u32>() as usize;
            FlatBuffer::F32((0..n).map(|_| dice.roll(1000) as f32 / 8.0).collect())
        }
        TypeNode::S8 => FlatBuffer::S8((0..len).map(|_| dice.roll(256) as i8).collect()),
        TypeNode::S16 => FlatBuffer::S16((0..len).map(|_| dice.roll(1 << 16) as i16).collect()),
        TypeNode::S32 => FlatBuffer::S32((0..len).map(|_| dice.roll(1 << 32) as i32).collect()),
        TypeNode::U8 => FlatBuffer::U8((0..len).map(|_| dice.roll(256) as u8).collect()),
        TypeNode::U16 => FlatBuffer::U16((0..len).map(|_| dice.roll(1 << 16) as u16).collect()),
        TypeNode::U32 => FlatBuffer::U32((0..len).map(|_| dice.roll(1 << 32) as u32).collect()),
        TypeNode::U64 => FlatBuffer::U64((0..len).map(|_| dice.roll(u64::MAX)).collect()),
        TypeNode::F32 => {
            FlatBuffer::F32((0..len).map(|_| dice.roll(1 << 20) as f32 / 16.0).collect())
        }
        TypeNode::F64 => {
            FlatBuffer::F64((0..len).map(|_| dice.roll(1 << 40) as f64 / 16.0).collect())
        }
        TypeNode::S64 | TypeNode::Timestamp(_) | TypeNode::Duration(_) => {
            FlatBuffer::S64((0..len).map(|_| dice.roll(u64::MAX) as i64).collect())
        }
    };
    flat.push(FlatArray {
        length: len as u32,
        validity,
        values,
    });
    match &node.kind {
        TypeNode::List => random_flat(dice, nodes, inner, flat),
        TypeNode::Map => {
            random_flat(dice, nodes, inner, flat);
            random_flat(dice, nodes, inner, flat);
        }
        TypeNode::Struct(names) => names
            .iter()
            .for_each(|_| random_flat(dice, nodes, len, flat)),
        _ => {}
    }
}

fn round_trip(field: &Field, array: &ArrayRef) -> ArrayRef {
    let flat = flatten(array).expect("a type of the contract");
    rebuild(field, &mut flat.into_iter(), array.len()).expect("what flatten gave")
}

fn flat(length: u32, values: FlatBuffer<'static>) -> FlatArray<'static> {
    FlatArray {
        length,
        validity: None,
        values,
    }
}

fn text(offsets: &[i32], bytes: &[u8]) -> FlatBuffer<'static> {
    FlatBuffer::Bytes {
        offsets: offsets.to_vec().into(),
        bytes: bytes.to_vec().into(),
    }
}

#[test]
fn every_type_survives_the_round_trip_whole_and_sliced() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for round in 0..400 {
        let mut nodes = Vec::new();
        random_nodes(&mut dice, 0, &mut nodes);
        let field = nodes_to_field("column", &nodes, "").expect("a type of the contract");
        assert_eq!(
            field_to_nodes(&field).expect("the same type"),
            nodes,
            "round {round}"
        );
        let len = [0, 1, 7, 8, 9, 40][dice.roll(6) as usize];
        let mut flat = Vec::new();
        random_flat(&mut dice, &mut nodes.iter(), len, &mut flat);
        let array = rebuild(&field, &mut flat.into_iter(), len).expect("valid arrays");
        array
            .to_data()
            .validate_full()
            .expect("an array that Arrow accepts");
        assert_eq!(
            &round_trip(&field, &array),
            &array,
            "round {round}: {nodes:?}"
        );
        let start = dice.roll(len as u64 + 1) as usize;
        let slice = array.slice(start, dice.roll((len - start) as u64 + 1) as usize);
        assert_eq!(
            &round_trip(&field, &slice),
            &slice,
            "round {round}, sliced: {nodes:?}"
        );
    }
}

#[test]
fn flattening_borrows_and_rebuilding_moves() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    let slice = array.slice(1, 2);
    let flat = flatten(&slice).expect("ints");
    let FlatBuffer::S64(Cow::Borrowed(values)) = &flat[0].values else {
        panic!("a copy: {flat:?}")
    };
    assert_eq!(*values, [2, 3]);

    let values = vec![0.5f64; 1000];
    let address = values.as_ptr();
    let flat = FlatArray {
        length: 1000,
        validity: None,
        values: FlatBuffer::F64(Cow::Owned(values)),
    };
    let field = Field::new("x", arrow_schema::DataType::Float64, false);
    let array = rebuild(&field, &mut std::iter::once(flat), 1000).expect("doubles");
    let array = array
        .as_any()
        .downcast_ref::<Float64Array>()
        .expect("doubles");
    assert_eq!(array.values().as_ptr(), address);
}

#[test]
fn bits_that_do_not_start_at_a_byte_are_shifted() {
    let values: Vec<Option<bool>> = (0..40)
        .map(|row| (row % 3 != 0).then_some(row % 2 == 0))
        .collect();
    let array: ArrayRef = Arc::new(BooleanArray::from(values));
    for start in 0..20 {
        let slice = array.slice(start, 17);
        let flat = flatten(&slice).expect("bools");
        let (FlatBuffer::Bits(bits), Some(validity)) = (&flat[0].values, &flat[0].validity) else {
            panic!("{flat:?}")
        };
        assert_eq!((bits.len(), validity.len()), (3, 3));
        let field = Field::new("b", arrow_schema::DataType::Boolean, true);
        assert_eq!(&round_trip(&field, &slice), &slice);
    }
}

#[test]
fn text_of_a_slice_carries_only_its_own_bytes() {
    let array: ArrayRef = Arc::new(StringArray::from(vec![
        "long text before",
        "é",
        "",
        "after",
    ]));
    let slice = array.slice(1, 2);
    let flat = flatten(&slice).expect("text");
    assert_eq!(
        flat[0].values,
        FlatBuffer::Bytes {
            offsets: vec![0, 2, 2].into(),
            bytes: Cow::Borrowed("é".as_bytes())
        }
    );
}

#[test]
fn lists_and_maps_carry_only_the_elements_of_their_rows() {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    lists.append_value([Some(3)]);
    let array: ArrayRef = Arc::new(lists.finish());
    let slice = array.slice(2, 1);
    let flat = flatten(&slice).expect("lists");
    assert_eq!(flat[0].values, FlatBuffer::Offsets(vec![0, 1].into()));
    assert_eq!(
        flat[1],
        FlatArray {
            length: 1,
            validity: None,
            values: FlatBuffer::S32(vec![3].into())
        }
    );

    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("a");
    maps.values().append_value(1);
    maps.append(true).expect("a pair");
    maps.append(false).expect("a null");
    let array: ArrayRef = Arc::new(maps.finish());
    let flat = flatten(&array).expect("maps");
    assert_eq!(flat.len(), 3);
    assert_eq!(flat[2].length, 1);
}

#[test]
fn what_is_not_read_has_its_length_alone() {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    lists.append_value([Some(3), Some(4), Some(5)]);
    let list: ArrayRef = Arc::new(lists.finish());
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("a"), Some("b")]));
    let pairs = vec![
        (
            Arc::new(Field::new("list", list.data_type().clone(), true)),
            list,
        ),
        (Arc::new(Field::new("text", DataType::Utf8, true)), texts),
    ];
    let structs: ArrayRef = Arc::new(StructArray::from(pairs));
    let batch =
        RecordBatch::try_from_iter([("x", structs.slice(1, 2)), ("y", structs.slice(0, 2))]);
    let batch = batch.expect("columns of equal lengths");
    let blank = |length| FlatArray {
        length,
        validity: None,
        values: FlatBuffer::None,
    };
    // Nothing below an array that is not read is read, whatever is said of it.
    let reads = [true, false, true, true, false, true, true, true];
    let flat = flatten_all(&batch, &reads).expect("columns of the contract");
    let all = flatten_all(&batch, &[]).expect("columns of the contract");
    assert_eq!(flat.len(), 8);
    for (index, array) in all.iter().enumerate() {
        let is_read = matches!(index, 0 | 3);
        let expected = if is_read {
            array.clone()
        } else {
            blank(array.length)
        };
        assert_eq!(flat[index], expected, "array {index}");
    }
    assert_eq!(flat[2].length, 3, "the elements of both rows");
    assert!(all[6].validity.is_some() && all[5].validity.is_some());
}

#[test]
fn validity_appears_only_where_something_is_null() {
    let nulls = NullBuffer::new(BooleanBuffer::new_set(3));
    let array: ArrayRef = Arc::new(PrimitiveArray::<Int64Type>::new(
        vec![1, 2, 3].into(),
        Some(nulls),
    ));
    assert_eq!(flatten(&array).expect("ints")[0].validity, None);
    let array: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1), Some(2)]));
    assert!(flatten(&array).expect("ints")[0].validity.is_some());
    let slice = array.slice(1, 2);
    assert_eq!(flatten(&slice).expect("ints")[0].validity, None);
}

#[test]
fn zero_rows_need_no_offsets() {
    for kind in [TypeNode::Text, TypeNode::Binary, TypeNode::Dynamic] {
        let field = nodes_to_field("c", &[node(kind, true)], "what it is").expect("a type");
        assert_eq!(
            field.metadata().get(DOC).map(String::as_str),
            Some("what it is")
        );
        let array =
            rebuild(&field, &mut std::iter::once(flat(0, text(&[], b""))), 0).expect("no rows");
        assert_eq!(array.len(), 0);
    }
}

#[test]
fn types_have_the_names_that_people_write() {
    let name = |nodes: &[FieldNode]| type_name(&nodes_to_field("c", nodes, "").expect("a type"));
    assert_eq!(name(&[node(TypeNode::F64, true)]), "double?");
    assert_eq!(
        name(&[node(TypeNode::List, false), node(TypeNode::Text, false)]),
        "list<string>"
    );
    assert_eq!(name(&[node(TypeNode::Dynamic, true)]), "json?");
    assert_eq!(
        name(&[node(TypeNode::Tensor(vec![3, 2]), false)]),
        "tensor<[3, 2]>"
    );
    let map = [
        node(TypeNode::Map, true),
        node(TypeNode::Text, false),
        node(TypeNode::S64, true),
    ];
    assert_eq!(name(&map), "map<string, int?>?");
}
