//! ONNX Runtime through `ort`: loading the library and knowing what it offers. Nothing outside this folder
//! names it.

mod failure;
mod session;

use std::path::Path;

use ort::{
    environment::Environment,
    ep::{self, ExecutionProvider as _},
};

pub use self::session::OrtEngine;
use super::{AUTO_ORDER, Provider, Target};

/// A library that is there and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Not loadable, or not an ONNX Runtime.
    #[error("`{path}` cannot be loaded as ONNX Runtime: {reason}")]
    Unloadable {
        /// The library.
        path: String,
        /// What the loader says.
        reason: String,
    },
    /// Loadable, and too old.
    #[error("the ONNX Runtime at `{path}` is version `{found}`; 1.{minor} or newer is needed", minor = ort::MINOR_VERSION)]
    TooOld {
        /// The library.
        path: String,
        /// Its version.
        found: String,
    },
    /// Loaded, and it lacks the provider asked for.
    #[error("this ONNX Runtime has no provider `{provider}`; it offers {}", names(.offered))]
    NoProvider {
        /// The one asked for.
        provider: Provider,
        /// What it has.
        offered: Vec<Provider>,
    },
}

/// The loaded library; one a process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
    target: Target,
}

impl Runtime {
    /// Loads the library at `path` (absolute) and checks that it offers `provider`.
    ///
    /// A process keeps the library that it loaded first.
    pub fn load(path: &Path, provider: Provider) -> Result<Self, RuntimeError> {
        let shown = path.display().to_string();
        let builder = ort::init_from(path).map_err(|error| explain_load(error, &shown))?;
        let environment = builder
            .with_name("facesets")
            .build()
            .map_err(|error| RuntimeError::Unloadable { path: shown, reason: error.to_string() })?;
        Self { environment, target: Target::new(Provider::Cpu) }.on(Target::new(provider))
    }

    /// The same library with sessions bound to `target`; an error that lists what there is if it does not
    /// offer the provider.
    pub fn on(&self, target: Target) -> Result<Self, RuntimeError> {
        let offered = self.offered();
        if !offered.contains(&target.provider) {
            return Err(RuntimeError::NoProvider { provider: target.provider, offered });
        }
        Ok(Self { environment: self.environment.clone(), target })
    }

    /// What every session of this runtime is bound to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What the library says of its build; ONNX Runtime's own version is not among it.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    /// The provider's device, for people.
    pub fn device(&self) -> String {
        if self.target.provider == Provider::Cpu {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            return format!("CPU, {cores} cores");
        }
        let number = self.target.device_id.unwrap_or(0);
        let name = self.target.provider.runtime_name();
        let vendor = self
            .environment
            .devices()
            .filter(|device| device.ep().is_ok_and(|ep| ep == name))
            .nth(number as usize)
            .and_then(|device| device.hardware_device().vendor().ok().map(str::to_owned));
        let vendor = vendor.map_or_else(String::new, |vendor| format!(", {vendor}"));
        format!("{} device {number}{vendor}", self.target.provider)
    }

    /// The providers that the library was built with or that it discovers, in the order of `auto`; others
    /// after them.
    ///
    /// That one is offered does not say that a device for it is there: making a session says that.
    pub fn offered(&self) -> Vec<Provider> {
        let discovered: Vec<Provider> = self
            .environment
            .devices()
            .filter_map(|device| device.ep().ok().map(Provider::from_runtime_name))
            .collect();
        let known =
            AUTO_ORDER.into_iter().filter(|provider| discovered.contains(provider) || built_in(provider));
        let mut offered: Vec<Provider> = known.collect();
        for provider in discovered {
            if !offered.contains(&provider) {
                offered.push(provider);
            }
        }
        offered
    }
}

/// Whether the library was compiled with the provider.
fn built_in(provider: &Provider) -> bool {
    let available = match provider {
        Provider::Cpu => ep::CPU::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
        Provider::MiGraphX => ep::MIGraphX::is_available(),
        Provider::Offered(_) => return false,
    };
    available.unwrap_or(false)
}

fn names(providers: &[Provider]) -> String {
    providers.iter().map(|provider| format!("`{provider}`")).collect::<Vec<_>>().join(", ")
}

fn explain_load(error: ort::LoadDynamicError, path: &str) -> RuntimeError {
    let path = path.to_owned();
    match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            RuntimeError::TooOld { path, found: version_str }
        }
        ort::LoadDynamicError::Dlopen { error, .. } => {
            // The loader's own words are in the cause.
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            RuntimeError::Unloadable { path, reason: cause }
        }
        other => RuntimeError::Unloadable { path, reason: other.to_string() },
    }
}
