//! The settings that count, in the form of a configuration file, each with where it comes from.

use std::fmt::Write as _;

use toml::Table;

use super::{ConfigFile, Settings};

/// What `serve` would use: `said` by flags and environment, then the file, then the defaults. Nothing secret
/// is among the settings; what nobody has set stands as a comment.
///
/// # Panics
/// Never: settings are plain values.
pub fn effective(said: &Settings, file: &ConfigFile) -> String {
    let from_file = file.path.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let voices = [
        (table(said), "flag or environment"),
        (table(&file.settings), from_file.as_str()),
        (table(&said.clone().over(file.settings.clone()).filled()), "default"),
    ];
    let mut text = String::new();
    for key in KEYS {
        let voice = voices.iter().find_map(|(table, source)| Some((table.get(key)?, source)));
        let line = match voice {
            Some((value, source)) => writeln!(text, "{key} = {value}  # {source}"),
            None => writeln!(text, "# {key} is not set"),
        };
        line.expect("writing to a string does not fail");
    }
    text
}

/// Every key, in the order of the flags.
const KEYS: [&str; 27] = [
    "listen",
    "models",
    "pack",
    "max_packs",
    "idle_unload_seconds",
    "runtime",
    "provider",
    "device_id",
    "allow_cpu_fallback",
    "lanes",
    "max_image_bytes",
    "max_pixels",
    "max_bytes_in_flight",
    "max_connections",
    "max_connections_per_client",
    "stall_seconds",
    "idle_connection_seconds",
    "nameless_seconds",
    "token_file",
    "tls",
    "client_ca",
    "state",
    "reflection",
    "metrics_listen",
    "log_folder",
    "device_timeout_seconds",
    "allow_plaintext",
];

fn table(settings: &Settings) -> Table {
    Table::try_from(settings).expect("settings are plain values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_its_source_and_the_whole_is_a_configuration_file() {
        let said = Settings { pack: Some("open".to_owned()), ..Settings::default() };
        let below = Settings { pack: Some("other".to_owned()), device_id: Some(2), ..Settings::default() };
        let file = ConfigFile { path: Some("worker.toml".into()), settings: below.clone() };
        let text = effective(&said, &file);
        for line in [
            "pack = \"open\"  # flag or environment",
            "device_id = 2  # worker.toml",
            "provider = \"auto\"  # default",
            "# lanes is not set",
        ] {
            assert!(text.lines().any(|there| there == line), "{text}");
        }
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read, said.over(below).filled());
    }

    #[test]
    fn every_setting_is_printed() {
        let fields = toml::from_str::<Settings>("unknown = 1").unwrap_err().to_string();
        for key in KEYS {
            assert!(fields.contains(&format!("`{key}`")), "{key}: {fields}");
        }
        assert_eq!(fields.matches('`').count() / 2, KEYS.len() + 1, "{fields}");
    }
}
