#!/usr/bin/env python3
"""Stored cases for the tests: loss and gradients of one step by torch, torchvision and transformers.

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
import transformers
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


def tokens(length, vocabulary, task, each=True):
    """Rows of tokens; of the last one, or of each, a token is learned. Targets that are 0 are not."""
    facts = {"shape": [length], "task": task, "input": "tokens", "targets": length if each else 1}
    inputs = lambda batch: below("inputs", batch * length, vocabulary).view(batch, length)
    targets = lambda batch: below("targets", batch * facts["targets"], vocabulary)
    loss = lambda outputs, y: F.cross_entropy(outputs.reshape(-1, vocabulary), y, ignore_index=0 if each else -100)
    return facts, inputs, targets, loss


def next_tokens(length, vocabulary, each=True):
    return tokens(length, vocabulary, {"Next": {"vocabulary": vocabulary, "ignore": 0 if each else None}}, each)


def hidden_tokens(length, vocabulary):
    return tokens(length, vocabulary, {"Masked": {"vocabulary": vocabulary, "ignore": 0, "hiding": None, "padding": 0}})


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


class Rnn(nn.Module):
    """FedML's and LEAF's: the last step answers, or each."""

    def __init__(self, vocabulary, embedding, units, layers, head, each):
        super().__init__()
        self.embedding, self.each = nn.Embedding(vocabulary, embedding), each
        self.lstm = nn.LSTM(embedding, units, layers, batch_first=True)
        self.head = [name for name, _ in head]
        for name, layer in head:
            setattr(self, name, layer)

    def forward(self, x):
        values, _ = self.lstm(self.embedding(x))
        values = values if self.each else values[:, -1]
        for name in self.head:
            values = getattr(self, name)(values)
        return values


class Gru(nn.Module):
    """FLUTE's nlg_gru, step by step; the states after each word answer."""

    def __init__(self, vocabulary, embedding, units):
        super().__init__()
        self.embedding, self.rnn = nn.Module(), nn.Module()
        self.embedding.table = nn.Parameter(torch.zeros(vocabulary, embedding))
        self.embedding.unembedding_bias = nn.Parameter(torch.zeros(vocabulary))
        self.rnn.w_ih, self.rnn.w_hh = nn.Linear(embedding, 3 * units), nn.Linear(units, 3 * units)
        self.squeeze = nn.Linear(units, embedding, bias=False)

    def forward(self, x):
        state, states = x.new_zeros(len(x), self.rnn.w_hh.in_features, dtype=torch.double), []
        for step in F.embedding(x, self.embedding.table).unbind(1):
            (r, z, n), (hr, hz, hn) = self.rnn.w_ih(step).chunk(3, 1), self.rnn.w_hh(state).chunk(3, 1)
            new = torch.tanh(n + torch.sigmoid(r + hr) * hn)
            state = new + torch.sigmoid(z + hz) * (state - new)
            states.append(state)
        return self.squeeze(torch.stack(states, 1)) @ self.embedding.table.t() + self.embedding.unembedding_bias


class Causal(nn.Module):
    """pfl-research's lm_transformer."""

    def __init__(self, vocabulary, width, heads, inner, layers):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, width)
        layer = nn.TransformerEncoderLayer(width, heads, inner, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x):
        length, width = x.shape[1], self.embeddings.embedding_dim
        values = torch.arange(width, dtype=torch.double)
        angles = torch.arange(length).double()[:, None] / 10000 ** (values // 2 * 2 / width)
        waves = torch.where(values % 2 == 0, angles.sin(), angles.cos())
        later = ~torch.tril(torch.ones(length, length, dtype=torch.bool))
        return self.transformer_encoder(self.embeddings(x) * width**0.5 + waves, later) @ self.embeddings.weight.t()


class Bert(nn.Module):
    """Hugging Face's, looking at no padding."""

    def __init__(self, vocabulary, layers, width, heads):
        super().__init__()
        sizes = dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width)
        self.inner = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=vocabulary, **sizes))

    def named_parameters(self, *_, **__):
        return self.inner.named_parameters()

    def forward(self, x):
        return self.inner(x, x.ne(0).long()).logits


class Beats(nn.Module):
    """FLUTE's ecg_cnn."""

    def __init__(self, softmax):
        super().__init__()
        self.softmax, self.rnn_layer = softmax, nn.Module()
        self.rnn_layer.rnn_layer = nn.LSTM(46, 64, batch_first=True)
        self.conv1, self.conv2 = self.block(1), self.block(64)
        self.attn, self.fc = nn.Linear(64, 64, bias=False), nn.Linear(64, 5)

    def block(self, inputs):
        layers = {f"conv_{place}": nn.Conv1d(inputs if place == 1 else 64, 64, 5) for place in [1, 2, 3]}
        return nn.ModuleDict({**layers, **{f"normalization_{place}": nn.BatchNorm1d(64) for place in [1, 2, 3]}})

    def through(self, block, x):
        after = lambda place, x: F.pad(F.silu(block[f"normalization_{place}"](x)), (4, 0))
        first = block["conv_1"](x)
        third = block["conv_3"](after(2, block["conv_2"](after(1, first))))
        return F.max_pool1d(after(3, first + third), 2)

    def forward(self, x):
        steps, states = self.rnn_layer.rnn_layer(self.through(self.conv2, self.through(self.conv1, x)))
        asked = torch.tanh(self.attn(torch.cat(states).transpose(0, 1)))
        found = F.adaptive_max_pool1d(asked.bmm(steps).transpose(2, 1), 1).squeeze(2)
        return F.softmax(self.fc(found), -1) if self.softmax else self.fc(found)


def mlp(activation, *widths):
    layers = {"flat": nn.Flatten()}
    for place, layer in enumerate(dense(*widths)):
        layers |= {f"act{place}": activation()} if place else {}
        layers[f"fc{place + 1}"] = layer
    return sequence(**layers)


GROUPS = lambda channels: nn.GroupNorm(2, channels)
TINY, CIFAR, MNIST = images([3, 8, 8], 10), images([3, 32, 32], 10), images([1, 28, 28], 10)
BEATS = images([1, 187], 5)
TORCHVISION = torchvision.models

# Name: choice, module, data, samples.
CASES = {
    "lr": ("lr", lambda: sequence(flat=nn.Flatten(), linear=nn.Linear(784, 10)), MNIST, 4),
    "lr_sigmoid": ("lr_sigmoid", lambda: sequence(flat=nn.Flatten(), linear=nn.Linear(784, 10), sigmoid=nn.Sigmoid()), MNIST, 4),
    "2nn": ("2nn", lambda: sequence(flat=nn.Flatten(), fc1=nn.Linear(784, 200), relu1=nn.ReLU(), fc2=nn.Linear(200, 200),
                                    relu2=nn.ReLU(), fc3=nn.Linear(200, 10)), MNIST, 4),
    "cnn": ("cnn", lambda: two_convolutions(1, [32, 64], 5, 2, 3136, [512], 10), MNIST, 4),
    "cnn_dropout": ("cnn_dropout", lambda: two_convolutions(1, [32, 64], 3, 0, 9216, [128], 10, True), MNIST, 4),
    "cnn_dropout_62": ("cnn_dropout_62", lambda: two_convolutions(1, [32, 64], 3, 0, 9216, [128], 62, True), MNIST, 4),
    "cnn_pfl": ("cnn_pfl", lambda: two_convolutions(3, [32, 64], 3, 0, 12544, [128], 10, True), CIFAR, 4),
    "cnn_cifar": ("cnn_cifar", cnn_cifar, CIFAR, 4),
    "lenet": ("lenet", lambda: two_convolutions(3, [6, 16], 5, 0, 400, [120, 84], 10), CIFAR, 4),
    "resnet18": ("resnet18", lambda: small_stem(TORCHVISION.resnet18(num_classes=10)), TINY, 8),
    "resnet18_groups": ("resnet18:stem=large,norm=group", lambda: TORCHVISION.resnet18(num_classes=10, norm_layer=GROUPS),
                        CIFAR, 2),
    "resnet18_shared": ("resnet18:stem=large,norm=shared", lambda: TORCHVISION.resnet18(num_classes=10, norm_layer=Pairs),
                       CIFAR, 2),
    "resnet34": ("resnet34:stem=large", lambda: TORCHVISION.resnet34(num_classes=10), CIFAR, 8),
    "resnet50": ("resnet50:stem=large", lambda: TORCHVISION.resnet50(num_classes=10), CIFAR, 8),
    "resnet20": ("resnet20", lambda: narrow(resnet.BasicBlock, 3), TINY, 8),
    "resnet32": ("resnet32", lambda: narrow(resnet.BasicBlock, 5), TINY, 8),
    "resnet44": ("resnet44", lambda: narrow(resnet.BasicBlock, 7), TINY, 8),
    "resnet56": ("resnet56", lambda: narrow(resnet.Bottleneck, 6), TINY, 8),
    "mobilenet": ("mobilenet", mobilenet, CIFAR, 8),
    "mobilenet_v3_large": ("mobilenet_v3", lambda: TORCHVISION.mobilenet_v3_large(num_classes=10), CIFAR, 8),
    "mobilenet_v3_small": ("mobilenet_v3:size=small", lambda: TORCHVISION.mobilenet_v3_small(num_classes=10), CIFAR, 8),
    "vgg11": ("vgg11", lambda: vgg("vgg11", False), CIFAR, 4),
    "vgg11_large": ("vgg11:head=large", lambda: TORCHVISION.vgg11(num_classes=10), CIFAR, 1),
    "vgg16": ("vgg16", lambda: vgg("vgg16", False), CIFAR, 4),
    "vgg16_batch": ("vgg16:norm=batch", lambda: vgg("vgg16", True), CIFAR, 4),
    "efficientnet_b0": ("efficientnet_b0", lambda: TORCHVISION.efficientnet_b0(num_classes=10), CIFAR, 8),
    "mlp": ("mlp:hidden=30,20,activation=tanh", lambda: mlp(nn.Tanh, 784, 30, 20, 10), MNIST, 4),
    "mlp_gelu": ("mlp:hidden=30,activation=gelu", lambda: mlp(nn.GELU, 784, 30, 10), MNIST, 4),
    "rnn_last": ("rnn", lambda: Rnn(80, 8, 256, 2, [("fc", nn.Linear(256, 80))], False), next_tokens(12, 80, False), 3),
    "rnn_each": ("rnn", lambda: Rnn(90, 8, 256, 2, [("fc", nn.Linear(256, 90))], True), next_tokens(12, 90), 3),
    "rnn_stackoverflow": (
        "rnn_stackoverflow",
        lambda: Rnn(50, 96, 670, 1, [("fc1", nn.Linear(670, 96)), ("fc2", nn.Linear(96, 50))], True), next_tokens(6, 50), 3),
    "gru_lm": ("gru_lm", lambda: Gru(50, 160, 512), next_tokens(7, 50), 3),
    "transformer_lm": ("transformer_lm", lambda: Causal(50, 96, 8, 1536, 3), next_tokens(9, 50), 3),
    "bert_tiny": ("bert", lambda: Bert(50, 2, 128, 2), hidden_tokens(9, 50), 8),
    "bert_mini": ("bert:size=mini,places=512", lambda: Bert(50, 4, 256, 4), hidden_tokens(20, 50), 4),
    "bert_small": ("bert:size=small", lambda: Bert(50, 4, 512, 8), hidden_tokens(9, 50), 4),
    "bert_medium": ("bert:size=medium", lambda: Bert(50, 8, 512, 8), hidden_tokens(9, 50), 2),
    "bert_base": ("bert:size=base", lambda: Bert(50, 12, 768, 12), hidden_tokens(6, 50), 2),
    "ecg_cnn": ("ecg_cnn", lambda: Beats(False), BEATS, 8),
    "ecg_cnn_flute": ("ecg_cnn:softmax=true", lambda: Beats(True), BEATS, 8),
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


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or CASES:
        (FOLDER / f"{name}.json").write_text(lines(case(*CASES[name])) + "\n")
