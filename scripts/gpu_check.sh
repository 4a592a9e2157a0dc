#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: the same loss trajectory as on the CPU (within 1e-3), and seconds per
# round with 1, 2 and 4 ranks on GPU 0 beside a bare PyTorch loop there. Prints one table.
# usage: PYTHON=a-python-with-torch-2.11.0 scripts/gpu_check.sh MNIST_FOLDER [ROUNDS]
set -euo pipefail
folder=$(realpath "${1:?usage: scripts/gpu_check.sh MNIST_FOLDER [ROUNDS]}")
rounds=${2:-10}
cd "$(dirname "$0")/.."
command -v nvidia-smi >/dev/null || { echo "gpu_check: this machine has no NVIDIA driver (nvidia-smi is missing)" >&2; exit 1; }
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
python=${PYTHON:-python3}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# run NAME RANKS MODEL FLAGS...: one job; its folder is $out/NAME.
run() {
    local name=$1 ranks=$2 model=$3
    shift 3
    # shellcheck disable=SC2046
    mpirun $(oversubscribe) -np $((ranks + 1)) target/release/fedmpi --dataset mnist --data_dir "$folder" \
        --model "$model" --partition_method homo --comm_round "$rounds" --ci 1 --lr 0.1 "$@" \
        --out_dir "$out/$name" --overwrite >"$out/$name.log" 2>&1 || { cat "$out/$name.log"; exit 1; }
}
mapped() { echo --device mapped --gpu_util_parse "$(hostname):$(($1 + 1))"; }
losses() { cut -d, -f6 "$out/$1/metrics.csv" | tail -n +2; }
seconds() { grep -o '"median_round_seconds": [0-9.e-]*' "$out/$1/summary.json" | cut -d' ' -f2; }

status=0
printf '%-8s%22s%12s%12s%12s%12s\n' model 'largest loss gap' 'PyTorch s' '1 rank s' '2 ranks s' '4 ranks s'
for model in lr 2nn cnn; do
    run "$model-cpu" 2 "$model" --device cpu
    # shellcheck disable=SC2046
    for ranks in 1 2 4; do run "$model-$ranks" "$ranks" "$model" $(mapped "$ranks"); done
    gap=$(paste <(losses "$model-cpu") <(losses "$model-1") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d } END { print most + 0 }')
    theirs=$("$python" scripts/bench_pytorch.py "$folder" "$model" 100 10 1 "$rounds" cuda | grep -o '[0-9.]* s per' | cut -d' ' -f1)
    printf '%-8s%22s%12s%12s%12s%12s\n' "$model" "$gap" "$theirs" "$(seconds "$model-1")" "$(seconds "$model-2")" "$(seconds "$model-4")"
    awk -v gap="$gap" 'BEGIN { exit !(gap <= 1e-3) }' || { echo "gpu_check: $model: the losses differ by more than 1e-3" >&2; status=1; }
done
exit $status
