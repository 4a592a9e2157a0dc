#!/usr/bin/env bash
# Set-up and all tests, those under mpirun included.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo test --release --locked "$@"
# The Slurm template on a Slurm of one machine, where that is possible.
./scripts/slurm_testbed.sh check || [ $? = 77 ]
