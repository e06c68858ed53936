#!/usr/bin/env python3
"""A reader of .sumac files, version 1.  Needs Python 3.11, NumPy and libzstd.

    read(path)         {name: array}   values of every tensor, in the order of the catalog
    read_bytes(path)   {name: bytes}   their canonical bytes
    attachments(path)  {name: bytes}
    index(path)        the decoded index

A path may also be a folder of shards or its index (16): read() and read_bytes() then give the tensors of all shards,
attachments() gives nothing, and index() gives the JSON object.

Whatever is wrong with a file is raised as FormatError, whose `code` is one of sections 12 and 16 of the
specification.  One code is not from there: `memory`, for a file that is in order but whose values
would take more than MAX_BYTES.  Numbers in comments are sections of the specification.
"""

import ctypes
import functools
import hashlib
import itertools
import json
import math
import os
import re
import struct
import sys

import numpy as np

MAX_BYTES = 1 << 32   # this reader's own limit for what one call returns: a small file can hold huge values


class FormatError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def need(condition, code, message):
    if not condition:
        raise FormatError(code, message)


def align(x, n):
    return -(-x // n) * n


# ---- dtypes ------------------------------------------------------------------------------------

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
        "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}
NATIVE = {"U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4", "U32": "<u4",
          "F32": "<f4", "C64": "<c8", "F64": "<f8", "I64": "<i8", "U64": "<u8"}
FLOATS = ("F16", "BF16", "F32", "F64")       # what sums and codecs with a loss are for
SCALES = ("F32", "F16", "BF16")
# exponent bits, mantissa bits, bias, and which codes are no numbers
SMALL = {"F4": (2, 1, 1, None), "F6_E2M3": (2, 3, 1, None), "F6_E3M2": (3, 2, 3, None),
         "F8_E4M3": (4, 3, 7, "fn"), "F8_E5M2": (5, 2, 15, "ieee"),
         "F8_E4M3FNUZ": (4, 3, 8, "fnuz"), "F8_E5M2FNUZ": (5, 2, 16, "fnuz")}


@functools.cache
def small_floats(dtype):
    """The value of every code of a small float, as float32 (all are exact)."""
    if dtype == "F8_E8M0":
        return np.array([math.ldexp(1, c - 127) for c in range(255)] + [math.nan], np.float32)
    ebits, mbits, bias, special = SMALL[dtype]
    half = 1 << (ebits + mbits)
    table = []
    for code in range(2 * half):
        exponent, mantissa = (code % half) >> mbits, code & ((1 << mbits) - 1)
        value = math.ldexp(mantissa + ((1 << mbits) if exponent else 0), max(exponent, 1) - bias - mbits)
        if special == "ieee" and exponent == (1 << ebits) - 1:
            value = math.nan if mantissa else math.inf
        if (special == "fn" and code % half == 0x7F) or (special == "fnuz" and code == 0x80):
            value = math.nan
        table.append(-value if code >= half else value)
    return np.array(table, np.float32)


def unpack(stream, bits, n):
    """n codes from a little-endian bit stream, as uint8."""
    array = np.frombuffer(stream, np.uint8)
    if bits == 8:
        return array
    array = np.unpackbits(array, bitorder="little")
    need(not array[n * bits:].any(), "stream-values", "bits behind the last code are not zero")
    return np.packbits(array[:n * bits].reshape(n, bits), axis=1, bitorder="little").reshape(n)


def to_float(raw, dtype):
    """Canonical bytes of F16, BF16 or F32 as float32, of F64 as float64."""
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(raw, NATIVE[dtype]).astype(np.float64 if dtype == "F64" else np.float32)


def rounded(x, dtype, clamp):
    """Float32 values rounded to F16 or BF16, as an array of the 16-bit codes; F32 and F64 as they are.
    With `clamp` a finite value does not become infinite.  In F16 a NaN keeps its sign and the upper bits of
    its payload, and becomes quiet; in BF16 there is one NaN (section 1)."""
    if dtype in ("F32", "F64"):
        return x
    u = x.view(np.uint32)
    if dtype == "BF16":
        codes = ((u + np.uint32(0x7FFF) + ((u >> 16) & 1)) >> 16).astype(np.uint16)
        nan, largest = np.full_like(u, 0xFFFF), 0x7F7F
    else:
        codes = x.astype(np.float16).view(np.uint16)
        nan, largest = ((u >> 16) & 0x8000) | 0x7E00 | ((u >> 13) & 0x3FF), 0x7BFF
    codes = np.where(np.isnan(x), nan.astype(np.uint16), codes)
    if clamp:
        over = np.isfinite(x) & ((codes & 0x7FFF) == largest + 1)
        codes = np.where(over, (codes & 0x8000) | largest, codes)
    return codes.astype("<u2")


def to_array(raw, dtype, shape):
    """The array that read() gives for canonical bytes."""
    if dtype == "BOOL":
        values = np.frombuffer(raw, np.uint8) != 0
    elif dtype == "BF16":
        values = to_float(raw, dtype)
    elif dtype in NATIVE:
        values = np.frombuffer(raw, NATIVE[dtype]).copy()
    else:
        values = small_floats(dtype)[unpack(raw, BITS[dtype], math.prod(shape))]
    return values.reshape(shape)


# ---- hashes and compression --------------------------------------------------------------------

P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)
M64 = (1 << 64) - 1


def rotl(x, r):
    return ((x << r) | (x >> (64 - r))) & M64


def xxh64(data):
    n = len(data)
    stripes = n // 32
    if stripes:
        # NumPy makes the first product of each round, which does not depend on the state.
        words = np.frombuffer(data, "<u8", stripes * 4).reshape(stripes, 4) * np.uint64(P2)
        lanes = []
        for lane, state in enumerate(((P1 + P2) & M64, P2, 0, -P1 & M64)):
            for word in words[:, lane].tolist():
                state = (state + word) & M64
                state = (((state << 31) | (state >> 33)) * P1) & M64
            lanes.append(state)
        h = (rotl(lanes[0], 1) + rotl(lanes[1], 7) + rotl(lanes[2], 12) + rotl(lanes[3], 18)) & M64
        for state in lanes:
            h = ((h ^ ((rotl((state * P2) & M64, 31) * P1) & M64)) * P1 + P4) & M64
    else:
        h = P5
    h = (h + n) & M64
    tail = bytes(data[stripes * 32:])
    at = len(tail) & ~7
    for (word,) in struct.iter_unpack("<Q", tail[:at]):
        h = (rotl(h ^ ((rotl((word * P2) & M64, 31) * P1) & M64), 27) * P1 + P4) & M64
    if len(tail) - at >= 4:
        h = (rotl(h ^ ((int.from_bytes(tail[at:at + 4], "little") * P1) & M64), 23) * P2 + P3) & M64
        at += 4
    for byte in tail[at:]:
        h = (rotl(h ^ ((byte * P5) & M64), 11) * P1) & M64
    h = ((h ^ (h >> 33)) * P2) & M64
    h = ((h ^ (h >> 29)) * P3) & M64
    return h ^ (h >> 32)


@functools.cache
def libzstd():
    lib = ctypes.CDLL("libzstd.so.1")
    for name, result, arguments in (
            ("ZSTD_getFrameContentSize", ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)),
            ("ZSTD_findFrameCompressedSize", ctypes.c_size_t, (ctypes.c_char_p, ctypes.c_size_t)),
            ("ZSTD_getDictID_fromFrame", ctypes.c_uint, (ctypes.c_char_p, ctypes.c_size_t)),
            ("ZSTD_decompress", ctypes.c_size_t,
             (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t))):
        getattr(lib, name).restype, getattr(lib, name).argtypes = result, arguments
    return lib


def unzstd(data, size, code, says_size=False):
    """Exactly one zstd frame (1) that decodes to `size` bytes, which the caller has checked."""
    lib, data = libzstd(), bytes(data)
    need(len(data) >= 6 and data[:4] == b"\x28\xb5\x2f\xfd", code, "no zstd frame")
    content = lib.ZSTD_getFrameContentSize(data, len(data))
    need(content != M64 - 1, code, "a damaged zstd frame header")
    need(content == size or (content == M64 and not says_size), code, "a zstd frame of another length")
    if data[4] & 0x20:                       # a single segment: the window is the content
        window = content
    else:
        window = (8 + (data[5] & 7)) << (7 + (data[5] >> 3))
    need(window <= 8 << 20, code, "a zstd window over 8 MiB")
    need(lib.ZSTD_getDictID_fromFrame(data, len(data)) == 0, code, "a zstd frame with a dictionary")
    need(lib.ZSTD_findFrameCompressedSize(data, len(data)) == len(data), code, "not exactly one zstd frame")
    out = ctypes.create_string_buffer(max(size, 1))
    need(lib.ZSTD_decompress(out, size, data, len(data)) == size, code, "a zstd frame that does not decode")
    return out.raw[:size]


# ---- CBOR (5.1) --------------------------------------------------------------------------------

class Cbor:
    """Decoder of the one item that an index is."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "index-encoding", "the index ends inside an item")
        self.at += n
        return self.data[self.at - n:self.at]

    def document(self):
        value = self.item(1)
        need(self.at == len(self.data), "index-encoding", "bytes behind the index")
        return value

    def item(self, depth):
        head = self.take(1)[0]
        major, info = head >> 5, head & 31
        if major == 7:
            if info == 27:
                raw = self.take(8)
                value = struct.unpack(">d", raw)[0]
                need(value == value or raw == b"\x7f\xf8" + bytes(6), "index-encoding", "a NaN that is not canonical")
                return value
            need(info in (20, 21, 22), "index-encoding", "a simple value or float that is not in the subset")
            return (False, True, None)[info - 20]
        need(major != 6 and info < 28, "index-encoding", "a tag, or a length that is not definite")
        n = info
        if info >= 24:
            size = 1 << (info - 24)
            n = int.from_bytes(self.take(size), "big")
            need(n >= (24, 1 << 8, 1 << 16, 1 << 32)[info - 24], "index-encoding", "a head that is not the shortest")
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return self.take(n)
        if major == 3:
            try:
                return str(self.take(n), "utf-8")
            except UnicodeDecodeError:
                raise FormatError("index-encoding", "text that is not UTF-8") from None
        need(depth <= 16, "index-encoding", "nesting over 16")
        if major == 4:
            need(n <= len(self.data) - self.at, "index-encoding", "the index ends inside an array")
            return [self.item(depth + 1) for _ in range(n)]
        result, before = {}, b""
        need(2 * n <= len(self.data) - self.at, "index-encoding", "the index ends inside a map")
        for _ in range(n):
            start = self.at
            need(start < len(self.data) and self.data[start] >> 5 == 3, "index-encoding", "a key that is not a text")
            key = self.item(depth + 1)
            encoded = self.data[start:self.at]
            need(encoded > before, "index-encoding", "keys out of order")
            before = encoded
            result[key] = self.item(depth + 1)
        return result


# ---- checks of the index -----------------------------------------------------------------------

def is_uint(x):
    return type(x) is int and x >= 0


def is_f32(x):
    """A finite float that a float32 holds."""
    with np.errstate(all="ignore"):
        return type(x) is float and math.isfinite(x) and float(np.float32(x)) == x


def typed(m, key, kind):
    need(is_uint(m[key]) if kind is int else type(m[key]) is kind, "index-value", f"{key!r} has a wrong type")
    return m[key]


def check_keys(m, required, optional=(), others=False):
    need(type(m) is dict, "index-value", "a map is expected")
    for key in required:
        need(key in m, "index-key", f"key {key!r} is missing")
    for key in m:
        need(others or key in required or key in optional, "index-key", f"key {key!r} is not defined")


def check_measure(x):
    need(type(x) is float and math.isfinite(x) and x >= 0, "index-value", "an error that is no finite float from 0")


def check_extensions(m):
    need(type(m) is dict, "index-value", "extensions are no map")
    for value in m.values():
        check_keys(value, ("safe", "value"))
        typed(value, "safe", bool)


def check_texts(m):
    need(type(m) is dict and all(type(v) is str for v in m.values()), "index-value", "no map of text to text")


VALUE_IDS = {"raw": 0, "planes": 1, "constant": 2, "affine": 3, "fp8": 4, "mx": 5, "nvfp4": 6, "codebook": 7, "ggml": 8}
INDEX_IDS = {"bitmask": 1, "gap8": 2, "nm": 3, "block": 4}
VALUE_NAMES = {v: k for k, v in VALUE_IDS.items()}
INDEX_NAMES = {v: k for k, v in INDEX_IDS.items()}
LOSSLESS = ("raw", "planes", "constant")
KNOWN_FEATURES = {"sealed", "groups:fold", "term:dense", "term:sparse", "term:lowRank",
                  *("codec:" + n for n in VALUE_IDS), *("index:" + n for n in INDEX_IDS)}
# type: elements and bytes of a block (9.8)
GGML = {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
        12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50),
        20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 29: (256, 56), 34: (256, 54), 35: (256, 66),
        39: (32, 17), 40: (64, 36)}
GGML_VALUES = (2, 3, 6, 7, 8)


def one_of(*choices):
    return lambda x: type(x) is type(choices[0]) and x in choices


def is_table(x):
    return (type(x) is list and 2 <= len(x) <= 256 and all(is_f32(v) for v in x)
            and all(a < b for a, b in zip(x, x[1:])))


GROUPS = {"axis": is_uint, "group": lambda x: is_uint(x) and x < 1 << 48}
SOME_GROUPS = {"axis": is_uint, "group": lambda x: is_uint(x) and 0 < x < 1 << 48}
PARAMETERS = {
    "raw": {}, "planes": {}, "constant": {},
    "affine": {"bits": one_of(*range(1, 9)), **GROUPS, "scale": one_of(*SCALES),
               "zero": one_of("symmetric", "integer", "float")},
    "fp8": {"element": one_of("F8_E4M3", "F8_E5M2"), **GROUPS, "scale": one_of(*SCALES)},
    "mx": {"element": one_of("F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2"), **SOME_GROUPS},
    "nvfp4": {**SOME_GROUPS, "global": lambda x: is_f32(x) and x > 0, "arithmetic": one_of("multiply", "divide")},
    "codebook": {"table": is_table, **GROUPS, "scale": one_of(*SCALES)},
    "ggml": {"type": one_of(*GGML)}}


def check_codec(name, p, dtype, shape):
    """The parameters of a known value codec (9).  `shape` is None for the values of a sparse term, whose
    number is not known yet.  Returns the number of bits of a code, where there are codes."""
    def must(condition, message):
        need(condition, "codec-parameters", f"{name}: {message}")

    def check(keys):
        for key, good in keys.items():
            must(key in p, f"{key!r} is missing")
            must(good(p[key]), f"{key!r} is out of range")

    keys = dict(PARAMETERS[name])
    check(keys)
    bits = None
    if name == "affine":
        bits = p["bits"]
        must(bits > 1 or p["zero"] != "symmetric", "'bits' is out of range")
        if p["zero"] == "float":
            keys["arithmetic"] = one_of("f32", "steps")
    elif "element" in keys:
        bits = BITS[p["element"]]
    elif name == "nvfp4":
        bits = 4
    elif name == "codebook":
        bits = (len(p["table"]) - 1).bit_length()
    if bits in (3, 5, 6, 7):
        keys["packing"] = one_of("bits", "bytes")
    if "axis" in keys and "fold" in p:
        keys["fold"] = lambda x: is_uint(x) and x >= 2
    check(keys)
    must(p.keys() == keys.keys(), "a parameter is not defined")
    must("axis" not in p or p["axis"] < (1 if shape is None else max(1, len(shape))), "'axis' is no dimension")
    must("fold" not in p or p["axis"] + p["fold"] <= (1 if shape is None else max(1, len(shape))),
         "'fold' leads beyond the last dimension")
    must(name != "constant" or BITS[dtype] % 8 == 0, "the dtype is no whole number of bytes")
    must(name != "ggml" or (shape is not None and [1, *shape][-1] % GGML[p["type"]][0] == 0),
         "rows are not of whole blocks")
    return bits


def check_index_codec(name, p):
    keys = {"nm": ("n", "m"), "block": ("rows", "columns")}.get(name, ())
    good = set(p) == set(keys) and all(is_uint(p[k]) for k in keys)
    if good and name == "nm":
        good = 1 <= p["n"] < p["m"] <= 16
    if good and name == "block":
        good = all(1 <= p[k] <= 65536 for k in keys)
    need(good, "codec-parameters", f"{name}: the parameters are not those of the codec")


class Grid:
    """The cut of a tensor into chunks (4): `units` runs of `unit` elements, each cut in blocks."""

    def __init__(self, dtype, shape):
        bits, elements = BITS[dtype], math.prod(shape)
        columns = shape[-1] if shape else 1
        row = columns * bits
        self.unit, self.block = elements, 65536
        if row % 8 == 0 and row > 8 << 20:
            self.unit = columns
        elif row % 8 == 0 and elements:
            self.block = max(1, (8 << 20) // row) * columns
        self.each = -(-self.unit // self.block)
        self.count = elements // self.unit * self.each if elements else 0

    def chunk(self, i):
        """Flat place of the first element, and number of elements."""
        unit, j = divmod(i, self.each)
        return unit * self.unit + j * self.block, min(self.block, self.unit - j * self.block)


class Segment:
    """The chunks of a term, a factor or an attachment.  `unknown` is the code with which its values are
    refused; `opaque` says that not even its records can be checked."""

    def __init__(self, dtype, shape, codec=None, params=None, aligned=False, index=None, index_params=None, sparse=False):
        self.dtype, self.shape, self.codec, self.params = dtype, list(shape), codec, params or {}
        self.index, self.index_params, self.sparse = index, index_params or {}, sparse
        self.unknown, self.opaque, self.bits, self.first = None, False, None, 0
        self.grid = Grid(dtype, shape)
        self.count = self.grid.count
        self.lossless = codec in LOSSLESS
        big = aligned and codec == "raw" and math.prod(shape) * BITS[dtype] // 8 >= 1 << 20
        self.alignment = 4096 if big else 64
        if codec not in VALUE_IDS or (sparse and index not in INDEX_IDS):
            self.unknown, self.opaque = "unknown-codec", True
        if codec in VALUE_IDS:
            need(self.lossless or dtype in FLOATS, "term-dtype", f"{codec} is not for {dtype}")
            self.bits = check_codec(codec, self.params, dtype, None if sparse else self.shape)
            if codec == "ggml" and self.params["type"] not in GGML_VALUES:
                self.unknown = "unknown-codec"
        if sparse and index in INDEX_IDS:
            check_index_codec(index, self.index_params)


class Term:
    """A checked term (5.4)."""

    def __init__(self, t, dtype, shape):
        check_keys(t, ("kind", "chunks"), others=True)
        self.kind, chunks, self.mode, self.unknown = typed(t, "kind", str), typed(t, "chunks", int), None, None
        if "error" in t:
            check_measure(t["error"])
        others = {k: v for k, v in t.items() if k not in ("kind", "chunks", "error")}
        self.factor = 1.0
        if self.kind in ("dense", "sparse") and "factor" in others:
            need(others.get("mode") != "replace", "index-key", "a term that replaces has no factor")
            self.factor = typed(others, "factor", float)
            need(is_f32(self.factor), "index-value", "no float32 holds the factor")
            del others["factor"]
        if self.kind == "dense":
            check_keys(others, ("codec",), others=True)
            codec = typed(others, "codec", str)
            del others["codec"]
            self.segments = [Segment(dtype, shape, codec, others, aligned=True)]
            self.text = f"dense/{codec}"
        elif self.kind == "sparse":
            check_keys(others, ("codec", "mode", "index"), others=True)
            codec, places = typed(others, "codec", str), typed(others, "index", dict)
            self.mode = typed(others, "mode", str)
            need(self.mode in ("add", "replace"), "index-value", "'mode' is neither add nor replace")
            check_keys(places, ("codec",), others=True)
            index = typed(places, "codec", str)
            need(BITS[dtype] % 8 == 0, "term-dtype", f"a sparse term cannot be of {dtype}")
            for key in ("codec", "mode", "index"):
                del others[key]
            self.segments = [Segment(dtype, shape, codec, others, sparse=True, index=index,
                                     index_params={k: v for k, v in places.items() if k != "codec"})]
            self.text = f"sparse/{codec}+{index} {self.mode}"
        elif self.kind == "lowRank":
            self.low_rank(others, dtype, shape)
        else:
            # Nothing is known of it but how many records are its own.
            segment = Segment("U8", [0], "raw")
            segment.count, segment.unknown, segment.opaque = chunks, "unknown-term", True
            self.segments, self.text = [segment], self.kind
        need(chunks == sum(s.count for s in self.segments), "chunk-count", "a term has not the chunks of its grid")
        self.unknown = next((s.unknown for s in self.segments if s.unknown), None)
        self.opaque = any(s.opaque for s in self.segments)

    def low_rank(self, t, dtype, shape):
        check_keys(t, ("batch", "rank", "scale", "u", "v"))
        batch, rank, scale = typed(t, "batch", int), typed(t, "rank", int), typed(t, "scale", float)
        factors = []
        for key in "uv":
            factor = dict(typed(t, key, dict))
            check_keys(factor, ("dtype", "codec"), others=True)
            factors.append((typed(factor, "dtype", str), typed(factor, "codec", str), factor))
        need(dtype in FLOATS, "low-rank", f"a low-rank term cannot be of {dtype}")
        need(batch < len(shape), "low-rank", "no dimension behind those of the batch")
        need(1 <= rank <= 65536, "low-rank", "the rank is out of range")
        need(is_f32(scale), "low-rank", "no float32 holds the scale")
        b, m, n = math.prod(shape[:batch]), shape[batch], math.prod(shape[batch + 1:])
        need(rank * n <= 1 << 24, "low-rank", "rank and columns are too many")
        self.sizes, self.scale, self.segments = (b, m, n, rank), np.float32(scale), []
        for (kind, codec, factor), form in zip(factors, ([b * m, rank], [b * rank, n])):
            need(kind in SCALES, "low-rank", f"a factor cannot be of {kind}")
            need(within_limits(form), "low-rank", f"a factor cannot have the shape {form}")
            del factor["dtype"], factor["codec"]
            self.segments.append(Segment(kind, form, codec, factor, aligned=True))
        self.text = f"lowRank/{factors[0][1]}+{factors[1][1]} rank {rank}"


def within_limits(shape):
    """Whether a shape keeps the limits of section 13."""
    return (len(shape) <= 64 and all(d < 1 << 48 for d in shape)
            and math.prod(d for d in shape if d) <= 1 << 56)


class Tensor:
    """A checked tensor entry (5.3).  Of an alias, `target` is the tensor that it names."""

    def size(self):
        """Bytes of memory that its values may take here."""
        return 0 if self.target or self.unknown else self.elements * max(32, BITS[self.dtype]) // 8

    def __init__(self, entry, before):
        check_keys(entry, ("name",), others=True)
        self.name, self.target = typed(entry, "name", str), None
        if "alias" in entry:
            check_keys(entry, ("name", "alias"))
        else:
            check_keys(entry, ("name", "dtype", "shape", "terms"), ("quality", "content", "extensions"))
        need(len(self.name.encode()) <= 4096, "name-length", "the name of a tensor is over 4096 bytes")
        need(self.name not in before, "duplicate-name", f"two tensors are named {self.name!r}")
        if "alias" in entry:
            self.target = before.get(typed(entry, "alias", str))
            need(self.target and not self.target.target, "alias-target", f"{self.name!r} names no tensor before it")
            return
        self.dtype, self.shape = typed(entry, "dtype", str), typed(entry, "shape", list)
        need(self.dtype in BITS, "dtype", f"{self.dtype!r} is no dtype")
        need(all(is_uint(d) for d in self.shape), "index-value", "a dimension that is no unsigned integer")
        need(within_limits(self.shape), "shape", "the shape is over its limits")
        self.elements = math.prod(self.shape)
        need(self.elements * BITS[self.dtype] % 8 == 0, "shape", "the values do not end on a byte")
        if "quality" in entry:
            check_keys(entry["quality"], ("norm", "error", "largest"))
            for value in entry["quality"].values():
                check_measure(value)
        self.content = typed(entry, "content", bytes) if "content" in entry else None
        need(self.content is None or len(self.content) == 32, "index-value", "'content' has not 32 bytes")
        if "extensions" in entry:
            check_extensions(entry["extensions"])
        need(1 <= len(typed(entry, "terms", list)) <= 64, "terms", f"{self.name!r} has no term, or more than 64")
        self.terms = [Term(t, self.dtype, self.shape) for t in entry["terms"]]
        self.unknown = next((t.unknown for t in self.terms if t.unknown), None)
        self.is_bits = (all(t.kind in ("dense", "sparse") and t.segments[0].lossless and t.factor == 1
                            for t in self.terms)
                        and all(t.mode == "replace" for t in self.terms[1:]))
        # A later version may know of a new kind or codec that it is for this dtype.
        if not any(t.opaque for t in self.terms):
            need(self.is_bits or self.dtype in FLOATS, "term-dtype", f"there are no sums of {self.dtype}")


# ---- value codecs (9) --------------------------------------------------------------------------

def word_bytes(dtype):
    return 4 if dtype == "C64" else max(1, BITS[dtype] // 8)


def periods(p, shape):
    """What cuts the cells (9.3): elements of the whole axis and of a group, and I.  None: one piece."""
    if p["group"] == 0:
        return None
    axis, shape = p["axis"], shape or [1]
    end = axis + p.get("fold", 1)
    places, behind = math.prod(shape[axis:end]), math.prod(shape[end:])
    return places * behind, min(p["group"], places) * behind, behind


def count_cells(p, shape, e, n):
    cut = periods(p, shape)
    if cut is None or n == 0:
        return min(n, 1)
    whole, group, behind = cut
    each = -(-whole // group)
    first, last = ((x // whole) * each + x % whole // group for x in (e, e + n - 1))
    if first == last:
        return min(n, behind)
    start = lambda piece: piece // each * whole + piece % each * group
    return (min(start(first + 1) - e, behind) + min(e + n - start(last), behind)
            + (last - first - 1) * behind)      # a piece that the chunk does not cut has I cells


def cell_numbers(p, shape, e, n):
    """The number of the cell of each element."""
    cut = periods(p, shape)
    if cut is None or n == 0:
        return np.zeros(n, np.int64)
    whole, group, behind = cut
    place = np.arange(e, e + n, dtype=np.int64)
    period, rest = np.divmod(place, whole)
    piece = period * -(-whole // group) + rest // group
    begin = np.maximum(period * whole + rest // group * group, e)
    piece -= piece[0]
    in_first = int(np.count_nonzero(piece == 0))
    base = np.where(piece == 0, 0, min(in_first, behind) + (piece - 1) * behind)
    return base + (place - begin) % behind


def value_lengths(seg, codec, shape, e, n):
    """The decoded lengths of the streams of a chunk."""
    p, bits = seg.params, seg.bits
    size = n * BITS[seg.dtype] // 8
    if codec == "raw":
        return [size]
    if codec == "planes":
        word = word_bytes(seg.dtype)
        return [size // word] * word
    if codec == "constant":
        return [BITS[seg.dtype] // 8 if n else 0]
    if codec == "ggml":
        elements, length = GGML[p["type"]]
        need(n % elements == 0, "codec-parameters", "a chunk is not of whole blocks")
        return [n // elements * length]
    codes = n if p.get("packing") == "bytes" else -(-n * bits // 8)
    cells = count_cells(p, shape, e, n)
    scale = 1 if codec in ("mx", "nvfp4") else BITS[p["scale"]] // 8
    lengths = [codes, cells * scale]
    if codec == "affine" and p["zero"] != "symmetric":
        lengths.append(cells if p["zero"] == "integer" else cells * scale)
    return lengths


def decode_values(seg, codec, shape, e, n, streams):
    """A lossless codec gives canonical bytes, another float32."""
    p, dtype, bits = seg.params, seg.dtype, seg.bits
    if codec == "raw":
        return streams[0]
    if codec == "constant":
        return streams[0] * n
    if codec == "planes":
        width = word_bytes(dtype)
        raw = np.stack([np.frombuffer(s, np.uint8) for s in streams], axis=1)
        if width == 1 or dtype not in (*FLOATS, "C64"):
            return raw.tobytes()
        words = np.ascontiguousarray(raw).view(f"<u{width}")
        return ((words >> 1) | (words << (8 * width - 1))).tobytes()
    if codec == "ggml":
        return ggml_values(p["type"], streams[0]) if p["type"] in GGML_VALUES else None
    if p.get("packing") == "bytes":
        codes = np.frombuffer(streams[0], np.uint8)
        need(not (codes >> bits).any(), "stream-values", "a code has too many bits")
    else:
        codes = unpack(streams[0], bits, n)
    cells = cell_numbers(p, shape, e, n)
    if codec == "affine":
        q, scale = codes.astype(np.float32), to_float(streams[1], p["scale"])[cells]
        if p["zero"] == "symmetric":
            return (q - np.float32(1 << (bits - 1))) * scale
        if p["zero"] == "integer":
            zero = np.frombuffer(streams[2], np.uint8)
            need(not (zero.astype(np.uint16) >> bits).any(), "stream-values", "a zero point has too many bits")
            return (q - zero.astype(np.float32)[cells]) * scale
        step = (lambda x: to_float(rounded(x, p["scale"], False).tobytes(), p["scale"])) \
            if p["arithmetic"] == "steps" else (lambda x: x)
        return step(step(q * scale) + to_float(streams[2], p["scale"])[cells])
    if codec == "codebook":
        table = np.array(p["table"], np.float32)
        need(not (codes >= len(table)).any(), "stream-values", "a code has no entry")
        return table[codes] * to_float(streams[1], p["scale"])[cells]
    if codec == "fp8":
        return small_floats(p["element"])[codes] * to_float(streams[1], p["scale"])[cells]
    stored = np.frombuffer(streams[1], np.uint8)
    if codec == "mx":
        return small_floats(p["element"])[codes] * small_floats("F8_E8M0")[stored][cells]
    scale, common = small_floats("F8_E4M3")[stored], np.float32(p["global"])
    scale = scale * common if p["arithmetic"] == "multiply" else scale / common
    return small_floats("F4")[codes] * scale[cells]


def ggml_values(kind, stream):
    elements, size = GGML[kind]
    blocks = np.frombuffer(stream, np.uint8).reshape(-1, size)

    def half(at):
        return blocks[:, at:at + 2].copy().view("<f2").astype(np.float32)
    d = half(0)
    if kind == 8:                                                # Q8_0
        return (d * blocks[:, 2:].copy().view(np.int8).astype(np.float32)).reshape(-1)
    nibbles = blocks[:, -16:]
    q = np.concatenate([nibbles & 15, nibbles >> 4], axis=1)
    if kind in (6, 7):                                           # Q5_0, Q5_1
        at = 2 if kind == 6 else 4
        q = q | (np.unpackbits(blocks[:, at:at + 4], axis=1, bitorder="little") << 4)
    q = q.astype(np.float32)
    if kind in (3, 7):                                           # Q4_1, Q5_1
        return (d * q + half(2)).reshape(-1)
    return (d * (q - np.float32(8 if kind == 2 else 16))).reshape(-1)


# ---- index codecs (10) -------------------------------------------------------------------------

def matrix_of(shape, n):
    """Rows and columns of a chunk: whole rows, or one part of a row."""
    columns = shape[-1] if shape else 1
    return (n // columns, columns) if n % columns == 0 else (1, n)


def nm_groups(m, shape, e, n):
    """(place of the chunk's first element in its row, groups in each of its rows, its rows)"""
    rows, columns = matrix_of(shape, n)
    start = e % (shape[-1] if shape else 1)
    return start, -(-(start + columns) // m) - start // m, rows


def nm_digits(kept, m):
    patterns = math.comb(m, kept)
    digits = 0
    while patterns ** (digits + 1) <= 256:
        digits += 1
    return patterns, digits


def index_lengths(codec, p, shape, e, n, values):
    """Least and greatest length of the stream."""
    if codec == "gap8":
        return values, values + n // 255
    if codec == "bitmask":
        length = -(-n // 8)
    elif codec == "block":
        rows, columns = matrix_of(shape, n)
        length = -(-(-(-rows // p["rows"]) * -(-columns // p["columns"])) // 8)
    else:
        _, each, rows = nm_groups(p["m"], shape, e, n)
        digits = nm_digits(p["n"], p["m"])[1]
        length = -(-each * rows // digits) if digits else 2 * each * rows
    return length, length


def decode_places(codec, p, shape, e, n, values, stream):
    """The places in the chunk that have values, ascending."""
    if codec == "gap8":
        gaps = np.frombuffer(stream, np.uint8)
        need(not len(gaps) or gaps[-1] != 255, "stream-values", "gaps end in 255")
        ends = np.flatnonzero(gaps != 255)
        places = np.cumsum(gaps, dtype=np.int64)[ends] + np.arange(len(ends))
        need(not len(places) or places[-1] < n, "stream-values", "gaps lead beyond the last element")
    elif codec == "bitmask":
        places = np.flatnonzero(unpack(stream, 1, n))
    elif codec == "block":
        rows, columns = matrix_of(shape, n)
        down, across = -(-rows // p["rows"]), -(-columns // p["columns"])
        blocks = unpack(stream, 1, down * across).reshape(down, across)
        mask = blocks[np.arange(rows) // p["rows"]][:, np.arange(columns) // p["columns"]]
        places = np.flatnonzero(mask)
    else:
        places = nm_places(p["n"], p["m"], shape, e, n, stream)
    need(len(places) == values, "stream-values", "the index has another number of values than the record")
    return places


def nm_places(kept, m, shape, e, n, stream):
    start, each, rows = nm_groups(m, shape, e, n)
    columns = n // rows
    patterns, digits = nm_digits(kept, m)
    if digits:
        raw = np.frombuffer(stream, np.uint8).astype(np.int64)
        need(not (raw >= patterns ** digits).any(), "stream-values", "a byte that holds no patterns")
        numbers = (raw[:, None] // patterns ** np.arange(digits) % patterns).reshape(-1)
        need(not numbers[each * rows:].any(), "stream-values", "digits behind the last group are not zero")
        numbers = numbers[:each * rows]
    else:
        numbers = np.frombuffer(stream, "<u2").astype(np.int64)
        need(not (numbers >= patterns).any(), "stream-values", "a pattern that is not there")
    table = np.zeros((patterns, m), bool)
    for i, places in enumerate(itertools.combinations(range(m), kept)):
        table[i, places] = True
    # Where the groups of a row begin and end, counted from the chunk's first element of that row.
    cuts = np.arange(start // m, start // m + each + 1) * m - start
    begins, ends = np.maximum(cuts[:-1], 0), np.minimum(cuts[1:], columns)
    begins, lengths = ((np.arange(rows)[:, None] * columns + begins).reshape(-1), np.tile(ends - begins, rows))
    inside = np.arange(m) < lengths[:, None]
    chosen = table[numbers]
    # A group shorter than N has the pattern 0 (the first N places), another no place behind its end.
    wrong = np.where(lengths < kept, numbers != 0, (chosen & ~inside).any(axis=1))
    need(not wrong.any(), "stream-values", "a pattern leads beyond the end of its group")
    return (begins[:, None] + np.arange(m))[chosen & inside]


# ---- the file ----------------------------------------------------------------------------------

SIGNATURE = b"\x89SUMAC\r\n\x1a\n\0"
RECORD = struct.Struct("<QIIQIBBH")     # offset, stored, decoded, hash, values, codec, index codec, flags
MAX_CHUNK = 1 << 26


class File:
    """Opening checks all that can be checked without reading a chunk."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = memoryview(f.read())
        self.check_header()
        table, end = self.check_trailer()
        self.check_index()
        self.check_records(table, end)

    def check_header(self):
        data, head = self.data, bytes(self.data[:64])
        need(SIGNATURE[:6].startswith(head[:6]), "not-sumac", "the signature is not there")
        need(SIGNATURE.startswith(head[:11]), "text-damage", "the signature is damaged")
        need(len(data) >= 128, "truncated", "the file is too short for header and trailer")
        need(xxh64(head[:56]) == int.from_bytes(head[56:], "little"), "header-checksum", "the header is damaged")
        need(head[11] == 1, "header-version", f"major version {head[11]}")
        need(not any(head[16:24]), "header-features", "a required feature is not known")
        need(not any(head[14:16]) and not any(head[24:56]), "header-fields", "flags or zeros of the header are set")

    def check_trailer(self):
        data, end = self.data, len(self.data) - 64
        digest, offset, length, stored, decoded, magic = struct.unpack("<32sQQII8s", data[end:])
        self.id = digest.hex()
        need(magic == b"SUMACEND", "trailer-magic", "the trailer is not there")
        need(length == len(data), "file-length", "the file has another length than it says")
        need(0 < stored <= decoded <= 1 << 30 and decoded <= max(1 << 24, 64 * stored),
             "index-length", "a length of the index is out of range")
        need(offset % 64 == 0 and 64 <= offset <= end and stored <= end - offset, "index-place", "the index is out of place")
        table = align(offset + stored, 32)
        need(table <= end and (end - table) % 32 == 0, "chunk-table-length", "the chunk table is no number of records")
        sha = hashlib.sha256(data[:64])
        sha.update(data[offset:end])
        sha.update(data[end + 32:])
        need(sha.digest() == digest, "index-checksum", "index or chunk table are damaged")
        need(not any(data[offset + stored:table]), "index-padding", "bytes behind the index are not zero")
        raw = bytes(data[offset:offset + stored])
        if stored < decoded:
            raw = unzstd(raw, decoded, "index-compression", says_size=True)
        self.index_at, self.index = offset, Cbor(raw).document()
        return table, end

    def check_index(self):
        top = self.index
        check_keys(top, (), others=True)
        if "features" in top:                # first of all, as an unknown one may change all the rest
            check_keys(top["features"], ("required", "optional"))
            for names in top["features"].values():
                need(type(names) is list and all(type(n) is str for n in names), "index-value", "features are no texts")
                coded = [n.encode() for n in names]
                need(all(a < b for a, b in zip(coded, coded[1:])), "index-value", "features are out of order")
            for name in top["features"]["required"]:
                need(name in KNOWN_FEATURES, "required-feature", f"the feature {name!r} is not known")
        check_keys(top, ("tensors", "attachments", "metadata", "features", "writer"), ("lineage", "sealed", "extensions"))
        check_texts(top["metadata"])
        check_texts(top["writer"])
        if "lineage" in top:
            typed(top, "lineage", str)
        need(top.get("sealed", True) is True, "index-value", "'sealed' is not true")
        if "extensions" in top:
            check_extensions(top["extensions"])
        self.tensors, self.attachments = {}, {}
        for entry in typed(top, "tensors", list):
            tensor = Tensor(entry, self.tensors)
            self.tensors[tensor.name] = tensor
        for entry in typed(top, "attachments", list):
            check_keys(entry, ("name", "bytes", "chunks"))
            name, size, chunks = typed(entry, "name", str), typed(entry, "bytes", int), typed(entry, "chunks", int)
            need(len(name.encode()) <= 4096 and "\0" not in name and not {"", ".", ".."} & set(name.split("/")),
                 "attachment-name", f"{name!r} is no relative path")
            need(name not in self.attachments, "duplicate-name", f"two attachments are named {name!r}")
            need(size < 1 << 48, "attachment-length", f"{name!r} is too long")
            segment = Segment("U8", [size], "raw")
            need(chunks == segment.count, "chunk-count", f"{name!r} has not the chunks of its grid")
            self.attachments[name] = segment
        self.segments = [s for t in self.tensors.values() if not t.target for term in t.terms for s in term.segments]
        self.segments += self.attachments.values()
        folded = any("fold" in s.params for s in self.segments)
        need(not folded or "groups:fold" in top["features"]["required"], "index-value",
             "a term folds dimensions, which the features do not require")

    def check_records(self, table, end):
        count, sealed = (end - table) // 32, "sealed" in self.index
        need(not sealed or count % 2 == 0, "chunk-table-length", "there is not one seal for each chunk")
        count //= 1 + sealed
        need(count == sum(s.count for s in self.segments), "chunk-table-length", "not one record for each chunk")
        self.records = list(RECORD.iter_unpack(self.data[table:table + 32 * count]))
        seals = table + 32 * count
        self.seals = [self.data[seals + 32 * i:seals + 32 * i + 32] for i in range(count)] if sealed else None
        at, number, last = 64, 0, None
        for segment in self.segments:
            if not segment.count:
                continue
            at = align(at, segment.alignment)
            if last:
                last.padding_end = at
            last, segment.first = segment, number
            for i in range(segment.count):
                self.check_record(segment, i, self.records[number], at)
                at += self.records[number][1]
                number += 1
            segment.end = at
        need(align(at, 64) == self.index_at, "chunk-place", "the last chunk does not end at the index")
        if last:
            last.padding_end = self.index_at
        first = self.records[0][0] if count else self.index_at
        need(not any(self.data[64:first]), "chunk-padding", "bytes behind the header are not zero")

    def check_record(self, seg, i, record, at):
        offset, stored, decoded, _, values, codec, index, flags = record
        need(offset == at and stored <= self.index_at - at, "chunk-place", f"a chunk is not at {at}")
        if not seg.opaque:
            need(flags < 2, "chunk-flags", "a flag is not defined")
            e, n = seg.grid.chunk(i)
            need(values <= n if seg.sparse else values == n, "chunk-values", "a chunk has not the values of its grid")
            codecs = {VALUE_IDS[seg.codec]}
            if seg.lossless:
                codecs |= {0, 2} if BITS[seg.dtype] % 8 == 0 else {0}
            indexes = {0}
            if seg.sparse:
                indexes = {1, 2} if seg.index in ("bitmask", "gap8") else {INDEX_IDS[seg.index]}
            need(codec in codecs and index in indexes, "chunk-codec", "a chunk has not the codecs of its term")
            ranges = self.stream_ranges(seg, e, n, record)
            need(sum(r[0] for r in ranges) <= decoded <= sum(r[1] for r in ranges), "chunk-length",
                 "the decoded length of a chunk is not that of its codecs")
            need(stored <= decoded + 8 * len(ranges) if flags else stored == decoded, "chunk-length",
                 "the stored length of a chunk is out of range")
        need(stored > 0 and decoded <= MAX_CHUNK, "chunk-length", "a length of a chunk is out of range")

    @staticmethod
    def stream_ranges(seg, e, n, record):
        """Least and greatest length of each stream of a chunk."""
        values, codec, index = record[4], VALUE_NAMES[record[5]], record[6]
        if not seg.sparse:
            return [(x, x) for x in value_lengths(seg, codec, seg.shape, e, n)]
        return [index_lengths(INDEX_NAMES[index], seg.index_params, seg.shape, e, n, values),
                *((x, x) for x in value_lengths(seg, codec, [values], 0, values))]

    def chunk(self, seg, i):
        """The stored bytes of a chunk, after their checks (7)."""
        number = seg.first + i
        offset, stored, hashed = self.records[number][0], self.records[number][1], self.records[number][3]
        data = self.data[offset:offset + stored]
        need(xxh64(data) == hashed, "chunk-checksum", f"chunk {number} is damaged")
        if self.seals:
            need(hashlib.sha256(data).digest() == self.seals[number], "chunk-seal", f"chunk {number} has another seal")
        if i == seg.count - 1:
            need(not any(self.data[seg.end:seg.padding_end]), "chunk-padding", "bytes behind a segment are not zero")
        return bytes(data)

    def streams(self, seg, i, e, n):
        """The decoded streams of a chunk (6)."""
        data, record = self.chunk(seg, i), self.records[seg.first + i]
        ranges = self.stream_ranges(seg, e, n, record)
        if not record[7]:
            need(len(ranges) == 1, "stream-table", "a plain chunk of several streams")
            return [data]
        at = 8 * len(ranges)
        need(at <= len(data), "stream-table", "the table of streams is cut")
        entries = [(word >> 31, word & 0x7FFFFFFF, decoded) for word, decoded in struct.iter_unpack("<II", data[:at])]
        for (packed, stored, decoded), (least, most) in zip(entries, ranges):
            need(least <= decoded <= most, "stream-table", "a stream has not the length of its codec")
            need(stored < decoded if packed else stored == decoded, "stream-table", "a stream has a wrong stored length")
        need(at + sum(s for _, s, _ in entries) == len(data) and sum(d for *_, d in entries) == record[2],
             "stream-table", "the streams do not fill the chunk")
        result = []
        for packed, stored, decoded in entries:
            part = data[at:at + stored]
            result.append(unzstd(part, decoded, "stream-compression") if packed else part)
            at += stored
        return result

    def decoded(self, seg):
        """For each chunk: first element, number of elements, places with values (None: all), and values."""
        for i in range(seg.count):
            e, n = seg.grid.chunk(i)
            streams, record = self.streams(seg, i, e, n), self.records[seg.first + i]
            codec, places = VALUE_NAMES[record[5]], None
            if seg.sparse:
                places = decode_places(INDEX_NAMES[record[6]], seg.index_params, seg.shape, e, n, record[4], streams[0])
                yield e, n, places, decode_values(seg, codec, [record[4]], 0, record[4], streams[1:])
            else:
                yield e, n, None, decode_values(seg, codec, seg.shape, e, n, streams)

    def floats(self, seg):
        """As decoded(), with float values."""
        for e, n, places, values in self.decoded(seg):
            yield e, n, places, to_float(values, seg.dtype) if seg.lossless else values

    @np.errstate(all="ignore")
    def refusal(self, tensor):
        """The error for a tensor with an unknown term, after all that can be checked of it."""
        for seg in (s for t in tensor.terms for s in t.segments):
            for _ in (map(self.chunk, [seg] * seg.count, range(seg.count)) if seg.opaque else self.decoded(seg)):
                pass
        return FormatError(tensor.unknown, f"{tensor.name!r} has a term that this reader does not know")

    @np.errstate(all="ignore")
    def content(self, tensor):
        """Canonical bytes of the values of a tensor that is no alias."""
        need(tensor.size() <= MAX_BYTES, "memory", f"{tensor.name!r} is too large")
        raw = self.bits(tensor) if tensor.is_bits else self.sum(tensor)
        if tensor.content is not None:
            need(hashlib.sha256(raw).digest() == tensor.content, "content-id", f"{tensor.name!r} has another content id")
        return raw

    def bits(self, tensor):
        width = BITS[tensor.dtype]
        out = np.zeros(tensor.elements * width // 8, np.uint8)
        for term in tensor.terms:
            for e, n, places, values in self.decoded(term.segments[0]):
                part = out[e * width // 8:(e + n) * width // 8]
                values = np.frombuffer(values, np.uint8)
                if places is None:
                    part[:] = values
                else:
                    part.reshape(n, width // 8)[places] = values.reshape(-1, width // 8)
        return out.tobytes()

    def sum(self, tensor):
        s = np.zeros(tensor.elements, np.float64 if tensor.dtype == "F64" else np.float32)
        for number, term in enumerate(tensor.terms):
            if term.kind == "lowRank":
                s += self.product(term)
                continue
            for e, n, places, values in self.floats(term.segments[0]):
                part = s[e:e + n]
                if term.factor != 1:
                    values = values.astype(s.dtype) * s.dtype.type(term.factor)
                if places is None and number == 0:
                    part[:] = values
                elif places is None:
                    part += values
                elif term.mode == "add":
                    part[places] += values
                else:
                    part[places] = values
        return rounded(s, tensor.dtype, True).tobytes()

    def product(self, term):
        """scale * U * V of all matrices, flat, in float32 and in the order of 5.4."""
        b, m, n, rank = term.sizes
        factors = []
        for seg in term.segments:
            need(math.prod(seg.shape) * 4 <= MAX_BYTES, "memory", "a factor is too large")
            factor = np.zeros(math.prod(seg.shape), np.float32)
            for e, count, _, values in self.floats(seg):
                factor[e:e + count] = values
            factors.append(factor)
        if b * m * n == 0:
            return np.zeros(0, np.float32)
        u, v = factors[0].reshape(b, m, rank), factors[1].reshape(b, rank, n)
        t = np.zeros((b, m, n), np.float32)
        for k in range(rank):
            t += u[:, :, k, None] * v[:, k, None, :]
        return (term.scale * t).reshape(-1)

    def contents(self):
        """(name, tensor, canonical bytes) of all tensors in the order of the catalog; an alias has None.  An
        unknown term is raised behind all others."""
        refused = None
        for name, tensor in self.tensors.items():
            if (tensor.target or tensor).unknown:
                refused = refused or self.refusal(tensor.target or tensor)
            else:
                yield name, tensor, None if tensor.target else self.content(tensor)
        if refused:
            raise refused

    def limited(self, sizes):
        need(sum(sizes) <= MAX_BYTES, "memory", "the values are too large")
        return self

    def attachment(self, name):
        seg = self.attachments[name]
        return b"".join(values for *_, values in self.decoded(seg))


# ---- folders of shards (16) ---------------------------------------------------------------------

def pairs_of_object(pairs):
    result = dict(pairs)
    need(len(result) == len(pairs), "directory.index", "an object of the index has a key twice")
    return result


def find_index(path):
    """The path of the index of a folder."""
    names = sorted(n for n in os.listdir(path) if re.fullmatch(r".+\.sumac\.index(\.[^.]+)?\.json", n))
    need(names, "directory.weights", "the folder has no index of shards")
    for name in ("model.sumac.index.json", *(names if len(names) == 1 else ())):
        if name in names:
            return os.path.join(path, name)
    raise FormatError("directory.weights", f"the folder has several indexes: {', '.join(names)}")


class Folder:
    """A folder of shards: as File, for the tensors of all shards."""

    def __init__(self, path):
        folder = os.path.dirname(path)
        with open(path, "rb") as f:
            text = f.read((1 << 28) + 1)
        need(len(text) <= 1 << 28, "directory.index", "the index is over 256 MiB")
        try:
            self.index = json.loads(text, object_pairs_hook=pairs_of_object)
        except (ValueError, RecursionError) as error:
            raise FormatError("directory.index", f"the index is not JSON: {error}") from None
        names = self.check_index()
        missing = [n for n in names if not os.path.isfile(os.path.join(folder, n))]
        need(not missing, "directory.weights", f"shards are missing: {', '.join(missing)}")
        self.shards = {n: File(os.path.join(folder, n)) for n in names}
        for name, shard in self.shards.items():
            self.check_shard(name, shard)
        self.check_map()
        self.attachments = {}

    def check_index(self):
        index = self.index
        need(type(index) is dict and type(index.get("weight_map")) is dict, "directory.index", "no object 'weight_map'")
        own = index.get("sumac")
        need(type(own) is dict and type(own.get("version")) is int, "directory.index", "no object 'sumac' with a version")
        need(own["version"] == 1, "directory.index", f"version {own['version']} of 'sumac'")
        shards = own.get("shards")
        need(type(shards) is dict, "directory.index", "no object 'shards'")
        for name, shard in shards.items():
            need(name not in ("", ".", "..") and "/" not in name and "\0" not in name and name.endswith(".sumac"),
                 "directory.index", f"{name!r} is not the plain name of a shard")
            need(type(shard) is dict and is_uint(shard.get("bytes")) and type(shard.get("sha256")) is str
                 and re.fullmatch("[0-9a-f]{64}", shard["sha256"]), "directory.index", f"{name!r} has no length and id")
        need(index["weight_map"], "directory.index", "the 'weight_map' is empty")
        need(all(type(n) is str for n in index["weight_map"].values()), "directory.index", "a file that is not a text")
        need(set(index["weight_map"].values()) == set(shards), "directory.index",
             "'weight_map' and 'shards' name different files")
        return sorted(shards, key=str.encode)

    def check_shard(self, name, shard):
        stated = self.index["sumac"]["shards"][name]
        need(len(shard.data) == stated["bytes"] and shard.id == stated["sha256"], "directory.index",
             f"{name!r} is another file than the index states")
        need(not shard.attachments, "directory.index", f"{name!r} has an attachment")

    def check_map(self):
        places = {}
        for file, shard in self.shards.items():
            for name in shard.tensors:
                need(name not in places, "directory.weights", f"{name!r} is in two shards")
                places[name] = file
        need(places == self.index["weight_map"], "directory.index", "'weight_map' and the shards disagree")
        self.tensors = {}
        for name, file in self.index["weight_map"].items():
            tensor = self.shards[file].tensors[name]
            need(not tensor.target or tensor.target.name in self.tensors, "directory.index",
                 f"the alias {name!r} is before its tensor")
            self.tensors[name] = tensor

    def contents(self):
        refused = None
        for name, file in self.index["weight_map"].items():
            shard, tensor = self.shards[file], self.tensors[name]
            if (tensor.target or tensor).unknown:
                refused = refused or shard.refusal(tensor.target or tensor)
            else:
                yield name, tensor, None if tensor.target else shard.content(tensor)
        if refused:
            raise refused

    def limited(self, sizes):
        need(sum(sizes) <= MAX_BYTES, "memory", "the values are too large")
        return self


def opened(path):
    """The File or Folder of a path."""
    if os.path.isdir(path):
        return Folder(find_index(path))
    return Folder(path) if path.endswith(".json") else File(path)


def guarded(function):
    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except MemoryError:
            raise FormatError("memory", "the values do not fit into memory") from None
    return call


@guarded
def read_bytes(path):
    result = {}
    file = opened(path)
    for name, tensor, raw in file.limited(t.size() for t in file.tensors.values()).contents():
        result[name] = result[tensor.target.name] if tensor.target else raw
    return result


@guarded
def read(path):
    result = {}
    file = opened(path)
    for name, tensor, raw in file.limited(t.size() for t in file.tensors.values()).contents():
        result[name] = result[tensor.target.name] if tensor.target else to_array(raw, tensor.dtype, tensor.shape)
    return result


@guarded
def attachments(path):
    file = opened(path)
    file.limited(s.shape[0] for s in file.attachments.values())
    return {name: file.attachment(name) for name in file.attachments}


@guarded
def index(path):
    return opened(path).index


@guarded
def list_tensors(path):
    for name, tensor in opened(path).tensors.items():
        if tensor.target:
            print(f"{name}  alias of {tensor.target.name}")
        else:
            shape = "x".join(map(str, tensor.shape)) or "scalar"
            print(f"{name}  {tensor.dtype}  {shape}  {', '.join(t.text for t in tensor.terms)}")


@guarded
def list_digests(path):
    file, digests, refused = opened(path), {}, None
    try:
        for name, tensor, raw in file.contents():
            digests[name] = digests[tensor.target.name] if tensor.target else hashlib.sha256(raw).hexdigest()
            print(f"{digests[name]}  {name}")
    except FormatError as error:
        if error.code not in ("unknown-term", "unknown-codec"):
            raise
        refused = error
    for name, segment in file.attachments.items():
        file.limited(segment.shape)
        print(f"{hashlib.sha256(file.attachment(name)).hexdigest()}  attachment:{name}")
    if refused:
        raise refused


def main(arguments):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")
    usage = "usage: sumac_reader.py [--digest] PATH"
    if "--help" in arguments or "-h" in arguments:
        print(f"""{usage}

Lists the tensors of a .sumac file or folder of shards with dtype, shape and terms.

  --digest    print the SHA-256 of the values of each tensor and attachment instead
  -h, --help  print this help

Exit status: 0 success, 2 wrong usage, 3 a fault in the file, whose code is printed.""")
        return 0
    digest = arguments[:1] == ["--digest"]
    if len(arguments) != 1 + digest or arguments[-1].startswith("-"):
        print(usage, file=sys.stderr)
        return 2
    try:
        (list_digests if digest else list_tensors)(arguments[-1])
    except FormatError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
