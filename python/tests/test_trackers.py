"""What trackers read of a run (FEDMPI_PROGRAM names the program)."""

import csv
import os
import subprocess

import pytest

PROGRAM = os.environ.get("FEDMPI_PROGRAM")
needs_program = pytest.mark.skipif(not PROGRAM, reason="FEDMPI_PROGRAM names no program")


def train(*flags):
    done = subprocess.run([PROGRAM, *map(str, flags)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_program
def test_tensorboard_reads_every_round_once_also_after_a_run_went_on(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    train("--out_dir", run, "--comm_round", 3, "--record", "csv;model;tensorboard", "--frequency_of_the_test", 2)
    train("--resume", run, "--comm_round", 6)
    events = accumulator.EventAccumulator(str(run))
    events.Reload()
    with open(run / "metrics.csv") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 6
    for tag, column in {
        "train/loss": "train_loss",
        "test/loss": "test_loss",
        "test/accuracy": "test_accuracy",
        "seconds/round": "seconds",
        "bytes/clients": "client_bytes",
        "schedule/efficiency": "efficiency",
    }.items():
        told = {int(row["round"]): pytest.approx(float(row[column]), rel=1e-6) for row in rows if row[column]}
        scalars = events.Scalars(tag)
        assert {scalar.step: scalar.value for scalar in scalars} == told, tag
        assert len(scalars) == len(told), tag
    times = [scalar.wall_time for scalar in events.Scalars("train/loss")]
    assert times == sorted(times) and abs(times[0] - events.FirstEventTimestamp()) < 3600
