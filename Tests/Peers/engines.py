#!/usr/bin/env python3
"""Runs plans with GNU parallel, make and Snakemake, and compares their outputs with that of one process.

usage: engines.py SUMAC

An engine that is not installed is left out, and the script says so. It fails if none is installed.
"""
import os
import shutil
import subprocess
import sys
import tempfile

MODEL = os.path.join(os.path.dirname(__file__), "../../Fixtures/models/base")
ENGINES = {
    "parallel": lambda folder: ["bash", f"{folder}/run.sh"],
    "make": lambda folder: ["make", "-s", "-C", folder, "-j", "2"],
    "snakemake": lambda folder: [
        "snakemake", "--quiet", "all", "--directory", folder, "--snakefile", f"{folder}/Snakefile", "--cores", "2"],
}


def contents(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def main():
    sumac = os.path.abspath(sys.argv[1])
    options = ["--shard-size", "300kB", "-q"]
    ran = 0
    with tempfile.TemporaryDirectory() as work:
        # A name with a space and a quote, which shells and rules must keep whole.
        model = f"{work}/it's a model"
        shutil.copytree(MODEL, model)
        subprocess.run([sumac, "prune", model, "-o", f"{work}/single", *options], check=True)
        for engine, command in ENGINES.items():
            if shutil.which(engine) is None:
                print(f"{engine}: not installed")
                continue
            output, plan, scripts = f"{work}/out {engine}", f"{work}/{engine}.json", f"{work}/{engine}"
            subprocess.run(
                [sumac, "plan", "prune", model, "--into", output, "-o", plan, "--task-size", "250kB", "-j", "1", *options],
                check=True)
            subprocess.run(
                [sumac, "plan", plan, "--emit", engine, "-o", scripts, "-q"], check=True, stdout=subprocess.DEVNULL)
            for turn in ("first", "second"):
                subprocess.run(command(scripts), check=True, stdout=subprocess.DEVNULL)
            if contents(output) != contents(f"{work}/single"):
                raise SystemExit(f"{engine}: the output differs from that of one process")
            print(f"{engine}: the bytes of one process")
            ran += 1
    if ran == 0:
        raise SystemExit("no engine is installed")


if __name__ == "__main__":
    main()
