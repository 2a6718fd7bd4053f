//! Crockford's base 32: five bits a character, most significant first, the last one filled up with zeros.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Bits of a character.
pub(super) const BITS: usize = 5;

/// The five bits that a character stands for. `O` is read as `0`, `I` and `L` as `1`, as people write them.
pub(super) fn value(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|&there| char::from(there) == upper).map(|position| position as u8)
}

/// The character of five bits.
pub(super) fn character(value: u8) -> char {
    char::from(ALPHABET[usize::from(value & 31)])
}

/// Bytes as five-bit values.
pub(super) fn split(bytes: &[u8]) -> Vec<u8> {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let values = (bytes.len() * 8).div_ceil(BITS);
    (0..values).map(|v| (0..BITS).fold(0, |value, b| value << 1 | bit(v * BITS + b))).collect()
}

/// The bytes of [`split`]; `None` if there are values that bytes are not split into: too many, or with bits
/// beyond the last byte.
pub(super) fn join(values: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes(values);
    (split(&bytes) == values).then_some(bytes)
}

/// The bytes that values fill, whatever is left over.
pub(super) fn bytes(values: &[u8]) -> Vec<u8> {
    let bit = |at: usize| values.get(at / BITS).map_or(0, |value| value >> (BITS - 1 - at % BITS) & 1);
    let len = values.len() * BITS / 8;
    (0..len).map(|n| (0..8).fold(0, |byte, b| byte << 1 | bit(n * 8 + b))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        split(bytes).into_iter().map(character).collect()
    }

    #[test]
    fn known_bytes_have_known_texts() {
        // RFC 4648's test vectors, in Crockford's alphabet and without padding.
        for (bytes, expected) in [
            ("", ""),
            ("f", "CR"),
            ("fo", "CSQG"),
            ("foo", "CSQPY"),
            ("foob", "CSQPYRG"),
            ("fooba", "CSQPYRK1"),
        ] {
            assert_eq!(text(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn every_character_has_its_value_and_look_alikes_have_it_too() {
        for v in 0..32 {
            assert_eq!(value(character(v)), Some(v));
            assert_eq!(value(character(v).to_ascii_lowercase()), Some(v));
        }
        assert_eq!((value('o'), value('I'), value('l')), (Some(0), Some(1), Some(1)));
        for c in ['U', 'u', '*', ' ', 'é', '-'] {
            assert_eq!(value(c), None, "{c}");
        }
    }

    #[test]
    fn bits_beyond_the_last_byte_and_values_of_no_byte_are_refused() {
        assert_eq!(join(&split(b"f")), Some(b"f".to_vec()));
        assert_eq!(join(&[12, 25]), None, "the last two bits are not zero");
        assert_eq!(join(&[12, 24, 0]), None, "two values hold the byte already");
        assert_eq!(join(&[0]), None);
        assert_eq!(join(&[]), Some(Vec::new()));
    }
}
