#!/usr/bin/env bash
# On a machine with NVIDIA GPUs: the same loss trajectory as on the CPU (within 1e-3), the same bits with 1, 2 and
# 4 ranks on GPU 0 and through NCCL with one rank on each GPU, and seconds per round beside a bare PyTorch loop on
# GPU 0, both without TF32. Prints one table.
# usage: PYTHON=a-python-with-torch-2.11.0 scripts/gpu_check.sh MNIST_FOLDER [ROUNDS]
# FEDMPI=path/to/fedmpi uses that program, which may come from another machine, with PYTHON's libtorch.
set -euo pipefail
folder=$(realpath "${1:?usage: scripts/gpu_check.sh MNIST_FOLDER [ROUNDS]}")
rounds=${2:-10} python=${PYTHON:-python3}
[ -z "${FEDMPI:-}" ] || FEDMPI=$(realpath "$FEDMPI")
cd "$(dirname "$0")/.."
gpus=$("$python" -c 'import torch; print(torch.cuda.device_count())') && [ "$gpus" -gt 0 ] ||
    { echo "gpu_check: PYTHON=$python has no torch that sees a GPU" >&2; exit 1; }
[ -n "${FEDMPI:-}" ] || ./scripts/setup.sh
. scripts/env.sh
if [ -n "${FEDMPI:-}" ]; then
    libtorch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')/lib
    export LD_LIBRARY_PATH=$libtorch${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
    cargo build --release --locked
fi
fedmpi=${FEDMPI:-target/release/fedmpi}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# run NAME WORKERS MODEL FLAGS...: one job; its folder is $out/NAME.
run() {
    local name=$1 workers=$2 model=$3
    shift 3
    # shellcheck disable=SC2046
    mpirun $(oversubscribe) -np $((workers + 1)) "$fedmpi" --dataset mnist --data_dir "$folder" \
        --model "$model" --partition_method homo --comm_round "$rounds" --ci 1 "$@" \
        --out_dir "$out/$name" --overwrite >"$out/$name.log" 2>&1 || { cat "$out/$name.log"; exit 1; }
}
# mapped PROCESSES...: so many on GPU 0, 1, ...
mapped() { echo --device mapped --gpu_util_parse "localhost:$(IFS=,; echo "$*")"; }
losses() { cut -d, -f6 "$out/$1/metrics.csv" | tail -n +2; }
field() { grep -o "\"$2\": [^,]*" "$out/$1/summary.json" | cut -d' ' -f2; }
seconds() { printf '%.5f' "$(field "$1" median_round_seconds)"; }
complain() { echo "gpu_check: $*" >&2; status=1; }

status=0
printf '%-8s%18s%12s%12s%12s%12s%12s\n' model 'largest loss gap' 'PyTorch s' '1 rank s' '2 ranks s' '4 ranks s' "NCCL x$gpus s"
for model in lr 2nn cnn; do
    # Two right ways of rounding drift apart, the faster the higher the rate: at 0.1 by more than 1e-3 on CPUs alone.
    run "$model-cpu" 2 "$model" --lr 0.01 --device cpu
    # shellcheck disable=SC2046
    run "$model-gpu" 1 "$model" --lr 0.01 $(mapped 2)
    # shellcheck disable=SC2046
    for ranks in 1 2 4; do run "$model-$ranks" "$ranks" "$model" --lr 0.1 $(mapped $((ranks + 1))); done
    # The server shares the first GPU.
    # shellcheck disable=SC2046
    run "$model-nccl" "$gpus" "$model" --lr 0.1 --reduce allreduce $(mapped 2 $(yes 1 | head -n $((gpus - 1))))
    grep -q 'sums go through NCCL' "$out/$model-nccl.log" ||
        complain "$model: no sums through NCCL: $(grep 'sums go through' "$out/$model-nccl.log" || echo 'nothing said of it')"
    for name in 2 4 nccl; do
        [ "$(field "$model-$name" model_hash)" = "$(field "$model-1" model_hash)" ] || complain "$model: $name has other bits than 1 rank"
    done
    gap=$(paste <(losses "$model-cpu") <(losses "$model-gpu") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d } END { print most + 0 }')
    theirs=$("$python" scripts/bench_pytorch.py "$folder" "$model" 100 10 1 "$rounds" cuda | grep -o '[0-9.]* s per' | cut -d' ' -f1)
    printf '%-8s%18s%12s%12s%12s%12s%12s\n' "$model" "$gap" "$theirs" "$(seconds "$model-1")" "$(seconds "$model-2")" \
        "$(seconds "$model-4")" "$(seconds "$model-nccl")"
    awk -v gap="$gap" 'BEGIN { exit !(gap <= 1e-3) }' || complain "$model: the losses differ by more than 1e-3"
done
exit $status
