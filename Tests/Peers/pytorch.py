#!/usr/bin/env python3
"""Files of PyTorch, read and written.

usage: pytorch.py SUMAC

Saves tensors of all dtypes, views, whole modules and TorchScript archives with torch, converts them to safetensors and
compares every value with torch. Converts safetensors files to PyTorch files and loads them with `weights_only=True`.
Then times the conversion of 1 GiB beside torch.load with save_file, and beside cp with sync.
"""
import os
import subprocess
import sys
import tempfile
import time

try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError:
    print("torch is not installed; PyTorch files are not compared")
    sys.exit(0)

SUMAC = sys.argv[1]
GENERATOR = torch.Generator().manual_seed(15)
BYTE_COUNT = 1 << 30


def convert(source, target):
    subprocess.run([SUMAC, "convert", source, "-o", target, "-q"], check=True)


def random(dtype, *shape):
    """Random bits, so that floats have all exponents and NaNs."""
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=GENERATOR, dtype=torch.uint8).to(torch.bool)
    width = torch.empty((), dtype=dtype).element_size()
    codes = torch.randint(0, 256, (*shape, width), generator=GENERATOR, dtype=torch.uint8)
    return codes.view(dtype).reshape(shape)


def same(left, right):
    """True if dtype, shape and all bits are equal."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    codes = [t.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for t in (left, right)]
    return bool((codes[0] == codes[1]).all())


DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16,
    torch.int32, torch.int64, torch.bool, torch.complex64, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
    torch.float8_e8m0fnu,
]


def views():
    base = random(torch.int32, 40, 30, 20)
    large = random(torch.int16, 1500, 1300)
    return {
        "base": base, "transposed": base.transpose(0, 2), "step": base[::3, 1::2, ::5],
        "row": base[7], "expanded": base[0, 0].expand(50, 20), "permuted": base.permute(1, 2, 0),
        "diagonal": base[0].diagonal(), "large": large, "large.t": large.t(), "column": large[:, 3],
        "odd.0": large[1:, 1:].t()[::7], "scalar": base[1, 2, 3], "empty": base[:0],
        "conjugate": random(torch.complex64, 9, 5).t().conj(), "imaginary": random(torch.complex64, 9).conj().imag,
        "bytes": random(torch.uint8, 300, 700).t(), "double": random(torch.float64, 33, 44).t(),
    }


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
        self.head = torch.nn.Linear(8, 4)
        self.tied = torch.nn.Linear(8, 4)
        self.tied.weight = self.head.weight
        self.activation = torch.nn.functional.relu
        self.register_buffer("steps", torch.arange(5))

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))


def compare(folder, name, wanted, save):
    """Saves with `save`, converts to safetensors, and compares with the tensors `wanted`."""
    path, target = os.path.join(folder, name), os.path.join(folder, name + ".safetensors")
    save(path)
    convert(path, target)
    found = load_file(target)
    assert sorted(found) == sorted(wanted), (name, sorted(set(found) ^ set(wanted)))
    for key, value in wanted.items():
        assert same(found[key], value), (name, key)
    print(f"{name}: {len(found)} tensors equal those of torch")


def read(folder):
    everything = {str(dtype)[6:]: random(dtype, 7, 5) for dtype in DTYPES}
    for name, options in {
        "dtypes.pt": {}, "dtypes4.pt": {"pickle_protocol": 4}, "dtypes5.pt": {"pickle_protocol": 5},
        "legacy.bin": {"_use_new_zipfile_serialization": False},
    }.items():
        # The older form has no storages of bytes.
        tensors = everything if "legacy" not in name else {
            key: value for key, value in everything.items()
            if hasattr(torch, "storage") and value.dtype in torch.storage._dtype_to_storage_type_map()}
        compare(folder, name, tensors, lambda path: torch.save(tensors, path, **options))
    tensors = views()
    compare(folder, "views.pt", tensors, lambda path: torch.save(tensors, path))
    compare(folder, "views.bin", tensors,
            lambda path: torch.save(tensors, path, _use_new_zipfile_serialization=False))
    net = Net()
    state = net.state_dict()
    compare(folder, "module.pt", state, lambda path: torch.save(net, path))
    compare(folder, "state.pth", state, lambda path: torch.save(state, path))
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    state = net.state_dict()
    checkpoint = {"epoch": 3, "model": state, "optimizer": optimizer.state_dict(), "args": {"lr": 0.1}}
    compare(folder, "checkpoint.pth", state, lambda path: torch.save(checkpoint, path))
    script = torch.jit.trace(net, torch.rand(2, 3, 8, 8))
    compare(folder, "script.jit", script.state_dict(), lambda path: torch.jit.save(script, path))


def write(folder):
    tensors = {str(dtype)[6:]: random(dtype, 6, 4) for dtype in DTYPES}
    tensors |= {"": random(torch.float32, 3), "a.b/c d": random(torch.float32, 1), "вес": random(torch.int8, 0, 4),
                "scalar": random(torch.float32)}
    source, target = os.path.join(folder, "a.safetensors"), os.path.join(folder, "a.pt")
    save_file(tensors, source, metadata={"note": "метка"})
    convert(source, target)
    for options in [{}, {"mmap": True}]:
        found = torch.load(target, weights_only=True, **options)
        assert sorted(found) == sorted(tensors)
        assert all(same(found[key], value) for key, value in tensors.items())
    again = os.path.join(folder, "b.safetensors")
    convert(target, again)
    assert all(same(value, tensors[key]) for key, value in load_file(again).items())
    tied = random(torch.float32, 30, 20)
    torch.save({"embed": tied, "head": tied, "norm": random(torch.float32, 20)}, os.path.join(folder, "tied.pt"))
    packed, restored = os.path.join(folder, "tied.sumac"), os.path.join(folder, "restored.pt")
    convert(os.path.join(folder, "tied.pt"), packed)
    convert(packed, restored)
    found = torch.load(restored, weights_only=True)
    assert same(found["embed"], tied) and found["embed"].data_ptr() == found["head"].data_ptr()
    print(f"torch loads {len(tensors)} equal tensors with weights_only, and tied tensors share a storage")


def seconds(work):
    os.sync()
    start = time.monotonic()
    work()
    return time.monotonic() - start


def speed(folder):
    count = 64
    tensors = {f"layers.{index}.weight": torch.rand(BYTE_COUNT // count // 4 // 1024, 1024, generator=GENERATOR)
               for index in range(count)}
    source = os.path.join(folder, "large.pt")
    torch.save(tensors, source)
    del tensors

    def copied():
        subprocess.run(["cp", source, os.path.join(folder, "copy.pt")], check=True)
        subprocess.run(["sync", os.path.join(folder, "copy.pt")], check=True)

    def torched():
        target = os.path.join(folder, "torch.safetensors")
        save_file(torch.load(source, weights_only=True), target)
        subprocess.run(["sync", target], check=True)

    def converted():
        target = os.path.join(folder, "sumac.safetensors")
        if os.path.exists(target):
            os.remove(target)
        convert(source, target)

    def inspected():
        subprocess.run([SUMAC, "inspect", source], check=True, stdout=subprocess.DEVNULL)

    for name, work in [("cp and sync", copied), ("torch.load and save_file", torched), ("sumac convert", converted),
                       ("sumac inspect", inspected)]:
        print(f"1 GiB, {name}: {min(seconds(work) for _ in range(3)):.2f} s")


def main():
    with tempfile.TemporaryDirectory() as folder:
        read(folder)
        write(folder)
        speed(folder)


main()
