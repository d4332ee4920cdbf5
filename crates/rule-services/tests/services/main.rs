//! Each case is a source with `<|>` where the cursor is, whole or broken, and what is expected there.

mod broken;
mod completion;
mod fixes;
mod hover;
mod names;
mod outline;
mod signatures;
mod tables;

use rulestage_diagnostics::Span;

/// The rule set that cases are put at the end of; it is not closed.
const AROUND: &str = r#"// Parcels.
ruleset parcels version "1.2.0" {
  input {
    weight: double  // kilograms
    country: string
    tags: list<string>
    value: double?
  }
  // The heaviest parcel by post.
  param limit: double = 30.0
  output {
    carrier: string = "post" merge first
    notes: list<string> = [] merge collect
  }
  let heavy = weight > limit
  let prices = {"small": 1.0, "large": 2.0}
"#;

fn cursor(marked: &str) -> (String, u32) {
    let offset = marked.find("<|>").expect("a cursor");
    (marked.replacen("<|>", "", 1), offset as u32)
}

/// A source with `addition` at the end of [`AROUND`].
fn with(addition: &str) -> (String, u32) {
    cursor(&format!("{AROUND}{addition}\n"))
}

fn text_in(source: &str, span: Span) -> &str {
    span.text(source)
}
