//! What we tell people to type can be typed: every command in hints, help and README, and what a wrong one is
//! answered with.

use std::{fs, path::Path};

use clap::{Command, CommandFactory as _};
use facesets_tests::{
    portraits::{self, Portrait},
    program::Workspace,
    setup,
};
use walkdir::WalkDir;

/// Programs as they are called, longest name first, with what they understand.
fn programs() -> [(&'static str, Command); 2] {
    [("facesets-worker", facesets_worker::cli::Cli::command()), ("facesets", facesets::cli::Cli::command())]
}

/// What stands between backticks in the sources of both programs, but for notes to programmers: texts, and
/// help, which is written as documentation. Each with its file.
fn backticked() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["orchestrator", "gpu-worker/src"] {
        for entry in WalkDir::new(setup::repository().join(folder)) {
            let path = entry.unwrap().into_path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let is_note =
                |line: &&str| line.trim_start().starts_with("//") && !line.trim_start().starts_with("///");
            let lines: Vec<&str> = source.lines().filter(|line| !is_note(line)).map(str::trim).collect();
            // A text goes on after a backslash, a piece of documentation on the next line.
            let text = lines.join("\n").replace("\\\n", "").replace("\n/// ", " ");
            for line in text.lines() {
                found.extend(
                    line.split('`')
                        .skip(1)
                        .step_by(2)
                        .map(|span| (path.display().to_string(), span.to_owned())),
                );
            }
        }
    }
    found
}

/// A command as a shell would take it apart, with something in the place of what is to be filled in; `None`
/// where that is no command.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut depth = 0;
    for c in text.chars().filter(|c| *c != '…') {
        let word = words.last_mut().unwrap();
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            '{' => depth += 1,
            // Good as a name, a path and a number.
            '}' => (depth, *word) = (depth - 1, format!("{word}1")),
            _ if depth > 0 => {}
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => word.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    let filled = |word: String| if word == "NUMBER" { "1".to_owned() } else { word };
    words.into_iter().map(filled).collect()
}

/// Why a command cannot be typed as it stands. One without any argument is only named, and has to be there.
fn fault(text: &str) -> Option<String> {
    let words = words(text);
    let (_, mut command) = programs().into_iter().find(|(name, _)| *name == words[0])?;
    let mut named = command.clone();
    let mut rest = &words[1..];
    while let Some(sub) = rest.first().and_then(|word| named.find_subcommand(word)).cloned() {
        (named, rest) = (sub, &rest[1..]);
    }
    if rest.is_empty() {
        return None;
    }
    command = command.mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
    let error = command.try_get_matches_from(&words).err()?;
    error.use_stderr().then(|| format!("`{text}`: {error}"))
}

/// Every flag of a command and its subcommands.
fn flags(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(flags)).collect()
}

#[test]
fn every_command_that_a_text_of_ours_names_exists_with_those_arguments() {
    let is_command = |text: &str| programs().iter().any(|(name, _)| text.starts_with(&format!("{name} ")));
    let mut known: Vec<String> = programs().iter().flat_map(|(_, command)| flags(command)).collect();
    known.extend(["help".to_owned(), "version".to_owned()]);
    let (mut commands, mut faults) = (0, Vec::new());
    for (file, text) in backticked() {
        if is_command(&text) {
            commands += 1;
            faults.extend(fault(&text).map(|fault| format!("{file}: {fault}")));
        } else if let Some(flag) = text.strip_prefix("--") {
            let name: String = flag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            if !name.is_empty() && !known.contains(&name) {
                faults.push(format!("{file}: there is no flag `{text}`"));
            }
        }
    }
    assert!(commands > 60, "{commands} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_command_of_the_readme_exists_with_those_arguments() {
    let readme = fs::read_to_string(setup::repository().join("README.md")).unwrap();
    let (mut commands, mut faults) = (0, Vec::new());
    let mut check = |text: &str| {
        commands += 1;
        faults.extend(fault(text));
    };
    for line in readme.lines() {
        let typed = ["$ ", "+ "].iter().find_map(|prompt| line.split_once(prompt)).map(|(_, typed)| typed);
        let typed = typed.filter(|typed| typed.starts_with("facesets"));
        match typed {
            Some(typed) => check(typed),
            None => line.split('`').skip(1).step_by(2).filter(|span| span.starts_with("facesets")).for_each(
                |span| {
                    if span.starts_with("facesets ") || span.starts_with("facesets-worker ") {
                        check(span);
                    }
                },
            ),
        }
    }
    assert!(commands > 30, "{commands} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_wrong_is_told_without_what_variables_have_said() {
    let workspace = Workspace::new();
    for (args, usage) in [
        (&["embed"][..], "Usage: facesets embed <SRC>..."),
        (&["era", "split", "anna"], "Usage: facesets era split --corpus <DIR> <SET>"),
        (&["export-swap", "refined"], "Usage: facesets export-swap <REFINED> <OUT>"),
    ] {
        let mut command = workspace.command(args);
        let said = command.env("FACESETS_TOKEN", "a secret word").output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        let line = said.lines().find(|line| line.starts_with("Usage:"));
        assert_eq!(line, Some(usage), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let help =
        workspace.command(["embed", "--help"]).env("FACESETS_TOKEN", "a secret word").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("[env: FACESETS_MODELS=") && help.contains("FACESETS_TOKEN"), "{help}");
    assert!(!help.contains("secret"), "{help}");
    // A fault in a variable is told of as well.
    let said = workspace.command(["status"]).env("FACESETS_LIBRARY", "").output().unwrap();
    assert!(said.status.code() == Some(2) || said.status.success());

    let worker = std::process::Command::new(setup::program("facesets-worker"))
        .args(["models", "fetch"])
        .env("FACESETS_MODELS", Path::new("/nowhere"))
        .output()
        .unwrap();
    let said = String::from_utf8(worker.stderr).unwrap();
    assert!(said.contains("Usage: facesets-worker models fetch <PACK>"), "{said}");
}

#[test]
fn who_names_a_folder_of_another_command_is_told_whose_is_needed() {
    let workspace = Workspace::in_memory();
    let portrait =
        |number| Portrait { name: format!("p/{number}"), person: 0, look: 0, distance: 0.05, year: None };
    portraits::add(&workspace, &(0..3).map(portrait).collect::<Vec<_>>());
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2"]);
    for (args, writer) in [
        (&["extend", "refined"][..], "cluster"),
        (&["export-swap", "clusters", "ready"], "refine"),
        (&["discover", "photos", "--corpus", "refined"], "export-swap"),
    ] {
        let refused = workspace.run(args);
        assert_eq!(refused.code, Some(2), "{refused}");
        refused.says(&[&format!("hint: name a folder that `facesets {writer}` wrote\n")]);
    }
    let nothing = workspace.run(["undo"]);
    nothing.says(&["hint: what `--replace` has moved aside"]);
}
