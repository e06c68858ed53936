"""The values that outputs must have, computed without the program."""
import json
import os

import numpy as np
import oracle_inputs as inputs
import sumac_reader


def contents(path):
    """Returns {name: (shape, bytes)} of a file or folder, read without the program."""
    if path.endswith(".sumac"):
        shapes = {name: list(array.shape) for name, array in sumac_reader.read(path).items()}
        return {name: (shapes[name], raw) for name, raw in sumac_reader.read_bytes(path).items()}
    read = inputs.read_folder if os.path.isdir(path) else inputs.read_safetensors
    return {name: (list(shape), raw) for name, (_, shape, raw) in read(path).items()}


def floats(path):
    """Returns {name: array} of the F32 tensors of a file or folder."""
    read = inputs.read_folder if os.path.isdir(path) else inputs.read_safetensors
    return {name: np.frombuffer(raw, np.float32).reshape(shape)
            for name, (dtype, shape, raw) in read(path).items() if dtype == "F32"}


def differences(wanted, found):
    """Yields in what two maps of tensors differ."""
    if wanted.keys() != found.keys():
        yield f"the output has other tensors: {sorted(wanted.keys() ^ found.keys())[:4]}"
    for name in wanted.keys() & found.keys():
        if wanted[name] != found[name]:
            yield f"tensor {name!r} has other values or another shape than the input"
            return


def same(source):
    """The output has the tensors of `source`, bit for bit."""
    def check(case):
        yield from differences(contents(case.path(source)), contents(case.path(case.verb.output)))
    return check


def same_cache(source):
    """The output is equal to `source` as a cache, in its own layout or another. Values that are not finite are
    converted, but never compared."""
    def check(case):
        again = case.program("cache", "inspect", case.verb.output, "--against", source, "--kv-shape", "2x32", "--json")
        if b"[cache.not-finite]" in again.messages:
            return
        if again.code != 0:
            yield f"the converted cache cannot be compared with the input: {again.messages.decode(errors='replace')}"
            return
        errors = [layer["error"] for layer in json.loads(again.output)["layers"]]
        if any(errors):
            yield f"the converted cache differs from the input: {errors}"
    return check


def pruned(case):
    """Every value of the output is that of the input, or zero."""
    before, after = floats(case.path("base")), floats(case.path(case.verb.output))
    if before.keys() != after.keys():
        yield "the output has other tensors"
    for name in before.keys() & after.keys():
        if not np.all((after[name] == 0) | (after[name].view(np.uint32) == before[name].view(np.uint32))):
            yield f"tensor {name!r} has a value that is neither zero nor that of the input"


def close(case, wanted):
    """The output has the values of `wanted`; NaNs are equal."""
    found = floats(case.path(case.verb.output))
    for name, array in wanted.items():
        if name not in found or found[name].shape != array.shape:
            yield f"tensor {name!r} is missing or has another shape"
        elif not np.array_equal(found[name], array, equal_nan=True):
            yield f"tensor {name!r} has other values than computed"


def averaged(case):
    base, tuned = floats(case.path("base")), floats(case.path("tuned.safetensors"))
    with np.errstate(all="ignore"):
        yield from close(case, {name: base[name] * np.float32(0.5) + tuned[name] * np.float32(0.5) for name in base})


def applied(case):
    base, vector = floats(case.path("base")), floats(case.path("vector.safetensors"))
    with np.errstate(all="ignore"):
        yield from close(case, {name: base[name] + vector[name] if name in vector else base[name] for name in base})


def negated(case):
    yield from close(case, {name: -array for name, array in floats(case.path("vector.safetensors")).items()})


def restored(case):
    """An exact vector, applied to its base, gives the fine-tuned model."""
    apply = case.program("vector", "apply", case.verb.output, "--base", "base", "-o", "restored.safetensors", "-q")
    if apply.code != 0:
        yield f"the exact vector cannot be applied: exit {apply.code}: {apply.messages.decode(errors='replace')}"
        return
    yield from differences(contents(case.path("tuned.safetensors")), contents(case.path("restored.safetensors")))
