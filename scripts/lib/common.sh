# shellcheck shell=bash
# What every script here starts with: where the repository is, how to speak and how to stop. To be sourced.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck disable=SC2034 # used by whoever sources this
SETUP="${FACESETS_SETUP_DIR:-$ROOT/.setup}"
SCRIPT_NAME="$(basename "$0")"

# One line about what is being done, to stderr (stdout is for results).
say() { printf '%s: %s\n' "$SCRIPT_NAME" "$*" >&2; }

# Stop with exit code 2, "cannot continue".
die() {
    say "$*"
    exit 2
}

# Print a command, then run it.
show_and_run() {
    printf '+ %s\n' "$*" >&2
    "$@"
}

# Print a script's own leading comment (after the #! line) as its help.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# Cargo is the one thing that is not installed for the user: how Rust gets onto a machine is a person's own choice.
need_cargo() {
    command -v cargo >/dev/null 2>&1 && return
    if [[ -x "$HOME/.cargo/bin/cargo" ]]; then
        export PATH="$HOME/.cargo/bin:$PATH"
        return
    fi
    die "cargo was not found; install Rust (stable) with rustup or your distribution, then run this again"
}
