#!/usr/bin/env bash
# Seconds per round, without and with a test of all test images after it: two workers of one thread each beside a plain
# PyTorch loop over preloaded tensors on one and on two processes (its test on one thread, in batches of its best size), the
# same batches in training, one after the other in one run. Rounds and tests are told apart where each test is waited for, by a
# target out of reach; the last columns are rounds with their tests as they come by default, the next round under way.
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
loop() { "$python" scripts/bench_pytorch.py "$folder" "$@" | grep -o '[0-9.]* s per' | cut -d' ' -f1; }
median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
column() { awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR > 1 { print $at }' "$out/metrics.csv"; }
ours() { # MODEL CLIENTS COHORT ROUNDS [FLAG ...]
    local model=$1 clients=$2 cohort=$3 rounds=$4
    shift 4
    # shellcheck disable=SC2046
    mpirun $(oversubscribe) -np 3 target/release/fedmpi --dataset mnist --data_dir "$folder" --model "$model" \
        --partition_method homo --client_num_in_total "$clients" --client_num_per_round "$cohort" --comm_round "$rounds" \
        --lr 0.1 --out_dir "$out" --overwrite "$@" >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
    echo "$(column seconds | median) $(column evaluation_seconds | median)" \
        "$(paste -d+ <(column seconds) <(column evaluation_seconds) | bc -l | median)"
}

printf '%-24s%12s%12s%10s%8s%8s | %12s%12s%8s | %10s%8s\n' 'seconds' 'PyTorch x1' 'PyTorch x2' fedmpi 'x1' 'x2' \
    'test PyTorch' 'test fedmpi' 'share' 'with' 'x2'
for work in 'W1 lr 100 10 1' 'W2 2nn 100 10 1' 'W3 cnn 100 10 4' 'W4 lr 1000 100 1'; do
    read -r name model clients cohort part <<<"$work"
    rounds=$(((${2:-20} + part - 1) / part))
    one=$(loop "$model" "$clients" "$cohort" 1 "$rounds")
    two=$(loop "$model" "$clients" "$cohort" 2 "$rounds")
    test=$(loop "$model" test)
    read -r mine mytest _ <<<"$(ours "$model" "$clients" "$cohort" "$rounds" --target 'loss<=-1')"
    read -r _ _ with <<<"$(ours "$model" "$clients" "$cohort" "$rounds")"
    awk -v n="$name $model, $cohort of $clients" -v a="$one" -v b="$two" -v o="$mine" -v t="$test" -v m="$mytest" -v w="$with" \
        'BEGIN { printf "%-24s%12.4f%12.4f%10.4f%8.2f%8.2f | %12.4f%12.4f%8.2f | %10.2f\n",
                 n, a, b, o, a / o, b / o, t, m, m / t, w, (b + t) / w }'
done
rm -f "$out.log"
