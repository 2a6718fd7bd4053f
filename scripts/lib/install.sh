# shellcheck shell=bash
# Links by which the user's shell finds the programs, and the programs their models and runtime, without any variable. To be sourced
# after build.sh. Nothing but links is made, and nothing is replaced but links that lead nowhere.

DATA="${XDG_DATA_HOME:-$HOME/.local/share}/facesets"
PROGRAMS="${XDG_BIN_HOME:-$HOME/.local/bin}"

# Let LINK lead to TARGET, unless something else has that name: link_to TARGET LINK. Whether it does then.
link_to() {
    local target=$1 link=$2
    [[ ! $link -ef $target ]] || return 0
    if [[ -e $link ]] || { [[ -L $link ]] && ! rm "$link"; }; then
        say "\`$link\` is something else and was left alone"
        return 1
    fi
    mkdir -p "$(dirname "$link")"
    ln -s "$target" "$link"
    say "linked $link -> $target"
}

# What the worker looks for where no flag, variable or file says otherwise. Whether all of it is this checkout's.
install_models() {
    local whole=0
    link_to "$SETUP/models/open" "$DATA/models/open" || whole=1
    # Whoever brings a runtime of their own has named it.
    [[ -n ${FACESETS_RUNTIME:-} ]] || link_to "$SETUP/onnxruntime" "$DATA/onnxruntime" || whole=1
    return "$whole"
}

# The programs that have been built, for the shell. Whether all of them are there then.
install_programs() {
    local program whole=0
    for program in facesets facesets-worker; do
        [[ ! -x $BIN/$program ]] || link_to "$BIN/$program" "$PROGRAMS/$program" || whole=1
    done
    return "$whole"
}

# Say how a shell finds the programs, where it does not yet.
say_where_programs_are() {
    # shellcheck disable=SC2016 # the user's shell fills it in
    case ":$PATH:" in
        *":$PROGRAMS:"*) ;;
        *) printf 'For `facesets` in this and every new shell: export PATH=%q:$PATH\n' "$PROGRAMS" ;;
    esac
}
