#!/usr/bin/env python3
"""Coefficients that AdaMerging learns, beside trajectories that torch computed in float64.

usage: coefficients.py SUMAC FOLDER [LANGUAGE [MODELS]]

FOLDER has meta.json (tasks, and for each model the names of its tensors in the order of the rows) and a folder for each
encoder, `mlp` and `vit`: base, ft_TASK, heads and pool, trajectory with batch_indices and for each variant lambda_raw,
entropy and grad, and merged_VARIANT. LANGUAGE has adamerging_lm.json and adamerging_lm.safetensors, the same of language
models; MODELS has their folders base, poetry and tech (default: Fixtures/models).

For each variant, the program learns with the same draws and writes its trajectory. The script prints the largest
distances from the reference: of the coefficients before they are limited, of the objective, of the derivatives, and of
the merged tensors. The program computes in float32. The bias of keys in attention is reported on its own, because its
true derivative is 0 and Adam multiplies the rounding. The script fails if a distance is above its tolerance.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

# Coefficients, objective and merged values in float32; the objective of a text is a mean over far more numbers.
TOLERANCES = {"coefficients": 1e-6, "objective": 2e-6, "merged": 5e-7}
TEXT_TOLERANCES = {"coefficients": 5e-6, "objective": 5e-6}
# A large rate multiplies the rounding of the derivatives.
FAST_TOLERANCES = {"coefficients": 2e-4, "objective": 2e-4}
VARIANTS = [
    ("task", "task", []),
    ("layer", "tensor", []),
    ("taskpp", "task", ["--ties", "20%"]),
    ("layerpp", "tensor", ["--ties", "20%"]),
    ("clamp_lr0.05_layer", "tensor", ["--rate", "0.05"]),
]
TEXT_VARIANTS = [
    ("loss/task", "0.01", []),
    ("loss/tensor", "0.01", []),
    ("entropy/task", "0.01", []),
    ("entropy/tensor", "0.01", []),
    ("loss/tensor_lr0.2", "0.2", []),
]
VISION = {
    "model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_channels": 3, "image_size": 8, "patch_size": 2, "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5, "projection_dim": 16,
}
KEY_BIAS = "self_attn.k_proj.bias"
# The names of a block and of other tensors in the files of OpenAI and open_clip.
BLOCK_NAMES = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
OUTER_NAMES = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight", "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}


def learn(program, work, arguments):
    """Runs a merge and returns the names of its rows and its steps."""
    path = os.path.join(work, "trajectory.jsonl")
    subprocess.run(
        [program, "merge", *arguments, "--method", "adamerging", "--trajectory", path, "-o",
         os.path.join(work, "merged.safetensors"), "--save-coefficients", os.path.join(work, "table.json"), "-f", "-q"],
        check=True)
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    return lines[0], lines[1:]


def distance(found, expected):
    return float(np.abs(np.asarray(found, np.float64) - expected).max())


def compare(name, header, steps, names, golden, merged=None, tolerances=TOLERANCES):
    """Prints the distances of a run; returns the texts of those above the tolerances."""
    raw, values, gradient = golden
    order = [0] if raw.shape[1] == 1 else [header["rows"].index(row) for row in names]
    noisy = np.array([raw.shape[1] > 1 and row.endswith(KEY_BIAS) for row in (names if raw.shape[1] > 1 else [""])])
    found = np.array([header["raw"]] + [step["raw"] for step in steps])[:, order]
    slopes = np.array([step["gradient"] for step in steps])[:, order]
    objective = np.array([step["values"] for step in steps]).reshape(values.shape)
    distances = {
        "coefficients": distance(found[:, ~noisy], raw[:, ~noisy]),
        "objective": distance(objective, values),
    }
    texts = [f"{key} {value:.1e}" for key, value in distances.items()]
    largest = np.abs(gradient).max()
    texts.append(f"derivatives {distance(slopes[:, ~noisy], gradient[:, ~noisy]) / largest:.1e} of the largest")
    if noisy.any():
        texts.append(f"key biases {distance(found[:, noisy], raw[:, noisy]):.1e}")
    if merged:
        distances["merged"] = max(distance(merged[0][n], merged[1][n]) for n in names if not n.endswith(KEY_BIAS))
        texts.append(f"merged {distances['merged']:.1e}")
    print(f"{name:24} {', '.join(texts)}", flush=True)
    return [f"{name}: {key} {value:.1e}" for key, value in distances.items() if value > tolerances[key]]


def open_name(name):
    """Returns the name of a tensor in open_clip, and its part of the fused tensor of query, key and value."""
    if not name.startswith("vision_model.encoder.layers."):
        return ("visual.proj", None) if name == "visual_projection.weight" else (OUTER_NAMES[name], None)
    layer, rest = name.removeprefix("vision_model.encoder.layers.").split(".", 1)
    module, kind = rest.rsplit(".", 1)
    block = f"visual.transformer.resblocks.{layer}."
    for part, letter in enumerate("qkv"):
        if module == f"self_attn.{letter}_proj":
            return block + "attn.in_proj_" + kind, part
    return f"{block}{BLOCK_NAMES[module]}.{kind}", None


def open_clip(tensors):
    """Returns the tensors of a vision tower with the names of open_clip."""
    result, parts = {}, {}
    for name, tensor in tensors.items():
        other, part = open_name(name)
        if part is not None:
            parts.setdefault(other, {})[part] = tensor
        else:
            result[other] = np.ascontiguousarray(tensor.T) if other == "visual.proj" else tensor
    for name, own in parts.items():
        result[name] = np.concatenate([own[part] for part in range(3)])
    return result


def open_towers(program, folder, work, meta, arguments):
    """Compares a tower with the names of open_clip: one weight for each task with the reference, and one for each tensor
    with the weights that query, key and value share in the other layout."""
    def source(name):
        return os.path.join(folder, "vit", name + ".safetensors")
    for name in ["base"] + ["ft_" + task for task in meta["tasks"]]:
        save_file(open_clip(load_file(source(name))), os.path.join(work, name + ".safetensors"))
    config = os.path.join(work, "open.json")
    with open(config, "w") as file:
        json.dump({**VISION, "model_type": "open_clip_vision_model"}, file)
    moved = {source(name): os.path.join(work, name + ".safetensors") for name in
             ["base"] + ["ft_" + task for task in meta["tasks"]]}
    moved[os.path.join(work, "config.json")] = config
    own = [moved.get(word, word) for word in arguments]
    trajectory = load_file(source("trajectory"))
    names = meta["models"]["vit"]["names_in_order"]
    faults = []
    for variant, options in [("task", []), ("taskpp", ["--ties", "20%"])]:
        golden = [trajectory[f"{variant}.{part}"] for part in ["lambda_raw", "entropy", "grad"]]
        header, steps = learn(program, work, own + ["--group", "task", "--steps", "50"] + options)
        faults += compare(f"open_clip {variant}", header, steps, names, golden)
    shared, first = learn(program, work, arguments + ["--group", "qkv", "--steps", "50"])
    fused, second = learn(program, work, own + ["--group", "tensor", "--steps", "50"])
    # The row of the query stands for the fused tensor.
    pairs = {}
    for row in shared["rows"]:
        layer = row.replace("in_proj_weight", "q_proj.weight").replace("in_proj_bias", "q_proj.bias")
        layer = layer.replace("qkv_proj", "q_proj")
        pairs[open_name(layer)[0]] = row
    order = [shared["rows"].index(pairs[row]) for row in fused["rows"]]
    a = np.array([step["raw"] for step in first])[:, order]
    b = np.array([step["raw"] for step in second])
    print(f"{'open_clip layer':24} coefficients {distance(a, b):.1e} from those with --group qkv")
    return faults + ([f"open_clip layer {distance(a, b):.1e}"] if distance(a, b) > 2e-6 else [])


def encoders(program, folder, work):
    """Learns all variants of the encoders of a folder."""
    with open(os.path.join(folder, "meta.json")) as file:
        meta = json.load(file)
    faults = []
    for model in ["mlp", "vit"]:
        def path(name):
            return os.path.join(folder, model, name + ".safetensors")
        trajectory = load_file(path("trajectory"))
        names = meta["models"][model]["names_in_order"]
        arch = "encoder:64,48,32,16"
        if model == "vit":
            arch = os.path.join(work, "config.json")
            with open(arch, "w") as file:
                json.dump(VISION, file)
        arguments = [path("ft_" + task) for task in meta["tasks"]]
        arguments += ["--base", path("base"), "--heads", path("heads"), "--arch", arch, "--draws", path("trajectory")]
        for task in meta["tasks"]:
            arguments += ["--data", f"{task}={path('pool')}:{task}"]
        for variant, group, options in VARIANTS:
            golden = [trajectory[f"{variant}.{part}"] for part in ["lambda_raw", "entropy", "grad"]]
            steps = str(len(golden[1]))
            header, found = learn(program, work, arguments + ["--group", group, "--steps", steps] + options)
            merged = None
            if os.path.exists(path("merged_" + variant)):
                merged = (load_file(os.path.join(work, "merged.safetensors")), load_file(path("merged_" + variant)))
            tolerances = dict(TOLERANCES)
            if "lr0.05" in variant:
                tolerances = {key: 50 * value for key, value in TOLERANCES.items()}
            faults += compare(f"{model} {variant}", header, found, names, golden, merged, tolerances)
        if model == "vit":
            faults += open_towers(program, folder, work, meta, arguments)
    return faults


def texts(program, folder, models, work):
    """Learns all variants of the language models of a folder."""
    with open(os.path.join(folder, "adamerging_lm.json")) as file:
        names = json.load(file)["names_in_order"]
    golden = load_file(os.path.join(folder, "adamerging_lm.safetensors"))
    windows = golden["windows"]
    steps, tasks, count, length = windows.shape
    # All windows of a task one after another; each step uses its own.
    for index, task in enumerate(["poetry", "tech"]):
        rows = np.ascontiguousarray(windows[:, index].reshape(steps * count, length))
        save_file({"tokens": rows}, os.path.join(work, task + ".safetensors"))
    draws = np.arange(steps * count, dtype=np.int32).reshape(steps, 1, 1, count)
    save_file({"draws": np.ascontiguousarray(draws.repeat(tasks, 1))}, os.path.join(work, "draws.safetensors"))
    faults = []
    for variant, rate, options in TEXT_VARIANTS:
        objective, group = variant.split("/")
        arguments = [os.path.join(models, task) for task in ["poetry", "tech"]]
        arguments += ["--base", os.path.join(models, "base"), "--objective", objective, "--steps", str(steps)]
        arguments += ["--group", group.split("_")[0], "--rate", rate, "--draws", os.path.join(work, "draws.safetensors")]
        for task in ["poetry", "tech"]:
            arguments += ["--data", f"{task}={os.path.join(work, task)}.safetensors"]
        header, found = learn(program, work, arguments + options)
        parts = [golden[f"{variant}/{part}"] for part in ["lambda_raw", "value", "grad"]]
        tolerances = FAST_TOLERANCES if "lr0.2" in variant else TEXT_TOLERANCES
        faults += compare(variant, header, found, names, parts, tolerances=tolerances)
    return faults


def main():
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    models = sys.argv[4] if len(sys.argv) > 4 else os.path.join(root, "Fixtures", "models")
    with tempfile.TemporaryDirectory() as work:
        faults = encoders(program, sys.argv[2], work)
        if len(sys.argv) > 3:
            faults += texts(program, sys.argv[3], models, work)
    for fault in faults:
        print("above the tolerance:", fault)
    sys.exit(1 if faults else 0)


main()
