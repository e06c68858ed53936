#!/usr/bin/env python3
"""Times sumac and the programs that a user would otherwise run, on the same data.

usage: bench.py SUMAC [--folder DIR] [--rounds N] [--size MIB] [--only NAME]

The commands of a group run in turn, round after round, so that changes in the speed of the machine affect all of them
alike. The script prints medians and ratios. The CPU time of a command is the kernel's own account of the process.
`make_inputs` describes the data. Everything is written below --folder; choose a folder on the disk to measure.
"""
import argparse
import importlib.util
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time

import numpy as np

MIB = 1 << 20


def write_safetensors(path, tensors):
    """Writes a safetensors file of `tensors`, a list of (name, dtype name, array, shape)."""
    header, offset = {}, 0
    for name, dtype, data, shape in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + data.nbytes]}
        offset += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, _, data, _ in tensors:
            file.write(data)


def weights(rng, rows, columns):
    """Returns float32 values N(0, 1) x scale, with the scale 0.02 x exp(0.35 N(0, 1)) of each row.

    They resemble the weights of a trained net.
    """
    scale = (0.02 * np.exp(0.35 * rng.standard_normal((rows, 1)))).astype(np.float32)
    return rng.standard_normal((rows, columns), dtype=np.float32) * scale


def to_bf16(x):
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def make_inputs(folder, size_mib):
    """Writes float32 weights in tensors of 64 MiB, and the same weights rounded to bfloat16; returns the paths."""
    f32, bf16 = f"{folder}/f32.safetensors", f"{folder}/bf16.safetensors"
    if not os.path.exists(f32):
        rng = np.random.default_rng(1234)
        tensors = [(f"layers.{i}.weight", "F32", weights(rng, 4096, 4096), [4096, 4096])
                   for i in range(size_mib // 64)]
        write_safetensors(f32, tensors)
        half = [(name, "BF16", to_bf16(data), shape) for name, _, data, shape in tensors]
        write_safetensors(bf16, half)
        with open(f"{folder}/bf16.raw", "wb") as file:
            for _, _, data, _ in half:
                file.write(data)
    return f32, bf16, f"{folder}/bf16.raw"


def rope_model(folder, weights):
    """Returns a model folder of these weights, with the configuration that rope scale needs."""
    model = f"{folder}/model"
    os.makedirs(model, exist_ok=True)
    if not os.path.exists(f"{model}/model.safetensors"):
        os.link(weights, f"{model}/model.safetensors")
    with open(f"{model}/config.json", "w") as file:
        json.dump({"head_dim": 128, "rope_theta": 10000.0, "max_position_embeddings": 4096}, file)
    return model


def caches(folder):
    """Returns the paths of files with keys and values of one layer, [1, 32, 4096, 128], in F32 and F16."""
    paths = [f"{folder}/cache-f32.safetensors", f"{folder}/cache-f16.safetensors"]
    if not all(os.path.exists(path) for path in paths):
        rng = np.random.default_rng(2)
        layer = {f"layers.0.{part}": rng.standard_normal((1, 32, 4096, 128), dtype=np.float32)
                 for part in ("key", "value")}
        for path, dtype in zip(paths, (np.float32, np.float16)):
            kind = "F16" if dtype == np.float16 else "F32"
            write_safetensors(
                path, [(name, kind, values.astype(dtype), values.shape) for name, values in layer.items()])
    return paths


def cache_floor(path, target, byte_count):
    """Returns CPU seconds: of reading a layer, of six skinny products per head, of writing the packed size."""
    piece = bytearray(1 << 20)
    with open(path, "rb", buffering=0) as file:
        file.readinto(piece)
        start = time.process_time()
        while file.readinto(piece):
            pass
        read = time.process_time() - start
        file.seek(0)
        data = file.read()
    heads = np.frombuffer(data, np.float32, 2 * 32 * 4096 * 128, len(data) - 4 * 2 * 32 * 4096 * 128)
    heads = heads.reshape(64, 4096, 128)
    p = np.ones((128, 4), np.float32)
    start = time.process_time()
    for head in heads:
        for _ in range(3):
            head.T @ (head @ p)
    products = time.process_time() - start
    start = time.process_time()
    with open(target, "wb") as file:
        file.write(data[:byte_count])
        os.fsync(file.fileno())
    return read, products, time.process_time() - start


def run(command, shell=False):
    """Runs a command and returns (wall seconds, CPU seconds, peak MiB)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, shell=shell, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command}: status {status}\n{message.decode()}")
    # ru_maxrss of a child starts with the memory of this process at the fork, so it is useless for a small
    # program. sumac reports its own peak.
    peak = re.search(rb"peak resident memory (\d+) bytes", message)
    return wall, usage.ru_utime + usage.ru_stime, int(peak[1]) / MIB if peak else None


def compare(title, commands, rounds, cleanup=()):
    """Times `commands`, a list of (label, command, shell), and prints them with ratios to the first."""
    results = {label: [] for label, _, _ in commands}
    for round_number in range(rounds + 1):
        for label, command, shell in commands:
            for path in cleanup:
                shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else (
                    os.path.exists(path) and os.unlink(path))
            os.sync()
            result = run(command, shell)
            if round_number > 0:  # the first warms the page cache
                results[label].append(result)
    print(f"\n{title}")
    print(f"{'':34}{'wall s':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}{'peak MiB':>10}")
    first = commands[0][0]
    for label, _, _ in commands:
        wall = statistics.median(r[0] for r in results[label])
        cpu = statistics.median(r[1] for r in results[label])
        peaks = [r[2] for r in results[label] if r[2] is not None]
        peak = f"{max(peaks):10.1f}" if peaks else f"{'-':>10}"
        wall_ratio = statistics.median(a[0] / b[0] for a, b in zip(results[label], results[first]))
        cpu_ratio = statistics.median(a[1] / max(b[1], 1e-4) for a, b in zip(results[label], results[first]))
        print(f"{label:34}{wall:9.3f}{wall_ratio:8.2f}{cpu:9.3f}{cpu_ratio:8.2f}{peak}")
    sys.stdout.flush()


TORCH_CONVERT = """
import sys, torch
from safetensors.torch import save_file
save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])
"""

NUMPY_CAST = """
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
def bf16(x):
    u = x.view(np.uint32); return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)
with safe_open(sys.argv[1], 'np') as f: save_file({k: bf16(f.get_tensor(k)) for k in f.keys()}, sys.argv[2])
"""


NUMPY_PQI = """
import sys, numpy as np
from safetensors import safe_open
# The formulas of the paper's code, in float32: PQ Index for p = 1/2 and q = 1, zeros, and norms.
with safe_open(sys.argv[1], 'np') as f:
    for k in f.keys():
        w = np.abs(f.get_tensor(k)).ravel()
        p = (np.mean(w ** 0.5)) ** 2
        q = np.mean(w)
        print(k, 1 - p / q, (w == 0).sum(), q, np.sqrt(np.mean(w * w)), w.max())
"""

NUMPY_STATS = NUMPY_PQI.replace("        print(", """        s = np.sort(w); n = len(w)
        gini = np.sum((2 * np.arange(1, n + 1) - n - 1) * (s + 1e-7)) / (n * np.sum(s + 1e-7, dtype=np.float64))
        print(gini, np.quantile(s, [.01, .1, .25, .5, .75, .9, .99, .999]), end=' ')
        print(""")

NUMPY_PRUNE = """
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
out = {}
with safe_open(sys.argv[1], 'np') as f:
    for k in f.keys():
        t = f.get_tensor(k); w = np.abs(t).ravel(); d = np.float32(len(w))
        index = 1 - np.mean(w ** 0.5) ** 2 / np.mean(w)
        m = np.ceil(d * (1 - index)); n = int(d * min(1 - m / d, 0.9))
        pivot = np.partition(w, n)[n]
        out[k] = np.where(np.abs(t) < pivot, np.float32(0), t)
save_file(out, sys.argv[2])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sumac")
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB of float32")
    parser.add_argument("--only", help="start | cast | pytorch | archive | pack | unpack | stats | prune | rope | cache")
    options = parser.parse_args()
    sumac = os.path.abspath(options.sumac)
    os.makedirs(options.folder, exist_ok=True)
    folder = os.path.abspath(options.folder)
    f32, bf16, raw = make_inputs(folder, options.size)
    packed, out, frame = f"{folder}/packed.sumac", f"{folder}/out.safetensors", f"{folder}/raw.zst"

    def wanted(name):
        return options.only in (None, name)

    if wanted("start"):
        compare("start, and reading the header of the float32 file", [
            ("true", ["true"], False),
            ("sumac --version", [sumac, "--version"], False),
            ("sumac inspect", [sumac, "inspect", f32], False),
            ("python -c pass", [sys.executable, "-c", "pass"], False),
        ], 4 * options.rounds)
    if wanted("cast"):
        cast = [sumac, "convert", f32, "-o", out, "--dtype", "bf16", "-vv"]
        compare(f"F32 to BF16, {options.size} MiB", [
            ("cp; sync of the copy", f"cp {f32} {out} && sync {out}", True),
            ("sumac convert --dtype bf16", cast, False),
            ("the same, -j 1", [*cast, "-j", "1"], False),
            ("the same, --memory 64MiB", [*cast, "--memory", "64MiB"], False),
            ("safetensors + numpy", [sys.executable, "-c", NUMPY_CAST, f32, out], False),
        ], options.rounds, cleanup=[out])
    if wanted("pytorch"):
        torch_file = f"{folder}/f32.bin"
        if not os.path.exists(torch_file):
            run([sumac, "convert", f32, "-o", torch_file])
        compare(f"a file of PyTorch, {options.size} MiB of F32", [
            ("cp; sync of the copy", f"cp {torch_file} {out} && sync {out}", True),
            ("sumac convert to safetensors", [sumac, "convert", torch_file, "-o", out, "-vv"], False),
            ("sumac inspect", [sumac, "inspect", torch_file], False),
            *([("torch.load; save_file", [sys.executable, "-c", TORCH_CONVERT, torch_file, out], False)]
              if importlib.util.find_spec("torch") else []),
        ], options.rounds, cleanup=[out])
    if wanted("archive"):
        model, archive, unpacked = f"{folder}/model", f"{folder}/model.tar.zst", f"{folder}/unpacked"
        if not os.path.exists(archive):
            os.makedirs(model, exist_ok=True)
            shutil.copy(bf16, f"{model}/model.safetensors")
            run([sumac, "pack", model, "-o", archive])
        compare(f"a model in a tar.zst, {options.size // 2} MiB of BF16", [
            ("zstd -dc to /dev/null", f"zstd -q -dc {archive} > /dev/null", True),
            ("sumac inspect", [sumac, "inspect", archive], False),
            ("sumac convert to safetensors", [sumac, "convert", archive, "-o", out, "-vv"], False),
            ("the same, --no-lineage",
             [sumac, "convert", archive, "-o", out, "-vv", "--no-lineage"], False),
            ("the same, --memory 128MiB",
             [sumac, "convert", archive, "-o", out, "-vv", "--memory", "128MiB"], False),
            ("sumac convert to .sumac", [sumac, "convert", archive, "-o", packed, "-f", "-vv"], False),
            ("tar; sync of the file",
             f"mkdir {unpacked} && tar -C {unpacked} -I zstd -xf {archive}"
             f" && sync {unpacked}/model*", True),
        ], options.rounds, cleanup=[out, packed, unpacked])
    if wanted("pack"):
        compare(f"lossless packing, {options.size // 2} MiB of BF16, one thread", [
            ("zstd -1 -T1", ["zstd", "-q", "-f", "-1", "-T1", "--single-thread", raw, "-o", frame], False),
            ("sumac convert, fast, -j 1", [sumac, "convert", bf16, "-o", packed, "-j", "1", "-vv"],
             False),
            ("cp; sync of the copy", f"cp {raw} {out} && sync {out}", True),
        ], options.rounds, cleanup=[out, packed])
        print(f"ratio zstd -1 {os.path.getsize(raw) / os.path.getsize(frame):.4f}, sumac fast ", end="")
        run([sumac, "convert", bf16, "-o", packed, "-f"])
        print(f"{os.path.getsize(bf16) / os.path.getsize(packed):.4f}")
    if wanted("unpack"):
        run([sumac, "convert", bf16, "-o", packed, "-f"])
        run(["zstd", "-q", "-f", "-1", raw, "-o", frame])
        compare(f"unpacking, {options.size // 2} MiB of BF16, one thread", [
            ("zstd -d; sync of the output",
             f"zstd -q -d -f --single-thread {frame} -o {out} && sync {out}", True),
            ("sumac convert to safetensors, -j 1",
             [sumac, "convert", packed, "-o", out, "-j", "1", "-vv"], False),
            ("cp; sync of the copy", f"cp {raw} {out} && sync {out}", True),
        ], options.rounds, cleanup=[out])
        compare(f"decoding and checking only, {options.size // 2} MiB of BF16, one thread", [
            ("zstd -t", ["zstd", "-q", "-t", "--single-thread", frame], False),
            ("sumac verify, -j 1", [sumac, "verify", packed, "-j", "1"], False),
        ], options.rounds)
    if wanted("stats"):
        stats = [sumac, "inspect", f32, "--stats", "--json", "-vv"]
        compare(f"all statistics of {options.size} MiB of F32", [
            ("cat to /dev/null", ["cat", f32], False),
            ("sumac inspect --stats", stats, False),
            ("the same, -j 1", [*stats, "-j", "1"], False),
            ("numpy: PQI, norms, zeros only", [sys.executable, "-c", NUMPY_PQI, f32], False),
            ("numpy: with Gini and quantiles", [sys.executable, "-c", NUMPY_STATS, f32], False),
        ], options.rounds)
    if wanted("prune"):
        prune = [sumac, "prune", f32, "-o", out, "-vv", "--by", "pqi", "--scope"]
        compare(f"pruning by the PQ Index, {options.size} MiB of F32", [
            ("cp; sync of the copy", f"cp {f32} {out} && sync {out}", True),
            ("sumac prune --scope layer", [*prune, "layer"], False),
            ("sumac prune --scope global", [*prune, "global"], False),
            ("sumac prune --scope neuron", [*prune, "neuron"], False),
            ("safetensors + numpy, layer", [sys.executable, "-c", NUMPY_PRUNE, f32, out], False),
        ], options.rounds, cleanup=[out])
    if wanted("rope"):
        model, longer = rope_model(folder, f32), f"{folder}/longer"
        scale = [sumac, "rope", "scale", model, "--method", "yarn", "--factor", "4", "-o", longer]
        compare(f"rescaling a model of {options.size} MiB", [
            ("cp -r; sync of the copy",
             f"cp -r {model} {longer} && sync {longer}/model.safetensors", True),
            ("cp -r", ["cp", "-r", model, longer], False),
            ("sumac rope scale", [*scale, "-vv"], False),
            ("the same, --config-only", [*scale, "--config-only"], False),
        ], options.rounds, cleanup=[longer])
    if wanted("cache"):
        whole, half = caches(folder)
        pack = [sumac, "cache", "pack", "-o", packed, "-f", "-vv"]
        compare("packing keys and values [1, 32, 4096, 128]: gear, 4 bits, rank 4, 2 %", [
            ("cat to /dev/null, F32", ["cat", whole], False),
            ("sumac cache pack, F32", [*pack, whole], False),
            ("the same, -j 1", [*pack, whole, "-j", "1"], False),
            ("the same, --memory 64MiB", [*pack, whole, "--memory", "64MiB"], False),
            ("sumac cache pack, F16", [*pack, half], False),
            ("sumac cache pack, F32, kivi", [*pack, whole, "--method", "kivi"], False),
        ], options.rounds)
        run([*pack, whole])
        floors = [cache_floor(whole, out, os.path.getsize(packed)) for _ in range(options.rounds)]
        parts = [statistics.median(part) for part in zip(*floors)]
        print("floor, CPU s: reading {:.3f}, products {:.3f}, writing {:.3f}; together {:.3f}".format(
            *parts, sum(parts)))
        run([*pack, half])
        unpack = [sumac, "cache", "unpack", packed, "-o", out, "-vv"]
        compare("unpacking 64 MiB of F16", [
            ("cp; sync of the copy", f"cp {half} {out} && sync {out}", True),
            ("sumac cache unpack", unpack, False),
            ("the same, -j 1", [*unpack, "-j", "1"], False),
            ("sumac verify, -j 1: decoding only", [sumac, "verify", packed, "-j", "1"], False),
        ], options.rounds, cleanup=[out])


if __name__ == "__main__":
    main()
