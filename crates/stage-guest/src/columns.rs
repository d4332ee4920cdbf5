//! Columns as the contract has them: reading what came in, making what goes out.

use crate::stage::{
    Array, Buffer, ByteSlices, Field, FieldNode, InvalidItem, RowError, RowErrorCode, StageError,
    TypeNode,
};

/// A field of one node.
pub fn field(name: &str, kind: TypeNode, nullable: bool, doc: &str) -> Field {
    Field {
        name: name.to_owned(),
        nodes: vec![FieldNode {
            kind,
            nullable,
            read: true,
        }],
        doc: doc.to_owned(),
    }
}

/// Checks that there are `n_columns` columns of `rows` values each, with whole validity bitmaps.
pub fn expect_columns(columns: &[Array], n_columns: usize, rows: u32) -> Result<(), StageError> {
    if columns.len() != n_columns {
        let message = format!("{} columns for {n_columns}", columns.len());
        return Err(invalid_column(columns.len(), message));
    }
    let needed = (rows as usize).div_ceil(8);
    for (at, array) in columns.iter().enumerate() {
        if array.length != rows {
            let message = format!("{} values for {rows} rows", array.length);
            return Err(invalid_column(at, message));
        }
        let bits = array.validity.as_ref();
        if bits.is_some_and(|bits| bits.len() < needed) {
            let message = format!("the validity bitmap has fewer than {needed} bytes");
            return Err(invalid_column(at, message));
        }
    }
    Ok(())
}

/// Why column number `index` does not fit.
pub fn invalid_column(index: usize, message: impl Into<String>) -> StageError {
    StageError::InvalidColumn(InvalidItem {
        index: index as u32,
        message: message.into(),
    })
}

/// The values of a column of text or bytes.
pub fn texts<T: AsRef<[u8]>>(values: impl IntoIterator<Item = T>) -> Buffer {
    let mut slices = ByteSlices {
        offsets: vec![0],
        bytes: Vec::new(),
    };
    for value in values {
        slices.bytes.extend_from_slice(value.as_ref());
        slices.offsets.push(slices.bytes.len() as i32);
    }
    Buffer::Bytes(slices)
}

/// The values of a column of booleans, or the validity of any.
pub fn bits(values: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut bits = Vec::new();
    for (row, value) in values.into_iter().enumerate() {
        if row % 8 == 0 {
            bits.push(0);
        }
        bits[row / 8] |= u8::from(value) << (row % 8);
    }
    bits
}

impl Array {
    /// Values none of which is null.
    pub fn of(length: usize, values: Buffer) -> Self {
        Self {
            length: length as u32,
            validity: None,
            values,
        }
    }

    /// Whether the value is there.
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|bits| {
            bits.get(row / 8)
                .is_some_and(|byte| byte >> (row % 8) & 1 == 1)
        })
    }
}

impl ByteSlices {
    /// The bytes of a row; `None` where the offsets make no sense.
    pub fn bytes_of(&self, row: usize) -> Option<&[u8]> {
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        self.bytes.get(start..end)
    }

    /// The text of a row; `None` where it is none.
    pub fn text_of(&self, row: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes_of(row)?).ok()
    }
}

impl RowError {
    /// The row failed because of its value in a column.
    pub fn of_column(row: usize, column: &str, message: impl Into<String>) -> Self {
        Self {
            row: row as u32,
            code: RowErrorCode::InvalidArgument,
            origin: column.to_owned(),
            message: message.into(),
        }
    }

    /// The row has no value in a column that needs one.
    pub fn missing(row: usize, column: &str) -> Self {
        Self::of_column(row, column, format!("`{column}` is missing"))
    }
}
