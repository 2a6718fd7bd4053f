//! Pairing: a code for a token, from the worker that the code names and from no other.

use std::time::Duration;

use facesets_core::{
    pairing::{ClientName, PairingCode},
    wire::{
        PairingRequest,
        proto::{self, pairing_client::PairingClient},
    },
};
use tonic::{Code, Request};

use super::{DispatchError, OwnCertificate, Token, WorkerEndpoint, connection};

/// How long a worker may take to write down a client.
const PAIR_TIMEOUT: Duration = Duration::from_secs(30);

/// Pairs with the worker of a code as `client`, showing a certificate of our own if there is one; the way to
/// it from now on.
pub async fn pair(
    code: &PairingCode,
    client: &ClientName,
    own: Option<OwnCertificate>,
) -> Result<WorkerEndpoint, DispatchError> {
    let endpoint = WorkerEndpoint { own, ..WorkerEndpoint::pinned(&code.address, code.certificate) };
    let address = || endpoint.address.clone();
    let message = PairingRequest { secret: code.secret, client: client.clone() };
    let mut request = Request::new(proto::PairRequest::from(&message));
    request.set_timeout(PAIR_TIMEOUT);
    let (channel, word) = connection::open(&endpoint).await?;
    let response = PairingClient::new(channel).pair(request).await.map_err(|status| match status.code() {
        Code::PermissionDenied | Code::ResourceExhausted => {
            DispatchError::NotPaired { address: address(), reason: connection::message(&status) }
        }
        _ => word.explain(&endpoint.address, connection::refusal(&endpoint.address, &status)),
    })?;
    let token: Token = response.into_inner().token.parse().map_err(|_| DispatchError::NotAWorker {
        address: address(),
        reason: "its token cannot be sent".to_owned(),
    })?;
    Ok(endpoint.with_token(token))
}
