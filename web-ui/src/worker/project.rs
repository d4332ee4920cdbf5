//! From a project's texts to its components, with diagnostics as the editor takes them.

use super::Worker;
use crate::protocol::{CompileReport, FileReport, Message, Project};
use rulestage_diagnostics::{Diagnostic, Severity, SourceMap, Span};
use rulestage_pipeline::manifest::{Manifest, StageSource};
use std::cell::RefCell;
use std::rc::Rc;

/// A rules source and what became of it.
pub(crate) struct CompiledRules {
    pub(crate) source: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) component: Option<Rc<Vec<u8>>>,
}

/// What is compiled already, and the components of the last project by stage.
#[derive(Default)]
pub(crate) struct Cache {
    rules: RefCell<Vec<(String, Rc<CompiledRules>)>>,
    components: RefCell<Vec<(String, Rc<Vec<u8>>)>>,
}

impl Cache {
    /// Compiles a file, unless its text is the same as before.
    fn rules(&self, path: &str, source: &str) -> Rc<CompiledRules> {
        let mut known = self.rules.borrow_mut();
        if let Some((_, compiled)) = known
            .iter()
            .find(|(name, compiled)| name == path && compiled.source == source)
        {
            return Rc::clone(compiled);
        }
        let compilation = rulestage_rule_compiler::compile(source);
        let compiled = Rc::new(CompiledRules {
            source: source.to_owned(),
            diagnostics: compilation.diagnostics,
            component: compilation
                .artifact
                .map(|artifact| Rc::new(artifact.component)),
        });
        known.retain(|(name, _)| name != path);
        known.push((path.to_owned(), Rc::clone(&compiled)));
        compiled
    }

    /// The component of a stage of the last project that compiled.
    pub(crate) fn component(&self, stage: &str) -> Option<Rc<Vec<u8>>> {
        self.components
            .borrow()
            .iter()
            .find(|(name, _)| name == stage)
            .map(|(_, bytes)| Rc::clone(bytes))
    }

    pub(crate) fn keep_components(&self, components: Vec<(String, Rc<Vec<u8>>)>) {
        self.components.replace(components);
    }
}

/// A project whose texts have been read.
pub(crate) struct Prepared {
    pub(crate) manifest: Option<Manifest>,
    pub(crate) report: CompileReport,
}

/// Reads the manifest and compiles every rules file that it names. Without a manifest each rules file is a
/// pipeline of its own, and the first one counts.
pub(crate) fn prepare(worker: &Worker, project: &Project) -> Prepared {
    let start = worker.now_ms();
    let mut files = Vec::new();
    let toml = project
        .files
        .iter()
        .find(|file| file.path.ends_with(".toml"));
    let manifest = match toml {
        Some(file) => match Manifest::parse(&file.text) {
            Ok(manifest) => Some(manifest),
            Err(diagnostics) => {
                files.push(file_report(&file.path, &file.text, &diagnostics));
                None
            }
        },
        None => project
            .files
            .first()
            .and_then(|file| Manifest::single(&file.path)),
    };
    let mut rules = Vec::new();
    for file in project
        .files
        .iter()
        .filter(|file| file.path.ends_with(".rules"))
    {
        let compiled = worker.compiled.rules(&file.path, &file.text);
        if !compiled.diagnostics.is_empty() {
            files.push(file_report(&file.path, &file.text, &compiled.diagnostics));
        }
        rules.push((file.path.clone(), compiled));
    }
    if let (Some(manifest), Some(toml)) = (&manifest, toml) {
        let missing: Vec<Diagnostic> = manifest
            .stages
            .iter()
            .filter_map(|stage| match &stage.source {
                StageSource::Rules(path) if !rules.iter().any(|(known, _)| known == path) => {
                    let message = format!("there is no file `{path}` in this project");
                    Some(Diagnostic::error(
                        "pipeline.missing-file",
                        stage.source_span,
                        message,
                    ))
                }
                _ => None,
            })
            .collect();
        if !missing.is_empty() {
            files.push(file_report(&toml.path, &toml.text, &missing));
        }
    }
    let is_ok = manifest.is_some()
        && files
            .iter()
            .all(|file| file.messages.iter().all(|m| m.severity != "error"));
    let size_bytes = rules
        .iter()
        .filter_map(|(_, rules)| rules.component.as_ref())
        .map(|bytes| bytes.len())
        .sum();
    let elapsed_us = ((worker.now_ms() - start) * 1000.0) as u32;
    let report = CompileReport {
        files,
        elapsed_us,
        size_bytes,
        is_ok,
        stages: Vec::new(),
    };
    Prepared { manifest, report }
}

/// Diagnostics with offsets in UTF-16 units.
pub(crate) fn file_report(path: &str, source: &str, diagnostics: &[Diagnostic]) -> FileReport {
    let lines = SourceMap::new(source);
    let messages = diagnostics.iter().map(|diagnostic| {
        let (from, to) = utf16_range(source, diagnostic.span);
        let labels = diagnostic.labels.iter().map(|label| {
            format!(
                "{} (line {})",
                label.message,
                lines.position(label.span.start).line
            )
        });
        Message {
            from,
            to,
            line: lines.position(diagnostic.span.start).line,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            }
            .to_owned(),
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            hints: diagnostic.hints.iter().cloned().chain(labels).collect(),
        }
    });
    FileReport {
        path: path.to_owned(),
        messages: messages.collect(),
    }
}

/// A span as JavaScript counts.
pub(crate) fn utf16_range(source: &str, span: Span) -> (u32, u32) {
    (
        utf16_offset(source, span.start),
        utf16_offset(source, span.end),
    )
}

/// The offset in bytes of a place as JavaScript counts.
pub(crate) fn byte_offset(source: &str, utf16: u32) -> u32 {
    let mut n_units = 0;
    for (offset, c) in source.char_indices() {
        if n_units >= utf16 {
            return offset as u32;
        }
        n_units += c.len_utf16() as u32;
    }
    source.len() as u32
}

fn utf16_offset(source: &str, offset: u32) -> u32 {
    let mut offset = (offset as usize).min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    source[..offset].encode_utf16().count() as u32
}
