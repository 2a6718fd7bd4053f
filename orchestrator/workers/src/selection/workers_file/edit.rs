//! Changing the file that names workers: what its user wrote in it stays, comments and order too.
//!
//! It is written aside, for its owner's eyes only since there are tokens in it, synced and renamed. The
//! temporary file is made first, so that a worker is asked to pair only when its answer can be kept.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::{WorkersFileError, parse, read_text};
use crate::dispatch::WorkerEndpoint;

/// The file as it will be.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    document: DocumentMut,
    /// Every endpoint that it names, to find entries by.
    endpoints: Vec<WorkerEndpoint>,
    file: NamedTempFile,
}

impl Draft {
    /// Begins with what is there, or with nothing.
    pub fn open(path: &Path) -> Result<Self, WorkersFileError> {
        // A link stays one, and what it leads to is changed.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let text = match read_text(&path) {
            Err(WorkersFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                String::new()
            }
            text => text?,
        };
        let endpoints = match parse(&path, &text) {
            Err(WorkersFileError::Empty(_)) => Vec::new(),
            roster => roster?.endpoints,
        };
        let document: DocumentMut = text.parse().map_err(|_| WorkersFileError::Shape(path.clone()))?;
        if document.get("worker").is_some_and(|workers| !workers.is_array_of_tables()) {
            return Err(WorkersFileError::Shape(path));
        }
        let folder = folder_of(&path);
        let file = fs::create_dir_all(folder).and_then(|()| NamedTempFile::new_in(folder));
        let file = file.map_err(|source| WorkersFileError::Write { path: path.clone(), source })?;
        Ok(Self { path, document, endpoints, file })
    }

    /// What is known of the worker at `address` already.
    pub fn at(&self, address: &str) -> Option<&WorkerEndpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.address == address)
    }

    /// Demands that a worker at `address` may be called `name`: that no other one is.
    pub fn check_name(&self, name: &str, address: &str) -> Result<(), WorkersFileError> {
        let taken = |endpoint: &&WorkerEndpoint| {
            endpoint.name.as_deref() == Some(name) && endpoint.address != address
        };
        match self.endpoints.iter().find(taken) {
            None => Ok(()),
            Some(endpoint) => Err(WorkersFileError::NameTaken {
                path: self.path.clone(),
                name: name.to_owned(),
                address: endpoint.address.clone(),
            }),
        }
    }

    /// Adds a worker, or renews what is known of the one at its address.
    pub fn put(&mut self, endpoint: &WorkerEndpoint) -> Result<(), WorkersFileError> {
        let at = self.endpoints.iter().position(|other| other.address == endpoint.address);
        let workers = self.document.entry("worker").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let workers =
            workers.as_array_of_tables_mut().ok_or_else(|| WorkersFileError::Shape(self.path.clone()))?;
        let at = at.unwrap_or_else(|| {
            workers.push(Table::new());
            self.endpoints.push(endpoint.clone());
            workers.len() - 1
        });
        let entry = workers.get_mut(at).ok_or_else(|| WorkersFileError::Shape(self.path.clone()))?;
        entry.insert("url", value(&endpoint.address));
        let texts = [
            ("name", endpoint.name.clone()),
            ("certificate_sha256", endpoint.certificate.map(|digest| digest.to_string())),
            ("token", endpoint.token.as_ref().map(|token| token.as_str().to_owned())),
            ("client_cert", endpoint.own.as_ref().map(|own| own.certificate.display().to_string())),
            ("client_key", endpoint.own.as_ref().map(|own| own.key.display().to_string())),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                entry.insert(key, value(text));
            }
        }
        // There can be one of both only.
        entry.remove("token_file");
        self.endpoints[at] = endpoint.clone();
        Ok(())
    }

    /// Takes the worker of that name, or at that address, out.
    pub fn remove(&mut self, name: &str) -> Result<WorkerEndpoint, WorkersFileError> {
        let at = self.endpoints.iter().position(|endpoint| endpoint.is_called(name));
        let workers = self.document.get_mut("worker").and_then(Item::as_array_of_tables_mut);
        let (Some(at), Some(workers)) = (at, workers) else {
            let known = self.endpoints.iter().map(WorkerEndpoint::label).collect();
            return Err(WorkersFileError::Unknown { path: self.path.clone(), name: name.to_owned(), known });
        };
        workers.remove(at);
        Ok(self.endpoints.remove(at))
    }

    /// Puts the file in its place.
    pub fn save(mut self) -> Result<(), WorkersFileError> {
        let text = self.document.to_string();
        let write = || {
            self.file.write_all(text.as_bytes())?;
            self.file.as_file().sync_all()?;
            self.file.persist(&self.path).map_err(|error| error.error)?;
            fs::File::open(folder_of(&self.path))?.sync_all()
        };
        write().map_err(|source| WorkersFileError::Write { path: self.path.clone(), source })
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use facesets_core::Sha256Digest;

    use super::*;

    fn endpoint(name: &str, address: &str) -> WorkerEndpoint {
        let endpoint =
            WorkerEndpoint::pinned(&address.parse().unwrap(), Sha256Digest::of(address.as_bytes()));
        WorkerEndpoint { name: Some(name.to_owned()), ..endpoint.with_token("sesame".parse().unwrap()) }
    }

    #[test]
    fn a_worker_is_added_renewed_and_removed_and_the_rest_stays_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/workers.toml");
        let mut draft = Draft::open(&path).unwrap();
        draft.put(&endpoint("gpu", "10.0.0.5:1")).unwrap();
        draft.save().unwrap();
        assert_eq!(super::super::read(&path).unwrap().endpoints, [endpoint("gpu", "10.0.0.5:1")]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let mine = "# mine\n[[worker]] # near\nurl = 'localhost:2'   # no token\n\n";
        let theirs = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{mine}{theirs}# the end\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut draft = Draft::open(&path).unwrap();
        let renewed = endpoint("gpu", "10.0.0.5:1").with_token("open".parse().unwrap());
        draft.put(&renewed).unwrap();
        draft.put(&endpoint("attic", "10.0.0.6:1")).unwrap();
        draft.save().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(mine) && text.ends_with("# the end\n"), "{text}");
        let expected = [WorkerEndpoint::to("localhost:2"), renewed, endpoint("attic", "10.0.0.6:1")];
        assert_eq!(super::super::read(&path).unwrap().endpoints, expected);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "there are tokens in it"
        );

        let mut draft = Draft::open(&path).unwrap();
        assert_eq!(draft.remove("gpu").unwrap(), expected[1]);
        assert_eq!(draft.remove("https://10.0.0.6:1").unwrap(), expected[2]);
        let error = draft.remove("gpu").unwrap_err().to_string();
        assert!(error.contains("no worker `gpu`, only localhost:2"), "{error}");
        draft.save().unwrap();
        assert_eq!(super::super::read(&path).unwrap().endpoints, [WorkerEndpoint::to("localhost:2")]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_name_belongs_to_one_worker() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::open(&folder.path().join("workers.toml")).unwrap();
        draft.put(&endpoint("gpu", "10.0.0.5:1")).unwrap();
        draft.check_name("gpu", "https://10.0.0.5:1").unwrap();
        draft.check_name("attic", "https://10.0.0.6:1").unwrap();
        let error = draft.check_name("gpu", "https://10.0.0.6:1").unwrap_err();
        assert!(matches!(error, WorkersFileError::NameTaken { .. }), "{error}");
        drop(draft);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "a draft that is given up leaves nothing"
        );
    }

    #[test]
    fn a_file_that_is_wrong_or_written_otherwise_or_a_link_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workers.toml");
        for text in ["worker = [{ url = 'localhost:1' }]\n", "[[worker]]\nurl = 7\n", "nonsense"] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(Draft::open(&path), Err(WorkersFileError::Shape(_) | WorkersFileError::Line { .. })),
                "{text}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "").unwrap();
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut draft = Draft::open(&link).unwrap();
        draft.put(&endpoint("gpu", "10.0.0.5:1")).unwrap();
        draft.save().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(super::super::read(&path).unwrap().endpoints.len(), 1);
    }
}
