"""Makes the small data sets of this folder in the layouts of those who publish them: a folder for each, by its name.

Needs numpy, h5py and Pillow. The files are kept, so that tests need neither this nor Python.
"""

import gzip
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
random = np.random.default_rng(0)


def folder(*names):
    path = HERE.joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def classes(count, least=2):
    return [i % 10 if i < 10 else int(random.integers(least)) for i in range(count)]


def cifar10():
    """Python 3 has pickled it anew; numpy's arrays as of version 2. Two pictures a batch."""
    path = folder("cifar10", "cifar-10-batches-py")
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        pixels = np.repeat(random.integers(0, 128, (2, 192), dtype=np.uint8), 16, axis=1)
        batch = {b"batch_label": b"x", b"labels": [int(pixels[0, 0]) % 10, 9], b"data": pixels, b"filenames": [b"a.png", b"b.png"]}
        path.joinpath(name).write_bytes(pickle.dumps(batch, protocol=2))


def cifar100():
    path = folder("cifar100", "cifar-100-binary")
    for name, count in [("train", 4), ("test", 2)]:
        pixels = np.repeat(random.integers(0, 256, (count, 192), dtype=np.uint8), 16, axis=1)
        labels = random.integers(0, 20, (count, 2), dtype=np.uint8)
        path.joinpath(name + ".bin").write_bytes(np.concatenate([labels, pixels], 1).tobytes())


if __name__ == "__main__":
    for make in [cifar10, cifar100]:
        make()
