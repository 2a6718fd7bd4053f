//! Pairing on the wire.

use super::{WireError, proto};
use crate::pairing::{ClientName, PairingSecret, SECRET_LEN};

/// A client that wants to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingRequest {
    /// What the code says.
    pub secret: PairingSecret,
    /// What the client wants to be called.
    pub client: ClientName,
}

impl From<&PairingRequest> for proto::PairRequest {
    fn from(request: &PairingRequest) -> Self {
        let secret = prost::bytes::Bytes::copy_from_slice(request.secret.as_bytes());
        Self { secret, client: request.client.to_string() }
    }
}

impl TryFrom<&proto::PairRequest> for PairingRequest {
    type Error = WireError;

    fn try_from(request: &proto::PairRequest) -> Result<Self, WireError> {
        let secret: [u8; SECRET_LEN] = request.secret[..].try_into().map_err(|_| WireError::Length {
            field: "secret",
            expected: SECRET_LEN,
            found: request.secret.len(),
        })?;
        Ok(Self { secret: secret.into(), client: request.client.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_wire_and_bad_ones_are_refused() {
        let request = PairingRequest { secret: [3; SECRET_LEN].into(), client: "laptop".parse().unwrap() };
        let message = proto::PairRequest::from(&request);
        assert_eq!(PairingRequest::try_from(&message), Ok(request));
        let short = proto::PairRequest { secret: vec![3; SECRET_LEN - 1].into(), ..message.clone() };
        assert!(matches!(PairingRequest::try_from(&short), Err(WireError::Length { found: 15, .. })));
        let nameless = proto::PairRequest { client: "two words".to_owned(), ..message };
        assert!(matches!(PairingRequest::try_from(&nameless), Err(WireError::ClientName(_))));
    }
}
