#!/usr/bin/env bash
# Slurm on this one machine, to try the batch script for real: as root, with Debian's slurm-wlm and munge.
# usage: scripts/slurm_testbed.sh up | down | check
#   check brings it up, submits scripts/slurm/fedmpi.sbatch, waits, compares the result with a run without
#   Slurm, and takes everything down again. Exit code 77: Slurm cannot run here, nothing was checked.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
state=/tmp/fedmpi-slurm
export SLURM_CONF=$state/slurm.conf
die() { echo "slurm_testbed: $*" >&2; exit 1; }
skip() { echo "slurm_testbed: skipped: $*" >&2; exit 77; }

up() {
    [ "$(id -u)" = 0 ] || skip "this needs root"
    if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null ||
            skip "slurm-wlm and munge cannot be installed"
    fi
    mkdir -p "$state/spool" "$state/save" /run/munge
    [ -f /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none; chmod 400 /etc/munge/munge.key; }
    chown -R munge: /run/munge /etc/munge
    pgrep -r R,S,D -x munged >/dev/null || { su -s /bin/sh munge -c munged && touch "$state/own_munged"; }
    local host cores
    host=$(hostname -s)
    cores=$(nproc)
    cat >"$SLURM_CONF" <<CONF
ClusterName=testbed
SlurmctldHost=$host
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ReturnToService=2
MaxNodeCount=1
NodeName=$host CPUs=$((cores > 4 ? cores : 4)) State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
SlurmdParameters=config_overrides
CONF
    slurmctld
    slurmd
    for _ in $(seq 300); do
        sinfo -h -o %t 2>/dev/null | grep -q idle && return
        sleep 0.2
    done
    skip "the node does not come up: $(tail -n 3 "$state/slurmd.log" 2>/dev/null)"
}

# usage: runs NAME PID. A number left over from before a reboot is a stranger's.
runs() { grep -qs "($1) [^ZX]" "/proc/$2/stat"; }

# usage: stop NAME PIDFILE. Until it has ended a daemon writes into its folder and answers the next one's calls.
stop() {
    local pid
    pid=$(cat "$2" 2>/dev/null) && runs "$1" "$pid" || return 0
    kill "$pid"
    for _ in $(seq 200); do
        runs "$1" "$pid" || return 0
        sleep 0.1
    done
    kill -9 "$pid"
}

down() {
    stop slurmd "$state/slurmd.pid"
    stop slurmctld "$state/slurmctld.pid"
    # Its socket must not stay behind either: MPI would wait for an answer at every start.
    [ ! -f "$state/own_munged" ] || { stop munged /run/munge/munged.pid; rm -f /run/munge/munge.socket.2*; }
    rm -rf "$state"
}

ended() {
    local said
    # That the controller does not answer says nothing of the job.
    if said=$(squeue -h -j "$1" 2>&1); then [ -z "$said" ]; else [[ $said == *"Invalid job id"* ]]; fi
}

wait_for() {
    for _ in $(seq 240); do
        ended "$1" && return
        sleep 0.5
    done
    die "job $1 does not end"
}

check() {
    trap down EXIT
    down
    up
    . scripts/env.sh
    local flags=(--comm_round 3000 --client_num_per_round 8 --epochs 5 --frequency_of_the_test 500) run=$state/run job wanted found
    # Saved and ended by a signal, as before the end of its time; submitted again it goes on.
    target/release/fedmpi slurm-script --ranks_per_node 3 --sbatch "output=$state/job.log" \
        -- "${flags[@]}" --checkpoint_every 1 >"$state/job.sbatch"
    job=$(FEDMPI_RUN=$run sbatch --parsable "$state/job.sbatch")
    echo "submitted job $job"
    until compgen -G "$run/checkpoints/*.safetensors" >/dev/null || ended "$job"; do sleep 0.1; done
    scancel --batch --signal=TERM "$job"
    wait_for "$job"
    ! grep -qs '"state": "finished"' "$run/summary.json" || die "the job had ended before the signal came"
    job=$(FEDMPI_RUN=$run sbatch --parsable "$state/job.sbatch")
    echo "submitted again as job $job"
    wait_for "$job"
    grep -q "going on after round" "$state/job.log" || { cat "$state/job.log"; die "the job did not go on"; }
    found=$(grep -o 'model [0-9a-f]*$' "$state/job.log" | tail -n 1) || { cat "$state/job.log"; die "the job left no result"; }
    wanted=$(target/release/fedmpi "${flags[@]}" --out_dir "$state/alone" 2>/dev/null | grep -o 'model [0-9a-f]*$')
    [ "$found" = "$wanted" ] || die "under Slurm: $found, alone: $wanted"
    echo "under Slurm and alone: $found"
}

case "${1:-}" in
up | down | check) "$1" ;;
*) die "usage: scripts/slurm_testbed.sh up | down | check" ;;
esac
