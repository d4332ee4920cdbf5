//! Decoding and resizing against what OpenCV and Pillow make of the same images, see `reference.py`.

use std::fs;
use std::path::PathBuf;

use rulestage_vision::{Filter, Picture, PictureErrorKind, Window, decode, resize};
use serde_json::Value;

const PIXELS: u64 = 1 << 20;

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).join(name)
}

fn file(name: &str) -> Vec<u8> {
    fs::read(path("files").join(name)).expect("a file of `reference.py`")
}

fn reference(key: &str) -> Vec<Value> {
    let text = fs::read(path("reference.json")).expect("the reference");
    let reference: Value = serde_json::from_slice(&text).expect("JSON");
    reference[key].as_array().expect("a list").clone()
}

fn picture(json: &Value) -> Picture {
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let hex = json["rgb"].as_str().expect("hexadecimal digits");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    Picture {
        width: number(&json["width"]),
        height: number(&json["height"]),
        rgb: (0..hex.len()).step_by(2).map(byte).collect(),
    }
}

fn whole(picture: &Picture) -> Window {
    Window {
        left: 0,
        top: 0,
        width: picture.width,
        height: picture.height,
    }
}

/// The largest difference of two values.
fn difference(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let differences = a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

/// Equal to Pillow; OpenCV's last step differs from processor to processor, so that a few values are off by one.
#[test]
fn resizes_as_opencv_and_pillow_do() {
    let cases = reference("resized");
    assert!(cases.len() >= 60);
    for case in cases {
        let name = case["filter"].as_str().expect("a name");
        let filter = Filter::named(name).expect("a filter of that name");
        let (from, wanted) = (picture(&case["from"]), picture(&case["to"]));
        let got = resize(&from, wanted.width, wanted.height, whole(&wanted), filter);
        let what = format!(
            "{name}: {}x{} to {}x{}",
            from.width, from.height, wanted.width, wanted.height
        );
        let rounds = name.starts_with("opencv");
        let found = difference(&got, &wanted);
        assert!(found <= u8::from(rounds), "{what}: {found}");
        let off = got
            .rgb
            .iter()
            .zip(&wanted.rgb)
            .filter(|(a, b)| a != b)
            .count();
        assert!(
            off * 20 <= got.rgb.len(),
            "{what}: {off} of {}",
            got.rgb.len()
        );
    }
}

/// A window is the same part of the whole.
#[test]
fn windows_are_parts() {
    let from = picture(&reference("resized")[0]["from"]);
    for (_, filter) in Filter::NAMED {
        let size = Window {
            left: 0,
            top: 0,
            width: 31,
            height: 20,
        };
        let all = resize(&from, 31, 20, size, filter);
        let window = Window {
            left: 7,
            top: 3,
            width: 9,
            height: 12,
        };
        let part = resize(&from, 31, 20, window, filter);
        for row in 0..12 {
            let start = ((row + 3) * 31 + 7) * 3;
            let wanted = &all.rgb[start..start + 27];
            assert_eq!(
                &part.rgb[row * 27..row * 27 + 27],
                wanted,
                "{filter:?}, row {row}"
            );
        }
    }
}

#[test]
fn decodes_as_pillow_does() {
    let cases = reference("decoded");
    assert!(cases.len() >= 15);
    for case in cases {
        let name = case["file"].as_str().expect("a name");
        let got = decode(&file(name), PIXELS).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = picture(&case["picture"]);
        let tolerance = case["tolerance"].as_u64().expect("a number");
        let found = difference(&got, &wanted);
        assert!(u64::from(found) <= tolerance, "{name}: {found}");
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let error = |bytes: &[u8]| decode(bytes, PIXELS).expect_err("no picture");
    for bytes in [&b""[..], b"GIF89a", b"hello", b"%PDF-1.7"] {
        assert_eq!(error(bytes).kind(), PictureErrorKind::UnknownFormat);
    }
    let said = error(b"BM").to_string();
    assert_eq!(said, "it is no image: neither JPEG, PNG nor WebP");
    for name in [
        "plain.jpg",
        "progressive.jpg",
        "plain.png",
        "lossless.webp",
        "lossy.webp",
    ] {
        let whole = file(name);
        for len in [12, 20, whole.len() / 3, whole.len() / 2] {
            let error = error(&whole[..len]);
            assert_eq!(error.kind(), PictureErrorKind::Broken, "{name}: {error}");
        }
    }
}

/// Refused by its header alone: there are no pixels behind it.
#[test]
fn what_is_too_large_is_refused_before_anything_is_allocated() {
    let mut png = file("plain.png");
    png.truncate(8 + 25);
    png[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decode(&png, 16_000_000).expect_err("too large");
    assert_eq!(error.kind(), PictureErrorKind::TooLarge);
    assert_eq!(
        error.to_string(),
        "the image has 30000 x 30000 pixels, more than `max_pixels`, 16000000"
    );
    png[16..20].copy_from_slice(&3_000_000_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decode(&png, u64::MAX).expect_err("too large");
    assert!(error.kind() != PictureErrorKind::UnknownFormat, "{error}");

    for name in ["plain.jpg", "plain.png", "lossy.webp", "lossless.webp"] {
        let error = decode(&file(name), 1000).expect_err("too large");
        assert_eq!(error.kind(), PictureErrorKind::TooLarge, "{name}");
        assert!(
            error.to_string().contains("37 x 29 pixels"),
            "{name}: {error}"
        );
    }
}

/// CRC-32 of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0xedb8_8320,
            _ => crc >> 1,
        })
    })
}

/// Bytes changed at random: a picture or an error, never a panic.
#[test]
fn damaged_files_do_no_harm() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut pictures, mut errors) = (0, 0);
    for case in reference("decoded") {
        let name = case["file"].as_str().expect("a name");
        let whole = file(name);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            if random(4) == 0 {
                bytes.truncate(random(whole.len()));
            }
            match decode(&bytes, 1 << 16) {
                Ok(picture) => {
                    assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
                    pictures += 1;
                }
                Err(_) => errors += 1,
            }
        }
    }
    assert!(
        pictures > 100 && errors > 1000,
        "{pictures} pictures, {errors} errors"
    );
}
