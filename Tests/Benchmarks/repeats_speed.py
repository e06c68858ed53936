#!/usr/bin/env python3
"""Times `sumac repeats scan` and `dedup` beside MinHash of other tools on the same texts.

usage: repeats_speed.py PROGRAM [--folder DIR] [--size MB] [--rounds N] [--datatrove PYTHON] [--datasketch PYTHON]

The texts are generated: documents of about 2 kB with words of a Zipf distribution, 10 % of them equal to an earlier one and
10 % with every 20th word changed. PYTHON is an interpreter that has the package; its version is printed. Ratios are wall
and CPU time of the tool over those of `repeats dedup --by near`. datatrove runs its four stages (signatures, buckets,
clusters, filter) in one process; datasketch is MinHash with LSH, whose candidates are not verified.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import time

import numpy as np

DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor as Run
from datatrove.pipeline.dedup import MinhashDedupSignature as Sign, MinhashDedupBuckets as Buckets
from datatrove.pipeline.dedup import MinhashDedupCluster as Cluster, MinhashDedupFilter as Filter
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
folder, name, work = sys.argv[1:]
config = MinhashConfig(num_buckets=14, hashes_per_bucket=8, n_grams=5)
def run(*steps, tasks=1): Run(pipeline=list(steps), tasks=tasks, workers=1, logging_dir=None).run()
read = lambda: JsonlReader(folder, glob_pattern=name)
run(read(), Sign(output_folder=work + "/s", config=config))
run(Buckets(input_folder=work + "/s", output_folder=work + "/b", config=config), tasks=14)
run(Cluster(input_folder=work + "/b", output_folder=work + "/r", config=config))
run(read(), Filter(input_folder=work + "/r"), JsonlWriter(output_folder=work + "/out"))
"""

DATASKETCH = """
import json, sys
from datasketch import MinHash, MinHashLSH
folder, name, work = sys.argv[1:]
lsh, kept = MinHashLSH(threshold=0.7, num_perm=128), 0
with open(folder + "/" + name) as lines, open(work, "w") as out:
    for number, line in enumerate(lines):
        words = json.loads(line)["text"].split()
        sketch = MinHash(num_perm=128)
        sketch.update_batch([" ".join(words[i:i + 3]).encode() for i in range(max(1, len(words) - 2))])
        if lsh.query(sketch): continue
        lsh.insert(number, sketch)
        out.write(line)
"""


def write_texts(path, byte_count):
    generator = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = ["".join(generator.choice(letters, size)) for size in generator.integers(2, 11, 50_000)]
    written, documents = 0, []
    with open(path, "w") as file:
        number = 0
        while written < byte_count:
            draw = generator.random()
            if documents and draw < 0.1:
                words = documents[generator.integers(len(documents))]
            elif documents and draw < 0.2:
                words = list(documents[generator.integers(len(documents))])
                for place in range(0, len(words), 20):
                    words[place] = vocabulary[generator.integers(len(vocabulary))]
            else:
                count = int(generator.integers(100, 500))
                words = [vocabulary[i] for i in np.minimum(generator.zipf(1.2, count), len(vocabulary)) - 1]
                if len(documents) < 10_000:
                    documents.append(words)
            lines = [" ".join(words[i:i + 60]) for i in range(0, len(words), 60)]
            line = json.dumps({"id": number, "text": "\n\n".join(lines)}) + "\n"
            file.write(line)
            written += len(line)
            number += 1


def seconds(arguments):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def version(python, package):
    code = f"import importlib.metadata as m; print(m.version('{package}'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--size", type=float, default=4.4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datatrove")
    parser.add_argument("--datasketch")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    folder = os.path.join(os.path.abspath(options.folder), "repeats")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/in")
    texts = folder + "/in/texts.jsonl"
    write_texts(texts, options.size * 1e6)
    runs = {
        "scan": [program, "repeats", "scan", texts, "-o", folder + "/scan.json", "-f"],
        "scan -j 1": [program, "repeats", "scan", texts, "-o", folder + "/scan.json", "-f", "-j", "1"],
        "dedup --by near": [program, "repeats", "dedup", texts, "--by", "near", "-o", folder + "/near.jsonl", "-f"],
        "dedup --by near -j 1": [
            program, "repeats", "dedup", texts, "--by", "near", "-o", folder + "/near.jsonl", "-f", "-j", "1"],
        "dedup --by paragraphs": [
            program, "repeats", "dedup", texts, "--by", "paragraphs", "-o", folder + "/paragraphs.jsonl", "-f"],
    }
    for package, python, code in [("datatrove", options.datatrove, DATATROVE), ("datasketch", options.datasketch, DATASKETCH)]:
        if python:
            name = f"{package} {version(python, package)}"
            runs[name] = [python, "-c", code, folder + "/in", "texts.jsonl", f"{folder}/{package}"]
    times = {}
    for _ in range(options.rounds):
        for name, arguments in runs.items():
            shutil.rmtree(folder + "/datatrove", ignore_errors=True)
            times.setdefault(name, []).append(seconds(arguments))
    megabytes = os.path.getsize(texts) / 1e6
    wall_base, cpu_base = (statistics.median(t[i] for t in times["dedup --by near"]) for i in (0, 1))
    print(f"{megabytes:.1f} MB of JSON lines, medians of {options.rounds}")
    for name, all_times in times.items():
        wall, cpu = (statistics.median(t[i] for t in all_times) for i in (0, 1))
        print(f"  {name:24} {wall:8.2f} s wall ({wall / wall_base:5.2f} x)  {cpu:8.2f} s CPU ({cpu / cpu_base:5.2f} x)"
              f"  {megabytes / wall:8.1f} MB/s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
