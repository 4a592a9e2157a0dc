#!/usr/bin/env python3
"""Lets the Python that runs this import the torch that set-up has unpacked for its libtorch.

    PYTHON scripts/borrow_torch.py .venv/lib/python3.11/site-packages/torch

Set-up takes torch from PyPI, built for CUDA, and leaves out 2 GB of CUDA's libraries where there is no GPU. torch starts only
when it finds them all, even to compute on the CPU. So what is missing gets stand-ins: libraries whose functions end the process.
A .pth file of this Python loads them and then finds torch; nothing is written beside torch, and the program sees none of it.
Ends with 1, and says why, where torch can still not be imported.
"""
import ctypes
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))
LINK, STAND_INS = SITE / "borrowed_torch.pth", SITE / "torch_stand_ins"
# What torch imports beside what the package's tests need.
NEEDED = ["filelock", "fsspec", "jinja2", "networkx", "sympy", "typing_extensions"]
# Loaded for all, so that torch's own libraries find their names and functions.
LOADER = "import ctypes, functools, glob; all(map(functools.partial(ctypes.CDLL, mode=ctypes.RTLD_GLOBAL), glob.glob({!r})))"


def main():
    torch = Path(sys.argv[1]).resolve()
    library = torch / "lib" / "libtorch_python.so"
    tag = sysconfig.get_config_var("EXT_SUFFIX")
    if not library.is_file() or not (torch / f"_C{tag}").is_file():
        sys.exit(f"borrow_torch: {torch} has no torch for this Python (_C{tag}): name its folder in site-packages, by LIBTORCH")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *NEEDED], check=True)
    stand_in(library)
    LINK.write_text(f"{LOADER.format(str(STAND_INS / '*.so.*'))}\n{torch.parent}\n")
    tried = subprocess.run([sys.executable, "-c", "import torch; torch.ones(2) @ torch.ones(2)"], capture_output=True, text=True)
    if tried.returncode:
        LINK.unlink()
        last = (tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"])[-1]
        sys.exit(f"borrow_torch: {torch} cannot be imported: {last}")


def stand_in(library):
    """First libraries of the missing names, then functions of what is still undefined with them."""
    STAND_INS.mkdir(exist_ok=True)
    for path in STAND_INS.iterdir():
        path.unlink()
    missing = sorted(set(re.findall(r"(\S+) => not found", asked(library))))
    for name in missing:
        build(name, "")
    if missing:
        undefined = set(re.findall(r"undefined symbol: (\w+)", asked(library, "-r")))
        # What Python itself has is not theirs.
        functions = sorted(name for name in undefined if not hasattr(ctypes.pythonapi, name))
        build(missing[0], "".join(f"void {name}(void) {{ abort(); }}\n" for name in functions))


def asked(library, *flags):
    """What the loader says of a library, where the stand-ins are. It speaks on both outputs and ends with 1 at faults."""
    env = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": str(STAND_INS)}
    done = subprocess.run(["ldd", *flags, str(library)], capture_output=True, text=True, env=env)
    return done.stdout + done.stderr


def build(name, text):
    command = ["cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", "-o", str(STAND_INS / name), "-x", "c", "-"]
    subprocess.run(command, input="void abort(void);\n" + text, text=True, check=True)


if __name__ == "__main__":
    main()
