//! The numbers that the compiler and `table` agree on.

/// Of a null.
pub(crate) const NULL: u32 = 0;
/// Of a NaN.
pub(crate) const NAN: u32 = 1;
/// Of what lies before the first constant.
pub(crate) const FIRST: u32 = 2;
/// Set in the rank of a column that failed.
pub(crate) const FAILED: u32 = 1 << 31;
/// Set in the column of a test that has an alternative.
pub(crate) const MORE: u32 = 1 << 31;

/// A node that lists rows.
pub(crate) const LEAF: u32 = 0;
/// A node with a child for each rank.
pub(crate) const DENSE: u32 = 1;
/// A node with a child for each range of ranks.
pub(crate) const SPARSE: u32 = 2;

/// In the kind of a column: it may be null.
pub(crate) const NULLABLE: u32 = 1 << 8;
/// Kinds of columns, by what their constants are.
pub(crate) const BOOLS: u32 = 0;
/// Integers in the order of signed ones.
pub(crate) const INTS: u32 = 1;
/// Numbers.
pub(crate) const DOUBLES: u32 = 2;
/// Seconds and nanoseconds.
pub(crate) const TIMES: u32 = 3;
/// Texts and bytes.
pub(crate) const TEXTS: u32 = 4;
