//! Bytes to a zlib stream in which every byte has a code of its own, and runs of one byte are told as runs. Source: RFC 1950 and 1951.

use super::huffman;

/// Bytes that share a code: few enough for it to fit, many enough for its description not to count.
const BLOCK: usize = 1 << 16;

/// The longest code of a byte, in bits: four of them and what is left of a byte fit 64 bits.
const LONGEST_CODE: u8 = 14;

/// The longest code of a length of codes, in bits.
const LONGEST_LENGTH_CODE: u8 = 7;

/// Bytes that a run repeats, at least and at most.
const RUN: std::ops::RangeInclusive<usize> = 3..=258;

/// The symbol behind a block's bytes; runs follow.
const END: usize = 256;

/// How many bytes the runs of each symbol repeat at least, and how many bits tell how many more.
const RUNS: [(u16, u8); 29] = {
    let mut runs = [(0, 0); 29];
    let (mut symbol, mut least) = (0, 3);
    while symbol < 28 {
        let more = if symbol < 8 { 0 } else { symbol as u8 / 4 - 1 };
        runs[symbol] = (least, more);
        least += 1 << more;
        symbol += 1;
    }
    // The longest one has a symbol of its own.
    runs[28] = (258, 0);
    runs
};

/// Symbols of bytes, of the end and of runs.
const SYMBOLS: usize = END + 1 + RUNS.len();

/// The order in which the lengths of the codes of lengths are told.
const LENGTHS_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Bits that are being written, lowest first.
struct Bits {
    /// Those before `len` are written; behind them is room.
    bytes: Vec<u8>,
    len: usize,
    pending: u64,
    /// How many are pending; below 8 after [`Self::flush`].
    count: u32,
}

/// Some bytes and how often the last one of them is repeated behind them, perhaps never.
struct Piece<'a> {
    bytes: &'a [u8],
    run: usize,
}

/// A code for each symbol: its bits and their number.
struct Code<const N: usize>([(u16, u8); N]);

/// A zlib stream of some bytes.
pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut bits = Bits { bytes: Vec::with_capacity(bytes.len()), len: 0, pending: 0, count: 0 };
    bits.make_room(2);
    // Deflate with a window of 32 KiB, written by a fast compressor, and a checksum of that.
    bits.put(0x0178, 16);
    bits.flush();
    let blocks = bytes.len().div_ceil(BLOCK).max(1);
    for number in 0..blocks {
        let end = bytes.len().min((number + 1) * BLOCK);
        write_block(&bytes[number * BLOCK..end], number + 1 == blocks, &mut bits);
    }
    let mut stream = bits.finish();
    stream.extend_from_slice(&simd_adler32::adler32(&bytes).to_be_bytes());
    stream
}

fn write_block(block: &[u8], is_last: bool, bits: &mut Bits) {
    // No symbol takes more than twice the bits of its bytes; the description of the codes takes less than 512 bytes.
    bits.make_room(2 * block.len() + 512);
    let pieces = pieces(block);
    let code = Code::fitting(&count(&pieces), LONGEST_CODE);
    bits.put(u64::from(is_last), 1);
    // Codes of its own.
    bits.put(2, 2);
    code.describe(bits);
    for piece in &pieces {
        let (fours, rest) = piece.bytes.as_chunks::<4>();
        for four in fours {
            for byte in four {
                code.put(usize::from(*byte), bits);
            }
            bits.flush();
        }
        for byte in rest {
            code.put(usize::from(*byte), bits);
            bits.flush();
        }
        if piece.run > 0 {
            code.put_run(piece.run, bits);
        }
    }
    code.put(END, bits);
    bits.flush();
}

/// A block, parted where a byte is repeated three times or more.
fn pieces(block: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(four) = block[at..].first_chunk::<4>() {
        at += 1;
        let four = u32::from_ne_bytes(*four);
        if four == four.rotate_left(8) {
            let same = |byte: &&u8| **byte == block[at - 1];
            let run = block[at..].iter().take(*RUN.end()).take_while(same).count();
            pieces.push(Piece { bytes: &block[begin..at], run });
            at += run;
            begin = at;
        }
    }
    pieces.push(Piece { bytes: &block[begin..], run: 0 });
    pieces
}

/// How often each symbol occurs.
fn count(pieces: &[Piece<'_>]) -> [u32; SYMBOLS] {
    // Neighbours are often equal: in tables of their own, they need not wait for each other.
    let mut tables = [[0u32; END]; 4];
    let mut counts = [0; SYMBOLS];
    for piece in pieces {
        for bytes in piece.bytes.chunks(tables.len()) {
            for (byte, table) in bytes.iter().zip(&mut tables) {
                table[usize::from(*byte)] += 1;
            }
        }
        if piece.run > 0 {
            counts[END + 1 + run_symbol(piece.run)] += 1;
        }
    }
    for (byte, count) in counts[..END].iter_mut().enumerate() {
        *count = tables.iter().map(|table| table[byte]).sum();
    }
    counts[END] = 1;
    counts
}

/// Which of [`RUNS`] a run is one of.
fn run_symbol(run: usize) -> usize {
    RUNS.partition_point(|(least, _)| usize::from(*least) <= run) - 1
}

impl<const N: usize> Code<N> {
    /// The one that takes fewest bits for symbols that occur so often.
    fn fitting(counts: &[u32; N], longest: u8) -> Self {
        let lengths = huffman::lengths(counts, longest);
        let codes = huffman::codes(&lengths);
        Self(std::array::from_fn(|symbol| (codes[symbol], lengths[symbol])))
    }

    #[inline]
    fn put(&self, symbol: usize, bits: &mut Bits) {
        let (code, length) = self.0[symbol];
        bits.put(code.into(), length.into());
    }
}

impl Code<SYMBOLS> {
    fn put_run(&self, run: usize, bits: &mut Bits) {
        let symbol = run_symbol(run);
        let (least, more) = RUNS[symbol];
        self.put(END + 1 + symbol, bits);
        bits.put((run - usize::from(least)) as u64, more.into());
        // The distance, which is always 1: the first code of one bit.
        bits.put(0, 1);
        bits.flush();
    }

    /// Writes the lengths of the codes, from which a reader makes them.
    fn describe(&self, bits: &mut Bits) {
        let used = self.0.iter().rposition(|(_, length)| *length > 0).map_or(0, |last| last + 1);
        // Those of symbols, then that of the one distance that there is.
        let lengths: Vec<u8> = self.0[..used].iter().map(|(_, length)| *length).chain([1]).collect();
        let mut counts = [0; LENGTHS_ORDER.len()];
        for length in &lengths {
            counts[usize::from(*length)] += 1;
        }
        let code = Code::fitting(&counts, LONGEST_LENGTH_CODE);
        // How many symbols beyond the end, distances beyond the first, and lengths of codes of lengths beyond four are told.
        bits.put((used - END - 1) as u64, 5);
        bits.put(0, 5);
        bits.put(LENGTHS_ORDER.len() as u64 - 4, 4);
        for length in LENGTHS_ORDER {
            bits.put(code.0[length].1.into(), 3);
            bits.flush();
        }
        for length in lengths {
            code.put(length.into(), bits);
            bits.flush();
        }
    }
}

impl Bits {
    /// Room for so many bytes more.
    fn make_room(&mut self, bytes: usize) {
        self.bytes.resize(self.len + bytes + size_of::<u64>(), 0);
    }

    /// Fewer than 57 between two calls of [`Self::flush`].
    #[inline]
    fn put(&mut self, bits: u64, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
    }

    /// Writes whole bytes.
    #[inline]
    fn flush(&mut self) {
        let whole = self.count / 8;
        self.bytes[self.len..][..size_of::<u64>()].copy_from_slice(&self.pending.to_le_bytes());
        self.len += whole as usize;
        self.pending >>= 8 * whole;
        self.count -= 8 * whole;
    }

    /// Everything that was written, with zeros up to a whole byte.
    fn finish(mut self) -> Vec<u8> {
        self.count = self.count.next_multiple_of(8);
        self.flush();
        self.bytes.truncate(self.len);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;
    use proptest::prelude::*;

    use super::*;

    fn inflated(stream: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ZlibDecoder::new(stream).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn runs_have_the_symbols_of_the_specification() {
        // RFC 1951, 3.2.5: length codes 257, 264, 265, 284, 285.
        assert_eq!([3, 10, 11, 257, 258].map(run_symbol), [0, 7, 8, 27, 28]);
        assert_eq!([RUNS[8], RUNS[11], RUNS[27], RUNS[28]], [(11, 1), (17, 1), (227, 5), (258, 0)]);
        assert!(RUN.map(run_symbol).is_sorted());
    }

    #[test]
    fn nothing_one_byte_and_whole_blocks_come_back() {
        for len in [0, 1, 2, 3, 4, 5, 258, 259, 260, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            for period in [1, 2, 3, 251] {
                let bytes: Vec<u8> = (0..len).map(|at| (at % period) as u8).collect();
                assert!(inflated(&zlib(&bytes)) == bytes, "{len} bytes of period {period}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(runs in prop::collection::vec((any::<u8>(), 1usize..600, any::<bool>()), 0..300)) {
            let bytes: Vec<u8> = runs
                .iter()
                .flat_map(|(byte, len, long)| vec![*byte; if *long { *len } else { len % 5 }])
                .collect();
            prop_assert!(inflated(&zlib(&bytes)) == bytes);
        }
    }
}
