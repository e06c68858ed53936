#!/usr/bin/env python3
"""Measures what a batch costs and saves, in comparison with one command for each model.

usage: batch_speed.py PROGRAM [--folder DIR] [--models N] [--rounds N]

Prints medians. The overhead of a small model is the time of a batch with one thread, divided by the number of models,
minus the time of a single command without the start of the process.
"""
import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import time

import numpy as np


def write_model(folder, generator, rows, columns, tensors):
    os.makedirs(folder)
    header, size = {}, rows * columns * 4
    for index in range(tensors):
        header[f"model.layers.{index}.mlp.up_proj.weight"] = {
            "dtype": "F32", "shape": [rows, columns], "data_offsets": [index * size, (index + 1) * size]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _ in range(tensors):
            file.write(generator.standard_normal((rows, columns), dtype=np.float32).tobytes())
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"model_type": "llama"}, file)


def seconds(arguments, folder):
    start = time.monotonic()
    subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    folder = os.path.join(os.path.abspath(options.folder), "batch")
    shutil.rmtree(folder, ignore_errors=True)
    generator = np.random.default_rng(1)
    for index in range(options.models):
        write_model(os.path.join(folder, "small", f"m{index:05}"), generator, 16, 64, 1)
    for index in range(8):
        write_model(os.path.join(folder, "eight", f"m{index}"), generator, 512, 1024, 8)
    os.sync()

    def fresh(*names):
        for name in names:
            path = os.path.join(folder, name)
            shutil.rmtree(path, ignore_errors=True)
            if os.path.isfile(path):
                os.remove(path)
        os.sync()

    times = {}

    def record(name, value):
        times.setdefault(name, []).append(value)

    sample = min(100, options.models)
    for _ in range(options.rounds):
        fresh("out", "single")
        record("start", seconds([program, "--version"], folder))
        os.mkdir(os.path.join(folder, "single"))
        record("single", sum(
            seconds([program, "convert", f"small/m{index:05}", "-o", f"single/m{index}.sumac", "-q", "-j", "1"], folder)
            for index in range(sample)) / sample)
        record("batch -j 1", seconds([program, "batch", "convert", "small", "-o", "out", "-q", "-j", "1"], folder))
        record("again", seconds([program, "batch", "convert", "small", "-o", "out", "-q", "-j", "1"], folder))
        fresh("out")
        record("batch -j 2", seconds([program, "batch", "convert", "small", "-o", "out", "-q", "-j", "2"], folder))
        fresh("out", "single")
        os.mkdir(os.path.join(folder, "single"))
        record("eight one by one", sum(
            seconds([program, "convert", f"eight/m{index}", "-o", f"single/m{index}.sumac", "-q", "-j", "2"], folder)
            for index in range(8)))
        fresh("single")
        os.mkdir(os.path.join(folder, "single"))
        record("eight one by one -j 1", sum(
            seconds([program, "convert", f"eight/m{index}", "-o", f"single/m{index}.sumac", "-q", "-j", "1"], folder)
            for index in range(8)))
        record("eight in a batch -j 2", seconds([program, "batch", "convert", "eight", "-o", "out", "-q", "-j", "2"], folder))
        fresh("out")
        record("eight in a batch -j 1", seconds([program, "batch", "convert", "eight", "-o", "out", "-q", "-j", "1"], folder))
    shutil.rmtree(folder)
    median = {name: statistics.median(values) for name, values in times.items()}
    work = median["single"] - median["start"]
    print(f"{options.models} small models")
    for name in ["batch -j 1", "batch -j 2", "again"]:
        each = median[name] / options.models
        print(f"  {name:24} {median[name]:8.3f} s  {1000 * each:7.3f} ms each")
    print(f"  {'single command':24} {'':10}  {1000 * median['single']:7.3f} ms each, {1000 * work:.3f} ms without its start")
    print(f"  overhead of -j 1         {1000 * (median['batch -j 1'] / options.models - work):.3f} ms each")
    print("eight models of 16 MiB")
    one = median["eight one by one"]
    for name in ["eight one by one", "eight one by one -j 1", "eight in a batch -j 1", "eight in a batch -j 2"]:
        print(f"  {name:24} {median[name]:8.3f} s  {median[name] / one:5.2f}")


if __name__ == "__main__":
    main()
