//! `clients`: who has paired, and who no longer counts.

use facesets_core::pairing::ClientName;
use serde_json::json;

use super::{Exit, Trouble};
use crate::{
    cli::ClientsCommand,
    trust::{Client, Trust},
    ui,
};

/// Lists or revokes.
pub fn run(command: ClientsCommand) -> Exit {
    let done = match command {
        ClientsCommand::List { json, state } => {
            state.trust().map_err(Trouble::from).and_then(|trust| list(&trust, json))
        }
        ClientsCommand::Revoke { name, state } => {
            state.trust().map_err(Trouble::from).and_then(|trust| revoke(&trust, &name))
        }
    };
    match done {
        Ok(()) => Exit::Done,
        Err(Trouble { error, hint }) => {
            ui::error(&error, &hint);
            Exit::Failed
        }
    }
}

fn list(trust: &Trust, json: bool) -> Result<(), Trouble> {
    let clients = trust.clients()?;
    if json {
        let entry = |client: &Client| json!({"name": client.name, "paired": client.paired});
        ui::json(&clients.all().iter().map(entry).collect::<Vec<_>>());
    } else if clients.all().is_empty() {
        ui::note("no client has paired");
    } else {
        clients.all().iter().for_each(|client| ui::result(&client.name));
    }
    Ok(())
}

fn revoke(trust: &Trust, name: &ClientName) -> Result<(), Trouble> {
    if trust.revoke(name)? {
        ui::note(&format!("client `{name}` is known no more"));
        return Ok(());
    }
    Err(Trouble {
        error: format!("no client `{name}` has paired"),
        hint: "`facesets-worker clients list` names those that have".to_owned(),
    })
}
