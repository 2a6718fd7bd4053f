//! The engine on the real runtime with the open pack: providers that are not there, fixed batches, the
//! self-test.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::sync::{Arc, OnceLock};

use facesets_core::{ImageLimits, wire::ModelRole};
use facesets_worker::{
    analyzer::PackBuilder,
    device::{Condition, CpuTurns, Shared},
    engine::{
        Engine, EngineError, Graphs, InputShape, Provider, RUNTIME_FILE, RoleWord as _, Shapes, Target,
        Tensor,
        ort::{OrtEngine, Runtime},
        self_test::Reference,
    },
    model_pack::Pack,
    onnx::split_prelu,
};

use common::setup;

fn pack() -> Pack {
    Pack::open(&setup().join("models"), "open").unwrap()
}

fn runtime(shapes: Shapes) -> Runtime {
    // A process has one environment, and tests share a process.
    static LOADED: OnceLock<Runtime> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let path = std::path::absolute(setup().join("onnxruntime").join(RUNTIME_FILE)).unwrap();
        Runtime::load(&path, Provider::Cpu).unwrap()
    });
    loaded.on(Target { shapes, ..Target::new(Provider::Cpu) }).unwrap()
}

#[test]
fn a_provider_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let runtime = runtime(Shapes::Dynamic);
    for absent in [Provider::Cuda, Provider::DirectMl, Provider::Offered("NoneExecutionProvider".to_owned())]
    {
        let error = runtime.on(Target::new(absent.clone())).unwrap_err().to_string();
        assert!(error.contains(&format!("no provider `{absent}`")) && error.contains("`cpu`"), "{error}");
    }
}

#[test]
fn the_open_pack_passes_the_self_test_with_any_and_with_fixed_sizes() {
    let golden =
        Reference::golden(pack().info(), &ModelRole::FACE).expect("the golden numbers are the open pack's");
    for shapes in [Shapes::Dynamic, Shapes::Fixed] {
        let limits = ImageLimits::default();
        let meter = Arc::default();
        let builder = PackBuilder { pack: pack(), runtime: runtime(shapes), threads: 1, limits, meter };
        builder.build_tested(&golden, builder.common().unwrap()).unwrap();
    }
}

/// The real engine, one of whose models gives other numbers than it should.
struct Corrupted {
    engine: OrtEngine,
    role: ModelRole,
    corrupt: fn(&mut [f32]),
}

impl Engine for Corrupted {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.engine.input_shape(role)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        let mut outputs = self.engine.run(role, shape, values)?;
        if role == self.role {
            for output in &mut outputs {
                (self.corrupt)(&mut output.values);
            }
        }
        Ok(outputs)
    }
}

#[test]
fn a_model_whose_outputs_are_corrupted_on_the_device_is_not_served() {
    let garbage: [fn(&mut [f32]); 4] = [
        |values| values.fill(0.0),
        |values| values.iter_mut().for_each(|value| *value = -*value),
        |values| values.iter_mut().enumerate().for_each(|(i, value)| *value *= 1.0 + (i % 3) as f32 * 0.1),
        |values| *values.last_mut().unwrap() = f32::NAN,
    ];
    let limits = ImageLimits::default();
    for name in ["open", "clip-standin"] {
        let pack = Pack::open(&setup().join("models"), name).unwrap();
        let roles: Vec<ModelRole> = pack.roles().collect();
        let runtime = runtime(Shapes::Dynamic);
        let builder = PackBuilder { pack, runtime, threads: 1, limits, meter: Arc::default() };
        let reference = builder.reference().unwrap();
        let start = |role, corrupt| {
            let (builder, reference) = (builder.clone(), reference.clone());
            let factory = move || {
                let (engine, models) = builder.engine()?;
                let mut engine = Corrupted { engine, role, corrupt };
                reference.compare(&mut engine, |role| models.normalisation(role))?;
                Ok(engine)
            };
            let minute = std::time::Duration::from_mins(1);
            Shared::start(
                Arc::new(CpuTurns::new(1)),
                minute,
                Condition::default(),
                Arc::default(),
                Box::new(factory),
            )
        };
        start(ModelRole::ALL[0], |_| ()).unwrap();
        for role in roles {
            for corrupt in garbage {
                let error = start(role, corrupt).unwrap_err().to_string();
                assert!(error.contains("the self-test failed") && error.contains(role.word()), "{error}");
            }
        }
    }
}

#[test]
fn a_graph_that_is_rewritten_for_processors_gives_the_same_numbers_as_the_stored_one() {
    let pack = pack();
    let runtime = runtime(Shapes::Dynamic);
    let roles = [
        (ModelRole::Detection, 320),
        (ModelRole::Recognition, 112),
        (ModelRole::Landmarks106, 192),
        (ModelRole::Landmarks68, 192),
    ];
    let mut rewritten = 0;
    for (role, side) in roles {
        let graph = pack.read(role).unwrap();
        rewritten += usize::from(*split_prelu(&graph) != graph);
        let values: Vec<f32> = (0..3 * side * side).map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0).collect();
        let [stored, other] = [Graphs::Stored, Graphs::ForProcessors].map(|graphs| {
            let runtime = runtime.on(Target { graphs, ..runtime.target().clone() }).unwrap();
            let mut engine = OrtEngine::new(&runtime, [(role, &graph[..])], 1).unwrap();
            engine.run(role, [1, 3, side, side], &values).unwrap()
        });
        assert_eq!(stored, other, "{}", role.word());
    }
    assert!(rewritten > 0, "the recogniser has nothing to rewrite");
}

#[test]
fn a_row_is_the_same_alone_in_any_batch_and_at_any_place_in_it() {
    const ROW: usize = 3 * 112 * 112;
    let graph = pack().read(ModelRole::Recognition).unwrap();
    let mut engines = [Shapes::Dynamic, Shapes::Fixed]
        .map(|shapes| OrtEngine::new(&runtime(shapes), [(ModelRole::Recognition, &graph[..])], 1).unwrap());
    // Seven different rows; the multiplier is a prime, so that they differ everywhere.
    let rows: Vec<f32> = (0..7 * ROW).map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0).collect();
    let mut embed = |engine: usize, rows: &[f32]| {
        let shape = [rows.len() / ROW, 3, 112, 112];
        let mut outputs = engines[engine].run(ModelRole::Recognition, shape, rows).unwrap();
        assert_eq!(outputs[0].shape, [rows.len() / ROW, 512]);
        outputs.remove(0).values
    };
    let alone: Vec<Vec<f32>> = rows.chunks(ROW).map(|row| embed(0, row)).collect();
    let backwards: Vec<f32> = rows.chunks(ROW).rev().flatten().copied().collect();
    for engine in [0, 1] {
        let together = embed(engine, &rows);
        let turned = embed(engine, &backwards);
        let places = together.chunks(512).zip(turned.chunks(512).rev());
        for (alone, (batched, turned)) in alone.iter().zip(places) {
            assert!(cosine(alone, batched) >= 0.99999 && cosine(alone, turned) >= 0.99999);
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
