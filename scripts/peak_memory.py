#!/usr/bin/env python3
"""Runs a command and writes to a file the most memory, in MiB, that it and all its descendants held at once, looking ten times a
second: proportional memory (PSS), which divides a page among all who share it.

usage: peak_memory.py FILE COMMAND ...
"""
import os, pathlib, subprocess, sys, time


def parents():
    """Every process with its parent."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # It has ended.


def family(root):
    known, processes = {root}, dict(parents())
    while more := {process for process, parent in processes.items() if parent in known} - known:
        known |= more
    return known


def held(process):
    try:
        return int(pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
    except (OSError, IndexError):
        return 0


command, peak = subprocess.Popen(sys.argv[2:]), 0
while command.poll() is None:
    peak = max(peak, sum(map(held, family(command.pid))))
    time.sleep(0.1)
pathlib.Path(sys.argv[1]).write_text(f"{peak // 1024}\n")
sys.exit(command.returncode)
