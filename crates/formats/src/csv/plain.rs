//! Records that need no parser: complete, of as many cells as there are columns, and without quotes inside of cells. Most
//! files have no others.
//!
//! First the bytes that mean something are found, without a branch; then records are gone through from one to the next of
//! these; then cells are copied column by column. Whatever else a record has is left to the parser, which starts at the
//! beginning of that record.

use super::column::Column;
use crate::lines::LinesBuilder;

/// Records whose cells are found before they are copied
const GROUP_ROWS: usize = 64;

/// Reads such records out of a buffer.
#[derive(Default)]
pub(super) struct Plain {
    /// Where `,`, `"`, CR and LF are
    marks: Vec<u32>,
    /// The first mark that was not gone past
    next_mark: usize,
    /// Up to where the bytes are UTF-8, from where a record started
    valid_to: usize,
    /// The cells of a group, record by record
    cells: Vec<[u32; 2]>,
    /// The records of a group
    rows: Vec<Row>,
}

/// A record in the bytes, without the end of its line.
struct Row {
    start: usize,
    end: usize,
    /// Whether the record would be written like that: nothing is in quotes that needs none
    is_as_written: bool,
}

/// Records that were read.
pub(super) struct Taken {
    pub(super) n_rows: usize,
    /// Where the next record starts
    pub(super) end: usize,
    /// Line breaks before that
    pub(super) n_breaks: u64,
}

/// A place between two records.
#[derive(Clone, Copy)]
struct Place {
    byte: usize,
    mark: usize,
    n_breaks: u64,
}

impl Plain {
    /// Begins with other bytes.
    pub(super) fn start(&mut self, bytes: &[u8]) {
        (self.next_mark, self.valid_to) = (0, 0);
        self.marks.clear();
        let (blocks, rest) = bytes.as_chunks::<64>();
        for (number, block) in blocks.iter().enumerate() {
            self.mark(number * 64, block);
        }
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        self.mark(blocks.len() * 64, &last);
    }

    fn mark(&mut self, start: usize, block: &[u8; 64]) {
        // As numbers and in an array, so that compilers make vector instructions of it.
        let is_mark = block.map(|byte| {
            u8::from(byte == b',')
                | u8::from(byte == b'"')
                | u8::from(byte == b'\n')
                | u8::from(byte == b'\r')
        });
        let mut found = 0;
        for (number, word) in is_mark.as_chunks::<8>().0.iter().enumerate() {
            // The lowest bits of eight bytes, side by side
            let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            found |= bits << (8 * number);
        }
        while found != 0 {
            self.marks.push(start as u32 + found.trailing_zeros());
            found &= found - 1;
        }
    }

    /// Adds to the columns and lines what can be read of `bytes[from..until]`, at most so many rows. `bytes` are those that
    /// it was started with, and maybe more behind them; a record starts at `from`, or line breaks before one.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        from: usize,
        until: usize,
        columns: &mut [Column],
        mut lines: Option<&mut LinesBuilder>,
        most_rows: usize,
    ) -> Taken {
        let passed = self.marks[self.next_mark..]
            .iter()
            .take_while(|mark| (**mark as usize) < from)
            .count();
        let mut at = Place {
            byte: from,
            mark: self.next_mark + passed,
            n_breaks: 0,
        };
        if self.valid_to <= from {
            self.valid_to = match std::str::from_utf8(&bytes[from..until]) {
                Ok(_) => until,
                Err(error) => from + error.valid_up_to(),
            };
        }
        let mut n_rows = 0;
        while n_rows < most_rows {
            self.cells.clear();
            self.rows.clear();
            let (mut end, mut n_found) = (at, 0);
            while n_found < GROUP_ROWS.min(most_rows - n_rows) {
                let Some(next) = self.record(bytes, end, columns.len()) else {
                    break;
                };
                (end, n_found) = (next, n_found + 1);
            }
            let n_bytes = end.byte - at.byte;
            if n_found == 0 || !columns.iter().all(|column| column.has_room_for(n_bytes)) {
                break;
            }
            let n_columns = columns.len();
            for (number, column) in columns.iter_mut().enumerate() {
                let cells = self.cells[number..].iter().step_by(n_columns);
                let cells = cells.map(|[start, end]| (*start as usize, *end as usize));
                column.append(bytes, cells);
            }
            if let Some(lines) = &mut lines {
                self.add_lines(bytes, lines, n_columns);
            }
            (at, n_rows) = (end, n_rows + n_found);
        }
        self.next_mark = at.mark;
        Taken {
            n_rows,
            end: at.byte,
            n_breaks: at.n_breaks,
        }
    }

    /// Adds the records of the group.
    fn add_lines(&self, bytes: &[u8], lines: &mut LinesBuilder, n_columns: usize) {
        let mut cells = self.cells.as_slice();
        let alike = self
            .rows
            .chunk_by(|row, next| row.is_as_written && next.is_as_written);
        for rows in alike {
            let (of_rows, others) = cells.split_at(rows.len() * n_columns);
            match rows {
                [row] if !row.is_as_written => {
                    let cells = of_rows.iter();
                    lines.append_cells(
                        cells.map(|[start, end]| &bytes[*start as usize..*end as usize]),
                    );
                }
                rows => lines.append(bytes, rows.iter().map(|row| [row.start, row.end])),
            }
            cells = others;
        }
    }

    /// Adds the cells of the record at a place, and gives the place behind it; `None` and nothing where it is not plain.
    fn record(&mut self, bytes: &[u8], from: Place, n_columns: usize) -> Option<Place> {
        let mut at = from;
        // Empty lines, and the end of the line before
        while let Some(mark) = self.mark_at(at.mark)
            && mark == at.byte
            && matches!(bytes[mark], b'\r' | b'\n')
        {
            at.n_breaks += u64::from(bytes[mark] == b'\n');
            (at.byte, at.mark) = (mark + 1, at.mark + 1);
        }
        let n_before = self.cells.len();
        let found = self.cells_of(bytes, at, n_before + n_columns);
        if found.is_none() {
            self.cells.truncate(n_before);
        }
        found
    }

    /// Adds the cells of a record, which must then be so many.
    fn cells_of(&mut self, bytes: &[u8], mut at: Place, n_cells: usize) -> Option<Place> {
        let start = at.byte;
        let mut is_as_written = true;
        loop {
            let mut mark = self.mark_at(at.mark)?;
            let mut cell = (at.byte, mark);
            if bytes[mark] == b'"' {
                if mark != at.byte {
                    return None;
                }
                let opened = at.mark;
                loop {
                    at.mark += 1;
                    mark = self.mark_at(at.mark)?;
                    match bytes[mark] {
                        b'"' => break,
                        b'\n' => at.n_breaks += 1,
                        _ => {}
                    }
                }
                cell = (cell.0 + 1, mark);
                is_as_written &= at.mark > opened + 1;
                at.mark += 1;
                mark = self.mark_at(at.mark)?;
                if mark != cell.1 + 1 {
                    return None;
                }
            }
            self.cells.push([cell.0 as u32, cell.1 as u32]);
            (at.byte, at.mark) = (mark + 1, at.mark + 1);
            match bytes[mark] {
                b',' if self.cells.len() < n_cells => {}
                b'\r' | b'\n' if self.cells.len() == n_cells && mark <= self.valid_to => {
                    at.n_breaks += u64::from(bytes[mark] == b'\n');
                    self.rows.push(Row {
                        start,
                        end: mark,
                        is_as_written,
                    });
                    return Some(at);
                }
                _ => return None,
            }
        }
    }

    fn mark_at(&self, number: usize) -> Option<usize> {
        self.marks.get(number).map(|mark| *mark as usize)
    }
}
