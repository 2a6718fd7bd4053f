//! The configuration file: TOML, each key as the flag of the same name with `_` for `-`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Settings, user_folder};

/// A file and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is; `None` if there is none.
    pub path: Option<PathBuf>,
    /// What it says, its relative paths taken from its own folder.
    pub settings: Settings,
}

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not readable.
    #[error("the configuration file `{}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No TOML, or with a key or a value that is none.
    #[error("the configuration file `{}` is not usable: {reason}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
}

impl FileError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "name another file with `--config FILE`, or none",
            Self::Parse { .. } => {
                "its keys are those that `facesets-worker serve --print-config` prints; a token goes into a file of its own, \
                 named by `token_file`"
            }
        }
    }
}

/// `facesets/worker.toml` in `%APPDATA%` on Windows, in `$XDG_CONFIG_HOME` or `~/.config` elsewhere.
pub fn default_config_file() -> Option<PathBuf> {
    let folder = user_folder("APPDATA", "XDG_CONFIG_HOME", ".config")?;
    Some(folder.join("facesets").join("worker.toml"))
}

/// The file that is named, which must be there, or the one in the default place if there is one.
pub fn config_file(named: Option<&Path>) -> Result<ConfigFile, FileError> {
    let default = || default_config_file().filter(|path| path.is_file());
    let Some(path) = named.map(Path::to_owned).or_else(default) else {
        return Ok(ConfigFile { path: None, settings: Settings::default() });
    };
    let text = fs::read_to_string(&path).map_err(|source| FileError::Read { path: path.clone(), source })?;
    let parsed = toml::from_str(&text);
    let mut settings: Settings =
        parsed.map_err(|error| FileError::Parse { path: path.clone(), reason: error.to_string() })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let Settings { models, runtime, token_file, client_ca, state, log_folder, .. } = &mut settings;
    for place in [models, runtime, token_file, client_ca, state, log_folder].into_iter().flatten() {
        *place = folder.join(&*place);
    }
    Ok(ConfigFile { path: Some(path), settings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, FileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.toml");
        fs::write(&path, text).unwrap();
        config_file(Some(&path)).map(|file| file.settings)
    }

    #[test]
    fn keys_are_read_and_paths_are_taken_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.toml");
        fs::write(
            &path,
            "# mine\nlanes = 3\nprovider = \"cpu\"\nmodels = \"packs\"\nruntime = \"/lib/x.so\"\n",
        )
        .unwrap();
        let file = config_file(Some(&path)).unwrap();
        assert_eq!(file.settings.lanes.unwrap().get(), 3);
        assert_eq!(file.settings.models, Some(folder.path().join("packs")));
        assert_eq!(file.settings.runtime, Some("/lib/x.so".into()));
        assert_eq!(file.path, Some(path));
    }

    #[test]
    fn what_is_unknown_or_makes_no_sense_is_refused_with_its_line() {
        for (text, word) in [
            ("lanes = 2\ncolour = \"blue\"\n", "colour"),
            ("lanes = 2\nprovider = \"gpu\"\n", "`gpu` is no provider"),
            ("listen = \"127.0.0.1:0\"\nlanes = 0\n", "0"),
            ("lanes = 2\ntoken = \"secret\"\n", "token"),
            ("lanes = 2\nlanes = 3\n", "lanes"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let error = config_file(Some(Path::new("/nowhere/worker.toml"))).unwrap_err();
        assert!(matches!(error, FileError::Read { .. }), "{error}");
    }
}
