#!/usr/bin/env python3
"""Measures packed caches of small models by the program alone: size, error, and the effect on the text that follows.

usage: reproduce.py SUMAC [FOLDER]

Uses only the program SUMAC and Python's own library. Writes results.csv into FOLDER and prints the tables of the page.
The default is the folder of this script.
"""
import csv
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", "..", "Fixtures", "models")
TOKENS = os.path.join(MODELS, "text", "tokens.safetensors")
OFFSETS = range(1024, 40960, 5120)
# 128 tokens are used after each cache. The first is only read.
FOLLOWING = 128
LENGTHS = [(128, "base"), (512, "clex"), (1024, "clex")]
METHODS = [("KIVI", "kivi"), ("KCVT", "kcvt"), ("GEAR-L", "gear-l"), ("GEAR", "gear")]
CASES = [("half precision", None, 16)] + [(name, method, bits) for bits in (4, 2) for name, method in METHODS]


def token_ids(path, name):
    """Returns a tensor of I32 ids of a safetensors file."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[name]
        start, end = entry["data_offsets"]
        file.seek(8 + length + start)
        return struct.unpack(f"<{(end - start) // 4}i", file.read(end - start))


class Passage:
    """A text whose first tokens are cached, in a folder of its own."""

    def __init__(self, program, folder, model, length, ids):
        self.program, self.folder = program, folder
        self.model = os.path.join(MODELS, model)
        with open(self.path("text.i32"), "wb") as file:
            file.write(struct.pack(f"<{len(ids)}i", *ids))
        self.run("make", self.model, "--data", self.path("text.i32"), "--length", str(length),
                 "--context", str(length + FOLLOWING), "-o", self.path("exact.safetensors"))
        self.run("convert", self.path("exact.safetensors"), "--dtype", "f16", "-o", self.path("half.safetensors"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        found = subprocess.run([self.program, "cache", *arguments, "-f", "-q"], capture_output=True, text=True)
        if found.returncode != 0:
            sys.exit(f"sumac cache {' '.join(arguments)}: {found.stderr}")
        return found.stdout

    def measure(self, method, bits):
        """Returns the bytes of the file and of half precision, relative errors, and the figures of the text after it."""
        cache = self.path("half.safetensors")
        if method is not None:
            cache = self.path("packed.sumac")
            self.run("pack", self.path("half.safetensors"), "--method", method, "--bits", str(bits), "-o", cache)
        shown = json.loads(self.run("inspect", cache, "--json"))
        text = json.loads(self.run(
            "eval", cache, "--against", self.path("exact.safetensors"), "--model", self.model, "--data",
            self.path("text.i32"), "--tokens", str(FOLLOWING), "--kernels", "portable", "--json"))
        rows = shown["layers"]
        half = 2 * sum(row["elements"] for row in rows)
        return {
            "size": (shown["file_bytes"] if method else half) / half,
            **{part: mean_square(row["error"] for row in rows if row["part"] == part and method)
               for part in ("key", "value")},
            "kl": text["comparison"]["divergence"]["value"],
            "median": text["comparison"]["divergence_places"]["p50"],
            "p99": text["comparison"]["divergence_places"]["p99"],
            "max": text["comparison"]["divergence_places"]["max"],
            "same_top": text["comparison"]["same_top"]["value"],
            "loss": text["loss"]["value"], "base_loss": text["comparison"]["base_loss"]["value"],
        }


def mean_square(numbers):
    """Returns the root of the mean square, or 0 for no numbers."""
    numbers = list(numbers)
    return math.sqrt(sum(x * x for x in numbers) / max(1, len(numbers)))


def mean(rows, key):
    return sum(row[key] for row in rows) / len(rows)


def combined(rows):
    """Returns the means over passages, with the standard error of the divergence over passages."""
    result = {key: mean(rows, key) for key in rows[0]}
    result["max"] = max(row["max"] for row in rows)
    spread = sum((row["kl"] - result["kl"]) ** 2 for row in rows) / (len(rows) - 1)
    result["kl_error"] = math.sqrt(spread / len(rows))
    result["perplexity"] = math.exp(result.pop("loss"))
    result["base_perplexity"] = math.exp(result.pop("base_loss"))
    return result


def scientific(number):
    """Returns a number with two digits, such as 1.2e-4."""
    digits, exponent = f"{number:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def table(length, found):
    print(f"\n## {length:,} tokens\n")
    print(f"The perplexity of the text that follows, with the exact cache, is {found[0][2]['base_perplexity']:.2f}.\n")
    print("| method | bits | size | keys | values | KL | median | 99 % | largest | same top | perplexity |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, bits, row in found:
        kl = f"{scientific(row['kl'])} ± {scientific(row['kl_error'])}"
        print(f"| {name} | {bits} | {100 * row['size']:.1f} % | {100 * row['key']:.2f} % | {100 * row['value']:.2f} % "
              f"| {kl} | {scientific(row['median'])} | {scientific(row['p99'])} | {scientific(row['max'])} "
              f"| {100 * row['same_top']:.1f} % | {row['perplexity']:.2f} |")


def main():
    program = os.path.abspath(sys.argv[1])
    target = sys.argv[2] if len(sys.argv) > 2 else HERE
    text = token_ids(TOKENS, "heldout_tech")
    written = []
    for length, model in LENGTHS:
        results = {case: [] for case in CASES}
        for start in OFFSETS:
            with tempfile.TemporaryDirectory() as folder:
                # The tokenizer's token for the beginning is the first in the cache.
                ids = text[start:start + length - 1 + FOLLOWING]
                passage = Passage(program, folder, model, length, ids)
                for case in CASES:
                    results[case].append(passage.measure(case[1], case[2]))
        found = [(name, bits, combined(results[name, method, bits])) for name, method, bits in CASES]
        table(length, found)
        written += [{"tokens": length, "method": name, "bits": bits, **row} for name, bits, row in found]
    with open(os.path.join(target, "results.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, written[0].keys(), lineterminator="\n")
        writer.writeheader()
        for row in written:
            writer.writerow({key: f"{x:.6g}" if isinstance(x, float) else x for key, x in row.items()})


if __name__ == "__main__":
    main()
