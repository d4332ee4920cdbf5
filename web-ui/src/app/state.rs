//! The page's state and the actions that change it.

use crate::protocol::{
    CompileReport, DataSource, FileCoverage, FileReport, FiringReport, Message, ModelReport,
    ParamValue, Project, RowPage, RunReport, StudyReport, View, WhyReport,
};
use std::rc::Rc;
use yew::Reducible;

/// What is open on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftTab {
    File(usize),
    Params,
}

/// What is open on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RightTab {
    Decisions,
    Summary,
    Why,
    Tests,
    Component,
}

/// How the last run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunState {
    /// The page is being loaded.
    Starting,
    Running {
        what: String,
    },
    Done,
    NotCompiled,
    Failed {
        during: String,
        message: String,
    },
    Stopped {
        during: String,
        deadline_ms: u32,
    },
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) examples: Vec<String>,
    pub(crate) project: Project,
    pub(crate) data: Option<DataSource>,
    /// Goes up whenever the project or the data change
    pub(crate) revision: u32,
    pub(crate) is_automatic: bool,
    pub(crate) left_tab: LeftTab,
    pub(crate) right_tab: RightTab,
    pub(crate) run_state: RunState,
    pub(crate) compiled: CompileReport,
    /// What was found in the rules when they were last looked at; it stays in sight until they are again
    pub(crate) study: StudyReport,
    pub(crate) report: RunReport,
    /// Goes up with every report, so that tables ask for their rows again
    pub(crate) result: u32,
    pub(crate) view: View,
    pub(crate) page: RowPage,
    /// Position in the view of the row whose reasons are shown
    pub(crate) selected: Option<Selected>,
    pub(crate) why: Option<WhyReport>,
    pub(crate) firings: FiringReport,
    /// The component that is shown as text: its stage, and the text or why there is none
    pub(crate) wat: Option<(String, Result<Rc<str>, String>)>,
    /// What the editor points at: a file and a range
    pub(crate) pointed_at: Option<(String, u32, u32)>,
    /// The model that was dropped last
    pub(crate) model: Option<Box<ModelReport>>,
    pub(crate) theme: Theme,
    pub(crate) notice: Option<String>,
}

/// A chosen row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Position in the view
    pub(crate) position: usize,
    /// Row of the result
    pub(crate) row: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            examples: Vec::new(),
            project: Project::default(),
            data: None,
            revision: 0,
            is_automatic: true,
            left_tab: LeftTab::File(0),
            right_tab: RightTab::Decisions,
            run_state: RunState::Starting,
            compiled: CompileReport::default(),
            study: StudyReport::default(),
            report: RunReport::default(),
            result: 0,
            view: View::default(),
            page: RowPage::default(),
            selected: None,
            why: None,
            firings: FiringReport::default(),
            wat: None,
            pointed_at: None,
            model: None,
            theme: Theme::System,
            notice: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Examples(Vec<String>),
    Opened(Box<Project>, DataSource),
    Edited { path: String, text: String },
    Param(ParamValue),
    ResetParams,
    Data(DataSource),
    Model(Option<Box<ModelReport>>),
    Automatic(bool),
    LeftTab(LeftTab),
    RightTab(RightTab),
    Doing(String),
    Compiled(Box<CompileReport>),
    Ran(Box<RunReport>),
    Studied(StudyReport),
    Failed { during: String, message: String },
    Stopped { during: String, deadline_ms: u32 },
    View(View),
    Page(RowPage),
    Select(Option<Selected>),
    Why(Box<WhyReport>),
    Firings(FiringReport),
    Wat(Option<(String, Result<Rc<str>, String>)>),
    PointAt(String, u32, u32),
    Theme(Theme),
    Notice(Option<String>),
}

impl State {
    /// The compiler's messages on a file.
    pub(crate) fn messages(&self, path: &str) -> &[Message] {
        messages_on(&self.compiled.files, path)
    }

    /// What was found in a file that compiles.
    pub(crate) fn findings(&self, path: &str) -> &[Message] {
        messages_on(&self.study.files, path)
    }

    /// What the examples show of a file.
    pub(crate) fn coverage(&self, path: &str) -> Option<&FileCoverage> {
        self.report.coverage.iter().find(|file| file.path == path)
    }

    pub(crate) fn n_errors(&self, path: &str) -> usize {
        self.messages(path)
            .iter()
            .filter(|message| message.severity == "error")
            .count()
    }

    /// Whether files are rows, instead of holding them.
    pub(crate) fn takes_files(&self) -> bool {
        self.data
            .as_ref()
            .is_some_and(|data| !data.files.is_empty())
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(
            self.run_state,
            RunState::Running { .. } | RunState::Starting
        )
    }

    /// The value that a parameter has now, as text.
    pub(crate) fn param(&self, stage: &str, name: &str) -> Option<&str> {
        let set = self
            .project
            .params
            .iter()
            .find(|param| param.stage == stage && param.name == name);
        set.map(|param| param.text.as_str())
    }
}

fn messages_on<'r>(files: &'r [FileReport], path: &str) -> &'r [Message] {
    files
        .iter()
        .find(|file| file.path == path)
        .map_or(&[], |file| &file.messages)
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = Rc::unwrap_or_clone(self);
        match action {
            Action::Examples(examples) => state.examples = examples,
            Action::Opened(project, data) => {
                let (examples, theme, is_automatic) = (
                    std::mem::take(&mut state.examples),
                    state.theme,
                    state.is_automatic,
                );
                state = Self {
                    examples,
                    theme,
                    is_automatic,
                    project: *project,
                    data: Some(data),
                    revision: state.revision + 1,
                    result: state.result,
                    ..Self::default()
                };
            }
            Action::Edited { path, text } => {
                if let Some(file) = state
                    .project
                    .files
                    .iter_mut()
                    .find(|file| file.path == path)
                    && file.text != text
                {
                    file.text = text;
                    state.revision += 1;
                    state.pointed_at = None;
                }
            }
            Action::Param(value) => {
                state
                    .project
                    .params
                    .retain(|param| param.stage != value.stage || param.name != value.name);
                state.project.params.push(value);
                state.revision += 1;
            }
            Action::ResetParams => {
                state.project.params.clear();
                state.revision += 1;
            }
            Action::Data(data) => {
                state.data = Some(data);
                state.view = View::default();
                state.selected = None;
                state.why = None;
                state.revision += 1;
            }
            Action::Model(model) => state.model = model,
            Action::Automatic(is_automatic) => state.is_automatic = is_automatic,
            Action::LeftTab(tab) => state.left_tab = tab,
            Action::RightTab(tab) => state.right_tab = tab,
            Action::Doing(what) => state.run_state = RunState::Running { what },
            Action::Compiled(report) => {
                if !report.is_ok {
                    state.run_state = RunState::NotCompiled;
                }
                // The stages of the last good compilation stay in sight while the source has errors.
                let stages = if report.is_ok {
                    None
                } else {
                    Some(std::mem::take(&mut state.compiled.stages))
                };
                state.compiled = *report;
                if let Some(stages) = stages {
                    state.compiled.stages = stages;
                }
            }
            Action::Ran(report) => state.finish(*report),
            Action::Studied(report) => state.study = report,
            Action::Failed { during, message } => {
                state.run_state = RunState::Failed { during, message }
            }
            Action::Stopped {
                during,
                deadline_ms,
            } => {
                state.run_state = RunState::Stopped {
                    during,
                    deadline_ms,
                }
            }
            Action::View(view) => {
                state.view = view;
                state.selected = None;
                state.why = None;
            }
            Action::Page(page) => {
                if page.view == state.view {
                    state.page = page;
                }
            }
            Action::Select(selected) => {
                state.selected = selected;
                if selected.is_some() {
                    state.right_tab = RightTab::Why;
                } else {
                    state.why = None;
                }
            }
            Action::Why(why) => {
                if state
                    .selected
                    .is_some_and(|selected| selected.row == why.row)
                {
                    state.why = Some(*why);
                }
            }
            Action::Firings(report) => state.firings = report,
            Action::Wat(wat) => state.wat = wat,
            Action::PointAt(path, from, to) => {
                if let Some(index) = state
                    .project
                    .files
                    .iter()
                    .position(|file| file.path == path)
                {
                    state.left_tab = LeftTab::File(index);
                }
                state.pointed_at = Some((path, from, to));
            }
            Action::Theme(theme) => state.theme = theme,
            Action::Notice(notice) => state.notice = notice,
        }
        Rc::new(state)
    }
}

impl State {
    fn finish(&mut self, report: RunReport) {
        let has_same_columns = report.columns.len() == self.report.columns.len()
            && report
                .columns
                .iter()
                .zip(&self.report.columns)
                .all(|(new, old)| new.name == old.name);
        if !has_same_columns {
            self.view = View::default();
            self.page = RowPage::default();
        }
        if self
            .selected
            .is_some_and(|selected| selected.row >= report.n_rows)
        {
            self.selected = None;
            self.why = None;
        }
        self.report = report;
        // It may be another component now.
        self.wat = None;
        self.result += 1;
        self.run_state = RunState::Done;
    }
}
