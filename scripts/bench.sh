#!/usr/bin/env bash
# Seconds per round, evaluation excluded: two workers of one thread each beside a plain PyTorch loop over
# preloaded tensors on one and on two processes, batches of the same size, one after the other in one run.
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
loop() { "$python" scripts/bench_pytorch.py "$folder" "$@" | grep -o '[0-9.]* s per round' | cut -d' ' -f1; }
ours() {
    # shellcheck disable=SC2046
    mpirun $(oversubscribe) -np 3 target/release/fedmpi --dataset mnist --data_dir "$folder" --model "$1" \
        --partition_method homo --client_num_in_total "$2" --client_num_per_round "$3" --comm_round "$4" \
        --frequency_of_the_test "$4" --ci 1 --lr 0.1 --out_dir "$out" --overwrite >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
    grep -o '"median_round_seconds": [0-9.e-]*' "$out/summary.json" | cut -d' ' -f2
}

printf '%-30s%14s%14s%12s%10s%10s\n' 'seconds per round' 'PyTorch x1' 'PyTorch x2' fedmpi 'ratio x1' 'ratio x2'
for work in 'W1 lr 100 10 1' 'W2 2nn 100 10 1' 'W3 cnn 100 10 4' 'W4 lr 1000 100 1'; do
    read -r name model clients cohort part <<<"$work"
    rounds=$(((${2:-20} + part - 1) / part))
    one=$(loop "$model" "$clients" "$cohort" 1 "$rounds")
    two=$(loop "$model" "$clients" "$cohort" 2 "$rounds")
    mine=$(ours "$model" "$clients" "$cohort" "$rounds")
    awk -v n="$name $model, $cohort of $clients" -v a="$one" -v b="$two" -v o="$mine" \
        'BEGIN { printf "%-30s%14.4f%14.4f%12.4f%10.2f%10.2f\n", n, a, b, o, a / o, b / o }'
done
rm -f "$out.log"
