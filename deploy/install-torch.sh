#!/bin/sh
# Installs torch into one Python environment, as a CPU build unless told otherwise.
#
#   deploy/install-torch.sh PYTHON [CONSTRAINTS]
#
# Why this is a step of its own: on Linux the torch of PyPI brings gigabytes of CUDA with it, which a machine without a
# GPU never uses, and one small model runs well on a CPU. CPU builds carry the local version "+cpu"; asking for exactly
# that can only ever match a CPU build, and is refused within a second by an index that has none.
#
# SLUGLINE_TORCH says otherwise:
#   cpu        (default) a CPU build, wherever there is one
#   default    what pip finds by itself: on Linux x86-64 the CUDA build of PyPI
#   https://…  what this index has, such as https://download.pytorch.org/whl/cu130
#   keep       whatever torch is installed already
set -eu

python=${1:?usage: install-torch.sh PYTHON [CONSTRAINTS]}
constraints=${2:-constraints.txt}
choice=${SLUGLINE_TORCH:-cpu}
cpu_index=https://download.pytorch.org/whl/cpu

say() { printf 'torch: %s\n' "$*" >&2; }

# What pip says goes to the file that TORCH_LOG names, by default to standard error.
if [ -n "${TORCH_LOG:-}" ]; then exec 3>>"$TORCH_LOG"; else exec 3>&2; fi

version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$constraints")
[ -n "$version" ] || { say "$constraints names no version of torch (a line torch==…)"; exit 1; }

installed=$("$python" -c 'from importlib import metadata
try: print(metadata.version("torch"))
except metadata.PackageNotFoundError: pass')

pip_install() {
    "$python" -m pip install --quiet --no-input --disable-pip-version-check --progress-bar off \
        --only-binary :all: "$@" >&3 2>&3
}

case $choice in
keep)
    [ -n "$installed" ] || { say "SLUGLINE_TORCH=keep, but none is installed in $python"; exit 1; }
    say "$installed stays"
    exit 0 ;;
cpu) ;;
default)
    say "$version, as pip finds it"
    pip_install -c "$constraints" "torch==$version"
    exit 0 ;;
http://* | https://*)
    say "$version from $choice"
    pip_install -c "$constraints" --index-url "$choice" "torch==$version"
    exit 0 ;;
*)
    say "SLUGLINE_TORCH=$choice is none of cpu, default, keep or the https:// address of an index"
    exit 1 ;;
esac

case $installed in
"$version" | "$version+"*)
    say "$installed is there already"
    exit 0 ;;
esac

# Builds for macOS are CPU builds (with Metal) under the plain version.
if [ "$(uname -s)" = Darwin ]; then
    pip_install -c "$constraints" "torch==$version"
    exit 0
fi

# --no-deps: torch's few Python dependencies come with the rest of the project, pinned by the constraints.
if pip_install --no-deps --retries 1 "torch==$version+cpu"; then
    say "$version+cpu, from what pip is configured with"
elif pip_install --no-deps --retries 0 --timeout 10 --index-url "$cpu_index" "torch==$version+cpu"; then
    say "$version+cpu, from $cpu_index"
else
    say "warning: no CPU build of torch $version where pip looks, nor at $cpu_index;"
    say "warning: installing what pip has. On Linux that may be the CUDA build: several gigabytes, and it works without a GPU."
    pip_install -c "$constraints" "torch==$version" || {
        say "no torch $version for this Python and machine: Python 3.11 to 3.13 on Linux (glibc) or macOS has one"
        exit 1
    }
fi
