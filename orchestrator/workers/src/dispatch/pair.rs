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

use super::{DispatchError, OwnCertificate, Token, Way, connection};

/// How long a worker may take to write down a client.
const PAIR_TIMEOUT: Duration = Duration::from_secs(30);

/// Pairs with the worker of a code as `client`, showing a certificate of our own if there is one; the way to
/// it from now on.
pub async fn pair(
    code: &PairingCode,
    client: &ClientName,
    own: Option<OwnCertificate>,
) -> Result<Way, DispatchError> {
    let way = Way { own, ..Way::pinned(&code.address, code.certificate) };
    let address = || way.address.clone();
    let message = PairingRequest { secret: code.secret, client: client.clone() };
    let mut request = Request::new(proto::PairRequest::from(&message));
    request.set_timeout(PAIR_TIMEOUT);
    let (channel, word) = connection::open(&way).await?;
    let response = PairingClient::new(channel).pair(request).await.map_err(|status| match status.code() {
        Code::PermissionDenied | Code::ResourceExhausted => {
            DispatchError::NotPaired { address: address(), reason: connection::message(&status) }
        }
        _ => word.explain(&way.address, connection::refusal(&way.address, &status)),
    })?;
    let token: Token = response.into_inner().token.parse().map_err(|_| DispatchError::NotAWorker {
        address: address(),
        reason: "its token cannot be sent".to_owned(),
    })?;
    Ok(way.with_token(token))
}
