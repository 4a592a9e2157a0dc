#!/usr/bin/env bash
# Larger models on generated data: seconds per round and the most memory of all processes together, for two workers of one thread
# each, as ranks under mpirun and as threads of one process (--workers 2), beside a plain PyTorch loop on two processes with the
# same batches. PICTURES is how many there are for residual networks (5000; CIFAR has 50000).
# usage: PYTHON=a-python-with-torch-2.11.0-torchvision-and-transformers scripts/bench_models.sh [ROUNDS [MODEL ...]]
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
rounds=${1:-3} python=${PYTHON:-python3} pictures=${PICTURES:-5000}
shift $(($# > 0))
[ $# -gt 0 ] || set -- resnet18 resnet56 rnn bert
"$python" -c "import torchvision, transformers" ||
    { echo "PYTHON=$python cannot import torchvision and transformers: name one that can" >&2; exit 1; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$python" - "$out" "$pictures" <<'PY'
import json, numpy, pathlib, sys
folder, pictures, random = pathlib.Path(sys.argv[1]), int(sys.argv[2]), numpy.random.default_rng(0)
# Pictures as CIFAR-10 has them, lines of 80 letters as LEAF's Shakespeare has them, rows of 64 tokens of which 15 % are hidden.
binary = folder / "cifar-10-batches-bin"
binary.mkdir()
for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
    rows = random.integers(256, size=(pictures // 5, 3073), dtype=numpy.uint8)
    rows[:, 0] %= 10
    rows.tofile(binary / f"{name}.bin")
letters = list("abcdefghijklmnopqrstuvwxyz ")
for part, count in ("train", 40), ("test", 4):
    data = {f"u{user}": {"x": ["".join(row) for row in random.choice(letters, (count, 80))],
                         "y": list(random.choice(letters, count))} for user in range(100)}
    (folder / part).mkdir()
    leaf = {"users": list(data), "num_samples": [count] * 100, "user_data": data}
    (folder / part / "all.json").write_text(json.dumps(leaf))
for part, count in ("train", 1000), ("test", 100):
    x = random.integers(1000, 30522, (count, 64))
    hidden = random.random(x.shape) < 0.15
    numpy.savez(folder / f"{part}.npz", x=numpy.where(hidden, 103, x), y=numpy.where(hidden, x, -100))
PY

peak() { "$python" scripts/peak_memory.py "$out/peak" "$@"; }
median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
column() { awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "seconds") at = i } NR > 1 { print $at }' "$out/run/metrics.csv"; }
flags() {
    case $1 in
        resnet*) echo --dataset cifar10 --model "$1" --client_num_per_round 4 ;;
        rnn) echo --dataset shakespeare --model rnn --client_num_per_round 10 ;;
        bert) echo --dataset arrays:task=masked,classes=30522 --model bert:size=mini --client_num_per_round 4 ;;
        *) echo "$1: not one of resnet18, resnet56, rnn, bert" >&2; exit 1 ;;
    esac
}
ours() { # MODEL COMMAND ...: seconds a round, MiB
    local model=$1
    shift
    # shellcheck disable=SC2046
    peak "$@" --data_dir "$out" $(flags "$model") --partition_method homo --client_num_in_total 100 --comm_round "$rounds" \
        --lr 0.1 --frequency_of_the_test "$rounds" --out_dir "$out/run" --overwrite >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
    echo "$(column | median) $(cat "$out/peak")"
}

printf '%-10s%10s%10s%10s%8s%8s | %12s%10s%8s%10s%8s\n' seconds PyTorch ranks threads x x MiB:PyTorch ranks share threads share
for model; do
    cohort=$(flags "$model" | grep -o '[0-9]*$')
    theirs=$(peak "$python" scripts/bench_pytorch.py "$out" "$model" 100 "$cohort" 2 "$rounds" | grep -o '[0-9.]* s per' | cut -d' ' -f1)
    their_peak=$(cat "$out/peak")
    # shellcheck disable=SC2046
    found=$(ours "$model" mpirun $(oversubscribe) -np 3 target/release/fedmpi)
    read -r ranks ranks_peak <<<"$found"
    found=$(ours "$model" target/release/fedmpi --workers 2)
    read -r threads threads_peak <<<"$found"
    awk -v n="$model" -v a="$theirs" -v r="$ranks" -v t="$threads" -v p="$their_peak" -v q="$ranks_peak" -v s="$threads_peak" \
        'BEGIN { printf "%-10s%10.3f%10.3f%10.3f%8.2f%8.2f | %12d%10d%8.2f%10d%8.2f\n",
                 n, a, r, t, a / r, a / t, p, q, q / p, s, s / p }'
done
