#!/usr/bin/env python3
"""Finds coefficients for each block and task, without labels or by the loss on the text.

usage: search.py entropy|loss > TABLE.yaml

Adds the two task vectors of Fixtures/models to the base, each multiplied by a coefficient for each block (AdaMerging,
layer-wise). Lowers the mean entropy of predictions (as in the paper) or the loss of next tokens, on 4,096 calibration
tokens of each task, by steps up and down of one coefficient at a time. Coefficients start at 0.3 and stay in [0, 1].
"""
import os
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "Tests", "Peers"))
import llama  # noqa: E402

TASKS = ["poetry", "tech"]
TOKEN_COUNT = 4096


def block(name):
    parts = name.split(".")
    return ".".join(parts[:3]) if parts[1] == "layers" else ".".join(parts[:-1])


def score(net, config, text, objective):
    total = 0.0
    windows = text.reshape(-1, llama.WINDOW)
    ids = np.concatenate([np.zeros((len(windows), 1), windows.dtype), windows[:, :-1]], 1)
    out = llama.logits(net, config, ids).astype(np.float64)
    out -= out.max(-1, keepdims=True)
    logs = out - np.log(np.exp(out).sum(-1, keepdims=True))
    if objective == "entropy":
        total = -(np.exp(logs) * logs).sum(-1).mean()
    else:
        total = -np.take_along_axis(logs, windows[..., None], -1).mean()
    return total


def main():
    objective = sys.argv[1]
    folder = os.path.dirname(llama.BASE)
    config = llama.config()
    base = llama.tensors(os.path.join(llama.BASE, "model.safetensors"))
    vectors = []
    for task in TASKS:
        tuned = llama.tensors(os.path.join(folder, task, "model.safetensors"))
        vectors.append({name: tuned[name] - base[name] for name in base})
    tokens = llama.tensors(llama.TOKENS)
    texts = [tokens["calibration_" + task][:TOKEN_COUNT] for task in TASKS]
    blocks = sorted({block(name) for name in base})
    table = {name: [0.3] * len(TASKS) for name in blocks}

    def loss():
        net = {
            name: base[name] + sum(np.float32(c) * v[name] for c, v in zip(table[block(name)], vectors))
            for name in base
        }
        return sum(score(net, config, text, objective) for text in texts)

    best = loss()
    print(f"start {best:.5f}", file=sys.stderr)
    for step in [0.2, 0.1, 0.05]:
        for _ in range(2):
            for name in blocks:
                for task in range(len(TASKS)):
                    for sign in [1, -1]:
                        old = table[name][task]
                        table[name][task] = round(min(1.0, max(0.0, old + sign * step)), 4)
                        found = loss() if table[name][task] != old else best
                        if found < best:
                            best = found
                            break
                        table[name][task] = old
            print(f"step {step}: {best:.5f}", file=sys.stderr, flush=True)
    print(f"# Found by search.py {objective}.")
    print("grouping: block")
    print(f"models: [{', '.join(TASKS)}]")
    print("coefficients:")
    for name in blocks:
        print(f"  {name}: {table[name]}")


if __name__ == "__main__":
    main()
