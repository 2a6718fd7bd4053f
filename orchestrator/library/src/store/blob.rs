//! Numbers as the store keeps them: little-endian `f32`, whatever the machine.

use super::StoreError;

/// The bytes of some numbers.
pub(super) fn encode(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The numbers in some bytes.
pub(super) fn decode(bytes: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk))
}

/// Points of `N` coordinates each.
pub(super) fn decode_points<const N: usize>(bytes: &[u8]) -> Result<Vec<[f32; N]>, StoreError> {
    if !bytes.len().is_multiple_of(4 * N) {
        return Err(StoreError::Damaged(format!(
            "{} bytes are no list of {N}-dimensional points",
            bytes.len()
        )));
    }
    let values: Vec<f32> = decode(bytes).collect();
    Ok(values.as_chunks::<N>().0.to_vec())
}
