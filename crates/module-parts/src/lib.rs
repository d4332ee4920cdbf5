//! For builds: what in a core module reaches what, so that parts can be left out or come later.

mod linked;
mod split;

use std::error::Error;

pub use linked::{Calls, Linked, Segment, Uses};
pub use split::{FIRST, LATER, Parts, split};

type Result<T> = std::result::Result<T, Box<dyn Error>>;
