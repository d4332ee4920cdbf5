//! Values whose type is known only at run time, and everything that is not a scalar: 16 bytes each.

use crate::memory::allocate;
use rulestage_decimal::Decimal;

/// What a [`Value`] is.
pub mod tag {
    /// `null`
    pub const NULL: u32 = 0;
    /// `bool`
    pub const BOOL: u32 = 1;
    /// `int`
    pub const INT: u32 = 2;
    /// `uint`
    pub const UINT: u32 = 3;
    /// `double`
    pub const DOUBLE: u32 = 4;
    /// `string`
    pub const STRING: u32 = 5;
    /// `bytes`
    pub const BYTES: u32 = 6;
    /// `timestamp`
    pub const TIMESTAMP: u32 = 7;
    /// `duration`
    pub const DURATION: u32 = 8;
    /// `list`
    pub const LIST: u32 = 9;
    /// `map`
    pub const MAP: u32 = 10;
    /// `type`
    pub const TYPE: u32 = 11;
    /// `optional_type`
    pub const OPTIONAL: u32 = 12;
    /// `net.IP`
    pub const IP: u32 = 13;
    /// `net.CIDR`
    pub const CIDR: u32 = 14;
    /// `decimal`
    pub const DECIMAL: u32 = 15;
}

/// A dynamic value. Addresses in it stay readable for as long as the row is computed: whoever makes one sees to that.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub struct Value {
    /// One of [`tag`]
    pub tag: u32,
    /// Byte length, number of elements or of entries, nanoseconds, address family, places; else 0
    pub extra: u32,
    /// The scalar, or an address
    pub payload: u64,
}

/// An entry of a map.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub struct Entry {
    /// The key: bool, int, uint or string
    pub key: Value,
    /// The value
    pub value: Value,
}

/// Nested deeper, values are refused: helpers that descend have a bounded stack.
pub const MAX_DEPTH: u32 = 128;

impl Value {
    /// `null`
    pub const NULL: Self = Self::scalar(tag::NULL, 0);

    const fn scalar(tag: u32, payload: u64) -> Self {
        Self {
            tag,
            extra: 0,
            payload,
        }
    }

    fn with_address<T>(tag: u32, extra: usize, address: *const T) -> Self {
        Self {
            tag,
            extra: extra as u32,
            payload: address.expose_provenance() as u64,
        }
    }

    /// A bool.
    pub const fn bool(value: bool) -> Self {
        Self::scalar(tag::BOOL, value as u64)
    }

    /// An int.
    pub const fn int(value: i64) -> Self {
        Self::scalar(tag::INT, value as u64)
    }

    /// A uint.
    pub const fn uint(value: u64) -> Self {
        Self::scalar(tag::UINT, value)
    }

    /// A double.
    pub const fn double(value: f64) -> Self {
        Self::scalar(tag::DOUBLE, value.to_bits())
    }

    /// A duration in nanoseconds.
    pub const fn duration(nanos: i64) -> Self {
        Self::scalar(tag::DURATION, nanos as u64)
    }

    /// A timestamp: seconds since 1970, nanoseconds 0..=999_999_999.
    pub const fn timestamp(seconds: i64, nanos: u32) -> Self {
        Self {
            tag: tag::TIMESTAMP,
            extra: nanos,
            payload: seconds as u64,
        }
    }

    /// A string: the address of UTF-8 that lives as long as the row.
    pub fn string(text: &[u8]) -> Self {
        Self::with_address(tag::STRING, text.len(), text.as_ptr())
    }

    /// Bytes: the address of what lives as long as the row.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::with_address(tag::BYTES, bytes.len(), bytes.as_ptr())
    }

    /// A type, by its name.
    pub fn type_named(name: &[u8]) -> Self {
        Self::with_address(tag::TYPE, name.len(), name.as_ptr())
    }

    /// A list of elements that live as long as the row.
    pub fn list(elements: &[Self]) -> Self {
        Self::with_address(tag::LIST, elements.len(), elements.as_ptr())
    }

    /// A map of entries that live as long as the row.
    pub fn map(entries: &[Entry]) -> Self {
        Self::with_address(tag::MAP, entries.len(), entries.as_ptr())
    }

    /// An optional with a value.
    pub fn some(value: &'static Self) -> Self {
        Self::with_address(tag::OPTIONAL, 0, value)
    }

    /// An optional without a value.
    pub const fn none() -> Self {
        Self::scalar(tag::OPTIONAL, 0)
    }

    /// The bool.
    pub const fn as_bool(&self) -> bool {
        self.payload & 0xff != 0
    }

    /// The int, or nanoseconds of a duration, or seconds of a timestamp.
    pub const fn as_int(&self) -> i64 {
        self.payload as i64
    }

    /// The uint.
    pub const fn as_uint(&self) -> u64 {
        self.payload
    }

    /// The double.
    pub const fn as_double(&self) -> f64 {
        f64::from_bits(self.payload)
    }

    /// The address in the payload.
    pub(crate) fn address<T>(&self) -> *const T {
        core::ptr::with_exposed_provenance(self.payload as usize)
    }

    fn slice<'a, T>(&self, is_one: bool) -> &'a [T] {
        if !is_one || self.extra == 0 {
            return &[];
        }
        // SAFETY: whoever made the value saw to it.
        unsafe { core::slice::from_raw_parts(self.address(), self.extra as usize) }
    }

    /// The bytes of a string, bytes or a type's name; of anything else none.
    pub fn as_bytes<'a>(&self) -> &'a [u8] {
        self.slice(matches!(self.tag, tag::STRING | tag::BYTES | tag::TYPE))
    }

    /// The elements of a list; of anything else none.
    pub fn elements<'a>(&self) -> &'a [Self] {
        self.slice(self.tag == tag::LIST)
    }

    /// The entries of a map; of anything else none.
    pub fn entries<'a>(&self) -> &'a [Entry] {
        self.slice(self.tag == tag::MAP)
    }

    /// The value in an optional.
    pub fn content<'a>(&self) -> Option<&'a Self> {
        if self.tag != tag::OPTIONAL || self.payload == 0 {
            return None;
        }
        // SAFETY: whoever made the value saw to it.
        Some(unsafe { &*self.address() })
    }

    /// The address bytes of an IP or CIDR, 4 or 16; of anything else none.
    pub fn network_address<'a>(&self) -> &'a [u8] {
        if !matches!(self.tag, tag::IP | tag::CIDR) {
            return &[];
        }
        let length = if self.extra & 0xff == 4 { 4 } else { 16 };
        // SAFETY: whoever made the value saw to it.
        unsafe { core::slice::from_raw_parts(self.address(), length) }
    }

    /// A decimal: its coefficient, in 16 bytes of the row's memory.
    pub fn decimal(value: Decimal) -> Self {
        let cell = allocate(size_of::<i128>()).cast::<[u8; 16]>();
        // SAFETY: fresh memory with room for the coefficient.
        unsafe { cell.write(value.coefficient().to_le_bytes()) };
        Self::with_address(tag::DECIMAL, value.scale() as usize, cell)
    }

    /// The decimal; of anything else 0.
    pub fn as_decimal(&self) -> Decimal {
        if self.tag != tag::DECIMAL {
            return Decimal::ZERO;
        }
        // SAFETY: whoever made the value saw to it.
        let coefficient = i128::from_le_bytes(unsafe { *self.address::<[u8; 16]>() });
        Decimal::new(coefficient, self.extra).unwrap_or(Decimal::ZERO)
    }

    /// A copy in the row's memory.
    pub fn store<'a>(self) -> &'a Self {
        let cell = allocate(size_of::<Self>()).cast::<Self>();
        // SAFETY: fresh memory, aligned to 8.
        unsafe {
            cell.write(self);
            &*cell
        }
    }
}
