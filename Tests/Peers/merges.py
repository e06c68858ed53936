#!/usr/bin/env python3
"""Perplexity of merges of the two small fine-tunes.

usage: merges.py SUMAC

Runs every recipe of docs/reproductions/merging and makes vectors of several forms. A forward pass in NumPy computes
the perplexity of the results. If mergekit is installed, the script compares its outputs for the recipes without random
choices: the share of values that differ by more than two steps of BF16.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np

import llama

FOLDER = os.path.join(llama.ROOT, "docs", "reproductions", "merging")
MODELS = os.path.dirname(llama.BASE)
ROWS = [
    ("linear, ½ and ½", "linear", []),
    ("slerp, t ½", "slerp", []),
    ("task arithmetic, 0.3", "task-arithmetic-0.3", []),
    ("task arithmetic, 0.4", "task-arithmetic-0.4", []),
    ("TIES, density 0.5, λ 0.4", "ties", []),
    ("TIES over all tensors, density 0.2, λ 0.4", "ties-global", ["--scope", "global"]),
    ("DARE linear, density 0.5, 0.3", "dare-linear", []),
    ("DARE TIES, density 0.5, 0.4", "dare-ties", []),
    ("breadcrumbs, density 0.8, 0.4", "breadcrumbs", []),
    ("DELLA linear, density 0.5, 0.3", "della", []),
    ("coefficients by entropy", "coefficients", ["--coefficients", os.path.join(FOLDER, "entropy.yaml")]),
    ("coefficients by loss", "coefficients", ["--coefficients", os.path.join(FOLDER, "loss.yaml")]),
]
VECTORS = [
    ("all values", []),
    ("density 10 %", ["--density", "10%"]),
    ("rank 8", ["--rank", "8"]),
    ("rank 8, density 2 %", ["--rank", "8", "--density", "2%"]),
    ("int4, groups of 32", ["--type", "int4:g32"]),
    ("exact", ["--exact"]),
]


def row(name, weights, config, text):
    net = llama.tensors(weights)
    values = " | ".join(f"{llama.perplexity(net, config, text[part]):.3f}" for part in llama.PARTS)
    print(f"| {name} | {values} |", flush=True)
    return net


def main():
    program = os.path.abspath(sys.argv[1])
    config, text = llama.config(), llama.held_out()
    head = " | ".join(llama.PARTS)
    print(f"| model | {head} |")
    print("|---|" + "---|" * len(llama.PARTS))
    for name in ["base", "poetry", "tech"]:
        row(name, os.path.join(MODELS, name, "model.safetensors"), config, text)
    with tempfile.TemporaryDirectory() as work:
        merged = os.path.join(work, "m.safetensors")
        for name, recipe, options in ROWS:
            path = os.path.join(FOLDER, "recipes", recipe + ".yaml")
            subprocess.run([program, "merge", "--recipe", path, "-o", merged, "-f", "-q", *options], check=True)
            net = row(name, merged, config, text)
            if not options and not recipe.startswith(("dare", "della")):
                against_mergekit(path, net, work)
        print(f"\n| poetry as a vector on base | bytes | {head} |")
        print("|---|---|" + "---|" * len(llama.PARTS))
        for name, options in VECTORS:
            vector = os.path.join(work, "v.sumac")
            base, tuned = os.path.join(MODELS, "base"), os.path.join(MODELS, "poetry")
            subprocess.run(
                [program, "vector", "extract", tuned, "--base", base, "-o", vector, "-f", "-q", *options], check=True)
            subprocess.run(
                [program, "vector", "apply", vector, "--base", base, "-o", merged, "-f", "-q"], check=True)
            row(f"{name} | {os.path.getsize(vector):,}", merged, config, text)


def against_mergekit(recipe, net, work):
    """Compares the merged tensors with those of mergekit, if it is installed."""
    try:
        import mergekit  # noqa: F401
    except ImportError:
        return
    out = os.path.join(work, "mergekit")
    with open(recipe) as file:
        text = file.read().replace("../../../../Fixtures", os.path.join(llama.ROOT, "Fixtures"))
    path = os.path.join(work, "recipe.yaml")
    with open(path, "w") as file:
        file.write(text)
    subprocess.run(
        [sys.executable, "-m", "mergekit.scripts.run_yaml", path, out, "--quiet", "--no-copy-tokenizer"],
        check=True, capture_output=True)
    other = llama.tensors(os.path.join(out, "model.safetensors"))
    base = llama.tensors(os.path.join(llama.BASE, "model.safetensors"))
    wrong = total = 0
    for name, values in net.items():
        largest = np.maximum(np.abs(values), np.maximum(np.abs(other[name]), np.abs(base[name])))
        step = np.exp2(np.floor(np.log2(np.maximum(largest, 1e-30))) - 7)
        wrong += int((np.abs(values - other[name]) > 2 * step).sum())
        total += values.size
    print(f"  mergekit: {100 * wrong / total:.2f} % of the values differ by more than two steps of BF16", file=sys.stderr)


if __name__ == "__main__":
    main()
