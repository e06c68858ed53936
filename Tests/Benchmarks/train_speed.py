#!/usr/bin/env python3
"""Measures training steps of `sumac train run` on small networks, beside torch in eager mode with the same number of
threads.

usage: train_speed.py PROGRAM [--folder DIR] [--networks mlp,convnet,resnet18] [--batch N] [--rounds N] [--jobs N]

A step selects and scales the bytes of a batch, runs forward and backward, limits the norm of the gradients, and applies
SGD with Nesterov's momentum and weight decay. In sumac, its time is the difference between a training of several epochs
and one of a single epoch, over the difference of their steps, so that the start does not count, but saving the state
after each epoch does; torch is measured without its import. The two run in
turn, round after round. The table shows medians of wall and CPU milliseconds (user and system), and the medians of the
ratios of each round. Needs torch and numpy.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

# The specification of sumac, and the steps of an epoch.
NETWORKS = {
    "mlp": ("mlp:784,256,128,10", 200),
    "convnet": ("convnet:1x28x28,16,32,10", 20),
    "resnet18": ("resnet18:3x32x32,16,10", 5),
}
EPOCHS = 4
RECIPE = """\
epochs: {epochs}
batch: {batch}
optimizer: {{name: sgd, rate: 0.01, momentum: 0.9, nesterov: true, weight_decay: 5e-4}}
clip: 1
keep: last
input: {{divide_by: 255, mean: 0.5, deviation: 0.25}}
"""


def images(network, count):
    shape = {"mlp": (784,), "convnet": (1, 28, 28), "resnet18": (3, 32, 32)}[network]
    generator = np.random.default_rng(1)
    return generator.integers(0, 256, (count, *shape), dtype=np.uint8), np.arange(count, dtype=np.int64) % 10


def torch_network(name):
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.short = nn.Sequential()
            if stride > 1:
                self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x):
            y = nn.functional.relu(self.bn1(self.conv1(x)))
            return nn.functional.relu(self.bn2(self.conv2(y)) + self.short(x))

    if name == "mlp":
        return nn.Sequential(
            nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    if name == "convnet":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    layers, before = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage in range(4):
        for index in range(2):
            layers.append(Block(before, 16 << stage, 2 if stage and not index else 1))
            before = 16 << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def torch_seconds(net, x, y, batch, steps):
    """Returns wall and CPU seconds of a step."""
    import torch
    from torch import nn
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    order = torch.randperm(len(x))

    def step(index):
        rows = order[index * batch % len(x):][:batch]
        scaled = (x[rows].float() / 255 - 0.5) / 0.25
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(scaled), y[rows]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimizer.step()

    for index in range(3):
        step(index)
    wall, cpu = time.monotonic(), time.process_time()
    for index in range(steps):
        step(index)
    return (time.monotonic() - wall) / steps, (time.process_time() - cpu) / steps


def run(command):
    """Returns wall and CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sumac_seconds(options, folder, steps):
    """Returns wall and CPU seconds of a step."""
    results = []
    for epochs in (1, 1 + EPOCHS):
        output, recipe = os.path.join(folder, "run"), os.path.join(folder, "recipe.yaml")
        shutil.rmtree(output, ignore_errors=True)
        with open(recipe, "w") as file:
            file.write(RECIPE.format(batch=options.batch, epochs=epochs))
        results.append(run([
            options.program, "train", "run", os.path.join(folder, "start.sumac"), "--data",
            os.path.join(folder, "x.npy"), "--labels", os.path.join(folder, "y.npy"), "--recipe", recipe, "-j",
            str(options.jobs), "-q", "-o", output]))
    return tuple((b - a) / (EPOCHS * steps) for a, b in zip(*results))


def measure(options, network):
    import torch
    torch.set_num_threads(options.jobs)
    spec, steps = NETWORKS[network]
    folder = os.path.join(options.folder, network)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    x, y = images(network, steps * options.batch)
    np.save(os.path.join(folder, "x.npy"), x)
    np.save(os.path.join(folder, "y.npy"), y)
    subprocess.run(
        [options.program, "train", "new", "--arch", spec, "-o", os.path.join(folder, "start.sumac"), "-q"], check=True)
    net, x, y = torch_network(network), torch.from_numpy(x), torch.from_numpy(y)
    times = {"sumac": [], "torch": []}
    for _ in range(options.rounds):
        times["sumac"].append(sumac_seconds(options, folder, steps))
        times["torch"].append(torch_seconds(net, x, y, options.batch, EPOCHS * steps))
    print(f"{spec}, batch {options.batch}, {options.jobs} threads, {options.rounds} rounds")
    print(f"{'':8}{'wall ms':>10}{'torch / it':>12}{'CPU ms':>10}{'torch / it':>12}")
    for name, values in times.items():
        line = f"{name:8}"
        for kind in (0, 1):
            ratio = statistics.median(a[kind] / b[kind] for a, b in zip(times["torch"], values))
            line += f"{1000 * statistics.median(value[kind] for value in values):10.2f}{ratio:12.2f}"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--folder", default="/tmp/train-speed")
    parser.add_argument("--networks", default="mlp,convnet,resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    for network in options.networks.split(","):
        if network not in NETWORKS:
            sys.exit(f"unknown network {network}")
        measure(options, network)


main()
