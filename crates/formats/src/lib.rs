//! CSV, NDJSON, JSON, Parquet and Arrow IPC to and from record batches.
