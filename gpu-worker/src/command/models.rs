//! `models fetch | list | verify | remove`.

use std::path::Path;

use serde::Serialize;

use super::Exit;
use crate::{
    cli::ModelsCommand,
    engine::RoleWord as _,
    model_pack::{
        DownloadError, FetchError, Fetched, Pack, PackError, RemoveError, catalogue, fetch, lacking, list,
        remove, size,
    },
    startup::{WHERE_PACKS_COME_FROM, pack_hint},
    ui,
};

/// Runs one of them.
pub fn run(command: ModelsCommand) -> Exit {
    let (ModelsCommand::Fetch { models, .. }
    | ModelsCommand::List { models, .. }
    | ModelsCommand::Verify { models, .. }
    | ModelsCommand::Remove { models, .. }) = &command;
    let folder = match models.folder() {
        Ok(folder) => folder,
        Err(error) => {
            ui::error(&error.to_string(), error.hint());
            return Exit::Failed;
        }
    };
    match command {
        ModelsCommand::Fetch { pack, accept_license, url, .. } => {
            run_fetch(&pack, accept_license, url, &folder)
        }
        ModelsCommand::List { json, .. } => run_list(json, &folder),
        ModelsCommand::Verify { pack, json, .. } => run_verify(pack, json, &folder),
        ModelsCommand::Remove { pack, yes, json, .. } => run_remove(&pack, yes, json, &folder),
    }
}

fn run_fetch(pack: &str, accepted: bool, url: Option<String>, models: &Path) -> Exit {
    let entries = catalogue();
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let Some(mut entry) = entries.into_iter().find(|entry| entry.name == pack) else {
        ui::error(&format!("no pack `{pack}` is known"), &format!("known are: {}", names.join(", ")));
        return Exit::Failed;
    };
    if !accepted {
        entry.notice.lines().for_each(ui::note);
        ui::error(
            "the licence has not been accepted",
            &format!("if it suits your purpose: `facesets-worker models fetch {pack} --accept-license`"),
        );
        return Exit::Failed;
    }
    if let Some(url) = url {
        entry.url = url;
    }
    ui::note(&format!("fetching {}", entry.url));
    match fetch(&entry, models, &ui::DownloadBar::default()) {
        Ok(Fetched::New(folder)) => ui::result(&format!("`{pack}` is in `{}`", folder.display())),
        Ok(Fetched::AlreadyThere(folder)) => {
            ui::result(&format!("`{pack}` is whole already in `{}`", folder.display()));
        }
        Err(error) => {
            ui::error(&error.to_string(), fetch_hint(&error));
            return Exit::Failed;
        }
    }
    for file in lacking(&entry, models) {
        ui::note(&format!(
            "it is without the optional `{file}`; if it is older than this version: `facesets-worker models remove {pack}`, then fetch it again"
        ));
    }
    Exit::Done
}

fn fetch_hint(error: &FetchError) -> &'static str {
    match error {
        FetchError::Download(DownloadError::Interrupted { .. }) => {
            "run the same command again: it goes on where it stopped"
        }
        FetchError::Download(DownloadError::Refused { .. } | DownloadError::Different { .. })
        | FetchError::Archive { .. } => "look for another address of the same file and pass `--url URL`",
        FetchError::Foreign { .. } => "move it away, or pass another folder with `--models DIR`",
        FetchError::Download(DownloadError::Disk { .. }) | FetchError::Disk { .. } => {
            "make room, or pass another folder with `--models DIR`, and run the same command again"
        }
    }
}

fn run_list(json: bool, models: &Path) -> Exit {
    let packs: Vec<Listed> = list(models).iter().map(|name| Listed::look(models, name)).collect();
    if json {
        ui::json(&packs);
    } else if packs.is_empty() {
        ui::advise(&format!("no packs in `{}`", models.display()), WHERE_PACKS_COME_FROM);
    } else {
        for pack in &packs {
            pack.print();
        }
    }
    Exit::Done
}

fn run_verify(pack: Option<String>, json: bool, models: &Path) -> Exit {
    let named = pack.is_some();
    let names = pack.map_or_else(|| list(models), |name| vec![name]);
    let verified: Vec<Verified> = names.iter().map(|name| Verified::look(models, name)).collect();
    if json {
        ui::json(&verified);
    }
    for pack in verified.iter().filter(|_| !json) {
        pack.files.iter().for_each(|file| file.print(&pack.name));
        if let Some(problem) = &pack.problem {
            ui::error(&problem.error, &problem.hint);
        }
    }
    if verified.iter().all(|pack| pack.ok) {
        Exit::Done
    } else if named && verified.iter().all(|pack| pack.files.is_empty()) {
        Exit::Failed
    } else {
        Exit::SomeFailed
    }
}

fn run_remove(pack: &str, yes: bool, json: bool, models: &Path) -> Exit {
    let removed = size(models, pack).and_then(|bytes| {
        let question = format!("remove `{pack}` from `{}` ({})?", models.display(), megabytes(bytes));
        if yes || ui::confirm(&question) { remove(models, pack).map(Some) } else { Ok(None) }
    });
    match removed {
        Ok(Some(freed_bytes)) if json => {
            ui::json(&serde_json::json!({"pack": pack, "freed_bytes": freed_bytes}));
        }
        Ok(Some(bytes)) => ui::result(&format!("`{pack}` is removed: {} freed", megabytes(bytes))),
        Ok(None) => {
            ui::error(
                "nothing was removed",
                &format!("to remove it without a question: `facesets-worker models remove {pack} --yes`"),
            );
            return Exit::Failed;
        }
        Err(error) => {
            ui::error(&error.to_string(), &remove_hint(&error));
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn remove_hint(error: &RemoveError) -> String {
    match error {
        RemoveError::Missing { there, .. } if there.is_empty() => {
            "the folder of packs is another with `--models DIR`".to_owned()
        }
        RemoveError::Missing { there, .. } => format!("there are: {}", there.join(", ")),
        RemoveError::Link(_) => "remove the link by hand; what it points to is left alone".to_owned(),
        RemoveError::InUse(_) => "stop the worker first".to_owned(),
        RemoveError::Foreign(_) => "nothing was removed: move it elsewhere first".to_owned(),
        RemoveError::Disk { .. } => {
            "see to the folder's permissions and run the same command again".to_owned()
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A pack in a list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    licence: Option<String>,
    /// Words of the roles that it fills.
    models: Vec<&'static str>,
    bytes: Option<u64>,
    error: Option<String>,
}

impl Listed {
    fn look(models: &Path, name: &str) -> Self {
        let (name, bytes) = (name.to_owned(), size(models, name).ok());
        match Pack::open(models, &name) {
            Ok(pack) => Self {
                licence: Some(pack.info().licence.clone()),
                models: pack.roles().map(|role| role.word()).collect(),
                error: None,
                name,
                bytes,
            },
            Err(error) => {
                Self { name, licence: None, models: Vec::new(), bytes, error: Some(error.to_string()) }
            }
        }
    }

    fn print(&self) {
        let about = self.licence.as_ref().or(self.error.as_ref());
        let bytes = self.bytes.map_or(String::new(), megabytes);
        ui::columns(&[&self.name, &bytes, &self.models.join(" "), about.map_or("", String::as_str)]);
    }
}

/// A pack that was compared with its manifest.
#[derive(Debug, Serialize)]
struct Verified {
    name: String,
    ok: bool,
    files: Vec<VerifiedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Why a pack, or the first bad file of it, is not in order.
#[derive(Debug, Serialize)]
struct Problem {
    error: String,
    hint: String,
}

#[derive(Debug, Serialize)]
struct VerifiedFile {
    file: String,
    role: &'static str,
    ok: bool,
    error: Option<String>,
}

impl Verified {
    fn look(models: &Path, name: &str) -> Self {
        let problem = |error: &PackError| Problem { error: error.to_string(), hint: pack_hint(error, name) };
        let pack = match Pack::open(models, name) {
            Ok(pack) => pack,
            Err(error) => {
                return Self {
                    name: name.to_owned(),
                    ok: false,
                    files: Vec::new(),
                    problem: Some(problem(&error)),
                };
            }
        };
        let checks = pack.verify();
        let first = checks.iter().find_map(|check| check.state.as_ref().err()).map(problem);
        let files = checks.into_iter().map(|check| VerifiedFile {
            file: check.file,
            role: check.role.word(),
            ok: check.state.is_ok(),
            error: check.state.err().map(|error| error.to_string()),
        });
        Self { name: name.to_owned(), ok: first.is_none(), files: files.collect(), problem: first }
    }
}

impl VerifiedFile {
    fn print(&self, pack: &str) {
        ui::columns(&[if self.ok { "ok" } else { "BAD" }, &format!("{pack}/{}", self.file), self.role]);
    }
}
