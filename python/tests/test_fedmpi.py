"""The package by itself, and against the program (FEDMPI_PROGRAM names it)."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fedmpi

PROGRAM = os.environ.get("FEDMPI_PROGRAM")
needs_program = pytest.mark.skipif(not PROGRAM, reason="FEDMPI_PROGRAM names no program")


def samples(rows=60, seed=0):
    """Two classes of points that a line divides."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 2)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def train(folder, *flags):
    command = [PROGRAM, "--data_dir", folder, "--out_dir", folder / "run", "--lr", "0.5", *flags]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
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
        (np.array([{}, {}], dtype=object), [0, 1], None, "x is of kind object"),
    ],
)
def test_what_the_program_would_refuse_is_not_saved(tmp_path, x, y, users, fault):
    with pytest.raises(ValueError, match=fault):
        fedmpi.save_dataset(tmp_path / "train.npz", x, y, users)
    assert list(tmp_path.iterdir()) == []


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


def test_modules_that_answer_by_something_else_are_refused(tmp_path):
    torch = pytest.importorskip("torch")

    class Pair(torch.nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(ValueError, match="must be one tensor"):
        fedmpi.export(Pair(), torch.zeros(2, 2), tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()
