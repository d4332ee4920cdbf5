//! Layout: documents with optional line breaks to text (Wadler, "A prettier printer", without alternatives).

/// A piece of layout.
#[derive(Debug, Clone)]
pub(super) enum Doc {
    Text(String),
    /// A blank, or a line break where its group does not fit on a line
    Line,
    /// Nothing, or a line break
    SoftLine,
    /// A line break
    HardLine,
    /// An empty line, at most one
    BlankLine,
    /// Broken as a whole, or not at all
    Group(Vec<Doc>),
    /// One level further in
    Indent(Vec<Doc>),
    /// `// …`; whatever follows goes to the next line
    Comment {
        text: String,
        own_line: bool,
    },
}

pub(super) fn text(text: impl Into<String>) -> Doc {
    Doc::Text(text.into())
}

const INDENT: usize = 2;

/// The text of `docs` in lines of `width` characters where that is possible.
pub(super) fn render(docs: &[Doc], width: usize) -> String {
    let mut printer = Printer {
        out: String::new(),
        column: 0,
        width,
        after_comment: false,
        trailing_comments: Vec::new(),
    };
    for doc in docs {
        printer.print(doc, 0, true);
    }
    let mut out = align(&printer.out, &printer.trailing_comments)
        .trim_end()
        .to_owned();
    out.push('\n');
    out
}

/// `text` with the comments at these offsets in one column, wherever they end consecutive lines.
fn align(text: &str, comments: &[usize]) -> String {
    let line_start = |at: usize| {
        text[..at]
            .rfind('\n')
            .map_or(0, |line_break| line_break + 1)
    };
    let column = |at: usize| text[line_start(at)..at].chars().count();
    let indent = |at: usize| {
        text[line_start(at)..].len() - text[line_start(at)..].trim_start_matches(' ').len()
    };
    let is_next = |at: usize, next: usize| {
        text[at..next].matches('\n').count() == 1 && indent(at) == indent(next)
    };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut index = 0;
    while index < comments.len() {
        let mut end = index + 1;
        while end < comments.len() && is_next(comments[end - 1], comments[end]) {
            end += 1;
        }
        let run = &comments[index..end];
        let widest = run.iter().map(|at| column(*at)).max().unwrap_or(0);
        for at in run {
            out.push_str(&text[copied..*at]);
            out.extend(std::iter::repeat_n(' ', widest - column(*at)));
            copied = *at;
        }
        index = end;
    }
    out.push_str(&text[copied..]);
    out
}

struct Printer {
    out: String,
    /// Characters in the current line; 0 also means that its indent is still to come
    column: usize,
    width: usize,
    /// A comment was the last thing printed
    after_comment: bool,
    /// Where comments behind code start in `out`
    trailing_comments: Vec<usize>,
}

impl Printer {
    fn print(&mut self, doc: &Doc, indent: usize, is_broken: bool) {
        match doc {
            Doc::Text(text) => {
                if self.after_comment {
                    self.new_line();
                }
                self.write(text, indent);
            }
            Doc::Line | Doc::SoftLine if is_broken => self.new_line(),
            Doc::Line => {
                if self.after_comment {
                    self.new_line();
                } else if self.column > 0 {
                    self.write(" ", indent);
                }
            }
            Doc::SoftLine => {}
            Doc::HardLine => self.new_line(),
            Doc::BlankLine => {
                self.new_line();
                if !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with("{\n")
                {
                    self.out.push('\n');
                }
            }
            Doc::Indent(docs) => docs
                .iter()
                .for_each(|doc| self.print(doc, indent + INDENT, is_broken)),
            Doc::Group(docs) => {
                let room = self.width.saturating_sub(self.column.max(indent));
                let is_broken = measure(docs, room).is_none();
                docs.iter()
                    .for_each(|doc| self.print(doc, indent, is_broken));
            }
            Doc::Comment { text, own_line } => {
                if *own_line || self.after_comment {
                    self.new_line();
                } else if self.column > 0 {
                    let blanks = if self.out.ends_with(' ') { " " } else { "  " };
                    self.write(blanks, indent);
                    self.trailing_comments.push(self.out.len());
                }
                self.write(text, indent);
                self.after_comment = true;
            }
        }
    }

    fn write(&mut self, text: &str, indent: usize) {
        if text.is_empty() {
            return;
        }
        if self.column == 0 {
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.column = indent;
        }
        self.out.push_str(text);
        self.column = match text.rsplit_once('\n') {
            // A string over several lines
            Some((_, last)) => last.chars().count().max(1),
            None => self.column + text.chars().count(),
        };
    }

    /// Ends the current line, unless it is empty.
    fn new_line(&mut self) {
        self.after_comment = false;
        if self.column > 0 {
            self.out.truncate(self.out.trim_end_matches(' ').len());
            self.out.push('\n');
            self.column = 0;
        }
    }
}

/// The room left after `docs` on one line; `None` when they don't fit or must break.
fn measure(docs: &[Doc], mut room: usize) -> Option<usize> {
    for doc in docs {
        room = match doc {
            Doc::Text(text) if text.contains('\n') => return None,
            Doc::Text(text) => room.checked_sub(text.chars().count())?,
            Doc::Line => room.checked_sub(1)?,
            Doc::SoftLine => room,
            Doc::HardLine | Doc::BlankLine | Doc::Comment { .. } => return None,
            Doc::Group(docs) | Doc::Indent(docs) => measure(docs, room)?,
        };
    }
    Some(room)
}
