//! For builds: what in a core module reaches what, so that parts can be left out or come later.

mod split;

pub use split::{FIRST, LATER, Parts, split};
