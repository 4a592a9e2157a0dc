#!/usr/bin/env bash
# The tests of the Python package. PYTHON names a Python that has pytest, numpy and, for all of the tests, torch, pandas, pyyaml
# and safetensors; the program is taken from target/release where it is built.
set -euo pipefail
cd "$(dirname "$0")"
program=$PWD/../target/release/fedmpi
[ -x "$program" ] && export FEDMPI_PROGRAM=$program
PYTHONPATH=src exec "${PYTHON:-python3}" -m pytest -q -p no:cacheprovider "$@"
