#!/usr/bin/env python3
"""Times merges of a base and two fine-tunes of 1 GB each, and compares copying them and mergekit.

usage: merge_speed.py SUMAC [--folder DIR] [--rounds N]

The models are synthetic, with the shapes of a Llama, in BF16. mergekit is timed if this Python has it installed.
"""
import argparse
import json
import os
import struct
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "Tests", "Benchmarks"))
import bench  # noqa: E402

HIDDEN, INNER, VOCABULARY, LAYERS, KEYS = 2048, 5632, 32000, 8, 512
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "num_hidden_layers": LAYERS,
    "vocab_size": VOCABULARY, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
}


def shapes():
    result = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "lm_head.weight": (VOCABULARY, HIDDEN),
              "model.norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        for name, shape in [
            ("input_layernorm", (HIDDEN,)), ("post_attention_layernorm", (HIDDEN,)),
            ("self_attn.q_proj", (HIDDEN, HIDDEN)), ("self_attn.k_proj", (KEYS, HIDDEN)),
            ("self_attn.v_proj", (KEYS, HIDDEN)), ("self_attn.o_proj", (HIDDEN, HIDDEN)),
            ("mlp.gate_proj", (INNER, HIDDEN)), ("mlp.up_proj", (INNER, HIDDEN)), ("mlp.down_proj", (HIDDEN, INNER)),
        ]:
            result[f"model.layers.{layer}.{name}.weight"] = shape
    return result


def make_models(folder):
    names = ["base", "a", "b"]
    if all(os.path.exists(os.path.join(folder, name, "model.safetensors")) for name in names):
        return
    rng = np.random.default_rng(1)
    header, end = {}, 0
    for name, shape in shapes().items():
        count = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + count]}
        end += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    files = []
    for name in names:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, name, "config.json"), "w") as file:
            json.dump(CONFIG, file)
        files.append(open(os.path.join(folder, name, "model.safetensors"), "wb"))
        files[-1].write(struct.pack("<Q", len(text)) + text)
    for shape in shapes().values():
        base = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
        files[0].write(bench.to_bf16(base).tobytes())
        for file in files[1:]:
            noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.002)
            file.write(bench.to_bf16(base + noise).tobytes())
    for file in files:
        file.close()


def recipe(folder, name, text):
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(text)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sumac")
    parser.add_argument("--folder", default=".build/bench-merge")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sumac, folder = os.path.abspath(options.sumac), os.path.abspath(options.folder)
    make_models(folder)
    models = f"models: [{{model: {folder}/a}}, {{model: {folder}/b}}]\n"
    recipes = {
        "linear": f"merge_method: linear\n{models}parameters: {{weight: 0.5}}\n",
        "task_arithmetic":
            f"merge_method: task_arithmetic\nbase_model: {folder}/base\n{models}parameters: {{weight: 0.4}}\n",
        "ties":
            f"merge_method: ties\nbase_model: {folder}/base\n{models}parameters: {{weight: 1, density: 0.5}}\n",
    }
    out, copy = f"{folder}/out", f"{folder}/copy"
    try:
        import mergekit  # noqa: F401
        has_mergekit = True
    except ImportError:
        has_mergekit = False
    for name, text in recipes.items():
        path = recipe(folder, name, text)
        inputs = " ".join(f"{folder}/{model}/model.safetensors" for model in ["base", "a", "b"][name == "linear":])
        command = [sumac, "merge", "--recipe", path, "-o", out, "-f", "-vv"]
        commands = [
            ("cat of the inputs; cp and sync", f"cat {inputs} > /dev/null && cp {folder}/a/model.safetensors {copy} "
             f"&& sync {copy}", True),
            (f"sumac merge, {name}", command, False),
            ("the same, -j 1", [*command, "-j", "1"], False),
            ("the same, --memory 64MiB", [*command, "--memory", "64MiB"], False),
        ]
        if has_mergekit:
            commands.append((
                "mergekit",
                [sys.executable, "-m", "mergekit.scripts.run_yaml", path, out, "--quiet", "--no-copy-tokenizer"], False))
        bench.compare(f"{name} of a base and two fine-tunes of 1 GB, BF16", commands, options.rounds, cleanup=[out, copy])


if __name__ == "__main__":
    main()
