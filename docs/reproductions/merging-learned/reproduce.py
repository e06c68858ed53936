#!/usr/bin/env python3
"""Merge coefficients that are learned without labels, against the best fixed ones.

usage: reproduce.py SUMAC [--quick] [FOLDER]

Images: three tasks of Fashion-MNIST (the images turned by 90 degrees, inverted, and with noise). A strong base is trained on
a few images of all of them, and a fine-tune of each task on many of its own. The fine-tunes are merged by task arithmetic
and TIES at all scales, and by AdaMerging with a coefficient for each task and for each tensor, plain and ++, on images
without labels. Accuracy is measured on those images and on others.

Texts: the fine-tunes `poetry` and `tech` of Fixtures/models/base, by task arithmetic, TIES, and AdaMerging by the loss and by
the entropy of calibration texts. Perplexity is measured on held-out texts.

Every model is trained, merged and measured by the program; NumPy makes the images. Debian's package dataset-fashion-mnist
is installed if it is missing. FOLDER (default: .build/merging-learned) gets all models and results.csv. A training that was
ended continues when the script is started again. --quick takes two minutes, in a folder of its own; its figures mean
nothing.
"""
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MODELS = os.path.join(ROOT, "Fixtures", "models")
TOKENS = os.path.join(MODELS, "text", "tokens.safetensors")
SOURCE = "/usr/share/datasets/fashion-mnist"
TASKS = ["rotated", "inverted", "noisy"]
TEXTS = ["poetry", "tech"]
# The share of a difference that TIES keeps, over the whole model.
DENSITY = "20%"


class Size:
    """The sizes of an experiment."""
    seeds, base_count, task_count, pool_count, test_count = 3, 3000, 15000, 2000, 6000
    base_epochs, task_epochs, steps = 8, 6, 500
    scales = [round(0.1 * i, 1) for i in range(1, 11)]
    text_steps, text_tokens, text_seeds = 150, 9000, 3


class QuickSize(Size):
    seeds, base_count, task_count, pool_count, test_count = 1, 200, 300, 64, 200
    base_epochs, task_epochs, steps = 1, 1, 5
    scales = [0.3, 1.0]
    text_steps, text_tokens, text_seeds = 2, 600, 1


def run(*arguments):
    """Runs the program and returns what it prints."""
    result = subprocess.run([SUMAC, *map(str, arguments)], stdout=subprocess.PIPE, check=True, text=True)
    return result.stdout


# MARK: Images

def images(name):
    """Returns the images and labels of a part of Fashion-MNIST."""
    with gzip.open(f"{SOURCE}/{name}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(f"{SOURCE}/{name}-labels-idx1-ubyte.gz") as file:
        return pixels, np.frombuffer(file.read(), np.uint8, offset=8)


def changed(pixels, task, rng):
    """Returns the images of a task."""
    if task == "rotated":
        pixels = np.rot90(pixels, axes=(1, 2))
    elif task == "inverted":
        pixels = 255 - pixels
    else:
        pixels = np.clip(pixels + rng.normal(0, 80, pixels.shape), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.reshape(len(pixels), -1))


def store(name, pixels, labels):
    np.savez(name, images=pixels, labels=labels.astype(np.int32))


def make_data(size):
    """Writes the images: no two sets of them have an image in common."""
    if not os.path.isdir(SOURCE):
        subprocess.run(["apt-get", "install", "-y", "-qq", "dataset-fashion-mnist"], check=True)
    rng = np.random.default_rng(0)
    pixels, labels = images("train")
    test, test_labels = images("t10k")
    parts, place = [], 0
    for task in TASKS:
        own = slice(place, place + size.base_count)
        parts.append((changed(pixels[own], task, rng), labels[own]))
        place += size.base_count
    store("base.npz", np.concatenate([p for p, _ in parts]), np.concatenate([l for _, l in parts]))
    for task in TASKS:
        own = slice(place, place + size.task_count)
        store(task + ".npz", changed(pixels[own], task, rng), labels[own])
        place += size.task_count
        pool, rest = slice(0, size.pool_count), slice(size.pool_count, size.pool_count + size.test_count)
        store(f"pool-{task}.npz", changed(test[pool], task, rng), test_labels[pool])
        store(f"test-{task}.npz", changed(test[rest], task, rng), test_labels[rest])
    store("one.npz", changed(pixels[:32], "inverted", rng), labels[:32])
    # The features of the encoder are the scores of the classes, so that each class has its own direction.
    np.savez("heads.npz", **{f"{task}.weight": 20 * np.eye(10, dtype=np.float32) for task in TASKS})


def recipe(name, epochs, rate, seed):
    with open(name, "w") as file:
        file.write(
            f"epochs: {epochs}\nbatch: 50\nseed: {seed}\nclip: 1\n"
            f"optimizer: {{name: adamw, rate: {rate}, weight_decay: 0.01, decay: matrices}}\n"
            "schedule: {name: cosine}\ninput: {divide_by: 255}\n")
    return name


def train(start, data, settings, folder):
    if not os.path.exists(folder + "/model.sumac"):
        run("train", "run", start, "--data", data, "--recipe", settings, "-o", folder, "-q")
    return folder + "/model.sumac"


def accuracy(model, part):
    """Returns the accuracy of a model on each task: that after a training of one step with a rate of nearly 0."""
    with open("still.yaml", "w") as file:
        file.write("steps: 1\nbatch: 32\noptimizer: {name: sgd, rate: 1e-30}\ninput: {divide_by: 255}\n")
    found = []
    for task in TASKS:
        shutil.rmtree("still", ignore_errors=True)
        report = run("train", "run", model, "--data", "one.npz", "--test", f"{part}-{task}.npz", "--recipe", "still.yaml",
                     "-o", "still", "--json", "-q")
        found.append(100 * json.loads(report)["epochs"][-1]["test_accuracy"])
    return found


def image_models(seed, size, rows):
    """Adds a row of accuracies for each model of a seed."""
    start = f"start-{seed}.sumac"
    if not os.path.exists(start):
        run("train", "new", "--arch", "encoder:784,256,128,10", "--seed", seed, "-o", start, "-q")
    base = train(start, "base.npz", recipe(f"base-{seed}.yaml", size.base_epochs, 2e-3, seed), f"base-{seed}")
    tuned = [
        train(base, task + ".npz", recipe(f"tuned-{seed}.yaml", size.task_epochs, 5e-4, seed), f"{task}-{seed}")
        for task in TASKS
    ]

    def add(method, model):
        for part in ["pool", "test"]:
            rows.append(["images", seed, method, part, *accuracy(model, part)])

    def merge(method, *options):
        run("merge", *tuned, "--base", base, *options, "-o", "merged.sumac", "-f", "-q")
        add(method, "merged.sumac")

    add("base", base)
    for task, model in zip(TASKS, tuned):
        add("fine-tune " + task, model)
    for scale in size.scales:
        merge(f"task arithmetic {scale}", "--method", "task_arithmetic", "--weight", scale)
        merge(f"TIES {scale}", "--method", "ties", "--density", DENSITY, "--scope", "global", "--no-normalize",
              "--weight", scale)
    data = [word for task in TASKS for word in ("--data", f"{task}=pool-{task}.npz:images")]
    for group in ["task", "tensor"]:
        for name, options in [("AdaMerging", []), ("AdaMerging++", ["--ties", DENSITY])]:
            merge(f"{name} by {group}", "--method", "adamerging", "--group", group, *options, *data, "--heads",
                  "heads.npz", "--divisor", 255, "--steps", size.steps, "--seed", seed, "--save-coefficients",
                  f"{name}-{group}-{seed}.json")


# MARK: Texts

def perplexity(model, size):
    found = []
    for text in TEXTS + ["prose"]:
        report = run("eval", model, "--data", f"{TOKENS}:heldout_{text}", "--tokens", size.text_tokens, "--json", "-q")
        found.append(json.loads(report)["perplexity"]["value"])
    return found


def text_models(size, rows):
    """Adds a row of perplexities for each merge of language models."""
    base, tuned = f"{MODELS}/base", [f"{MODELS}/{name}" for name in TEXTS]

    def add(seed, method, model):
        rows.append(["texts", seed, method, "test", *perplexity(model, size)])

    def merge(seed, method, *options):
        run("merge", *tuned, "--base", base, *options, "-o", "merged.sumac", "-f", "-q")
        add(seed, method, "merged.sumac")

    add(0, "base", base)
    for name, model in zip(TEXTS, tuned):
        add(0, "fine-tune " + name, model)
    for scale in size.scales:
        merge(0, f"task arithmetic {scale}", "--method", "task_arithmetic", "--weight", scale)
        merge(0, f"TIES {scale}", "--method", "ties", "--density", DENSITY, "--scope", "global", "--no-normalize",
              "--weight", scale)
    data = [word for name in TEXTS for word in ("--data", f"{name}={TOKENS}:calibration_{name}")]
    for seed in range(size.text_seeds):
        for objective in ["loss", "entropy"]:
            for group in ["task", "block", "tensor"]:
                merge(seed, f"AdaMerging by {objective}, {group}", "--method", "adamerging", "--group", group,
                      "--objective", objective, *data, "--steps", size.text_steps, "--batch", 4, "--batches", 1,
                      "--rate", 0.01, "--seed", seed, "--save-coefficients", f"text-{objective}-{group}-{seed}.json")


# MARK: Tables

def mean_rows(rows, kind, part):
    """Returns the mean and the spread of the mean over the tasks, for each method of all seeds."""
    own = {}
    for row in rows:
        if row[0] == kind and row[3] == part:
            own.setdefault(row[2], []).append(row[4:])
    return {method: np.array(found) for method, found in own.items()}


def best(methods, prefix, width, sign):
    """Returns the method with the best mean among those of a prefix."""
    own = [method for method in methods if method.startswith(prefix)]
    return max(own, key=lambda method: sign * methods[method][:, :width].mean())


def table(rows, kind, part, names, width, sign):
    methods = mean_rows(rows, kind, part)
    shown = [m for m in methods if not m.startswith(("task arithmetic", "TIES")) or m.endswith(" 0.3")]
    shown += [best(methods, prefix, width, sign) for prefix in ["task arithmetic", "TIES"]]
    print(f"\n{kind}, {part}: mean over {', '.join(names[:width])}, lowest to highest of the seeds\n")
    print("| model | " + " | ".join(names) + " | mean | lowest to highest |")
    print("|---|" + "---|" * (len(names) + 2))
    for method in dict.fromkeys(shown):
        found = methods[method]
        means = found[:, :width].mean(1)
        cells = [f"{value:.2f}" for value in found.mean(0)]
        print(f"| {method} | {' | '.join(cells)} | {means.mean():.2f} | {means.min():.2f} to {means.max():.2f} |")


def main():
    global SUMAC
    words = [word for word in sys.argv[1:] if word != "--quick"]
    if not 1 <= len(words) <= 2:
        sys.exit(__doc__)
    SUMAC = os.path.abspath(words[0])
    size = QuickSize if "--quick" in sys.argv else Size
    default = "merging-learned-quick" if size is QuickSize else "merging-learned"
    folder = words[1] if len(words) > 1 else os.path.join(ROOT, ".build", default)
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    make_data(size)
    rows = []
    for seed in range(size.seeds):
        image_models(seed, size, rows)
    text_models(size, rows)
    with open("results.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "seed", "method", "part", "first", "second", "third"])
        writer.writerows(rows)
    for part in ["pool", "test"]:
        table(rows, "images", part, TASKS, 3, 1)
    table(rows, "texts", "test", TEXTS + ["prose"], 2, -1)


main()
