"""The texts of the tokens in Fixtures/models/text, for the scripts of the reproductions."""
import json
import os
import struct

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Fixtures", "models")


def fixture_texts():
    """Yields the name and the text of each tensor of tokens, as bytes. Documents are separated by line feeds."""
    with open(os.path.join(FIXTURES, "base", "tokenizer.json")) as file:
        vocabulary = {i: token for token, i in json.load(file)["model"]["vocab"].items()}
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}
    with open(os.path.join(FIXTURES, "text", "tokens.safetensors"), "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start = file.tell()
        for name in sorted(set(header) - {"__metadata__"}):
            first, end = header[name]["data_offsets"]
            file.seek(start + first)
            ids = struct.unpack(f"<{(end - first) // 4}i", file.read(end - first))
            # 0 and 1 begin and end a document.
            pieces = [vocabulary[i] if i > 1 else "\u010a" for i in ids]
            yield name, bytes(table[c] for piece in pieces for c in piece)
