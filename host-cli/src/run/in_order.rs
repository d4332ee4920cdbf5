//! Parallel work whose results come out in the order of its input.

use crate::failure::{Failure, Result, Status};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// Items that may be read ahead, worked on or wait for an earlier one, for each worker. Bounds the memory of a
/// run, whatever the speed of its parts.
const ITEMS_PER_WORKER: usize = 3;

/// Reads items on one thread, works on them on `n_workers` others, and gives the results to `consume` on this
/// thread, in the order of the items. Returns the first failure in that order.
///
/// Threads are left behind on a failure, because one of them may wait for a pipe that never ends; what they
/// still do goes nowhere.
pub(super) fn in_order<T, R, W>(
    items: impl Iterator<Item = Result<T>> + Send + 'static,
    n_workers: NonZero<usize>,
    make_worker: impl Fn() -> Result<W> + Send + Sync + 'static,
    mut consume: impl FnMut(R) -> Result<()>,
) -> Result<()>
where
    T: Send + 'static,
    R: Send + 'static,
    W: FnMut(T) -> Result<R>,
{
    let n_workers = n_workers.get();
    let (permit_sender, permits) = bounded(n_workers * ITEMS_PER_WORKER);
    let (task_sender, tasks) = unbounded();
    let (result_sender, results) = unbounded();
    for _ in 0..n_workers * ITEMS_PER_WORKER {
        let _ = permit_sender.send(());
    }

    let failures = result_sender.clone();
    start("reader", move || {
        read(items, &permits, &task_sender, &failures)
    })?;
    let make_worker = Arc::new(make_worker);
    for _ in 0..n_workers {
        let (tasks, results, make_worker) =
            (tasks.clone(), result_sender.clone(), make_worker.clone());
        start("worker", move || work(&tasks, &results, &*make_worker))?;
    }
    drop((tasks, result_sender));

    let mut waiting = BTreeMap::new();
    let mut next = 0_usize;
    for (number, result) in results {
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&next) {
            consume(result?)?;
            next += 1;
            let _ = permit_sender.send(());
        }
    }
    Ok(())
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name(name.into()).spawn(body);
    started
        .map(drop)
        .map_err(|error| Failure::new(Status::Usage, format!("can't start a thread: {error}")))
}

type Numbered<T> = (usize, T);

/// Numbers the items and passes them on while there are permits; ends at the first that failed.
fn read<T, R>(
    mut items: impl Iterator<Item = Result<T>>,
    permits: &Receiver<()>,
    tasks: &Sender<Numbered<T>>,
    results: &Sender<Numbered<Result<R>>>,
) {
    let mut number = 0;
    while permits.recv().is_ok() {
        let item = catch_unwind(AssertUnwindSafe(|| items.next()));
        match item.unwrap_or_else(|_| Some(Err(panicked()))) {
            None => return,
            Some(Ok(item)) => match tasks.send((number, item)) {
                Ok(()) => number += 1,
                Err(_) => return,
            },
            Some(Err(failure)) => {
                let _ = results.send((number, Err(failure)));
                return;
            }
        }
    }
}

fn work<T, R, W: FnMut(T) -> Result<R>>(
    tasks: &Receiver<Numbered<T>>,
    results: &Sender<Numbered<Result<R>>>,
    make_worker: &impl Fn() -> Result<W>,
) {
    let mut worker = None;
    for (number, task) in tasks {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let worker = match &mut worker {
                Some(worker) => worker,
                None => worker.insert(make_worker()?),
            };
            worker(task)
        }));
        let result = result.unwrap_or_else(|_| Err(panicked()));
        if results.send((number, result)).is_err() {
            return;
        }
    }
}

fn panicked() -> Failure {
    Failure::new(
        Status::Component,
        "rulestage itself failed; the reason stands above",
    )
    .with_hint("please report it, with the pipeline and the input that lead here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn workers(n: usize) -> NonZero<usize> {
        NonZero::new(n).unwrap()
    }

    /// The even numbers take long, so that later items overtake them.
    fn square(n: u64) -> u64 {
        for _ in 0..if n.is_multiple_of(2) { 2_000 } else { 0 } {
            thread::yield_now();
        }
        n * n
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        for n_workers in [1, 2, 7] {
            let mut squares = Vec::new();
            let items = (0..100).map(Ok);
            in_order(
                items,
                workers(n_workers),
                || Ok(|n| Ok(square(n))),
                |n| {
                    squares.push(n);
                    Ok(())
                },
            )
            .unwrap();
            assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn the_first_failure_in_order_wins_and_what_came_before_it_is_consumed() {
        let mut consumed = Vec::new();
        let make_worker = || {
            Ok(|n: u64| match n {
                7 | 8 => Err(Failure::new(Status::Component, n)),
                _ => Ok(square(n)),
            })
        };
        let result = in_order((0..100).map(Ok), workers(4), make_worker, |n| {
            consumed.push(n);
            Ok(())
        });
        assert_eq!(result.unwrap_err().error.to_string(), "7");
        assert_eq!(consumed, [0, 1, 4, 9, 16, 25, 36]);
    }

    #[test]
    fn an_unreadable_item_fails_after_the_items_before_it() {
        let items = (0..10).map(|n| {
            if n == 5 {
                Err(Failure::new(Status::File, "line 5"))
            } else {
                Ok(n)
            }
        });
        let mut n_consumed = 0;
        let result = in_order(
            items,
            workers(2),
            || Ok(|n: u64| Ok(square(n))),
            |_| {
                n_consumed += 1;
                Ok(())
            },
        );
        assert_eq!((result.unwrap_err().status, n_consumed), (Status::File, 5));
    }

    #[test]
    fn reading_waits_for_slow_consumers() {
        static N_READ: AtomicUsize = AtomicUsize::new(0);
        let items = (0..1_000_usize).map(|n| {
            N_READ.fetch_add(1, Ordering::SeqCst);
            Ok(n)
        });
        let mut n_consumed = 0;
        in_order(
            items,
            workers(2),
            || Ok(Ok),
            |_| {
                n_consumed += 1;
                let ahead = N_READ.load(Ordering::SeqCst) - n_consumed;
                assert!(ahead <= 2 * ITEMS_PER_WORKER, "{ahead} items read ahead");
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(n_consumed, 1_000);
    }

    #[test]
    fn a_panic_ends_the_run_instead_of_hanging_it() {
        let worker = || Ok(|n: u64| if n == 3 { panic!("on purpose") } else { Ok(n) });
        let result = in_order((0..10).map(Ok), workers(2), worker, |_| Ok(()));
        assert_eq!(result.unwrap_err().status, Status::Component);
    }
}
