#!/usr/bin/env python3
"""Measures the CPU time of training steps of `sumac sparcl train` with dense, 90 % and 95 % sparse masks.

usage: sparcl_speed.py PROGRAM [--folder DIR] [--arch resnet18:3x32x32,16,10] [--batch 32] [--steps N] [--rounds N] [--jobs N]
       [--torch]

A step is a batch of the first task, without stored examples. The time of a step is the difference between trainings of
three epochs and of one, over the difference of their steps, so that start and evaluation do not count, but the changes of
masks do: gradient masks are renewed every 30 steps, by which --steps should be divisible. The programs run in turn, round
after round; the table shows medians of CPU seconds, and medians of the ratios to the dense step of the same round. With
--torch, the dense step of torch in eager mode with the same number of threads is measured too. Needs numpy.
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

CASES = {
    "dense": ["--masks", "dense"],
    "90 %": ["--sparsity", "90%", "--gradient-sparsity", "90%"],
    "95 %": ["--sparsity", "95%", "--gradient-sparsity", "95%"],
}


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_data(path, shape, count):
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(count, dtype=np.int64) % 2)


def step_seconds(program, folder, options, arguments, jobs):
    """Returns the CPU seconds of a step: those of three epochs less those of one, over the steps of two."""
    result = []
    for epochs in (1, 3):
        run = os.path.join(folder, "run")
        shutil.rmtree(run, ignore_errors=True)
        seconds = cpu_seconds(
            [program, "sparcl", "train", os.path.join(folder, "start.sumac"), "--data",
             os.path.join(folder, "data.npz"), "--test", os.path.join(folder, "test.npz"), "--tasks", "0,1",
             "--replay", "none", "--epochs", str(epochs), "--batch", str(arguments.batch),
             "-j", str(jobs), "-q", "-o", run] + options)
        result.append(seconds)
    return (result[1] - result[0]) / (2 * arguments.steps)


def torch_seconds(arguments, shape, width, classes, jobs):
    import torch
    from torch import nn
    torch.set_num_threads(jobs)

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
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + self.short(x))

    layers = [nn.Conv2d(shape[0], width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for stage in range(4):
        for index in range(2):
            layers.append(Block(before, width << stage, 2 if stage and not index else 1))
            before = width << stage
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
    optimizer = torch.optim.SGD(net.parameters(), 0.03)
    x, y = torch.randn(arguments.batch, *shape), torch.arange(arguments.batch) % 2
    times = []
    for step in range(arguments.steps + 2):
        start = time.process_time()
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        times.append(time.process_time() - start)
    return statistics.mean(times[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--folder", default="/tmp/sparcl-speed")
    parser.add_argument("--arch", default="resnet18:3x32x32,16,10")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--torch", action="store_true")
    arguments = parser.parse_args()
    kind, sizes = arguments.arch.split(":")
    shape = [int(size) for size in sizes.split(",")[0].split("x")]
    os.makedirs(arguments.folder, exist_ok=True)
    make_data(os.path.join(arguments.folder, "data.npz"), shape, arguments.steps * arguments.batch)
    make_data(os.path.join(arguments.folder, "test.npz"), shape, 2)
    start = os.path.join(arguments.folder, "start.sumac")
    if os.path.exists(start):
        os.remove(start)
    subprocess.run([arguments.program, "train", "new", "--arch", arguments.arch, "-o", start, "-q"], check=True)
    times = {name: [] for name in CASES}
    if arguments.torch:
        if kind != "resnet18":
            sys.exit("torch is measured on resnet18 only")
        times["torch"] = []
    width, classes = [int(size) for size in sizes.split(",")[1:]] if arguments.torch else (0, 0)
    for _ in range(arguments.rounds):
        for name, options in CASES.items():
            times[name].append(
                step_seconds(arguments.program, arguments.folder, options, arguments, arguments.jobs))
        if arguments.torch:
            times["torch"].append(torch_seconds(arguments, shape, width, classes, arguments.jobs))
    print(f"{arguments.arch}, batch {arguments.batch}, {arguments.jobs} threads, {arguments.rounds} rounds")
    print(f"{'':8}{'ms CPU a step':>14}{'dense / it':>12}")
    for name, values in times.items():
        median = statistics.median(values)
        ratio = statistics.median(a / b for a, b in zip(times["dense"], values))
        print(f"{name:8}{1000 * median:14.1f}{ratio:12.2f}")


main()
