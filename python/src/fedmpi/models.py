"""Models for the program, and what it has made of them."""

import json
import os
import re
from pathlib import Path


def export(model, example, path, how="script"):
    """Writes a PyTorch module as TorchScript, for ``--model script:FILE.pt``.

    example  a batch of inputs as the data has them, at least two rows; the module must take any number of rows
    how      "script" keeps training and evaluation apart (dropout, batch normalisation) and follows conditions; "trace"
             is for modules that cannot be scripted: it records one pass as in evaluation

    Raises ValueError when the module cannot be written so, or answers otherwise once it is, and when the program would not
    train it.
    """
    import torch

    _check_tensors(model)
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


def _check_tensors(model):
    """The program trains 32-bit floats, and there must be some."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        is_weight = tensor.requires_grad or tensor.is_floating_point() or tensor.is_complex()
        if is_weight and str(tensor.dtype) != "torch.float32":
            kind = f"the module's {name} is of {tensor.dtype}, and 32-bit floats are trained"
            raise ValueError(f"{kind}: export(model.float(), ...)")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("the module has no parameter that is trained: give it one, or set requires_grad of those it has")


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


def load_model(path, module=None, map_location=None):
    """The trained model of a run's folder, or of a ``.safetensors`` file.

    module        takes the weights by their names, and is given back: a module, or the name of a TorchScript file; without
                  it, the tensors by name. A run of ``--model script:FILE.pt`` needs none: its file is loaded.
    map_location  where tensors and loaded modules go, such as "cpu" or "cuda:0"; a module that is given stays where it is

    Adapters (``--lora``) are added to the matrices that they stand beside where the module has none of that name; how much
    they count, the run's config.yaml says. Tensors by name are as the file has them: matrices without their adapters.

    Raises ValueError when names or shapes differ, and says which, and FileNotFoundError when a file is not there.
    """
    from safetensors.torch import load_file

    path = Path(path)
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: a run writes it when it ends, unless --record leaves out `model`")
    tensors = load_file(str(file), device="cpu" if map_location is None else str(map_location))
    if module is None:
        module = _script_of(path)
    if module is None:
        return tensors
    if isinstance(module, (str, os.PathLike)):
        module = _load_script(module, map_location)
    if not any(ADAPTER in name for name in module.state_dict()):
        tensors = _merged(tensors, file)
    _fill(module, tensors, file)
    return module


def _load_script(file, map_location):
    import torch

    if not os.path.isfile(file):
        raise FileNotFoundError(f"{file} is not there: name the TorchScript file, load_model(..., module=\"FILE.pt\")")
    return torch.jit.load(str(file), map_location=map_location)


def _script_of(path):
    """The file of the module that a run was made with, if it was a script."""
    model = _config(path).get("model") if path.is_dir() else None
    if not isinstance(model, dict) or model.get("name") != "script":
        return None
    # A relative name starts where the run did. Older runs do not say where; most lie below it.
    there = [_started_in(path), *path.resolve().parents, Path()]
    files = [folder / model["file"] for folder in there]
    return next((file for file in files if file.is_file()), files[0])


def _started_in(folder):
    """The folder that a run was last started in, or this one when the run does not say."""
    record = folder / "environment.json"
    starts = json.loads(record.read_text()) if record.is_file() else []
    return Path(starts[-1].get("directory", "") if starts else "")


def _config(folder):
    """What a run was made with; nothing where that is not said."""
    file = folder / "config.yaml"
    if not file.is_file():
        return {}
    import yaml

    return yaml.safe_load(file.read_text()) or {}


#: In the names of adapters: NAME.lora_A.weight and NAME.lora_B.weight stand beside NAME.weight.
ADAPTER = ".lora_A."


def _merged(tensors, file):
    """Matrices with their adapters in them: W + (alpha / rank) B A."""
    downs = [name for name in tensors if ADAPTER in name]
    if not downs:
        return tensors
    alpha = re.search(r"alpha=([^,]+)", str(_config(file.parent).get("lora")))
    if alpha is None:
        said = f"{file} holds adapters such as {downs[0]}, and no config.yaml beside it says their alpha"
        raise ValueError(f"{said}: name the run's folder, or give a module that has adapters")
    merged = {name: tensor for name, tensor in tensors.items() if ".lora_" not in name}
    for name in downs:
        down, up = tensors[name], tensors[name.replace(ADAPTER, ".lora_B.")]
        layer = name.split(ADAPTER)[0]
        whole = f"{layer}.weight" if f"{layer}.weight" in merged else layer
        if whole not in merged or up.dim() != 2 or merged[whole].numel() != up.shape[0] * down[0].numel():
            raise ValueError(f"{file} holds the adapter {name} of no matrix known here: give a module that has it")
        change = (up @ down.flatten(1)).view(merged[whole].shape)
        merged[whole] = merged[whole] + float(alpha[1]) / len(down) * change
    return merged


def _is_needed(tensor, held):
    """Counters and masks of infinities do not travel, and a tensor of two names travels once."""
    return tensor.is_floating_point() and bool(tensor.isfinite().all()) and tensor.data_ptr() not in held


def _fill(module, tensors, file):
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
        raise ValueError(f"the module does not fit {file} ({said}): give the module that the run trained, names and all")
    module.load_state_dict(tensors, strict=False)
