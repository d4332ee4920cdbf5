//! A stable sort that needs no more than its input's size again, and little code.

use crate::memory::allocate;

/// Sorts by merging runs of doubling length; `is_less(a, b)` where `a` comes before `b`. Gives `false`, with the elements in
/// any order, where they would be too large to copy.
pub(crate) fn sort<T: Copy>(elements: &mut [T], mut is_less: impl FnMut(&T, &T) -> bool) -> bool {
    let n = elements.len();
    if n < 2 {
        return true;
    }
    let Some(size) = n
        .checked_mul(size_of::<T>())
        .filter(|size| *size <= crate::memory::MAX_VALUE_BYTES)
    else {
        return false;
    };
    let mut from: *mut T = elements.as_mut_ptr();
    let mut to: *mut T = allocate(size).cast();
    let start = from;
    let mut width = 1;
    // SAFETY: both blocks have room for `n` elements; `from` holds them all, and every index is less than `n`.
    unsafe {
        while width < n {
            let mut at = 0;
            while at < n {
                let middle = (at + width).min(n);
                let end = (middle + width).min(n);
                let (mut left, mut right) = (at, middle);
                for slot in at..end {
                    let takes_right = right < end
                        && (left == middle || is_less(&*from.add(right), &*from.add(left)));
                    let source = if takes_right { &mut right } else { &mut left };
                    *to.add(slot) = *from.add(*source);
                    *source += 1;
                }
                at = end;
            }
            core::mem::swap(&mut from, &mut to);
            width *= 2;
        }
        if from != start {
            core::ptr::copy_nonoverlapping(from, start, n);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_the_standard_library_does() {
        let mut state = 1_u32;
        for length in 0..200 {
            let mut elements: Vec<(u32, usize)> = (0..length)
                .map(|index| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 28, index)
                })
                .collect();
            let mut expected = elements.clone();
            expected.sort_by_key(|element| element.0);
            assert!(sort(&mut elements, |a, b| a.0 < b.0));
            assert_eq!(elements, expected);
        }
    }
}
