//! Arrays and types that no honest stage gives.

use super::*;

/// What a hostile guest's arrays are refused with.
fn refusal(nodes: &[FieldNode], arrays: Vec<FlatArray<'static>>, n_rows: usize) -> String {
    let field = nodes_to_field("c", nodes, "").expect("a type of the contract");
    let failure =
        rebuild_all(&Schema::new(vec![field]), arrays, n_rows).expect_err("hostile arrays");
    assert_eq!(failure.kind, StageFailureKind::Contract);
    failure.message
}

#[test]
fn hostile_arrays_are_failures_and_never_panics() {
    let of = |kind: TypeNode| vec![node(kind, false)];
    let list = || vec![node(TypeNode::List, false), node(TypeNode::S8, false)];
    let map = || {
        vec![
            node(TypeNode::Map, false),
            node(TypeNode::Text, false),
            node(TypeNode::S8, false),
        ]
    };
    let s8 = |n: u32| flat(n, FlatBuffer::S8(vec![0; n as usize].into()));
    let offsets = |offsets: &[i32]| FlatBuffer::Offsets(offsets.to_vec().into());
    let bitmap = FlatArray {
        length: 1,
        validity: Some(vec![0].into()),
        values: FlatBuffer::S8(vec![1].into()),
    };
    let short_bitmap = FlatArray {
        length: 9,
        validity: Some(vec![0].into()),
        values: FlatBuffer::S8(vec![1; 9].into()),
    };
    let cases: Vec<(Vec<FieldNode>, Vec<FlatArray<'static>>, usize, &str)> = vec![
        (of(TypeNode::S8), vec![], 1, "is missing"),
        (of(TypeNode::S8), vec![s8(1), s8(1)], 1, "more arrays"),
        (
            of(TypeNode::S8),
            vec![s8(2)],
            1,
            "has 2 values, and the batch has 1 rows",
        ),
        (
            of(TypeNode::S8),
            vec![flat(1, FlatBuffer::S16(vec![0].into()))],
            1,
            "`s16` where its type is s8",
        ),
        (
            of(TypeNode::S8),
            vec![flat(1, FlatBuffer::S8(vec![].into()))],
            1,
            "0 values for 1",
        ),
        (
            of(TypeNode::S8),
            vec![bitmap],
            1,
            "has 1 nulls where its type s8 has none",
        ),
        (
            vec![node(TypeNode::S8, true)],
            vec![short_bitmap],
            9,
            "1 bytes of bits for 9 values",
        ),
        (
            of(TypeNode::Boolean),
            vec![flat(9, FlatBuffer::Bits(vec![0].into()))],
            9,
            "1 bytes of bits",
        ),
        (
            of(TypeNode::Boolean),
            vec![flat(u32::MAX, FlatBuffer::Bits(vec![0].into()))],
            9,
            "bytes of bits",
        ),
        (
            of(TypeNode::Text),
            vec![flat(1, text(&[0], b""))],
            1,
            "1 offsets for 1 values",
        ),
        (
            of(TypeNode::Text),
            vec![flat(1, text(&[0, 2], b"a"))],
            1,
            "from 0 to 2 into 1",
        ),
        (
            of(TypeNode::Text),
            vec![flat(1, text(&[-1, 1], b"a"))],
            1,
            "from -1 to 1",
        ),
        (
            of(TypeNode::Text),
            vec![flat(2, text(&[1, 0, 1], b"a"))],
            2,
            "descend",
        ),
        (
            of(TypeNode::Text),
            vec![flat(2, text(&[0, i32::MAX, 1], b"a"))],
            2,
            "descend",
        ),
        (
            of(TypeNode::Text),
            vec![flat(1, text(&[0, 1], b"\xff"))],
            1,
            "malformed",
        ),
        (
            of(TypeNode::Text),
            vec![flat(2, text(&[0, 1, 2], "é".as_bytes()))],
            2,
            "malformed",
        ),
        (
            of(TypeNode::Text),
            vec![flat(u32::MAX, text(&[], b""))],
            1,
            "offsets for",
        ),
        (
            list(),
            vec![flat(1, offsets(&[0, 5])), s8(4)],
            1,
            "from 0 to 5 into 4",
        ),
        (
            list(),
            vec![flat(1, offsets(&[0, -5])), s8(4)],
            1,
            "from 0 to -5",
        ),
        (list(), vec![flat(1, offsets(&[0, 1]))], 1, "is missing"),
        (
            map(),
            vec![
                flat(1, offsets(&[0, 1])),
                flat(1, text(&[0, 1], b"k")),
                s8(2),
            ],
            1,
            "more keys than values",
        ),
        (
            vec![
                node(TypeNode::Struct(vec!["a".into()]), false),
                node(TypeNode::S8, false),
            ],
            vec![flat(2, FlatBuffer::None), s8(1)],
            2,
            "has 1 values in `a` of a struct with 2",
        ),
        (
            of(TypeNode::Tensor(vec![2])),
            vec![flat(2, FlatBuffer::F32(vec![0.0; 3].into()))],
            2,
            "3 values for 4",
        ),
        (
            of(TypeNode::Tensor(vec![i32::MAX as u32])),
            vec![flat(u32::MAX, FlatBuffer::F32(vec![].into()))],
            2,
            "0 values for",
        ),
    ];
    for (nodes, arrays, n_rows, expected) in cases {
        let shown = format!("{nodes:?} {arrays:?}");
        let message = refusal(&nodes, arrays, n_rows);
        assert!(message.contains(expected), "{shown}: {message}");
    }
}

#[test]
fn hostile_types_are_failures_and_never_panics() {
    let list = node(TypeNode::List, false);
    let key = node(TypeNode::Text, true);
    let number = node(TypeNode::S8, false);
    let cases: Vec<(Vec<FieldNode>, &str)> = vec![
        (vec![], "ends early"),
        (vec![list.clone()], "ends early"),
        (vec![number.clone(), number.clone()], "1 nodes too many"),
        (vec![list; 100_000], "more than 64 levels"),
        (
            vec![node(TypeNode::Struct(vec!["x".into(); 1000]), false)],
            "ends early",
        ),
        (
            vec![node(TypeNode::Map, false), key, number],
            "keys of the map",
        ),
        (
            vec![node(TypeNode::Tensor(vec![u32::MAX, 2]), false)],
            "impossible shape",
        ),
        (
            vec![node(TypeNode::Tensor(vec![0]), false)],
            "impossible shape",
        ),
    ];
    for (nodes, expected) in cases {
        let failure = nodes_to_field("c", &nodes, "").expect_err("no type");
        assert!(failure.message.contains(expected), "{failure}");
    }
}
