//! What a newcomer meets: programs that find their models and runtime by themselves, and say what to do where
//! there are none.

use std::{fs, os::unix::fs::symlink, process::Command};

use facesets_tests::{
    program::{Run, Workspace},
    setup,
};

/// `facesets` in a shell in which nobody has set anything, in a home of the workspace's own.
fn fresh_shell(workspace: &Workspace, args: &[&str]) -> Run {
    let mut command = Command::new(setup::program("facesets"));
    let home = workspace.join("home");
    command.args(args).current_dir(workspace.path()).env_clear().env("HOME", home);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.output().unwrap().into()
}

#[test]
fn a_fresh_shell_embeds_with_what_scripts_setup_has_linked_and_says_how_to_get_it_before() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.join("photos")).unwrap();
    let photo = workspace.join("photos/a.jpg");
    fs::copy(setup::photos().join("2009/portraits/obama.jpg"), &photo).unwrap();
    let data = workspace.join("home/.local/share/facesets");
    let embed = || fresh_shell(&workspace, &["embed", "photos"]);

    let run = embed();
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["no model pack `buffalo_l`", "hint:", "`scripts/setup`", "`open`", "models fetch buffalo_l"]);

    // As `scripts/lib/install.sh` does it.
    fs::create_dir_all(data.join("models")).unwrap();
    symlink(setup::models().join("open"), data.join("models/open")).unwrap();
    let run = embed();
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&[
        "no ONNX Runtime library was found",
        "onnxruntime/libonnxruntime.so",
        "hint: `scripts/setup`",
    ]);

    symlink(setup::folder().join("onnxruntime"), data.join("onnxruntime")).unwrap();
    let run = embed();
    assert_eq!(run.code, Some(0), "{run}");
    run.says(&["pack `open`"]);
    assert!(data.join("library.sqlite").is_file());

    // Models elsewhere do not take the runtime away.
    let elsewhere = setup::models().display().to_string();
    let again = fresh_shell(&workspace, &["embed", "photos", "--library", "other", "--models", &elsewhere]);
    assert_eq!(again.code, Some(0), "{again}");
}

#[test]
fn links_are_made_where_nothing_is_and_nothing_of_the_users_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let [setup_folder, target, bin] = ["setup", "target", ".local/bin"].map(|name| home.path().join(name));
    for folder in [
        setup_folder.join("models/open"),
        setup_folder.join("onnxruntime"),
        target.join("release"),
        bin.clone(),
    ] {
        fs::create_dir_all(folder).unwrap();
    }
    for program in ["facesets", "facesets-worker"] {
        fs::copy("/bin/true", target.join("release").join(program)).unwrap();
    }
    fs::write(bin.join("facesets"), "mine").unwrap();
    symlink("/nowhere/facesets-worker", bin.join("facesets-worker")).unwrap();
    let script = "set -euo pipefail; source scripts/lib/common.sh; source scripts/lib/build.sh; source scripts/lib/install.sh; \
                  install_models && echo models; install_programs || echo some; say_where_programs_are";
    let run = |path: &str| -> Run {
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(setup::repository()).env_clear().env("PATH", path);
        command
            .env("HOME", home.path())
            .env("FACESETS_SETUP_DIR", &setup_folder)
            .env("CARGO_TARGET_DIR", &target);
        command.output().unwrap().into()
    };
    let first = run("/usr/bin:/bin");
    assert_eq!(first.code, Some(0), "{first}");
    assert!(first.stdout.starts_with("models\nsome\n"), "{first}");
    first.says(&["/.local/bin/facesets` is something else and was left alone"]);
    assert!(first.stdout.contains(&format!("export PATH={}:$PATH", bin.display())), "{first}");
    assert_eq!(fs::read_to_string(bin.join("facesets")).unwrap(), "mine");
    assert_eq!(fs::read_link(bin.join("facesets-worker")).unwrap(), target.join("release/facesets-worker"));
    let data = home.path().join(".local/share/facesets");
    for (link, leads_to) in [("models/open", "models/open"), ("onnxruntime", "onnxruntime")] {
        assert_eq!(fs::read_link(data.join(link)).unwrap(), setup_folder.join(leads_to));
    }
    let again = run(&format!("{}:/usr/bin:/bin", bin.display()));
    assert!(!again.stderr.contains("linked") && !again.stdout.contains("export PATH"), "{again}");
}
