//! The worker beside the page.

fn main() {
    rulestage_web_ui::worker::start();
}
