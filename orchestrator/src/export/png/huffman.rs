//! Prefix codes as deflate has them. Source: RFC 1951, 3.2.2.

/// The longest code that deflate has, in bits.
const LONGEST: usize = 15;

/// Lengths in bits of the codes of symbols that occur so often: at most `limit`, 0 for those that do not occur.
pub(super) fn lengths(counts: &[u32], limit: u8) -> Vec<u8> {
    let mut counts = counts.to_vec();
    loop {
        let lengths = unlimited(&counts);
        if lengths.iter().all(|length| *length <= limit) {
            return lengths;
        }
        // The flatter the counts, the flatter the code; when all are 1, lengths differ by one at most.
        for count in &mut counts {
            *count = count.div_ceil(2);
        }
    }
}

/// Huffman's lengths.
fn unlimited(counts: &[u32]) -> Vec<u8> {
    let mut lengths = vec![0; counts.len()];
    let occurring = |symbol: &usize| counts[*symbol] > 0;
    let mut leaves: Vec<usize> = (0..counts.len()).filter(occurring).collect();
    leaves.sort_unstable_by_key(|symbol| (counts[*symbol], *symbol));
    if let [only] = leaves[..] {
        lengths[only] = 1;
        return lengths;
    }
    let depths = depths(leaves.iter().map(|symbol| counts[*symbol]).collect());
    for (symbol, depth) in leaves.into_iter().zip(depths) {
        lengths[symbol] = depth;
    }
    lengths
}

/// How deep each leaf lies in the tree that unites the two lightest nodes until one is left; leaves of ascending weights.
fn depths(mut weights: Vec<u32>) -> Vec<u8> {
    // Pairs lie behind the leaves in the order in which they are made, in which they ascend too.
    let leaves = weights.len();
    let mut parents = vec![0; (2 * leaves).saturating_sub(1)];
    let (mut leaf, mut pair) = (0, leaves);
    for made in leaves..parents.len() {
        let mut weight = 0;
        for _ in 0..2 {
            let is_leaf = leaf < leaves && (pair == made || weights[leaf] <= weights[pair]);
            let lightest = if is_leaf { &mut leaf } else { &mut pair };
            parents[*lightest] = made;
            weight += weights[*lightest];
            *lightest += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; parents.len()];
    for node in (0..parents.len().saturating_sub(1)).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(leaves);
    depths
}

/// The codes of symbols with these lengths, their first bit lowest.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut of_length = [0u16; LONGEST + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        of_length[usize::from(*length)] += 1;
    }
    let mut next = [0u16; LONGEST + 1];
    for length in 1..=LONGEST {
        next[length] = (next[length - 1] + of_length[length - 1]) << 1;
    }
    let code = |length: &u8| {
        if *length == 0 {
            return 0;
        }
        let code = next[usize::from(*length)];
        next[usize::from(*length)] += 1;
        code.reverse_bits() >> (u16::BITS - u32::from(*length))
    };
    lengths.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_codes_of_the_specification_s_example_come_out() {
        // RFC 1951, 3.2.2: A to H; there the first bit is written first.
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let written: Vec<String> = codes
            .iter()
            .zip([3, 3, 3, 3, 3, 2, 4, 4])
            .map(|(code, length)| format!("{code:016b}").chars().rev().take(length).collect())
            .collect();
        assert_eq!(written, ["010", "011", "100", "101", "110", "00", "1110", "1111"]);
    }

    #[test]
    fn what_occurs_often_has_a_short_code_and_what_does_not_occur_has_none() {
        assert_eq!(lengths(&[1, 0, 8, 4, 2, 1], 15), [4, 0, 1, 2, 3, 4]);
        assert_eq!(lengths(&[0, 5], 15), [0, 1]);
        assert_eq!(lengths(&[0, 0], 15), [0, 0]);
    }

    proptest! {
        #[test]
        fn lengths_are_within_the_limit_and_waste_no_code(counts in prop::collection::vec(0u32..1 << 20, 2..286), steep in any::<bool>()) {
            // Fibonacci's numbers make the deepest trees.
            let (mut a, mut b) = (1u32, 1u32);
            let mut fibonacci = || { (a, b) = (b, a.saturating_add(b).min(1 << 20)); a };
            let counts: Vec<u32> = counts.into_iter().map(|count| if steep { fibonacci() } else { count }).collect();
            let lengths = lengths(&counts, 14);
            prop_assert!(counts.iter().zip(&lengths).all(|(count, length)| (*count > 0) == (1..=14).contains(length)));
            let used = lengths.iter().filter(|length| **length > 0);
            let sum: u32 = used.clone().map(|length| 1u32 << (14 - length)).sum();
            prop_assert!(used.count() < 2 || sum == 1 << 14, "{}", sum);
        }
    }
}
