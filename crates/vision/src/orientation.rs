//! How a camera was held, from the note that it leaves in the file (EXIF 2.3, tag `Orientation`).

use crate::Picture;

/// What has to be done for a picture to stand upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orientation {
    Upright,
    /// Columns from right to left, then the turn in quarters clockwise
    Turned {
        mirrored: bool,
        quarters: u8,
    },
}

const TAG: u16 = 0x0112;
/// A directory has fewer entries than this.
const MOST_ENTRIES: usize = 1024;

/// The orientation that an EXIF block states; upright where it says nothing or makes no sense.
pub(crate) fn of_exif(exif: &[u8]) -> Orientation {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let (mirrored, quarters) = match tag(exif) {
        Some(2) => (true, 0),
        Some(3) => (false, 2),
        Some(4) => (true, 2),
        Some(5) => (true, 3),
        Some(6) => (false, 1),
        Some(7) => (true, 1),
        Some(8) => (false, 3),
        _ => return Orientation::Upright,
    };
    Orientation::Turned { mirrored, quarters }
}

fn tag(exif: &[u8]) -> Option<u16> {
    let big = match exif.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = exif.get(at..at + 2)?.try_into().ok()?;
        Some(match big {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    };
    let long = |at: usize| {
        let bytes = exif.get(at..at + 4)?.try_into().ok()?;
        Some(match big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    };
    let directory = usize::try_from(long(4)?).ok()?.min(exif.len());
    let entries = usize::from(short(directory)?).min(MOST_ENTRIES);
    (0..entries)
        .map(|entry| directory + 2 + entry * 12)
        .find(|&at| short(at) == Some(TAG))
        .and_then(|at| short(at + 8))
}

impl Orientation {
    /// The picture as it was seen.
    pub(crate) fn upright(self, picture: Picture) -> Picture {
        let Self::Turned { mirrored, quarters } = self else {
            return picture;
        };
        let (width, height) = (picture.width, picture.height);
        let (new_width, new_height) = match quarters % 2 {
            0 => (width, height),
            _ => (height, width),
        };
        let mut rgb = Vec::with_capacity(picture.rgb.len());
        for y in 0..new_height {
            for x in 0..new_width {
                let (from_x, from_y) = match quarters {
                    0 => (x, y),
                    1 => (y, height - 1 - x),
                    2 => (width - 1 - x, height - 1 - y),
                    _ => (width - 1 - y, x),
                };
                let from_x = if mirrored { width - 1 - from_x } else { from_x };
                let at = (from_y * width + from_x) * 3;
                rgb.extend_from_slice(&picture.rgb[at..at + 3]);
            }
        }
        Picture {
            width: new_width,
            height: new_height,
            rgb,
        }
    }
}
