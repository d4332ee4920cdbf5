//! Times of competitors that take turns.

use std::time::{Duration, Instant};

/// Runs every competitor once to warm up, then all of them in turn, and gives the median time of each.
pub(crate) fn interleaved<const N: usize>(
    repetitions: usize,
    competitors: [&mut dyn FnMut(); N],
) -> [Duration; N] {
    in_turn(repetitions, competitors).map(median)
}

/// The same, and gives the least time of each: what others on the machine do only ever adds to it.
pub(crate) fn fastest<const N: usize>(
    repetitions: usize,
    competitors: [&mut dyn FnMut(); N],
) -> [Duration; N] {
    let times = in_turn(repetitions, competitors);
    times.map(|times| times.into_iter().min().unwrap_or_default())
}

fn in_turn<const N: usize>(
    repetitions: usize,
    mut competitors: [&mut dyn FnMut(); N],
) -> [Vec<Duration>; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(repetitions));
    for repetition in 0..=repetitions {
        for (competitor, times) in competitors.iter_mut().zip(&mut times) {
            let started = Instant::now();
            competitor();
            if repetition > 0 {
                times.push(started.elapsed());
            }
        }
    }
    times
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Nanoseconds for each of `count`.
pub(crate) fn nanoseconds_each(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

/// Drops a result that only its time was wanted of.
pub(crate) fn ignore<T>(_: T) {}
