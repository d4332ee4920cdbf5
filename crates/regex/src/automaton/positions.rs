//! Patterns that say of each character of a text what it may be: codes and numbers of one length.

extern crate alloc;

use super::{ASCII_WORDS, MATCHED, header};
use crate::program::word;
use alloc::vec::Vec;

/// Longer texts take the automaton.
const MAX_POSITIONS: usize = 32;

/// The first and the last character that may stand at each position, where exactly such texts match: of one length, and
/// ASCII. Nothing for other patterns.
pub fn positions(automaton: &[u32]) -> Option<Vec<[u8; 2]>> {
    let n_classes = word(automaton, header::N_CLASSES) as usize;
    let n_runs = word(automaton, header::N_RUNS) as usize;
    let n_states = word(automaton, header::N_STATES) as usize;
    let (ascii, rest) = automaton
        .get(header::SIZE..)?
        .split_at_checked(ASCII_WORDS)?;
    let (runs, rest) = rest.split_at_checked(n_runs)?;
    let (accepting, transitions) = rest.split_at_checked(n_states.div_ceil(32))?;
    let class_of = |byte: usize| word(ascii, byte / 4) >> (8 * (byte % 4)) & 0xff;
    let mut positions = Vec::new();
    let mut row = word(automaton, header::START) as usize;
    // The row of the state that nothing leads out of is the first one.
    while row > usize::from(MATCHED) * n_classes {
        let targets = transitions.get(row..row + n_classes)?;
        let target_of = |class: u32| word(targets, class as usize);
        let mut next = targets.iter().copied().filter(|target| *target != 0);
        let state = row / n_classes;
        if word(accepting, state / 32) >> (state % 32) & 1 == 1 {
            let is_end = next.next().is_none() && !positions.is_empty();
            return is_end.then_some(positions);
        }
        let target = next.next()?;
        if next.any(|other| other != target) || positions.len() == MAX_POSITIONS {
            return None;
        }
        if runs.iter().any(|run| target_of(run >> 24) == target) {
            return None;
        }
        let leads_on = |byte: &usize| target_of(class_of(*byte)) == target;
        let first = (0..128).find(leads_on)?;
        let last = (0..128).rfind(leads_on)?;
        if !(first..=last).all(|byte| leads_on(&byte)) {
            return None;
        }
        positions.push([first as u8, last as u8]);
        row = target as usize;
    }
    None
}
