#!/usr/bin/env python3
"""A plain FedAvg loop in PyTorch over preloaded tensors, to measure against.

Same work as `fedmpi --dataset mnist --partition_method homo --epochs 1 --batch_size 10` (`rnn`: --dataset shakespeare;
`bert`, which is mini: --dataset arrays with rows of tokens `x` in train.npz, of which 15 % are hidden;
residual networks, those of reference_models.py: --dataset cifar10 in its binary form): the round's
clients are trained one after another on one thread, divided among one or two processes that share
memory. Prints the median seconds of a round and the most memory of a process (PSS); with `test`, the seconds of
evaluating the test images on one thread in batches of the size that is fastest.

usage: bench_pytorch.py DATA_DIR lr|2nn|cnn|resnet18|resnet56|rnn|bert CLIENTS PER_ROUND PROCESSES ROUNDS [cuda]
       bench_pytorch.py DATA_DIR lr|2nn|cnn test

With `cuda` there is one process, and model and data are on the GPU.
"""
import gzip, json, pathlib, statistics, struct, sys, time
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F


def idx(path):
    with gzip.open(path) as file:
        rank = struct.unpack(">I", file.read(4))[0] & 255
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(shape)


class Rnn(nn.Module):
    """FedML's `rnn` on LEAF's 80 characters."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(80, 8), nn.LSTM(8, 256, 2, batch_first=True)
        self.fc = nn.Linear(256, 80)

    def forward(self, x):
        return self.fc(self.lstm(self.embedding(x))[0][:, -1])


class Bert(nn.Module):
    """BERT (mini); gives logits of every place, and the loss of those that are hidden."""

    def __init__(self):
        from transformers import BertConfig, BertForMaskedLM
        super().__init__()
        sizes = dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024)
        self.inner = BertForMaskedLM(BertConfig(vocab_size=30522, **sizes))

    def loss(self, x):
        chances = torch.rand(x.shape)
        hidden = chances < 0.15
        shown = torch.where(chances < 0.12, 103, torch.where(chances < 0.135, torch.randint(30522, x.shape), x))
        return self.inner(shown, x.ne(0).long(), labels=torch.where(hidden, x, -100)).loss


ALPHABET = "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz}"


def leaf(path):
    with open(path) as file:
        users = json.load(file)["user_data"].values()
    places = {letter: place for place, letter in enumerate(ALPHABET)}
    x = [[places[letter] for letter in row] for user in users for row in user["x"]]
    y = [places[letter] for user in users for letter in user["y"]]
    return torch.tensor(x), torch.tensor(y)


def cifar(folder):
    files = sorted(pathlib.Path(folder, "cifar-10-batches-bin").glob("data_batch_*.bin"))
    rows = torch.cat([torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8).view(-1, 3073) for file in files])
    return rows[:, 1:].float().div(255).view(-1, 3, 32, 32), rows[:, 0].long()


def samples(folder, name):
    if name.startswith("resnet"):
        return cifar(folder)
    if name == "rnn":
        return leaf(f"{folder}/train/all.json")
    if name == "bert":
        import numpy
        x = torch.from_numpy(numpy.load(f"{folder}/train.npz")["x"]).long()
        return x, x
    x = idx(f"{folder}/train-images-idx3-ubyte.gz").float().div(255).unsqueeze(1)
    return x, idx(f"{folder}/train-labels-idx1-ubyte.gz").long()


def pss():
    """Mebibytes of this process, shared pages by their share."""
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def build(name):
    if name.startswith("resnet"):
        from reference_models import CASES
        return CASES[name][1]()
    if name == "rnn":
        return Rnn()
    if name == "bert":
        return Bert()
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
        loss = model.loss(x[rows]) if hasattr(model, "loss") else F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()


def work(rank, processes, model, x, y, clients, cohort, start, sums, memory, barrier):
    """One process: its share of each round's clients, summed in its own row of `sums`."""
    torch.set_num_threads(1)
    parameters = list(model.parameters())
    while True:
        barrier.wait()
        if cohort[0] < 0:
            return
        sums[rank].zero_()
        for client in cohort[rank::processes].tolist():
            nn.utils.vector_to_parameters(start.clone(), parameters)
            train(model, x, y, clients[client][torch.randperm(clients.shape[1])])
            sums[rank] += nn.utils.parameters_to_vector(parameters).detach() / len(cohort)
        memory[rank] = max(memory[rank].item(), pss())
        barrier.wait()


def evaluate(folder, name):
    torch.set_num_threads(1)
    model = build(name)
    x = idx(f"{folder}/t10k-images-idx3-ubyte.gz").float().div(255).unsqueeze(1)
    y = idx(f"{folder}/t10k-labels-idx1-ubyte.gz").long()

    def seconds(size):
        began = time.perf_counter()
        with torch.no_grad():
            for start in range(0, len(y), size):
                scores = model(x[start:start + size])
                F.cross_entropy(scores, y[start:start + size], reduction="sum").item()
                (scores.argmax(1) == y[start:start + size]).sum().item()
        return time.perf_counter() - began

    least, size = min((min(seconds(size), seconds(size)), size) for size in [20, 50, 100, 200, 500, 1000])
    print(f"{name}: {least:.5f} s per test of {len(y)} images in batches of {size} (PyTorch {torch.__version__})")


def on_gpu(x, y, clients, model, per_round, rounds):
    x, y, model = x.cuda(), y.cuda(), model.cuda()
    clients, parameters, seconds = clients.cuda(), list(model.parameters()), []
    start = nn.utils.parameters_to_vector(parameters).detach().clone()
    for _ in range(rounds):
        began = time.perf_counter()
        mean = torch.zeros_like(start)
        for client in torch.randperm(len(clients))[:per_round].tolist():
            nn.utils.vector_to_parameters(start.clone(), parameters)
            train(model, x, y, clients[client][torch.randperm(clients.shape[1], device="cuda")])
            mean += nn.utils.parameters_to_vector(parameters).detach() / per_round
        start = mean
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds


def main(folder, name, total, per_round, processes, rounds, device="cpu"):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = samples(folder, name)
    clients = torch.randperm(len(y))[:len(y) // total * total].view(total, -1)
    model = build(name)
    if device == "cuda":
        # As fedmpi computes: all bits of a float.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        seconds = on_gpu(x, y, clients, model, per_round, rounds)
        print(f"{name}: {statistics.median(seconds):.5f} s per round (PyTorch {torch.__version__}, GPU)")
        return
    x, y = x.share_memory_(), y.share_memory_()
    start = nn.utils.parameters_to_vector(model.parameters()).detach().share_memory_()
    sums = torch.zeros(processes, len(start)).share_memory_()
    cohort = torch.zeros(per_round, dtype=torch.long).share_memory_()
    memory = torch.zeros(processes).share_memory_()
    barrier = mp.get_context("fork").Barrier(processes + 1)
    shared = (processes, model, x, y, clients, cohort, start, sums, memory, barrier)
    workers = [mp.get_context("fork").Process(target=work, args=(rank, *shared)) for rank in range(processes)]
    for worker in workers:
        worker.start()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        cohort.copy_(torch.randperm(total)[:per_round])
        barrier.wait()
        barrier.wait()
        start.copy_(sums.sum(0))
        seconds.append(time.perf_counter() - began)
    cohort.fill_(-1)
    barrier.wait()
    for worker in workers:
        worker.join()
    print(f"{name}: {statistics.median(seconds):.5f} s per round, {max(memory.tolist()):.0f} MiB (PyTorch {torch.__version__})")


if sys.argv[3] == "test":
    evaluate(*sys.argv[1:3])
else:
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7]), *sys.argv[7:])
