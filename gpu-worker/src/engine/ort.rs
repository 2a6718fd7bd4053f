//! ONNX Runtime through `ort`. Nothing outside this file names it.

use std::path::Path;

use facesets_core::wire::ModelRole;
use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
    value::{TensorRef, ValueType},
};

use super::{Engine, EngineError, InputShape, Provider, RunFailure, Tensor};

/// Name of the provider whose kernels run on the host, as ONNX Runtime has it.
const CPU_PROVIDER: &str = "CPUExecutionProvider";

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
    #[error("the ONNX Runtime at `{path}` has no provider `{provider}`; it offers {offered}")]
    NoProvider {
        /// The library.
        path: String,
        /// The one asked for.
        provider: Provider,
        /// What it has.
        offered: String,
    },
}

/// The loaded library; one a process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
    provider: Provider,
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
            .map_err(|error| RuntimeError::Unloadable { path: shown.clone(), reason: error.to_string() })?;
        let runtime = Self { environment, provider };
        let offered = runtime.offered_providers();
        if !offered.iter().any(|name| name == provider_name(provider)) {
            return Err(RuntimeError::NoProvider { path: shown, provider, offered: offered.join(", ") });
        }
        Ok(runtime)
    }

    /// The provider that every session of this runtime is bound to.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// What the library says of its build; ONNX Runtime's own version is not among it.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    /// The provider's device, for people.
    pub fn device(&self) -> String {
        match self.provider {
            Provider::Cpu => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                format!("CPU, {cores} cores")
            }
        }
    }

    fn offered_providers(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.environment.devices().filter_map(|device| device.ep().ok().map(str::to_owned)).collect();
        names.dedup();
        names
    }
}

fn provider_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Cpu => CPU_PROVIDER,
    }
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

/// One session a role.
#[derive(Debug)]
pub struct OrtEngine {
    models: Vec<Model>,
}

#[derive(Debug)]
struct Model {
    role: ModelRole,
    session: Session,
    input: InputShape,
}

impl OrtEngine {
    /// Sessions for `models` (a role and the bytes of its graph each), each with `threads` threads of its own that sleep when
    /// there is nothing to do.
    pub fn new<'a>(
        runtime: &Runtime,
        models: impl IntoIterator<Item = (ModelRole, &'a [u8])>,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let models = models.into_iter().map(|(role, bytes)| {
            let session = session(runtime, bytes, threads)
                .map_err(|error| EngineError::Load { role, reason: error.to_string() })?;
            let input = input_shape(&session).map_err(|reason| EngineError::Signature { role, reason })?;
            Ok(Model { role, session, input })
        });
        Ok(Self { models: models.collect::<Result<_, _>>()? })
    }

    fn model(&self, role: ModelRole) -> Option<&Model> {
        self.models.iter().find(|model| model.role == role)
    }
}

impl Engine for OrtEngine {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.model(role).map_or([None; 4], |model| model.input)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        let model = self
            .models
            .iter_mut()
            .find(|model| model.role == role)
            .ok_or_else(|| EngineError::Load { role, reason: "the pack has none".to_owned() })?;
        run(&mut model.session, shape, values).map_err(|error| EngineError::Run {
            role,
            cause: failure(&error),
            reason: error.to_string(),
        })
    }
}

fn session(runtime: &Runtime, bytes: &[u8], threads: usize) -> ort::Result<Session> {
    let name = provider_name(runtime.provider);
    // Naming the devices leaves ONNX Runtime no choice: otherwise it may prefer any accelerator that it discovers.
    let devices = runtime.environment.devices().filter(|device| device.ep().is_ok_and(|ep| ep == name));
    Session::builder(&runtime.environment)?
        .with_devices(devices, None)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .commit_from_memory(bytes)
}

fn run(session: &mut Session, shape: [usize; 4], values: &[f32]) -> ort::Result<Vec<Tensor>> {
    let outputs = session.run(ort::inputs![TensorRef::from_array_view((shape, values))?])?;
    let tensors = outputs.values().map(|value| {
        let (shape, values) = value.try_extract_tensor::<f32>()?;
        Ok(Tensor { shape: shape.iter().map(|size| *size as usize).collect(), values: values.to_vec() })
    });
    tensors.collect()
}

fn input_shape(session: &Session) -> Result<InputShape, String> {
    let [input] = session.inputs() else {
        return Err(format!("{} inputs instead of one", session.inputs().len()));
    };
    let ValueType::Tensor { shape, .. } = input.dtype() else {
        return Err(format!("input `{}` is not a tensor", input.name()));
    };
    let sizes: Vec<Option<usize>> =
        shape.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0)).collect();
    sizes.try_into().map_err(|sizes: Vec<_>| format!("an input of {} dimensions instead of 4", sizes.len()))
}

fn failure(error: &ort::Error) -> RunFailure {
    let message = error.message().to_ascii_lowercase();
    if error.code() == ort::ErrorCode::DeviceReset || message.contains("887a000") {
        RunFailure::DeviceLost
    } else if message.contains("failed to allocate") || message.contains("bad_alloc") {
        RunFailure::OutOfMemory
    } else {
        RunFailure::Other
    }
}
