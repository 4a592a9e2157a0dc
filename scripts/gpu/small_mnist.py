#!/usr/bin/env python3
"""Writes a small data set in MNIST's form, for machines without MNIST: ten blurred figures under noise.

usage: small_mnist.py FOLDER [TRAIN] [TEST]
"""
import gzip, os, random, struct, sys

SIDE = 28


def figure(rng):
    """Grey values of one class: a few bright discs."""
    discs = [(rng.uniform(6, 22), rng.uniform(6, 22), rng.uniform(2, 5)) for _ in range(4)]
    inside = lambda row, column: any((row - y) ** 2 + (column - x) ** 2 < r * r for y, x, r in discs)
    return [200 if inside(row, column) else 0 for row in range(SIDE) for column in range(SIDE)]


def write(path, magic, sizes, values):
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(struct.pack(f">I{len(sizes)}I", magic, *sizes) + values)


def main(folder, train=6000, test=1000):
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(0)
    figures = [figure(rng) for _ in range(10)]
    for name, count in (("train", int(train)), ("t10k", int(test))):
        labels = bytes(rng.randrange(10) for _ in range(count))
        images = bytearray()
        for label in labels:
            images += bytes(grey + noise % 56 for grey, noise in zip(figures[label], rng.randbytes(SIDE * SIDE)))
        write(f"{folder}/{name}-images-idx3-ubyte.gz", 2051, (count, SIDE, SIDE), bytes(images))
        write(f"{folder}/{name}-labels-idx1-ubyte.gz", 2049, (count,), labels)


main(*sys.argv[1:])
