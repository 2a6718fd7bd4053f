//! Fixed batch sizes for providers that compile a graph for each: batches are filled up with zeros, and the
//! surplus rows dropped.

use std::borrow::Cow;

use super::Tensor;

/// Batch sizes for which there are sessions. Larger batches are run in parts.
pub const BUCKETS: [usize; 5] = [1, 4, 8, 16, 32];

/// The smallest bucket that holds `len` rows, or the largest of all.
pub fn bucket_for(len: usize) -> usize {
    let [.., largest] = BUCKETS;
    BUCKETS.into_iter().find(|bucket| *bucket >= len).unwrap_or(largest)
}

/// `values` of `len` rows, with rows of zeros up to `bucket`; as they are if they fill it.
pub(super) fn padded(values: &[f32], len: usize, bucket: usize) -> Cow<'_, [f32]> {
    if len == bucket {
        return Cow::Borrowed(values);
    }
    let row_len = values.len() / len.max(1);
    let mut filled = Vec::with_capacity(bucket * row_len);
    filled.extend_from_slice(values);
    filled.resize(bucket * row_len, 0.0);
    Cow::Owned(filled)
}

/// Appends the first `len` rows of a bucket's outputs to `joined`.
///
/// An output whose first size is not the bucket is no batch of rows, and is an error in words.
pub(super) fn append_rows(
    joined: &mut Vec<Tensor>,
    outputs: Vec<Tensor>,
    len: usize,
    bucket: usize,
) -> Result<(), String> {
    for (index, output) in outputs.into_iter().enumerate() {
        let Tensor { mut shape, mut values } = output;
        if shape.first() != Some(&bucket) {
            return Err(format!("a batch of {bucket} was answered with {shape:?}"));
        }
        values.truncate(values.len() / bucket * len);
        shape[0] = len;
        match joined.get_mut(index) {
            Some(whole) if whole.shape[1..] == shape[1..] => {
                whole.shape[0] += len;
                whole.values.append(&mut values);
            }
            Some(whole) => {
                return Err(format!("parts of a batch have shapes {:?} and {shape:?}", whole.shape));
            }
            None => joined.push(Tensor { shape, values }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_goes_into_the_smallest_bucket_that_holds_it() {
        assert_eq!([1, 2, 4, 5, 9, 17, 32, 33].map(bucket_for), [1, 4, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn an_output_that_is_no_batch_of_rows_is_refused() {
        let odd = Tensor { shape: vec![5, 3], values: vec![0.0; 15] };
        assert!(append_rows(&mut Vec::new(), vec![odd], 2, 4).is_err());
    }

    proptest! {
        #[test]
        fn rows_come_out_of_buckets_as_they_went_in(len in 1usize..100, row_len in 1usize..7) {
            let values: Vec<f32> = (0..len * row_len).map(|i| i as f32 + 1.0).collect();
            let mut joined = Vec::new();
            let mut rest = &values[..];
            while !rest.is_empty() {
                let rows = (rest.len() / row_len).min(BUCKETS[4]);
                let bucket = bucket_for(rows);
                let (part, after) = rest.split_at(rows * row_len);
                let echo = Tensor { shape: vec![bucket, row_len], values: padded(part, rows, bucket).into_owned() };
                prop_assert_eq!(echo.values.len(), bucket * row_len);
                append_rows(&mut joined, vec![echo], rows, bucket).unwrap();
                rest = after;
            }
            prop_assert_eq!(&joined, &[Tensor { shape: vec![len, row_len], values }]);
        }
    }
}
