//! The worker beside the page.

use rulestage_web_ui::worker::{Task, start};

fn main() {
    start(work);
}

/// The door to the part of this program that is fetched later: `split-module` finds it by the name of its export, and
/// moves what only it reaches. Not in the library, where every program of this package would have it.
#[allow(
    unsafe_code,
    reason = "the attribute names a symbol, which is unsafe where another has the same name"
)]
#[unsafe(export_name = "later:work")]
#[inline(never)]
fn work(task: Task<'_>) {
    task.work();
}
