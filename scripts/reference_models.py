#!/usr/bin/env python3
"""Stored cases for the tests: loss and gradients of one step by torch and torchvision.

Nothing large is stored: weights and inputs follow from their names by `drawn`, which src/models/reference.rs has too. All
numbers are doubles, nothing is dropped, and a file tests/data/models/NAME.json holds
  model      as users choose it
  facts      what the data looks like, as the program has it (see src/task.rs)
  batch      samples
  loss       of a training step, the mean over its targets
  evaluated  the loss of the same batch afterwards, by the running figures of batch normalisation
  gradients  for each tensor, by its name: its length, and its product with `drawn("direction", ...)`

usage: reference_models.py [NAME ...]     all cases, or those named
"""
import json, pathlib, sys
from collections import OrderedDict
import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet

FOLDER = pathlib.Path(__file__).parent.parent / "tests/data/models"


def drawn(name, count):
    """Numbers from -1 to below 1 that look random: FNV-1a of the name, mixed with each place as MurmurHash3 ends."""
    key = 0x811C9DC5
    for byte in name.encode():
        key = (key ^ byte) * 0x01000193 % 2**32
    word = numpy.arange(count, dtype=numpy.uint64) + key
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        word &= 0xFFFFFFFF
        word = (word ^ (word >> numpy.uint64(shift))) * numpy.uint64(factor)
    return torch.from_numpy((word & 0xFFFFFFFF).astype(numpy.float64) / 2**31 - 1)


def weights(name, shape):
    """Matrices and kernels keep the size of signals; scales are near one and the rest near zero."""
    values = drawn(name, int(numpy.prod(shape))).view(shape)
    if len(shape) > 1:
        return values * (3 * shape[0] / numpy.prod(shape)) ** 0.5
    return 0.1 * values + (1 if name.endswith("weight") else 0)


def below(name, count, limit):
    """Whole numbers below a limit."""
    return ((drawn(name, count) + 1) / 2 * limit).floor().long()


# Facts, inputs, and what makes a loss of outputs.

def images(shape, classes):
    facts = {"shape": shape, "task": {"Classes": classes}, "input": "numbers", "targets": 1}
    inputs = lambda batch: drawn("inputs", batch * int(numpy.prod(shape))).view(batch, *shape)
    targets = lambda batch: below("targets", batch, classes)
    return facts, inputs, targets, F.cross_entropy


# Models, named as the program names them.

def sequence(**layers):
    return nn.Sequential(OrderedDict(layers))


def dense(*widths):
    return [nn.Linear(*pair) for pair in zip(widths, widths[1:])]


def two_convolutions(colours, channels, kernel, padding, flat, hidden, classes, pool_after_both=False):
    one = nn.Conv2d(colours, channels[0], kernel, padding=padding)
    two = nn.Conv2d(channels[0], channels[1], kernel, padding=padding)
    first = {} if pool_after_both else {"pool1": nn.MaxPool2d(2)}
    layers = dict(conv1=one, relu1=nn.ReLU(), **first, conv2=two, relu2=nn.ReLU(), pool2=nn.MaxPool2d(2), flat=nn.Flatten())
    linear = dense(flat, *hidden, classes)
    for place, layer in enumerate(linear):
        layers[f"fc{place + 1}"] = layer
        if place + 1 < len(linear):
            layers[f"relu_fc{place + 1}"] = nn.ReLU()
    return sequence(**layers)


def cnn_cifar():
    net = two_convolutions(3, [64, 64], 5, 2, 4096, [384, 192], 10)
    net.pool1, net.pool2 = nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, 1)
    return net


class Pairs(nn.Module):
    """FedML's group normalisation: a scale and a shift for every two channels, by batch normalisation of a view."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels // 2)), nn.Parameter(torch.zeros(channels // 2))

    def forward(self, x):
        groups = x.shape[0] * len(self.weight)
        scale, shift = self.weight.repeat(x.shape[0]), self.bias.repeat(x.shape[0])
        return F.batch_norm(x.reshape(1, groups, 2, *x.shape[2:]), None, None, scale, shift, True).view(x.shape)


def small_stem(net):
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return net


def narrow(block, blocks):
    """Three stages of 16, 32 and 64 channels, a 1x1 convolution where a block changes the shape."""
    inputs, stages = 16, {}
    for stage, planes in enumerate([16, 32, 64]):
        outputs, layers = planes * block.expansion, []
        for place in range(blocks):
            stride = 2 if stage and not place else 1
            changes = stride > 1 or inputs != outputs
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            layers.append(block(inputs, planes, stride, shortcut if changes else None))
            inputs = outputs
        stages[f"layer{stage + 1}"] = nn.Sequential(*layers)
    stem = dict(conv1=nn.Conv2d(3, 16, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(16), relu=nn.ReLU())
    return sequence(**stem, **stages, mean=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(inputs, 10))


def mobilenet():
    """FedML's: pointwise convolutions have biases."""
    def pair(inputs, outputs, stride):
        depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        return sequence(
            depthwise=nn.Sequential(depthwise, nn.BatchNorm2d(inputs), nn.ReLU()),
            pointwise=nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU()))

    def halving(inputs, outputs, blocks):
        return nn.Sequential(pair(inputs, outputs, 2), *[pair(outputs, outputs, 1) for _ in range(blocks - 1)])

    stem = sequence(conv=nn.Conv2d(3, 32, 3, padding=1, bias=False), bn=nn.BatchNorm2d(32), relu=nn.ReLU())
    return sequence(
        stem=nn.Sequential(stem, pair(32, 64, 1)), conv1=halving(64, 128, 2), conv2=halving(128, 256, 2),
        conv3=halving(256, 512, 6), conv4=halving(512, 1024, 2), mean=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
        fc=nn.Linear(1024, 10))


def vgg(features, normalise):
    net = sequence(features=getattr(torchvision.models, features + ("_bn" if normalise else ""))(num_classes=10).features,
                   flat=nn.Flatten())
    hidden = [nn.Dropout(), nn.Linear(512, 512), nn.ReLU()]
    net.classifier = nn.Sequential(*hidden, nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return net


GROUPS = lambda channels: nn.GroupNorm(2, channels)
TINY, CIFAR, MNIST = images([3, 8, 8], 10), images([3, 32, 32], 10), images([1, 28, 28], 10)
TORCHVISION = torchvision.models

# Name: choice, module, data, samples.
CASES = {
    "2nn": ("2nn", lambda: sequence(flat=nn.Flatten(), fc1=nn.Linear(784, 200), relu1=nn.ReLU(), fc2=nn.Linear(200, 200),
                                    relu2=nn.ReLU(), fc3=nn.Linear(200, 10)), MNIST, 4),
    "cnn": ("cnn", lambda: two_convolutions(1, [32, 64], 5, 2, 3136, [512], 10), MNIST, 4),
    "cnn_dropout": ("cnn_dropout", lambda: two_convolutions(1, [32, 64], 3, 0, 9216, [128], 10, True), MNIST, 4),
    "cnn_pfl": ("cnn_pfl", lambda: two_convolutions(3, [32, 64], 3, 0, 12544, [128], 10, True), CIFAR, 4),
    "cnn_cifar": ("cnn_cifar", cnn_cifar, CIFAR, 4),
    "lenet": ("lenet", lambda: two_convolutions(3, [6, 16], 5, 0, 400, [120, 84], 10), CIFAR, 4),
    "resnet18": ("resnet18", lambda: small_stem(TORCHVISION.resnet18(num_classes=10)), TINY, 8),
    "resnet18_groups": ("resnet18:stem=large,norm=group", lambda: TORCHVISION.resnet18(num_classes=10, norm_layer=GROUPS),
                        CIFAR, 2),
    "resnet18_pairs": ("resnet18:stem=large,norm=pairs", lambda: TORCHVISION.resnet18(num_classes=10, norm_layer=Pairs),
                       CIFAR, 2),
    "resnet34": ("resnet34:stem=large", lambda: TORCHVISION.resnet34(num_classes=10), CIFAR, 8),
    "resnet50": ("resnet50:stem=large", lambda: TORCHVISION.resnet50(num_classes=10), CIFAR, 8),
    "resnet20": ("resnet20", lambda: narrow(resnet.BasicBlock, 3), TINY, 8),
    "resnet56": ("resnet56", lambda: narrow(resnet.Bottleneck, 6), TINY, 8),
    "mobilenet": ("mobilenet", mobilenet, CIFAR, 8),
    "mobilenet_v3_large": ("mobilenet_v3", lambda: TORCHVISION.mobilenet_v3_large(num_classes=10), CIFAR, 8),
    "mobilenet_v3_small": ("mobilenet_v3:size=small", lambda: TORCHVISION.mobilenet_v3_small(num_classes=10), CIFAR, 8),
    "vgg11": ("vgg11", lambda: vgg("vgg11", False), CIFAR, 4),
    "vgg16": ("vgg16:norm=batch", lambda: vgg("vgg16", True), CIFAR, 4),
    "efficientnet_b0": ("efficientnet_b0", lambda: TORCHVISION.efficientnet_b0(num_classes=10), CIFAR, 8),
}


def keep_all(module):
    """Nothing is dropped, whatever the module."""
    for part in module.modules():
        for rate in ["p", "dropout"]:
            if isinstance(getattr(part, rate, None), float):
                setattr(part, rate, 0.0)
    return module


def case(choice, module, data, batch):
    facts, inputs, targets, loss_of = data
    torch.manual_seed(0)
    module = keep_all(module().double().train())
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(weights(name, tuple(parameter.shape)))
    x, y = inputs(batch), targets(batch)
    loss = loss_of(module(x), y)
    loss.backward()
    number = lambda value: float(f"{value.item():.10g}")
    gradients = {}
    for name, parameter in module.named_parameters():
        gradient = parameter.grad.flatten()
        gradients[name] = [number(gradient.norm()), number(gradient @ drawn("direction", len(gradient)))]
    with torch.no_grad():
        evaluated = loss_of(module.eval()(x), y)
    return dict(model=choice, facts=facts, batch=batch, loss=number(loss), evaluated=number(evaluated), gradients=gradients)


def lines(values):
    """JSON with a line for each entry of the outer mappings."""
    entry = lambda key, value: f'"{key}": ' + (lines(value) if key == "gradients" else json.dumps(value))
    return "{\n" + ",\n".join(entry(*pair) for pair in values.items()) + "\n}"


FOLDER.mkdir(parents=True, exist_ok=True)
for name in sys.argv[1:] or CASES:
    (FOLDER / f"{name}.json").write_text(lines(case(*CASES[name])) + "\n")
