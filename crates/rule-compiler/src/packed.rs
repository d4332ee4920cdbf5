//! Reads what the crate's build packed: numbers in LEB128, lists that start with their length.

/// What is left of it. The build wrote it, so that nothing in it is checked twice.
pub(crate) struct Reader {
    rest: &'static [u8],
}

impl Reader {
    pub(crate) fn new(bytes: &'static [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn take(&mut self, length: usize) -> &'static [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    /// A number, zigzag.
    pub(crate) fn signed(&mut self) -> i64 {
        let zigzag = self.number();
        (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.number() as u32
    }

    pub(crate) fn index(&mut self) -> usize {
        self.number() as usize
    }

    pub(crate) fn bytes(&mut self) -> &'static [u8] {
        let length = self.index();
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> &'static str {
        match std::str::from_utf8(self.bytes()) {
            Ok(text) => text,
            Err(error) => unreachable!("this crate's build packed text that is none: {error}"),
        }
    }

    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.index();
        (0..length).map(|_| read(self)).collect()
    }
}
