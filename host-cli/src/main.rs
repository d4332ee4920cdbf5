//! The rulestage program: compiles rule sets to WebAssembly components and runs pipelines over data.

#![allow(
    clippy::disallowed_methods,
    reason = "a host: clocks and threads are its job"
)]

mod args;
mod cel_value;
mod commands;
mod failure;
mod findings;
mod host;
mod input;
mod language_server;
mod model_stage;
mod output;
mod pipelines;
mod render;
mod run;

use args::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::clean_up_on_interrupt();
    let outcome = match arguments.command {
        Command::Check(check) => commands::check::check(&check),
        Command::Fmt(fmt) => commands::fmt::fmt(&fmt),
        Command::Test(test) => commands::test::test(&test),
        Command::Compile(compile) => commands::compile::compile(&compile),
        Command::Compose(compose) => commands::compose::compose(&compose),
        Command::Eval(eval) => commands::eval::eval(&eval),
        Command::Run(run) => commands::run::run(&run),
        Command::Explain(explain) => commands::explain::explain(&explain),
        Command::Import(import) => commands::import::import(&import),
        Command::Export(export) => commands::import::export(&export),
        Command::Inspect(inspect) => commands::inspect::inspect(&inspect),
        Command::Model(model) => commands::model::model(&model),
        Command::Lsp(_) => commands::lsp::lsp(),
    };
    let status = outcome.unwrap_or_else(|failure| {
        render::failure(&failure);
        failure.status
    });
    status.into()
}
