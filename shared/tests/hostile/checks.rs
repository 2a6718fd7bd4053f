//! What must hold of any bytes that come in from outside: the mutations beside this file and `tests/fuzz`
//! demand it.

use facesets_core::{
    pairing::{ClientName, PairingCode, WorkerAddress},
    wire::{
        Assembled, Assembler, ItemReply, MAX_TASKS, PairingRequest, WireError, WorkerDescription, proto,
        requests,
    },
};
use prost::Message;

/// Most bytes of an item.
const MAX_ITEM_BYTES: u64 = 1 << 12;

/// `ProcessRequest`s one after the other, each with its length before it, as a worker takes them from a
/// stream.
pub(crate) fn stream(mut bytes: &[u8]) {
    let mut assembler = Assembler::new(MAX_ITEM_BYTES);
    while let Ok(message) = proto::ProcessRequest::decode_length_delimited(&mut bytes) {
        match assembler.accept(message) {
            Ok(Assembled::Item(item)) => {
                assert!(item.data.len() as u64 <= MAX_ITEM_BYTES, "an item of {} bytes", item.data.len());
                assert!((1..=MAX_TASKS).contains(&item.tasks.len()), "{} tasks", item.tasks.len());
                let mut again = Assembler::new(MAX_ITEM_BYTES);
                for message in requests(&item) {
                    let arrived = again.accept(message).expect("what was accepted is accepted again");
                    assert_eq!(arrived, Assembled::Item(item.clone()));
                }
            }
            Ok(Assembled::TooLarge { total_bytes, .. }) => assert!(total_bytes > MAX_ITEM_BYTES),
            Ok(Assembled::Pending | Assembled::BadTask { .. }) => {}
            Err(_) => return,
        }
    }
    drop(assembler.finish());
}

/// A message that has to be understood by itself; the first byte says which.
pub(crate) fn message(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => understood(
            bytes,
            |message: &proto::WorkerInfo| WorkerDescription::try_from(message),
            |worker| worker.into(),
        ),
        1 => understood(
            bytes,
            |message: &proto::ProcessResponse| ItemReply::try_from(message.clone()),
            |reply| reply.into(),
        ),
        _ => understood(
            bytes,
            |message: &proto::PairRequest| PairingRequest::try_from(message),
            |request| request.into(),
        ),
    }
}

/// What a message is taken to mean is written and taken to mean the same.
fn understood<M: Message + Default, T>(
    bytes: &[u8],
    read: impl Fn(&M) -> Result<T, WireError>,
    write: impl Fn(&T) -> M,
) {
    let Ok(message) = M::decode(bytes) else { return };
    let Ok(value) = read(&message) else { return };
    let written = write(&value).encode_to_vec();
    let message = M::decode(&written[..]).expect("what was written is a message");
    let again = read(&message).unwrap_or_else(|error| panic!("what was accepted is refused: {error}"));
    // Compared as bytes, since what is not a number is not equal to itself.
    assert_eq!(write(&again).encode_to_vec(), written);
}

/// What somebody types who was shown a code, an address or a name.
pub(crate) fn typed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = text.parse::<PairingCode>() {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
    if let Ok(address) = text.parse::<WorkerAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(name) = text.parse::<ClientName>() {
        assert_eq!(ClientName::resembling(&text), name);
    }
}

/// The parts of a pairing code, under a checksum that is right: whoever damages letters alone does not get
/// past it.
pub(crate) fn code_with_checksum(parts: &[u8]) {
    let mut bits = parts.to_vec();
    bits.extend(crc32fast::hash(parts).to_be_bytes());
    let bit = |at: usize| bits.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let value = |at: usize| (0..5).fold(0, |value, n| value << 1 | bit(at * 5 + n));
    let letters = (0..(bits.len() * 8).div_ceil(5)).map(value);
    typed(&letters.map(|value| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[usize::from(value)]).collect::<Vec<u8>>());
}
