//! The lists and sets extensions.

use crate::abi::{Outcome, helpers};
use crate::equal::{equal, order};
use crate::memory::Values;
use crate::sorting::sort;
use crate::status::{
    DECIMAL_OVERFLOW, INDEX_OUT_OF_BOUNDS, INTEGER_OVERFLOW, INVALID_ARGUMENT, NO_SUCH_OVERLOAD,
    NOT_ORDERED, TOO_DEEP, TOO_LARGE,
};
use crate::value::{Entry, MAX_DEPTH, Value, tag};
use rulestage_decimal::Decimal;

helpers! {
    /// `list.slice(start, end)`
    list_slice(value, int, int) = slice;
    /// `list.flatten()`
    list_flatten(value) = |list| flatten(list, 1);
    /// `list.flatten(depth)`
    list_flatten_to(value, int) = flatten;
    /// `list.sort()`
    list_sort(value) = |list: &Value| sort_by_keys(list, list);
    /// `list.sortBy(element, key)`, given the keys
    list_sort_by_keys(value, value) = sort_by_keys;
    /// `list.distinct()`: the first of equal elements
    list_distinct(value) = distinct;
    /// `list.sum()` of ints
    list_sum_int(value) = |list: &Value| {
        let mut numbers = list.elements().iter().map(Value::as_int);
        numbers.try_fold(0_i64, i64::checked_add).ok_or(INTEGER_OVERFLOW)
    };
    /// `list.sum()` of uints
    list_sum_uint(value) = |list: &Value| {
        let mut numbers = list.elements().iter().map(Value::as_uint);
        numbers.try_fold(0_u64, u64::checked_add).ok_or(INTEGER_OVERFLOW)
    };
    /// `list.sum()` of doubles, from the first to the last
    list_sum_double(value) = |list: &Value| {
        let numbers = list.elements().iter().map(Value::as_double);
        Ok(numbers.fold(0.0, |sum, number| sum + number))
    };
    /// `list.sum()` of decimals
    list_sum_decimal(value) = |list: &Value| {
        let mut numbers = list.elements().iter().map(Value::as_decimal);
        let sum = numbers.try_fold(Decimal::ZERO, Decimal::add);
        sum.map(Value::decimal).map_err(|_| DECIMAL_OVERFLOW)
    };
    /// `lists.range(n)`: 0, 1, … n - 1
    list_range(int) = range;
    /// `list.reverse()`
    list_reverse(value) = reverse;
    /// `list.first()`
    list_first(value) = |list: &Value| optional(list.elements().first());
    /// `list.last()`
    list_last(value) = |list: &Value| optional(list.elements().last());
    /// `sets.contains(list, sublist)`
    sets_contains(value, value) = set_contains;
    /// `sets.equivalent(list, list)`
    sets_equivalent(value, value) = |a, b| Ok(set_contains(a, b)? && set_contains(b, a)?);
    /// `sets.intersects(list, list)`
    sets_intersects(value, value) = set_intersects;
}

fn finish(values: Values) -> Outcome<Value> {
    values.finish().map(Value::list).ok_or(TOO_LARGE)
}

/// `optional.of(element)` or `optional.none()`.
fn optional(element: Option<&Value>) -> Outcome<Value> {
    Ok(match element {
        Some(element) => Value::some((*element).store()),
        None => Value::none(),
    })
}

fn slice(list: &Value, start: i64, end: i64) -> Outcome<Value> {
    let elements = list.elements();
    let position = |position: i64| {
        usize::try_from(position)
            .ok()
            .filter(|position| *position <= elements.len())
            .ok_or(INDEX_OUT_OF_BOUNDS)
    };
    let range = position(start)?..position(end)?;
    elements.get(range).map(Value::list).ok_or(INVALID_ARGUMENT)
}

/// Without recursion: `open` holds the lists on the way, and behind each how many elements were taken.
fn flatten(list: &Value, depth: i64) -> Outcome<Value> {
    if depth < 0 {
        return Err(INVALID_ARGUMENT);
    }
    let mut flat = Values::new();
    let mut open = Values::new();
    open.extend(&[*list, Value::uint(0)]);
    while let values @ [.., _, _] = open.values_mut() {
        let level = values.len() as i64 / 2 - 1;
        let [.., list, n_taken] = values else {
            break;
        };
        let at = n_taken.as_uint() as usize;
        *n_taken = Value::uint(at as u64 + 1);
        match list.elements().get(at) {
            None => open.drop_last(2),
            Some(element) if element.tag == tag::LIST && level < depth => {
                if level >= i64::from(MAX_DEPTH) {
                    return Err(TOO_DEEP);
                }
                open.extend(&[*element, Value::uint(0)]);
            }
            Some(element) => flat.push(*element),
        }
    }
    finish(flat)
}

/// Stable; keys must be of one type that has an order.
fn sort_by_keys(list: &Value, keys: &Value) -> Outcome<Value> {
    let keys = keys.elements();
    let Some(first) = keys.first() else {
        return Ok(Value::list(&[]));
    };
    let mut entries = Values::with_capacity(keys.len() * 2);
    for (key, element) in keys.iter().zip(list.elements()) {
        // A key that has no order among its like has none to itself: lists, NaN.
        if order(key, key) != 0 {
            return Err(NOT_ORDERED);
        }
        if key.tag != first.tag {
            return Err(NO_SUCH_OVERLOAD);
        }
        entries.extend(&[*key, *element]);
    }
    let entries = entries.entries_mut();
    if !sort(entries, |a: &Entry, b: &Entry| order(&a.key, &b.key) < 0) {
        return Err(TOO_LARGE);
    }
    let mut sorted = Values::with_capacity(entries.len());
    for entry in entries {
        sorted.push(entry.value);
    }
    finish(sorted)
}

fn contains(elements: &[Value], sought: &Value) -> Outcome<bool> {
    for element in elements {
        if equal(element, sought).ok_or(TOO_DEEP)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn distinct(list: &Value) -> Outcome<Value> {
    let mut kept = Values::with_capacity(list.elements().len());
    for element in list.elements() {
        if !contains(kept.values(), element)? {
            kept.push(*element);
        }
    }
    finish(kept)
}

fn range(n: i64) -> Outcome<Value> {
    let n = usize::try_from(n).unwrap_or(0);
    let mut numbers = Values::with_capacity(n);
    if n > crate::memory::MAX_VALUE_BYTES / size_of::<Value>() {
        return Err(TOO_LARGE);
    }
    for number in 0..n {
        numbers.push(Value::int(number as i64));
    }
    finish(numbers)
}

fn reverse(list: &Value) -> Outcome<Value> {
    let mut reversed = Values::with_capacity(list.elements().len());
    for element in list.elements().iter().rev() {
        reversed.push(*element);
    }
    finish(reversed)
}

fn set_contains(list: &Value, sublist: &Value) -> Outcome<bool> {
    for element in sublist.elements() {
        if !contains(list.elements(), element)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_intersects(a: &Value, b: &Value) -> Outcome<bool> {
    for element in a.elements() {
        if contains(b.elements(), element)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
