//! The real worker with real networks, whose recogniser passes for `w600k_r50` of `buffalo_l`, which nobody
//! may fetch for a test: what is handed out of that recogniser's vectors only can be tried with it.

use std::{fs, process::ExitCode, sync::Arc};

use clap::Parser as _;
use facesets_core::wire::ModelRole;
use facesets_corpus::export::formats::kind::W600K_R50;
use facesets_worker::{
    analyzer::{Common, FaceModels, PackBuilder},
    assembly::{Arrangement, Plan},
    cli::{Cli, Command},
    command::serve,
    device::Condition,
    engine::{Provider, find_runtime, ort::Runtime},
    meter::Meter,
    model_pack::{MANIFEST_FILE, Pack},
    packs::{LoadError, Loaded},
    startup::{Configuration, Ready, StartupError, lanes, start_with},
};

fn main() -> ExitCode {
    let Command::Serve(args) = Cli::parse().command else { panic!("a double for tests only serves") };
    ExitCode::from(serve::run_with(&args, |configuration| start_with(configuration, renamed)) as u8)
}

/// As the real worker's lanes on the processor, but for the name.
fn renamed(configuration: &Configuration, meter: &Arc<Meter>) -> Result<Ready, StartupError> {
    let runtime = find_runtime(configuration.runtime.as_deref(), &[&configuration.models])?;
    let runtime = Runtime::load(&runtime, Provider::Cpu)?;
    let plan = Plan::arranged(Arrangement::Own, configuration.lanes);
    let (limits, meter, models) = (configuration.limits, Arc::clone(meter), configuration.models.clone());
    let of_pack = runtime.clone();
    let loader = move |pack: Pack| -> Result<Loaded, LoadError> {
        let namesake = namesake(&pack, &models.join(&pack.info().name));
        let (runtime, meter) = (of_pack.clone(), Arc::clone(&meter));
        let builder = PackBuilder { pack, runtime, threads: plan.threads, limits, meter: Arc::clone(&meter) };
        let reference = builder.reference()?;
        let models = builder.common()?.models.clone();
        let common = Common::new(FaceModels { pack: namesake.info().clone(), ..models }, limits, meter);
        Loaded::new(&namesake, move || builder.lane(&reference, Arc::clone(&common)))
    };
    let ready = lanes(configuration, plan, Condition::default(), Box::new(loader));
    let (packs, pool) = ready.map_err(|source| StartupError::Load { target: "cpu".to_owned(), source })?;
    let runtime_version = runtime.build_info().to_owned();
    Ok(Ready { packs, pool, plan, device: runtime.device(), provider: "cpu".to_owned(), runtime_version })
}

/// The pack under another name of its recogniser.
fn namesake(pack: &Pack, folder: &std::path::Path) -> Pack {
    let manifest = fs::read_to_string(folder.join(MANIFEST_FILE)).expect("the pack has a manifest");
    let own = pack.info().sha256(ModelRole::Recognition).expect("the pack has a recogniser").to_string();
    assert!(manifest.contains(&own), "{manifest}");
    let manifest = manifest.replace(&own, W600K_R50);
    Pack::described_by(manifest.as_bytes(), folder.to_owned(), &pack.info().name).expect("a sound manifest")
}
