//! What the worker does with the part of its program that is fetched when the first decision is made: it studies rules,
//! says why, and answers the editor.
//!
//! `bin/worker.rs` has the door to that part. What nothing but [`Task::work`] reaches is not in the first load, so no
//! other code may call what it calls.

use super::models::text_of;
use super::run::Finished;
use super::study::{self, Part, Study};
use super::{Worker, services, why};
use crate::protocol::{Question, WhyReport};
use js_sys::Promise;
use rulestage_pipeline::load::{Rules, Stage};
use rulestage_runtime_web::WebRuntime;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./later-start.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = startLater)]
    fn start_later() -> Result<Promise, JsValue>;
}

/// The function that does a task. Until [`Later::start`] has come back, calling it traps.
pub type Door = fn(Task<'_>);

/// Something to do, and where what comes of it goes.
pub struct Task<'a>(Kind<'a>);

enum Kind<'a> {
    LookAt {
        worker: &'a Worker,
        study: &'a Study,
        stage: &'a Stage<WebRuntime>,
        rules: &'a Rules,
        found: &'a mut Option<Part>,
    },
    Explain {
        finished: &'a mut Finished,
        row: usize,
        report: &'a mut Result<WhyReport, String>,
    },
    Answer {
        question: Question,
        text: &'a str,
        offset: u32,
        answer: &'a mut String,
    },
}

impl Task<'_> {
    /// Does it.
    pub fn work(self) {
        match self.0 {
            Kind::LookAt {
                worker,
                study,
                stage,
                rules,
                found,
            } => *found = Some(study::look_at(worker, study, stage, rules)),
            Kind::Explain {
                finished,
                row,
                report,
            } => *report = why::explain(finished, row),
            Kind::Answer {
                question,
                text,
                offset,
                answer,
            } => *answer = services::answer(question, text, offset),
        }
    }
}

/// The part, fetched.
#[derive(Clone, Copy)]
pub(crate) struct Later(Door);

impl Later {
    /// Fetches the part, once.
    pub(crate) async fn start(door: Door) -> Result<Self, String> {
        let started = async { JsFuture::from(start_later()?).await }.await;
        started.map(|_| Self(door)).map_err(|thrown| {
            let reason = text_of(&thrown);
            format!("a part of the playground can't be fetched: {reason}")
        })
    }

    fn work(self, kind: Kind<'_>) {
        (self.0)(Task(kind));
    }

    /// What there is to find in a stage's rules.
    pub(crate) fn look_at(
        self,
        worker: &Worker,
        study: &Study,
        stage: &Stage<WebRuntime>,
        rules: &Rules,
    ) -> Option<Part> {
        let mut found = None;
        self.work(Kind::LookAt {
            worker,
            study,
            stage,
            rules,
            found: &mut found,
        });
        found
    }

    /// The reasons of a row.
    pub(crate) fn explain(self, finished: &mut Finished, row: usize) -> Result<WhyReport, String> {
        let mut report = Err(String::new());
        self.work(Kind::Explain {
            finished,
            row,
            report: &mut report,
        });
        report
    }

    /// What the editor asks, as JSON.
    pub(crate) fn answer(self, question: Question, text: &str, offset: u32) -> String {
        let mut answer = String::new();
        self.work(Kind::Answer {
            question,
            text,
            offset,
            answer: &mut answer,
        });
        answer
    }
}
