//! `rulestage lsp`

use crate::failure::{Result, Status};
use crate::language_server;

/// Answers an editor on standard input and output.
pub(crate) fn lsp() -> Result<Status> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    language_server::serve(&mut input, &mut output)
}
