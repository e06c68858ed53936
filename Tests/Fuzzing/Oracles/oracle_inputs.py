"""Small inputs of every kind, and mutations of them."""
import json
import os
import random
import struct
import subprocess

import numpy as np



def write_safetensors(path, tensors, metadata=None):
    """Writes `tensors`, a map of names to (dtype, array)."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, array) in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    """Returns {name: (dtype, shape, bytes)} of one file."""
    with open(path, "rb") as file:
        data = file.read()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    return {
        name: (value["dtype"], value["shape"], data[8 + length:][slice(*value["data_offsets"])])
        for name, value in header.items() if name != "__metadata__"}


def read_folder(path):
    """Returns {name: (dtype, shape, bytes)} of a model folder."""
    index = os.path.join(path, "model.safetensors.index.json")
    if not os.path.exists(index):
        return read_safetensors(os.path.join(path, "model.safetensors"))
    with open(index) as file:
        shards = json.load(file)["weight_map"]
    files = {shard: read_safetensors(os.path.join(path, shard)) for shard in set(shards.values())}
    return {name: files[shard][name] for name, shard in shards.items()}


def model(generator, dtype="F32", layers=2, width=32):
    """Returns the tensors of a model of the Llama architecture."""
    def floats(*shape):
        values = generator.standard_normal(shape).astype(np.float32) * 0.1
        if dtype == "BF16":
            return dtype, (values.view(np.uint32) >> 16).astype(np.uint16)
        return dtype, values.astype(np.float32)
    tensors = {"model.embed_tokens.weight": floats(48, width), "model.norm.weight": floats(width)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for name, rows in [("q", width), ("k", width // 2), ("v", width // 2), ("o", width)]:
            tensors[f"{at}self_attn.{name}_proj.weight"] = floats(rows, width)
        for name, shape in [("gate", (64, width)), ("up", (64, width)), ("down", (width, 64))]:
            tensors[f"{at}mlp.{name}_proj.weight"] = floats(*shape)
        tensors[at + "input_layernorm.weight"] = floats(width)
    return tensors | {"lm_head.weight": floats(48, width)}


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 48, "hidden_size": 32,
    "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 8, "max_position_embeddings": 256, "rope_theta": 10000.0, "partial_rotary_factor": 1.0,
    "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "float32"}
SCALINGS = {
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32,
             "beta_slow": 1, "attention_factor": 1.1},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64},
    "longrope": {"rope_type": "longrope", "short_factor": [1.0, 1.0, 1.0, 1.5], "long_factor": [1.0, 2.0, 3.0, 4.0],
                 "original_max_position_embeddings": 64},
    "clex": {"type": "clex", "max_factor": 8, "param_factor": 1, "act": "tanh", "time_dt": 0.05, "factor": 1},
    "linear": {"type": "linear", "factor": 2.0}, "dynamic": {"type": "dynamic", "factor": 2.0}}
ADAPTER = {
    "peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "fan_in_fan_out": False, "use_rslora": False,
    "use_dora": False, "init_lora_weights": True, "target_modules": ["q_proj", "k_proj"], "modules_to_save": None,
    "rank_pattern": {"layers\\.0\\.self_attn\\.q_proj": 2}, "alpha_pattern": {"k_proj": 4},
    "layers_to_transform": None, "base_model_name_or_path": "base", "task_type": "CAUSAL_LM"}
ADAPTERS = {
    "plain": ADAPTER, "rslora": ADAPTER | {"use_rslora": True}, "dora": ADAPTER | {"use_dora": True},
    "regex": ADAPTER | {"target_modules": ".*\\.(q|k)_proj$"}, "pissa": ADAPTER | {"init_lora_weights": "pissa"},
    "patterns": ADAPTER | {"rank_pattern": {"^model.*q_proj$": 2}, "alpha_pattern": {"[qk]_proj": 3.5}}}
RECIPE = """\
merge_method: ties
base_model: ./base
models:
  - model: ./base
  - model: ./tuned.safetensors
    parameters:
      density: &density [1, 0.7, 0.1]
      weight:
        - filter: mlp
          value: 0.5
        - value: 0.8
  - model: ./tuned.safetensors
    parameters: {density: *density, weight: 0.2}
parameters:
  normalize: false
  lambda: 0.8
dtype: float32
"""
SLICES = """\
merge_method: passthrough
slices:
  - sources:
      - {model: ./base, layer_range: [0, 2]}
  - sources:
      - {model: ./base, layer_range: [1, 2]}
dtype: float32
"""
# How each cache layout is named by the files that the program writes.
LAYOUTS = {
    "safetensors": "c-safetensors.safetensors", "mlx": "c-mlx.safetensors", "mlx-older": "c-mlx-older.safetensors",
    "vllm": "c-vllm", "vllm-older": "c-vllm-older", "lmcache": "c-lmcache", "llamacpp": "c-llamacpp.seq"}


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=1)


def write_model(path, tensors, config=CONFIG, shards=1):
    os.makedirs(path)
    write_json(os.path.join(path, "config.json"), config)
    write_json(os.path.join(path, "tokenizer.json"), {"model": {"vocab": {"a": 0, "b": 1}}})
    if shards == 1:
        return write_safetensors(os.path.join(path, "model.safetensors"), tensors, {"format": "pt"})
    names, index = list(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        write_safetensors(os.path.join(path, file), part, {"format": "pt"})
        index |= {name: file for name in part}
    total = sum(array.nbytes for _, array in tensors.values())
    write_json(os.path.join(path, "model.safetensors.index.json"),
               {"metadata": {"total_size": total}, "weight_map": index})


def write_adapter(path, generator):
    os.makedirs(path)
    write_json(os.path.join(path, "adapter_config.json"), ADAPTER)
    tensors = {}
    for layer in range(2):
        for name, rows in [("q", 32), ("k", 16)]:
            rank = 2 if (layer, name) == (0, "q") else 4
            at = f"base_model.model.model.layers.{layer}.self_attn.{name}_proj.lora_"
            for part, shape in [("A.weight", (rank, 32)), ("B.weight", (rows, rank))]:
                tensors[at + part] = "F32", generator.standard_normal(shape).astype(np.float32)
    write_safetensors(os.path.join(path, "adapter_model.safetensors"), tensors)


def write_all(folder, program):
    """Writes one input of each kind to `folder`; those that the program itself defines are written by it."""
    generator = np.random.default_rng(7)
    at = lambda name: os.path.join(folder, name)
    base = model(generator)
    tuned = {name: (dtype, (array + generator.standard_normal(array.shape) * 0.01).astype(np.float32))
             for name, (dtype, array) in base.items()}
    write_model(at("base"), base, shards=2)
    write_safetensors(at("tuned.safetensors"), tuned)
    write_safetensors(at("half.safetensors"), model(generator, "BF16") | {
        "ids": ("I64", np.arange(6).reshape(2, 3)), "empty": ("F32", np.zeros((0, 4), np.float32)),
        "scalar": ("F16", np.array(1.5, np.float16)), "bytes": ("U8", np.arange(32, dtype=np.uint8))})
    for name, scaling in SCALINGS.items():
        os.makedirs(at("rope-" + name))
        write_json(at(f"rope-{name}/config.json"), CONFIG | {"rope_scaling": scaling})
    at_clex = "model.clex_layer."
    clex = {at_clex + "inv_freq": ("F32", 10000 ** -np.arange(0, 1, 0.25, dtype=np.float32)),
            at_clex + "proj_func.ode_down_proj": ("F32", np.full((8, 4), 0.1, np.float32)),
            at_clex + "proj_func.ode_up_proj": ("F32", np.full((4, 8), 0.1, np.float32))}
    write_model(at("clex"), base | clex, CONFIG | {"rope_scaling": SCALINGS["clex"]})
    write_adapter(at("adapter"), generator)
    write_safetensors(at("small.safetensors"), {
        name: tensor for name, tensor in base.items() if name.endswith(("q_proj.weight", "k_proj.weight"))})
    for name, text in [("recipe.yaml", RECIPE), ("slices.yaml", SLICES)]:
        with open(at(name), "w") as file:
            file.write(text)
    weights = {name: array for name, (_, array) in base.items() if array.ndim == 2}
    write_safetensors(at("mask.safetensors"), {
        name: ("U8", (generator.random(array.shape) < 0.8).astype(np.uint8)) for name, array in weights.items()})
    write_safetensors(at("norms.safetensors"), {
        name: ("F32", generator.random(array.shape[1]).astype(np.float32)) for name, array in weights.items()})
    for name, tokens in [("c-safetensors.safetensors", 24), ("more.safetensors", 8)]:
        write_safetensors(at(name), {
            f"layers.{layer}.{part}": ("F16", generator.standard_normal((1, 2, tokens, 32)).astype(np.float16))
            for layer in range(2) for part in ["key", "value"]} | {"token_ids": ("I32", np.arange(tokens, dtype=np.int32))})
    made = [["convert", "base", "-o", "base.sumac", "--content-ids"],
            ["convert", "base", "-o", "sum.sumac", "--terms", "dense:int4:g16+lowrank:2+sparse:1%", "--sealed"],
            ["vector", "extract", "tuned.safetensors", "--base", "base", "-o", "vector.sumac", "--density", "20%"],
            ["vector", "extract", "tuned.safetensors", "--base", "base", "-o", "vector.safetensors"],
            ["prune", "base", "--survey-out", "survey-1.json"],
            ["prune", "base", "--survey-in", "survey-1.json", "--survey-out", "survey-2.json"],
            ["cache", "pack", "c-safetensors.safetensors", "-o", "packed.sumac", "--group", "8"]]
    made += [["cache", "convert", "c-safetensors.safetensors", "-o", file, "--layout", layout]
             for layout, file in LAYOUTS.items() if layout != "safetensors"]
    for arguments in made:
        run = subprocess.run([program, *arguments, "-q"], cwd=folder, capture_output=True, text=True)
        if run.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: exit {run.returncode}\n{run.stderr}")


# MARK: Mutations

NUMBERS = [0, -1, 1, 3, 0.5, -0.0, 255, 65536, 2**31, 2**32, 2**62, 2**63 - 2, 2**63 - 1, 2**63, 2**64, 1e19, 1e-45,
           1e308, -1e308, 10**400]
VALUES = NUMBERS + [None, True, False, "", "x", "nan", [], {}, [0], [2**63], "a\x1b[31mb\n\r\x07", "\u202e\u0085\u009b",
                    "../../x", "/etc/passwd", "(a+)+$", "(?<=x)y", "[", "a" * 5000, [[[[[[[[]]]]]]]], {"a": {"b": 1}},
                    "F8_E4M3", "I4", "float16", "MODEL.LAYERS"]
TEXTS = ["*a", "&a", "<<: *density", "!!binary", "- ", "? ", "{", "}", "[", "]", "|", ">", "---", "...", "%YAML 9.9",
         "\x1b[2J", "\x00", "\u2028", "\ufeff", "1e999", ".nan", ".inf", "-.inf", "0x7fffffffffffffff", "1_0", "1:30",
         "9223372036854775807", "9223372036854775808", "layer_range: [0, 2147483648]", "union", "~", "no", "t: 2",
         "weight: -1e308", "density: 1.5", "density: -1", "model: /dev/zero", "model: .", "\t"]
OPTION_VALUES = [str(number) for number in NUMBERS] + [
    "", " ", "nan", "inf", "-inf", "1e19", "1e999", "0x10", "50%", "101%", "-5%", "1e400%", "x=1", "base=nan", "8EiB",
    "9999999999EiB", "-1MiB", "0:0", "4:2", "2:9223372036854775807", "int4:g0", "int4:g9223372036854775807",
    "lowrank:9223372036854775807", "dense:int4+" * 70, "*=int4", "[", "***" * 40 + "x", "\x1b[31mred", "\u202e\x9b",
    "/dev/null", "/proc/self/mem", ".", "0x0", "65535x65535", "9223372036854775807x2", "f64", "é" * 300]


def places(value):
    """Returns the places (container, key) of all members of a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in list(keys) for place in [(value, key)] + places(value[key])]


def mutate_json(value, chance):
    found = places(value)
    if not found:
        return "the empty value"
    container, key = chance.choice(found)
    kind = chance.randrange(8)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[str(chance.choice(VALUES))] = container.pop(key)
    elif kind == 2:
        other, place = chance.choice(found)
        container[key] = json.loads(json.dumps(other[place])) if place in other or isinstance(other, list) else 0
    elif isinstance(container[key], (int, float)) and chance.random() < 0.7:
        container[key] = chance.choice(NUMBERS)
    else:
        container[key] = chance.choice(VALUES)
    return f"{kind} at {key!r}"


def mutate_bytes(data, chance):
    data = bytearray(data)
    for _ in range(1 + chance.randrange(3)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:at + 1] = bytes([chance.choice([0, 1, 0x1B, 0x7F, 0x80, 0xFF])])
        elif kind == 2:
            del data[at:at + chance.randrange(1, 65)]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 4:
            data[at:at + 8] = struct.pack("<Q", chance.choice([0, 1, 2**31, 2**48, 2**63 - 1, 2**63, 2**64 - 1]))
        elif kind == 5:
            del data[at:]
        else:
            data[at:at + 16] = data[:16]
    return bytes(data)


def mutate_header(data, chance):
    """Mutates a member of the JSON header of a safetensors file, and keeps the header's length correct."""
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    what = mutate_json(header, chance)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length:], what


def mutate_text(data, chance):
    lines = data.split(b"\n")
    for _ in range(1 + chance.randrange(3)):
        at = chance.randrange(len(lines))
        text = chance.choice(TEXTS).encode()
        kind = chance.randrange(6)
        if kind == 0:
            lines[at] += text
        elif kind == 1:
            lines[at] = lines[at].partition(b":")[0] + b": " + text
        elif kind == 2:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif kind == 3:
            del lines[at]
            lines = lines or [b""]
        elif kind == 4:
            lines.insert(at, text)
        else:
            lines[at] = b" " * chance.randrange(5) + lines[at].lstrip()
    return b"\n".join(lines)


def files_below(path):
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)


def mutate(path, chance: random.Random):
    """Mutates one file at or below `path` in place, and returns what was changed."""
    target = chance.choice(files_below(path))
    with open(target, "rb") as file:
        data = file.read()
    how = chance.randrange(10)
    note = "bytes"
    if how == 0 and os.path.isdir(path):
        os.remove(target)
        return f"{target}: removed"
    if target.endswith(".json") and how < 8:
        value = json.loads(data)
        note = " and ".join(mutate_json(value, chance) for _ in range(1 + chance.randrange(2)))
        data = json.dumps(value).encode()
    elif target.endswith(".yaml") and how < 8:
        data, note = mutate_text(data, chance), "text"
    elif target.endswith(".safetensors") and how < 6:
        data, note = mutate_header(data, chance)
    else:
        data = mutate_bytes(data, chance)
    os.remove(target)
    with open(target, "wb") as file:
        file.write(data)
    return f"{target}: {note}"
