#!/bin/sh
# fedmpi from an unpacked package, with the mpirun of the MPI that came with it. Without the folder `mpi` the program takes the
# MPI of this system.
here=$(dirname "$(dirname "$(readlink -f "$0")")")
if [ -d "$here/mpi/bin" ]; then
    export PATH="$here/mpi/bin:$PATH"
    # Other libraries of networks than those that came with it must not come first.
    [ -z "${LD_LIBRARY_PATH:-}" ] || export LD_LIBRARY_PATH="$here/mpi/lib/openmpi:$LD_LIBRARY_PATH"
fi
exec "$here/libexec/fedmpi" "$@"
