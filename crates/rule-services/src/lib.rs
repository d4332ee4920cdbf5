//! What editors ask about a source of rules: hover, completion, definitions, references, rename, symbols,
//! signatures, fixes, folds, types to show beside names.
//!
//! Pure, as the compiler is. Each function takes a source, whole or broken, and works on UTF-8 byte offsets;
//! whoever speaks another encoding converts at the edge.

mod completion;
mod context;
mod fields;
mod fixes;
mod hover;
mod layout;
mod library;
mod names;
mod signature;
mod symbols;

pub use completion::{Completion, CompletionKind, Completions, completions};
pub use fixes::{Fix, fixes};
pub use hover::{Hover, hover};
pub use layout::{InlayHint, folds, inlay_hints};
pub use names::{Edit, Refusal, definition, prepare_rename, references, rename};
pub use signature::{SignatureHelp, SignatureLine, signature_help};
pub use symbols::{DocumentSymbol, SymbolKind, document_symbols};

use rulestage_diagnostics::Span;
use rulestage_rule_compiler::types::Type;

/// Whether the offset is in the span or directly behind it.
fn touches(span: Span, offset: u32) -> bool {
    span.start <= offset && offset <= span.end
}

/// The type as it is shown; what could not be found out is not called an error.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::Error => "unknown".to_owned(),
        other => other.to_string(),
    }
}
