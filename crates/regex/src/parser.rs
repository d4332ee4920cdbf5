//! From a pattern to a program, in one pass and without recursion.
//!
//! Code is emitted as the pattern is read. Jumps are relative, so that what is repeated can be moved and copied.
//! The alternatives of an open group end in jumps that wait for its end, chained by their distances.

mod classes;
mod emitter;

use crate::program::{assert, op};
use crate::properties::Properties;
use crate::{Error, ErrorKind};
use emitter::Emitter;

const MAX_NESTING: usize = 100;
const MAX_REPEAT: u32 = 1000;

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

/// An open group.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    /// Where its last alternative starts
    branch_start: usize,
    /// The last jump that waits for the end, plus one
    waiting: usize,
    /// Whether an alternative before the last one matches nothing
    is_maybe_empty: bool,
    /// Whether the last alternative matches nothing, as far as it was read; without `last`
    is_branch_empty: bool,
    /// Number of the group, where it captures
    capture: Option<u32>,
    /// The flags to go back to
    outer_flags: Flags,
    /// Position in the pattern
    offset: usize,
}

/// What a repetition would repeat.
#[derive(Debug, Clone, Copy)]
enum Last {
    /// At the start of an alternative
    Nothing,
    /// Already repeated
    Repeated {
        is_maybe_empty: bool,
    },
    Atom {
        start: usize,
        is_maybe_empty: bool,
    },
}

struct Parser<'a, 'b, P> {
    pattern: &'a [u8],
    at: usize,
    properties: &'a P,
    code: Emitter<'b>,
    flags: Flags,
    groups: [Group; MAX_NESTING],
    depth: usize,
    last: Last,
    n_captures: u32,
}

/// Compiles a UTF-8 pattern into `buffer`; gives the number of words of the program. With too small a buffer the error is
/// [`ErrorKind::TooLarge`], and a larger one may help, up to 32768 words.
pub fn compile(
    pattern: &[u8],
    properties: &impl Properties,
    buffer: &mut [u32],
) -> Result<usize, Error> {
    let mut parser = Parser {
        pattern,
        at: 0,
        properties,
        code: Emitter::new(buffer),
        flags: Flags::default(),
        groups: [Group::default(); MAX_NESTING],
        depth: 0,
        last: Last::Nothing,
        n_captures: 0,
    };
    parser.groups[0].is_branch_empty = true;
    while parser.at < pattern.len() {
        parser.parse_next()?;
        if parser.code.is_full() {
            return Err(parser.error(ErrorKind::TooLarge, 0));
        }
    }
    if parser.depth > 0 {
        let offset = parser.group().offset;
        return Err(parser.error(ErrorKind::MissingParenthesis, offset));
    }
    parser.end_alternatives();
    parser.code.emit(op::MATCH, 0);
    let n_captures = parser.n_captures;
    parser.code.finish(n_captures).ok_or(Error {
        kind: ErrorKind::TooLarge,
        offset: 0,
    })
}

impl<P: Properties> Parser<'_, '_, P> {
    fn error(&self, kind: ErrorKind, offset: usize) -> Error {
        Error { kind, offset }
    }

    fn group(&mut self) -> &mut Group {
        let depth = self.depth.min(MAX_NESTING - 1);
        &mut self.groups[depth]
    }

    fn rest(&self) -> &[u8] {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// The next character, which is eaten.
    fn next_char(&mut self) -> Option<u32> {
        let (char, length) = crate::machine::decode(self.rest(), 0)?;
        self.at += length;
        Some(char)
    }

    fn parse_next(&mut self) -> Result<(), Error> {
        let start = self.at;
        let Some(char) = self.next_char() else {
            return Ok(());
        };
        match u8::try_from(char).unwrap_or(b'a') {
            b'(' => self.open_group(start)?,
            b')' => self.close_group(start)?,
            b'|' => self.end_branch(),
            b'*' => self.repeat(start, 0, None)?,
            b'+' => self.repeat(start, 1, None)?,
            b'?' => self.repeat(start, 0, Some(1))?,
            b'{' => match self.parse_bounds() {
                Some((least, most)) => self.repeat(start, least, most)?,
                None => self.literal(char),
            },
            b'^' => self.assertion(if self.flags.multi_line {
                assert::LINE_START
            } else {
                assert::TEXT_START
            }),
            b'$' => self.assertion(if self.flags.multi_line {
                assert::LINE_END
            } else {
                assert::TEXT_END
            }),
            b'.' => {
                self.begin_atom(false);
                let any = if self.flags.dot_all {
                    op::ANY
                } else {
                    op::ANY_BUT_NEWLINE
                };
                self.code.emit(any, 0);
            }
            b'[' => self.parse_bracket(start)?,
            b'\\' => self.parse_escape(start)?,
            _ => self.literal(char),
        }
        Ok(())
    }

    /// What comes next can be repeated.
    fn begin_atom(&mut self, is_maybe_empty: bool) {
        self.end_atom();
        self.last = Last::Atom {
            start: self.code.len(),
            is_maybe_empty,
        };
    }

    /// What came last can't be repeated any more.
    fn end_atom(&mut self) {
        let is_maybe_empty = match self.last {
            Last::Nothing => return,
            Last::Repeated { is_maybe_empty } | Last::Atom { is_maybe_empty, .. } => is_maybe_empty,
        };
        self.group().is_branch_empty &= is_maybe_empty;
        self.last = Last::Nothing;
    }

    fn literal(&mut self, char: u32) {
        if self.flags.ignore_case {
            return self
                .class(false, |_, class| {
                    class.add(char, char);
                    Ok(())
                })
                .unwrap_or(());
        }
        self.begin_atom(false);
        self.code.emit(op::CHAR, char);
    }

    fn assertion(&mut self, condition: u32) {
        self.begin_atom(true);
        self.code.emit(op::ASSERT, condition);
    }

    fn open_group(&mut self, offset: usize) -> Result<(), Error> {
        let outer_flags = self.flags;
        let mut capture = None;
        if self.eat(b"?P<")
            || self.rest().starts_with(b"?<")
                && !matches!(self.rest().get(2), Some(b'=' | b'!'))
                && self.eat(b"?<")
        {
            let start = self.at;
            while let Some(byte) = self.peek()
                && byte != b'>'
            {
                if !(byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(self.error(ErrorKind::InvalidGroupName, start));
                }
                self.at += 1;
            }
            if self.at == start || !self.eat(b">") {
                return Err(self.error(ErrorKind::InvalidGroupName, start));
            }
            self.n_captures += 1;
            capture = Some(self.n_captures);
        } else if self.eat(b"?") {
            if self.parse_flags(offset)? {
                // `(?i)`: for the rest of the group around
                self.end_atom();
                return Ok(());
            }
        } else {
            self.n_captures += 1;
            capture = Some(self.n_captures);
        }
        self.end_atom();
        if self.depth + 1 >= MAX_NESTING {
            return Err(self.error(ErrorKind::TooDeep, offset));
        }
        self.depth += 1;
        let start = self.code.len();
        if let Some(number) = capture {
            self.code.emit(op::SAVE, 2 * number);
        }
        let branch_start = self.code.len();
        *self.group() = Group {
            start,
            branch_start,
            waiting: 0,
            is_maybe_empty: false,
            is_branch_empty: true,
            capture,
            outer_flags,
            offset,
        };
        Ok(())
    }

    /// Flags behind `(?`; `true` where they end in `)`, `false` where they end in `:`.
    fn parse_flags(&mut self, offset: usize) -> Result<bool, Error> {
        let mut is_set = true;
        let mut n_flags = 0;
        loop {
            let byte = self.peek();
            self.at += 1;
            n_flags += 1;
            match byte {
                Some(b'i') => self.flags.ignore_case = is_set,
                Some(b'm') => self.flags.multi_line = is_set,
                Some(b's') => self.flags.dot_all = is_set,
                Some(b'U') => self.flags.swap_greed = is_set,
                Some(b'-') if is_set => {
                    is_set = false;
                    n_flags = 0;
                }
                Some(b':') if is_set || n_flags > 1 => return Ok(false),
                Some(b')') if n_flags > 1 => return Ok(true),
                None => return Err(self.error(ErrorKind::MissingParenthesis, offset)),
                _ => return Err(self.error(ErrorKind::InvalidFlags, offset)),
            }
        }
    }

    fn end_branch(&mut self) {
        self.end_atom();
        let group = *self.group();
        self.code.insert(group.branch_start, 1);
        let jump_at = self.code.len();
        let distance = if group.waiting > 0 {
            jump_at + 1 - group.waiting
        } else {
            0
        };
        self.code.emit(op::JUMP, distance as u32);
        let end = self.code.len();
        self.code.put_jump(op::SPLIT, group.branch_start, end);
        let group = self.group();
        group.waiting = jump_at + 1;
        group.branch_start = end;
        group.is_maybe_empty |= group.is_branch_empty;
        group.is_branch_empty = true;
    }

    /// Lets the waiting jumps lead here.
    fn end_alternatives(&mut self) {
        self.end_atom();
        let end = self.code.len();
        let mut waiting = self.group().waiting;
        while waiting > 0 {
            let at = waiting - 1;
            let distance = self.code.argument(at) as usize;
            self.code.put_jump(op::JUMP, at, end);
            waiting = if distance > 0 { waiting - distance } else { 0 };
        }
    }

    fn close_group(&mut self, offset: usize) -> Result<(), Error> {
        if self.depth == 0 {
            return Err(self.error(ErrorKind::UnexpectedParenthesis, offset));
        }
        self.end_alternatives();
        let group = *self.group();
        if let Some(number) = group.capture {
            self.code.emit(op::SAVE, 2 * number + 1);
        }
        self.depth -= 1;
        self.flags = group.outer_flags;
        self.last = Last::Atom {
            start: group.start,
            is_maybe_empty: group.is_maybe_empty || group.is_branch_empty,
        };
        Ok(())
    }

    /// `2}`, `2,}`, `2,5}` behind a brace; anything else makes the brace a literal.
    fn parse_bounds(&mut self) -> Option<(u32, Option<u32>)> {
        let start = self.at;
        let bounds = (|| {
            let least = self.parse_number()?;
            if !self.eat(b",") {
                return self.eat(b"}").then_some((least, Some(least)));
            }
            if self.eat(b"}") {
                return Some((least, None));
            }
            let most = self.parse_number()?;
            self.eat(b"}").then_some((least, Some(most)))
        })();
        if bounds.is_none() {
            self.at = start;
        }
        bounds
    }

    fn parse_number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            let next = number.unwrap_or(0) * 10 + u32::from(digit - b'0');
            number = Some(next.min(MAX_REPEAT + 1));
        }
        number
    }

    fn repeat(&mut self, offset: usize, least: u32, most: Option<u32>) -> Result<(), Error> {
        let (start, is_maybe_empty) = match self.last {
            Last::Nothing => return Err(self.error(ErrorKind::MissingRepeatArgument, offset)),
            Last::Repeated { .. } => return Err(self.error(ErrorKind::RepeatedRepeat, offset)),
            Last::Atom {
                start,
                is_maybe_empty,
            } => (start, is_maybe_empty),
        };
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(self.error(ErrorKind::InvalidRepeatSize, offset));
        }
        let is_greedy = self.eat(b"?") == self.flags.swap_greed;
        // `split` prefers what follows it, `split_there` its target.
        let (split, split_there) = if is_greedy {
            (op::SPLIT, op::SPLIT_THERE)
        } else {
            (op::SPLIT_THERE, op::SPLIT)
        };
        self.last = Last::Repeated {
            is_maybe_empty: is_maybe_empty || least == 0,
        };
        if most == Some(0) {
            self.code.truncate(start);
            return Ok(());
        }
        let code = &mut self.code;
        if least == 0 {
            code.insert(start, 1);
        }
        let first = start + usize::from(least == 0);
        let length = code.len() - first;
        for _ in 1..least {
            code.copy(first, length);
        }
        match most {
            // Where an empty turn is possible, `x*` is `(x+)?`: it ends rather than going round.
            None if least == 0 && !is_maybe_empty => {
                let at = code.len();
                code.emit(op::JUMP, 0);
                code.put_jump(op::JUMP, at, start);
            }
            None => {
                let back = code.len() - length;
                let at = code.len();
                code.emit(op::JUMP, 0);
                code.put_jump(split_there, at, back);
            }
            Some(most) => {
                // Each further one stands behind a split that leads to the end.
                let n_optional = (most - least) as usize;
                let n_present = usize::from(least == 0);
                let end = code.len() + (n_optional - n_present) * (length + 1);
                for _ in n_present..n_optional {
                    let at = code.len();
                    code.emit(op::JUMP, 0);
                    code.put_jump(split, at, end);
                    code.copy(first, length);
                    if code.is_full() {
                        return Err(self.error(ErrorKind::TooLarge, 0));
                    }
                }
            }
        }
        if least == 0 {
            let end = code.len();
            code.put_jump(split, start, end);
        }
        Ok(())
    }
}
