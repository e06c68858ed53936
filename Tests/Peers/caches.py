#!/usr/bin/env python3
"""Measures packed caches of real models: size, error, and the effect on the text that follows.

usage: caches.py SUMAC

Needs torch and transformers. If mlx-lm is installed, the script also loads a converted cache in it.

Prefixes of held-out technical text go through the model in transformers. The script writes their keys and values to a
file, packs and unpacks them with `sumac cache`, and puts them back. Then 127 tokens follow. The measure is the mean
Kullback-Leibler divergence of their distributions from those with the exact cache. Prefixes of 128 tokens use the base
model; 512 and 1,024 tokens use the CLEX model, frozen by `sumac rope scale`.

Finally, the script times the authors' simulation in torch and `sumac cache pack` on a layer of [1, 32, 4096, 128].
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

import numpy as np

import llama

CLEX = os.path.join(os.path.dirname(llama.BASE), "clex")
OFFSETS = range(1024, 40960, 5120)
FOLLOWING = 127
LENGTHS = [(128, None), (512, 3), (1024, 5)]
METHODS = [
    ("KIVI", "kivi", 4), ("KCVT", "kcvt", 4), ("GEAR-L", "gear-l", 4), ("GEAR", "gear", 4), ("KIVI", "kivi", 2),
    ("GEAR-L", "gear-l", 2), ("GEAR", "gear", 2), ("GEAR", "gear", 8), ("GEAR-L", "gear-l", 8),
]
GROUP, RANK, SHARE = 64, 4, 0.02


def paper_bits(method, bits, heads, tokens, dim):
    """Returns the bits per element by the paper's accounting, the mean of keys and values.

    It counts 32-bit indices, and 16-bit scales and minima.
    """
    group = {"kcvt": (tokens, heads * dim)}.get(method, (min(GROUP, tokens), min(GROUP, heads * dim)))
    result = bits + (32 / group[0] + 32 / group[1]) / 2
    if method in ("gear", "gear-l"):
        result += 16 * RANK * (tokens + dim) / (tokens * dim)
    if method == "gear":
        result += SHARE * (16 + 32)
    return result


class Trial:
    """A prefix whose cache is packed, and the tokens after it."""

    def __init__(self, model, ids):
        import torch
        self.torch, self.model, self.ids = torch, model, ids
        self.count = len(ids) - FOLLOWING
        with torch.no_grad():
            past = model(torch.tensor(ids[None, :self.count]), use_cache=True).past_key_values
        self.layers = [(layer.keys.numpy(), layer.values.numpy()) for layer in past.layers]
        self.exact = self.following(self.layers)

    def following(self, layers):
        """Returns log probabilities of the tokens after the prefix, computed with `layers` as its cache."""
        torch = self.torch
        from transformers import DynamicCache
        past = DynamicCache()
        for number, (key, value) in enumerate(layers):
            past.update(torch.tensor(key.astype(np.float32)), torch.tensor(value.astype(np.float32)), number)
        with torch.no_grad():
            logits = self.model(torch.tensor(self.ids[None, self.count:]), past_key_values=past).logits[0]
        return torch.log_softmax(logits.double(), -1).numpy()

    def divergence(self, layers):
        found = self.following(layers)
        return float((np.exp(self.exact) * (self.exact - found)).sum(-1).mean())

    def perplexity(self, logs):
        targets = self.ids[self.count + 1:]
        return -logs[np.arange(len(targets)), targets].mean()


def write(path, layers):
    header, end = {}, 0
    for number, pair in enumerate(layers):
        for part, values in zip(("key", "value"), pair):
            header[f"layers.{number}.{part}"] = {
                "dtype": "F32", "shape": list(values.shape), "data_offsets": [end, end + values.nbytes]}
            end += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for pair in layers:
            for values in pair:
                file.write(np.ascontiguousarray(values).tobytes())


def read(path, count):
    found = llama.tensors(path)
    return [(found[f"layers.{n}.key"], found[f"layers.{n}.value"]) for n in range(count)]


def run(program, *arguments):
    return subprocess.run([program, "cache", *arguments], check=True, capture_output=True, text=True).stdout


def relative(found, exact, part):
    error = sum(((a[part].astype(float) - b[part]) ** 2).sum() for a, b in zip(found, exact))
    return (error / sum((b[part].astype(float) ** 2).sum() for b in exact)) ** 0.5


def quality(program):
    import torch
    from transformers import AutoModelForCausalLM
    text = llama.tensors(llama.TOKENS)["heldout_tech"].astype(np.int64)
    with tempfile.TemporaryDirectory() as work:
        for count, time in LENGTHS:
            path = llama.BASE
            if time is not None:
                path = os.path.join(work, f"clex-{time}")
                subprocess.run(
                    [program, "rope", "scale", CLEX, "--method", "clex", "--time", str(time), "-o", path, "-q"],
                    check=True)
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
            trials = [
                Trial(model, np.concatenate([[0], text[start:start + count - 1 + FOLLOWING]])) for start in OFFSETS]
            perplexity = np.exp(np.mean([trial.perplexity(trial.exact) for trial in trials]))
            print(f"\n{count} tokens; perplexity of what follows, with the exact cache: {perplexity:.2f}\n")
            print("| method | bits | size | codes | scales | factors | outliers | indices | rest | paper | keys | values "
                  "| KL | perplexity |")
            print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
            for name, method, bits in [("fp16", None, 16)] + METHODS:
                report(program, work, trials, count, name, method, bits)


def report(program, work, trials, count, name, method, bits):
    paths = {name: os.path.join(work, name + ".safetensors") for name in ("exact", "half", "back")}
    packed = os.path.join(work, "packed.sumac")
    rows = []
    for trial in trials:
        write(paths["exact"], trial.layers)
        run(program, "convert", paths["exact"], "-o", paths["half"], "--dtype", "f16", "-q", "-f")
        elements = sum(a.size + b.size for a, b in trial.layers)
        parts = {}
        size = 2 * elements
        source = paths["half"]
        if method is not None:
            run(program, "pack", paths["half"], "-o", packed, "--method", method, "--bits", str(bits), "-q", "-f")
            parts = json.loads(run(program, "inspect", packed, "--json"))["parts"]
            source, size = packed, os.path.getsize(packed)
        run(program, "unpack" if method else "convert", source, "-o", paths["back"], "--dtype", "f32", "-q", "-f")
        layers = read(paths["back"], len(trial.layers))
        half = 2 * elements / 100
        known = [parts.get(part, 0) / half for part in ("codes", "scales", "factors", "outliers", "indices")]
        rows.append(
            [size / half] + known + [size / half - sum(known) if method else 0]
            + [100 * relative(layers, trial.layers, 0), 100 * relative(layers, trial.layers, 1),
               trial.divergence(layers), trial.perplexity(trial.following(layers))])
    mean = np.mean(rows, 0)
    shape = trials[0].layers[0][0].shape
    paper = 100 * paper_bits(method, bits, shape[1], count, shape[3]) / 16 if method else 100
    print(f"| {name} | {bits} | " + " | ".join(f"{value:.1f} %" for value in [*mean[:7], paper])
          + f" | {mean[7]:.2f} % | {mean[8]:.2f} % | {mean[9]:.1e} | {np.exp(mean[10]):.2f} |", flush=True)


def simulated(torch, x, bits, group, share, rank, rounds, is_key):
    """Returns keys or values of a layer after the steps of the authors' simulation, in torch."""
    batch, heads, tokens, dim = x.shape
    count = int(int(x.numel() * share) / batch / tokens / 2)
    rows = x.permute(0, 2, 1, 3).reshape(batch, tokens, heads * dim)
    if is_key:
        rows = rows.transpose(1, 2)
    rows = rows.float()
    small, low = torch.topk(rows, count, dim=-1, largest=False)
    large, high = torch.topk(rows, count, dim=-1, largest=True)
    mean = rows.mean(-1, keepdim=True)
    filled = rows.clone()
    filled.scatter_(-1, low, mean.expand_as(small))
    filled.scatter_(-1, high, mean.expand_as(large))
    cells = filled.reshape(batch, rows.shape[1], -1, group)
    least, most = cells.min(-1, keepdim=True)[0], cells.max(-1, keepdim=True)[0]
    scale = (most - least) / (bits ** 2 - 1)
    values = (torch.round(torch.relu((cells - least) / scale)) * scale + least).reshape(rows.shape)
    values.scatter_(-1, low, small)
    values.scatter_(-1, high, large)
    if is_key:
        values = values.transpose(1, 2)
    sums = values.reshape(batch, tokens, heads, dim).permute(0, 2, 1, 3).half().float()
    residual = x - sums
    p = torch.rand(batch, heads, dim, rank)
    for number in range(rounds):
        if number == rounds - 1:
            p = torch.linalg.qr(p)[0]
        q = residual @ p
        if number == rounds - 1:
            q = torch.linalg.qr(q)[0]
        p = residual.transpose(2, 3) @ q
    return (sums + q @ p.transpose(2, 3)).half()


def speed(program, rounds=5):
    """Times a layer of keys and values in CPU seconds: the simulation in memory, the program from file to file."""
    import torch
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(1)
    shape = (1, 32, 4096, 128)
    key, value = (torch.randn(shape, generator=generator) for _ in range(2))

    def cpu(who):
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    with tempfile.TemporaryDirectory() as work:
        source, target = os.path.join(work, "in.safetensors"), os.path.join(work, "out.sumac")
        write(source, [(key.numpy(), value.numpy())])
        theirs, ours = [], []
        for _ in range(rounds):
            before = cpu(resource.RUSAGE_SELF)
            simulated(torch, key, 4, GROUP, SHARE, RANK, 3, True)
            simulated(torch, value, 4, GROUP, SHARE, RANK, 3, False)
            theirs.append(cpu(resource.RUSAGE_SELF) - before)
            before = cpu(resource.RUSAGE_CHILDREN)
            run(program, "pack", source, "-o", target, "-q", "-f")
            ours.append(cpu(resource.RUSAGE_CHILDREN) - before)
        print(f"\na layer of {list(shape)}, CPU seconds: the simulation {np.median(theirs):.2f}, "
              f"sumac {np.median(ours):.2f}: {np.median(theirs) / np.median(ours):.1f} times fewer")


def against_mlx(program):
    """Checks that mlx-lm loads a written cache with equal values, and that a cache which it saves is read back."""
    try:
        import mlx.core as mx
        from mlx_lm.models.cache import load_prompt_cache, save_prompt_cache
    except ImportError as error:
        print(f"left out: {error}")
        return
    source = os.path.join(llama.ROOT, "Fixtures", "caches", "prompt.safetensors")
    exact = llama.tensors(source)
    with tempfile.TemporaryDirectory() as work:
        path, saved, back = (os.path.join(work, name + ".safetensors") for name in ("in", "saved", "back"))
        run(program, "convert", source, "-o", path, "--layout", "mlx", "-q")
        layers = load_prompt_cache(path)
        same = all(
            np.array_equal(np.array(values[:, :, :layer.offset]), exact[f"layers.{n}.{part}"])
            for n, layer in enumerate(layers) for part, values in zip(("key", "value"), layer.state[:2]))
        quantized = [layer.to_quantized(group_size=32, bits=4) for layer in layers]
        save_prompt_cache(saved, quantized)
        run(program, "convert", saved, "-o", back, "-q")
        found = llama.tensors(back)
        same_back = all(
            np.array_equal(
                np.array(mx.dequantize(*parts, group_size=32, bits=4)[:, :, :layer.offset]),
                found[f"layers.{n}.{part}"])
            for n, layer in enumerate(quantized) for part, parts in zip(("key", "value"), layer.state[:2]))
        print(f"mlx-lm: what was written is equal in it: {same}; what it quantized is equal here: {same_back}")


def main():
    program = os.path.abspath(sys.argv[1])
    against_mlx(program)
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        print(f"left out: {error}")
        return
    quality(program)
    speed(program)


if __name__ == "__main__":
    main()
