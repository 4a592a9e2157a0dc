"""Both ends of fedmpi: models and data for it, runs and models from it.

    fedmpi.export(model, example, "model.pt")          # --model script:model.pt
    fedmpi.save_dataset("data/train.npz", x, y, users) # --dataset arrays --data_dir data
    run = fedmpi.load_run("runs/a")                    # run.metrics, run.clients, run.config, run.summary, run.data
    fedmpi.load_model("runs/a", module)                # the trained weights

The program itself needs no Python.
"""

from .datasets import save_dataset
from .models import export, load_model
from .runs import Run, load_run

__all__ = ["Run", "export", "load_model", "load_run", "save_dataset"]
