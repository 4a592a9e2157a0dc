#!/usr/bin/env python3
"""Writes small data sets that are not images, to try models of each kind: FOLDER/text (text), FOLDER/ecg (heart beats
in MIT-BIH's form) and FOLDER/flute_text (words to be hidden, in FLUTE's form). The words are those of the files named.

usage: small_sets.py FOLDER FILE...
"""
import json, os, random, sys

SAMPLES, USERS = 187, 100


def beat(rng, kind):
    """A wave of its kind's length under noise, and its kind."""
    values = [(place % (20 + 5 * kind)) / (40 + 10 * kind) + rng.random() / 2 for place in range(SAMPLES)]
    return ",".join(f"{value:.2f}" for value in values) + f",{kind}.0\n"


def users(words, each):
    """FLUTE's JSON: rows of some words each, of users one after another."""
    rows = [" ".join(words[start:start + each]) for start in range(0, len(words), each)]
    parts = {f"u{user}": {"x": rows[user::USERS]} for user in range(USERS)}
    return {"users": list(parts), "num_samples": [len(part["x"]) for part in parts.values()], "user_data": parts}


def main(folder, *files):
    text = "\n".join(open(file, encoding="utf-8").read() for file in files)
    rng = random.Random(0)
    for name in ("text", "ecg", "flute_text"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    with open(f"{folder}/text/all.txt", "w", encoding="utf-8") as file:
        file.write(text)
    for name, count in (("train", 1000), ("test", 200)):
        with open(f"{folder}/ecg/mitbih_{name}.csv", "w") as file:
            file.writelines(beat(rng, row % 5) for row in range(count))
    words = text.split()
    for name, part in (("train", words), ("test", words[:4000])):
        with open(f"{folder}/flute_text/{name}_data.txt", "w", encoding="utf-8") as file:
            json.dump(users(part, 24), file)


main(*sys.argv[1:])
