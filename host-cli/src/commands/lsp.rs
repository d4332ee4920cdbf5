//! `rulestage lsp`

use crate::failure::{Result, Status};
use crate::language_server;
use std::io::BufReader;

/// Answers an editor on standard input and output.
pub(crate) fn lsp() -> Result<Status> {
    let input = BufReader::new(std::io::stdin());
    let mut output = std::io::stdout().lock();
    language_server::serve(input, &mut output)
}
