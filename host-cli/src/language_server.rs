//! The language server: what `rule-services` knows, over the Language Server Protocol.
//!
//! Messages are answered one after the other: what is asked takes a few milliseconds at most on rule sets of usual size,
//! so there is nothing to cancel. Documents are checked in a thread beside that, each as it is when its turn comes.

mod answers;
mod checker;
mod convert;
mod document;
mod transport;

use crate::failure::{Failure, OrFail, Result, Status};
use answers::Error;
use checker::{Checked, Checker};
use document::{Document, Encoding};
use gen_lsp_types as lsp;
use lsp::ErrorCodes;
use lsp::json_rpc::Id;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use transport::{Incoming, read, write};

/// Answers a client until it says `exit` or goes away.
///
/// The status is 1 where the client did not ask for a shutdown first, as the protocol demands.
pub(crate) fn serve(
    input: impl BufRead + Send + 'static,
    output: &mut impl Write,
) -> Result<Status> {
    let (sender, events) = channel();
    let mut server = Server::new(Checker::start(sender.clone()));
    thread::spawn(move || listen(input, &sender));
    let reading = || "can't read from the client".to_owned();
    let writing = || "can't write to the client".to_owned();
    while server.exit.is_none() {
        // The threads keep their ends: there always is an event.
        let Ok(event) = events.recv() else { break };
        let answers = match event {
            Event::Checked(checked) => server.publish(checked),
            Event::Incoming(Err(error)) => Err(error).or_fail(Status::File, reading)?,
            Event::Incoming(Ok(None)) => break,
            Event::Incoming(Ok(Some(Incoming::Message(message)))) => server.receive(message),
            Event::Incoming(Ok(Some(Incoming::NotJson(reason)))) => {
                vec![failure(Id::Null, &parse_error(reason))]
            }
            Event::Incoming(Ok(Some(Incoming::NotFramed(reason)))) => {
                // Where the next message starts, nobody knows.
                let error = parse_error(reason.clone());
                write(output, &failure(Id::Null, &error)).or_fail(Status::File, writing)?;
                return Err(Failure::new(
                    Status::File,
                    format!("can't read from the client: {reason}"),
                ));
            }
        };
        for answer in answers {
            write(output, &answer).or_fail(Status::File, writing)?;
        }
        server.check_next();
    }
    let is_orderly = server.phase == Phase::ShutDown;
    Ok(server.exit.unwrap_or(if is_orderly {
        Status::Done
    } else {
        Status::Refused
    }))
}

/// What the server waits for.
enum Event {
    /// Something from the client; `None` at its end
    Incoming(io::Result<Option<Incoming>>),
    /// A document was checked
    Checked(Checked),
}

/// Hands on what the client sends, until nothing more can come.
fn listen(mut input: impl BufRead, events: &Sender<Event>) {
    loop {
        let incoming = read(&mut input);
        let is_last = !matches!(
            incoming,
            Ok(Some(Incoming::Message(_) | Incoming::NotJson(_)))
        );
        if events.send(Event::Incoming(incoming)).is_err() || is_last {
            break;
        }
    }
}

/// Where in its life the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    New,
    Running,
    ShutDown,
}

/// What the client told about itself.
#[derive(Debug, Clone, Copy, Default)]
struct Client {
    encoding: Encoding,
    has_snippets: bool,
    has_related_information: bool,
}

struct Server {
    checker: Checker,
    phase: Phase,
    client: Client,
    /// By URI
    documents: BTreeMap<String, Document>,
    /// Set by `exit`
    exit: Option<Status>,
}

impl Server {
    fn new(checker: Checker) -> Self {
        Self {
            checker,
            phase: Phase::default(),
            client: Client::default(),
            documents: BTreeMap::new(),
            exit: None,
        }
    }

    /// What to send for a message.
    fn receive(&mut self, message: Value) -> Vec<Value> {
        let Value::Object(mut object) = message else {
            let error = Error::new(ErrorCodes::InvalidRequest, "a message is an object");
            return vec![failure(Id::Null, &error)];
        };
        let id: Option<Id> = object
            .remove("id")
            .map(|id| serde_json::from_value(id).unwrap_or(Id::Null));
        if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            let error = Error::new(ErrorCodes::InvalidRequest, "`jsonrpc` must be \"2.0\"");
            return vec![failure(id.unwrap_or(Id::Null), &error)];
        }
        let params = object.remove("params").unwrap_or(Value::Null);
        match (object.remove("method"), id) {
            (Some(Value::String(_)), Some(Id::Null)) => {
                let error = Error::new(
                    ErrorCodes::InvalidRequest,
                    "`id` must be a number or a string",
                );
                vec![failure(Id::Null, &error)]
            }
            (Some(Value::String(method)), Some(id)) => {
                vec![match self.answer(&method, params) {
                    Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
                    Err(error) => failure(id, &error),
                }]
            }
            (Some(Value::String(method)), None) => self.notice(&method, params),
            // The answer to something that was asked; this server asks nothing.
            (None, Some(_)) if object.contains_key("result") || object.contains_key("error") => {
                Vec::new()
            }
            (_, id) => {
                let error = Error::new(ErrorCodes::InvalidRequest, "`method` must be a string");
                vec![failure(id.unwrap_or(Id::Null), &error)]
            }
        }
    }

    fn answer(&mut self, method: &str, params: Value) -> Result<Value, Error> {
        match (self.phase, method) {
            (Phase::New, "initialize") => self.initialize(params),
            (Phase::New, _) => Err(Error::new(
                ErrorCodes::ServerNotInitialized,
                "`initialize` comes first",
            )),
            (Phase::Running, "initialize") => Err(Error::new(
                ErrorCodes::InvalidRequest,
                "the server is initialized already",
            )),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, _) => answers::answer(self.client, &self.documents, method, params),
            (Phase::ShutDown, _) => Err(Error::new(
                ErrorCodes::InvalidRequest,
                "the server is shut down",
            )),
        }
    }

    fn initialize(&mut self, params: Value) -> Result<Value, Error> {
        /// The part of the parameters that matters here.
        #[derive(Default, Deserialize)]
        struct Params {
            capabilities: lsp::ClientCapabilities,
        }
        let Params { capabilities } = parse(params)?;
        let encodings = capabilities
            .general
            .and_then(|general| general.position_encodings);
        let text = capabilities.text_document.unwrap_or_default();
        let diagnostics = text.publish_diagnostics.unwrap_or_default();
        let item = text
            .completion
            .and_then(|completion| completion.completion_item);
        self.client = Client {
            encoding: Encoding::best_of(&encodings.unwrap_or_default()),
            has_snippets: item
                .and_then(|item| item.snippet_support)
                .unwrap_or_default(),
            has_related_information: diagnostics
                .diagnostics_capabilities
                .related_information
                .unwrap_or_default(),
        };
        self.phase = Phase::Running;
        let result = lsp::InitializeResult {
            capabilities: convert::capabilities(self.client.encoding),
            server_info: Some(lsp::ServerInfo {
                name: "rulestage".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        };
        answers::to_json(result)
    }

    /// Takes a notification; those that can't be understood are passed over, as the protocol says.
    fn notice(&mut self, method: &str, params: Value) -> Vec<Value> {
        if method == "exit" {
            let is_orderly = self.phase == Phase::ShutDown;
            self.exit = Some(if is_orderly {
                Status::Done
            } else {
                Status::Refused
            });
            return Vec::new();
        }
        if self.phase != Phase::Running {
            return Vec::new();
        }
        match method {
            "textDocument/didOpen" => self.open(params),
            "textDocument/didChange" => self.change(params),
            "textDocument/didClose" => return self.close(params).map_or_else(Vec::new, notify),
            _ => None,
        };
        Vec::new()
    }

    fn open(&mut self, params: Value) -> Option<()> {
        let params: lsp::DidOpenTextDocumentParams = parse(params).ok()?;
        let item = params.text_document;
        let document = Document::new(item.text, item.version);
        self.checker.want(&item.uri.0);
        self.documents.insert(item.uri.0, document);
        Some(())
    }

    fn change(&mut self, params: Value) -> Option<()> {
        let params: lsp::DidChangeTextDocumentParams = parse(params).ok()?;
        let uri = params.text_document.text_document_identifier.uri;
        let document = self.documents.get_mut(&uri.0)?;
        for change in params.content_changes {
            document.change(change, self.client.encoding);
        }
        document.version = params.text_document.version;
        self.checker.want(&uri.0);
        Some(())
    }

    fn close(&mut self, params: Value) -> Option<lsp::PublishDiagnosticsParams> {
        let params: lsp::DidCloseTextDocumentParams = parse(params).ok()?;
        let uri = params.text_document.uri;
        self.documents.remove(&uri.0)?;
        Some(lsp::PublishDiagnosticsParams {
            uri,
            version: None,
            diagnostics: Vec::new(),
        })
    }

    /// Tells what was found in a document, unless it has changed since: then it is checked again.
    fn publish(&mut self, checked: Checked) -> Vec<Value> {
        self.checker.finish();
        let document = self.documents.get(&checked.uri);
        let Some(document) = document.filter(|document| document.version == checked.version) else {
            return Vec::new();
        };
        let uri = lsp::Uri(checked.uri);
        let diagnostics = checked
            .diagnostics
            .iter()
            .map(|each| convert::diagnostic(self.client, document, &uri, each));
        notify(lsp::PublishDiagnosticsParams {
            diagnostics: diagnostics.collect(),
            version: Some(document.version),
            uri,
        })
    }

    fn check_next(&mut self) {
        let documents = &self.documents;
        self.checker.go_on(|uri| {
            let document = documents.get(uri)?;
            Some((document.version, document.text().to_owned()))
        });
    }
}

fn notify(params: lsp::PublishDiagnosticsParams) -> Vec<Value> {
    let method = "textDocument/publishDiagnostics";
    let params = answers::to_json(params).ok();
    let message = |params| json!({ "jsonrpc": "2.0", "method": method, "params": params });
    params.map(message).into_iter().collect()
}

fn parse_error(reason: String) -> Error {
    Error::new(ErrorCodes::ParseError, reason)
}

fn failure(id: Id, error: &Error) -> Value {
    let error = json!({ "code": error.code, "message": error.message });
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

/// Parameters of the form that a method has.
fn parse<T: DeserializeOwned>(params: Value) -> Result<T, Error> {
    serde_json::from_value(params)
        .map_err(|error| Error::new(ErrorCodes::InvalidParams, error.to_string()))
}
