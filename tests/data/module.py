"""Makes module.pt, a small module with everything that a user's own may have: batch normalisation, dropout, a tied
weight, whole numbers. Run it with PyTorch when the module is to change: python tests/data/module.py"""

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


torch.manual_seed(0)
torch.jit.script(Small()).save(Path(__file__).with_name("module.pt"))
