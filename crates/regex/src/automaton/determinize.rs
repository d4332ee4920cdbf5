//! From programs to automata: a state is what a set of threads waits for.

extern crate alloc;

use super::{ASCII_WORDS, DEAD, MATCHED, header};
use crate::machine::contains;
use crate::program::{
    self, argument, assert, class_ranges, flag, header as program_header, op, operation, target,
    word,
};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Bounds the transitions of an automaton, of four bytes each.
const MAX_TRANSITIONS: usize = 1 << 12;
/// Bounds the runs of characters beyond ASCII, of four bytes each.
const MAX_RUNS: usize = 1 << 11;
/// Bounds the work for each transition.
const MAX_INSTRUCTIONS: usize = 1 << 11;
/// Bounds the work of finding the classes of characters.
const MAX_TESTS: usize = 1 << 22;

/// The automaton of a program; nothing where it would be large.
pub fn determinize(program: &[u32]) -> Option<Vec<u32>> {
    let flags = word(program, program_header::FLAGS);
    let start = word(program, program_header::CODE_START) as usize;
    let length = word(program, program_header::CODE_LENGTH) as usize;
    let code = if flags & flag::LITERAL != 0 {
        literal_code(program)
    } else {
        program.get(start..start + length)?.to_vec()
    };
    if code.len() > MAX_INSTRUCTIONS {
        return None;
    }
    let classes = Classes::of(program, &code)?;
    let mut builder = Builder {
        program,
        code: &code,
        is_anchored: flags & flag::ANCHORED != 0,
        classes: &classes,
        numbers: BTreeMap::new(),
        states: Vec::new(),
    };
    builder.build()
}

/// What the prefix is as instructions.
fn literal_code(program: &[u32]) -> Vec<u32> {
    let length = word(program, program_header::PREFIX_LENGTH) as usize;
    let bytes: Vec<u8> = (0..length)
        .map(|index| (word(program, program_header::SIZE + index / 4) >> (8 * (index % 4))) as u8)
        .collect();
    let mut code = Vec::new();
    let mut at = 0;
    while let Some((char, n_bytes)) = crate::machine::decode(&bytes, at) {
        code.push(program::instruction(op::CHAR, char));
        at += n_bytes;
    }
    code.push(program::instruction(op::MATCH, 0));
    code
}

/// What stands before a place of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    /// Nothing
    Start,
    Newline,
    /// A character of words
    Word,
    Other,
}

/// What stands behind it.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Unknown,
    End,
    Char(u32),
}

fn is_word(char: u32) -> bool {
    u8::try_from(char).is_ok_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Before {
    fn of(char: u32) -> Self {
        match char {
            10 => Self::Newline,
            char if is_word(char) => Self::Word,
            _ => Self::Other,
        }
    }
}

/// Characters that no instruction tells apart have one class.
struct Classes {
    /// Where each run of characters of one class starts, ascending from 0, and the class
    runs: Vec<(u32, u8)>,
    /// A character of each class
    examples: Vec<u32>,
}

impl Classes {
    fn of(program: &[u32], code: &[u32]) -> Option<Self> {
        // Ranges of instructions; asserts look at newlines and words.
        let mut tests: Vec<&[[u32; 2]]> = Vec::new();
        let mut chars: Vec<u32> = Vec::new();
        let mut starts: Vec<u32> = alloc::vec![0, 0x80];
        let mut asserts = false;
        for instruction in code {
            match operation(*instruction) {
                op::CHAR => chars.push(argument(*instruction)),
                op::CLASS => tests.push(class_ranges(program, argument(*instruction))),
                op::ANY_BUT_NEWLINE => chars.push(10),
                op::ASSERT => asserts = true,
                _ => {}
            }
        }
        const NEWLINE: &[[u32; 2]] = &[[10, 10]];
        const WORDS: &[[u32; 2]] = &[[48, 57], [65, 90], [95, 95], [97, 122]];
        if asserts {
            tests.extend([NEWLINE, WORDS]);
        }
        tests.sort_unstable();
        tests.dedup();
        chars.sort_unstable();
        chars.dedup();
        let ends = |[first, last]: &[u32; 2]| [*first, *last + 1];
        starts.extend(tests.iter().flat_map(|test| test.iter().flat_map(ends)));
        starts.extend(chars.iter().flat_map(|char| [*char, *char + 1]));
        starts.sort_unstable();
        starts.dedup();
        if starts.len() * tests.len().max(1) > MAX_TESTS {
            return None;
        }
        let mut numbers: BTreeMap<(Option<u32>, Vec<bool>), u8> = BTreeMap::new();
        let mut classes = Self {
            runs: Vec::new(),
            examples: Vec::new(),
        };
        for start in starts.into_iter().filter(|start| *start <= 0x10_ffff) {
            let char = chars.binary_search(&start).is_ok().then_some(start);
            let passed = tests.iter().map(|test| contains(test, start)).collect();
            let next = numbers.len();
            let number = *numbers
                .entry((char, passed))
                .or_insert_with(|| next.min(usize::from(u8::MAX)) as u8);
            if usize::from(number) == usize::from(u8::MAX) {
                return None;
            }
            if usize::from(number) == classes.examples.len() {
                classes.examples.push(start);
            }
            // The run beyond ASCII starts anew, so that it can be a table of its own.
            if start == 0x80 || classes.runs.last().is_none_or(|(_, last)| *last != number) {
                classes.runs.push((start, number));
            }
        }
        (classes.runs.len() <= MAX_RUNS).then_some(classes)
    }

    fn of_ascii(&self, char: u32) -> u8 {
        let before = self.runs.partition_point(|(start, _)| *start <= char);
        self.runs
            .get(before.wrapping_sub(1))
            .map_or(0, |(_, class)| *class)
    }
}

/// Instructions that threads wait at, ascending, and what stands before them where that matters.
type Key = (Vec<u16>, Before);

struct Builder<'a> {
    program: &'a [u32],
    code: &'a [u32],
    is_anchored: bool,
    classes: &'a Classes,
    numbers: BTreeMap<Key, u16>,
    /// The keys of the states from 2 on
    states: Vec<Key>,
}

impl Builder<'_> {
    fn build(&mut self) -> Option<Vec<u32>> {
        let n_classes = self.classes.examples.len();
        let start = self.state(&[0], Before::Start);
        // The first two states have rows as well, so that a state's number is the number of its row.
        let mut transitions: Vec<u16> = alloc::vec![0; 2 * n_classes];
        let mut accepting: Vec<bool> = alloc::vec![false, true];
        let mut index = 0;
        while let Some(key) = self.states.get(index).cloned() {
            for example in &self.classes.examples {
                transitions.push(self.step(&key, *example));
            }
            if transitions.len() > MAX_TRANSITIONS {
                return None;
            }
            accepting.push(self.closure(&key.0, key.1, Behind::End).is_none());
            index += 1;
        }
        Some(self.encode(start, &accepting, &transitions))
    }

    /// Where a character leads.
    fn step(&mut self, (items, before): &Key, char: u32) -> u16 {
        let Some(items) = self.closure(items, *before, Behind::Char(char)) else {
            return MATCHED;
        };
        let mut next: Vec<u16> = items
            .into_iter()
            .filter(|pc| self.takes(word(self.code, usize::from(*pc)), char))
            .map(|pc| pc + 1)
            .collect();
        if !self.is_anchored {
            next.push(0);
        }
        self.state(&next, Before::of(char))
    }

    fn takes(&self, instruction: u32, char: u32) -> bool {
        match operation(instruction) {
            op::CHAR => char == argument(instruction),
            op::ANY => true,
            op::ANY_BUT_NEWLINE => char != 10,
            op::CLASS => contains(class_ranges(self.program, argument(instruction)), char),
            _ => false,
        }
    }

    /// The number of the state of threads that go on at these instructions.
    fn state(&mut self, pcs: &[u16], before: Before) -> u16 {
        let Some(items) = self.closure(pcs, before, Behind::Unknown) else {
            return MATCHED;
        };
        // Elsewhere a match may still start at the next line.
        if items.is_empty() && self.is_anchored {
            return DEAD;
        }
        let looks_around = items
            .iter()
            .any(|pc| operation(word(self.code, usize::from(*pc))) == op::ASSERT);
        let key = (items, if looks_around { before } else { Before::Other });
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        // States end with the bound of transitions, long before the numbers do.
        let number = self.states.len().min(usize::from(u16::MAX) - 2) as u16 + 2;
        self.numbers.insert(key.clone(), number);
        self.states.push(key);
        number
    }

    /// The instructions that take a character, and the conditions that can't be told yet; nothing where there is
    /// a match already.
    fn closure(&self, pcs: &[u16], before: Before, behind: Behind) -> Option<Vec<u16>> {
        let mut seen = alloc::vec![false; self.code.len()];
        let mut stack: Vec<usize> = pcs.iter().map(|pc| usize::from(*pc)).collect();
        let mut items = Vec::new();
        while let Some(pc) = stack.pop() {
            match seen.get_mut(pc) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            let instruction = word(self.code, pc);
            match operation(instruction) {
                op::JUMP => stack.push(target(pc, instruction)),
                op::SPLIT | op::SPLIT_THERE => {
                    stack.extend([pc + 1, target(pc, instruction)]);
                }
                op::SAVE => stack.push(pc + 1),
                op::MATCH => return None,
                op::ASSERT => match holds(argument(instruction), before, behind) {
                    Some(true) => stack.push(pc + 1),
                    Some(false) => {}
                    None => items.push(pc as u16),
                },
                _ => items.push(pc as u16),
            }
        }
        items.sort_unstable();
        Some(items)
    }

    fn encode(&self, start: u16, accepting: &[bool], transitions: &[u16]) -> Vec<u32> {
        let beyond_ascii = self.classes.runs.iter().filter(|(start, _)| *start >= 0x80);
        let mut words = alloc::vec![0; header::SIZE];
        words.extend((0..ASCII_WORDS as u32).map(|index| {
            let class = |offset| u32::from(self.classes.of_ascii(4 * index + offset));
            class(0) | class(1) << 8 | class(2) << 16 | class(3) << 24
        }));
        words.extend(beyond_ascii.map(|(start, class)| start | u32::from(*class) << 24));
        let n_runs = words.len() - header::SIZE - ASCII_WORDS;
        words.extend(accepting.chunks(32).map(|chunk| {
            let bits = chunk.iter().enumerate();
            bits.fold(0, |word, (bit, accepts)| word | u32::from(*accepts) << bit)
        }));
        let n_classes = self.classes.examples.len() as u32;
        let row = |state: u16| u32::from(state) * n_classes;
        words.extend(transitions.iter().map(|state| row(*state)));
        words[header::N_WORDS] = words.len() as u32;
        words[header::N_CLASSES] = n_classes;
        words[header::START] = row(start);
        words[header::N_RUNS] = n_runs as u32;
        words[header::N_STATES] = accepting.len() as u32;
        words
    }
}

/// Whether a condition holds, where that can be told.
fn holds(condition: u32, before: Before, behind: Behind) -> Option<bool> {
    let at_newline = || match behind {
        Behind::Unknown => None,
        Behind::End => Some(true),
        Behind::Char(char) => Some(char == 10),
    };
    let at_boundary = || match behind {
        Behind::Unknown => None,
        Behind::End => Some(before == Before::Word),
        Behind::Char(char) => Some((before == Before::Word) != is_word(char)),
    };
    match condition {
        assert::TEXT_START => Some(before == Before::Start),
        assert::TEXT_END => match behind {
            Behind::Unknown => None,
            Behind::End => Some(true),
            Behind::Char(_) => Some(false),
        },
        assert::LINE_START => Some(matches!(before, Before::Start | Before::Newline)),
        assert::LINE_END => at_newline(),
        assert::WORD_BOUNDARY => at_boundary(),
        _ => at_boundary().map(|is_boundary| !is_boundary),
    }
}
