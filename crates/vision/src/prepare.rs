//! A picture to the tensor that a model takes.

use crate::resize::{Window, resize};
use crate::{Filter, Picture};

/// How a picture of any shape comes to the model's width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Each side is resized for itself
    Stretch,
    /// The shorter side is resized to this length, or as much as needed if that is 0, and the middle is taken
    Crop(usize),
    /// As large as it fits, in the middle of padding
    Letterbox,
    /// The model's height, and in proportion at most the model's width; padding at the right. For lines of text
    Line,
}

/// Which values a pixel has, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red
    Bgr,
    /// One: ITU-R BT.601 luma in 14 bits of fixed point, as OpenCV has it
    Grey,
}

impl Channels {
    /// How many.
    pub fn count(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }
}

/// The order of the tensor's dimensions behind the first, which is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Channel, row, column
    Nchw,
    /// Row, column, channel
    Nhwc,
}

/// What a model wants: the parameters of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    /// Pixels of a row of the model's input
    pub width: usize,
    /// Rows of the model's input
    pub height: usize,
    /// How the picture comes to that size
    pub fit: Fit,
    /// How pixels are resized
    pub filter: Filter,
    /// The values of a pixel
    pub channels: Channels,
    /// The order of the dimensions
    pub layout: Layout,
    /// A value `v` from 0 to 255 becomes `(v * scale - mean) / std`, in `f32`
    pub scale: f32,
    /// For each channel in the model's order
    pub mean: Vec<f32>,
    /// For each channel in the model's order
    pub std: Vec<f32>,
    /// `v` where there is padding
    pub padding: f32,
}

/// Where the picture lies in the model's input: `x` of the picture is at `left + x * x_scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Pixels of the model's input for one of the picture, from left to right
    pub x_scale: f32,
    /// The same from top to bottom
    pub y_scale: f32,
    /// Where the picture begins
    pub left: f32,
    /// Where the picture begins
    pub top: f32,
}

impl Preparation {
    /// The dimensions of the tensor.
    pub fn dims(&self) -> [u32; 4] {
        let [channels, height, width] =
            [self.channels.count(), self.height, self.width].map(|size| size as u32);
        match self.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }

    /// The tensor, and where the picture lies in it.
    pub fn tensor(&self, picture: &Picture) -> (Vec<f32>, Placement) {
        let (width, height) = self.resized(picture);
        let window = Window {
            left: width.saturating_sub(self.width) / 2,
            top: height.saturating_sub(self.height) / 2,
            width: width.min(self.width),
            height: height.min(self.height),
        };
        let seen = resize(picture, width, height, window, self.filter);
        let (left, top) = match self.fit {
            Fit::Letterbox => (
                (self.width - seen.width) / 2,
                (self.height - seen.height) / 2,
            ),
            _ => (0, 0),
        };
        let placement = Placement {
            x_scale: width as f32 / picture.width as f32,
            y_scale: height as f32 / picture.height as f32,
            left: left as f32 - window.left as f32,
            top: top as f32 - window.top as f32,
        };
        (self.fill(&seen, left, top), placement)
    }

    /// The size of the whole picture in the model's input.
    fn resized(&self, picture: &Picture) -> (usize, usize) {
        let (width, height) = (picture.width as f64, picture.height as f64);
        let scaled = |scale: f64| {
            let side = |length: f64| (libm::rint(length * scale) as usize).max(1);
            (side(width), side(height))
        };
        let ratios = (self.width as f64 / width, self.height as f64 / height);
        match self.fit {
            Fit::Stretch => (self.width, self.height),
            Fit::Crop(shorter) => {
                let scale = match shorter {
                    0 => ratios.0.max(ratios.1),
                    shorter => shorter as f64 / width.min(height),
                };
                let (width, height) = scaled(scale);
                (width.max(self.width), height.max(self.height))
            }
            Fit::Letterbox => {
                let (width, height) = scaled(ratios.0.min(ratios.1));
                (width.min(self.width), height.min(self.height))
            }
            Fit::Line => {
                let in_proportion = libm::ceil(self.height as f64 * (width / height)) as usize;
                (in_proportion.clamp(1, self.width), self.height)
            }
        }
    }

    fn fill(&self, seen: &Picture, left: usize, top: usize) -> Vec<f32> {
        let n_channels = self.channels.count();
        let normal = |value: f32, channel: usize| {
            (value * self.scale - self.mean[channel]) / self.std[channel]
        };
        let tables: Vec<Vec<f32>> = (0..n_channels)
            .map(|channel| (0..=255u8).map(|v| normal(f32::from(v), channel)).collect())
            .collect();
        let padding: Vec<f32> = (0..n_channels).map(|c| normal(self.padding, c)).collect();
        let n_pixels = self.width * self.height;
        let place = |pixel: usize, channel: usize| match self.layout {
            Layout::Nchw => channel * n_pixels + pixel,
            Layout::Nhwc => pixel * n_channels + channel,
        };
        let mut tensor = vec![0.0; n_pixels * n_channels];
        for pixel in 0..n_pixels {
            for (channel, value) in padding.iter().enumerate() {
                tensor[place(pixel, channel)] = *value;
            }
        }
        for (row, pixels) in seen.rgb.chunks_exact(seen.width * 3).enumerate() {
            for (column, rgb) in pixels.chunks_exact(3).enumerate() {
                let pixel = (row + top) * self.width + column + left;
                for (channel, table) in tables.iter().enumerate() {
                    let value = match self.channels {
                        Channels::Rgb => rgb[channel],
                        Channels::Bgr => rgb[2 - channel],
                        Channels::Grey => grey(rgb),
                    };
                    tensor[place(pixel, channel)] = table[usize::from(value)];
                }
            }
        }
        tensor
    }
}

fn grey(rgb: &[u8]) -> u8 {
    let [red, green, blue] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14) as u8
}
