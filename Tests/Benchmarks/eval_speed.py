#!/usr/bin/env python3
"""Measures `sumac eval` and `sumac calibrate` on synthetic Llamas, beside torch in float32 with the same number of threads.

usage: eval_speed.py PROGRAM [--folder DIR] [--shapes 100m,1b,8b] [--rounds N] [--tokens N] [--jobs N]

The programs run in turn, round after round; the table shows medians, and ratios to torch. sumac is measured as a whole
process, torch without its import and without loading. The shape 8b is a file of 16 GB without blocks on the disk, which
torch does not run; its peak of resident memory is what counts. Needs torch and numpy, and 3 GB of disk.
"""
import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time

import numpy as np

# Hidden size, size of the feed-forward network, layers, heads, heads of keys and values, vocabulary.
SHAPES = {
    "100m": (768, 2048, 12, 12, 4, 32000),
    "1b": (2048, 5632, 22, 32, 4, 32000),
    "8b": (4096, 14336, 32, 32, 8, 128256),
}
WINDOW = 512


def tensors_of(shape):
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    kv = hidden // heads * kv_heads
    result = {"model.embed_tokens.weight": [vocabulary, hidden]}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        result |= {
            name + "input_layernorm.weight": [hidden],
            name + "self_attn.q_proj.weight": [hidden, hidden],
            name + "self_attn.k_proj.weight": [kv, hidden],
            name + "self_attn.v_proj.weight": [kv, hidden],
            name + "self_attn.o_proj.weight": [hidden, hidden],
            name + "post_attention_layernorm.weight": [hidden],
            name + "mlp.gate_proj.weight": [inner, hidden],
            name + "mlp.up_proj.weight": [inner, hidden],
            name + "mlp.down_proj.weight": [hidden, inner],
        }
    result["model.norm.weight"] = [hidden]
    result["lm_head.weight"] = [vocabulary, hidden]
    return result


def make_model(folder, shape, has_values):
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
            "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "vocab_size": vocabulary, "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
            "attention_bias": False, "mlp_bias": False, "torch_dtype": "bfloat16"}, file)
    header, offset = {}, 0
    for name, sizes in tensors_of(shape).items():
        count = 2 * int(np.prod(sizes))
        header[name] = {"dtype": "BF16", "shape": sizes, "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(7)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if not has_values:
            file.truncate(8 + len(text) + offset)
            return
        for sizes in tensors_of(shape).values():
            values = np.ones(sizes, np.float32) if len(sizes) == 1 else generator.standard_normal(
                sizes, dtype=np.float32) * np.float32(0.02)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())


def torch_net(folder, shape):
    import torch
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    net = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        bits = np.fromfile(
            os.path.join(folder, "model.safetensors"), np.uint16, (end - start) // 2, offset=8 + length + start)
        net[name] = torch.from_numpy((bits.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"]))
    return net


def torch_loss(net, shape, ids):
    import torch
    import torch.nn.functional as F
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    width = hidden // heads
    frequencies = 1 / 10000 ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = torch.outer(torch.arange(ids.shape[1], dtype=torch.float32), frequencies).repeat(1, 2)
    cos, sin = angles.cos(), angles.sin()

    def rotate(x):
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    x = F.embedding(ids, net["model.embed_tokens.weight"])
    for layer in range(layers):
        def weight(name):
            return net[f"model.layers.{layer}.{name}.weight"]
        y = F.rms_norm(x, (hidden,), weight("input_layernorm"), 1e-5)
        q, k, v = (
            F.linear(y, weight(f"self_attn.{name}_proj")).unflatten(-1, (-1, width)).transpose(1, 2) for name in "qkv")
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True, enable_gqa=True)
        x = x + F.linear(y.transpose(1, 2).flatten(2), weight("self_attn.o_proj"))
        y = F.rms_norm(x, (hidden,), weight("post_attention_layernorm"), 1e-5)
        x = x + F.linear(
            F.silu(F.linear(y, weight("mlp.gate_proj"))) * F.linear(y, weight("mlp.up_proj")), weight("mlp.down_proj"))
    logits = F.linear(F.rms_norm(x, (hidden,), net["model.norm.weight"], 1e-5), net["lm_head.weight"])
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="sum").item()


def torch_seconds(net, shape, windows):
    """Returns the seconds of a forward pass over all windows, four at once, and the mean loss."""
    import torch
    start, loss = time.monotonic(), 0.0
    with torch.inference_mode():
        for index in range(0, len(windows), 4):
            loss += torch_loss(net, shape, torch.from_numpy(windows[index:index + 4].astype(np.int64)))
    return time.monotonic() - start, loss / (len(windows) * (WINDOW - 1))


def run(arguments):
    """Returns seconds, peak resident bytes and standard output."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} ended with {status}")
    return time.monotonic() - start, usage.ru_maxrss * 1024, text


def measure(options, shape, folder):
    program = os.path.abspath(options.program)
    model, tokens = os.path.join(folder, shape), os.path.join(folder, shape + ".npy")
    has_values = shape != "8b"
    make_model(model, shape, has_values)
    count = options.tokens if has_values else WINDOW
    ids = np.random.default_rng(3).integers(0, SHAPES[shape][5], (count // WINDOW, WINDOW), dtype=np.int32)
    np.save(tokens, ids)
    common = ["--data", tokens, "-j", str(options.jobs), "--memory", "2GiB"]
    commands = {"eval": [program, "eval", model, *common, "--json"]}
    if has_values:
        packed, stats = model + ".sumac", model + "-stats.safetensors"
        run([program, "convert", model, "-o", packed, "--type", "int4:g32", "-q"])
        commands["eval of int4"] = [program, "eval", packed, *common, "--json"]
        commands["calibrate"] = [
            program, "calibrate", model, *common, "-q", "--no-lineage", "-f", "-o", stats]
        import torch
        torch.set_num_threads(options.jobs)
        net = torch_net(model, shape)
    times, peaks, losses = {}, {}, {}
    for turn in range(options.rounds + (1 if has_values else 0)):
        results = {}
        if has_values:
            seconds, losses["torch"] = torch_seconds(net, shape, ids)
            results["torch"] = seconds, 0
        for name, arguments in commands.items():
            seconds, peak, text = run(arguments)
            results[name] = seconds, peak
            if name == "eval":
                losses[name] = json.loads(text)
        # The first round warms the page cache.
        if turn > 0 or not has_values:
            for name, (seconds, peak) in results.items():
                times.setdefault(name, []).append(seconds)
                peaks[name] = max(peaks.get(name, 0), peak)
    print(f"{shape}: {ids.size} tokens in windows of {WINDOW}, {options.jobs} threads")
    for name, values in times.items():
        seconds = statistics.median(values)
        ratio = statistics.median(a / b for a, b in zip(times["torch"], values)) if has_values else None
        print(
            f"  {name:14} {seconds:8.2f} s {ids.size / seconds:9.0f} tokens/s"
            + (f"  {ratio:5.2f} x torch" if ratio else "")
            + (f"  peak {peaks[name] / 2**20:6.0f} MiB" if peaks[name] else ""))
    if has_values:
        added = statistics.median(b / a for a, b in zip(times["eval"], times["calibrate"])) - 1
        print(f"  calibrate takes {100 * added:+.1f} % of the time of eval in addition")
        print(f"  mean loss: torch {losses['torch']:.5f}, sumac {np.log(perplexity(losses['eval'])):.5f}")
    shutil.rmtree(model)


def perplexity(document):
    """Finds the perplexity in the JSON document of `eval`."""
    return document["perplexity"]["value"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--shapes", default="100m,1b,8b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    folder = os.path.join(os.path.abspath(options.folder), "eval")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for shape in options.shapes.split(","):
        measure(options, shape, folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
