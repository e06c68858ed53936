#!/usr/bin/env python3
"""Measures diff beside reading both files, and report beside the statistics of its model.

usage: report_speed.py PROGRAM [--folder DIR] [--rounds N] [--size MIB] [--tensors N]

The commands of a table run in turn, round after round, after one round that warms the page cache. Prints medians, and
the median of the ratios to the first command of the same round.
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


def write_model(path, tensors):
    """Writes float32 tensors: names with arrays."""
    header, end = {}, 0
    for name, values in tensors:
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [end, end + values.nbytes]}
        end += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors:
            file.write(values.tobytes())


def seconds(arguments, folder):
    start = time.monotonic()
    subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def table(title, commands, folder, rounds):
    """Runs the commands, each with its label, and prints their times; the first one is the yardstick."""
    times = [[] for _ in commands]
    for number in range(rounds + 1):
        for index, (_, arguments) in enumerate(commands):
            elapsed = seconds(arguments, folder)
            if number > 0:
                times[index].append(elapsed)
    print(f"\n{title}\n{'':44}wall s   ratio")
    for (label, _), own in zip(commands, times):
        ratios = [a / b for a, b in zip(own, times[0])]
        print(f"{label:44}{statistics.median(own):6.3f}  {statistics.median(ratios):6.2f}")
    return [statistics.median(own) for own in times]


def layers(generator, count, byte_count):
    rows = max(1, byte_count // count // 4 // 1024)
    return [
        (f"model.layers.{index // 8}.part{index % 8}.weight", generator.standard_normal((rows, 1024), dtype=np.float32))
        for index in range(count)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB of each of the two files that are compared")
    parser.add_argument("--tensors", type=int, default=100_000, help="tensors of the model of small tensors")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    folder = os.path.join(os.path.abspath(options.folder), "report")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    generator = np.random.default_rng(1)

    def path(name):
        return os.path.join(folder, name)

    base = layers(generator, 64, options.size << 20)
    write_model(path("a.safetensors"), base)
    write_model(path("b.safetensors"), [(n, v + np.float32(1e-3) * generator.standard_normal(v.shape, dtype=np.float32)) for n, v in base])
    write_model(path("same.safetensors"), base)
    del base
    os.sync()
    both = ["cat", "a.safetensors", "b.safetensors"]
    table(
        f"diff of two files of {options.size} MiB of F32; the target is 1.50", [
            ("cat of both to /dev/null", both),
            ("sumac diff, all values differ", [program, "diff", "a.safetensors", "b.safetensors", "-q"]),
            ("the same, -j 1", [program, "diff", "a.safetensors", "b.safetensors", "-q", "-j", "1"]),
            ("sumac diff, equal files", [program, "diff", "a.safetensors", "same.safetensors", "-q"]),
        ], folder, options.rounds)
    for name in ("a", "b", "same"):
        os.remove(path(f"{name}.safetensors"))

    for count, byte_count in ((1000, 256 << 20), (options.tensors, options.tensors * 256)):
        model = f"{count}.safetensors"
        if count == 1000:
            write_model(path(model), layers(generator, count, byte_count))
        else:
            values = generator.standard_normal((count, 8, 8), dtype=np.float32)
            write_model(path(model), [
                (f"model.layers.{i // 1000}.mlp.experts.{i % 1000}.w", values[i]) for i in range(count)])
        statistics_time, _, report_time = table(
            f"report on {count:,} tensors, {os.path.getsize(path(model)) >> 20} MiB", [
                ("sumac inspect --stats, 1 row", [program, "inspect", model, "--stats", "--top", "1", "-q"]),
                ("sumac inspect --stats --json", [program, "inspect", model, "--stats", "--json", "-q"]),
                ("sumac report", [program, "report", model, "-o", "page.html", "-f", "-q"]),
            ], folder, options.rounds)
        print(f"beyond the statistics {report_time - statistics_time:.2f} s, page {os.path.getsize(path('page.html')) / 1e6:.2f} MB"
              + ("; the targets are 1 s and 2 MB" if count == 1000 else ""))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
