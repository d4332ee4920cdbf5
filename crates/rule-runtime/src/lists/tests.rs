//! Cases of cel-go, ext/lists_test.go and ext/sets_test.go.

use super::*;

fn ints(numbers: &[i64]) -> Value {
    list(&numbers.iter().copied().map(Value::int).collect::<Vec<_>>())
}

fn list(elements: &[Value]) -> Value {
    Value::list(elements.to_vec().leak())
}

fn strings(texts: &[&'static str]) -> Value {
    let value = |text: &&'static str| Value::string(text.as_bytes());
    list(&texts.iter().map(value).collect::<Vec<_>>())
}

fn check(outcome: Outcome<Value>, expected: Value) {
    let found = outcome.expect("a list");
    let same_types = found.elements().iter().zip(expected.elements());
    assert!(same_types.into_iter().all(|(a, b)| a.tag == b.tag));
    assert_eq!(
        equal(&found, &expected),
        Some(true),
        "{:?}",
        found.elements()
    );
}

#[test]
fn lists_are_cut_and_flattened() {
    check(slice(&ints(&[1, 2, 3, 4]), 0, 4), ints(&[1, 2, 3, 4]));
    check(slice(&ints(&[1, 2, 3, 4]), 1, 3), ints(&[2, 3]));
    check(slice(&ints(&[1, 2, 3, 4]), 2, 2), ints(&[]));
    for (start, end) in [(-5, -3), (0, 5), (-1, 2), (5, 5)] {
        let refused = slice(&ints(&[1, 2, 3, 4]), start, end).err();
        assert_eq!(refused, Some(INDEX_OUT_OF_BOUNDS));
    }
    assert_eq!(slice(&ints(&[1, 2, 3]), 3, 0).err(), Some(INVALID_ARGUMENT));

    let one = |value| list(&[value]);
    let nested = list(&[Value::int(1), list(&[Value::int(2), one(Value::int(3))])]);
    check(flatten(&ints(&[]), 1), ints(&[]));
    check(flatten(&ints(&[1, 2]), 1), ints(&[1, 2]));
    check(
        flatten(&nested, 1),
        list(&[Value::int(1), Value::int(2), one(Value::int(3))]),
    );
    check(flatten(&nested, 2), ints(&[1, 2, 3]));
    check(flatten(&nested, 100), ints(&[1, 2, 3]));
    check(flatten(&nested, 0), nested);
    assert_eq!(flatten(&nested, -1).err(), Some(INVALID_ARGUMENT));
}

#[test]
fn lists_are_sorted_and_freed_of_duplicates() {
    let sorted = |list: Value| sort_by_keys(&list, &list);
    check(sorted(ints(&[])), ints(&[]));
    check(sorted(ints(&[4, 3, 2, 1])), ints(&[1, 2, 3, 4]));
    check(
        sorted(strings(&["d", "a", "b", "c"])),
        strings(&["a", "b", "c", "d"]),
    );
    for (unordered, status) in [
        (
            list(&[Value::int(1), Value::string(b"a")]),
            NO_SUCH_OVERLOAD,
        ),
        (
            list(&[Value::double(f64::NAN), Value::double(1.0)]),
            NOT_ORDERED,
        ),
        (list(&[ints(&[1]), ints(&[0])]), NOT_ORDERED),
    ] {
        assert_eq!(sorted(unordered).err(), Some(status));
    }
    let by_length = sort_by_keys(&strings(&["ccc", "a", "bb", "d"]), &ints(&[3, 1, 2, 1]));
    check(by_length, strings(&["a", "d", "bb", "ccc"]));

    check(
        distinct(&ints(&[-2, 5, -2, 1, 1, 5, -2, 1])),
        ints(&[-2, 5, 1]),
    );
    check(
        distinct(&strings(&["c", "a", "a", "b", "a"])),
        strings(&["c", "a", "b"]),
    );
    check(
        distinct(&list(&[Value::int(1), Value::double(1.0), Value::uint(1)])),
        ints(&[1]),
    );
    check(range(4), ints(&[0, 1, 2, 3]));
    check(range(0), ints(&[]));
    check(range(-1), ints(&[]));
    assert_eq!(range(i64::MAX).err(), Some(TOO_LARGE));
    check(reverse(&ints(&[5, 1, 2, 3])), ints(&[3, 2, 1, 5]));
    let first = optional(ints(&[1, 2]).elements().first()).expect("an optional");
    assert_eq!(first.content().map(Value::as_int), Some(1));
    assert!(optional(None).is_ok_and(|none| none.content().is_none()));
}

#[test]
fn sets_compare_by_value() {
    let mixed = list(&[Value::uint(1), Value::double(1.0), Value::int(1)]);
    for (a, b, contains, equivalent, intersects) in [
        (ints(&[]), ints(&[]), true, true, false),
        (ints(&[1]), ints(&[]), true, false, false),
        (ints(&[1]), ints(&[1]), true, true, true),
        (ints(&[1]), ints(&[1, 1]), true, true, true),
        (ints(&[1, 1]), ints(&[1]), true, true, true),
        (ints(&[2, 1]), ints(&[1]), true, false, true),
        (ints(&[1, 2, 3, 4]), ints(&[2, 3]), true, false, true),
        (ints(&[1]), ints(&[2]), false, false, false),
        (ints(&[1]), ints(&[1, 2]), false, false, true),
        (ints(&[1]), mixed, true, true, true),
    ] {
        assert_eq!(set_contains(&a, &b), Ok(contains), "{a:?} {b:?}");
        let equal_sets =
            set_contains(&a, &b).expect("a bool") && set_contains(&b, &a).expect("a bool");
        assert_eq!(equal_sets, equivalent);
        assert_eq!(set_intersects(&a, &b), Ok(intersects));
    }
}

#[test]
fn lists_become_one_value() {
    let doubles = |numbers: &[f64]| {
        list(
            &numbers
                .iter()
                .copied()
                .map(Value::double)
                .collect::<Vec<_>>(),
        )
    };
    let found = |outcome: Outcome<Value>| outcome.map(|value| (value.tag, value.payload));
    let expected = |value: Value| Ok((value.tag, value.payload));
    assert_eq!(found(sum(&ints(&[]))), expected(Value::int(0)));
    assert_eq!(found(sum(&ints(&[1, 2, -7]))), expected(Value::int(-4)));
    assert_eq!(
        found(sum(&doubles(&[0.5, 0.25]))),
        expected(Value::double(0.75))
    );
    let spans = list(&[Value::duration(2), Value::duration(3)]);
    assert_eq!(found(sum(&spans)), expected(Value::duration(5)));
    assert_eq!(found(sum(&ints(&[i64::MAX, 1]))), Err(INTEGER_OVERFLOW));
    let spans = list(&[Value::duration(i64::MIN), Value::duration(-1)]);
    assert_eq!(found(sum(&spans)), Err(DURATION_RANGE));
    let mixed = list(&[Value::int(1), Value::double(1.0)]);
    assert_eq!(found(sum(&mixed)), Err(NO_SUCH_OVERLOAD));
    assert_eq!(found(sum(&strings(&["a"]))), Err(NO_SUCH_OVERLOAD));

    assert_eq!(
        found(extreme(&ints(&[3, 1, 2]), -1)),
        expected(Value::int(1))
    );
    assert_eq!(
        found(extreme(&ints(&[3, 1, 2]), 1)),
        expected(Value::int(3))
    );
    assert_eq!(found(extreme(&mixed, 1)), expected(Value::int(1)));
    assert_eq!(found(extreme(&ints(&[]), 1)), Err(EMPTY_LIST));
    let unordered = list(&[Value::int(1), Value::string(b"a")]);
    assert_eq!(found(extreme(&unordered, 1)), Err(NO_SUCH_OVERLOAD));
    assert_eq!(
        found(extreme(&list(&[ints(&[1])]), 1)),
        Err(NO_SUCH_OVERLOAD)
    );
}

#[test]
fn lists_are_searched() {
    assert_eq!(is_sorted(&ints(&[])), Ok(true));
    assert_eq!(is_sorted(&ints(&[1, 1, 2])), Ok(true));
    assert_eq!(is_sorted(&strings(&["b", "a"])), Ok(false));
    let without_order = list(&[Value::double(f64::NAN)]);
    assert_eq!(is_sorted(&without_order), Err(NOT_ORDERED));

    let numbers = ints(&[7, 8, 7]);
    let first = |sought: Value| position(numbers.elements().iter().enumerate(), &sought);
    let last = |sought: Value| position(numbers.elements().iter().enumerate().rev(), &sought);
    assert_eq!((first(Value::int(7)), last(Value::int(7))), (Ok(0), Ok(2)));
    assert_eq!(
        (first(Value::double(8.0)), last(Value::int(9))),
        (Ok(1), Ok(-1))
    );
}
