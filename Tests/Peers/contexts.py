#!/usr/bin/env python3
"""Perplexity at contexts beyond the trained one, of models that `sumac rope scale` wrote.

usage: contexts.py SUMAC

The trained length is 256. A forward pass in NumPy uses the frequencies that `sumac rope show` reports for each written
model, on held-out prose and technical text. Each cell shows the perplexity of all positions and of the last 128
positions of each window. If transformers is installed, it runs the frozen CLEX models unchanged, and the script
compares its logits with those of CLEX.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import llama

LENGTHS = [256, 512, 1024, 2048]
TOKENS = 20480
PARTS = ["prose", "tech"]
CLEX = os.path.join(os.path.dirname(llama.BASE), "clex")
# The name, the method, and the context to scale to. None is the length that is measured.
METHODS = [
    ("as trained", None, None), ("PI", "pi", None), ("NTK", "ntk", None), ("YaRN", "yarn", None),
    ("YaRN for 2,048", "yarn", 2048), ("CLEX", "clex", None), ("CLEX for 2,048", "clex", 2048),
]
END = 128


def rope(program, model, length):
    run = subprocess.run(
        [program, "rope", "show", model, "--length", str(length), "--json"], check=True, capture_output=True)
    found = json.loads(run.stdout)
    return np.array(found["inv_freq"]), found["attention_factor"]


def main():
    program = os.path.abspath(sys.argv[1])
    text = {part: llama.tensors(llama.TOKENS)["heldout_" + part][:TOKENS] for part in PARTS}
    for part in PARTS:
        print(f"\n| {part} | " + " | ".join(str(n) for n in LENGTHS) + " |")
        print("|---|" + "---|" * len(LENGTHS))
        with tempfile.TemporaryDirectory() as work:
            for name, method, context in METHODS:
                values = []
                for length in LENGTHS:
                    source = CLEX if method == "clex" else llama.BASE
                    model = source
                    if method is not None:
                        model = os.path.join(work, f"{method}-{length}")
                        subprocess.run(
                            [program, "rope", "scale", source, "--method", method, "--context",
                             str(context or length), "-o", model, "-q", "--force"], check=True)
                    frequencies, factor = rope(program, model, length)
                    net = llama.tensors(os.path.join(model, "model.safetensors"))
                    loss = llama.losses(net, llama.config(), text[part], length, frequencies, factor)
                    values.append((np.exp(loss.mean()), np.exp(loss[:, -END:].mean())))
                print(f"| {name} | " + " | ".join(f"{v:.2f} / {end:.2f}" for v, end in values) + " |", flush=True)
    against_transformers(program, text["prose"])


def against_transformers(program, text):
    """Compares the logits of frozen models in stock transformers with those of CLEX at that length."""
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError:
        return
    net = llama.tensors(os.path.join(CLEX, "model.safetensors"))
    with tempfile.TemporaryDirectory() as work:
        for length in LENGTHS:
            frozen = os.path.join(work, str(length))
            subprocess.run(
                [program, "rope", "scale", CLEX, "--method", "clex", "--context", str(length), "-o", frozen, "-q"],
                check=True)
            ids = text[:length][None]
            model = AutoModelForCausalLM.from_pretrained(frozen, dtype=torch.float32, attn_implementation="eager")
            with torch.no_grad():
                found = model(torch.tensor(ids.astype(np.int64))).logits.numpy()
            # As in the official layer, angles are float32 frequencies times float32 positions.
            frequencies = rope(program, CLEX, length)[0].astype(np.float32)
            wanted = llama.logits(net, llama.config(), ids, frequencies)
            print(f"transformers, {length} positions: largest difference of logits "
                  f"{np.abs(found - wanted).max():.2e}, of values up to {np.abs(wanted).max():.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
