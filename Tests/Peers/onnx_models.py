#!/usr/bin/env python3
"""Makes small ONNX models, and the tensors that the package onnx reads from them.

usage: onnx_models.py FOLDER

Needs onnx, numpy and ml_dtypes. It writes NAME.onnx and NAME.expected.safetensors for each model; `Fixtures/onnx` was
made by onnx 1.23.2 with numpy 2.4.6 and ml_dtypes 0.6.0. The values are seeded, so that each run gives the same files.
"""
import hashlib
import json
import os
import struct
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The names of the dtypes in safetensors files, by the names in ONNX.
DTYPES = {
    "FLOAT": "F32", "UINT8": "U8", "INT8": "I8", "UINT16": "U16", "INT16": "I16", "INT32": "I32", "INT64": "I64",
    "BOOL": "BOOL", "FLOAT16": "F16", "DOUBLE": "F64", "UINT32": "U32", "UINT64": "U64", "COMPLEX64": "C64",
    "BFLOAT16": "BF16", "FLOAT8E4M3FN": "F8_E4M3", "FLOAT8E4M3FNUZ": "F8_E4M3FNUZ", "FLOAT8E5M2": "F8_E5M2",
    "FLOAT8E5M2FNUZ": "F8_E5M2FNUZ", "FLOAT4E2M1": "F4", "FLOAT8E8M0": "F8_E8M0", "FLOAT6E2M3": "F6_E2M3",
    "FLOAT6E3M2": "F6_E3M2",
}
BITS = {"FLOAT4E2M1": 4, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}


def canonical(array, bits):
    """Returns the bytes of an array: little-endian, elements below a byte as one bit stream, lowest bits first."""
    array = np.ascontiguousarray(array)
    if bits is None:
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    codes = array.reshape(-1).view(np.uint8)
    stream = ((codes[:, None] >> np.arange(bits, dtype=np.uint8)) & 1).reshape(-1)
    return np.packbits(stream, bitorder="little").tobytes()


def read(path):
    """Returns dtype, shape and bytes of each initializer, as the package reads them."""
    model = onnx.load(path)
    result = {}
    for tensor in model.graph.initializer:
        name = TensorProto.DataType.Name(tensor.data_type)
        result[tensor.name] = (
            DTYPES[name], list(tensor.dims), canonical(numpy_helper.to_array(tensor), BITS.get(name)))
    return result


def write_safetensors(tensors, path):
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def values(random, name, shape):
    """Returns random bit patterns of a data type, as the package represents them."""
    dtype = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))
    count = int(np.prod(shape))
    if name == "BOOL":
        return random.integers(0, 2, shape).astype(bool)
    if name in BITS:
        return random.integers(0, 1 << BITS[name], count).astype(np.uint8).view(dtype).reshape(shape)
    size = np.dtype(dtype).itemsize
    return random.integers(0, 256, count * size).astype(np.uint8).view(dtype).reshape(shape)


def raw(name, kind, array):
    tensor = TensorProto(name=name, data_type=getattr(TensorProto, kind), dims=array.shape)
    tensor.raw_data = canonical(array, BITS.get(kind))
    return tensor


def typed(name, kind, array):
    """Returns a tensor with its values in a typed field."""
    tensor = TensorProto(name=name, data_type=getattr(TensorProto, kind), dims=array.shape)
    flat = np.ascontiguousarray(array).reshape(-1)
    if kind in ("FLOAT", "COMPLEX64"):
        tensor.float_data.extend(flat.view(np.float32).tolist())
    elif kind == "DOUBLE":
        tensor.double_data.extend(flat.tolist())
    elif kind == "INT64":
        tensor.int64_data.extend(flat.tolist())
    elif kind in ("UINT32", "UINT64"):
        tensor.uint64_data.extend(flat.tolist())
    elif kind in ("INT8", "INT16", "INT32"):
        tensor.int32_data.extend(flat.tolist())
    elif kind == "FLOAT4E2M1":
        tensor.int32_data.extend(canonical(flat, 4))
    else:
        bits = flat.view(np.uint16 if flat.dtype.itemsize == 2 else np.uint8)
        tensor.int32_data.extend(bits.tolist())
    return tensor


def model(initializers, nodes=(), **fields):
    graph = helper.make_graph(list(nodes), "made", [], [], initializer=initializers)
    made = helper.make_model(graph, producer_name="sumac-fixtures", opset_imports=[helper.make_opsetid("", 21)])
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def external(name, array, location, **entries):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def make_graph(random, folder):
    """A model with nodes, metadata, odd names, empty tensors and scalars."""
    arrays = {
        "layer/weight": random.standard_normal((4, 3)).astype(np.float32), "вес": np.float32([1, 2]),
        "a b": np.float64(3.5).reshape(()), "empty": np.zeros((0, 5), np.float16),
        "shape": np.array([1, -1, 2**62], np.int64),
    }
    nodes = [helper.make_node("Gemm", ["x", "layer/weight"], ["y"], alpha=0.5), helper.make_node("Relu", ["y"], ["z"])]
    made = model(
        [numpy_helper.from_array(array, name) for name, array in arrays.items()], nodes, producer_version="1.2",
        model_version=7, doc_string="A small model.")
    made.opset_import.add(domain="com.example", version=3)
    made.metadata_props.add(key="names", value="{0: 'cat'}")
    onnx.save(made, os.path.join(folder, "graph.onnx"))


def make_external(random, folder):
    """A model whose values are in two other files, one of them with a checksum."""
    first, second, third = (random.standard_normal(shape).astype(np.float32) for shape in [(6, 4), (5,), (2, 2)])
    data = first.tobytes() + bytes(100) + second.tobytes()
    with open(os.path.join(folder, "external.data"), "wb") as file:
        file.write(data)
    os.makedirs(os.path.join(folder, "parts"), exist_ok=True)
    with open(os.path.join(folder, "parts", "third.bin"), "wb") as file:
        file.write(third.tobytes())
    checksum = hashlib.sha1(third.tobytes()).hexdigest()
    onnx.save(model([
        external("first", first, "external.data", offset=0, length=first.nbytes),
        external("second", second, "external.data", offset=first.nbytes + 100, length=second.nbytes),
        external("third", third, "parts/third.bin", checksum=checksum),
        numpy_helper.from_array(second * 2, "inside"),
    ]), os.path.join(folder, "external.onnx"))


def make(folder):
    """Writes all models; returns their names."""
    random = np.random.default_rng(15)
    kinds = list(DTYPES)
    onnx.save(
        model([raw(kind.lower(), kind, values(random, kind, (2, 3, 4))) for kind in kinds]),
        os.path.join(folder, "raw.onnx"))
    onnx.save(
        model([typed(kind.lower(), kind, values(random, kind, (4, 6))) for kind in kinds]),
        os.path.join(folder, "typed.onnx"))
    make_graph(random, folder)
    make_external(random, folder)
    names = ["raw", "typed", "graph", "external"]
    for name in names:
        write_safetensors(
            read(os.path.join(folder, name + ".onnx")), os.path.join(folder, name + ".expected.safetensors"))
    return names


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(sys.argv[1])
