//! `bench`: the stages of this machine in a table.

use std::{error::Error, sync::Arc, time::Duration};

use facesets_core::ImageLimits;

use super::Exit;
use crate::{
    analyzer::PackBuilder,
    assembly::{Arrangement, Plan},
    bench::{self, Measure, photos, report::Report},
    cli::BenchArgs,
    engine::{CpuFallback, Provider, ProviderChoice, Simulated, Target, find_runtime, ort::Runtime},
    model_pack::Pack,
    settings::{default_models, default_pack},
    ui,
};

/// Measures and prints.
pub fn run(args: &BenchArgs) -> Exit {
    match measure(args) {
        Ok(report) if args.json => ui::json(&report.json()),
        Ok(report) => {
            report.table().lines().for_each(ui::result);
            report.summary().lines().for_each(ui::result);
        }
        Err(error) => {
            let hint =
                "see `facesets-worker bench --help`; packs are checked by `facesets-worker models verify`";
            ui::error(&error.to_string(), hint);
            return Exit::Failed;
        }
    }
    Exit::Done
}

fn measure(args: &BenchArgs) -> Result<Report, Box<dyn Error + Send + Sync>> {
    let mut photos = photos::read(&args.photos)?;
    if let Some(megapixels) = args.megapixels {
        photos = photos::resized(&photos, megapixels)?;
    }
    let limits = ImageLimits::default();
    let measure = Measure { time: Duration::from_secs(args.seconds), runs: args.runs as usize, limits };
    if let Some(milliseconds) = args.simulate {
        let plan = Plan::arranged(Arrangement::Shared, args.lanes);
        let per_batch = Duration::from_millis(milliseconds);
        return bench::simulated(Simulated { per_batch, faces: args.faces as usize }, plan, &photos, measure);
    }
    let models = args.models.folder()?;
    let pack = Pack::open(&models, &args.pack.clone().unwrap_or_else(|| default_pack(&models)))?;
    let provider = match &args.provider {
        ProviderChoice::Only(provider) => provider.clone(),
        ProviderChoice::Auto => Provider::Cpu,
    };
    let fallback = if args.allow_cpu_fallback { CpuFallback::Allowed } else { CpuFallback::Refused };
    let target = Target { device_id: args.device_id, fallback, ..Target::new(provider) };
    let runtime =
        Runtime::load(&find_runtime(args.runtime.as_deref(), &[&models, &default_models()])?, Provider::Cpu)?
            .on(target)?;
    let plan = Plan::new(runtime.target(), args.lanes);
    let builder = PackBuilder { pack, runtime, threads: plan.threads, limits, meter: Arc::default() };
    bench::real(builder, plan, &photos, measure)
}
