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
# Licences, sources and duplicates, offline; advisories where their data base is at hand.
if cargo deny --version >/dev/null 2>&1; then
    cargo deny --offline check --hide-inclusion-graph bans licenses sources
    if [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" ]; then cargo deny --offline check advisories; fi
else
    echo "check: cargo-deny is not installed, so licences and advisories are not looked at (cargo install cargo-deny)"
fi
