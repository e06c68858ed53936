#!/usr/bin/env python3
"""Perplexity of the small Llama after `sumac prune`, through .sumac and back.

usage: perplexity.py SUMAC

A forward pass in NumPy, float32, of Fixtures/models/base and what the program makes of it, on the
first 20,480 held-out tokens of each part (poetry 9,472) in windows of 256.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASE = os.path.join(ROOT, "Fixtures", "models", "base")
TOKENS = os.path.join(ROOT, "Fixtures", "models", "text", "tokens.safetensors")
PARTS = {"prose": 20480, "poetry": 9472, "tech": 20480}
WINDOW = 256


def tensors(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    result = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        if entry["dtype"] == "BF16":
            bits = np.frombuffer(data[start:end], np.uint16).astype(np.uint32) << 16
            values = bits.view(np.float32)
        else:
            values = np.frombuffer(data[start:end], {"F32": np.float32, "I32": np.int32}[entry["dtype"]])
        result[name] = values.reshape(entry["shape"])
    return result


def logits(net, config, ids):
    """Of windows [N, T]."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    width = config["hidden_size"] // heads
    count = ids.shape[1]
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    frequencies = 1 / theta ** (np.arange(0, width, 2) / width)
    angles = np.outer(np.arange(count), frequencies)
    cos, sin = (np.concatenate([f(angles)] * 2, 1).astype(np.float32) for f in [np.cos, np.sin])
    hidden = np.where(np.tril(np.ones((count, count), bool)), 0, -np.inf).astype(np.float32)

    def norm(x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weight

    def rotate(x):
        half = width // 2
        turned = np.concatenate([-x[..., half:], x[..., :half]], -1)
        return x * cos + turned * sin

    x = net["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        def weight(name):
            return net[f"model.layers.{layer}.{name}.weight"]

        h = norm(x, weight("input_layernorm"))

        def split(name, n):
            return (h @ weight(f"self_attn.{name}").T).reshape(*ids.shape, n, width).transpose(0, 2, 1, 3)

        q, k, v = rotate(split("q_proj", heads)), rotate(split("k_proj", kv_heads)), split("v_proj", kv_heads)
        k, v = (np.repeat(t, heads // kv_heads, 1) for t in [k, v])
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(np.float32(width)) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        x = x + mixed.transpose(0, 2, 1, 3).reshape(*ids.shape, -1) @ weight("self_attn.o_proj").T
        h = norm(x, weight("post_attention_layernorm"))
        gate = h @ weight("mlp.gate_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ weight("mlp.up_proj").T)) @ weight("mlp.down_proj").T
    return norm(x, net["model.norm.weight"]) @ net["lm_head.weight"].T


def perplexity(net, config, text):
    loss = 0.0
    windows = text.reshape(-1, WINDOW)
    for start in range(0, len(windows), 8):
        targets = windows[start:start + 8]
        ids = np.concatenate([np.zeros((len(targets), 1), targets.dtype), targets[:, :-1]], 1)
        out = logits(net, config, ids).astype(np.float64)
        top = out.max(-1, keepdims=True)
        total = top[..., 0] + np.log(np.exp(out - top).sum(-1))
        loss += (total - np.take_along_axis(out, targets[..., None], -1)[..., 0]).sum()
    return np.exp(loss / text.size)


def main():
    program = os.path.abspath(sys.argv[1])
    with open(os.path.join(BASE, "config.json")) as file:
        config = json.load(file)
    text = {part: tensors(TOKENS)["heldout_" + part][:count] for part, count in PARTS.items()}
    projections = ["--include", "*proj.weight"]
    cases = [
        ("as it is", None),
        ("SAP p 0.5, q 1, global", ["--by", "pqi"]),
        ("the same, 3 iterations", ["--by", "pqi", "--iterations", "3"]),
        ("SAP p 1, q 2, layer, projections", ["--by", "pqi", "--p", "1", "--q", "2", "--scope", "layer", *projections]),
        ("SAP p 0.5, q 1, neuron, projections, 3 iterations",
         ["--by", "pqi", "--scope", "neuron", "--iterations", "3", *projections]),
        ("magnitude 30 %, layer, projections", ["--by", "magnitude", "--amount", "30%", "--scope", "layer", *projections]),
        ("magnitude 50 %, layer, projections", ["--by", "magnitude", "--amount", "50%", "--scope", "layer", *projections]),
        ("magnitude 70 %, layer, projections", ["--by", "magnitude", "--amount", "70%", "--scope", "layer", *projections]),
        ("2:4, projections", ["--by", "nm", *projections]),
        ("int4, not pruned", ["--type", "int4"]),
        ("random 30 %, layer, projections", ["--by", "random", "--amount", "30%", "--scope", "layer", *projections]),
    ]
    print("| weights | zeros | `.sumac`, bytes | " + " | ".join(PARTS) + " |")
    print("|---|---|---|" + "---|" * len(PARTS))
    with tempfile.TemporaryDirectory() as work:
        packed, back = os.path.join(work, "p.sumac"), os.path.join(work, "back.safetensors")
        for name, options in cases:
            prunes = options is not None and "--by" in options
            verb = ["prune", BASE, *options, "--json"] if prunes else ["convert", BASE, *(options or [])]
            run = subprocess.run([program, *verb, "-o", packed, "-f"], check=True, capture_output=True)
            subprocess.run([program, "convert", packed, "-o", back, "-f", "-q"], check=True)
            net = tensors(back)
            zeros = sum((t == 0).sum() for t in net.values()) / sum(t.size for t in net.values())
            if prunes:
                report = json.loads(run.stdout)
                assert report["output_bytes"] == os.path.getsize(packed)
            values = " | ".join(f"{perplexity(net, config, text[part]):.3f}" for part in PARTS)
            print(f"| {name} | {100 * zeros:.1f} % | {os.path.getsize(packed):,} | {values} |", flush=True)


if __name__ == "__main__":
    main()
