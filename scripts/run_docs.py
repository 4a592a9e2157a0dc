#!/usr/bin/env python3
"""Runs the commands of README.md and docs/*.md as they are written.

Blocks of `sh`, `bash` and `console` (there the lines after `$ `) of a page run one after another in one shell, in a scratch folder
that has the project's files, `./data` with MNIST and what else the pages name. A block is left out if a line before it says
`<!-- not run: REASON -->`, or `<!-- needs: MODULE, ... -->` where Python lacks a module; such blocks are listed.
`<!-- before: COMMANDS -->` makes what a page takes to be there, such as a run.

    scripts/run_docs.py [PAGE ...]
"""
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
# Seconds that a page may take.
LIMIT = 900
# What a folder of a user has; the rest is made by the commands.
LENT = ["README.md", "configs", "docs", "examples", "gpu_mapping.yaml", "mpi_host_file", "python", "scripts", "target", ".venv"]
# More ranks than cores, for Open MPI 4 and 5.
OVERSUBSCRIBE = {"OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}


class Block:
    """Commands of a page."""

    def __init__(self, line, kind, text, marks):
        self.line, self.kind, self.text = line, kind, text
        # What the comments right before it say, by their first word.
        self.marks = dict(mark.split(": ", 1) for mark in marks if ": " in mark)

    def commands(self):
        """What is run, one line after another."""
        return self.marks.get("before", ":") + "\n" + self.typed()

    def typed(self):
        if self.kind != "console":
            return self.text
        typed = [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
        return "".join(line + "\n" for line in typed)

    def left_out(self):
        """Why it is not run; nothing if it is."""
        if "not run" in self.marks:
            return self.marks["not run"]
        missing = [name for name in self.marks.get("needs", "").split(", ") if name and not has_module(name)]
        return f"Python here lacks {', '.join(missing)}" if missing else ""


def blocks(text):
    """The blocks of a page, with the comments right before each."""
    found, marks, lines = [], [], iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        comment = re.fullmatch(r"\s*<!-- (.*) -->", line)
        fence = re.fullmatch(r"(\s*)```(\w*)", line)
        if fence:
            indent, kind = fence.groups()
            body = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                body.append(inner.removeprefix(indent))
            if kind in ("sh", "bash", "console"):
                found.append(Block(number, kind, "".join(line + "\n" for line in body), marks))
        if line.strip():
            marks = marks + [comment.group(1)] if comment else []
    return found


def has_module(name):
    return subprocess.run([python(), "-c", f"import {name}"], capture_output=True).returncode == 0


def python():
    """The Python of the caller, else the small one of scripts/test.sh, else the system's."""
    small = ROOT / "target/python/bin/python"
    return os.environ.get("PYTHON") or (str(small) if small.exists() else "python3")


def furnish(folder):
    """The project's files and data in a scratch folder."""
    for name in LENT:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    for name, of_real, make in DATA:
        if (REAL / of_real).exists():
            (folder / name).symlink_to(REAL / of_real)
        else:
            make(folder / name)
    (folder / "bin").mkdir()
    (folder / "bin/python3").write_text(f'#!/bin/sh\nexec "{python()}" "$@"\n')
    (folder / "bin/python3").chmod(0o755)


def digits(folder):
    """IDX files as MNIST's: a bright square, whose place is the class."""
    folder.mkdir()
    for part, count in [("train", 6000), ("t10k", 1000)]:
        labels = bytes((i * 7 + i // 10) % 10 for i in range(count))
        images = b"".join(map(image, range(count), labels))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, count, 28, 28) + images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, count) + labels)


def image(index, label):
    pixels = bytearray(784)
    row, column = 4 + 10 * (label // 5), 2 + 5 * (label % 5)
    for i in range(16):
        pixels[(row + i // 4) * 28 + column + i % 4] = 128 + (index * 31 + i * 7) % 128
    return bytes(pixels)


def hospitals(folder):
    """A table as UCI's of heart disease: numbers, words, gaps, four hospitals."""
    folder.mkdir()
    names = ["Cleveland", "Hungary", "Switzerland", "VA Long Beach"]
    lines = ["id,age,sex,dataset,chol,num"]
    for i in range(400):
        gap = "" if i % 17 == 0 else str(150 + i * 37 % 200)
        lines.append(f"{i},{30 + i * 13 % 50},{['Male', 'Female'][i % 2]},{names[i % 4]},{gap},{i * 13 % 50 // 25 * (i % 5)}")
    (folder / "heart_disease_uci.csv").write_text("\n".join(lines) + "\n")


def plays(folder):
    """Two plays in Markdown, each speech after its role."""
    folder.mkdir()
    speech = "Who would believe it were so late, and so cold a night upon the wall of a town by the sea?\n"
    for play in ["hamlet", "macbeth"]:
        text = "".join(f"\n**{role}**\n{speech * 4}" for role in ["FIRST", "SECOND", "THIRD", "FOURTH"] * 5)
        (folder / f"{play}.md").write_text(f"# {play}\n{text}")


# Folders that pages name, where their real content lies, and what makes something of the same form.
DATA = [("data", "mnist", digits), ("heart-disease", "heart-disease", hospitals), ("shakespeare", "shakespeare", plays)]


def surroundings(folder, page):
    """Variables of a user who has followed README: it says how `fedmpi` comes on PATH, other pages take it for granted."""
    foreign = ("OMPI_", "PMIX_", "PRTE_", "SLURM_", "FEDMPI_", "RUST_LOG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = ["bash", "-c", ". scripts/env.sh && env -0"]
    set_up = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    env = dict(pair.split("=", 1) for pair in set_up.stdout.split("\0") if "=" in pair)
    if page.name == "README.md" and page.parent == ROOT:
        own = {str(ROOT / "target/release")}
        env["PATH"] = ":".join(place for place in kept["PATH"].split(":") if place not in own)
    env.update(OVERSUBSCRIBE, PATH=f"{folder}/bin:{env['PATH']}", PYTHONPATH=str(ROOT / "python/src"), PWD=str(folder))
    return env


def script(found):
    """One shell for all blocks, which says which one it is at."""
    told = "".join(f"echo '::block {block.line}'\n{block.commands()}" for block in found)
    return "set -eo pipefail\n" + told


def run(page):
    """Runs a page; gives whether all went well, and what was left out."""
    found = blocks(page.read_text())
    out = [(block, block.left_out()) for block in found]
    wanted = [block for block, reason in out if not reason]
    began, name = time.monotonic(), page.relative_to(ROOT)
    fault = fault_of(page, wanted) if wanted else ""
    print(f"{name}: {len(wanted)} of {len(found)} blocks run, {time.monotonic() - began:.1f} s", flush=True)
    if fault:
        print(fault, flush=True)
    return not fault, [f"{name}:{block.line}: {reason}" for block, reason in out if reason]


def fault_of(page, wanted):
    """What went wrong on a page, if anything did."""
    with tempfile.TemporaryDirectory(prefix="fedmpi-docs-") as scratch:
        folder = Path(scratch)
        furnish(folder)
        with open(folder / "bin/output", "w+") as output:
            command = ["bash", "-c", script(wanted)]
            files = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            job = subprocess.Popen(command, cwd=folder, env=surroundings(folder, page), start_new_session=True, **files)
            try:
                code = job.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(job.pid, signal.SIGTERM)
                job.wait()
                code = f"none within {LIMIT} s"
            output.seek(0)
            said = output.read()
    if code == 0:
        return ""
    at, *words = said.rsplit("::block ", 1)[-1].splitlines() or ["?"]
    return f"{page.relative_to(ROOT)}:{at}: exit code {code}\n" + "\n".join(words[-40:])


def main():
    pages = [Path(page).resolve() for page in sys.argv[1:]] or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    results = [run(page) for page in pages]
    for line in (line for _, left_out in results for line in left_out):
        print(f"not run: {line}")
    sys.exit(0 if all(fine for fine, _ in results) else 1)


if __name__ == "__main__":
    main()
