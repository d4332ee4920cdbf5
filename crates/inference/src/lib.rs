//! The embedded neural-network engine behind wasi:nn.
