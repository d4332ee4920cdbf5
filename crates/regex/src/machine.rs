//! Runs programs: all alternatives at once, character by character (Pike's machine).

use crate::program::{argument, assert, class_ranges, flag, header, op, operation, target, word};

/// Programs that need no more scratch words than this can be run with memory on a small stack.
pub const SCRATCH_IS_SMALL: usize = 512;

/// The character at a position of UTF-8 text, and its number of bytes.
pub(crate) fn decode(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = u32::from(*text.get(at)?);
    let next = |index: usize| u32::from(text.get(at + index).copied().unwrap_or(0)) & 0x3f;
    Some(match first {
        0..0x80 => (first, 1),
        0x80..0xE0 => ((first & 0x1f) << 6 | next(1), 2),
        0xE0..0xF0 => ((first & 0xf) << 12 | next(1) << 6 | next(2), 3),
        _ => (
            (first & 0x7) << 18 | next(1) << 12 | next(2) << 6 | next(3),
            4,
        ),
    })
}

/// A character as UTF-8; gives the number of bytes.
pub(crate) fn encode(char: u32, bytes: &mut [u8; 4]) -> usize {
    let rest = |shift: u32| (char >> shift & 0x3f) as u8 | 0x80;
    match char {
        0..0x80 => {
            bytes[0] = char as u8;
            1
        }
        0x80..0x800 => {
            *bytes = [(char >> 6) as u8 | 0xC0, rest(0), 0, 0];
            2
        }
        0x800..0x1_0000 => {
            *bytes = [(char >> 12) as u8 | 0xE0, rest(6), rest(0), 0];
            3
        }
        _ => {
            *bytes = [(char >> 18) as u8 | 0xF0, rest(12), rest(6), rest(0)];
            4
        }
    }
}

/// How many scratch words [`search`] needs for a program and so many slots.
pub fn scratch_words(program: &[u32], n_slots: usize) -> usize {
    let n = word(program, header::CODE_LENGTH) as usize;
    // Marks, the stack, two lists of threads with their slots, the slots at hand.
    n * (1 + 4 + 2 * (1 + n_slots)) + n_slots + 8
}

/// Seeks the leftmost match in UTF-8 text from a byte position on; among those the one that a backtracking search would
/// find. Positions go to `slots` in pairs: the whole match, then the groups; `u32::MAX` where a group took no part.
/// With no slots, it ends as soon as there is a match at all. `scratch` must have [`scratch_words`]; what it
/// holds doesn't matter.
pub fn search(
    program: &[u32],
    text: &[u8],
    start: usize,
    slots: &mut [u32],
    scratch: &mut [u32],
) -> bool {
    let flags = word(program, header::FLAGS);
    if flags & flag::LITERAL != 0 {
        let Some(found) = find_prefix(program, text, start) else {
            return false;
        };
        let end = found + word(program, header::PREFIX_LENGTH) as usize;
        for (slot, position) in slots.iter_mut().zip([found, end]) {
            *slot = position as u32;
        }
        return true;
    }
    let code_start = word(program, header::CODE_START) as usize;
    let n = word(program, header::CODE_LENGTH) as usize;
    let Some(code) = program.get(code_start..code_start + n) else {
        return false;
    };
    let n_slots = slots.len();
    let Some((marks, rest)) = scratch.split_at_mut_checked(n) else {
        return false;
    };
    let Some((stack, rest)) = rest.split_at_mut_checked(4 * n + 4) else {
        return false;
    };
    let Some((here, rest)) = rest.split_at_mut_checked(n * (1 + n_slots)) else {
        return false;
    };
    let Some((there, rest)) = rest.split_at_mut_checked(n * (1 + n_slots)) else {
        return false;
    };
    let Some(at_hand) = rest.get_mut(..n_slots) else {
        return false;
    };
    marks.fill(0);
    let mut machine = Machine {
        code,
        text,
        marks,
        stack,
        at_hand,
    };
    let mut here = Threads {
        entries: here,
        n_threads: 0,
        n_slots,
    };
    let mut there = Threads {
        entries: there,
        n_threads: 0,
        n_slots,
    };
    let mut is_match = false;
    let mut at = start;
    loop {
        if here.n_threads == 0 {
            if is_match || flags & flag::ANCHORED != 0 && at > 0 {
                return is_match;
            }
            match next_start(program, flags, text, at) {
                Some(next) => at = next,
                None => return false,
            }
        }
        if !is_match && (flags & flag::ANCHORED == 0 || at == 0) {
            machine.at_hand.fill(u32::MAX);
            if let Some(slot) = machine.at_hand.first_mut() {
                *slot = at as u32;
            }
            if machine.add(&mut here, 0, at) && n_slots == 0 {
                return true;
            }
        }
        let (char, length) = decode(text, at).unwrap_or((u32::MAX, 1));
        there.n_threads = 0;
        for index in 0..here.n_threads {
            let (pc, thread_slots) = here.get(index);
            let instruction = word(code, pc);
            let steps = match operation(instruction) {
                op::CHAR => char == argument(instruction),
                op::ANY => char != u32::MAX,
                op::ANY_BUT_NEWLINE => char != u32::MAX && char != 10,
                op::CLASS => contains(class_ranges(program, argument(instruction)), char),
                _ => {
                    // A match; the threads behind this one have less precedence.
                    is_match = true;
                    slots.copy_from_slice(thread_slots);
                    if let Some(slot) = slots.get_mut(1) {
                        *slot = at as u32;
                    }
                    break;
                }
            };
            if steps {
                machine.at_hand.copy_from_slice(thread_slots);
                if machine.add(&mut there, pc + 1, at + length) && n_slots == 0 {
                    return true;
                }
            }
        }
        if at >= text.len() {
            return is_match;
        }
        core::mem::swap(&mut here, &mut there);
        at += length;
    }
}

/// Whether a character is in one of the ascending ranges.
pub(crate) fn contains(ranges: &[[u32; 2]], char: u32) -> bool {
    let (mut low, mut high) = (0, ranges.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match ranges.get(middle) {
            Some([_, last]) if *last < char => low = middle + 1,
            Some([first, _]) if *first > char => high = middle,
            _ => return true,
        }
    }
    false
}

/// Where a match may start, from a position on.
fn next_start(program: &[u32], flags: u32, text: &[u8], at: usize) -> Option<usize> {
    if flags & flag::ANCHORED != 0 {
        return Some(at);
    }
    if word(program, header::PREFIX_LENGTH) > 0 {
        return find_prefix(program, text, at);
    }
    if flags & flag::HAS_FIRST == 0 {
        return Some(at);
    }
    let beyond_ascii = flags & flag::FIRST_BEYOND_ASCII != 0;
    let rest = text.get(at..)?;
    let first = program.get(header::FIRST..)?.first_chunk::<4>()?;
    let found = rest.iter().position(|byte| match byte {
        0..0x80 => first[usize::from(*byte / 32)] >> (byte % 32) & 1 == 1,
        0x80..0xC0 => false,
        _ => beyond_ascii,
    })?;
    Some(at + found)
}

fn find_prefix(program: &[u32], text: &[u8], start: usize) -> Option<usize> {
    let length = word(program, header::PREFIX_LENGTH) as usize;
    let byte_at = |index: usize| {
        let bytes = word(program, header::SIZE + index / 4);
        (bytes >> (8 * (index % 4))) as u8
    };
    let first = byte_at(0);
    let last_start = text.len().checked_sub(length)?;
    (start..=last_start).find(|at| {
        text.get(*at) == Some(&first)
            && (1..length).all(|index| text.get(at + index).copied() == Some(byte_at(index)))
    })
}

/// Threads in the order of their precedence: where each goes on, and its slots.
struct Threads<'a> {
    entries: &'a mut [u32],
    n_threads: usize,
    n_slots: usize,
}

impl Threads<'_> {
    fn get(&self, index: usize) -> (usize, &[u32]) {
        let size = 1 + self.n_slots;
        match self.entries.get(index * size..(index + 1) * size) {
            Some([pc, slots @ ..]) => (*pc as usize, slots),
            _ => (0, &[]),
        }
    }

    fn push(&mut self, pc: usize, slots: &[u32]) {
        let size = 1 + self.n_slots;
        let at = self.n_threads * size;
        if let Some([slot, room @ ..]) = self.entries.get_mut(at..at + size) {
            *slot = pc as u32;
            room.copy_from_slice(slots);
            self.n_threads += 1;
        }
    }
}

struct Machine<'a> {
    code: &'a [u32],
    text: &'a [u8],
    /// For each instruction the position, plus one, at which it was last reached
    marks: &'a mut [u32],
    /// Pairs: an instruction to go on with; or a slot, with its highest bit set, and what it held before
    stack: &'a mut [u32],
    at_hand: &'a mut [u32],
}

const RESTORE: u32 = 1 << 31;

impl Machine<'_> {
    /// Adds the threads that go on from an instruction, with the slots at hand; whether one of them is a match.
    fn add(&mut self, threads: &mut Threads<'_>, pc: usize, at: usize) -> bool {
        let mut is_match = false;
        let mut depth = 0;
        let push = |stack: &mut [u32], depth: &mut usize, first: u32, second: u32| {
            if let Some([slot_first, slot_second]) = stack.get_mut(*depth..*depth + 2) {
                *slot_first = first;
                *slot_second = second;
                *depth += 2;
            }
        };
        let mut pc = pc;
        loop {
            while let Some(mark) = self.marks.get_mut(pc)
                && *mark != at as u32 + 1
            {
                *mark = at as u32 + 1;
                let instruction = word(self.code, pc);
                pc = match operation(instruction) {
                    op::JUMP => target(pc, instruction),
                    op::SPLIT => {
                        push(self.stack, &mut depth, target(pc, instruction) as u32, 0);
                        pc + 1
                    }
                    op::SPLIT_THERE => {
                        push(self.stack, &mut depth, pc as u32 + 1, 0);
                        target(pc, instruction)
                    }
                    op::SAVE => {
                        let number = argument(instruction);
                        if let Some(slot) = self.at_hand.get_mut(number as usize) {
                            push(self.stack, &mut depth, number | RESTORE, *slot);
                            *slot = at as u32;
                        }
                        pc + 1
                    }
                    op::ASSERT => {
                        if !self.holds(argument(instruction), at) {
                            break;
                        }
                        pc + 1
                    }
                    operation => {
                        is_match |= operation == op::MATCH;
                        threads.push(pc, self.at_hand);
                        break;
                    }
                };
            }
            // What was put off: slots to restore, then an instruction.
            loop {
                let Some([first, second]) = depth
                    .checked_sub(2)
                    .and_then(|start| self.stack.get(start..depth))
                else {
                    return is_match;
                };
                depth -= 2;
                if first & RESTORE == 0 {
                    pc = *first as usize;
                    break;
                }
                if let Some(slot) = self.at_hand.get_mut((first & !RESTORE) as usize) {
                    *slot = *second;
                }
            }
        }
    }

    fn holds(&self, condition: u32, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.text.get(at));
        let behind = self.text.get(at);
        let is_word = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        match condition {
            assert::TEXT_START => at == 0,
            assert::TEXT_END => behind.is_none(),
            assert::LINE_START => before.is_none_or(|byte| *byte == b'\n'),
            assert::LINE_END => behind.is_none_or(|byte| *byte == b'\n'),
            assert::WORD_BOUNDARY => is_word(before) != is_word(behind),
            _ => is_word(before) == is_word(behind),
        }
    }
}
