//! The filters of resizing: which pixels make a pixel, with which weights.

use std::f64::consts::PI;

/// How pixels between pixels are made. OpenCV's filters look at the nearest pixels only, whatever the scale;
/// Pillow's widen when an image becomes smaller, so that all of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// `cv2.resize(…, interpolation=cv2.INTER_LINEAR)`
    OpenCvLinear,
    /// `cv2.INTER_CUBIC`
    OpenCvCubic,
    /// `cv2.INTER_LANCZOS4`
    OpenCvLanczos4,
    /// `Image.resize(…, Image.Resampling.BILINEAR)`
    PillowBilinear,
    /// `Image.Resampling.BICUBIC`
    PillowBicubic,
    /// `Image.Resampling.LANCZOS`
    PillowLanczos,
}

impl Filter {
    /// All, by their names.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("opencv-linear", Self::OpenCvLinear),
        ("opencv-cubic", Self::OpenCvCubic),
        ("opencv-lanczos4", Self::OpenCvLanczos4),
        ("pillow-bilinear", Self::PillowBilinear),
        ("pillow-bicubic", Self::PillowBicubic),
        ("pillow-lanczos", Self::PillowLanczos),
    ];

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, filter)| *filter)
    }

    /// Whether rows are rounded to bytes before columns are made of them, as Pillow does; the fixed point of the weights
    /// follows.
    pub(crate) fn rounds_between(self) -> bool {
        matches!(
            self,
            Self::PillowBilinear | Self::PillowBicubic | Self::PillowLanczos
        )
    }

    /// The binary digits behind the point of a weight.
    pub(crate) fn precision(self) -> u32 {
        match self.rounds_between() {
            true => 22,
            false => 11,
        }
    }

    /// The taps of pixel `to` of `to_len`, made from `from_len`: the first pixel and the weights from there on. Weights of
    /// pixels outside count for the pixel at the edge (OpenCV) or are shared out among the others (Pillow).
    pub(crate) fn taps(self, to: usize, to_len: usize, from_len: usize) -> Taps {
        let scale = from_len as f64 / to_len as f64;
        let center = (to as f64 + 0.5) * scale;
        match self.rounds_between() {
            true => self.widened(center, scale, from_len),
            false => self.nearest(center - 0.5, from_len),
        }
    }

    fn nearest(self, at: f64, from_len: usize) -> Taps {
        // OpenCV computes places in single precision.
        let at = f64::from(at as f32);
        let base = libm::floor(at);
        let fraction = f64::from((at - base) as f32);
        let weights: Vec<f64> = match self {
            Self::OpenCvLinear => vec![1.0 - fraction, fraction],
            Self::OpenCvCubic => (-1..=2)
                .map(|step| cubic(fraction - f64::from(step), -0.75))
                .collect(),
            _ => lanczos4(fraction),
        };
        let first = base as i64 - (weights.len() as i64 / 2 - 1);
        let last_pixel = from_len as i64 - 1;
        let pixel = |tap: usize| (first + tap as i64).clamp(0, last_pixel) as usize;
        let (start, end) = (pixel(0), pixel(weights.len() - 1));
        let mut fixed = vec![0; end - start + 1];
        for (tap, weight) in weights.iter().enumerate() {
            let scaled = *weight as f32 * (1 << self.precision()) as f32;
            fixed[pixel(tap) - start] += libm::rint(f64::from(scaled)) as i32;
        }
        Taps {
            start,
            weights: fixed,
        }
    }

    fn widened(self, center: f64, scale: f64, from_len: usize) -> Taps {
        let (support, weight): (f64, fn(f64) -> f64) = match self {
            Self::PillowBilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
            Self::PillowBicubic => (2.0, |x| cubic(x, -0.5)),
            _ => (3.0, |x| {
                if x.abs() < 3.0 {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }),
        };
        let widening = scale.max(1.0);
        let reach = support * widening;
        let start = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(from_len);
        let weights: Vec<f64> = (start..end)
            .map(|pixel| weight((pixel as f64 - center + 0.5) / widening))
            .collect();
        let sum: f64 = weights.iter().sum();
        let one = f64::from(1 << self.precision());
        let fixed = weights.iter().map(|weight| {
            let scaled = weight / sum * one;
            // Away from zero at one half.
            (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i32
        });
        Taps {
            start,
            weights: fixed.collect(),
        }
    }
}

/// The pixels from `start` on that make one, and what each counts.
#[derive(Debug)]
pub(crate) struct Taps {
    pub(crate) start: usize,
    pub(crate) weights: Vec<i32>,
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    libm::sin(PI * x) / (PI * x)
}

/// Eight weights around a place between two pixels, which sum to 1.
fn lanczos4(fraction: f64) -> Vec<f64> {
    let weights: Vec<f64> = (-3..=4)
        .map(|step| {
            let x = fraction - f64::from(step);
            sinc(x) * sinc(x / 4.0)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}
