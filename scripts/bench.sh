#!/usr/bin/env bash
# Seconds per round, evaluation excluded: two workers of one thread each beside a plain sequential
# PyTorch loop over preloaded tensors, batches of the same size, one after the other in one run.
# usage: PYTHON=a-python-with-torch-2.11.0 scripts/bench.sh MNIST_FOLDER [ROUNDS]
set -euo pipefail
folder=$(realpath "${1:?usage: scripts/bench.sh MNIST_FOLDER [ROUNDS]}")
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
python=${PYTHON:-python3}
"$python" -c "import torch" || { echo "PYTHON=$python cannot import torch: name one that can" >&2; exit 1; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '%-6s%16s%16s%10s\n' model 'PyTorch s' 'fedmpi s' ratio
for model in lr 2nn cnn; do
    rounds=${2:-20}
    [ "$model" != cnn ] || rounds=$(((rounds + 3) / 4))
    theirs=$("$python" scripts/bench_pytorch.py "$folder" "$model" "$rounds" | grep -o '[0-9.]* s per round' | cut -d' ' -f1)
    # shellcheck disable=SC2046
    mpirun $(oversubscribe) -np 3 target/release/fedmpi --dataset mnist --data_dir "$folder" --model "$model" \
        --partition_method homo --comm_round "$rounds" --frequency_of_the_test "$rounds" --ci 1 --lr 0.1 \
        --out_dir "$out" --overwrite >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
    ours=$(grep -o '"median_round_seconds": [0-9.e-]*' "$out/summary.json" | cut -d' ' -f2)
    awk -v m="$model" -v t="$theirs" -v o="$ours" 'BEGIN { printf "%-6s%16.4f%16.4f%10.2f\n", m, t, o, t / o }'
done
rm -f "$out.log"
