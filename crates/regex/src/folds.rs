//! Simple case folding: which characters differ in case only.

mod tables;

/// Gives, for the characters of a range, the next one around the cycle of those that differ in case only, as ranges;
/// characters without others are left out.
pub(crate) fn fold_range(first: u32, last: u32, mut add: impl FnMut(u32, u32)) {
    for [run_first, run_last, step, distance] in tables::CYCLES {
        let (run_first, run_last, step) = (*run_first as u32, *run_last as u32, *step as u32);
        if last < run_first || first > run_last {
            continue;
        }
        let skipped = first.saturating_sub(run_first).div_ceil(step);
        let from = run_first + skipped * step;
        let to = run_last.min(last);
        if step == 1 {
            if from <= to {
                add(
                    from.wrapping_add_signed(*distance),
                    to.wrapping_add_signed(*distance),
                );
            }
            continue;
        }
        let mut char = from;
        while char <= to {
            let next = char.wrapping_add_signed(*distance);
            add(next, next);
            char += step;
        }
    }
}
