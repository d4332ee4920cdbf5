//! What the services say, in the types of the protocol.

use super::Client;
use super::document::{Document, Encoding};
use gen_lsp_types as lsp;
use rulestage_diagnostics::{Diagnostic, Severity, Span};
use rulestage_rule_compiler::{TokenClass, highlight};
use rulestage_rule_services::{
    Completion, CompletionKind, DocumentSymbol, Edit, SignatureHelp, SymbolKind,
};
use std::collections::HashMap;

/// What the server can do.
pub(super) fn capabilities(encoding: Encoding) -> lsp::ServerCapabilities {
    lsp::ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(lsp::TextDocumentSync::Options(
            lsp::TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(lsp::TextDocumentSyncKind::Incremental),
                ..Default::default()
            },
        )),
        hover_provider: Some(lsp::HoverProvider::Bool(true)),
        completion_provider: Some(lsp::CompletionOptions {
            trigger_characters: Some(vec![".".to_owned(), ">".to_owned(), "|".to_owned()]),
            ..Default::default()
        }),
        signature_help_provider: Some(lsp::SignatureHelpOptions {
            trigger_characters: Some(vec!["(".to_owned(), ",".to_owned()]),
            ..Default::default()
        }),
        definition_provider: Some(lsp::DefinitionProvider::Bool(true)),
        references_provider: Some(lsp::ReferencesProvider::Bool(true)),
        document_highlight_provider: Some(lsp::DocumentHighlightProvider::Bool(true)),
        document_symbol_provider: Some(lsp::DocumentSymbolProvider::Bool(true)),
        folding_range_provider: Some(lsp::FoldingRangeProvider::Bool(true)),
        inlay_hint_provider: Some(lsp::InlayHintProvider::Bool(true)),
        document_formatting_provider: Some(lsp::DocumentFormattingProvider::Bool(true)),
        code_action_provider: Some(lsp::CodeActionProvider::CodeActionOptions(
            lsp::CodeActionOptions {
                code_action_kinds: Some(vec![lsp::CodeActionKind::QuickFix]),
                ..Default::default()
            },
        )),
        rename_provider: Some(lsp::RenameProvider::RenameOptions(lsp::RenameOptions {
            prepare_provider: Some(true),
            ..Default::default()
        })),
        semantic_tokens_provider: Some(lsp::SemanticTokensProvider::SemanticTokensOptions(
            lsp::SemanticTokensOptions {
                legend: lsp::SemanticTokensLegend {
                    token_types: TOKEN_TYPES.map(String::from).into(),
                    token_modifiers: Vec::new(),
                },
                full: Some(lsp::Full::Bool(true)),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

pub(super) fn markdown(value: String) -> lsp::MarkupContent {
    lsp::MarkupContent {
        kind: lsp::MarkupKind::Markdown,
        value,
    }
}

pub(super) fn diagnostic(
    client: Client,
    document: &Document,
    uri: &lsp::Uri,
    diagnostic: &Diagnostic,
) -> lsp::Diagnostic {
    let mut message = diagnostic.message.clone();
    for hint in &diagnostic.hints {
        message += "\nhelp: ";
        message += hint;
    }
    let related = diagnostic
        .labels
        .iter()
        .map(|label| lsp::DiagnosticRelatedInformation {
            location: lsp::Location {
                uri: uri.clone(),
                range: document.range(label.span, client.encoding),
            },
            message: label.message.clone(),
        });
    let related: Vec<_> = related.collect();
    lsp::Diagnostic {
        range: document.range(diagnostic.span, client.encoding),
        severity: Some(match diagnostic.severity {
            Severity::Error => lsp::DiagnosticSeverity::Error,
            Severity::Warning => lsp::DiagnosticSeverity::Warning,
            Severity::Note => lsp::DiagnosticSeverity::Information,
        }),
        code: Some(lsp::Code::String(diagnostic.code.to_owned())),
        source: Some("rulestage".to_owned()),
        message: lsp::Message::String(message),
        related_information: (client.has_related_information && !related.is_empty())
            .then_some(related),
        ..Default::default()
    }
}

pub(super) fn edit(client: Client, document: &Document, edit: &Edit) -> lsp::TextEdit {
    lsp::TextEdit {
        range: document.range(edit.span, client.encoding),
        new_text: edit.text.clone(),
    }
}

pub(super) fn workspace_edit(
    client: Client,
    document: &Document,
    uri: lsp::Uri,
    edits: &[Edit],
) -> lsp::WorkspaceEdit {
    let edits = edits
        .iter()
        .map(|each| edit(client, document, each))
        .collect();
    lsp::WorkspaceEdit {
        changes: Some(HashMap::from([(uri, edits)])),
        ..Default::default()
    }
}

/// `rank` keeps the order of the services.
pub(super) fn completion(
    client: Client,
    range: lsp::Range,
    rank: usize,
    completion: &Completion,
) -> lsp::CompletionItem {
    use CompletionKind as K;
    let kind = match completion.kind {
        K::Keyword => lsp::CompletionItemKind::Keyword,
        K::Type => lsp::CompletionItemKind::TypeParameter,
        K::Name(SymbolKind::Param) => lsp::CompletionItemKind::Constant,
        K::Name(SymbolKind::Output) => lsp::CompletionItemKind::Property,
        K::Name(SymbolKind::Input) | K::Field => lsp::CompletionItemKind::Field,
        K::Name(_) => lsp::CompletionItemKind::Variable,
        K::Function { .. } | K::Macro => lsp::CompletionItemKind::Function,
        K::Namespace => lsp::CompletionItemKind::Module,
    };
    let label = completion.label.clone();
    let with_cursor_inside = match completion.kind {
        K::Function { has_arguments } => Some(has_arguments),
        K::Macro => Some(true),
        _ => None,
    };
    let (new_text, format) = match with_cursor_inside {
        Some(true) if client.has_snippets => {
            (format!("{label}($0)"), lsp::InsertTextFormat::Snippet)
        }
        Some(false) => (format!("{label}()"), lsp::InsertTextFormat::PlainText),
        _ => (label.clone(), lsp::InsertTextFormat::PlainText),
    };
    // One line says what it is; all signatures are for the documentation.
    let mut lines = completion.detail.lines();
    let detail = lines.next().map(str::to_owned);
    let mut doc = completion.doc.clone();
    if lines.next().is_some() {
        doc = format!("```rules\n{}\n```\n\n{doc}", completion.detail);
    }
    lsp::CompletionItem {
        label,
        kind: Some(kind),
        detail,
        documentation: (!doc.is_empty()).then(|| markdown(doc).into()),
        sort_text: Some(format!("{rank:04}")),
        insert_text_format: Some(format),
        text_edit: Some(lsp::TextEdit { range, new_text }.into()),
        ..Default::default()
    }
}

pub(super) fn signature_help(help: &SignatureHelp) -> lsp::SignatureHelp {
    let lines = help
        .signatures
        .iter()
        .map(|line| lsp::SignatureInformation {
            label: line.label.clone(),
            documentation: (!help.doc.is_empty()).then(|| markdown(help.doc.clone()).into()),
            // Labels are ASCII: bytes are UTF-16 code units.
            parameters: Some(
                line.parameters
                    .iter()
                    .map(|range| lsp::ParameterInformation {
                        label: lsp::ParameterInformationLabel::Tuple((range.start, range.end)),
                        documentation: None,
                    })
                    .collect(),
            ),
            active_parameter: None,
        });
    lsp::SignatureHelp {
        signatures: lines.collect(),
        active_signature: Some(0),
        active_parameter: Some(lsp::ActiveParameter::Int(help.active_parameter)),
    }
}

pub(super) fn document_symbol(
    range: &impl Fn(Span) -> lsp::Range,
    symbol: &DocumentSymbol,
) -> lsp::DocumentSymbol {
    let kind = match symbol.kind {
        SymbolKind::RuleSet => lsp::SymbolKind::Module,
        SymbolKind::Input => lsp::SymbolKind::Field,
        SymbolKind::Param => lsp::SymbolKind::Constant,
        SymbolKind::Output => lsp::SymbolKind::Property,
        SymbolKind::Let | SymbolKind::Local | SymbolKind::Parameter => lsp::SymbolKind::Variable,
        SymbolKind::Rule | SymbolKind::Function => lsp::SymbolKind::Function,
        SymbolKind::Table => lsp::SymbolKind::Array,
        SymbolKind::Invariant => lsp::SymbolKind::Boolean,
        SymbolKind::Example => lsp::SymbolKind::Event,
    };
    lsp::DocumentSymbol::new(
        symbol.name.clone(),
        (!symbol.detail.is_empty()).then(|| symbol.detail.clone()),
        kind,
        None,
        None,
        range(symbol.span),
        range(symbol.name_span),
        Some(
            symbol
                .children
                .iter()
                .map(|child| document_symbol(range, child))
                .collect(),
        ),
    )
}

const TOKEN_TYPES: [&str; 8] = [
    "keyword", "type", "number", "string", "comment", "function", "variable", "operator",
];

fn token_type(class: TokenClass) -> Option<u32> {
    Some(match class {
        TokenClass::Keyword | TokenClass::Constant => 0,
        TokenClass::Type => 1,
        TokenClass::Number => 2,
        TokenClass::String => 3,
        TokenClass::Comment => 4,
        TokenClass::Function => 5,
        TokenClass::Name => 6,
        TokenClass::Operator => 7,
        TokenClass::Punctuation | TokenClass::Error => return None,
    })
}

/// The highlighter's pieces, each relative to the one before; none goes over the end of a line.
pub(super) fn semantic_tokens(client: Client, document: &Document) -> Vec<lsp::SemanticToken> {
    let mut tokens = Vec::new();
    let mut last = lsp::Position::default();
    for (span, class) in highlight(document.text()) {
        let Some(token_type) = token_type(class) else {
            continue;
        };
        let mut start = span.start;
        for line in span.text(document.text()).split_inclusive('\n') {
            let position = document.position(start, client.encoding);
            let length = client.encoding.length(line.trim_end_matches(['\n', '\r']));
            start += line.len() as u32;
            if length == 0 {
                continue;
            }
            let delta_line = position.line - last.line;
            let column = if delta_line == 0 { last.character } else { 0 };
            tokens.push(lsp::SemanticToken {
                delta_line,
                delta_start: position.character - column,
                length,
                token_type,
                token_modifiers_bitset: 0,
            });
            last = position;
        }
    }
    tokens
}
