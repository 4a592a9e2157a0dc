"""Models for the program, and what it has made of them."""

from pathlib import Path


def export(model, example, path, how="script"):
    """Writes a PyTorch module as TorchScript, for ``--model script:FILE.pt``.

    example  a batch of inputs as the data has them, at least two rows; the module must take any number of rows
    how      "script" keeps training and evaluation apart (dropout, batch normalisation) and follows conditions; "trace"
             is for modules that cannot be scripted: it records one pass as in evaluation

    Raises ValueError when the module cannot be written so, or answers otherwise once it is.
    """
    import torch

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            written = _written(torch, model, example, how)
            _compare(torch, model, written, example)
        # A script keeps its mode apart from its code; the program sets it.
        if how == "script":
            written.train()
        written.save(str(path))
    finally:
        model.train(was_training)


def _written(torch, model, example, how):
    if how == "trace":
        return torch.jit.trace(model, example)
    if how != "script":
        raise ValueError(f'how is {how!r}: "script" or "trace"')
    try:
        return torch.jit.script(model)
    except Exception as error:
        raise ValueError(f'the module cannot be scripted; how="trace" may do: {error}') from error


def _compare(torch, model, written, example):
    """The written module answers as the module does, whatever the number of rows."""
    for batch in (example, example[:1]):
        wanted, found = model(batch), written(batch)
        if not isinstance(found, torch.Tensor):
            raise ValueError(f"the module answers with {type(found).__name__}: it must be one tensor, such as logits")
        if found.shape != wanted.shape or not torch.allclose(found, wanted, rtol=1e-4, atol=1e-5):
            raise ValueError(f"the module answers otherwise once it is written, for a batch of {len(batch)}")


def load_model(path, module=None):
    """The trained model of a run's folder, or of a ``.safetensors`` file.

    module  takes the weights by their names, and is given back; without it, the tensors by name. A run of
            ``--model script:FILE.pt`` needs none: its file is loaded.

    Raises ValueError when names or shapes differ, and says which.
    """
    from safetensors.torch import load_file

    path = Path(path)
    tensors = load_file(str(path / "model.safetensors" if path.is_dir() else path))
    if module is None:
        module = _script_of(path)
    if module is None:
        return tensors
    _fill(module, tensors)
    return module


def _script_of(path):
    """The module that a run was made with, if it was a script."""
    if not path.is_dir() or not (path / "config.yaml").is_file():
        return None
    import torch
    import yaml

    model = yaml.safe_load((path / "config.yaml").read_text()).get("model")
    if not isinstance(model, dict) or model.get("name") != "script":
        return None
    return torch.jit.load(model["file"])


def _is_needed(tensor, held):
    """Counters do not travel, and a tensor of two names travels once."""
    return tensor.is_floating_point() and tensor.data_ptr() not in held


def _fill(module, tensors):
    wanted = module.state_dict()
    held = {wanted[name].data_ptr() for name in tensors if name in wanted}
    missing = [name for name, tensor in wanted.items() if name not in tensors and _is_needed(tensor, held)]
    unknown = [name for name in tensors if name not in wanted]
    other = [
        f"{name} {tuple(tensors[name].shape)}, in the module {tuple(wanted[name].shape)}"
        for name in tensors
        if name in wanted and tensors[name].shape != wanted[name].shape
    ]
    faults = {"not in the file": missing, "not in the module": unknown, "of another shape": other}
    said = "; ".join(f"{what}: {', '.join(names)}" for what, names in faults.items() if names)
    if said:
        raise ValueError(f"the module does not fit the weights ({said})")
    module.load_state_dict(tensors, strict=False)
