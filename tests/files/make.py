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


def tff(stem, fields):
    """A group for each client, and in it an array for each field."""
    for part in ["train", "test"]:
        with h5py.File(HERE / f"{stem}_{part}.h5", "w") as file:
            examples = file.create_group("examples")
            for name in ["f0000_14", "f0001_41", "f0002_05"]:
                client = examples.create_group(name)
                for field, values in fields().items():
                    packed = {"compression": "gzip"} if values.nbytes > 1000 else {}
                    client.create_dataset(field, data=values, **packed)


def texts(*values):
    return np.array([value.encode() for value in values], dtype=h5py.string_dtype("ascii"))


def fed_emnist():
    folder("fed_emnist", "FederatedEMNIST", "datasets")
    shades = lambda: np.repeat(random.integers(0, 256, (3, 28, 4)) / np.float32(255), 7, axis=2)
    tff("fed_emnist/FederatedEMNIST/datasets/fed_emnist", lambda: {"label": np.array([0, 61, 9], np.int32), "pixels": shades()})


def fed_cifar100():
    folder("fed_cifar100")
    image = lambda: np.repeat(np.repeat(random.integers(0, 256, (2, 8, 8, 3), np.uint8), 4, axis=1), 4, axis=2)
    fields = lambda: {"coarse_label": np.array([1, 19]), "image": image(), "label": np.array([4, 99])}
    tff("fed_cifar100/fed_cifar100", fields)


def fed_shakespeare():
    folder("fed_shakespeare")
    tff("fed_shakespeare/shakespeare", lambda: {"snippets": texts("To be, or not to be.", "What? " * 30)})


def stackoverflow():
    for name in ["stackoverflow_nwp", "stackoverflow_lr"]:
        path = folder(name)
        fields = lambda: {
            "creation_date": texts("2008-08-02 18:23:58.78 UTC", "2009-01-01 00:00:00 UTC"),
            "score": np.array([4, -1]),
            "tags": texts("c#|java", "python"),
            "title": texts("how to read", "why"),
            "tokens": texts("i want to read a file", "why is that " * 9),
            "type": texts("question", "answer"),
        }
        tff(f"{name}/stackoverflow", fields)
        words = ["to", "the", "i", "a", "why", "is", "that"]
        path.joinpath("stackoverflow.word_count").write_text("".join(f"{word} {900 - i}\n" for i, word in enumerate(words)))
        path.joinpath("stackoverflow.tag_count").write_text(json.dumps({"java": 9, "python": 8, "c#": 7}))


def ecg():
    for part in ["train", "test"]:
        rows = [list(np.round(random.random(187), 2)) + [float(label)] for label in [0, 4, 2]]
        folder("ecg").joinpath(f"mitbih_{part}.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))


def libsvm():
    path = folder("libsvm")
    path.joinpath("a9a").write_text("-1 3:1 11:1 14:1 123:1\n+1 5:1 7:1\n-1 1:1\n")
    path.joinpath("a9a.t").write_text("+1 1:1 122:1\n-1 6:1\n")


def idx(path, values):
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(head + values.astype(np.uint8).tobytes())


def emnist():
    path = folder("emnist", "EMNIST", "raw")
    for part, count in [("train", 4), ("test", 3)]:
        name = f"emnist-byclass-{part}"
        idx(path / f"{name}-images-idx3-ubyte.gz", random.integers(0, 256, (count, 28, 28)))
        idx(path / f"{name}-labels-idx1-ubyte.gz", np.array([46, 0, 3, 9][:count]))


def flute():
    """Beats as FLUTE writes them: numbers are texts, and there are more `num_samples` than users."""
    for part in ["train", "test"]:
        with h5py.File(folder("flute") / f"{part}_data.hdf5", "w") as file:
            users = ["0000", "0001", "0002"]
            file.create_dataset("users", data=users, dtype=h5py.string_dtype())
            file.create_dataset("num_samples", data=[2] * 10)
            for user in users:
                beats = np.array([[str(value) for value in np.round(random.random(187), 2)] for _ in range(2)], dtype=object)
                file.create_group(f"user_data/{user}").create_dataset("x", data=beats, dtype=h5py.string_dtype())
                file.create_dataset(f"user_data_label/{user}", data=np.array([0, 4]))


def flute_text():
    texts = {"u1": {"x": ["how are you", "fine"]}, "u2": {"x": [["as", "split"], ["before"]]}, "u3": {"x": ["why not?"]}}
    masked = {name: [["as", "words"], ["of", "mlm_bert"]] for name in ["u1", "u2"]}
    path = folder("flute_text")
    path.joinpath("train_data.json").write_text(json.dumps({"users": list(texts), "num_samples": [2, 2, 1], "user_data": texts}))
    path.joinpath("test_data.txt").write_text(json.dumps({"users": list(masked), "num_samples": [2, 2], "user_data": masked}))


def flute_text_hdf5():
    """The same in HDF5, as FLUTE's nlg_gru has it."""
    for part in ["train", "test"]:
        with h5py.File(folder("flute_text_hdf5") / f"{part}_data.hdf5", "w") as file:
            file.create_dataset("users", data=["u1", "u2"], dtype=h5py.string_dtype())
            for user, lines in [("u1", ["how are you", "fine"]), ("u2", ["why not?"])]:
                file.create_group(f"user_data/{user}").create_dataset("x", data=lines, dtype=h5py.string_dtype())


def picture(path, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    Image.fromarray(colours).resize((width, height), Image.NEAREST).save(path)


def cinic10():
    for part in ["train", "valid", "test"]:
        for name in ["airplane", "truck"]:
            picture(folder("cinic10", part, name) / "cifar10-test-1.png", 32, 32)


def landmarks():
    path = folder("landmarks", "data_user_dict")
    names = [f"{i:016x}" for i in range(5)]
    lines = [f"{user},{name},{label}" for user, name, label in zip([0, 10, 2, 0], names, [0, 1, 2, 2])]
    path.joinpath("gld23k_user_dict_train.csv").write_text("\n".join(["user_id,image_id,class", *lines]) + "\n")
    path.joinpath("gld23k_user_dict_test.csv").write_text(f"image_id,class\n{names[4]},2\n")
    for name in names:
        picture(folder("landmarks", "images") / f"{name}.jpg", 40, 56)


def leaf(name, sample):
    for part in ["train", "test"]:
        data = {user: sample() for user in ["u1", "u2", "u3"]}
        count = [len(own["y"]) for own in data.values()]
        text = json.dumps({"users": list(data), "num_samples": count, "user_data": data})
        folder(name, part).joinpath(f"all_data_niid_0_keep_0_{part}_9.json").write_text(text)


def celeba():
    leaf("celeba", lambda: {"x": ["000001.jpg", "000002.jpg"], "y": [0.0, 1.0]})
    for name in ["000001", "000002"]:
        picture(folder("celeba", "raw", "img_align_celeba") / f"{name}.jpg", 109, 89)


def texts_of_leaf():
    message = ["1467810369", "Mon Apr 06 22:19:45 PDT 2009", "NO_QUERY", "bob", "that's a bummer, isn't it?", "training"]
    leaf("sent140", lambda: {"x": [message, message], "y": [0, 1]})
    words = ["<BOS>", "i", "do", "<EOS>"] + ["<PAD>"] * 6
    follow = {"target_tokens": [words[1:] + ["<PAD>"]] * 2, "count_tokens": 8}
    leaf("reddit", lambda: {"x": [[words, words]], "y": [follow]})
    leaf("leaf-synthetic", lambda: {"x": [[0.5] * 59 + [-1.5]] * 2, "y": [3.0, 9.0]})


if __name__ == "__main__":
    for make in [
        *[cifar10, cifar100, cinic10, landmarks, emnist],
        *[celeba, texts_of_leaf],
        *[fed_emnist, fed_cifar100, fed_shakespeare, stackoverflow],
        *[flute, flute_text, ecg, libsvm],
    ]:
        make()
