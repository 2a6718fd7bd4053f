//! Clusters one matrix, for `scripts/bench-cluster`: `cluster MATRIX.npy THRESHOLD average|complete
//! sparse|dense LABELS.i64`.
//!
//! Prints seconds and clusters; writes the label of each row as little-endian 64-bit numbers.

use std::{error::Error, io::Read, time::Instant};

use facesets_people::cluster::{Cut, Engine, Linkage, Stage, Watch, cut_with, memory_estimate};
use ndarray::Array2;

/// Notes when the stages began.
struct Stages {
    start: Instant,
    merge: std::sync::Mutex<f64>,
}

impl Watch for Stages {
    fn begin(&self, stage: Stage, _: u64) {
        if stage == Stage::Merge
            && let Ok(mut merge) = self.merge.lock()
        {
            *merge = self.start.elapsed().as_secs_f64();
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark of its own, read by the script")]
fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [matrix, threshold, linkage, engine, labels] = arguments.as_slice() else {
        // As in `cargo test --benches`, which wants no measurement.
        return Ok(());
    };
    let linkage = match linkage.as_str() {
        "average" => Linkage::Average,
        "complete" => Linkage::Complete,
        other => return Err(format!("no such linkage: `{other}`").into()),
    };
    let engine = match engine.as_str() {
        "sparse" => Engine::Sparse,
        "dense" => Engine::Dense,
        other => return Err(format!("no such engine: `{other}`").into()),
    };
    let embeddings = read_npy(matrix)?;
    let how = Cut { engine, ..Cut::new(linkage, threshold.parse()?) };
    let stages = Stages { start: Instant::now(), merge: std::sync::Mutex::new(0.0) };
    let clusters = cut_with(&embeddings, &how, &stages)?;
    let seconds = stages.start.elapsed().as_secs_f64();
    let search = stages.merge.lock().map_or(0.0, |seconds| *seconds);
    println!(
        "{{\"seconds\": {seconds:.3}, \"search_seconds\": {search:.3}, \"clusters\": {}, \"estimate\": {}}}",
        clusters.count(),
        memory_estimate(embeddings.nrows(), embeddings.ncols(), linkage, engine)
    );
    let bytes: Vec<u8> = clusters.labels().iter().flat_map(|label| (*label as u64).to_le_bytes()).collect();
    std::fs::write(labels, bytes)?;
    Ok(())
}

/// A matrix as `numpy.save` writes it: little-endian f32, rows first. Read piecewise, so that nothing is in
/// memory twice.
fn read_npy(path: &str) -> Result<Array2<f32>, Box<dyn Error>> {
    let mut file = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    let mut start = [0; 10];
    file.read_exact(&mut start)?;
    let mut header = vec![0; usize::from(u16::from_le_bytes([start[8], start[9]]))];
    file.read_exact(&mut header)?;
    let header = String::from_utf8(header)?;
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        return Err(format!("not a matrix of f32 with rows first: {header}").into());
    }
    let shape = header.split('(').nth(1).and_then(|text| text.split(')').next()).ok_or("no shape")?;
    let [rows, columns] = shape
        .split(',')
        .map(|number| number.trim().parse::<usize>())
        .collect::<Result<Vec<_>, _>>()?
        .try_into()
        .map_err(|_| "not two dimensions")?;
    let mut values = Vec::with_capacity(rows * columns);
    let mut row = vec![0; columns * 4];
    for _ in 0..rows {
        file.read_exact(&mut row)?;
        values.extend(row.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
    Ok(Array2::from_shape_vec((rows, columns), values)?)
}
