#!/usr/bin/env bash
# Format, lints, docs, and the build without MPI and torch. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo fmt --all --check
cargo clippy --release --locked --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps --document-private-items
cargo check --release --locked --no-default-features
for script in scripts/*.sh scripts/*/fedmpi.*; do bash -n "$script"; done
