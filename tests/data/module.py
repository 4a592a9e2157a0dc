"""Makes module.pt, a small module with everything that a user's own may have: batch normalisation, dropout, a tied
weight, whole numbers; and stateful.pt, with what changes while it computes: an LSTM's list of weights, counters, a mean
over all batches; with a mask of infinities, noise also in evaluation, and a layer that nothing uses.
Run it with PyTorch when a module is to change: python tests/data/module.py [NAME]"""

import sys
from pathlib import Path

import torch
from torch import nn


class Small(nn.Module):
    """Of images 1x28x28, ten classes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(4 * 8 * 8, 10)
        self.register_buffer("ten", torch.tensor(10))

    def forward(self, images):
        maps = torch.relu(self.norm(self.conv(images))).permute(0, 2, 3, 1)
        maps = torch.relu(self.second(torch.relu(self.first(maps))) + maps)
        return self.last(self.drop(maps.flatten(1))).view(-1, int(self.ten))


class Stateful(nn.Module):
    """Of images 1x28x28, ten classes: rows are read one after another."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(28, momentum=None)
        self.read = nn.LSTM(28, 8, batch_first=True)
        self.last = nn.Linear(8, 10)
        self.unused = nn.Linear(8, 10)
        self.calls = 0
        self.register_buffer("batches", torch.tensor(0))
        self.register_buffer("mask", torch.full((28, 28), float("-inf")).triu(1))

    def forward(self, images):
        self.calls += 1
        self.batches += 1
        rows = self.norm(images.flatten(1, 2)) + torch.softmax(self.mask, 1)
        last = self.read(rows)[0][:, -1]
        return self.last(last) * (1 + 0.1 * self.calls) + 0.01 * self.batches * torch.randn([len(images), 1])


MODULES = {"module": Small, "stateful": Stateful}
for name in sys.argv[1:] or MODULES:
    torch.manual_seed(0)
    torch.jit.script(MODULES[name]()).save(Path(__file__).with_name(f"{name}.pt"))
