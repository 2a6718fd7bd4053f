//! `facesets`: see [`facesets`].

use std::{process::ExitCode, sync::Arc};

use facesets::{cli, command, ui::Ui};
use facesets_base::exit::Exit;
use facesets_corpus::change::Disk;

fn main() -> ExitCode {
    let cli = cli::parse();
    let ui = Ui::new(cli.global.ui_settings());
    let exit = command::run(&cli.command, cli.global.library(), ui.clone(), Arc::new(Disk)).unwrap_or_else(
        |failure| {
            ui.failure(&failure);
            failure.exit
        },
    );
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
