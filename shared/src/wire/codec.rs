//! Messages as gRPC carries them, and nothing beside them.
//!
//! What a message keeps of the buffer in which it came, it keeps all of; and whoever counts what a client has
//! in flight counts what the message says. So one that is mostly what nobody here knows or keeps (unknown
//! fields, fields that come twice) is refused.

use std::marker::PhantomData;

use prost::{Message, bytes::Buf as _};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Bytes of a message that may mean nothing here: the fields of a newer protocol are small.
pub const MAX_UNKNOWN_BYTES: usize = 64 * 1024;

/// Protobuf by prost; decoded messages mean at least all but [`MAX_UNKNOWN_BYTES`] of what was received.
#[derive(Debug)]
pub struct LeanCodec<T, U>(PhantomData<(T, U)>);

/// The decoding half.
#[derive(Debug)]
pub struct LeanDecoder<U>(ProstDecoder<U>);

impl<T, U> Default for LeanCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for LeanCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = LeanDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        LeanDecoder(ProstCodec::<T, U>::default().decoder())
    }
}

impl<U: Message + Default> Decoder for LeanDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let received = source.remaining();
        let message = self.0.decode(source)?;
        match &message {
            Some(message) if received > message.encoded_len() + MAX_UNKNOWN_BYTES => {
                Err(Status::invalid_argument(format!(
                    "a message of {received} bytes, most of which mean nothing"
                )))
            }
            _ => Ok(message),
        }
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
