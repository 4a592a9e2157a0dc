"""What torch.optim does on a small problem, for the test of the client optimizers.

    python tests/cases/optimizers.py >tests/cases/optimizers.json
"""

import json

import torch

START = [1.0, -0.5, 2.0, 0.25]
SCALE = [1.0, 3.0, 0.5, 0.1]
TARGET = [0.5, 1.0, -1.0, 4.0]
STEPS = 20

# What our settings are called there.
NAMES = {
    "wd": "weight_decay",
    "client_epsilon": "eps",
    "client_nesterov": "nesterov",
    "smoothing": "alpha",
    "initial_accumulator": "initial_accumulator_value",
}
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}
CHOICES = [
    "sgd:lr=0.1",
    "sgd:lr=0.1,wd=0.3",
    "sgd:lr=0.05,momentum=0.9",
    "sgd:lr=0.05,momentum=0.9,dampening=0.4,wd=0.1",
    "sgd:lr=0.05,momentum=0.9,client_nesterov=true,wd=0.1",
    "adam:lr=0.1",
    "adam:lr=0.1,wd=0.2,client_beta1=0.5,client_beta2=0.9,client_epsilon=0.001",
    "adam:lr=0.3,client_beta2=0.5,amsgrad=true",
    "adamw:lr=0.1",
    "adamw:lr=0.1,wd=0.5,client_beta1=0.8",
    "adamw:lr=0.3,client_beta2=0.5,amsgrad=true",
    "rmsprop:lr=0.05",
    "rmsprop:lr=0.05,smoothing=0.9,momentum=0.5,wd=0.1",
    "rmsprop:lr=0.02,smoothing=0.5,centered=true,client_epsilon=0.01",
    "adagrad:lr=0.3",
    "adagrad:lr=0.5,wd=0.1,lr_decay=0.2,initial_accumulator=0.5,client_epsilon=0.001",
]


def walk(choice):
    name, settings = choice.split(":")
    values = {key: json.loads(text) for key, text in (word.split("=") for word in settings.split(","))}
    beta1, beta2 = values.pop("client_beta1", 0.9), values.pop("client_beta2", 0.999)
    arguments = {NAMES.get(key, key): value for key, value in values.items()}
    if name.startswith("adam"):
        arguments["betas"] = (beta1, beta2)
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    scale, target = (torch.tensor(values, dtype=torch.float64) for values in (SCALE, TARGET))
    optimizer = OPTIMIZERS[name]([w], **arguments)
    steps = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * scale * (w - target) ** 2 - w.cos()).sum().backward()
        optimizer.step()
        steps.append(w.tolist())
    return {"optimizer": choice, "steps": steps}


if __name__ == "__main__":
    walks = [walk(choice) for choice in CHOICES]
    print(json.dumps({"start": START, "scale": SCALE, "target": TARGET, "walks": walks}))
