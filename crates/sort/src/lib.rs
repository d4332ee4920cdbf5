//! Stable sorting in little code, for what is fetched before it runs.
//!
//! The standard library's sort is made anew for each type and order, some 4 KB of WebAssembly every time. Here one merge sort
//! orders places, whatever stands there, and what is made anew only moves the elements. Large slices of numbers are better
//! off with the standard library, which never calls a function to compare them.

use std::cmp::Ordering;

/// Sorts by an order; equal elements stay in theirs.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut places: Vec<usize> = (0..items.len()).collect();
    merge_sort(&mut places, &mut |a, b| {
        compare(&items[a], &items[b]) == Ordering::Greater
    });
    // Each place gets what belongs there, one circle of places after another.
    for start in 0..places.len() {
        let mut at = start;
        while places[at] != start {
            let from = std::mem::replace(&mut places[at], at);
            items.swap(at, from);
            at = from;
        }
        places[at] = at;
    }
}

/// Sorts by what `key` makes of elements; equal elements stay in theirs.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by the elements themselves.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Runs that are in order already are found at once, so that what is sorted takes one comparison an element.
fn merge_sort(places: &mut [usize], is_behind: &mut dyn FnMut(usize, usize) -> bool) {
    if places.windows(2).all(|pair| !is_behind(pair[0], pair[1])) {
        return;
    }
    let (first, second) = places.split_at_mut(places.len() / 2);
    merge_sort(first, is_behind);
    merge_sort(second, is_behind);
    let first = first.to_vec();
    let (mut left, mut right, middle) = (0, first.len(), first.len());
    for at in 0..places.len() {
        let takes_right =
            left == middle || right < places.len() && is_behind(first[left], places[right]);
        if takes_right {
            places[at] = places[right];
            right += 1;
        } else {
            places[at] = first[left];
            left += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in no order, always the same, many of them equal.
    fn some_numbers(n: usize) -> Vec<(u32, usize)> {
        let mut state = 1u32;
        let numbers = (0..n).map(|place| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 27, place)
        });
        numbers.collect()
    }

    #[test]
    fn sorts_as_the_standard_library_does() {
        for n in (0..70).chain([1000, 4097]) {
            let numbers = some_numbers(n);
            let (mut found, mut expected) = (numbers.clone(), numbers);
            sort_by_key(&mut found, |(number, _)| *number);
            expected.sort_by_key(|(number, _)| *number);
            assert_eq!(found, expected, "{n} elements");
            sort_by(&mut found, |a, b| b.0.cmp(&a.0));
            expected.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
            assert_eq!(found, expected, "{n} elements, backwards");
            sort(&mut found);
            expected.sort();
            assert_eq!(found, expected, "{n} elements, of all they are");
        }
    }

    #[test]
    fn what_is_in_order_is_compared_once() {
        let mut n_compared = 0;
        let mut numbers: Vec<u32> = (0..1000).collect();
        sort_by(&mut numbers, |a, b| {
            n_compared += 1;
            a.cmp(b)
        });
        assert_eq!(n_compared, 999);
    }
}
