//! Sessions bound to a provider, one a model or one a model and size, and running them.

use std::borrow::Cow;

use facesets_core::wire::ModelRole;
use ort::{
    ep::{self, ExecutionProviderDispatch},
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{TensorRef, ValueType},
};

use super::{
    super::{
        BUCKETS, CpuFallback, Engine, EngineError, Graphs, InputShape, Provider, RunFailure, Shapes, Target,
        Tensor,
        bucket::{append_rows, bucket_for, padded},
    },
    Runtime, failure,
};
use crate::onnx::split_prelu;

/// Sessions that a model keeps for fixed sizes: one a bucket, and a few detector sizes.
const MAX_SESSIONS: usize = BUCKETS.len() + 3;

/// The models of a pack, ready to run on one thread.
#[derive(Debug)]
pub struct OrtEngine {
    runtime: Runtime,
    threads: usize,
    models: Vec<Model>,
}

#[derive(Debug)]
struct Model {
    role: ModelRole,
    input: Input,
    sessions: Sessions,
}

/// Sizes of a model's input and the names of those that are free (empty where it has none).
#[derive(Debug)]
struct Input {
    shape: InputShape,
    symbols: Vec<String>,
}

#[derive(Debug)]
enum Sessions {
    /// One for every size.
    Dynamic(Box<Session>),
    /// The same, not made yet: this is its graph. Optional models wait like this until somebody asks for what
    /// they give.
    Later(Vec<u8>),
    /// One for each size that came, made when it comes; the graph is kept for that.
    Fixed { graph: Vec<u8>, made: Vec<([usize; 4], Session)> },
}

impl OrtEngine {
    /// Sessions for `models` (a role and the bytes of its graph each), each with `threads` threads of its own
    /// that sleep when there is nothing to do.
    pub fn new<'a>(
        runtime: &Runtime,
        models: impl IntoIterator<Item = (ModelRole, &'a [u8])>,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let models = models.into_iter().map(|(role, graph)| {
            let load = |error: ort::Error| {
                let cause = failure::cause(error.message());
                EngineError::Load { role, cause, reason: error.to_string() }
            };
            let signature = |reason| EngineError::Signature { role, reason };
            let graph = match runtime.target().graphs {
                Graphs::Stored => Cow::Borrowed(graph),
                Graphs::ForProcessors => split_prelu(graph),
            };
            match runtime.target().shapes {
                Shapes::Dynamic if role.is_optional() => {
                    let input = Input::of(&look_at(runtime, &graph).map_err(load)?).map_err(signature)?;
                    Ok(Model { role, input, sessions: Sessions::Later(graph.into_owned()) })
                }
                Shapes::Dynamic => {
                    let session = Box::new(made_of(runtime, threads, &graph).map_err(load)?);
                    let input = Input::of(&session).map_err(signature)?;
                    Ok(Model { role, input, sessions: Sessions::Dynamic(session) })
                }
                Shapes::Fixed => {
                    let input = Input::of(&look_at(runtime, &graph).map_err(load)?).map_err(signature)?;
                    Ok(Model {
                        role,
                        input,
                        sessions: Sessions::Fixed { graph: graph.into_owned(), made: Vec::new() },
                    })
                }
            }
        });
        Ok(Self { models: models.collect::<Result<_, _>>()?, runtime: runtime.clone(), threads })
    }
}

impl Engine for OrtEngine {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.models.iter().find(|model| model.role == role).map_or([None; 4], |model| model.input.shape)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        let model = self.models.iter_mut().find(|model| model.role == role).ok_or_else(|| {
            EngineError::Load { role, cause: RunFailure::Other, reason: "the pack has none".to_owned() }
        })?;
        let failed =
            |error: ort::Error| EngineError::Run { role, cause: cause(&error), reason: error.to_string() };
        if let Sessions::Later(graph) = &model.sessions {
            let session = made_of(&self.runtime, self.threads, graph).map_err(failed)?;
            model.sessions = Sessions::Dynamic(Box::new(session));
        }
        let batch_is_fixed = model.input.shape[0].is_some();
        let (graph, made) = match &mut model.sessions {
            Sessions::Dynamic(session) => return run(session, shape, values).map_err(failed),
            Sessions::Later(_) => unreachable!("it was made above"),
            Sessions::Fixed { graph, made } => (&*graph, made),
        };
        let (runtime, threads, symbols) = (&self.runtime, self.threads, &model.input.symbols);
        let make = |size: [usize; 4]| -> ort::Result<Session> {
            let mut builder = bound(runtime, threads)?;
            for (symbol, size) in symbols.iter().zip(size).filter(|(symbol, _)| !symbol.is_empty()) {
                builder = builder.with_dimension_override(symbol, size as i64)?;
            }
            builder.commit_from_memory(graph)
        };
        if batch_is_fixed {
            let session = kept(made, shape, make).map_err(failed)?;
            return run(session, shape, values).map_err(failed);
        }
        let [rows, channels, height, width] = shape;
        let row_len = channels * height * width;
        let mut joined = Vec::new();
        for part in values.chunks(BUCKETS[BUCKETS.len() - 1] * row_len) {
            let len = (part.len() / row_len).min(rows);
            let bucket = bucket_for(len);
            let size = [bucket, channels, height, width];
            let session = kept(made, size, make).map_err(failed)?;
            let outputs = run(session, size, &padded(part, len, bucket)).map_err(failed)?;
            append_rows(&mut joined, outputs, len, bucket).map_err(|reason| EngineError::Run {
                role,
                cause: RunFailure::Other,
                reason,
            })?;
        }
        Ok(joined)
    }
}

/// The session for a size, made if it is not among those kept; the oldest makes room.
fn kept(
    made: &mut Vec<([usize; 4], Session)>,
    size: [usize; 4],
    make: impl Fn([usize; 4]) -> ort::Result<Session>,
) -> ort::Result<&mut Session> {
    let index = if let Some(index) = made.iter().position(|(of, _)| *of == size) {
        index
    } else {
        let session = make(size)?;
        if made.len() == MAX_SESSIONS {
            made.remove(0);
        }
        made.push((size, session));
        made.len() - 1
    };
    Ok(&mut made[index].1)
}

/// A session for every size of a graph's input.
fn made_of(runtime: &Runtime, threads: usize, graph: &[u8]) -> ort::Result<Session> {
    bound(runtime, threads)?.commit_from_memory(graph)
}

/// A builder of sessions that run on the runtime's target and nowhere else.
///
/// ONNX Runtime places every operator when a session is made. Without leave for a fallback it is told to fail
/// rather than to place one on the host, so a session that exists runs on its provider.
fn bound(runtime: &Runtime, threads: usize) -> ort::Result<SessionBuilder> {
    let target = runtime.target();
    let builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    let builder = if target.provider == Provider::Cpu || target.fallback == CpuFallback::Allowed {
        builder
    } else {
        builder.with_disable_cpu_fallback()?
    };
    Ok(match registration(target) {
        // DirectML asks for both, and for one run at a time, which an engine that is borrowed mutably gives.
        Some(provider) if target.provider == Provider::DirectMl => builder
            .with_memory_pattern(false)?
            .with_parallel_execution(false)?
            .with_execution_providers([provider])?,
        Some(provider) => builder.with_execution_providers([provider])?,
        None => {
            let name = target.provider.runtime_name();
            let devices =
                runtime.environment.devices().filter(|device| device.ep().is_ok_and(|ep| ep == name));
            // Naming the devices leaves ONNX Runtime no choice: otherwise it may prefer any accelerator that
            // it discovers.
            match target.device_id {
                Some(number) => builder.with_devices(devices.skip(number as usize).take(1), None)?,
                None => builder.with_devices(devices, None)?,
            }
        }
    })
}

/// How the provider is registered, if it is not chosen by its devices. Failing to register it is an error.
fn registration(target: &Target) -> Option<ExecutionProviderDispatch> {
    let device = target.device_id.map(|id| id as i32);
    let dispatch = match target.provider {
        Provider::Cpu | Provider::Offered(_) => return None,
        Provider::DirectMl => {
            let provider = ep::DirectML::default()
                .with_device_filter(ep::directml::DeviceFilter::Gpu)
                .with_performance_preference(ep::directml::PerformancePreference::HighPerformance);
            device.map_or(provider.clone(), |id| provider.with_device_id(id)).build()
        }
        Provider::Cuda => {
            let provider = ep::CUDA::default();
            device.map_or(provider.clone(), |id| provider.with_device_id(id)).build()
        }
        Provider::OpenVino => {
            let provider = ep::OpenVINO::default();
            device.map_or(provider.clone(), |id| provider.with_device_type(format!("GPU.{id}"))).build()
        }
        Provider::MiGraphX => {
            let provider = ep::MIGraphX::default();
            device.map_or(provider.clone(), |id| provider.with_device_id(id)).build()
        }
    };
    Some(dispatch.error_on_failure())
}

/// A session on the host for reading a graph's signature, not for running it.
fn look_at(runtime: &Runtime, graph: &[u8]) -> ort::Result<Session> {
    let name = Provider::Cpu.runtime_name().to_owned();
    let devices = runtime.environment.devices().filter(|device| device.ep().is_ok_and(|ep| ep == name));
    Session::builder(&runtime.environment)?
        .with_devices(devices, None)?
        .with_optimization_level(GraphOptimizationLevel::Disable)?
        .with_intra_threads(1)?
        .commit_from_memory(graph)
}

fn run(session: &mut Session, shape: [usize; 4], values: &[f32]) -> ort::Result<Vec<Tensor>> {
    let outputs = session.run(ort::inputs![TensorRef::from_array_view((shape, values))?])?;
    let tensors = outputs.values().map(|value| {
        let (shape, values) = value.try_extract_tensor::<f32>()?;
        Ok(Tensor { shape: shape.iter().map(|size| *size as usize).collect(), values: values.to_vec() })
    });
    tensors.collect()
}

impl Input {
    fn of(session: &Session) -> Result<Self, String> {
        let [input] = session.inputs() else {
            return Err(format!("{} inputs instead of one", session.inputs().len()));
        };
        let ValueType::Tensor { shape, dimension_symbols, .. } = input.dtype() else {
            return Err(format!("input `{}` is not a tensor", input.name()));
        };
        let symbols = dimension_symbols.iter().map(ToString::to_string).collect();
        let sizes: Vec<Option<usize>> =
            shape.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0)).collect();
        let shape = sizes
            .try_into()
            .map_err(|sizes: Vec<_>| format!("an input of {} dimensions instead of 4", sizes.len()))?;
        Ok(Self { shape, symbols })
    }
}

fn cause(error: &ort::Error) -> RunFailure {
    let is_reset = error.code() == ort::ErrorCode::DeviceReset;
    if is_reset { RunFailure::DeviceLost } else { failure::cause(error.message()) }
}
