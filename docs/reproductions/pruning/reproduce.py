#!/usr/bin/env python3
"""Measures accuracy against sparsity on the digits nets, pruned without retraining by every method of `sumac prune`.

usage: reproduce.py SUMAC [FOLDER]

Uses only the program SUMAC and NumPy. Writes results.csv and NET.svg into FOLDER. The default is the folder of this
script.
"""
import csv
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", "..", "Fixtures", "models", "digits")
SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98]


def tensors(path):
    """Returns the tensors of a safetensors file."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    kinds = {"F32": np.float32, "U8": np.uint8, "I64": np.int64, "I32": np.int32}
    return {
        name: np.frombuffer(data, kinds[entry["dtype"]], offset=entry["data_offsets"][0],
                            count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        for name, entry in header.items() if name != "__metadata__"
    }


def mlp(net, images):
    x = images.reshape(len(images), 64)
    for name in ["fc1", "fc2"]:
        x = np.maximum(x @ net[name + ".weight"].T + net[name + ".bias"], 0)
    return x @ net["fc3.weight"].T + net["fc3.bias"]


def convolution(x, weight, bias):
    """Returns a 3 x 3 convolution with padding 1 of x [N, C, H, W]."""
    _, _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = sum(
        np.einsum("nchw,oc->nohw", padded[:, :, i:i + height, j:j + width], weight[:, :, i, j])
        for i in range(3) for j in range(3))
    return out if bias is None else out + bias[None, :, None, None]


def conv(net, images):
    x = images.reshape(len(images), 1, 8, 8)
    for number in "123":
        x = convolution(x, net[f"conv{number}.weight"], net.get(f"conv{number}.bias"))
        norm = [net[f"bn{number}.{part}"][None, :, None, None]
                for part in ["running_mean", "running_var", "weight", "bias"]]
        x = np.maximum((x - norm[0]) / np.sqrt(norm[1] + 1e-5) * norm[2] + norm[3], 0)
        if number != "1":
            n, c, h, w = x.shape
            x = x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
    return x.reshape(len(x), -1) @ net["fc.weight"].T + net["fc.bias"]


def methods():
    """Yields the name of each curve, and the options of each of its points."""
    for p, q, gamma in [(0.5, 1, 1), (1, 2, 1), (0.5, 1, 3), (1, 2, 3), (0.2, 1, 1)]:
        for scope in ["global", "layer", "neuron"]:
            if scope != "global" and (p, gamma) not in [(0.5, 1), (1, 1)]:
                continue
            yield f"SAP {p},{q} gamma {gamma} {scope}", [
                ["--by", "pqi", "--p", p, "--q", q, "--gamma", gamma, "--scope", scope,
                 "--iterations", n] for n in [1, 2, 3, 5, 8, 12, 20, 30]]
    for scope in ["global", "layer", "neuron"]:
        yield f"magnitude {scope}", [
            ["--by", "magnitude", "--scope", scope, "--amount", share] for share in SHARES]
    yield "random global", [["--by", "random", "--amount", share] for share in SHARES]
    yield "N:M", [["--by", "nm", "--pattern", pattern] for pattern in ["3:4", "2:4", "1:4"]]


def plot(net, curves, path):
    width, height, left, bottom = 760, 420, 60, 50
    colours = ["#1b6ca8", "#d1495b", "#2e933c", "#7b4fa3", "#c77700", "#3a3a3a", "#00a5a5", "#a5a500"]
    shown = ["SAP 0.5,1 gamma 1 global", "SAP 1,2 gamma 1 global", "SAP 1,2 gamma 3 global",
             "SAP 1,2 gamma 1 layer", "magnitude global", "magnitude layer", "random global", "N:M"]

    def place(sparsity, accuracy):
        return left + sparsity * (width - left - 210), (height - bottom) * (1 - accuracy) + 20

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 20}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height + 20}" fill="white"/>']
    for tick in range(0, 11, 2):
        x, y = place(tick / 10, tick / 10)
        _, floor = place(0, 0)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10 * tick} %</text>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{10 * tick} %</text>')
        end, _ = place(1, 0)
        parts.append(f'<path d="M{left},{y:.1f}H{end}" stroke="#ddd"/>')
    x, y = place(0.5, 0)
    parts.append(f'<text x="{x}" y="{y + 38}" text-anchor="middle">weights that are zero</text>')
    parts.append(f'<text x="{left}" y="14">test accuracy of the digits {net} net, without retraining</text>')
    for number, name in enumerate(shown):
        points = sorted((s, a) for curve, s, a in curves if curve == name)
        line = " ".join("{:.1f},{:.1f}".format(*place(s, a)) for s, a in points)
        colour = colours[number]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for s, a in points:
            parts.append('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>'.format(*place(s, a), colour))
        parts.append(f'<rect x="{width - 195}" y="{30 + 20 * number}" width="12" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{width - 178}" y="{36 + 20 * number}">{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join(parts + ["</svg>"]) + "\n")


def main():
    program = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else HERE
    data = tensors(os.path.join(MODELS, "digits.safetensors"))
    test = data["split"] == 2
    images, labels = data["images"][test].astype(np.float32) / 16, data["labels"][test]
    rows = []
    for net, forward in [("mlp", mlp), ("conv", conv)]:
        source = os.path.join(MODELS, net + ".safetensors")
        before = (forward(tensors(source), images).argmax(1) == labels).mean()
        print(f"{net}: {100 * before:.2f} % before")
        curves = []
        with tempfile.TemporaryDirectory() as work:
            output = os.path.join(work, "pruned.safetensors")
            for name, points in methods():
                for options in points:
                    run = subprocess.run(
                        [program, "prune", source, "-o", output, "-f", "--json",
                         *map(str, options)], check=True, capture_output=True)
                    report = json.loads(run.stdout)
                    sparsity = 1 - report["kept"] / report["weights"]
                    right = (forward(tensors(output), images).argmax(1) == labels).mean()
                    curves.append((name, sparsity, right))
                    rows.append([net, name, options[-1], f"{sparsity:.4f}", f"{right:.4f}",
                                 f"{report['pqi_after']:.4f}"])
        plot(net, curves, os.path.join(folder, net + ".svg"))
    with open(os.path.join(folder, "results.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["net", "method", "amount", "sparsity", "accuracy", "pqi_after"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
