//! Deterministic automata: whether a pattern matches at all, at one step for each character.
//!
//! They are made from programs where there is an allocator (feature `determinize`), and are words like programs are:
//! static data of compiled rules, run without scratch memory. Patterns whose automaton would be large have none, and
//! take Pike's machine.
//!
//! The words: a header, the classes of ASCII characters as bytes, where each run of other characters starts (its class
//! in the high 8 bits), a bit for each state that accepts at the end of the text, and the transitions, a
//! row of classes for each state, as the places of the rows that they lead to.

#[cfg(feature = "determinize")]
mod determinize;

#[cfg(feature = "determinize")]
mod positions;

#[cfg(feature = "determinize")]
pub use determinize::determinize;
#[cfg(feature = "determinize")]
pub use positions::positions;

use crate::machine::decode;
use crate::program::word;

/// The state that no text leads out of: there is no match.
#[cfg(feature = "determinize")]
pub(crate) const DEAD: u16 = 0;
/// The state that is entered with the first match.
pub(crate) const MATCHED: u16 = 1;

/// Words of the header, by index.
pub(crate) mod header {
    /// All words, as in programs
    #[cfg(feature = "determinize")]
    pub(crate) const N_WORDS: usize = 0;
    pub(crate) const N_CLASSES: usize = 1;
    /// The place of its row
    pub(crate) const START: usize = 2;
    /// Runs of characters beyond ASCII
    pub(crate) const N_RUNS: usize = 3;
    pub(crate) const N_STATES: usize = 4;
    pub(crate) const SIZE: usize = 5;
}

/// Words of the classes of ASCII characters.
pub(crate) const ASCII_WORDS: usize = 128 / 4;

/// Whether the pattern of an automaton matches somewhere in UTF-8 text.
pub fn is_match(automaton: &[u32], text: &[u8]) -> bool {
    let n_classes = word(automaton, header::N_CLASSES) as usize;
    let n_runs = word(automaton, header::N_RUNS) as usize;
    let n_states = word(automaton, header::N_STATES) as usize;
    let Some((ascii, rest)) = automaton
        .get(header::SIZE..)
        .and_then(|rest| rest.split_at_checked(ASCII_WORDS))
    else {
        return false;
    };
    let Some((runs, rest)) = rest.split_at_checked(n_runs) else {
        return false;
    };
    let Some((accepting, transitions)) = rest.split_at_checked(n_states.div_ceil(32)) else {
        return false;
    };
    let mut state = word(automaton, header::START) as usize;
    let mut at = 0;
    // From here on a state is the place of its row: nothing is multiplied on the way from one to the next.
    while state > usize::from(MATCHED) * n_classes {
        let Some(byte) = text.get(at) else {
            let state = state / n_classes.max(1);
            return word(accepting, state / 32) >> (state % 32) & 1 == 1;
        };
        let class = if *byte < 0x80 {
            at += 1;
            word(ascii, usize::from(*byte / 4)) >> (8 * (byte % 4)) & 0xff
        } else {
            let (char, length) = decode(text, at).unwrap_or_default();
            at += length;
            class_beyond_ascii(runs, char)
        };
        state = word(transitions, state + class as usize) as usize;
    }
    state == usize::from(MATCHED) * n_classes
}

/// The class of the last run that starts at the character or before it.
fn class_beyond_ascii(runs: &[u32], char: u32) -> u32 {
    let (mut low, mut high) = (0, runs.len());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if word(runs, middle) & 0xff_ffff <= char {
            low = middle;
        } else {
            high = middle;
        }
    }
    word(runs, low) >> 24
}
