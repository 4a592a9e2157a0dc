"""Makes the small files of data sets of one's own: arrays and parquet; csv and text were written by hand."""

import sys
from pathlib import Path

import numpy as np
import pandas

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent.parent / "python" / "src"))
import fedmpi  # noqa: E402

rows = np.arange(16)
x = np.stack([rows, rows % 5], axis=1).astype(np.float32)
users = [f"user {row % 8}" for row in rows]
fedmpi.save_dataset(here / "arrays" / "train.npz", x, rows % 3, users)
fedmpi.save_dataset(here / "arrays" / "test.npz", x[:4], rows[:4] % 3)
for part in ("train", "test"):
    table = pandas.read_csv(here / "csv" / f"{part}.csv")
    table.to_parquet(here / "parquet" / f"{part}.parquet", index=False)
