"""What a run has left in its folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional


#: Columns of metrics.csv.
METRICS = (
    "round clients dropped late diverged samples train_loss test_loss test_accuracy train_set_loss train_set_accuracy seconds "
    "evaluation_seconds virtual_seconds clock updates staleness planning_seconds makespan_seconds client_bytes cluster_bytes "
    "efficiency prediction_error epsilon model_hash"
).split()
#: What is known of each training of a client.
TRAININGS = "round client rank samples loss start seconds bits".split()


@dataclass(frozen=True)
class Run:
    """A run's folder, read."""

    #: Where it is.
    path: Path
    #: The resolved config.
    config: Dict[str, Any]
    #: How the run stands and why; empty while it goes on.
    summary: Dict[str, Any]
    #: What the data was: shape, task, figures of standardisation, names.
    data: Dict[str, Any]
    #: A line for each round, as metrics.csv has it; none of a run that failed before the first ended.
    metrics: Any
    #: A line for each training of a client: round, client, rank, samples, loss, seconds.
    clients: Any


def load_run(path) -> Run:
    """Reads a run's folder: frames of pandas, and what its JSON and YAML say."""
    import pandas
    import yaml

    path = Path(path)
    if not (path / "config.yaml").is_file():
        raise FileNotFoundError(f"{path} is not the folder of a run: it has no config.yaml")
    trainings = list(_trainings(path / "journal.jsonl"))
    return Run(
        path=path,
        config=yaml.safe_load((path / "config.yaml").read_text()),
        summary=_json(path / "summary.json") or {},
        data=_json(path / "data.json") or {},
        metrics=_table(path / "metrics.csv"),
        clients=pandas.DataFrame(trainings, columns=None if trainings else TRAININGS),
    )


def _table(path: Path):
    """The program makes the file when it starts, and its first line with the first round."""
    import pandas

    is_there = path.is_file() and path.stat().st_size > 0
    return pandas.read_csv(path) if is_there else pandas.DataFrame(columns=METRICS)


def _json(path: Path) -> Optional[Dict[str, Any]]:
    return json.loads(path.read_text()) if path.is_file() else None


def _trainings(path: Path):
    """Trainings of clients, in their order. The last line may be torn: the run may go on."""
    if not path.is_file():
        return
    with path.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            event = json.loads(line)
            if event.pop("event") == "client_trained":
                yield {key: _number(value) for key, value in event.items()}


def _number(value):
    """JSON has no words for numbers that are not finite, so the program writes texts."""
    return float(value) if value in ("NaN", "inf", "-inf") else value
