//! Local time in zones of the IANA database. The rule compiler makes the data.
//!
//! A zone, aligned to 8, little endian: number of transitions, number of offsets (u32 each); the transitions in order
//! (i64: seconds since 1970, times 256, plus the index of the offset from then on); the offsets (i32, seconds east; the
//! first holds before all transitions), padded to 8 bytes; the [`Rule`] from the last transition on.
//!
//! A database: number of names (u32); for each, in order, place and length of the name and place of the zone (u32 each,
//! from the start of the database); the names; the zones.

use crate::abi::{Outcome, helpers};
use crate::calendar::{civil_from_days, days_from_civil};
use crate::status::UNKNOWN_ZONE;
use core::cmp::Ordering;

const SECONDS_OF_DAY: i64 = 86_400;

/// What a zone does from its last transition on: year by year the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Rule {
    /// Seconds east
    pub standard_offset: i32,
    /// Seconds east in summer; the same where there is no summer time
    pub summer_offset: i32,
    /// The day on which summer time starts: see [`day`]
    pub start_day: u32,
    /// Seconds from midnight of that day, in standard time
    pub start_time: i32,
    /// The day on which it ends
    pub end_day: u32,
    /// Seconds from midnight of that day, in summer time
    pub end_time: i32,
}

/// How a day of the year is given: kind in the highest byte, and the rest below.
pub mod day {
    /// Month, week (5 is the last), day of the week from Sunday: one byte each
    pub const OF_WEEK: u32 = 0;
    /// 1..=365, where February never has 29 days
    pub const WITHOUT_LEAP_DAY: u32 = 1;
    /// 0..=365
    pub const OF_YEAR: u32 = 2;
}

helpers! {
    /// Local time, as if it were UTC, in a zone of the compiler's.
    timestamp_in_zone_data(timestamp, word) = |seconds, nanos, zone| {
        // SAFETY: generated code passes the address of a zone.
        Ok((unsafe { zone_shift(seconds, address(zone)) }, nanos))
    };
    /// Local time, as if it were UTC, in the zone that the text names: by its name, or `±hh:mm`.
    timestamp_in_zone(timestamp, text, word) = |seconds, nanos, name, database| {
        // SAFETY: generated code passes the address of a database.
        Ok((unsafe { shift_named(seconds, name, address(database)) }?, nanos))
    };
}

fn address(word: i32) -> *const u8 {
    core::ptr::with_exposed_provenance(word as u32 as usize)
}

/// Seconds of local time, as if they were UTC.
///
/// # Safety
/// `zone` must be the address of a zone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zone_shift(seconds: i64, zone: *const u8) -> i64 {
    // SAFETY: as the caller promises.
    seconds + i64::from(unsafe { offset(seconds, zone) })
}

/// # Safety
/// As for [`zone_shift`].
unsafe fn offset(seconds: i64, zone: *const u8) -> i32 {
    // SAFETY: a zone has what its layout says.
    let (transitions, offsets, rule) = unsafe {
        let counts = zone.cast::<u32>();
        let (n_transitions, n_offsets) = (*counts as usize, *counts.add(1) as usize);
        let transitions = zone.add(8).cast::<i64>();
        let offsets = transitions.add(n_transitions).cast::<i32>();
        let rule = offsets.add(n_offsets.next_multiple_of(2)).cast::<Rule>();
        (
            core::slice::from_raw_parts(transitions, n_transitions),
            core::slice::from_raw_parts(offsets, n_offsets),
            &*rule,
        )
    };
    let n_past = transitions.partition_point(|transition| transition >> 8 <= seconds);
    if n_past == transitions.len() {
        return rule.offset(seconds);
    }
    let last = n_past
        .checked_sub(1)
        .and_then(|index| transitions.get(index));
    let index = last.map_or(0, |transition| (transition & 0xff) as usize);
    offsets.get(index).copied().unwrap_or(0)
}

impl Rule {
    fn offset(&self, seconds: i64) -> i32 {
        let (standard, summer) = (self.standard_offset, self.summer_offset);
        if standard == summer {
            return standard;
        }
        let local_days = (seconds + i64::from(standard)).div_euclid(SECONDS_OF_DAY);
        let (year, _, _) = civil_from_days(local_days);
        let instant = |day: u32, time: i32, offset: i32| {
            day_of(year, day) * SECONDS_OF_DAY + i64::from(time) - i64::from(offset)
        };
        let start = instant(self.start_day, self.start_time, standard);
        let end = instant(self.end_day, self.end_time, summer);
        let is_summer = if start < end {
            (start..end).contains(&seconds)
        } else {
            !(end..start).contains(&seconds)
        };
        if is_summer { summer } else { standard }
    }
}

/// Days since 1970 of a day of the year.
fn day_of(year: i64, day: u32) -> i64 {
    let new_year = days_from_civil(year, 1, 1);
    let number = i64::from(day & 0xffff);
    match day >> 24 {
        day::OF_YEAR => new_year + number,
        day::WITHOUT_LEAP_DAY => {
            // From March on, days count from the first of March.
            if number < 60 {
                new_year + number - 1
            } else {
                days_from_civil(year, 3, 1) + number - 60
            }
        }
        _ => {
            let month = i64::from(day >> 16 & 0xff);
            let week = i64::from(day >> 8 & 0xff);
            let weekday = i64::from(day & 0xff);
            let first = days_from_civil(year, month, 1);
            let next_month = if month == 12 {
                days_from_civil(year + 1, 1, 1)
            } else {
                days_from_civil(year, month + 1, 1)
            };
            let first_weekday = (first + 4).rem_euclid(7);
            let mut found = first + (weekday - first_weekday).rem_euclid(7) + 7 * (week - 1);
            while found >= next_month {
                found -= 7;
            }
            found
        }
    }
}

/// # Safety
/// `database` must be the address of a database.
unsafe fn shift_named(seconds: i64, name: &[u8], database: *const u8) -> Outcome<i64> {
    if let Some(minutes) = parse_offset(name) {
        return Ok(seconds + minutes * 60);
    }
    // SAFETY: a database has what its layout says.
    unsafe {
        let words = database.cast::<u32>();
        let entry = |index: usize| {
            let entry = words.add(1 + 3 * index);
            let name = database.add(*entry as usize);
            let name = core::slice::from_raw_parts(name, *entry.add(1) as usize);
            (name, *entry.add(2) as usize)
        };
        let (mut low, mut high) = (0, *words as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, zone) = entry(middle);
            match found.cmp(name) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(zone_shift(seconds, database.add(zone))),
            }
        }
    }
    Err(UNKNOWN_ZONE)
}

/// Minutes of `hh:mm`, `+hh:mm` or `-hh:mm`.
pub fn parse_offset(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let &[a, b, b':', c, d] = digits else {
        return None;
    };
    let number = |tens: u8, ones: u8| {
        let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        are_digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hours, minutes) = (number(a, b)?, number(c, d)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let total = hours * 60 + minutes;
    Some(if is_negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_hours_and_minutes() {
        for (text, expected) in [
            ("+11:00", Some(660)),
            ("-02:30", Some(-150)),
            ("02:00", Some(120)),
            ("-00:00", Some(0)),
            ("UTC", None),
            ("+1:00", None),
            ("+24:00", None),
            ("+01:60", None),
            ("", None),
        ] {
            assert_eq!(parse_offset(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn days_of_rules_are_those_of_posix() {
        let of_week = |month: u32, week: u32, day: u32| month << 16 | week << 8 | day;
        for (year, day, expected) in [
            (2024, of_week(3, 5, 0), (3, 31)),
            (2024, of_week(10, 5, 0), (10, 27)),
            (2024, of_week(3, 2, 0), (3, 10)),
            (2024, of_week(2, 5, 4), (2, 29)),
            (2023, of_week(12, 5, 0), (12, 31)),
            (2024, day::WITHOUT_LEAP_DAY << 24 | 60, (3, 1)),
            (2024, day::WITHOUT_LEAP_DAY << 24 | 59, (2, 28)),
            (2024, day::OF_YEAR << 24 | 59, (2, 29)),
        ] {
            let (_, month, date) = civil_from_days(day_of(year, day));
            assert_eq!((month, date), expected);
        }
    }
}
