"""The package by itself, and against the program (FEDMPI_PROGRAM names it)."""

import json
import os
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

import fedmpi
from fedmpi import runs

PROGRAM = os.environ.get("FEDMPI_PROGRAM")
needs_program = pytest.mark.skipif(not PROGRAM, reason="FEDMPI_PROGRAM names no program")


THREE = ["--client_num_in_total", 3, "--client_num_per_round", 3, "--comm_round", 2]


def samples(rows=60, seed=0):
    """Two classes of points that a line divides."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 2)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def train(folder, *flags):
    """Some run of three clients, started in the folder of its data, unless flags say otherwise."""
    usual = {"--lr": "0.5", "--out_dir": folder / "run", "--data_dir": folder}
    left = [word for flag, value in usual.items() if flag not in flags for word in (flag, value)]
    command = [str(word) for word in [PROGRAM, *left, *flags]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def saved(folder, users):
    x, y = samples()
    fedmpi.save_dataset(folder / "train.npz", x, y, users)
    fedmpi.save_dataset(folder / "test.npz", *samples(seed=1))


@needs_program
@pytest.mark.parametrize("users", [[f"u{row % 3}" for row in range(60)], np.arange(60) % 3], ids=["words", "numbers"])
def test_a_run_comes_back_as_frames(tmp_path, users):
    pytest.importorskip("pandas")
    saved(tmp_path, users)
    flags = ["--client_num_in_total", 3, "--client_num_per_round", 2, "--comm_round", 20, "--epochs", 3]
    code, said = train(tmp_path, "--dataset", "arrays", "--partition_method", "natural", "--model", "lr", *flags)
    assert code == 0, said
    run = fedmpi.load_run(tmp_path / "run")
    assert list(run.metrics["round"]) == list(range(1, 21))
    assert len(run.clients) == 40 and set(run.clients["client"]) == {0, 1, 2}
    assert list(run.metrics.columns) == runs.METRICS and list(run.clients.columns) == runs.TRAININGS
    assert run.config["client_num_per_round"] == 2 and run.summary["state"] == "finished"
    assert run.data["shape"] == [2] and run.data["task"] == "classes"
    assert run.data["owners"] == [str(user) for user in users[:3]]


@needs_program
def test_a_trained_model_answers_as_the_program_said(tmp_path):
    torch = pytest.importorskip("torch")
    saved(tmp_path, None)
    flags = ["--client_num_in_total", 4, "--client_num_per_round", 4, "--comm_round", 20, "--epochs", 3]
    code, said = train(tmp_path, "--dataset", "arrays", "--partition_method", "homo", "--model", "lr", *flags)
    assert code == 0, said
    names = sorted(fedmpi.load_model(tmp_path / "run"))
    layer = torch.nn.ModuleDict({names[0].split(".")[0]: torch.nn.Linear(2, 2)})
    model = next(iter(fedmpi.load_model(tmp_path / "run", layer).values()))
    run = fedmpi.load_run(tmp_path / "run")
    x, y = samples(seed=1)
    figures = run.data["standardised"]
    x = (x - figures["mean"]) / figures["deviation"]
    with torch.no_grad():
        found = model(torch.tensor(x, dtype=torch.float32)).argmax(1).numpy()
    assert (found == y).mean() == pytest.approx(run.summary["final_test_accuracy"])
    assert run.summary["final_test_accuracy"] > 0.9
    with pytest.raises(ValueError, match="not in the file: weight"):
        fedmpi.load_model(tmp_path / "run", torch.nn.Linear(2, 2))


@needs_program
def test_an_exported_module_is_trained_and_comes_back(tmp_path):
    torch = pytest.importorskip("torch")
    saved(tmp_path, None)
    module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    # A constant, which does not travel.
    module.register_buffer("mask", torch.full((2, 2), float("-inf")).triu(1))
    fedmpi.export(module, torch.randn(4, 2), tmp_path / "model.pt")
    flags = ["--client_num_in_total", 3, "--client_num_per_round", 3, "--comm_round", 10, "--partition_method", "homo"]
    code, said = train(tmp_path, "--dataset", "arrays:standardise=none", "--model", f"script:{tmp_path}/model.pt", *flags)
    assert code == 0, said
    x, y = samples(seed=1)
    accuracy = fedmpi.load_run(tmp_path / "run").summary["final_test_accuracy"]
    for model in (fedmpi.load_model(tmp_path / "run"), fedmpi.load_model(tmp_path / "run", module)):
        with torch.no_grad():
            found = model.eval()(torch.tensor(x)).argmax(1).numpy()
        assert (found == y).mean() == pytest.approx(accuracy)
    assert accuracy > 0.7


@needs_program
def test_the_program_refuses_what_was_not_saved_by_us(tmp_path):
    x, y = samples()
    x[3, 1] = np.nan
    np.savez(tmp_path / "train.npz", x=x, y=y)
    code, said = train(tmp_path, "--dataset", "arrays")
    assert code != 0 and "train.npz: `x` holds NaN in row 3, place 1 (hint:" in said, said


@pytest.mark.parametrize(
    "x, y, users, fault",
    [
        (np.zeros((2, 3)), [0], None, "y has 1 rows where x has 2"),
        ([[1.0], [np.inf]], [0, 1], None, "x is not finite in row 1"),
        (np.zeros((2, 3)), [0, 1], ["a", " "], "row 1 has no user"),
        (np.zeros((2, 3)), [0, 1], [0.5, 1.5], "users are floats"),
        (np.zeros((0, 3)), [], None, "x has no rows"),
        (np.array([{}, {}], dtype=object), [0, 1], None, "x is of kind object, row 0 holds {} .dict.: give"),
        (np.zeros((2, 1)), np.array(["a", None], dtype=object), None, "y is of kind object, row 1 holds None .NoneType.: give"),
        ([[1], [2, 3]], [0, 1], None, "x has rows of different lengths"),
        (np.zeros((2, 1, 1, 1, 1)), [0, 1], None, "x has rows of 4 sides: give at most"),
        (np.zeros((2, 0)), [0, 1], None, "x has rows of the shape .0,., which are empty"),
        (["a", "b"], [0, 1], None, "x holds words: give"),
        ([[1], [-1]], [0, 1], None, "x holds -1 in row 1, and tokens count from 0: give floats"),
        (np.zeros((2, 1)), [0, -1], None, "y holds -1 in row 1, and classes and tokens count from 0: give floats"),
        (np.zeros((2, 1)), [[0, 1], [1, 2]], None, "y holds 2 in row 1, and rows of integers are sets of 0 and 1"),
        (np.zeros((2, 1)), [["a", "b"], ["a", "b"]], None, "y holds 2 words a row"),
        (np.zeros((2, 1)), np.zeros((2, 0)), None, "y has rows of the shape .0,., which are empty"),
        ([[1, 2, 3]], [[1, 2]], None, "y has 2 tokens a row and x 3"),
        (np.zeros((2, 1)), np.array([0, 2**63], dtype=np.uint64), None, "y does not fit int64 in row 1"),
        (np.zeros((2, 1)), [0, 1], np.array([0, 2**63], dtype=np.uint64), "users does not fit int64 in row 1"),
        (np.zeros((2, 1)), [0, 1], [b"a", b"\xff"], "users holds words that are no text"),
    ],
)
def test_what_the_program_would_refuse_is_not_saved(tmp_path, x, y, users, fault):
    with pytest.raises(ValueError, match=fault):
        fedmpi.save_dataset(tmp_path / "train.npz", x, y, users)
    assert list(tmp_path.iterdir()) == []


def written(folder, x, y, users=None):
    fedmpi.save_dataset(folder / "train.npz", x, y, users)
    return dict(np.load(folder / "train.npz"))


def test_words_and_numbers_may_be_objects(tmp_path):
    words = np.array(["dog", "cat"], dtype=object)
    found = written(tmp_path, np.array([[1, 0.5], [True, 2]], dtype=object), words, [b"\xc3\xa4", b"b"])
    assert list(found["y"]) == ["dog", "cat"] and list(found["users"]) == ["ä", "b"]
    assert found["x"].tolist() == [[1, 0.5], [1, 2]] and found["x"].dtype == np.float32
    rows = np.empty(2, dtype=object)
    rows[:] = [[1, 2], [3, -100]]
    assert written(tmp_path, [[1, 2], [3, 4]], rows)["y"].tolist() == [[1, 2], [3, -100]]


def test_columns_of_pandas_are_saved(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4], "label": ["dog", "cat"], "user": ["u", "v"]})
    found = written(tmp_path, table[["a", "b"]], table["label"].astype(object), table["user"].astype("category"))
    assert found["x"].tolist() == [[1, 3], [2, 4]]
    assert list(found["y"]) == ["dog", "cat"] and list(found["users"]) == ["u", "v"]
    assert written(tmp_path, table[["a"]], table["b"].astype("Int64"), table["user"])["y"].tolist() == [3, 4]


def test_tensors_of_half_precision_are_saved(tmp_path):
    torch = pytest.importorskip("torch")
    for kind in [torch.bfloat16, torch.float16]:
        found = written(tmp_path, torch.tensor([[0.5], [2.0]], dtype=kind, requires_grad=True), torch.tensor([0, 1]))
        assert found["x"].dtype == np.float32 and found["x"].tolist() == [[0.5], [2]]


def test_both_forms_hold_the_same(tmp_path):
    load_file = pytest.importorskip("safetensors.numpy").load_file
    x, y = samples()
    for end in ["npz", "safetensors"]:
        fedmpi.save_dataset(tmp_path / f"train.{end}", x, y, np.arange(60) % 3)
    written, packed = load_file(tmp_path / "train.safetensors"), np.load(tmp_path / "train.npz")
    assert set(written) == set(packed.files) == {"x", "y", "users"}
    assert all(np.array_equal(written[name], packed[name]) for name in written)
    with pytest.raises(ValueError, match="users are words"):
        fedmpi.save_dataset(tmp_path / "test.safetensors", x, y, ["u"] * 60)
    with pytest.raises(ValueError, match="must end in .npz or .safetensors"):
        fedmpi.save_dataset(tmp_path / "test.pt", x, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.npz", "train.safetensors"]


def test_a_form_whose_package_is_missing_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        fedmpi.save_dataset(tmp_path / "train.safetensors", *samples())
    assert list(tmp_path.iterdir()) == []


@needs_program
def test_the_program_trains_on_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    for part, seed in [("train", 0), ("test", 1)]:
        fedmpi.save_dataset(tmp_path / f"{part}.safetensors", *samples(seed=seed))
    flags = ["--client_num_in_total", 3, "--client_num_per_round", 2, "--comm_round", 2]
    code, said = train(tmp_path, "--dataset", "arrays", "--partition_method", "iid", "--model", "lr", *flags)
    assert code == 0, said


@needs_program
def test_a_run_that_failed_at_once_has_empty_frames(tmp_path):
    pytest.importorskip("pandas")
    saved(tmp_path, None)
    code, said = train(tmp_path, "--dataset", "arrays", "--partition_method", "iid", "--model", "lr", "--lr", "1e38", *THREE)
    assert code != 0, said
    assert (tmp_path / "run" / "metrics.csv").read_text() == "", said
    run = fedmpi.load_run(tmp_path / "run")
    assert run.summary["state"] == "failed" and len(run.metrics) == len(run.clients) == 0
    assert list(run.metrics["round"]) == list(run.clients["loss"]) == []


def test_a_folder_that_is_no_runs_is_refused(tmp_path):
    pytest.importorskip("pandas")
    with pytest.raises(FileNotFoundError, match="no config.yaml"):
        fedmpi.load_run(tmp_path)


def test_modules_are_exported_with_both_modes(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))
    example = torch.randn(4, 2)
    fedmpi.export(module, example, tmp_path / "model.pt")
    written = torch.jit.load(str(tmp_path / "model.pt"))
    assert [name for name, _ in written.named_parameters()] == [name for name, _ in module.named_parameters()]
    assert not torch.equal(written.train()(example), written(example))
    assert torch.equal(written.eval()(example), module.eval()(example))


@pytest.mark.parametrize(
    "change, fault",
    [
        (lambda module: module.double(), "0.weight is of torch.float64, and 32-bit floats are trained: export.model.float"),
        (lambda module: module.requires_grad_(False), "no parameter that is trained"),
    ],
    ids=["float64", "frozen"],
)
def test_modules_that_the_program_would_not_train_are_refused(tmp_path, change, fault):
    torch = pytest.importorskip("torch")
    module = change(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)))
    with pytest.raises(ValueError, match=fault):
        fedmpi.export(module, torch.zeros(2, 2, dtype=next(module.parameters()).dtype), tmp_path / "model.pt")
    with pytest.raises(ValueError, match="no parameter that is trained"):
        fedmpi.export(torch.nn.ReLU(), torch.zeros(2, 2), tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


@needs_program
def test_a_script_is_found_from_elsewhere_too(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    saved(tmp_path, None)
    fedmpi.export(torch.nn.Linear(2, 2), torch.zeros(2, 2), tmp_path / "model.pt")
    flags = ["--dataset", "arrays", "--partition_method", "iid", "--model", "script:model.pt", *THREE]
    code, said = train(tmp_path, *flags)
    assert code == 0, said
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    wanted = fedmpi.load_model(tmp_path / "run" / "model.safetensors")
    found = fedmpi.load_model(tmp_path / "run", map_location="cpu")
    assert torch.equal(found.weight, wanted["weight"])
    (tmp_path / "model.pt").rename(tmp_path / "moved.pt")
    with pytest.raises(FileNotFoundError, match="model.pt is not there: name the TorchScript file"):
        fedmpi.load_model(tmp_path / "run")
    found = fedmpi.load_model(tmp_path / "run", tmp_path / "moved.pt")
    assert torch.equal(found.weight, wanted["weight"])


def test_relative_scripts_are_sought_where_the_run_was_started(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("yaml")
    save_file = pytest.importorskip("safetensors.torch").save_file
    run, module = tmp_path / "run", torch.nn.Linear(2, 2)
    run.mkdir()
    fedmpi.export(torch.nn.Linear(2, 2), torch.zeros(2, 2), tmp_path / "model.pt")
    (run / "config.yaml").write_text("model:\n  name: script\n  file: model.pt\n")
    (run / "environment.json").write_text(json.dumps([{"directory": "/nowhere"}, {"directory": str(tmp_path)}]))
    with pytest.raises(FileNotFoundError, match="model.safetensors is not there: a run writes it when it ends"):
        fedmpi.load_model(run)
    save_file(dict(module.state_dict()), run / "model.safetensors")
    assert torch.equal(fedmpi.load_model(run).weight, module.weight)


@needs_program
def test_adapters_are_added_to_their_matrices(tmp_path):
    torch = pytest.importorskip("torch")
    saved(tmp_path, None)
    model = ["--model", "mlp:hidden=8", "--lora", "rank=2,alpha=6,on=fc1", "--train_only", "fc2"]
    code, said = train(tmp_path, "--dataset", "arrays:standardise=none", "--partition_method", "iid", *model, *THREE)
    assert code == 0, said
    file = tmp_path / "run" / "model.safetensors"
    tensors = fedmpi.load_model(file)
    wanted = tensors["fc1.weight"] + 3 * tensors["fc1.lora_B.weight"] @ tensors["fc1.lora_A.weight"]
    module = lambda: torch.nn.ModuleDict({"fc1": torch.nn.Linear(2, 8), "fc2": torch.nn.Linear(8, 2)})
    for path in [tmp_path / "run", file]:
        found = fedmpi.load_model(path, module())
        assert torch.allclose(found["fc1"].weight, wanted) and torch.equal(found["fc2"].weight, tensors["fc2.weight"])
    x, y = samples(seed=1)
    with torch.no_grad():
        answers = found["fc2"](torch.relu(found["fc1"](torch.tensor(x)))).argmax(1).numpy()
    accuracy = fedmpi.load_run(tmp_path / "run").summary["final_test_accuracy"]
    assert (answers == y).mean() == pytest.approx(accuracy)
    file.rename(tmp_path / "alone.safetensors")
    with pytest.raises(ValueError, match="alone.safetensors holds adapters such as fc1.lora_A.weight, .* name the run's folder"):
        fedmpi.load_model(tmp_path / "alone.safetensors", module())


def test_modules_that_answer_by_something_else_are_refused(tmp_path):
    torch = pytest.importorskip("torch")

    class Pair(torch.nn.Linear):
        def forward(self, x):
            return x @ self.weight, x

    with pytest.raises(ValueError, match="must be one tensor"):
        fedmpi.export(Pair(2, 2), torch.zeros(2, 2), tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


@needs_program
def test_a_module_learns_as_the_native_model_of_its_weights(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("pandas")
    save_file = pytest.importorskip("safetensors.torch").save_file
    random = np.random.default_rng(4)
    for name in ["train", "test"]:
        fedmpi.save_dataset(tmp_path / f"{name}.npz", random.random((80, 1, 28, 28), np.float32), np.arange(80) % 10)
    nn = torch.nn
    torch.manual_seed(1)
    layers = {"conv1": nn.Conv2d(1, 6, 5), "act1": nn.ReLU(), "pool1": nn.MaxPool2d(2), "conv2": nn.Conv2d(6, 16, 5),
              "act2": nn.ReLU(), "pool2": nn.MaxPool2d(2), "flat": nn.Flatten(), "fc1": nn.Linear(256, 120),
              "act3": nn.ReLU(), "fc2": nn.Linear(120, 84), "act4": nn.ReLU(), "fc3": nn.Linear(84, 10)}
    module = nn.Sequential(OrderedDict(layers))
    save_file(module.state_dict(), tmp_path / "start.safetensors")
    fedmpi.export(module, torch.zeros(2, 1, 28, 28), tmp_path / "lenet.pt")
    flags = ["--dataset", "arrays:standardise=none", "--partition_method", "homo", "--client_num_in_total", 2,
             "--client_num_per_round", 2, "--local_steps", 1, "--comm_round", 20, "--lr", 0.1]
    runs = {}
    for name, start in {"lenet": ["--init_from", tmp_path / "start.safetensors"], "script:lenet.pt": []}.items():
        out_dir = tmp_path / name.split(":")[0]
        code, said = train(tmp_path, *flags, *start, "--model", name, "--out_dir", out_dir)
        assert code == 0, said
        runs[name] = fedmpi.load_run(out_dir)
    ours, theirs = (run.metrics["train_loss"].to_numpy() for run in runs.values())
    assert len(ours) == 20 and ours[0] > ours[-1]
    assert np.abs(ours - theirs).max() < 1e-4
    hashes = set()
    for workers in [1, 2, 3]:
        out_dir = tmp_path / f"on-{workers}"
        code, said = train(tmp_path, *flags, "--model", "script:lenet.pt", "--workers", workers, "--out_dir", out_dir)
        assert code == 0, said
        hashes.add(fedmpi.load_run(out_dir).summary["model_hash"])
    assert hashes == {runs["script:lenet.pt"].summary["model_hash"]}


@needs_program
def test_a_bert_of_transformers_learns_hidden_tokens(tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("pandas")
    words = "the quick brown fox jumps over a lazy dog while many other animals sleep".split()
    lines = [" ".join(words[(place + step) % len(words)] for step in range(12)) for place in range(200)]
    users = {f"u{user}": {"x": lines[user::10]} for user in range(10)}
    blob = {"users": [*users], "num_samples": [20] * 10, "user_data": users}
    for name in ["train_data.json", "test_data.json"]:
        (tmp_path / name).write_text(json.dumps(blob))
    flags = ["--dataset", "flute_text:learn=hidden,length=12", "--client_num_in_total", 10, "--partition_method", "natural",
             "--client_num_per_round", 5, "--lr", 0.5, "--epochs", 2, "--comm_round", 8]
    code, said = train(tmp_path, *flags[:-1], 1, "--model", "bert:size=tiny", "--out_dir", tmp_path / "native")
    assert code == 0, said
    data = fedmpi.load_run(tmp_path / "native").data

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            config = transformers.BertConfig(vocab_size=data["outputs"], hidden_size=32, num_hidden_layers=2,
                                             num_attention_heads=2, intermediate_size=64, max_position_embeddings=32)
            self.model = transformers.BertForMaskedLM(config)

        def forward(self, tokens):
            return self.model(tokens).logits

    torch.manual_seed(2)
    example = torch.zeros(2, *data["shape"], dtype=torch.int64)
    fedmpi.export(Logits(), example, tmp_path / "bert.pt", how="trace")
    hashes, losses = set(), None
    for workers in [1, 2]:
        out_dir = tmp_path / f"on-{workers}"
        code, said = train(tmp_path, *flags, "--model", "script:bert.pt", "--workers", workers, "--out_dir", out_dir)
        assert code == 0, said
        run = fedmpi.load_run(out_dir)
        hashes.add(run.summary["model_hash"])
        losses = run.metrics["train_loss"].to_numpy()
    assert len(hashes) == 1 and losses[-1] < losses[0]
