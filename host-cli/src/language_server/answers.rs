//! The requests about documents, one function each.

use super::convert::{self, edit, workspace_edit};
use super::document::Document;
use super::{Client, parse};
use gen_lsp_types as lsp;
use lsp::{ErrorCodes, LspErrorCodes};
use rulestage_diagnostics::Span;
use rulestage_rule_compiler as compiler;
use rulestage_rule_services as services;
use rulestage_rule_services::{Edit, Refusal};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a request has no result.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Error {
    pub(super) fn new(code: ErrorCodes, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: LspErrorCodes::RequestFailed.into(),
            message: refusal.reason,
        }
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// The documents, and how the client counts.
#[derive(Clone, Copy)]
struct Context<'a> {
    client: Client,
    documents: &'a BTreeMap<String, Document>,
}

impl<'a> Context<'a> {
    fn document(&self, uri: &lsp::Uri) -> Result<&'a Document> {
        self.documents.get(&uri.0).ok_or_else(|| {
            Error::new(
                ErrorCodes::InvalidParams,
                format!("`{}` is not open", uri.0),
            )
        })
    }

    /// The document and the offset in it.
    fn place(&self, params: &lsp::TextDocumentPositionParams) -> Result<(&'a Document, u32)> {
        let document = self.document(&params.text_document.uri)?;
        Ok((
            document,
            document.offset(params.position, self.client.encoding),
        ))
    }

    fn range(&self, document: &Document, span: Span) -> lsp::Range {
        document.range(span, self.client.encoding)
    }
}

/// The result of a request, as JSON.
pub(super) fn answer(
    client: Client,
    documents: &BTreeMap<String, Document>,
    method: &str,
    params: Value,
) -> Result<Value> {
    let context = Context { client, documents };
    match method {
        "textDocument/hover" => to_json(hover(context, parse(params)?)?),
        "textDocument/completion" => to_json(completion(context, parse(params)?)?),
        "textDocument/signatureHelp" => to_json(signature_help(context, parse(params)?)?),
        "textDocument/definition" => to_json(definition(context, parse(params)?)?),
        "textDocument/references" => to_json(references(context, parse(params)?)?),
        "textDocument/documentHighlight" => to_json(document_highlight(context, parse(params)?)?),
        "textDocument/prepareRename" => to_json(prepare_rename(context, parse(params)?)?),
        "textDocument/rename" => to_json(rename(context, parse(params)?)?),
        "textDocument/formatting" => to_json(formatting(context, parse(params)?)?),
        "textDocument/documentSymbol" => to_json(document_symbol(context, parse(params)?)?),
        "textDocument/foldingRange" => to_json(folding_range(context, parse(params)?)?),
        "textDocument/inlayHint" => to_json(inlay_hint(context, parse(params)?)?),
        "textDocument/semanticTokens/full" => to_json(semantic_tokens(context, parse(params)?)?),
        "textDocument/codeAction" => to_json(code_action(context, parse(params)?)?),
        _ => {
            let message = format!("there is no method `{method}`");
            Err(Error::new(ErrorCodes::MethodNotFound, message))
        }
    }
}

pub(super) fn to_json(result: impl Serialize) -> Result<Value> {
    serde_json::to_value(result)
        .map_err(|error| Error::new(ErrorCodes::InternalError, error.to_string()))
}

fn hover(context: Context<'_>, params: lsp::HoverParams) -> Result<Option<lsp::Hover>> {
    let (document, offset) = context.place(&params.text_document_position_params)?;
    let hover = services::hover(document.text(), offset);
    Ok(hover.map(|hover| {
        let mut value = format!("```rules\n{}\n```", hover.code);
        if !hover.doc.is_empty() {
            value += "\n\n";
            value += &hover.doc;
        }
        lsp::Hover {
            contents: convert::markdown(value).into(),
            range: Some(context.range(document, hover.span)),
        }
    }))
}

fn completion(context: Context<'_>, params: lsp::CompletionParams) -> Result<lsp::CompletionList> {
    let (document, offset) = context.place(&params.text_document_position_params)?;
    let found = services::completions(document.text(), offset);
    let range = context.range(document, found.span);
    let items = found.items.iter().enumerate();
    Ok(lsp::CompletionList {
        items: items
            .map(|(rank, item)| convert::completion(context.client, range, rank, item))
            .collect(),
        ..Default::default()
    })
}

fn signature_help(
    context: Context<'_>,
    params: lsp::SignatureHelpParams,
) -> Result<Option<lsp::SignatureHelp>> {
    let (document, offset) = context.place(&params.text_document_position_params)?;
    let help = services::signature_help(document.text(), offset);
    Ok(help.map(|help| convert::signature_help(&help)))
}

fn definition(
    context: Context<'_>,
    params: lsp::DefinitionParams,
) -> Result<Option<lsp::Location>> {
    let at = params.text_document_position_params;
    let (document, offset) = context.place(&at)?;
    let span = services::definition(document.text(), offset);
    Ok(span.map(|span| lsp::Location {
        uri: at.text_document.uri,
        range: context.range(document, span),
    }))
}

fn references(context: Context<'_>, params: lsp::ReferenceParams) -> Result<Vec<lsp::Location>> {
    let at = params.text_document_position_params;
    let (document, offset) = context.place(&at)?;
    let with_declaration = params.context.include_declaration;
    let spans = services::references(document.text(), offset, with_declaration);
    let location = |span| lsp::Location {
        uri: at.text_document.uri.clone(),
        range: context.range(document, span),
    };
    Ok(spans.into_iter().map(location).collect())
}

fn document_highlight(
    context: Context<'_>,
    params: lsp::DocumentHighlightParams,
) -> Result<Vec<lsp::DocumentHighlight>> {
    let (document, offset) = context.place(&params.text_document_position_params)?;
    let spans = services::references(document.text(), offset, true);
    let highlight = |span| lsp::DocumentHighlight {
        range: context.range(document, span),
        kind: None,
    };
    Ok(spans.into_iter().map(highlight).collect())
}

fn prepare_rename(
    context: Context<'_>,
    params: lsp::PrepareRenameParams,
) -> Result<lsp::PrepareRenamePlaceholder> {
    let (document, offset) = context.place(&params.text_document_position_params)?;
    let (span, placeholder) = services::prepare_rename(document.text(), offset)?;
    Ok(lsp::PrepareRenamePlaceholder {
        range: context.range(document, span),
        placeholder,
    })
}

fn rename(context: Context<'_>, params: lsp::RenameParams) -> Result<lsp::WorkspaceEdit> {
    let at = params.text_document_position_params;
    let (document, offset) = context.place(&at)?;
    let edits = services::rename(document.text(), offset, &params.new_name)?;
    Ok(workspace_edit(
        context.client,
        document,
        at.text_document.uri,
        &edits,
    ))
}

/// The edit that formats the whole document; none where it is formatted, null where it can't be read.
fn formatting(
    context: Context<'_>,
    params: lsp::DocumentFormattingParams,
) -> Result<Option<Vec<lsp::TextEdit>>> {
    let document = context.document(&params.text_document.uri)?;
    let text = document.text();
    let Ok(formatted) = compiler::format(text) else {
        return Ok(None);
    };
    if formatted == text {
        return Ok(Some(Vec::new()));
    }
    // Only what differs, so that cursors and marks stay where they are.
    let same = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| -> usize {
        a.zip(b)
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a.len_utf8())
            .sum()
    };
    let start = same(&mut text.chars(), &mut formatted.chars());
    let (old, new) = (&text[start..], &formatted[start..]);
    let end = same(&mut old.chars().rev(), &mut new.chars().rev());
    let change = Edit {
        span: Span::new(start as u32, (text.len() - end) as u32),
        text: new[..new.len() - end].to_owned(),
    };
    Ok(Some(vec![edit(context.client, document, &change)]))
}

fn document_symbol(
    context: Context<'_>,
    params: lsp::DocumentSymbolParams,
) -> Result<Vec<lsp::DocumentSymbol>> {
    let document = context.document(&params.text_document.uri)?;
    let symbols = services::document_symbols(document.text());
    let range = |span| context.range(document, span);
    Ok(symbols
        .iter()
        .map(|symbol| convert::document_symbol(&range, symbol))
        .collect())
}

fn folding_range(
    context: Context<'_>,
    params: lsp::FoldingRangeParams,
) -> Result<Vec<lsp::FoldingRange>> {
    let document = context.document(&params.text_document.uri)?;
    let fold = |span| {
        let range = context.range(document, span);
        lsp::FoldingRange {
            start_line: range.start.line,
            end_line: range.end.line,
            ..Default::default()
        }
    };
    Ok(services::folds(document.text())
        .into_iter()
        .map(fold)
        .collect())
}

fn inlay_hint(context: Context<'_>, params: lsp::InlayHintParams) -> Result<Vec<lsp::InlayHint>> {
    let document = context.document(&params.text_document.uri)?;
    let encoding = context.client.encoding;
    let start = document.offset(params.range.start, encoding);
    let end = document.offset(params.range.end, encoding);
    let hint = |hint: services::InlayHint| lsp::InlayHint {
        position: document.position(hint.offset, encoding),
        label: lsp::Label::String(hint.label),
        kind: Some(lsp::InlayHintKind::Type),
        text_edits: None,
        tooltip: None,
        padding_left: None,
        padding_right: None,
        data: None,
    };
    let hints = services::inlay_hints(document.text(), Span::new(start, end.max(start)));
    Ok(hints.into_iter().map(hint).collect())
}

fn semantic_tokens(
    context: Context<'_>,
    params: lsp::SemanticTokensParams,
) -> Result<lsp::SemanticTokens> {
    let document = context.document(&params.text_document.uri)?;
    Ok(lsp::SemanticTokens {
        result_id: None,
        data: convert::semantic_tokens(context.client, document),
    })
}

fn code_action(
    context: Context<'_>,
    params: lsp::CodeActionParams,
) -> Result<Vec<lsp::CodeAction>> {
    let uri = params.text_document.uri;
    let document = context.document(&uri)?;
    let only = params.context.only.unwrap_or_default();
    let is_wanted = |kind: &lsp::CodeActionKind| {
        matches!(
            kind,
            lsp::CodeActionKind::QuickFix | lsp::CodeActionKind::Empty
        )
    };
    if !only.is_empty() && !only.iter().any(is_wanted) {
        return Ok(Vec::new());
    }
    let encoding = context.client.encoding;
    let start = document.offset(params.range.start, encoding);
    let end = document.offset(params.range.end, encoding);
    let fixes = services::fixes(document.text(), Span::new(start, end.max(start)));
    let is_only = fixes.len() == 1;
    let action = |fix: services::Fix| lsp::CodeAction {
        title: fix.title,
        kind: Some(lsp::CodeActionKind::QuickFix),
        diagnostics: Some(vec![convert::diagnostic(
            context.client,
            document,
            &uri,
            &fix.diagnostic,
        )]),
        is_preferred: Some(is_only),
        edit: Some(workspace_edit(
            context.client,
            document,
            uri.clone(),
            &[fix.edit],
        )),
        ..Default::default()
    };
    Ok(fixes.into_iter().map(action).collect())
}
