//! Files of rows, and files that are rows, as one batch, read as the program reads them.

use super::{Worker, fetch};
use crate::protocol::{DataFile, Problem};
use arrow_array::RecordBatch;
use arrow_schema::FieldRef;
use rulestage_formats::{FileRows, Format, Input, ReadOptions, open_reader};
use std::rc::Rc;
use web_sys::Blob;

/// Larger files are no rows; the program's default.
const MOST_FILE_BYTES: u64 = 64 << 20;
/// What there is room for in the worker.
const MOST_BYTES: u64 = 512 << 20;

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

/// A row for each file: `path`, `size` and `bytes`; `blobs` are those of the files that are not fetched, in their
/// order. What can't be read, or is too large, is a problem.
pub(crate) async fn read_files(
    worker: &Worker,
    files: &[DataFile],
    blobs: &[Blob],
) -> Result<(RecordBatch, Vec<Problem>), String> {
    let (mut rows, mut problems) = (FileRows::default(), Vec::new());
    let mut blobs = blobs.iter();
    for file in files {
        let read = match &file.url {
            Some(url) => worker.fetched.get(url).await,
            None => match blobs.next() {
                Some(blob) => read_blob(blob, MOST_BYTES - rows.n_bytes()).await,
                None => Err("the file is gone".to_owned()),
            },
        };
        match read {
            Ok(bytes) => rows.push(&file.path, &bytes),
            Err(message) => problems.push(Problem {
                place: file.path.clone(),
                message,
            }),
        }
    }
    let rows = rows.finish().map_err(|error| error.to_string())?;
    Ok((rows, problems))
}

async fn read_blob(blob: &Blob, room: u64) -> Result<Rc<Vec<u8>>, String> {
    let size = blob.size() as u64;
    if size > MOST_FILE_BYTES {
        return Err(format!("it has more than {MOST_FILE_BYTES} bytes"));
    }
    if size > room {
        return Err(format!(
            "all files together have more than {MOST_BYTES} bytes"
        ));
    }
    fetch::read_blob(blob).await.map(Rc::new)
}
