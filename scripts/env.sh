# Sourced by the other scripts: where things are, once setup.sh has run.
fedmpi_root=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
[ -f "$fedmpi_root/.venv/env.sh" ] && . "$fedmpi_root/.venv/env.sh"
# What is built is looked for there. An unpacked package (scripts/package.sh) has its program and MPI already.
export CARGO_TARGET_DIR=$fedmpi_root/target
fedmpi=$fedmpi_root/target/release/fedmpi
if [ -x "$fedmpi_root/libexec/fedmpi" ]; then
    fedmpi=$fedmpi_root/bin/fedmpi
    [ ! -d "$fedmpi_root/mpi/bin" ] || PATH=$fedmpi_root/mpi/bin:$PATH
fi
# Open MPI refuses to run as root unless told twice; harmless elsewhere.
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# The host file in the dialect of the installed launcher.
host_file() {
    case "$(mpirun --version 2>/dev/null)" in
        *"Open MPI"* | *OpenRTE*) echo mpi_host_file ;;
        *) mkdir -p target && "$fedmpi" hostfile --to mpich mpi_host_file >target/mpi_host_file && echo target/mpi_host_file ;;
    esac
}
# Open MPI counts cores as slots; more ranks than cores need its leave. MPICH needs none.
oversubscribe() {
    case "$(mpirun --version 2>/dev/null)" in
        *"Open MPI"* | *OpenRTE*) echo --oversubscribe ;;
    esac
}
# `fedmpi` is this one.
case ":$PATH:" in
    *":${fedmpi%/*}:"*) ;;
    *) export PATH="${fedmpi%/*}:$PATH" ;;
esac
