"""Arrays as ``--dataset arrays`` reads them."""

import os
import tempfile
from pathlib import Path

import numpy as np


def save_dataset(path, x, y, users=None):
    """Writes one file of a data set: ``train`` or ``test`` in the folder that ``--data_dir`` names, as ``.npz`` or
    ``.safetensors``. The latter needs the package safetensors and holds no words.

    x      a row for each sample: uint8 for images (rows, height, width[, channels]), floats for numbers, other
           integers for tokens
    y      a target for each row: integers or words for classes, floats for values, rows of 0 and 1 for sets, rows of
           tokens for what comes next
    users  whose each row is, as numbers or words; None when nobody's

    Raises ValueError for what the program would refuse, and ImportError where safetensors is not installed.
    """
    path = Path(path)
    if path.suffix not in WRITERS:
        raise ValueError(f"{path} must end in .npz or .safetensors, such as data/train.npz")
    arrays = {"x": _array("x", x), "y": _array("y", y)}
    if users is not None:
        arrays["users"] = _users(users)
    rows = len(arrays["x"])
    if rows == 0:
        raise ValueError("x has no rows")
    for name, array in arrays.items():
        if len(array) != rows:
            raise ValueError(f"{name} has {len(array)} rows where x has {rows}: give one for each row of x")
    _write(path, arrays, WRITERS[path.suffix])


def _npz(file, arrays):
    np.savez(file, **arrays)


def _safetensors(file, arrays):
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise ImportError("a .safetensors file needs a package: pip install safetensors, or name an .npz") from error
    for name, array in arrays.items():
        if array.dtype.kind in "US":
            raise ValueError(f"{name} are words, which safetensors cannot hold: give integers, or name an .npz")
    file.write(save(arrays))


WRITERS = {".npz": _npz, ".safetensors": _safetensors}


def _array(name, values):
    """Values as an array that the program reads: in C's order, little-endian, of a plain kind, finite."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.ndim == 0:
        raise ValueError(f"{name} is a single value: give a row for each sample")
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise ValueError(f"{name} is not finite in row {row}: leave the row out, or put a number there")
    if array.dtype.kind not in "fiubUS":
        raise ValueError(f"{name} is of kind {array.dtype}: give numbers of one kind, or words")
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))


def _users(users):
    array = _array("users", users)
    if array.ndim != 1:
        raise ValueError(f"users has the shape {array.shape}: give one for each row")
    if array.dtype.kind == "f":
        raise ValueError("users are floats: give integers or words")
    if array.dtype.kind in "US":
        empty = [row for row, name in enumerate(array) if not name.strip()]
        if empty:
            raise ValueError(f"row {empty[0]} has no user: name one, or leave the row out")
    return array


def _write(path, arrays, write):
    """Beside its place, then in place: nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file, arrays)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
