//! CodeMirror inside the page.

use super::PartProps;
use super::state::{Action, LeftTab};
use js_sys::Function;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;
use yew::prelude::*;

#[wasm_bindgen(raw_module = "./editor.js")]
extern "C" {
    type Editor;
    #[wasm_bindgen(constructor)]
    fn new(
        parent: &HtmlElement,
        on_change: &Closure<dyn Fn(String, String)>,
        on_run: &Closure<dyn Fn()>,
        on_ask: &Closure<Ask>,
        on_next: &Closure<dyn Fn(String)>,
    ) -> Editor;
    #[wasm_bindgen(method)]
    fn show(this: &Editor, path: &str, text: &str);
    #[wasm_bindgen(method)]
    fn reset(this: &Editor);
    #[wasm_bindgen(method)]
    fn diagnose(this: &Editor, path: &str, json: &str);
    #[wasm_bindgen(method)]
    fn find(this: &Editor, path: &str, json: &str);
    #[wasm_bindgen(method)]
    fn cover(this: &Editor, path: &str, json: &str);
    #[wasm_bindgen(method)]
    fn format(this: &Editor);
    #[wasm_bindgen(method)]
    fn reveal(this: &Editor, from: u32, to: u32, takes_focus: bool);
}

/// A question, the text, the place, and whom to tell the answer.
type Ask = dyn Fn(String, String, u32, Function);

/// An editor and the callbacks that it holds.
struct Mounted {
    editor: Editor,
    _on_change: Closure<dyn Fn(String, String)>,
    _on_run: Closure<dyn Fn()>,
    _on_ask: Closure<Ask>,
    _on_next: Closure<dyn Fn(String)>,
}

/// The text of the open file, with its messages.
#[component]
pub(crate) fn EditorPane(props: &PartProps) -> Html {
    let state = &props.state;
    let place = use_node_ref();
    let mounted = use_mut_ref(|| None::<Mounted>);
    {
        let (place, mounted) = (place.clone(), Rc::clone(&mounted));
        let (dispatcher, controller) = (state.dispatcher(), props.controller.clone());
        use_effect_with((), move |()| {
            if let Some(parent) = place.cast::<HtmlElement>() {
                let on_change = Closure::<dyn Fn(String, String)>::new(move |path, text| {
                    dispatcher.dispatch(Action::Edited { path, text });
                });
                let runner = controller.clone();
                let on_run = Closure::<dyn Fn()>::new(move || runner.run_now());
                let asked = controller.clone();
                let on_ask = Closure::<Ask>::new(move |question: String, text, offset, resolve| {
                    if let Ok(question) = serde_json::from_str(&format!("\"{question}\"")) {
                        asked.ask(question, text, offset, resolve);
                    }
                });
                let on_next = Closure::<dyn Fn(String)>::new(move |path: String| {
                    controller.point_at_problem_behind(&path);
                });
                let editor = Editor::new(&parent, &on_change, &on_run, &on_ask, &on_next);
                mounted.replace(Some(Mounted {
                    editor,
                    _on_change: on_change,
                    _on_run: on_run,
                    _on_ask: on_ask,
                    _on_next: on_next,
                }));
            }
            || ()
        });
    }
    let file = match state.left_tab {
        LeftTab::File(index) => state.project.files.get(index).cloned(),
        LeftTab::Params => None,
    };
    {
        // Another example: its files may have the names of the last one's.
        let mounted = Rc::clone(&mounted);
        use_effect_with(state.project.example.clone(), move |_| {
            if let Some(mounted) = &*mounted.borrow() {
                mounted.editor.reset();
            }
            || ()
        });
    }
    {
        let mounted = Rc::clone(&mounted);
        let messages = file
            .as_ref()
            .map(|file| state.messages(&file.path).to_vec())
            .unwrap_or_default();
        use_effect_with((file.clone(), messages), move |(file, messages)| {
            if let (Some(mounted), Some(file)) = (&*mounted.borrow(), file) {
                mounted.editor.show(&file.path, &file.text);
                mounted.editor.diagnose(
                    &file.path,
                    &serde_json::to_string(messages).unwrap_or_default(),
                );
            }
            || ()
        });
    }
    let path = file.as_ref().map(|file| file.path.clone());
    {
        // They keep their places while the text changes, until there are others.
        let mounted = Rc::clone(&mounted);
        let findings = path.as_ref().map(|path| state.findings(path).to_vec());
        use_effect_with((path.clone(), findings), move |(path, findings)| {
            if let (Some(mounted), Some(path), Some(findings)) =
                (&*mounted.borrow(), path, findings)
            {
                let json = serde_json::to_string(findings).unwrap_or_default();
                mounted.editor.find(path, &json);
            }
            || ()
        });
    }
    {
        let mounted = Rc::clone(&mounted);
        let coverage = path.as_ref().and_then(|path| state.coverage(path).cloned());
        use_effect_with((path.clone(), coverage), move |(path, coverage)| {
            if let (Some(mounted), Some(path)) = (&*mounted.borrow(), path) {
                let lines = coverage.as_ref().map_or(&[][..], |file| &file.lines);
                let json = serde_json::to_string(lines).unwrap_or_default();
                mounted.editor.cover(path, &json);
            }
            || ()
        });
    }
    {
        let mounted = Rc::clone(&mounted);
        use_effect_with(state.pointed_at.clone(), move |pointed_at| {
            if let (Some(mounted), Some((_, from, to))) = (&*mounted.borrow(), pointed_at) {
                mounted.editor.reveal(*from, *to, false);
            }
            || ()
        });
    }
    let is_hidden = file.is_none();
    let can_format = file.is_some_and(|file| file.path.ends_with(".rules"));
    let format = {
        let mounted = Rc::clone(&mounted);
        Callback::from(move |_: MouseEvent| {
            if let Some(mounted) = &*mounted.borrow() {
                mounted.editor.format();
            }
        })
    };
    html! {
        <>
            if can_format {
                <button class="button button-quiet format" onclick={format} title="format the file (Shift+Alt+F)">{ "Format" }</button>
            }
            <div class="editor" ref={place} hidden={is_hidden} data-path={path} />
            <Messages state={state.clone()} controller={props.controller.clone()} />
        </>
    }
}

/// Where the errors of all files are; a click goes there.
#[component]
fn Messages(props: &PartProps) -> Html {
    let state = &props.state;
    let messages: Vec<_> = state
        .compiled
        .files
        .iter()
        .chain(&state.study.files)
        .flat_map(|file| {
            file.messages
                .iter()
                .map(move |message| (file.path.clone(), message))
        })
        .collect();
    if messages.is_empty() {
        return Html::default();
    }
    html! {
        <ul class="messages" aria-label="messages" aria-live="polite">
            { for messages.into_iter().map(|(path, message)| {
                let point = super::choose(state, Action::PointAt(path.clone(), message.from, message.to));
                html! {
                    <li>
                        <button class={classes!("message-line", format!("is-{}", message.severity))} onclick={point}>
                            <span class="message-place">{ format!("{path}:{}", message.line) }</span>
                            <span>{ &message.message }</span>
                        </button>
                    </li>
                }
            }) }
        </ul>
    }
}
