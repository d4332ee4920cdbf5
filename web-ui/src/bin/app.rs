//! The page.

use rulestage_web_ui::app::App;

fn main() {
    yew::Renderer::<App>::with_root(root()).render();
}

fn root() -> web_sys::Element {
    let document = web_sys::window().and_then(|window| window.document());
    document
        .and_then(|document| document.get_element_by_id("app"))
        .expect("the page has an element `app`")
}
