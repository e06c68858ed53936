"""The small Llama of Fixtures/models in NumPy: reads tensors and computes logits, losses and perplexity."""
import json
import os
import struct

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


def logits(net, config, ids, frequencies=None, attention_factor=1.0):
    """Returns the logits of windows of ids [N, T]. The default rotary frequencies are those of training."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    width = config["hidden_size"] // heads
    count = ids.shape[1]
    if frequencies is None:
        theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
        frequencies = 1 / theta ** (np.arange(0, width, 2) / width)
    frequencies = np.asarray(frequencies)
    angles = np.outer(np.arange(count, dtype=frequencies.dtype), frequencies)
    cos, sin = (
        (np.concatenate([f(angles)] * 2, 1) * attention_factor).astype(np.float32) for f in [np.cos, np.sin])
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


def losses(net, config, text, window=WINDOW, frequencies=None, attention_factor=1.0):
    """Returns the loss of each token of the text in nats, [N, window]. Each window is computed separately."""
    windows = text.reshape(-1, window)
    found = []
    step = max(1, 8 * WINDOW // window)
    for start in range(0, len(windows), step):
        targets = windows[start:start + step]
        ids = np.concatenate([np.zeros((len(targets), 1), targets.dtype), targets[:, :-1]], 1)
        out = logits(net, config, ids, frequencies, attention_factor).astype(np.float64)
        top = out.max(-1, keepdims=True)
        total = top[..., 0] + np.log(np.exp(out - top).sum(-1))
        found.append(total - np.take_along_axis(out, targets[..., None], -1)[..., 0])
    return np.concatenate(found)


def perplexity(*arguments):
    return np.exp(losses(*arguments).mean())


def held_out():
    """Returns the held-out tokens of each part that the tables use."""
    return {part: tensors(TOKENS)["heldout_" + part][:count] for part, count in PARTS.items()}


def config(folder=BASE):
    with open(os.path.join(folder, "config.json")) as file:
        return json.load(file)
