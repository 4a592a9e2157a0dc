#!/usr/bin/env python3
"""A plain sequential FedAvg loop in PyTorch over preloaded tensors, to measure against.

Same work as `fedmpi --dataset mnist --partition_method homo --client_num_in_total 100
--client_num_per_round 10 --epochs 1 --batch_size 10`: ten clients of 600 samples, one after another,
on one thread. Prints the median seconds of a round.

usage: bench_pytorch.py DATA_DIR lr|2nn|cnn ROUNDS
"""
import copy, gzip, statistics, struct, sys, time
import torch
from torch import nn
from torch.nn import functional as F


def idx(path):
    with gzip.open(path) as file:
        rank = struct.unpack(">I", file.read(4))[0] & 255
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(shape)


def build(name):
    if name == "lr":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    if name == "2nn":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10))


def train(model, x, y, order):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for start in range(0, len(order), 10):
        rows = order[start:start + 10]
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()


def main(folder, name, rounds):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = idx(f"{folder}/train-images-idx3-ubyte.gz").float().div(255).unsqueeze(1)
    y = idx(f"{folder}/train-labels-idx1-ubyte.gz").long()
    clients = torch.randperm(60000).view(100, 600)
    model, seconds = build(name), []
    for _ in range(rounds):
        began = time.perf_counter()
        start = copy.deepcopy(model.state_dict())
        mean = {key: torch.zeros_like(value) for key, value in start.items()}
        for client in torch.randperm(100)[:10]:
            model.load_state_dict(start)
            train(model, x, y, clients[client][torch.randperm(600)])
            for key, value in model.state_dict().items():
                mean[key] += value / 10
        model.load_state_dict(mean)
        seconds.append(time.perf_counter() - began)
    print(f"{name}: {statistics.median(seconds):.4f} s per round (PyTorch {torch.__version__}, one thread)")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
