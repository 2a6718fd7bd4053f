//! A small library of made-up people, the same bit by bit as `scripts/python/make_cluster_fixtures.py` makes
//! it: whole numbers until the one division by the length.

use ndarray::Array2;

/// Rows of a library.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(super) struct Household {
    pub(super) rows: usize,
    pub(super) dims: usize,
    pub(super) seed: u64,
    /// How many of the rows are copies of three others.
    #[serde(default)]
    pub(super) copies: usize,
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Roughly normal values: four of 12 bits added up.
    fn direction(&mut self, dims: usize) -> Vec<i64> {
        let value = |bits: u64| (0..4).map(|i| (bits >> (12 * i) & 0xfff) as i64).sum::<i64>() - 8190;
        (0..dims).map(|_| value(self.next())).collect()
    }
}

fn mixed(parts: &[(i64, &[i64])]) -> Vec<i64> {
    (0..parts[0].1.len()).map(|i| parts.iter().map(|(weight, part)| weight * part[i]).sum()).collect()
}

impl Household {
    /// Unit rows, but for the copies: three fifths are faces of people (some hundred to two each), 2 % lie
    /// between two people, 8 % are blurred towards one direction, 2 % nearly repeat an earlier row, the
    /// others are strangers; shuffled.
    pub(super) fn embeddings(self) -> Array2<f32> {
        let Self { rows, dims, seed, copies } = self;
        let rows = rows - copies;
        let mut random = SplitMix64(seed);
        let mut vectors: Vec<Vec<i64>> = Vec::with_capacity(rows);
        let mut people = Vec::new();
        while vectors.len() < rows * 6 / 10 {
            let person = random.direction(dims);
            for _ in 0..(rows / (6 * (people.len() + 1))).max(2) {
                let noise = random.direction(dims);
                let weight = 4 + random.below(13) as i64;
                vectors.push(mixed(&[(16, &person), (weight, &noise)]));
            }
            people.push(person);
        }
        for _ in 0..rows / 50 {
            let (a, b) = (random.below(people.len()), random.below(people.len()));
            let noise = random.direction(dims);
            vectors.push(mixed(&[(10, &people[a]), (9, &people[b]), (6, &noise)]));
        }
        let blur = random.direction(dims);
        for _ in 0..rows * 8 / 100 {
            let noise = random.direction(dims);
            let weight = 10 + random.below(17) as i64;
            vectors.push(mixed(&[(16, &blur), (weight, &noise)]));
        }
        for _ in 0..rows / 50 {
            let earlier = random.below(vectors.len());
            let noise = random.direction(dims);
            vectors.push(mixed(&[(4, &vectors[earlier]), (3, &noise)]));
        }
        while vectors.len() < rows {
            vectors.push(random.direction(dims));
        }
        vectors.truncate(rows);
        for number in 0..copies {
            vectors.push(vectors[number % 3].clone());
        }
        let rows = vectors.len();
        for last in (1..rows).rev() {
            let other = random.below(last + 1);
            vectors.swap(last, other);
        }
        let mut matrix = Array2::zeros((rows, dims));
        for (mut target, vector) in matrix.rows_mut().into_iter().zip(&vectors) {
            let length = (vector.iter().map(|v| v * v).sum::<i64>() as f64).sqrt();
            target.iter_mut().zip(vector).for_each(|(target, v)| *target = (*v as f64 / length) as f32);
        }
        matrix
    }
}

/// Sum of the bits of all values: whether two languages made the same matrix.
pub(super) fn checksum(matrix: &Array2<f32>) -> u64 {
    matrix.iter().map(|value| u64::from(value.to_bits())).sum()
}
