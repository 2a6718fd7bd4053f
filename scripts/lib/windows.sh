# shellcheck shell=bash
# The worker for Windows, cross-compiled and tried out on Linux: compiler and standard library, the runtime libraries
# that go beside the program, and Wine. To be sourced after common.sh and setup.sh; their rules for steps hold here too.

# Steps that set options for apt run in subshells of their own, so that the options end with them.
# shellcheck disable=SC2030,SC2031
WINDOWS_TARGET=x86_64-pc-windows-gnu
WINDOWS_TOOLS=x86_64-w64-mingw32
WINDOWS="$SETUP/windows"
# shellcheck disable=SC2034 # used by whoever sources this
WINDOWS_DIST="$WINDOWS/dist"
WINDOWS_HELPERS="$ROOT/scripts/windows"

# The wheel brings onnxruntime.dll and the DirectML.dll that goes with it.
ORT_DIRECTML_VERSION=1.24.4
ORT_DIRECTML_SHA256=f2ecb68b7b7b259d2ef3112ae760149f9b5a1e7c0fbb73d539da6250a648a614

# What every Windows 10 or later has. Anything else that the program imports would have to be shipped with it.
SYSTEM_DLLS='advapi32|bcrypt|bcryptprimitives|combase|crypt32|dbghelp|iphlpapi|kernel32|msvcrt|ncrypt|ntdll|ole32'
SYSTEM_DLLS+='|oleaut32|powrprof|psapi|secur32|shell32|shlwapi|user32|userenv|version|winmm|ws2_32'
SYSTEM_DLLS+='|api-ms-win-core-[a-z0-9-]+'

# Run a step and say how long it took, when it was long enough to notice. Not for use in conditions.
timed() {
    local what=$1 began=$SECONDS
    shift
    "$@"
    ((SECONDS - began < 2)) || say "$what: $((SECONDS - began)) s"
}

# --- compiler --------------------------------------------------------------------------------------------------------

setup_windows_packages() {
    local packages=() tool
    for tool in cmake nasm; do
        command -v "$tool" >/dev/null 2>&1 || packages+=("$tool")
    done
    command -v "$WINDOWS_TOOLS-gcc" >/dev/null 2>&1 || packages+=(gcc-mingw-w64-x86-64-win32)
    # cargo links build scripts for this machine.
    command -v cc >/dev/null 2>&1 || packages+=(gcc libc6-dev)
    [[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"
}

# --- standard library ------------------------------------------------------------------------------------------------
#
# Rust's standard library for Windows, from the first of these that has it:
#   present   the compiler brings it already
#   rustup    `rustup target add`
#   source    built from Debian's package of the standard library's source, of this very compiler version, into a
#             sysroot of its own, so that the user's toolchain stays as it is
#   debian    the same with Debian's own newer compiler (rustc-web), unpacked without being installed

# Choose a way (or take the one given) and set WINDOWS_CARGO, WINDOWS_RUSTC and WINDOWS_TARGET_DIR for it. Each way has
# a target folder of its own: cargo would not notice that the standard library is another one.
setup_windows_std() {
    local way=${FACESETS_WINDOWS_STD:-auto} version
    WINDOWS_CARGO=cargo
    WINDOWS_RUSTC=rustc
    WINDOWS_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}-win"
    if [[ $way == auto ]] && has_windows_std; then
        return
    fi
    if [[ $way == auto || $way == rustup ]] && add_rustup_target; then
        return
    fi
    command -v apt-get >/dev/null 2>&1 ||
        die "no standard library for $WINDOWS_TARGET; install it as you installed Rust, then run this again"
    if [[ $way == auto || $way == source ]]; then
        version="$(rustc --version | cut -d' ' -f2)"
        timed "standard library for Windows" std_from_source "$version"
        if [[ -x $WINDOWS/std/rustc ]]; then
            WINDOWS_RUSTC="$WINDOWS/std/rustc"
            WINDOWS_TARGET_DIR+="-source"
            return
        fi
        say "Debian has no source of Rust $version"
    fi
    if [[ $way == auto || $way == debian ]]; then
        timed "Debian's compiler with a standard library for Windows" std_of_debian
        WINDOWS_CARGO="$WINDOWS/rust/cargo"
        WINDOWS_RUSTC="$WINDOWS/rust/std/rustc"
        WINDOWS_TARGET_DIR+="-debian"
        return
    fi
    die "no standard library for $WINDOWS_TARGET in the way that FACESETS_WINDOWS_STD=$way asks for"
}

has_windows_std() {
    local folder
    folder="$(rustc --print target-libdir --target "$WINDOWS_TARGET" 2>/dev/null)" &&
        compgen -G "$folder/libstd-*.rlib" >/dev/null
}

add_rustup_target() {
    command -v rustup >/dev/null 2>&1 || return
    say "adding $WINDOWS_TARGET to the Rust toolchain"
    (cd "$ROOT" && timeout 300 rustup --quiet target add "$WINDOWS_TARGET") >&2 && has_windows_std
}

# Build the standard library of Rust VERSION into $WINDOWS/std; without a source of that version, leave nothing there.
# Like a virtual environment it knows its own path, so it is made in place and only the stamp says that it is complete.
std_from_source() (
    version=$1
    place="$WINDOWS/std"
    sysroot="$(rustc --print sysroot)"
    stamp="$(stamp_of "$(rustc -vV)" "$sysroot" "$place")"
    is_done windows-std "$stamp" "$place/rustc" && return
    rm -f "$SETUP/stamps/windows-std"
    rm -rf "$place"
    new_scratch
    # The newest Debian's backports, from the mirror that this machine takes its Debian from.
    # shellcheck disable=SC2016 # apt fills these in
    mirror="$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && !found { found = $2 } END { print found }')"
    [[ -n $mirror ]] || return 0
    keyrings=(/usr/share/keyrings/debian-archive-keyring.*)
    printf 'deb [signed-by=%s] %s trixie-backports main\n' "${keyrings[0]}" "$mirror" >"$SCRATCH/sources"
    private_apt
    options+=(-o "Dir::Etc::sourcelist=$SCRATCH/sources" -o Dir::Etc::sourceparts=-)
    apt-get "${options[@]}" -qq update >&2
    # Newest first; awk reads all of it, since apt-cache would mind a closed pipe.
    package="$(apt-cache "${options[@]}" madison rust-src |
        awk -v version="$version+" 'index($3, version) == 1 && !found { found = $3 } END { print found }')"
    [[ -n $package ]] || return 0
    say "building the standard library for Windows from Debian's rust-src $package"
    (cd "$SCRATCH" && apt-get "${options[@]}" -qq download "rust-src=$package" >&2)
    dpkg-deb -x "$SCRATCH"/rust-src_*.deb "$SCRATCH/unpacked"
    make_std "$place" "$sysroot" "$sysroot/bin/rustc" cargo "$SCRATCH/unpacked/usr/src/rustc-$version"
    mark_done windows-std "$stamp"
)

# Unpack Debian's rustc-web, cargo-web and rust-web-src into $WINDOWS/rust, with what they need beyond what is
# installed, and build the standard library with them.
std_of_debian() (
    place="$WINDOWS/rust"
    stamp="$(stamp_of "$place" "$(dpkg --print-architecture)" "$(</etc/debian_version)")"
    is_done windows-rust "$stamp" "$place/std/rustc" && return
    rm -f "$SETUP/stamps/windows-rust"
    rm -rf "$place"
    new_scratch
    private_apt
    apt-get "${options[@]}" -qq update >&2
    apt-cache "${options[@]}" show rustc-web cargo-web rust-web-src >/dev/null 2>&1 ||
        die "no standard library for $WINDOWS_TARGET; install it as you installed Rust, then run this again"
    say "unpacking Debian's rustc-web, cargo-web and rust-web-src"
    apt-get "${options[@]}" -qq install --download-only --no-install-recommends rustc-web cargo-web rust-web-src >&2
    mkdir -p "$place/root"
    for archive in "$SCRATCH"/cache/archives/*.deb; do
        dpkg-deb -x "$archive" "$place/root"
    done
    libraries="LD_LIBRARY_PATH=\"$place/root/usr/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
    for program in cargo rustc; do
        write_wrapper "$place/$program" "$libraries exec \"$place/root/usr/bin/$program\""
    done
    sources=("$place"/root/usr/src/rustc-*)
    make_std "$place/std" "$place/root/usr" "$place/rustc" "$place/cargo" "${sources[0]}"
    rm -rf "$place/root/usr/src"
    mark_done windows-rust "$stamp"
)

# Sets `options` for an apt that keeps its lists and packages in $SCRATCH and needs no rights.
private_apt() {
    mkdir -p "$SCRATCH/lists/partial" "$SCRATCH/cache/archives/partial"
    options=(-o "Dir::State::lists=$SCRATCH/lists" -o "Dir::Cache=$SCRATCH/cache" -o Debug::NoLocking=1
        -o "APT::Sandbox::User=$(id -un)")
}

# Build the standard library with cargo's own means and put it beside the compiler's others:
# make_std PLACE SYSROOT RUSTC CARGO SOURCE; PLACE/rustc is then a compiler that finds it.
make_std() {
    local place=$1 sysroot=$2 compiler=$3 cargo=$4 source=$5 entry
    local rustlib="$place/sysroot/lib/rustlib" crate="$SCRATCH/std"
    mkdir -p "$rustlib/$WINDOWS_TARGET/lib" "$rustlib/src" "$crate/src"
    for entry in "$sysroot"/lib/rustlib/*; do
        [[ -e $rustlib/${entry##*/} ]] || ln -s "$entry" "$rustlib/"
    done
    ln -s "$source" "$rustlib/src/rust"
    write_wrapper "$place/rustc" "exec \"$compiler\" --sysroot \"$place/sysroot\""
    printf '[package]\nname = "nothing"\nedition = "2024"\n[workspace]\n' >"$crate/Cargo.toml"
    touch "$crate/src/lib.rs"
    # The compiler's own variable for building its standard library with a stable release.
    RUSTC_BOOTSTRAP=1 RUSTC="$place/rustc" CARGO_TARGET_DIR="$SCRATCH/target" "$cargo" build --quiet --release \
        --manifest-path "$crate/Cargo.toml" --target "$WINDOWS_TARGET" -Z build-std=std,panic_unwind >&2
    rm "$SCRATCH/target/$WINDOWS_TARGET/release/deps"/libnothing-*.rlib
    cp "$SCRATCH/target/$WINDOWS_TARGET/release/deps"/*.rlib "$rustlib/$WINDOWS_TARGET/lib/"
    rm "$rustlib/src/rust"
}

# A program that runs COMMAND with its own arguments: write_wrapper FILE COMMAND
write_wrapper() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\n%s "$@"\n' "$2" >"$1"
    chmod +x "$1"
}

# --- what is shipped -------------------------------------------------------------------------------------------------

# ONNX Runtime and DirectML for Windows, out of their Python wheel.
setup_windows_runtime() (
    place="$WINDOWS/onnxruntime"
    stamp="$(stamp_of "$ORT_DIRECTML_VERSION" "$ORT_DIRECTML_SHA256")"
    is_done windows-onnxruntime "$stamp" "$place/onnxruntime.dll" && return
    say "downloading ONNX Runtime $ORT_DIRECTML_VERSION with DirectML for Windows"
    new_scratch
    mkdir "$SCRATCH/new"
    fetch_pypi "$SCRATCH" onnxruntime-directml "$ORT_DIRECTML_VERSION" "$ORT_DIRECTML_SHA256" --only-binary :all: \
        --platform win_amd64 --implementation cp --python-version 312 --abi cp312
    extract "$SCRATCH"/onnxruntime_directml-*.whl "$SCRATCH/new" onnxruntime/capi/onnxruntime.dll \
        onnxruntime/capi/DirectML.dll onnxruntime/LICENSE onnxruntime/ThirdPartyNotices.txt
    put_in_place windows-onnxruntime "$SCRATCH/new" "$place"
    mark_done windows-onnxruntime "$stamp"
)

build_windows() {
    show_and_run env CARGO_TARGET_DIR="$WINDOWS_TARGET_DIR" RUSTC="$WINDOWS_RUSTC" \
        "CC_${WINDOWS_TARGET//-/_}=$WINDOWS_TOOLS-gcc" "AR_${WINDOWS_TARGET//-/_}=$WINDOWS_TOOLS-ar" \
        "$WINDOWS_CARGO" build --manifest-path "$ROOT/Cargo.toml" --release --locked --target "$WINDOWS_TARGET" \
        -p facesets-worker
}

# The DLLs that a program or DLL imports, one a line.
imports_of() { "$WINDOWS_TOOLS-objdump" -p "$1" | sed -n 's/^[[:space:]]*DLL Name: //p'; }

# Lay out $WINDOWS_DIST: all that has to lie side by side on the Windows machine.
assemble_windows_dist() (
    new_scratch
    program="$SCRATCH/new/facesets-worker.exe"
    mkdir "$SCRATCH/new"
    "$WINDOWS_TOOLS-strip" -o "$program" "$WINDOWS_TARGET_DIR/$WINDOWS_TARGET/release/facesets-worker.exe"
    imports="$(imports_of "$program")"
    [[ -n $imports ]] || die "the imports of facesets-worker.exe cannot be read"
    others="$(grep -vixE "($SYSTEM_DLLS)\.dll" <<<"$imports" || true)"
    [[ -z $others ]] || die "facesets-worker.exe imports what Windows does not bring: ${others//$'\n'/, }"
    for name in onnxruntime.dll DirectML.dll; do
        cp "$WINDOWS/onnxruntime/$name" "$SCRATCH/new/"
    done
    cp "$WINDOWS/onnxruntime/LICENSE" "$SCRATCH/new/LICENSE-onnxruntime.txt"
    cp "$WINDOWS/onnxruntime/ThirdPartyNotices.txt" "$SCRATCH/new/NOTICES-onnxruntime.txt"
    cp "$ROOT/LICENSE-MIT" "$ROOT/LICENSE-APACHE" "$SCRATCH/new/"
    put_in_place windows-dist "$SCRATCH/new" "$WINDOWS_DIST"
)

# The entry: set up what is missing, build, and lay out $WINDOWS_DIST.
make_windows_dist() {
    need_cargo
    timed "set-up" locked setup_windows_packages setup_venv setup_windows_runtime setup_windows_std
    timed "build" build_windows
    locked assemble_windows_dist
}

# --- Wine ------------------------------------------------------------------------------------------------------------

WINE_PREFIX="$WINDOWS/prefix"
WINE_FOLDER=/usr/lib/wine

setup_wine_package() {
    [[ -x $WINE_FOLDER/wine64 && -x $WINE_FOLDER/wineserver ]] || install_packages wine64
}

# Sets WINE to the start of a command that runs one of Wine's programs on a prefix: wine_on PREFIX PROGRAM
# Without a screen, a debugger (a crash would wait in it) and what else a server does not need.
wine_on() {
    WINE=(env -u DISPLAY -u WAYLAND_DISPLAY "WINEPREFIX=$1" WINEARCH=win64 "WINESERVER=$WINE_FOLDER/wineserver"
        "WINEDEBUG=${WINEDEBUG:-fixme-all}" 'WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe,winedbg.exe=d'
        "$WINE_FOLDER/$2")
}

# A Wine prefix, with the one DLL that older Wines lack.
setup_wine_prefix() (
    shim="$WINDOWS_HELPERS/bcryptprimitives.c"
    stamp="$(stamp_of "$("$WINE_FOLDER/wine64" --version)" -- "$shim")"
    is_done wine-prefix "$stamp" "$WINE_PREFIX/system.reg" && return
    say "making a Wine prefix"
    new_scratch
    mkdir "$SCRATCH/new"
    wine_on "$SCRATCH/new" wine64
    "${WINE[@]}" wineboot --init >"$WINDOWS/wineboot.log" 2>&1 ||
        die "Wine cannot make a prefix; see $WINDOWS/wineboot.log"
    wine_on "$SCRATCH/new" wineserver
    "${WINE[@]}" --wait
    system="$SCRATCH/new/drive_c/windows/system32"
    [[ -e $system/bcryptprimitives.dll ]] || "$WINDOWS_TOOLS-gcc" -O2 -Wall -Wextra -Werror -shared -s \
        -o "$system/bcryptprimitives.dll" "$shim" -ladvapi32
    put_in_place wine-prefix "$SCRATCH/new" "$WINE_PREFIX"
    mark_done wine-prefix "$stamp"
)

# Needs the compiler of make_windows_dist.
setup_wine() { timed "Wine" locked setup_wine_package setup_wine_prefix; }
