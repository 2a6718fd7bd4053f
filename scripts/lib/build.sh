# shellcheck shell=bash
# Building the two programs and finding them again. To be sourced after common.sh.

# shellcheck disable=SC2034 # used by whoever sources this
BIN="${CARGO_TARGET_DIR:-$ROOT/target}/release"

build_release() {
    need_cargo
    show_and_run cargo build --manifest-path "$ROOT/Cargo.toml" --release --locked -p facesets -p facesets-worker
}

# What the programs read from the environment, unless the user has set it already.
export_environment() {
    export FACESETS_MODELS="${FACESETS_MODELS:-$SETUP/models}"
    export FACESETS_PACK="${FACESETS_PACK:-open}"
    export FACESETS_RUNTIME="${FACESETS_RUNTIME:-$SETUP/onnxruntime/libonnxruntime.so}"
}

# The orchestrator, and the worker without models that the tests and some benchmarks use.
build_with_fake_worker() {
    need_cargo
    show_and_run cargo build --manifest-path "$ROOT/Cargo.toml" --release --locked -p facesets -p facesets-tests --bins
}
