//! Writes `tests/fixtures/golden/self-test.json`, the numbers of the worker's self-test: `self_test_golden
//! SETUP > FILE`.
//!
//! SETUP is what `scripts/setup` makes. To be run when the open pack or the self-test's picture changes, on a
//! machine whose numbers the parity tests have confirmed.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::{collections::BTreeMap, error::Error, path::Path, sync::Arc};

use facesets_core::ImageLimits;
use facesets_worker::{
    analyzer::PackBuilder,
    engine::{Provider, find_runtime, ort::Runtime},
    model_pack::Pack,
};

fn main() -> Result<(), Box<dyn Error>> {
    let setup = std::env::args().nth(1).ok_or("usage: self_test_golden SETUP")?;
    let models = Path::new(&setup).join("models");
    let pack = Pack::open(&models, "open")?;
    let runtime = Runtime::load(&find_runtime(None, &[&models])?, Provider::Cpu)?;
    let (limits, meter) = (ImageLimits::default(), Arc::default());
    let builder = PackBuilder { pack: pack.clone(), runtime, threads: 1, limits, meter };
    let reference = builder.measure(&pack.roles().collect::<Vec<_>>())?;
    let mut golden = BTreeMap::new();
    for (role, outputs) in reference.fingerprints() {
        let sha256 = pack.info().sha256(*role).ok_or("a pack has every role")?;
        golden.insert(sha256.to_string(), outputs);
    }
    println!("{}", serde_json::to_string(&golden)?);
    Ok(())
}
