//! Files of rows as one batch, read as the program reads them.

use crate::protocol::Problem;
use arrow_array::RecordBatch;
use arrow_schema::FieldRef;
use rulestage_formats::{Format, Input, ReadOptions, open_reader};

/// All rows of a file, and its lines that are no rows. Its name says of which format it is; `wanted` are the
/// columns that stages read.
pub(crate) fn read(
    name: &str,
    bytes: &[u8],
    wanted: Vec<FieldRef>,
) -> Result<(RecordBatch, Vec<Problem>), String> {
    let format = Format::from_path(name).filter(|format| format.is_text());
    let format =
        format.ok_or_else(|| format!("`{name}` is neither CSV, NDJSON nor JSON by its name"))?;
    let options = ReadOptions {
        name: name.to_owned(),
        wanted,
        skip_bad_lines: true,
        ..ReadOptions::default()
    };
    let reader = open_reader(format, Input::Bytes(bytes.to_vec()), &options)
        .map_err(|error| error.to_string())?;
    let schema = reader.schema().clone();
    let (mut batches, mut problems) = (Vec::new(), Vec::new());
    for chunk in reader {
        let chunk = chunk.map_err(|error| error.to_string())?;
        problems.extend(chunk.bad_lines.into_iter().map(|bad| Problem {
            place: format!("line {}", bad.line),
            message: bad.message,
        }));
        batches.push(chunk.batch);
    }
    let rows = rulestage_pipeline::rows::concat_batches(&schema, &batches)
        .map_err(|error| error.to_string())?;
    Ok((rows, problems))
}
