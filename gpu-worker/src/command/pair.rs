//! `pair`: a code for one client. The code goes to stdout, everything else to stderr.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use facesets_core::pairing::WorkerAddress;

use super::{Exit, Trouble};
use crate::{cli::PairArgs, trust::Trust, ui};

/// An address of nobody (RFC 5737). Nothing is sent there: the system is only asked by which of its own
/// addresses it would be.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// Makes and shows a code.
pub fn run(args: &PairArgs) -> Exit {
    match pair(args) {
        Ok(()) => Exit::Done,
        Err(Trouble { error, hint }) => {
            ui::error(&error, &hint);
            Exit::Failed
        }
    }
}

fn pair(args: &PairArgs) -> Result<(), Trouble> {
    let trust = args.state.trust()?;
    let address = match &args.address {
        Some(address) => address.clone(),
        None => address_of_this_machine(&trust)?,
    };
    let code = trust.issue(address.clone(), Duration::from_secs(args.valid * 60))?;
    ui::note(&format!(
        "within {} minutes, on the machine with the photos: facesets worker add CODE",
        args.valid
    ));
    ui::note(&format!("the worker is at {address}; its certificate is {}", code.certificate));
    ui::result(&code.to_string());
    Ok(())
}

/// Where `serve` has listened last, with an address that others can use.
fn address_of_this_machine(trust: &Trust) -> Result<WorkerAddress, Trouble> {
    let hint = "say how other machines reach this one: `--address HOST:PORT`".to_owned();
    let listening = trust.noted_address()?.ok_or_else(|| Trouble {
        error: "no worker has served over TLS yet, so nobody knows where it will be".to_owned(),
        hint: "start it first, for example with `facesets-worker serve --listen 0.0.0.0:50551`, or pass `--address HOST:PORT`"
            .to_owned(),
    })?;
    if !listening.ip().is_unspecified() {
        return Ok(listening.into());
    }
    let own = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(ELSEWHERE)?;
        Ok(socket.local_addr()?.ip())
    };
    let ip = own().map_err(|error: std::io::Error| Trouble {
        error: format!("which address of this machine others can reach is not clear: {error}"),
        hint,
    })?;
    Ok(SocketAddr::new(ip, listening.port()).into())
}
