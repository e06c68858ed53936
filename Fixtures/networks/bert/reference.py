"""Writes a small BERT encoder with random weights, and what it computes in float64 by plain numpy.

Usage: python3 reference.py
"""
import json
import math
import pathlib
import struct

import numpy as np

FOLDER = pathlib.Path(__file__).parent
VOCABULARY, POSITIONS, WIDTH, HEADS, INNER, LAYERS = 60, 24, 32, 4, 48, 2
EPSILON = 1e-12
LENGTHS = [10, 6]


def save(path, tensors):
    header, offset = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(array.tobytes() for _, array in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def weights():
    draw = np.random.default_rng(20)
    result = {}

    def add(name, *shape, scale=0.3, shift=0.0):
        result[name] = (shift + scale * draw.standard_normal(shape)).astype("<f2")

    def linear(name, outputs, inputs):
        add(name + ".weight", outputs, inputs)
        add(name + ".bias", outputs)

    def norm(name):
        add(name + ".weight", WIDTH, scale=0.1, shift=1.0)
        add(name + ".bias", WIDTH, scale=0.1)

    add("embeddings.word_embeddings.weight", VOCABULARY, WIDTH)
    add("embeddings.position_embeddings.weight", POSITIONS, WIDTH)
    add("embeddings.token_type_embeddings.weight", 2, WIDTH)
    norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            linear(prefix + "attention.self." + part, WIDTH, WIDTH)
        linear(prefix + "attention.output.dense", WIDTH, WIDTH)
        norm(prefix + "attention.output.LayerNorm")
        linear(prefix + "intermediate.dense", INNER, WIDTH)
        linear(prefix + "output.dense", WIDTH, INNER)
        norm(prefix + "output.LayerNorm")
    return result


def main():
    stored = weights()
    w = {name: array.astype("f8") for name, array in stored.items()}
    erf = np.vectorize(math.erf)

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred ** 2).mean(-1, keepdims=True) + EPSILON)
        return centred / deviation * w[name + ".weight"] + w[name + ".bias"]

    def heads(x):
        return x.reshape(len(LENGTHS), -1, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    ids = np.random.default_rng(21).integers(0, VOCABULARY, (len(LENGTHS), max(LENGTHS)))
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    is_padding = np.arange(ids.shape[1]) >= np.array(LENGTHS)[:, None]
    hidden = []
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, prefix + "attention.self." + part))
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(WIDTH // HEADS)
        scores = np.where(is_padding[:, None, None, :], -np.inf, scores)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares = shares / shares.sum(-1, keepdims=True)
        mixed = (shares @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        h = norm(linear(mixed, prefix + "attention.output.dense") + x,
                 prefix + "attention.output.LayerNorm")
        inner = linear(h, prefix + "intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(linear(inner, prefix + "output.dense") + h, prefix + "output.LayerNorm")
        hidden.append(x.reshape(-1, WIDTH))
    counts = ~is_padding[:, :, None]
    pooled = (x * counts).sum(1) / counts.sum(1)
    save(FOLDER / "model.safetensors", {name: ("F16", array) for name, array in stored.items()})
    save(FOLDER / "expected.safetensors", {
        "ids": ("I32", ids.astype("<i4")), "lengths": ("I32", np.array(LENGTHS, "<i4")),
        "hidden": ("F64", np.stack(hidden)), "pooled": ("F64", pooled)})
    (FOLDER / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": WIDTH, "intermediate_size": INNER, "layer_norm_eps": EPSILON,
        "max_position_embeddings": POSITIONS, "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS, "position_embedding_type": "absolute",
        "type_vocab_size": 2, "vocab_size": VOCABULARY}, indent=1) + "\n")


main()
