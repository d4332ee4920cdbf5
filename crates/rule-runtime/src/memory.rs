//! Memory for what a row computes: nothing is ever given back, the whole arena is reset for the next row.

use crate::value::{Entry, Value};

/// The largest single value: beyond it a row fails rather than exhausts the memory of the instance.
pub const MAX_VALUE_BYTES: usize = 1 << 26;

#[cfg(target_arch = "wasm32")]
mod arena {
    #[link(wasm_import_module = "rulestage")]
    unsafe extern "C" {
        /// The rule compiler maps this import to the allocator of the module it makes.
        pub(super) safe fn allocate(size: usize) -> *mut u8;
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod arena {
    /// The tests' stand-in for the row arena: leaks.
    pub(super) fn allocate(size: usize) -> *mut u8 {
        let words = vec![0xA5A5_A5A5_A5A5_A5A5_u64; size / 8 + 1];
        Box::leak(words.into_boxed_slice()).as_mut_ptr().cast()
    }
}

/// `size` bytes of the row's memory, aligned to 8, with anything in them.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    arena::allocate(size)
}

/// Text or bytes under construction, in the row's memory.
pub(crate) struct Buffer {
    start: *mut u8,
    length: usize,
    capacity: usize,
    is_too_large: bool,
}

impl Buffer {
    /// Nothing yet; memory is taken with the first byte.
    pub(crate) const fn new() -> Self {
        Self {
            start: core::ptr::null_mut(),
            length: 0,
            capacity: 0,
            is_too_large: false,
        }
    }

    /// Nothing yet, with room for so many bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Self::new();
        buffer.grow(capacity);
        buffer
    }

    #[inline(never)]
    fn grow(&mut self, n_more: usize) -> bool {
        let needed = self.length.saturating_add(n_more);
        if needed > MAX_VALUE_BYTES || self.is_too_large {
            self.is_too_large = true;
            return false;
        }
        let capacity = needed.max(self.capacity * 2).max(32);
        let start = allocate(capacity);
        if self.length > 0 {
            // SAFETY: both blocks have room for `length` bytes, and the new one is fresh.
            unsafe { core::ptr::copy_nonoverlapping(self.start, start, self.length) };
        }
        self.start = start;
        self.capacity = capacity;
        true
    }

    /// Appends a byte.
    pub(crate) fn push(&mut self, byte: u8) {
        if self.length < self.capacity || self.grow(1) {
            // SAFETY: the block has room for one more byte.
            unsafe { self.start.add(self.length).write(byte) };
            self.length += 1;
        }
    }

    /// Appends eight bytes.
    pub(crate) fn push_word(&mut self, word: [u8; 8]) {
        if word.len() <= self.capacity - self.length || self.grow(word.len()) {
            // SAFETY: the block has room for eight more bytes.
            unsafe { self.start.add(self.length).cast::<[u8; 8]>().write(word) };
            self.length += word.len();
        }
    }

    /// Appends bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.capacity - self.length || self.grow(bytes.len()) {
            // SAFETY: the block has room for the bytes, and they lie elsewhere: a block is never read while it grows.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    bytes.as_ptr(),
                    self.start.add(self.length),
                    bytes.len(),
                );
            }
            self.length += bytes.len();
        }
    }

    /// The bytes so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: `length` bytes were written there.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }

    /// The bytes so far, to change.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: `length` bytes were written there, and nobody else has the address yet.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// How many bytes there are.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Drops the bytes from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// The bytes, which live as long as the row; nothing where they would be too large.
    pub(crate) fn finish<'a>(self) -> Option<&'a [u8]> {
        if self.is_too_large {
            return None;
        }
        if self.length == 0 {
            return Some(&[]);
        }
        // SAFETY: `length` bytes were written there; the row's memory outlives every value of the row.
        Some(unsafe { core::slice::from_raw_parts(self.start, self.length) })
    }
}

/// Elements of a list under construction, or the keys and values of a map in turn.
pub(crate) struct Values {
    buffer: Buffer,
}

impl Values {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            buffer: Buffer::new(),
        }
    }

    /// Nothing yet, with room for so many.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: Buffer::with_capacity(capacity.saturating_mul(size_of::<Value>())),
        }
    }

    /// Appends a value.
    pub(crate) fn push(&mut self, value: Value) {
        const SIZE: usize = size_of::<Value>();
        let buffer = &mut self.buffer;
        if SIZE <= buffer.capacity - buffer.length || buffer.grow(SIZE) {
            // SAFETY: the block has room; it is aligned to 8 and filled in steps of 16.
            unsafe { buffer.start.add(buffer.length).cast::<Value>().write(value) };
            buffer.length += SIZE;
        }
    }

    /// How many values there are.
    pub(crate) const fn len(&self) -> usize {
        self.buffer.length / size_of::<Value>()
    }

    /// Drops the values from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.buffer
            .truncate(length.saturating_mul(size_of::<Value>()));
    }

    /// Appends values.
    pub(crate) fn extend(&mut self, values: &[Value]) {
        for value in values {
            self.push(*value);
        }
    }

    /// Drops the last values.
    pub(crate) fn drop_last(&mut self, n_values: usize) {
        let length = self.buffer.length;
        self.buffer
            .truncate(length.saturating_sub(n_values * size_of::<Value>()));
    }

    /// Keys and values in turn, as entries to change.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        if self.buffer.length < size_of::<Entry>() {
            return &mut [];
        }
        // SAFETY: so many entries were written there, aligned, and nobody else has the address yet.
        unsafe {
            core::slice::from_raw_parts_mut(
                self.buffer.start.cast(),
                self.buffer.length / size_of::<Entry>(),
            )
        }
    }

    /// The values so far.
    pub(crate) fn values(&self) -> &[Value] {
        if self.buffer.length == 0 {
            return &[];
        }
        // SAFETY: so many values were written there, aligned.
        unsafe {
            core::slice::from_raw_parts(
                self.buffer.start.cast(),
                self.buffer.length / size_of::<Value>(),
            )
        }
    }

    /// The values so far, to change.
    pub(crate) fn values_mut(&mut self) -> &mut [Value] {
        if self.buffer.length == 0 {
            return &mut [];
        }
        // SAFETY: so many values were written there, aligned, and nobody else has the address yet.
        unsafe {
            core::slice::from_raw_parts_mut(
                self.buffer.start.cast(),
                self.buffer.length / size_of::<Value>(),
            )
        }
    }

    /// The values, which live as long as the row; nothing where they would be too large.
    pub(crate) fn finish<'a>(self) -> Option<&'a [Value]> {
        if self.buffer.is_too_large {
            return None;
        }
        if self.buffer.length == 0 {
            return Some(&[]);
        }
        // SAFETY: as above; the row's memory outlives every value of the row.
        Some(unsafe {
            core::slice::from_raw_parts(
                self.buffer.start.cast(),
                self.buffer.length / size_of::<Value>(),
            )
        })
    }
}
