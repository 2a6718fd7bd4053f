//! Where graphs are executed: the providers by name, the order of `auto`, and what each wants.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where graphs are executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Provider {
    /// ONNX Runtime's own kernels on the host's processor.
    #[default]
    Cpu,
    /// Direct3D 12, any graphics card on Windows.
    DirectMl,
    /// NVIDIA.
    Cuda,
    /// Intel.
    OpenVino,
    /// AMD.
    MiGraphX,
    /// Another one that the loaded runtime brings, by ONNX Runtime's name for it (`WebGpuExecutionProvider`).
    Offered(String),
}

/// What was asked for on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProviderChoice {
    /// The first of [`AUTO_ORDER`] that is offered, takes the models and passes the self-test.
    #[default]
    Auto,
    /// This one or none.
    Only(Provider),
}

/// Order in which `auto` tries what the runtime offers: makers' own stacks first, since they are the fastest
/// on their cards; DirectML before `OpenVINO`, which also runs on plain processors; the host's processor
/// last, which is always there.
pub const AUTO_ORDER: [Provider; 5] =
    [Provider::Cuda, Provider::MiGraphX, Provider::DirectMl, Provider::OpenVino, Provider::Cpu];

/// A word that names no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no provider: pass auto, cpu, directml, cuda, openvino, migraphx, or ONNX Runtime's own name of another"
)]
pub struct UnknownProvider(String);

/// What the graphs' sizes may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    /// Whatever comes.
    Dynamic,
    /// One session for each of [`BUCKETS`](super::BUCKETS), with every free dimension fixed.
    Fixed,
}

/// Whether single operators may run on the host when the provider has no kernel for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CpuFallback {
    /// A model that does not run on the device as a whole is refused.
    #[default]
    Refused,
    /// Somebody said so.
    Allowed,
}

/// In which form graphs are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graphs {
    /// As they are stored.
    Stored,
    /// With operators for which the processor has fast kernels, and the same numbers:
    /// [`split_prelu`](crate::onnx::split_prelu).
    ForProcessors,
}

/// A provider with its settings: what sessions are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who executes.
    pub provider: Provider,
    /// Which of its devices; its own choice if none is named.
    pub device_id: Option<u32>,
    /// What may run elsewhere.
    pub fallback: CpuFallback,
    /// What sizes it is fed.
    pub shapes: Shapes,
    /// What graphs it is given.
    pub graphs: Graphs,
}

impl Target {
    /// A provider with the settings that suit it.
    pub fn new(provider: Provider) -> Self {
        // CUDA's kernels take any size as it comes; the others compile a graph for every size that they see.
        let shapes = match provider {
            Provider::Cpu | Provider::Cuda => Shapes::Dynamic,
            Provider::DirectMl | Provider::OpenVino | Provider::MiGraphX | Provider::Offered(_) => {
                Shapes::Fixed
            }
        };
        let graphs = if provider == Provider::Cpu { Graphs::ForProcessors } else { Graphs::Stored };
        Self { provider, device_id: None, fallback: CpuFallback::Refused, shapes, graphs }
    }
}

/// What a worker reports as its provider: a fallback that was allowed is not hidden.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.provider)?;
        if self.fallback == CpuFallback::Allowed && self.provider != Provider::Cpu {
            write!(f, " (cpu fallback allowed)")?;
        }
        Ok(())
    }
}

impl Provider {
    /// ONNX Runtime's name for it.
    pub fn runtime_name(&self) -> &str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::DirectMl => "DmlExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::MiGraphX => "MIGraphXExecutionProvider",
            Self::Offered(name) => name,
        }
    }

    /// The provider that ONNX Runtime calls `name`.
    pub fn from_runtime_name(name: &str) -> Self {
        let known = AUTO_ORDER.into_iter().find(|provider| provider.runtime_name() == name);
        known.unwrap_or_else(|| Self::Offered(name.to_owned()))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::DirectMl => "directml",
            Self::Cuda => "cuda",
            Self::OpenVino => "openvino",
            Self::MiGraphX => "migraphx",
            Self::Offered(name) => name,
        })
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(word: &str) -> Result<Self, UnknownProvider> {
        if let Some(known) = AUTO_ORDER.into_iter().find(|provider| provider.to_string() == word) {
            Ok(known)
        } else if word.ends_with("ExecutionProvider") {
            Ok(Self::from_runtime_name(word))
        } else {
            Err(UnknownProvider(word.to_owned()))
        }
    }
}

impl FromStr for ProviderChoice {
    type Err = UnknownProvider;

    fn from_str(word: &str) -> Result<Self, UnknownProvider> {
        if word == "auto" { Ok(Self::Auto) } else { word.parse().map(Self::Only) }
    }
}

impl fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Only(provider) => provider.fmt(f),
        }
    }
}

impl Serialize for ProviderChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProviderChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_named_as_it_is_read() {
        for provider in AUTO_ORDER.into_iter().chain([Provider::Offered("NewExecutionProvider".to_owned())]) {
            assert_eq!(provider.to_string().parse(), Ok(provider.clone()));
            assert_eq!(provider.runtime_name().parse(), Ok(provider.clone()));
            assert_eq!(provider.to_string().parse(), Ok(ProviderChoice::Only(provider)));
        }
        assert_eq!("auto".parse(), Ok(ProviderChoice::Auto));
        assert!("gpu".parse::<ProviderChoice>().is_err());
        assert!("Auto".parse::<Provider>().is_err());
    }

    #[test]
    fn the_processor_is_the_last_resort_of_auto() {
        assert_eq!(AUTO_ORDER.last(), Some(&Provider::Cpu));
    }

    #[test]
    fn an_allowed_fallback_shows() {
        let allowed = |provider| Target { fallback: CpuFallback::Allowed, ..Target::new(provider) };
        assert_eq!(Target::new(Provider::DirectMl).to_string(), "directml");
        assert_eq!(allowed(Provider::DirectMl).to_string(), "directml (cpu fallback allowed)");
        assert_eq!(allowed(Provider::Cpu).to_string(), "cpu");
    }
}
