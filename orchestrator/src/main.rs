//! `facesets`: see [`facesets`].

use std::process::ExitCode;

use facesets::{cli, command, exit::Exit, ui::Ui};

fn main() -> ExitCode {
    let cli = cli::parse();
    let ui = Ui::new(cli.global.ui_settings());
    let exit = command::run(&cli, ui.clone()).unwrap_or_else(|failure| {
        ui.failure(&failure);
        failure.exit
    });
    exit_code(exit)
}

fn exit_code(exit: Exit) -> ExitCode {
    ExitCode::from(match exit {
        Exit::Done => 0,
        Exit::SomeFailed => 1,
        Exit::CannotContinue => 2,
        Exit::Interrupted => 130,
    })
}
