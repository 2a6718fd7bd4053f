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

# Build the benchmark NAME of one of the orchestrator's packages, and `facesets` beside it: build_bench PACKAGE NAME. Sets BENCH and FACESETS to the programs. PROFILE is
# for a quick look; figures are those of the release build.
# shellcheck disable=SC2034 # used by whoever sources this
build_bench() {
    need_cargo
    local build=(cargo build --manifest-path "$ROOT/Cargo.toml" --profile "${PROFILE:-release}" --locked -p facesets
        --bin facesets -p "$1" --bench "$2")
    show_and_run "${build[@]}"
    local programs
    programs="$("${build[@]}" --message-format json 2>/dev/null)"
    executable() { sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p" <<<"$programs" | tail -n 1; }
    BENCH="$(executable "$2")"
    FACESETS="$(executable facesets)"
    [[ -x $BENCH && -x $FACESETS ]] || die "cargo did not say where the programs are"
}
