//! The contract between a parent process and the worker it manages: one JSON line in, one JSON line out.
//!
//! The parent writes a [`Start`] line to stdin and reads a [`Ready`] line from stdout; everything else that
//! the worker says goes to stderr. End of input on stdin means: drain and exit. The same on Unix and on
//! Windows, with nothing secret in a process list.

use std::{
    io::{self, BufRead, Read},
    net::SocketAddr,
};

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// Longest first line: configurations are hundreds of bytes.
const MAX_LINE: u64 = 64 * 1024;

/// The first line of stdin.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// What clients must name; none means that none is asked for.
    #[serde(default)]
    pub token: Option<String>,
    /// How to serve: each field as the flag of the same name. What is missing is as without the flag, except
    /// that `listen` is a free port of 127.0.0.1. `token_file` is of no use here: the token is the one above.
    #[serde(default)]
    pub configuration: Settings,
}

/// The only line of stdout.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Ready {
    /// Serving.
    Yes {
        /// Always true.
        ready: bool,
        /// Where, with the port that was really taken.
        address: SocketAddr,
        /// Device, for people.
        device: String,
        /// Execution provider.
        provider: String,
        /// Pack that is loaded.
        pack: String,
        /// Version of the protocol.
        protocol_version: u32,
    },
    /// Not serving; the worker exits with 2.
    No {
        /// Always false.
        ready: bool,
        /// Why.
        error: String,
        /// What to do about it.
        hint: String,
    },
}

/// A first line that is none.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not readable.
    #[error("stdin cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Closed too early.
    #[error("stdin ended before the first line was complete")]
    Ended,
    /// Not what is asked for.
    #[error("the first line of stdin is not a start message: {0}")]
    Parse(#[from] serde_json::Error),
}

/// Reads the first line; the reader is then after it.
pub fn read_start(reader: &mut impl BufRead) -> Result<Start, StartError> {
    let mut line = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(StartError::Ended);
    }
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn every_field_is_optional_and_unknown_ones_are_refused() {
        let read = |text: &str| read_start(&mut text.as_bytes());
        assert!(read("{}\n").unwrap().token.is_none());
        let start =
            read("{\"token\":\"t\",\"configuration\":{\"lanes\":2,\"listen\":\"127.0.0.1:0\"}}\nrest")
                .unwrap();
        assert_eq!(start.configuration.lanes, NonZeroUsize::new(2));
        for line in
            ["{\"configuration\":{\"laness\":2}}\n", "{\"x\":1}\n", "{\"configuration\":{\"lanes\":0}}\n"]
        {
            assert!(matches!(read(line), Err(StartError::Parse(_))), "{line}");
        }
        assert!(matches!(read("{}"), Err(StartError::Ended)));
    }

    #[test]
    fn the_ready_line_has_the_fields_that_parents_look_for() {
        let ready = Ready::Yes {
            ready: true,
            address: "127.0.0.1:7".parse().unwrap(),
            device: "d".to_owned(),
            provider: "cpu".to_owned(),
            pack: "open".to_owned(),
            protocol_version: 1,
        };
        assert_eq!(
            serde_json::to_string(&ready).unwrap(),
            r#"{"ready":true,"address":"127.0.0.1:7","device":"d","provider":"cpu","pack":"open","protocol_version":1}"#
        );
        let failed = Ready::No { ready: false, error: "e".to_owned(), hint: "h".to_owned() };
        assert_eq!(serde_json::to_string(&failed).unwrap(), r#"{"ready":false,"error":"e","hint":"h"}"#);
    }
}
