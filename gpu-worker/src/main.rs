//! The worker's command line. Only here is an exit code chosen.

use std::process::ExitCode;

use facesets_worker::{
    cli::{self, Command},
    command, logging,
};

fn main() -> ExitCode {
    let exit = match cli::parse().command {
        Command::Serve(args) => command::serve::run(&args),
        Command::Models(models) => {
            logging::to_stderr();
            command::models::run(models)
        }
        Command::Pair(args) => {
            logging::to_stderr();
            command::pair::run(&args)
        }
        Command::Clients(clients) => {
            logging::to_stderr();
            command::clients::run(clients)
        }
        Command::Bench(args) => {
            logging::to_stderr();
            command::bench::run(&args)
        }
    };
    ExitCode::from(exit as u8)
}
