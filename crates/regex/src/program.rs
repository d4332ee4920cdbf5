//! The words of a program: header, literal prefix, code, character classes.
//!
//! An instruction is one word: the operation in the low 8 bits, its argument above. Jumps are relative.

/// Bounds the length of programs, and so the memory and time for each character.
pub(crate) const MAX_WORDS: usize = 1 << 15;

/// Words of the header, by index.
pub(crate) mod header {
    pub(crate) const N_WORDS: usize = 0;
    /// Capturing groups, without the whole
    pub(crate) const N_GROUPS: usize = 1;
    pub(crate) const FLAGS: usize = 2;
    /// Bytes that every match starts with
    pub(crate) const PREFIX_LENGTH: usize = 3;
    pub(crate) const CODE_START: usize = 4;
    pub(crate) const CODE_LENGTH: usize = 5;
    /// 128 bits: the ASCII characters that a match may start with
    pub(crate) const FIRST: usize = 6;
    pub(crate) const SIZE: usize = 10;
}

/// Bits of the header's flags.
pub(crate) mod flag {
    /// Matches start where the text starts
    pub(crate) const ANCHORED: u32 = 1;
    /// The prefix is all there is
    pub(crate) const LITERAL: u32 = 2;
    /// The set of first characters is known: matches are not empty
    pub(crate) const HAS_FIRST: u32 = 4;
    /// It contains all characters beyond ASCII
    pub(crate) const FIRST_BEYOND_ASCII: u32 = 8;
}

/// Operations.
pub(crate) mod op {
    /// This character
    pub(crate) const CHAR: u32 = 0;
    /// A character of the class so many words before the end of the program
    pub(crate) const CLASS: u32 = 1;
    pub(crate) const ANY: u32 = 2;
    pub(crate) const ANY_BUT_NEWLINE: u32 = 3;
    /// Go on there
    pub(crate) const JUMP: u32 = 4;
    /// Go on here, or else there
    pub(crate) const SPLIT: u32 = 5;
    /// Go on there, or else here
    pub(crate) const SPLIT_THERE: u32 = 6;
    /// Note the position in this slot
    pub(crate) const SAVE: u32 = 7;
    /// Go on where the condition holds
    pub(crate) const ASSERT: u32 = 8;
    pub(crate) const MATCH: u32 = 9;
}

/// Conditions of `ASSERT`.
pub(crate) mod assert {
    pub(crate) const TEXT_START: u32 = 0;
    pub(crate) const TEXT_END: u32 = 1;
    pub(crate) const LINE_START: u32 = 2;
    pub(crate) const LINE_END: u32 = 3;
    pub(crate) const WORD_BOUNDARY: u32 = 4;
    pub(crate) const NOT_WORD_BOUNDARY: u32 = 5;
}

/// An instruction.
pub(crate) const fn instruction(op: u32, argument: u32) -> u32 {
    op | argument << 8
}

/// A jump by so many words from its own position.
pub(crate) const fn jump(op: u32, distance: i32) -> u32 {
    op | (distance as u32) << 8
}

/// The operation of an instruction.
pub(crate) const fn operation(word: u32) -> u32 {
    word & 0xff
}

/// The argument of an instruction.
pub(crate) const fn argument(word: u32) -> u32 {
    word >> 8
}

/// Where the jump at this position leads.
pub(crate) const fn target(at: usize, word: u32) -> usize {
    at.wrapping_add((word as i32 >> 8) as isize as usize)
}

/// A word of a program; nothing beyond its end.
pub(crate) fn word(program: &[u32], index: usize) -> u32 {
    program.get(index).copied().unwrap_or(0)
}

/// How many capturing groups a program has, without the whole match.
pub fn n_groups(program: &[u32]) -> usize {
    word(program, header::N_GROUPS) as usize
}

/// The ranges (first, last) of a class.
pub(crate) fn class_ranges(program: &[u32], from_end: u32) -> &[[u32; 2]] {
    let n_words = word(program, header::N_WORDS) as usize;
    let start = n_words.wrapping_sub(from_end as usize);
    let n_ranges = word(program, start) as usize;
    program
        .get(start + 1..start + 1 + 2 * n_ranges)
        .map_or(&[], |words| words.as_chunks().0)
}
