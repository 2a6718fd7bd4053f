//! The worker's command line. Only here is an exit code chosen.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use facesets_worker::{
    cli::{Cli, Command},
    command,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("FACESETS_LOG").unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colours).with_env_filter(filter).init();
    let exit = match cli.command {
        Command::Serve(args) => command::serve::run(&args),
        Command::Models(models) => command::models::run(models),
        Command::Pair(args) => command::pair::run(&args),
        Command::Clients(clients) => command::clients::run(clients),
        Command::Bench(args) => command::bench::run(&args),
    };
    ExitCode::from(exit as u8)
}
