#!/bin/sh
# fedmpi from an unpacked package, with the mpirun of the MPI that came with it. Without the folder `mpi` the program takes the
# MPI of this system.
here=$(dirname "$(dirname "$(readlink -f "$0")")")
if [ -d "$here/mpi/bin" ]; then
    PATH=$here/mpi/bin:$PATH
    export PATH
fi
exec "$here/libexec/fedmpi" "$@"
