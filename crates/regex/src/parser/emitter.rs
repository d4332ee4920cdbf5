//! The buffer that a program is built in: code from the front, classes from the back.

use crate::class::Class;
use crate::machine::encode;
use crate::program::{
    MAX_WORDS, argument, assert, class_ranges, flag, header, instruction, jump, op, operation,
    target,
};

/// Room for the header and the longest prefix, which are known last.
const MAX_PREFIX_BYTES: usize = 24;

pub(super) struct Emitter<'a> {
    buffer: &'a mut [u32],
    /// Words of code
    length: usize,
    /// Words of classes
    n_class_words: usize,
    is_full: bool,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(buffer: &'a mut [u32]) -> Self {
        let length = buffer.len().min(MAX_WORDS);
        Self {
            buffer: buffer.get_mut(..length).unwrap_or_default(),
            length: 0,
            n_class_words: 0,
            is_full: false,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    fn n_free(&self) -> usize {
        self.buffer.len() - self.length - self.n_class_words
    }

    pub(super) fn emit(&mut self, op: u32, argument: u32) {
        if self.n_free() == 0 {
            self.is_full = true;
            return;
        }
        if let Some(slot) = self.buffer.get_mut(self.length) {
            *slot = instruction(op, argument);
            self.length += 1;
        }
    }

    pub(super) fn argument(&self, at: usize) -> u32 {
        self.buffer.get(at).map_or(0, |word| argument(*word))
    }

    pub(super) fn put_jump(&mut self, op: u32, at: usize, to: usize) {
        if let Some(slot) = self.buffer.get_mut(at) {
            *slot = jump(op, to as i32 - at as i32);
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Makes room before the code from `at` on.
    pub(super) fn insert(&mut self, at: usize, n_words: usize) {
        if self.n_free() < n_words {
            self.is_full = true;
            return;
        }
        self.buffer.copy_within(at..self.length, at + n_words);
        self.length += n_words;
    }

    /// Appends a copy of earlier code.
    pub(super) fn copy(&mut self, start: usize, length: usize) {
        if self.n_free() < length {
            self.is_full = true;
            return;
        }
        self.buffer.copy_within(start..start + length, self.length);
        self.length += length;
    }

    /// The room for a class under construction; one word before it is for their number.
    pub(super) fn class_room(&mut self) -> Class<'_> {
        let end = self.buffer.len() - self.n_class_words;
        let start = (self.length + 1).min(end);
        Class::new(self.buffer.get_mut(start..end).unwrap_or_default())
    }

    /// Appends an instruction for the class that was built, with so many words, in the room.
    pub(super) fn emit_class(&mut self, n_words: Option<usize>) {
        let Some(n_words) = n_words else {
            self.is_full = true;
            return;
        };
        let start = self.length + 1;
        match self.buffer.get(start..start + n_words).unwrap_or_default() {
            [first, last] if first == last => return self.emit(op::CHAR, *first),
            [0, crate::class::MAX] => return self.emit(op::ANY, 0),
            [0, 9, 11, crate::class::MAX] => return self.emit(op::ANY_BUT_NEWLINE, 0),
            _ => {}
        }
        // The number, the ranges and the instruction.
        if self.n_free() < n_words + 2 {
            self.is_full = true;
            return;
        }
        if let Some(slot) = self.buffer.get_mut(self.length) {
            *slot = (n_words / 2) as u32;
        }
        let from_end = self.find_class(n_words + 1).unwrap_or_else(|| {
            self.n_class_words += n_words + 1;
            let to = self.buffer.len() - self.n_class_words;
            self.buffer
                .copy_within(self.length..self.length + n_words + 1, to);
            self.n_class_words
        });
        self.emit(op::CLASS, from_end as u32);
    }

    /// An equal class among the earlier ones.
    fn find_class(&self, n_words: usize) -> Option<usize> {
        let sought = self.buffer.get(self.length..self.length + n_words)?;
        let mut from_end = self.n_class_words;
        while from_end > 0 {
            let rest = self.buffer.get(self.buffer.len() - from_end..)?;
            if rest.starts_with(sought) {
                return Some(from_end);
            }
            from_end = from_end.saturating_sub(*rest.first()? as usize * 2 + 1);
        }
        None
    }

    /// Completes the program; gives its length.
    pub(super) fn finish(mut self, n_captures: u32) -> Option<usize> {
        if self.is_full {
            return None;
        }
        let mut prefix = [0; MAX_PREFIX_BYTES];
        let (prefix_length, flags) = self.prefix(&mut prefix);
        let n_prefix_words = prefix_length.div_ceil(4);
        let code_start = header::SIZE + n_prefix_words;
        // One set of marks for each instruction while the first characters are sought.
        if self.n_free() < code_start + self.length {
            return None;
        }
        let capacity = self.buffer.len();
        let n_words = code_start + self.length + self.n_class_words;
        self.buffer.copy_within(0..self.length, code_start);
        self.buffer
            .copy_within(capacity - self.n_class_words.., code_start + self.length);
        let (head, _) = self.buffer.split_at_mut_checked(code_start)?;
        head.fill(0);
        head[header::N_WORDS] = n_words as u32;
        head[header::N_GROUPS] = n_captures;
        head[header::FLAGS] = flags;
        head[header::PREFIX_LENGTH] = prefix_length as u32;
        head[header::CODE_START] = code_start as u32;
        head[header::CODE_LENGTH] = self.length as u32;
        for (word, bytes) in head[header::SIZE..].iter_mut().zip(prefix.chunks(4)) {
            for (index, byte) in bytes.iter().enumerate() {
                *word |= u32::from(*byte) << (8 * index);
            }
        }
        if prefix_length == 0 {
            self.note_first_characters(n_words);
        }
        Some(n_words)
    }

    /// The bytes that every match starts with, how many they are, and flags.
    fn prefix(&self, prefix: &mut [u8; MAX_PREFIX_BYTES]) -> (usize, u32) {
        let mut length = 0;
        let mut flags = 0;
        for (at, word) in self.buffer.iter().take(self.length).enumerate() {
            match operation(*word) {
                op::CHAR => {
                    let mut bytes = [0; 4];
                    let n_bytes = encode(argument(*word), &mut bytes);
                    let Some(room) = prefix.get_mut(length..length + n_bytes) else {
                        break;
                    };
                    for (slot, byte) in room.iter_mut().zip(bytes) {
                        *slot = byte;
                    }
                    length += n_bytes;
                }
                op::ASSERT if length == 0 && argument(*word) == assert::TEXT_START => {
                    flags |= flag::ANCHORED;
                }
                op::SAVE => {}
                op::MATCH if length > 0 && flags == 0 => {
                    let has_only_chars = self
                        .buffer
                        .iter()
                        .take(at)
                        .all(|word| operation(*word) == op::CHAR);
                    if has_only_chars {
                        flags |= flag::LITERAL;
                    }
                    break;
                }
                _ => break,
            }
        }
        (length, flags)
    }

    /// Follows the program, complete but for this, to the first characters that it may read.
    fn note_first_characters(&mut self, n_words: usize) {
        let code_start = self.buffer[header::CODE_START] as usize;
        let mut first = [0_u32; 4];
        let mut beyond_ascii = false;
        let (program, marks) = self.buffer.split_at_mut(n_words);
        let Some(marks) = marks.get_mut(..self.length) else {
            return;
        };
        // 0 unseen, 1 to be looked at, 2 done
        marks.fill(0);
        marks[0] = 1;
        let mut n_open = 1;
        while n_open > 0 {
            for at in 0..marks.len() {
                if marks[at] != 1 {
                    continue;
                }
                marks[at] = 2;
                n_open -= 1;
                let word = program[code_start + at];
                let mut open = |at: usize| {
                    if let Some(mark @ 0) = marks.get_mut(at) {
                        *mark = 1;
                        n_open += 1;
                    }
                };
                let mut note = |from: u32, to: u32| {
                    beyond_ascii |= to > 127;
                    for char in from..=to.min(127) {
                        first[char as usize / 32] |= 1 << (char % 32);
                    }
                };
                match operation(word) {
                    op::MATCH => return,
                    op::CHAR => note(argument(word), argument(word)),
                    op::ANY | op::ANY_BUT_NEWLINE => note(0, crate::class::MAX),
                    op::CLASS => {
                        for [from, to] in class_ranges(program, argument(word)) {
                            note(*from, *to);
                        }
                    }
                    op::JUMP => open(target(at, word)),
                    op::SPLIT | op::SPLIT_THERE => {
                        open(at + 1);
                        open(target(at, word));
                    }
                    _ => open(at + 1),
                }
            }
        }
        program[header::FLAGS] |= flag::HAS_FIRST;
        if beyond_ascii {
            program[header::FLAGS] |= flag::FIRST_BEYOND_ASCII;
        }
        for (slot, word) in program[header::FIRST..].iter_mut().zip(first) {
            *slot = word;
        }
    }
}
