//! What stands between the bytes of an image and a vision model: [`decode`] within limits, [`Preparation`] to a
//! tensor, and what the model answers to labels ([`classes`]) or boxes ([`Detector`]).
//!
//! Resizing follows OpenCV's or Pillow's arithmetic, whichever the model was made with, so that models see what they
//! were trained to see. Everything is computed with integers or in a fixed order of `f32` and `f64` operations: the
//! same bits on every machine.

mod classify;
mod decode;
mod detect;
mod filter;
mod orientation;
mod prepare;
mod resize;

pub use classify::{Activation, Class, classes};
pub use decode::{Picture, PictureError, PictureErrorKind, decode};
pub use detect::{Detection, Detector, Heads, Output};
pub use filter::Filter;
pub use prepare::{Channels, Fit, Layout, Placement, Preparation};
pub use resize::{Window, resize};
