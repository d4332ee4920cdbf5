//! Documents are checked beside the messages, so that an answer never waits for the analysis of a large rule set.

use super::Event;
use crate::findings::Examiner;
use rulestage_diagnostics::{Diagnostic, Span};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// A text to be checked.
struct Job {
    uri: String,
    version: i32,
    text: String,
}

/// What is to be said of one version of a document.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) uri: String,
    pub(super) version: i32,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A thread that checks one text at a time. What has changed in the meantime waits, and is checked as it is then.
pub(super) struct Checker {
    jobs: Sender<Job>,
    is_busy: bool,
    /// The documents that wait, the one that changed first in front
    waiting: Vec<String>,
}

impl Checker {
    /// Starts the thread; what it finds is an event.
    pub(super) fn start(events: Sender<Event>) -> Self {
        let (jobs, received) = channel::<Job>();
        thread::spawn(move || {
            let mut examiner = Examiner::default();
            for Job { uri, version, text } in received {
                let diagnostics = examine(&mut examiner, &uri, &text);
                let checked = Checked {
                    uri,
                    version,
                    diagnostics,
                };
                // Nobody listens any more when the server ends.
                if events.send(Event::Checked(checked)).is_err() {
                    break;
                }
            }
        });
        Self {
            jobs,
            is_busy: false,
            waiting: Vec::new(),
        }
    }

    /// Notes that a document is to be checked.
    pub(super) fn want(&mut self, uri: &str) {
        if !self.waiting.iter().any(|waiting| waiting == uri) {
            self.waiting.push(uri.to_owned());
        }
    }

    /// Notes that the thread is free again.
    pub(super) fn finish(&mut self) {
        self.is_busy = false;
    }

    /// Starts the next check, if the thread is free; `document` gives the version and text of a document that is open.
    pub(super) fn go_on(&mut self, document: impl Fn(&str) -> Option<(i32, String)>) {
        while !self.is_busy && !self.waiting.is_empty() {
            let uri = self.waiting.remove(0);
            if let Some((version, text)) = document(&uri) {
                self.is_busy = self.jobs.send(Job { uri, version, text }).is_ok();
            }
        }
    }
}

fn examine(examiner: &mut Examiner, uri: &str, text: &str) -> Vec<Diagnostic> {
    let found = examiner.examine(uri, text).map(|mut found| {
        // What holds is for commands to say.
        found.retain(|each| each.code != "rule.analysis.invariant-holds");
        found
    });
    found.unwrap_or_else(|failure| {
        let mut found = rulestage_rule_compiler::check(text).diagnostics;
        let message = format!("the invariants were not tried: {:#}", failure.error);
        found.push(Diagnostic::warning(
            "rule.analysis.not-tried",
            Span::default(),
            message,
        ));
        found
    })
}
