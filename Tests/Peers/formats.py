#!/usr/bin/env python3
"""Compares what sumac reads and writes with NumPy, and what it reads with the package onnx.

usage: formats.py SUMAC

Needs numpy. If onnx and ml_dtypes are installed, the script also compares ONNX models of every data type.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

TYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8",
}
SHAPES = [(), (1,), (7,), (3, 5), (0, 4), (2, 3, 4), (4, 1, 3), (2, 2, 2, 2, 2), (300, 700)]


def convert(sumac, source, target):
    subprocess.run([sumac, "convert", source, "-o", target, "-q", "--force"], check=True)


def read_safetensors(path):
    """Returns dtype, shape and bytes of each tensor."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        result[name] = (entry["dtype"], entry["shape"], data[start:end])
    return result


def arrays(random):
    """Returns arrays of every type and shape, in both orders of bytes and elements."""
    result = {}
    for dtype, descr in TYPES.items():
        for number, shape in enumerate(SHAPES):
            count = int(np.prod(shape))
            size = np.dtype(descr).itemsize
            data = random.integers(0, 2 if dtype == "BOOL" else 256, count * size).astype(np.uint8)
            array = data.view(descr).reshape(shape)
            if number % 2:
                array = array.astype(array.dtype.newbyteorder(">"))
            if number % 3:
                array = np.asfortranarray(array)
            result[f"{dtype}/{number}"] = array
    return result


def expected(array):
    plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(array.shape)
    return next(name for name, descr in TYPES.items() if plain.dtype.str == descr), list(array.shape), plain.tobytes()


def compare_numpy(sumac, folder):
    made = arrays(np.random.default_rng(1))
    wanted = {name: expected(array) for name, array in made.items()}
    tensors = os.path.join(folder, "a.safetensors")
    for save in [np.savez, np.savez_compressed]:
        source = os.path.join(folder, save.__name__ + ".npz")
        save(source, **made)
        convert(sumac, source, tensors)
        assert read_safetensors(tensors) == wanted, f"sumac reads other values than {save.__name__} wrote"
        print(f"{save.__name__}: sumac reads {len(made)} equal arrays")
    written = os.path.join(folder, "written.npz")
    convert(sumac, tensors, written)
    with np.load(written, allow_pickle=False) as archive:
        assert {name: expected(archive[name]) for name in archive.files} == wanted, "NumPy reads other values"
    print(f"npz: NumPy reads {len(made)} equal arrays")
    for name, array in made.items():
        source = os.path.join(folder, "one.npy")
        target = os.path.join(folder, "two.npy")
        np.save(source, array)
        convert(sumac, source, tensors)
        assert read_safetensors(tensors) == {"one": wanted[name]}, name
        convert(sumac, tensors, target)
        assert expected(np.load(target, allow_pickle=False)) == wanted[name], name
    print(f"npy: {len(made)} arrays are equal after both directions")


def compare_onnx(sumac, folder):
    try:
        import onnx_models
    except ImportError as error:
        print(f"ONNX models are not compared: {error}")
        return
    for name in onnx_models.make(folder):
        source, target = os.path.join(folder, name + ".onnx"), os.path.join(folder, name + ".safetensors")
        convert(sumac, source, target)
        found, wanted = read_safetensors(target), onnx_models.read(source)
        assert {key: tuple(value) for key, value in found.items()} == wanted, f"{name}: other values than onnx reads"
        print(f"onnx, {name}: {len(found)} equal initializers")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        compare_numpy(sys.argv[1], folder)
        compare_onnx(sys.argv[1], folder)


main()
