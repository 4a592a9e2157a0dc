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
           tokens for what comes next, of which -100 is not learned
    users  whose each row is, as numbers or words; None when nobody's

    Each is an array, a tensor, a list or a column of pandas. Raises ValueError for what the program would refuse, and
    ImportError where safetensors is not installed.
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
    _check_inputs(arrays["x"])
    _check_targets(arrays["y"], arrays["x"])
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


#: A token that is not learned, as PyTorch has it.
NOTHING = -100
#: Classes and tokens are below this.
MOST = 2**32 - 1


def _array(name, values):
    """Values as an array that the program reads: in C's order, little-endian, of a plain kind, finite."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # NumPy knows no bfloat16.
        values = (values.float() if values.is_floating_point() else values).numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} has rows of different lengths: give as many numbers in each ({error})") from error
    if array.dtype.kind == "O":
        array = _plain(name, array)
    if array.ndim == 0:
        raise ValueError(f"{name} is a single value: give a row for each sample")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite in row {_row(~np.isfinite(array))}: leave the row out, or put a number there")
    if array.dtype.kind not in "fiubUS":
        raise ValueError(f"{name} is of kind {array.dtype}: give numbers of one kind, or words")
    if array.dtype.kind in "US":
        array = _text(name, array)
    if array.dtype == np.uint64 and (array >= 2**63).any():
        raise ValueError(f"{name} does not fit int64 in row {_row(array >= 2**63)}: give smaller numbers, or words")
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))


def _plain(name, array):
    """Objects, as a column of pandas has them, as what they are: words, or numbers."""
    if array.ndim == 1 and len(array) and all(isinstance(row, (list, tuple, np.ndarray)) for row in array):
        return _array(name, list(array))
    for kind, into in [(str, str), ((int, float, np.number, np.bool_), None)]:
        if array.size and all(isinstance(value, kind) for value in array.flat):
            return np.array(array.tolist(), dtype=into)
    for place, value in enumerate(array.flat):
        if not isinstance(value, type(array.flat[0])) or not isinstance(value, (str, int, float, np.generic)):
            row = place // max(array[0].size if array.ndim > 1 else 1, 1)
            said = f"row {row} holds {value!r} ({type(value).__name__})"
            raise ValueError(f"{name} is of kind object, {said}: give numbers of one kind, or words")
    raise ValueError(f"{name} has no rows")


def _text(name, array):
    """Words that are text."""
    try:
        words = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
        np.char.encode(words, "utf-8")
    except UnicodeError as error:
        raise ValueError(f"{name} holds words that are no text: give them as str ({error})") from error
    return words


def _row(wrong):
    """The first row in which something is wrong."""
    return int(np.argwhere(wrong)[0][0])


def _check_inputs(x):
    """What the program makes of x, by kind and shape."""
    if x.dtype.kind in "US":
        raise ValueError("x holds words: give numbers or tokens (the program reads words of tables: --dataset csv)")
    if x.ndim > 4:
        raise ValueError(f"x has rows of {x.ndim - 1} sides: give at most channels, height and width")
    if x.size == 0:
        raise ValueError(f"x has rows of the shape {x.shape[1:]}, which are empty: give numbers in each row")
    if _are_tokens(x):
        wrong = (x < 0) | (x >= MOST)
        if wrong.any():
            row = _row(wrong)
            raise ValueError(f"x holds {x[wrong][0]} in row {row}, and tokens count from 0: give floats if they are numbers")


def _are_tokens(x):
    return x.dtype.kind in "iu" and x.dtype != np.uint8


def _check_targets(y, x):
    """What the program makes of y, by its kind and that of x."""
    width = y.size // len(y)
    if width == 0:
        raise ValueError(f"y has rows of the shape {y.shape[1:]}, which are empty: give a target in each row")
    if y.dtype.kind in "US" and width > 1:
        raise ValueError(f"y holds {width} words a row: give one for each row, the name of its class")
    if y.dtype.kind not in "iu":
        return
    # Bytes may be tokens too, where the program is told so.
    tokens = _are_tokens(x) or (x.dtype == np.uint8 and x.ndim < 3)
    if _are_tokens(x) and width not in (1, x.size // len(x)):
        raise ValueError(f"y has {width} tokens a row and x {x.size // len(x)}: give one next token, or one for each")
    sets = width > 1 and not tokens
    wrong = (y < 0) | (y > 1 if sets else y >= MOST)
    if tokens:
        wrong &= y != NOTHING
    if wrong.any():
        known = "rows of integers are sets of 0 and 1" if sets else "classes and tokens count from 0"
        raise ValueError(f"y holds {y[wrong][0]} in row {_row(wrong)}, and {known}: give floats if they are values to learn")


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
