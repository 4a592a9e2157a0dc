#!/usr/bin/env bash
# Residual networks on images like CIFAR's, generated: seconds per round and the most memory of all processes together, for two
# workers of one thread each beside a plain PyTorch loop on two processes with the same batches.
# usage: PYTHON=a-python-with-torch-2.11.0-and-torchvision scripts/bench_images.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
rounds=${1:-3} python=${PYTHON:-python3}
"$python" -c "import torchvision" || { echo "PYTHON=$python cannot import torchvision: name one that can" >&2; exit 1; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/cifar-10-batches-bin"
for file in data_batch_{1..5} test_batch; do
    "$python" -c "import os, sys; [sys.stdout.buffer.write(bytes([i % 10]) + os.urandom(3072)) for i in range(1000)]" \
        >"$out/cifar-10-batches-bin/$file.bin"
done
peak() { "$python" scripts/peak_memory.py "$out/peak" "$@"; }
median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
seconds() { awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "seconds") at = i } NR > 1 { print $at }' "$out/run/metrics.csv"; }

printf '%-10s%10s%10s%8s%14s%14s%8s\n' '' 'PyTorch' 'fedmpi' 'x' 'PyTorch MiB' 'fedmpi MiB' 'share'
for model in resnet18 resnet56; do
    theirs=$(peak "$python" scripts/bench_pytorch.py "$out" "$model" 100 4 2 "$rounds" | grep -o '[0-9.]* s per' | cut -d' ' -f1)
    their_peak=$(cat "$out/peak")
    # shellcheck disable=SC2046
    peak mpirun $(oversubscribe) -np 3 target/release/fedmpi --dataset cifar10 --data_dir "$out" --model "$model" \
        --partition_method homo --client_num_in_total 100 --client_num_per_round 4 --comm_round "$rounds" --lr 0.1 \
        --frequency_of_the_test "$rounds" --out_dir "$out/run" --overwrite >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
    awk -v n="$model" -v a="$theirs" -v o="$(seconds | median)" -v p="$their_peak" -v q="$(cat "$out/peak")" \
        'BEGIN { printf "%-10s%10.3f%10.3f%8.2f%14d%14d%8.2f\n", n, a, o, a / o, p, q, q / p }'
done
