#!/usr/bin/env python3
"""Measures what storage types do to a language model: size, perplexity, divergence, same top token.

usage: measure.py SUMAC MODEL --data FILE [--calibration-data FILE] [--tokens N] [--types T,T,...] [--targets B,B,...]
                  [--only types|targets] [-o FOLDER]

MODEL is a model folder; the files of --data are as `sumac eval` reads them. Each type is tried on the whole model; then
types are chosen for each number of bits per weight of --targets, without and, with --calibration-data, with statistics of
the inputs. Writes types.csv and targets.csv into FOLDER (default: the current one) and prints both as tables. Uses only
the program SUMAC. Needs the disk space of two small copies of the model.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

TYPES = ("int8,fp8,q8_0,int6,int6:g64,int5,int5:g64,q5_1,q5_0,int4:g32:asym,int4:g32,int4:g64,int4,q4_1,q4_0,nf4,"
         "mxfp4,nvfp4,int3:g32,int3,int2:g32:asym,int2:g32").split(",")
TARGETS = "2.5,3,3.5,4,4.5,5,6".split(",")
FIELDS = ["name", "bytes", "bits", "error", "perplexity", "perplexity_error", "base_perplexity",
          "divergence", "divergence_error", "p99", "largest", "same_top"]


def run(words):
    """Returns the JSON that the program prints; None if it refuses."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        print(" ".join(words[1:3]), "...:", done.stderr.strip().splitlines()[-1], file=sys.stderr)
        return None
    return json.loads(done.stdout)


class Measurement:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.values = run([options.sumac, "inspect", options.model, "--json"])["value_count"]

    def row(self, name, words):
        """Converts the model and returns the figures of the result; None if a type does not fit."""
        path = os.path.join(self.folder, "model.sumac")
        data = [word for file in self.options.data for word in ("--evaluate", file)]
        if self.options.tokens:
            data += ["--evaluate-tokens", str(self.options.tokens)]
        report = run([self.options.sumac, "convert", self.options.model, "-o", path, "--force", "--json"] + words + data)
        if report is None:
            return None
        found = report["evaluation"]
        compared = found["comparison"]
        loss = report["loss"]
        return {
            "name": name, "bytes": report["bytes"], "bits": 8 * report["bytes"] / self.values,
            "error": loss["relative_error"] if loss else 0,
            "perplexity": found["perplexity"]["value"], "perplexity_error": found["perplexity"]["error"],
            "base_perplexity": compared["base_perplexity"]["value"],
            "divergence": compared["divergence"]["value"], "divergence_error": compared["divergence"]["error"],
            "p99": compared["divergence_places"]["p99"], "largest": compared["divergence_places"]["max"],
            "same_top": compared["same_top"]["value"],
        }

    def statistics(self):
        """Returns the options for statistics of the inputs; nothing without data for them."""
        if not self.options.calibration_data:
            return []
        path = os.path.join(self.folder, "stats.safetensors")
        words = [word for file in self.options.calibration_data for word in ("--data", file)]
        if run([self.options.sumac, "calibrate", self.options.model, "-o", path, "--json"] + words) is None:
            sys.exit(1)
        return ["--calibration", path]


def write(rows, path):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows(rows)


def show(rows, title):
    print(f"| {title} | size | bits | error | perplexity | divergence | 99 % below | same top |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['name']} | {row['bytes'] / 2**20:.2f} MiB | {row['bits']:.2f} | {100 * row['error']:.1f} % "
            f"| {row['perplexity']:.2f} ± {row['perplexity_error']:.2f} "
            f"| {row['divergence']:.4f} ± {row['divergence_error']:.4f} | {row['p99']:.3f} "
            f"| {100 * row['same_top']:.1f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("sumac")
    parser.add_argument("model")
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--calibration-data", action="append")
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--only", choices=["types", "targets"])
    parser.add_argument("-o", default=".")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measurement = Measurement(options, folder)
        if options.only != "targets":
            rows = [measurement.row(f"`{name}`", ["--type", name]) for name in options.types.split(",")]
            rows = [row for row in rows if row]
            write(rows, os.path.join(options.o, "types.csv"))
            show(rows, "type")
        if options.only != "types":
            statistics = measurement.statistics()
            rows = []
            for bits in options.targets.split(","):
                rows.append(measurement.row(f"{bits} bits", ["--target-bpw", bits]))
                if statistics:
                    rows.append(measurement.row(f"{bits} bits, by inputs", ["--target-bpw", bits] + statistics))
            rows = [row for row in rows if row]
            write(rows, os.path.join(options.o, "targets.csv"))
            show(rows, "target")


if __name__ == "__main__":
    main()
