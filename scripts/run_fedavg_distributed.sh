#!/usr/bin/env bash
# FedAvg over the machines of mpi_host_file, with FedML's twelve positional arguments, or its later thirteen.
set -euo pipefail
if [ $# -ne 12 ] && [ $# -ne 13 ]; then
    cat >&2 <<USAGE
usage: $0 CLIENT_NUM WORKER_NUM MODEL DISTRIBUTION ROUND EPOCH BATCH_SIZE LR DATASET DATA_DIR CLIENT_OPTIMIZER [BACKEND] CI
       ($# of 12 or 13 arguments given)

  CLIENT_NUM        clients in total                MODEL, DATASET, DISTRIBUTION,
  WORKER_NUM        workers, and clients per round  CLIENT_OPTIMIZER   see: fedmpi list
  ROUND EPOCH       rounds; local epochs            LR                 learning rate
  BATCH_SIZE        samples, 0 or less: full batch  CI                 1: quick evaluation
  BACKEND           whatever it is, MPI carries everything

example: $0 100 2 2nn homo 20 1 10 0.1 mnist ./data sgd 0
USAGE
    exit 2
fi
CLIENT_NUM=$1 WORKER_NUM=$2 MODEL=$3 DISTRIBUTION=$4 ROUND=$5 EPOCH=$6
BATCH_SIZE=$7 LR=$8 DATASET=$9 DATA_DIR=${10} CLIENT_OPTIMIZER=${11}
BACKEND=()
if [ $# -eq 13 ]; then
    BACKEND=(--backend "${12}")
    shift
fi
CI=${12}
DATA_DIR=$(realpath -m "$DATA_DIR")
cd "$(dirname "$0")/.."
. scripts/env.sh
PROCESS_NUM=$((WORKER_NUM + 1))

# shellcheck disable=SC2046
exec mpirun $(oversubscribe) -np $PROCESS_NUM -hostfile "$(host_file)" "$fedmpi" \
    --gpu_mapping_file gpu_mapping.yaml \
    --gpu_mapping_key mapping_default \
    --model "$MODEL" \
    --dataset "$DATASET" \
    --data_dir "$DATA_DIR" \
    --partition_method "$DISTRIBUTION" \
    --client_num_in_total "$CLIENT_NUM" \
    --client_num_per_round "$WORKER_NUM" \
    --comm_round "$ROUND" \
    --epochs "$EPOCH" \
    --client_optimizer "$CLIENT_OPTIMIZER" \
    --batch_size "$BATCH_SIZE" \
    --lr "$LR" \
    ${BACKEND[@]+"${BACKEND[@]}"} \
    --ci "$CI"
