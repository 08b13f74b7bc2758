#!/bin/sh
# Sets up .venv beside this project: deploy/setup.sh runtime|dev. `make` calls it; a second run finds all done.
#
# Speaks in a few lines on standard error; what the tools say goes to .venv/setup.log. PYTHON=… names the interpreter.
set -eu

want=${1:?usage: setup.sh runtime|dev}
cd "$(dirname "$0")/.."
here=$(pwd -P)
log=.venv/setup.log

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The dependencies have wheels for these versions; a newer Python would try to compile them.
supported='import sys; print("yes" if (3, 11) <= sys.version_info[:2] <= (3, 13) else "no")'
complete='import ensurepip, sqlite3, ssl, venv; print("yes")'

# Runs each candidate rather than trusting its name: version managers leave names on the PATH that answer with an error.
find_python() {
    incomplete='' seen=''
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 \
        /usr/local/bin/python3 /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13 /usr/bin/python3 \
        /opt/homebrew/bin/python3.11 /opt/homebrew/bin/python3.12 /opt/homebrew/bin/python3.13; do
        version=$("$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null) || version=''
        if [ -n "$version" ]; then
            seen="$seen $candidate=$version"
            if [ "$("$candidate" -c "$supported" 2>/dev/null)" = yes ]; then
                if [ "$("$candidate" -c "$complete" 2>/dev/null)" = yes ]; then
                    printf '%s' "$candidate"
                    return
                fi
                incomplete=$candidate
            fi
        fi
        # One that was named by hand is taken or refused, never silently replaced by another.
        [ -z "${PYTHON:-}" ] || break
    done
    if [ -n "$incomplete" ]; then
        fail "$incomplete lacks venv, ensurepip, ssl or sqlite3. Debian, Ubuntu: apt install python3-venv; then run this again"
    fi
    fail "Slugline needs Python 3.11, 3.12 or 3.13 (found:${seen:- none}). Debian, Ubuntu: apt install python3 python3-venv;" \
        "macOS: brew install python@3.11; or name one: make PYTHON=/path/to/python3.11"
}

# Runs one step quietly; when it fails, its last lines and where the rest is.
step() {
    what=$1
    shift
    say "$what"
    if ! "$@" >>"$log" 2>&1; then
        tail -n 8 "$log" >&2
        fail "$what: failed, all of it in $log"
    fi
}

# An environment is not movable (its scripts name their interpreter), and dies with the Python it was made from.
clear=''
if [ -e .venv/.made-in ] && [ "$(cat .venv/.made-in)" != "$here" ]; then
    say "this tree has moved since its .venv was made; making it anew"
    clear=--clear
elif [ -d .venv ] && ! .venv/bin/python -c '' 2>/dev/null; then
    clear=--clear
fi
if [ -n "$clear" ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    say "making .venv with $("$python" --version 2>&1)"
    message=$("$python" -m venv $clear .venv 2>&1) ||
        fail "no virtual environment: $message (Debian, Ubuntu: apt install python3-venv)"
fi
printf '%s\n' "$here" >.venv/.made-in
: >"$log"

pip_install() {
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off -c constraints.txt "$@"
}

if [ "$want" = runtime ]; then
    # The pip that a Python brings may be years old; 23.2 silently skips lxml[html_clean], and the parser does not import.
    step "installing pip" pip_install --upgrade pip
    say "installing torch (a CPU build, about 200 MB; SLUGLINE_TORCH=… chooses another)"
    TORCH_LOG=$log sh deploy/install-torch.sh .venv/bin/python constraints.txt || {
        tail -n 8 "$log" >&2
        fail "torch could not be installed, all of it in $log"
    }
    step "installing Slugline and what it runs on (a minute or two)" pip_install -e .
    touch .venv/.runtime-ready
else
    step "installing the tools that test it" pip_install -e '.[dev]'
    touch .venv/.dev-ready
fi
