#!/usr/bin/env python3
"""Learns Fashion-MNIST in five tasks of two classes, with sparse and with whole weights.

usage: reproduce.py SUMAC [--folder DIR] [--quick]

Prints a table of the means over the seeds and writes results.csv. A training that was ended continues, and one that is
done is not repeated. CPU seconds are those of the whole command on one thread, tests on all tasks after each epoch
included; those of a training that was ended and continued are left out. --quick takes a minute; its figures mean nothing.
Needs Debian's dataset-fashion-mnist.
"""
import argparse
import csv
import gzip
import json
import os
import resource
import statistics
import struct
import subprocess

SOURCE = "/usr/share/datasets/fashion-mnist"
TASKS = "0,1/2,3/4,5/6,7/8,9"
SHARES = ["75%", "90%", "95%"]


def array(name, header, shape, count):
    """Returns the bytes of up to `count` items of a file in IDX format."""
    with gzip.open(os.path.join(SOURCE, name)) as file:
        return file.read()[header:header + count * shape]


def save(path, values, shape):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({', '.join(map(str, shape))},), }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values)


def make_data(folder, part, per_class):
    """Writes the first images of each class and their labels."""
    images = array(f"{part}-images-idx3-ubyte.gz", 16, 784, 60000)
    labels = array(f"{part}-labels-idx1-ubyte.gz", 8, 1, 60000)
    found, places = [0] * 10, []
    for place, label in enumerate(labels):
        if found[label] < per_class:
            found[label] += 1
            places.append(place)
    assert found == [per_class] * 10, found
    save(os.path.join(folder, f"{part}.npy"), b"".join(images[784 * p:784 * p + 784] for p in places),
         (len(places), 1, 28, 28))
    save(os.path.join(folder, f"{part}-labels.npy"), bytes(labels[p] for p in places), (len(places),))


def cases():
    yield "dense", "", ["--masks", "dense"]
    for masks in ["dynamic", "static"]:
        for share in SHARES:
            changes = ["--mask-every", "2"] if masks == "dynamic" else []
            yield masks, share, ["--masks", masks, "--sparsity", share, "--gradient-sparsity", share] + changes
    # The removal of examples on top.
    yield "dynamic, 30 % of the examples leave", "90%", [
        "--masks", "dynamic", "--sparsity", "90%", "--gradient-sparsity", "90%", "--mask-every", "2", "--remove"]


def train(options, name, start, arguments):
    """Returns the report of a training, with its CPU seconds if it ran in one piece."""
    result = os.path.join(options.folder, name + ".json")
    if not os.path.exists(result):
        run = os.path.join(options.folder, name)
        whole = not os.path.exists(run)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(
            [options.program, "sparcl", "train", start, "--data", "train.npy", "--labels", "train-labels.npy",
             "--test", "t10k.npy", "--test-labels", "t10k-labels.npy", "--tasks", TASKS, "--epochs",
             str(options.epochs), "--buffer", "500", "--replay", "derpp", "-j", "1", "-q", "--json",
             "-o", name] + arguments, cwd=options.folder, check=True, stdout=subprocess.PIPE).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = json.loads(output)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        report["cpu_seconds"] = seconds if whole else None
        with open(result + ".part", "w") as file:
            json.dump(report, file)
        os.rename(result + ".part", result)
    with open(result) as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--folder", default=".build/sparcl-tasks")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    if options.quick:
        options.folder += "-quick"
    options.epochs, per_class, test_count, seeds, network = 10, 1000, 500, [0, 1, 2], "convnet:1x28x28,16,32,64,10"
    if options.quick:
        options.epochs, per_class, test_count, seeds, network = 4, 64, 50, [0], "convnet:1x28x28,8,16,10"
    os.makedirs(options.folder, exist_ok=True)
    make_data(options.folder, "train", per_class)
    make_data(options.folder, "t10k", test_count)
    rows = []
    for seed in seeds:
        start = f"start-{seed}.sumac"
        if not os.path.exists(os.path.join(options.folder, start)):
            subprocess.run([options.program, "train", "new", "--arch", network, "--seed", str(seed), "-o", start, "-q"],
                           cwd=options.folder, check=True)
        for masks, share, arguments in cases():
            if arguments[-1] == "--remove":
                arguments = arguments + [f"30%:{options.epochs // 2}"]
            name = f"{masks.split(',')[0]}-{share.rstrip('%') or 'all'}-{seed}" + ("-less" if "," in masks else "")
            report = train(options, name, start, arguments + ["--seed", str(seed)])
            together, apart = report["class_incremental"], report["task_incremental"]
            rows.append([masks, share, seed, together["mean_accuracy"], together["forgetting"], apart["mean_accuracy"],
                         apart["forgetting"], report["file_bytes"][-1], report["cpu_seconds"]])
            print(*rows[-1], flush=True)
    names = ["masks", "sparsity", "seed", "accuracy", "forgetting", "accuracy_in_task", "forgetting_in_task", "bytes",
             "cpu_seconds"]
    with open(os.path.join(options.folder, "results.csv"), "w", newline="") as file:
        csv.writer(file).writerows([names] + rows)
    print("\n| masks | sparsity | accuracy | range | forgetting | accuracy in the task | file | CPU time, dense = 1 |")
    print("|---|---|---|---|---|---|---|---|")
    dense = {row[2]: row[8] for row in rows if row[0] == "dense"}
    for masks, share, _ in cases():
        own = [row for row in rows if row[:2] == [masks, share]]
        mean = [statistics.mean(row[column] for row in own) for column in range(3, 8)]
        ratios = [row[8] / dense[row[2]] for row in own if row[8] and dense[row[2]]]
        low, high = min(row[3] for row in own), max(row[3] for row in own)
        time = f"{statistics.median(ratios):.2f}" if ratios else "-"
        print(f"| {masks} | {share.replace('%', ' %')} | {100 * mean[0]:.1f} % | {100 * low:.1f} to {100 * high:.1f} | "
              f"{100 * mean[1]:.1f} % | {100 * mean[2]:.1f} % | {mean[4] / 1024:.1f} KiB | {time} |")


if __name__ == "__main__":
    main()
