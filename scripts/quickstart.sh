#!/usr/bin/env bash
# From nothing to a trained model: set-up, build, FedAvg with one server and two workers.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
# shellcheck disable=SC2046
mpirun $(oversubscribe) -np 3 -hostfile "$(host_file)" target/release/fedmpi \
    --comm_round 100 --frequency_of_the_test 20 "$@"
