//! The real worker, all of it but ONNX Runtime: its device is a [`frail`] one. Models are named and never
//! read.

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use facesets_core::wire::ModelRole;
use facesets_tests::frail;
use facesets_worker::{
    analyzer::{Common, FaceModels},
    assembly::{Arrangement, Plan},
    cli::{Cli, Command},
    command::{self, serve},
    device::{Condition, CpuTurns, Shared},
    logging,
    meter::Meter,
    model_pack::Pack,
    packs::Loaded,
    startup::{Configuration, Ready, StartupError, lanes, start_with},
    vision::Normalisation,
};

/// As in every known pack.
const NORMALISATION: Normalisation = Normalisation { mean: 127.5, std: 128.0 };

fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Serve(args) => {
            serve::run_with(&args, |configuration| start_with(configuration, on_a_frail_device))
        }
        Command::Pair(args) => {
            logging::to_stderr();
            command::pair::run(&args)
        }
        _ => panic!("a double for tests serves and pairs"),
    };
    ExitCode::from(exit as u8)
}

fn on_a_frail_device(configuration: &Configuration, meter: &Arc<Meter>) -> Result<Ready, StartupError> {
    let device = frail::Device::of_this_process();
    let plan = Plan::arranged(Arrangement::Shared, configuration.lanes).patient(configuration.device_timeout);
    let (condition, turns) = (Condition::default(), Arc::new(CpuTurns::of(plan.cores)));
    let (limits, meter, told) = (configuration.limits, Arc::clone(meter), condition.clone());
    let loader = move |pack: Pack| {
        let normalisations = ModelRole::FACE.map(|role| (role, NORMALISATION)).to_vec();
        let models = FaceModels { pack: pack.info().clone(), normalisations };
        let common = Common::new(models, limits, Arc::clone(&meter));
        let (device, turns) = (Arc::clone(&device), Arc::clone(&turns));
        let factory = Box::new(move || device.sessions());
        let shared = Shared::start(turns, plan.patience, told.clone(), Arc::clone(&meter), factory)?;
        Loaded::sharing(&pack, shared, common)
    };
    let ready = lanes(configuration, plan, condition, Box::new(loader));
    let (packs, pool) =
        ready.map_err(|source| StartupError::Load { target: "a frail device".to_owned(), source })?;
    let named = |name: &str| name.to_owned();
    Ok(Ready {
        packs,
        pool,
        plan,
        device: named("a frail one"),
        provider: named("frail"),
        runtime_version: named("0"),
    })
}
