//! The bytes of a JPEG, PNG or WebP file to pixels, within limits that are checked before anything is allocated.

use std::error::Error;
use std::fmt;
use std::io::Cursor;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_png::PngDecoder;
use zune_png::error::PngDecodeErrors;

use crate::orientation::{self, Orientation};

/// The longest side that is decoded, in pixels.
const LONGEST_SIDE: u64 = 32_767;

/// An image: red, green and blue of each pixel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row
    pub width: usize,
    /// Rows
    pub height: usize,
    /// Three bytes for each pixel
    pub rgb: Vec<u8>,
}

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureError {
    kind: PictureErrorKind,
    message: String,
}

/// The sorts of [`PictureError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureErrorKind {
    /// None of the formats
    UnknownFormat,
    /// Damaged, cut short, or a variant that is not supported
    Broken,
    /// More pixels than allowed, or than there is memory for
    TooLarge,
}

impl PictureError {
    fn new(kind: PictureErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The sort of error.
    pub fn kind(&self) -> PictureErrorKind {
        self.kind
    }
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for PictureError {}

/// The picture in a JPEG, PNG or WebP file of at most `most_pixels` pixels; the first frame of an animation.
///
/// It stands upright, as the camera's note in the file (EXIF) says. Transparency is left out, as in Pillow's
/// `convert("RGB")`; 16-bit values lose their lower half, and colour profiles are not applied.
pub fn decode(file: &[u8], most_pixels: u64) -> Result<Picture, PictureError> {
    let (picture, orientation) = match file {
        [0xff, 0xd8, 0xff, ..] => jpeg(file, most_pixels)?,
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => png(file, most_pixels)?,
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(file, most_pixels)?,
        _ => {
            let message = "it is no image: neither JPEG, PNG nor WebP";
            return Err(PictureError::new(PictureErrorKind::UnknownFormat, message));
        }
    };
    Ok(orientation.upright(picture))
}

type Decoded = Result<(Picture, Orientation), PictureError>;

fn jpeg(file: &[u8], most_pixels: u64) -> Decoded {
    let broken = |error: DecodeErrors| broken("JPEG", format!("{error:?}"));
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_use_unsafe(false)
        .set_max_width(LONGEST_SIDE as usize)
        .set_max_height(LONGEST_SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(broken)?;
    let info = decoder
        .info()
        .ok_or_else(|| self::broken("JPEG", "no header"))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    // A progressive image keeps all its coefficients, 2 bytes for each sample.
    check_size(width as u64, height as u64, most_pixels, 12)?;
    let mut rgb = vec![0; width * height * 3];
    decoder.decode_into(&mut rgb).map_err(broken)?;
    let orientation = decoder
        .exif()
        .map_or(Orientation::Upright, |exif| orientation::of_exif(exif));
    Ok((Picture { width, height, rgb }, orientation))
}

fn png(file: &[u8], most_pixels: u64) -> Decoded {
    let broken = |error: PngDecodeErrors| broken("PNG", format!("{error:?}"));
    // The decoder reads on to the pixels before it tells the size, which is always at the same place.
    let side = |at: usize| {
        let bytes = file.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let (Some(width), Some(height)) = (side(16), side(20)) else {
        return Err(self::broken("PNG", "it ends in its header"));
    };
    check_size(width as u64, height as u64, most_pixels, 12)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_use_unsafe(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .png_set_confirm_crc(true)
        .inflate_set_confirm_adler(true)
        .png_set_strip_to_8bit(true);
    let mut decoder = PngDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(broken)?;
    let exif = decoder.info().and_then(|info| info.exif.as_deref());
    let orientation = exif.map_or(Orientation::Upright, orientation::of_exif);
    let pixels = decoder.decode_raw().map_err(broken)?;
    let rgb = match decoder.colorspace() {
        Some(ColorSpace::Luma) => pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        Some(ColorSpace::LumaA) => {
            let pixels = pixels.chunks_exact(2);
            pixels.flat_map(|pixel| [pixel[0]; 3]).collect()
        }
        Some(ColorSpace::RGBA) => without_alpha(pixels),
        _ => pixels,
    };
    match rgb.len() == width * height * 3 {
        true => Ok((Picture { width, height, rgb }, orientation)),
        false => Err(self::broken(
            "PNG",
            "its pixels are not those of its header",
        )),
    }
}

fn webp(file: &[u8], most_pixels: u64) -> Decoded {
    let broken = |error: image_webp::DecodingError| broken("WebP", error);
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), most_pixels, 8)?;
    decoder.set_memory_limit(usize::try_from(most_pixels.saturating_mul(8)).unwrap_or(usize::MAX));
    let exif = decoder.exif_metadata().map_err(broken)?;
    let orientation = exif.map_or(Orientation::Upright, |exif| orientation::of_exif(&exif));
    let size = decoder.output_buffer_size().unwrap_or(0);
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).map_err(broken)?;
    let rgb = match decoder.has_alpha() {
        true => without_alpha(pixels),
        false => pixels,
    };
    let (width, height) = (width as usize, height as usize);
    Ok((Picture { width, height, rgb }, orientation))
}

/// In place: the second buffer would be as large.
fn without_alpha(mut pixels: Vec<u8>) -> Vec<u8> {
    let n_pixels = pixels.len() / 4;
    for pixel in 0..n_pixels {
        pixels.copy_within(pixel * 4..pixel * 4 + 3, pixel * 3);
    }
    pixels.truncate(n_pixels * 3);
    pixels
}

fn broken(format: &str, error: impl fmt::Display) -> PictureError {
    // Some decoders' messages go on over several lines.
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    PictureError::new(
        PictureErrorKind::Broken,
        format!("the {format} image is damaged or of an unsupported kind: {line}"),
    )
}

/// Refuses what is too large, and what there is no memory for: `bytes_per_pixel` is what decoding takes at its peak.
fn check_size(
    width: u64,
    height: u64,
    most_pixels: u64,
    bytes_per_pixel: u64,
) -> Result<(), PictureError> {
    let too_large = |why: String| {
        let message = format!("the image has {width} x {height} pixels, {why}");
        Err(PictureError::new(PictureErrorKind::TooLarge, message))
    };
    if width == 0 || height == 0 {
        let message = "the image has no pixels";
        return Err(PictureError::new(PictureErrorKind::Broken, message));
    }
    if width.max(height) > LONGEST_SIDE {
        return too_large(format!("and no side may be longer than {LONGEST_SIDE}"));
    }
    if width * height > most_pixels {
        return too_large(format!("more than `max_pixels`, {most_pixels}"));
    }
    // The decoders end the program where they get no memory, so it is asked for here first.
    let needed = usize::try_from(width * height * bytes_per_pixel).unwrap_or(usize::MAX);
    if Vec::<u8>::new().try_reserve_exact(needed).is_err() {
        return too_large(format!("for which {needed} bytes of memory are needed"));
    }
    Ok(())
}
