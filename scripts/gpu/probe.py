#!/usr/bin/env python3
"""What a small model's training step costs on this GPU beside what it could cost: as PyTorch calls it, as a CUDA
graph of a client's steps, and as several such graphs on streams of their own. Needs nothing of fedmpi.

usage: probe.py [SECONDS_PER_ROW] [cuda|cpu]    cpu tries the logic: there, graphs and streams are plain calls

Rows: what, microseconds, a remark. «same bits»: the weights are those of the plain calls, to the last bit.
"""
import contextlib, statistics, sys, time
import torch
from torch.nn import functional as F

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
CUDA = sys.argv[2:] != ["cpu"]
DEVICE = torch.device("cuda" if CUDA else "cpu")
BATCH, STEPS, RATE = 10, 5, 0.1

# As in fedmpi, but for dropout. Convolutions: (in, out, kernel, padding, pooled). `cifar` is pfl-research's network.
NETS = {
    "lr": ((784,), [], [784, 10]),
    "2nn": ((784,), [], [784, 200, 200, 10]),
    "cnn": ((1, 28, 28), [(1, 32, 5, 2, True), (32, 64, 5, 2, True)], [3136, 512, 10]),
    "cifar": ((3, 32, 32), [(3, 32, 3, 0, False), (32, 64, 3, 0, True)], [12544, 128, 10]),
}


def row(what, micros, remark=""):
    print(f"  {what:<40}{micros:>10.1f} us  {remark}", flush=True)


def attempt(what, case):
    """One case that fails costs no other."""
    try:
        case()
    except Exception as error:
        print(f"  {what:<40}         -     {type(error).__name__}: {str(error).splitlines()[0][:90]}", flush=True)


def settle():
    if CUDA:
        torch.cuda.synchronize()


def micros(work, parts):
    """Median microseconds of one of the `parts` of a piece of work."""
    def once(times):
        settle()
        began = time.perf_counter()
        for _ in range(times):
            work()
        settle()
        return (time.perf_counter() - began) / times
    once(2)
    times = max(1, int(SECONDS / 5 / once(1)))
    return statistics.median(once(times) for _ in range(5)) / parts * 1e6


def on(stream):
    return torch.cuda.stream(stream) if CUDA else contextlib.nullcontext()


def graph(work, stream=None):
    """Work as a graph, warmed up on the stream that it is captured on."""
    if not CUDA:
        return work
    stream = stream or torch.cuda.Stream()
    settle()
    with on(stream):
        for _ in range(3):
            work()
    settle()
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured, stream=stream):
        work()
    return captured.replay


class Client:
    """A client that trains a model of its own from fixed weights over batches of its own."""

    def __init__(self, net, seed=0):
        shape, self.convolutions, self.widths = NETS[net]
        draw = torch.Generator().manual_seed(seed)
        sizes = [size for i, o, k, *_ in self.convolutions for size in ((o, i, k, k), (o,))]
        sizes += [size for i, o in zip(self.widths, self.widths[1:]) for size in ((o, i), (o,))]
        # The weights are everyone's, the batches are not.
        fixed = torch.Generator().manual_seed(0)
        self.start = [(torch.randn(size, generator=fixed) * 0.05).to(DEVICE) for size in sizes]
        self.weights = [weight.clone().requires_grad_(True) for weight in self.start]
        self.x = torch.rand((STEPS, BATCH, *shape), generator=draw).to(DEVICE)
        self.y = torch.randint(10, (STEPS, BATCH), generator=draw).to(DEVICE)

    def forward(self, x):
        weights = iter(self.weights)
        for _, _, _, padding, pooled in self.convolutions:
            x = F.conv2d(x, next(weights), next(weights), padding=padding)
            x = F.relu(F.max_pool2d(x, 2) if pooled else x)
        x = x.flatten(1)
        for width in self.widths[1:]:
            x = F.linear(x, next(weights), next(weights))
            x = x if width == self.widths[-1] else F.relu(x)
        return x

    def step(self, number):
        """Gradients are gathered, scaled and added, as fedmpi does it."""
        loss = F.cross_entropy(self.forward(self.x[number]), self.y[number])
        gradients = torch.autograd.grad(loss, self.weights)
        change = torch.cat([part.reshape(-1) for part in gradients]) * -RATE
        parts = change.split([weight.numel() for weight in self.weights])
        with torch.no_grad():
            for weight, part in zip(self.weights, parts):
                weight.add_(part.view(weight.shape))

    def steps(self):
        for number in range(STEPS):
            self.step(number)

    def after(self, work):
        """The weights that work makes of the fixed ones."""
        with torch.no_grad():
            for weight, start in zip(self.weights, self.start):
                weight.copy_(start)
        settle()
        work()
        settle()
        return torch.cat([weight.detach().reshape(-1) for weight in self.weights])


def compared(mine, reference):
    apart = (mine - reference).abs().max().item()
    return "same bits" if torch.equal(mine, reference) else f"OTHER BITS, by {apart:.1e}"


def launches():
    print("launches")
    one, few = torch.zeros(1, device=DEVICE), torch.zeros(10, dtype=torch.int64)
    thousand = lambda: [one.add_(1) for _ in range(1000)]
    row("an operation", micros(thousand, 1000))
    row("a node of a graph of 1000", micros(graph(thousand), 1000))
    single = graph(lambda: one.add_(1))
    row("a graph of one node", micros(lambda: [single() for _ in range(1000)], 1000))
    row("80 bytes up", micros(lambda: [few.to(DEVICE) for _ in range(200)], 200), "and a wait")
    row("a number down", micros(lambda: [one.item() for _ in range(200)], 200), "and a wait")


def lanes(net, count):
    clients = [Client(net, seed) for seed in range(count)]
    streams = [torch.cuda.Stream() if CUDA else None for _ in clients]
    wanted = [client.after(client.steps) for client in clients]
    replays = [graph(client.steps, stream) for client, stream in zip(clients, streams)]

    def work():
        for replay, stream in zip(replays, streams):
            with on(stream):
                replay()
    # The others train meanwhile.
    found = [client.after(work) for client in clients]
    remark = compared(torch.cat(found), torch.cat(wanted))
    row(f"{count} graphs on {count} streams", micros(work, STEPS * count), remark)


def steps(net):
    print(f"{net}: a step of a client, batches of {BATCH}, {STEPS} steps a client")
    client = Client(net)
    reference = client.after(client.steps)
    row("called", micros(client.steps, STEPS), f"again: {compared(client.after(client.steps), reference)}")
    replay = graph(client.steps)
    row("a graph", micros(replay, STEPS), compared(client.after(replay), reference))
    for count in (2, 4, 8, 16):
        attempt(f"{count} graphs", lambda: lanes(net, count))


def kernels(net):
    from torch.profiler import ProfilerActivity, profile
    client = Client(net)
    client.steps()
    settle()
    with profile(activities=[ProfilerActivity.CUDA if CUDA else ProfilerActivity.CPU]) as seen:
        client.step(0)
        settle()
    times = {}
    for event in seen.events():
        if not CUDA or event.device_type == torch.autograd.DeviceType.CUDA:
            times.setdefault(event.name, []).append(event.device_time if CUDA else event.cpu_time)
    count, spent = sum(map(len, times.values())), sum(map(sum, times.values()))
    print(f"{net}: {count} kernels and copies in a step that is called, {spent:.0f} us of work")
    for name, each in sorted(times.items(), key=lambda entry: -sum(entry[1]))[:10]:
        print(f"  {len(each):>3} x {name[:80]:<80}{sum(each):>10.1f} us")


def main():
    # As fedmpi computes: all bits of a float, the same ones every time.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(0) if CUDA else "CPU"
    print(f"{name}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    attempt("launches", launches)
    for net in NETS:
        attempt(net, lambda: steps(net))
    for net in ("cnn", "cifar"):
        attempt(net, lambda: kernels(net))


main()
