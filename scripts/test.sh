#!/usr/bin/env bash
# Set-up and all tests, those under mpirun included.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo test --release --locked "$@"
